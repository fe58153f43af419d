"""Applications: state machines whose steps stream. They know flows, and nothing of models."""

from __future__ import annotations

from .actions import Action, Input, Result, StreamingAction
from .application import Application
from .builder import ApplicationBuilder
from .conditions import Condition, default, expr, lmda, when
from .containers import AsyncStreamingResultContainer, StreamingResultContainer
from .context import ApplicationContext
from .functions import action, create_action, streaming_action
from .graph import Graph, GraphBuilder
from .persistence import InMemoryPersister, PostgreSQLPersister, RedisPersister, SQLitePersister
from .results import Final
from .state import State, register_class, register_field_serde
from .timeline import Timeline
from .typed import PydanticTypingSystem

AsyncStreamingAction = StreamingAction
"""The same: whether ``stream_run`` is async is seen from itself."""

__all__ = [
    "Action",
    "Application",
    "ApplicationBuilder",
    "ApplicationContext",
    "AsyncStreamingAction",
    "AsyncStreamingResultContainer",
    "Condition",
    "Final",
    "Graph",
    "GraphBuilder",
    "InMemoryPersister",
    "Input",
    "PostgreSQLPersister",
    "PydanticTypingSystem",
    "RedisPersister",
    "Result",
    "SQLitePersister",
    "State",
    "StreamingAction",
    "StreamingResultContainer",
    "Timeline",
    "action",
    "create_action",
    "default",
    "expr",
    "lmda",
    "register_class",
    "register_field_serde",
    "streaming_action",
    "when",
]
