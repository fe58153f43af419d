"""Chats: a decorated class, whose instances are conversations with a model that are remembered.

chat.py          `Chat`, the methods of an instance, and `make_chat`, which derives a chat class from a plain one
definition.py    `ChatDefinition`, one per class: its templates (`_prompts.ChatPrompt`), answer type and settings
runtime.py       `ChatRuntime`, one per instance (`runtime_of(chat)`): its values and texts, which fill the templates
conversation.py  `Conversation`, one per runtime: the flows that load, send and remember messages, one at a time
_calls/runner.py `CallRunner`, one per runtime: runs such a flow, and returns a value, an awaitable or a stream
"""

from __future__ import annotations

from .chat import Chat, make_chat, runtime_of
from .definition import ChatDeclaration

__all__ = ["Chat", "ChatDeclaration", "make_chat", "runtime_of"]
