"""Applications: state machines whose steps may stream. This package does not depend on models.

* ``actions``: what runs in a step, declared as functions or classes, with their inputs and results.
* ``state``: the immutable values between steps, as JSON, and as pydantic models.
* ``conditions``: when a transition is taken: comparisons, expressions and functions of the state.
* ``running``: the flows that run steps, stream their items, and halt. ``hooks``: the receivers of their events.
* ``persistence``: where states are saved. ``drawing``: graphs as Mermaid text, SVG and PNG.
"""

from __future__ import annotations

from .actions.actions import Action, Input, Result, StreamingAction
from .actions.decorators import action, create_action, streaming_action
from .actions.results import Final
from .application import Application
from .builder import ApplicationBuilder
from .conditions.conditions import Condition, default, expr, lmda, when
from .graph import Graph, GraphBuilder
from .hooks.timeline import Timeline
from .persistence import InMemoryPersister, PostgreSQLPersister, RedisPersister, SQLitePersister
from .running.containers import AsyncStreamingResultContainer, StreamingResultContainer
from .running.context import ApplicationContext
from .state.serde import Serde
from .state.state import State, register_class, register_field_serde
from .state.typed import PydanticTypingSystem

AsyncStreamingAction = StreamingAction
"""Another name of `StreamingAction`, whose ``stream_run`` may be sync or async."""

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
    "Serde",
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
