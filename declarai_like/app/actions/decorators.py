"""The decorators `@action` and `@streaming_action`, and `create_action`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from ..._core.checks import wrong_type, wrong_value
from ...errors import ActionError, DeclaraiError
from .actions import Action, check_action
from .functions import ActionFunction, FunctionAction, FunctionStreamingAction, check_function
from .typed_actions import typed_action, typed_streaming_action

if TYPE_CHECKING:
    from pydantic import BaseModel

P = ParamSpec("P")
R = TypeVar("R")


class _ActionDecorator:
    """The base class of `action` and `streaming_action`, which are instances, so that they can have ``.pydantic``."""

    def __init__(self, kind: type[FunctionAction]) -> None:
        self._kind = kind

    def __call__(
        self, reads: Sequence[str], writes: Sequence[str], tags: Sequence[str] = ()
    ) -> Callable[[Callable[P, R]], ActionFunction[P, R]]:
        """Declare a function as an action.

        Args:
            reads: the keys of the state that it needs.
            writes: the keys of the state that it sets.
            tags: names for a group of actions: ``"@tag:..."`` selects all that have the tag.

        Raises:
            ActionError: it cannot be one; the message gives the reason.
        """

        def decorate(function: Callable[P, R]) -> ActionFunction[P, R]:
            check_function(function, self._kind, reads, writes, tags)
            return ActionFunction(function, self._kind(function, reads, writes, tags))

        return decorate


class _Action(_ActionDecorator):
    @staticmethod
    def pydantic(
        reads: Sequence[str],
        writes: Sequence[str],
        state_input_type: type[BaseModel] | None = None,
        state_output_type: type[BaseModel] | None = None,
        tags: Sequence[str] = (),
    ) -> Callable[[Callable[P, R]], ActionFunction[P, R]]:
        """Declare a function of a pydantic model, which returns a model: the fields are the keys of the state.

        The types are read from the function's annotations if they are not given.

        Raises:
            ActionError: a type is missing, is not a model, or lacks a field for one of the keys; or the function cannot
                be an action.
        """
        return typed_action(reads, writes, state_input_type, state_output_type, tags)


class _StreamingAction(_ActionDecorator):
    @staticmethod
    def pydantic(
        reads: Sequence[str],
        writes: Sequence[str],
        state_input_type: type[BaseModel],
        state_output_type: type[BaseModel],
        stream_type: type[Any],
        tags: Sequence[str] = (),
    ) -> Callable[[Callable[P, R]], ActionFunction[P, R]]:
        """Declare a generator function of a pydantic model, which yields items of ``stream_type``, and then a model.

        Raises:
            ActionError: a type is not a model, or lacks a field for one of the keys; or the function cannot be an
                action.
        """
        return typed_streaming_action(reads, writes, state_input_type, state_output_type, stream_type, tags)


action = _Action(FunctionAction)


streaming_action = _StreamingAction(FunctionStreamingAction)


def create_action(thing: Any, name: str | None = None) -> Action:
    """Return the action for a declared function, an `Action`, or a subclass of it that takes no arguments.

    Raises:
        ActionError: it is something else, or cannot run.
    """
    if isinstance(thing, type) and issubclass(thing, Action):
        thing = _instance(thing, name)
    if isinstance(thing, ActionFunction):
        return thing.with_name(name)
    if not isinstance(thing, Action):
        raise _not_an_action(cast("object", thing), name)
    action = thing if name is None or (thing.has_name and thing.name == name) else thing.with_name(name)
    check_action(action)
    return action


def _not_an_action(thing: object, name: str | None) -> DeclaraiError:
    what = f"the action {name!r}" if name else "an action"
    expected = "a function with @action or @streaming_action, or an Action"
    # The repr of a function has its name, which helps to find a forgotten decorator.
    error = wrong_value if callable(thing) else wrong_type
    return error(what, expected, thing, error=ActionError)


def _instance(cls: type[Action], name: str | None) -> Action:
    what = f"the class {cls.__name__} cannot be {f'the action {name!r}' if name else 'an action'}"
    if missing := sorted(cls.__abstractmethods__):
        raise ActionError(f"{what}: it does not define {', '.join(missing)}")
    try:
        inspect.signature(cls).bind()  # not by calling it: a TypeError raised inside __init__ must not be hidden
    except TypeError as error:
        raise ActionError(f"{what}: {error}; use an instance of it, {cls.__name__}(...)") from None
    return cls()
