"""A decorated class: each instance is a conversation with a model, and remembers it."""

from __future__ import annotations

from .chat import Chat
from .declared import ChatSettings
from .making import make_chat

__all__ = ["Chat", "ChatSettings", "make_chat"]
