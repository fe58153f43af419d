"""The decorators `@action` and `@streaming_action`, and `create_action`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from ...errors import ActionError
from .actions import Action, check_action
from .functions import ActionFunction, FunctionAction, FunctionStreamingAction, check
from .typed_actions import typed_action, typed_streaming_action

if TYPE_CHECKING:
    from pydantic import BaseModel

P = ParamSpec("P")
R = TypeVar("R")


class _Declare:
    """The decorators of functions."""

    def __init__(self, kind: type[FunctionAction]) -> None:
        self._kind = kind

    def __call__(
        self, reads: Sequence[str], writes: Sequence[str], tags: Sequence[str] = ()
    ) -> Callable[[Callable[P, R]], ActionFunction[P, R]]:
        """Declare a function as an action.

        Args:
            reads: the keys of the state that it needs.
            writes: the keys of the state that it makes.
            tags: other names, under which several actions can be meant at once.

        Raises:
            ActionError: it is none; the message says why.
        """

        def decorate(function: Callable[P, R]) -> ActionFunction[P, R]:
            check(function, self._kind, reads, writes, tags)
            return ActionFunction(function, self._kind(function, reads, writes, tags))

        return decorate


class _Action(_Declare):
    @staticmethod
    def pydantic(
        reads: Sequence[str],
        writes: Sequence[str],
        state_input_type: type[BaseModel] | None = None,
        state_output_type: type[BaseModel] | None = None,
        tags: Sequence[str] = (),
    ) -> Callable[[Callable[P, R]], ActionFunction[P, R]]:
        """Declare a function of a model, which gives a model: its fields are the state's keys.

        The types are those of the function's annotations where they are not given.

        Raises:
            ActionError: a type is missing, is no model, or has no field for one of the keys; or the function can be no
                action.
        """
        return typed_action(reads, writes, state_input_type, state_output_type, tags)


class _StreamingAction(_Declare):
    @staticmethod
    def pydantic(
        reads: Sequence[str],
        writes: Sequence[str],
        state_input_type: type[BaseModel],
        state_output_type: type[BaseModel],
        stream_type: type[Any],
        tags: Sequence[str] = (),
    ) -> Callable[[Callable[P, R]], ActionFunction[P, R]]:
        """Declare a generator function of a model, which yields items of ``stream_type``, and at last a model.

        Raises:
            ActionError: a type is no model, or has no field for one of the keys; or the function can be no action.
        """
        return typed_streaming_action(reads, writes, state_input_type, state_output_type, stream_type, tags)


action = _Action(FunctionAction)


streaming_action = _StreamingAction(FunctionStreamingAction)


def create_action(thing: Any, name: str | None = None) -> Action:
    """Make the action of a declared function, a class's instance, or a class that needs no arguments.

    Raises:
        ActionError: it is none of these, or cannot run.
    """
    if isinstance(thing, type) and issubclass(thing, Action):
        thing = _instance(thing, name)
    if isinstance(thing, ActionFunction):
        return thing.with_name(name)
    if not isinstance(thing, Action):
        raise ActionError(
            f"{thing!r} is not a valid action: it is neither a function with @action or @streaming_action above it, "
            "nor an Action"
        )
    made = thing if name is None or (thing.has_name and thing.name == name) else thing.with_name(name)
    check_action(made)
    return made


def _instance(cls: type[Action], name: str | None) -> Action:
    what = f"the class {cls.__name__} cannot become {f'the action {name!r}' if name else 'an action'}"
    if missing := sorted(cls.__abstractmethods__):
        raise ActionError(f"{what}: it does not define {', '.join(missing)}")
    try:
        inspect.signature(cls).bind()
    except TypeError as error:
        raise ActionError(f"{what}: {error}; give an instance of it, {cls.__name__}(...)") from None
    return cls()
