"""Actions as functions, plain and streaming."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast

from ..._core.checks import type_name, wrong_type
from ...errors import ActionError
from ..state.state import State
from .actions import Action, check_keys
from .inputs import Inputs
from .results import EXAMPLE, Final, check_dict, check_item, is_state

if TYPE_CHECKING:
    from typing import Self


P = ParamSpec("P")
R = TypeVar("R")


class FunctionAction(Action):
    """A step as a function of the state, which returns the next state, or a result and the next state."""

    def __init__(
        self, function: Callable[..., Any], reads: Sequence[str], writes: Sequence[str], tags: Sequence[str]
    ) -> None:
        self.function = function
        self.bound: dict[str, Any] = {}
        self._reads, self._writes, self._tags = list(reads), list(writes), list(tags)

    @property
    def reads(self) -> Sequence[str]:
        return self._reads

    @property
    def writes(self) -> Sequence[str]:
        return self._writes

    @property
    def tags(self) -> Sequence[str]:
        return self._tags

    @property
    def _parameters(self) -> Inputs:
        return Inputs.of(self.function, self.bound, skip=1)

    @functools.cached_property
    def is_async(self) -> bool:
        return inspect.iscoroutinefunction(self.function) or inspect.isasyncgenfunction(self.function)

    @property
    def _function(self) -> Callable[..., Any]:
        return functools.partial(self.function, **self.bound) if self.bound else self.function

    def bind(self, **values: Any) -> Self:
        """Return the same action with values for some of its parameters."""
        bound = copy.copy(self)
        vars(bound).pop("takes", None)  # the cached inputs are those without these values
        bound.bound = {**self.bound, **values}
        return bound

    def update(self, result: Any, state: State) -> State:
        raise NotImplementedError("a function returns its next state itself")

    def finish(self, returned: Any, state: State) -> tuple[Any, State]:
        if is_state(returned):
            return {}, returned
        if not (isinstance(returned, tuple) and len(returned) == 2 and is_state(returned[1])):  # pyright: ignore[reportUnknownArgumentType]
            raise self._wrong_return(returned)
        self.check_result(returned[0])
        return cast("tuple[Any, State]", returned)

    def _wrong_return(self, returned: Any) -> ActionError:
        values: Any = returned if isinstance(returned, tuple) else None  # pyright: ignore[reportUnknownVariableType]
        got = (
            f"a tuple ({', '.join(map(type_name, values))})"
            if values is not None
            else type_name(cast("object", returned))
        )
        return ActionError(f"the action {self.name!r} must return the next State or a tuple (result, State), got {got}")

    def check_result(self, result: Any) -> None:
        """Raise an ActionError if the result has a wrong type."""
        check_dict(self.name, result)

    def __repr__(self) -> str:
        return f"<action {self._name or self.function.__name__}>"


class FunctionStreamingAction(FunctionAction):
    """A step as a generator function, which yields items, and then its result and the next state."""

    streaming = True

    def as_final(self, value: Any, state: State) -> Final | None:
        """Return the end that the generator has yielded or returned; None if the value is not an end.

        Args:
            value: the yielded or returned value.
            state: the state that the action was called with.
        """
        if isinstance(value, Final):
            return value
        is_end = isinstance(value, tuple) and len(value) == 2 and is_state(value[1])  # pyright: ignore[reportUnknownArgumentType]
        return Final(*cast("tuple[Any, State]", value)) if is_end else None

    def check_item(self, item: Any, index: int) -> None:
        """Check an item; ``index`` is its number, from 0.

        Raises:
            ActionError: the value cannot be an item; the message names the action.
        """
        check_item(self.name, item)

    def missing_end(self) -> ActionError:
        """Return the error for a generator that has ended without a state."""
        return ActionError(
            f"the streaming action {self.name!r} ended without a state; it must yield or return a result and the next "
            f"state at its end, for instance: {EXAMPLE}"
        )


class ActionFunction(Generic[P, R]):
    """A function declared as an action, which can still be called as a function."""

    def __init__(self, function: Callable[P, R], action: FunctionAction) -> None:
        self.action = action
        self._function: Callable[..., R] = function
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._function(*args, **{**self.action.bound, **kwargs})

    def bind(self, **values: Any) -> ActionFunction[..., R]:
        """Return the same action with values for some of its parameters."""
        return ActionFunction(self._function, self.action.bind(**values))

    def with_name(self, name: str | None = None) -> Action:
        """Return the action under a name, by default that of the function."""
        return self.action.with_name(self._function.__name__ if name is None else name)

    # Without this, a decorated function in a class would not be bound to the instance.
    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self if instance is None else self._function.__get__(instance, owner)

    def __repr__(self) -> str:
        return repr(self.action)


def check_function(function: Any, kind: type[FunctionAction], reads: Any, writes: Any, tags: Any) -> None:
    """Check that a function can be declared as an action of this kind.

    Raises:
        ActionError: it cannot; the message names it and gives the reason.
    """
    name = getattr(function, "__qualname__", repr(function))
    check_keys(name, reads=reads, writes=writes, tags=tags)
    if not inspect.isfunction(inspect.unwrap(function)):
        hint = "derive a class from Action or StreamingAction"
        raise wrong_type("a decorated action", "a function", function, hint, error=ActionError)
    yields = inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
    if yields and not kind.streaming:
        raise ActionError(f"{name!r} is a generator function; declare it with @streaming_action")
    parameters = list(inspect.signature(function).parameters)
    if not parameters:
        raise ActionError(f"{name!r} must have a first parameter, which is the state")
