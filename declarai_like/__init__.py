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

from . import errors as errors
from .errors import DeclaraiError as DeclaraiError
from .messages import LLMResponse as LLMResponse
from .messages import Message as Message
from .messages import Usage as Usage
from .model import Model as Model
from .model import azure_openai as azure_openai
from .model import model as model
from .model import offline as offline
from .model import openai as openai
from .model import task as task
from .prompt import magic as magic
from .stream import Stream as Stream
from .task import Task as Task
from .transport import Timeouts as Timeouts

__version__ = "0.1.0"
