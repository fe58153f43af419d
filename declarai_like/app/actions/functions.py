"""Functions as actions: the decorators that declare them, and what becomes of them."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast

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
    """A step that is a function of the state: it returns the next state, or a result and the next state."""

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
    def _started(self) -> Callable[..., Any]:
        return functools.partial(self.function, **self.bound) if self.bound else self.function

    def bind(self, **values: Any) -> Self:
        """Give the same action with some of its inputs, or of what it takes otherwise, set."""
        bound = copy.copy(self)
        vars(bound).pop("takes", None)  # it was read without these
        bound.bound = {**self.bound, **values}
        return bound

    def update(self, result: Any, state: State) -> State:
        raise NotImplementedError("a function gives its next state itself")

    def finish(self, given: Any, state: State) -> tuple[Any, State]:
        if is_state(given):
            return {}, given
        if not (isinstance(given, tuple) and len(given) == 2 and is_state(given[1])):  # pyright: ignore[reportUnknownArgumentType]
            raise ActionError(
                f"the action {self.name!r} must return either just the next State or a tuple (result, State); "
                f"it returned {given!r:.200}"
            )
        self.check_result(given[0])
        return cast("tuple[Any, State]", given)

    def check_result(self, result: Any) -> None:
        """Refuse a result of a wrong kind."""
        check_dict(self.name, result)

    def __repr__(self) -> str:
        return f"<action {self._name or self.function.__name__}>"


class FunctionStreamingAction(FunctionAction):
    """A step that is a generator function: it yields items, and at last its result and the next state."""

    streaming = True

    def as_final(self, got: Any, state: State) -> Final | None:
        """Read what the generator yielded or returned as its end, if it is one; ``state`` is what it was given."""
        if isinstance(got, Final):
            return got
        is_end = isinstance(got, tuple) and len(got) == 2 and is_state(got[1])  # pyright: ignore[reportUnknownArgumentType]
        return Final(*cast("tuple[Any, State]", got)) if is_end else None

    def check_item(self, item: Any, index: int) -> None:
        """Refuse an item that is none; the one with this index, from 0.

        Raises:
            ActionError: the message names the action.
        """
        check_item(self.name, item)

    def no_end(self) -> ActionError:
        """Say that the generator has ended without a state."""
        return ActionError(
            f"the streaming action {self.name!r} did not give a state at its end; its last yield, or its return, is "
            f"a result and the next state, as in: {EXAMPLE}"
        )


class ActionFunction(Generic[P, R]):
    """A function that was declared as an action. It can still be called as the function that it is."""

    def __init__(self, function: Callable[P, R], made: FunctionAction) -> None:
        self.action = made
        self._function: Callable[..., R] = function
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._function(*args, **{**self.action.bound, **kwargs})

    def bind(self, **values: Any) -> ActionFunction[..., R]:
        """Give the same action with some of its inputs, or of what it takes otherwise, set."""
        return ActionFunction(self._function, self.action.bind(**values))

    def with_name(self, name: str | None = None) -> Action:
        """Give the action under a name, by default its own."""
        return self.action.with_name(self._function.__name__ if name is None else name)

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self if instance is None else self._function.__get__(instance, owner)

    def __repr__(self) -> str:
        return repr(self.action)


def check(function: Any, kind: type[FunctionAction], reads: Any, writes: Any, tags: Any) -> None:
    """Refuse what cannot be declared as an action of this kind.

    Raises:
        ActionError: the message names it and says why.
    """
    name = getattr(function, "__qualname__", repr(function))
    check_keys(name, reads=reads, writes=writes, tags=tags)
    if not inspect.isfunction(inspect.unwrap(function)):
        raise ActionError(f"{name!r} is no function; derive a class from Action or StreamingAction")
    yields = inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
    if yields and not kind.streaming:
        raise ActionError(f"{name!r} yields, so it is a streaming action: put @streaming_action above it")
    parameters = list(inspect.signature(function).parameters)
    if not parameters:
        raise ActionError(f"{name!r} takes nothing; the first thing that an action takes is the state")
