"""A decorated class: each instance is a conversation with a model, and remembers it."""

from __future__ import annotations

from .chat import Chat, runtime_of
from .declared import ChatDeclaration
from .making import make_chat

__all__ = ["Chat", "ChatDeclaration", "make_chat", "runtime_of"]
