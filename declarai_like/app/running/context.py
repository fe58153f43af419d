"""The context of an action: which application runs it, and at which step."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from ..actions.actions import Action
    from ..graph import Graph
    from ..state.state import State


class RunningApplication(Protocol):
    """The application that runs an action, as the action sees it.

    Attributes:
        graph: its actions and transitions.
        uid: its id, the same as ``app_id``.
        partition_key: the key of its owner.
        sequence_id: the number of steps taken, which is the number of the next step.
    """

    graph: Graph
    uid: str
    partition_key: str
    sequence_id: int

    @property
    def app_id(self) -> str:
        """The id of the application."""
        ...

    @property
    def entrypoint(self) -> str:
        """The name of the action that runs first."""
        ...

    @property
    def prior_step(self) -> str | None:
        """The name of the action that ran last; None before the first one."""
        ...

    @property
    def state(self) -> State:
        """The state after the last completed step."""
        ...

    def get_next_action(self) -> Action | None:
        """Return the action that runs next; None at the end."""
        ...

    def has_next_action(self) -> bool:
        """True if another action follows."""
        ...


class ApplicationContext(NamedTuple):
    """The application and the step in which an action runs.

    It is passed to an action that has a parameter ``__context``. `get` returns it anywhere in the action's code.

    Attributes:
        app_id: the id of the application.
        partition_key: the key of its owner.
        sequence_id: the number of the step, from 0.
        action_name: the name of the action.
        application: the application itself; its actions cannot run it.
    """

    app_id: str
    partition_key: str
    sequence_id: int
    action_name: str
    application: RunningApplication

    @staticmethod
    def get() -> ApplicationContext | None:
        """Return the context of the running action; None outside of actions."""
        return CURRENT.get()


CURRENT: ContextVar[ApplicationContext | None] = ContextVar("declarai_like.application", default=None)
"""The context of the running action. It is set only while the action's own code runs."""
