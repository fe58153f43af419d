"""Language models: functions that return one, and its decorators for tasks and chats."""

from __future__ import annotations

from .._llm.llm import LLM as LLM
from .._llm.transport import Connection as Connection
from .._llm.transport import Transport as Transport
from .._llm.transport.inprocess import InProcessTransport as InProcessTransport
from .factories import azure_openai as azure_openai
from .factories import chat as chat
from .factories import model as model
from .factories import offline as offline
from .factories import openai as openai
from .factories import task as task
from .models import Model as Model
