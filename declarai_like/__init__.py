"""Plain typed Python functions become LLM tasks, and every answer streams.

import declarai_like as declarai

gpt = declarai.openai("gpt-5.5")

@gpt.task(streaming=True)
def say(movie: str) -> str:
    "Say something short about the movie"
    return declarai.magic(movie)

for chunk in say("Avengers"):
    print(chunk.response)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import errors, experimental, stream, window
from ._calls.watch import Watch
from ._net.timeouts import Timeouts
from ._prompts import magic
from .errors import DeclaraiError
from .messages import LLMResponse, Message, ToolCall, Usage
from .models import Model, azure_openai, chat, model, offline, openai, task
from .stream import Items, Partial, Stream
from .tasks import Task

__version__ = "0.1.0"

__all__ = [
    "Chat",
    "DeclaraiError",
    "Items",
    "LLMResponse",
    "Message",
    "Model",
    "Partial",
    "Stream",
    "Task",
    "Timeouts",
    "ToolCall",
    "Usage",
    "Watch",
    "azure_openai",
    "chat",
    "errors",
    "experimental",
    "magic",
    "memory",
    "model",
    "offline",
    "openai",
    "stream",
    "task",
    "window",
]

if TYPE_CHECKING:
    from . import memory
    from .chats import Chat
else:  # type checkers see the imports above: a module with __getattr__ has every name to them

    def __getattr__(name: str) -> object:
        """Import what few programs need when it is first used, so that importing the package stays fast."""
        if name == "memory":
            from importlib import import_module

            return import_module(".memory", __name__)
        if name == "Chat":
            from .chats import Chat

            return Chat
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return [*__all__, "__version__"]
