"""What an action can know of the application that runs it."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .application import Application


class ApplicationContext(NamedTuple):
    """Where an action runs. An action with a parameter ``__context`` is given it; `get` finds it from anywhere inside.

    Attributes:
        app_id: the application.
        partition_key: whose it is.
        sequence_id: the number of the step, from 0.
        action_name: the action.
        application: the application itself; it cannot be run from inside one of its actions.
    """

    app_id: str
    partition_key: str
    sequence_id: int
    action_name: str
    application: Application

    @staticmethod
    def get() -> ApplicationContext | None:
        """Give the context of the action that runs; None outside of actions."""
        return CURRENT.get()


CURRENT: ContextVar[ApplicationContext | None] = ContextVar("declarai_like.application", default=None)
"""The context of the action that runs. It is set while the action's own code runs, and at no other time."""
