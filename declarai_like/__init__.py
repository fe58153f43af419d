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

from . import errors as errors
from . import experimental as experimental
from . import stream as stream
from . import window as window
from .errors import DeclaraiError as DeclaraiError
from .factories import azure_openai as azure_openai
from .factories import chat as chat
from .factories import model as model
from .factories import offline as offline
from .factories import openai as openai
from .factories import task as task
from .messages import LLMResponse as LLMResponse
from .messages import Message as Message
from .messages import ToolCall as ToolCall
from .messages import Usage as Usage
from .models import Model as Model
from .prompt import magic as magic
from .stream import Items as Items
from .stream import Partial as Partial
from .stream import Stream as Stream
from .tasks import Task as Task
from .transport import Timeouts as Timeouts
from .watch import Watch as Watch

__version__ = "0.1.0"

if TYPE_CHECKING:
    from . import memory as memory
    from .chats import Chat as Chat
else:

    def __getattr__(name: str) -> object:
        """Give what is imported when it is first used, so that importing the package stays fast."""
        if name == "memory":
            from importlib import import_module

            return import_module(".memory", __name__)
        if name == "Chat":
            from .chats import Chat

            return Chat
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), "memory", "Chat"})
