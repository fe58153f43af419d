"""Actions that see the state as a pydantic model, and give one."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from ...errors import ActionError
from ..state.state import State
from ..state.typed import fields_model, instance_of, is_model, state_of
from .functions import ActionFunction, FunctionAction, FunctionStreamingAction, check
from .results import Final

if TYPE_CHECKING:
    from pydantic import BaseModel

P = ParamSpec("P")
R = TypeVar("R")


class _Models:
    """The models that an action is given and gives: those fields of them that it reads and writes."""

    def __init__(self, function: Any, given: Any, made: Any, reads: Sequence[str], writes: Sequence[str]) -> None:
        self.name = getattr(function, "__qualname__", repr(function))
        self.reads, self.writes = reads, writes
        for what, model in (("state_input_type", given), ("state_output_type", made)):
            if not is_model(model):
                raise ActionError(f"{what} of {self.name!r} is {model!r}; it is a pydantic model")
        self.given = fields_model(given, reads, [name for name in writes if name in given.model_fields])
        fields_model(made, writes)  # which refuses keys that it does not have
        self.made = made

    def read(self, state: State) -> Any:
        """Give the model of a state, as the action reads it."""
        present = [name for name in (*self.reads, *self.writes) if name in state and name in self.given.model_fields]
        return instance_of(self.given, state, present)

    def write(self, model: Any, state: State) -> State:
        """Give the next state: with the fields that the action writes."""
        if not is_model(type(model)):
            raise ActionError(f"the action {self.name!r} gave {model!r:.200}; it gives a {self.made.__name__}")
        return state.update(**state_of(model, self.writes))


class TypedAction(FunctionAction):
    """A function of a model, which gives a model."""

    models: _Models

    def start(self, state: State, inputs: Mapping[str, Any]) -> Any:
        return self._started(self.models.read(state), **inputs)

    def finish(self, given: Any, state: State) -> tuple[Any, State]:
        return state_of(given, self.models.writes) if is_model(type(given)) else {}, self.models.write(given, state)


class TypedStreamingAction(FunctionStreamingAction):
    """A generator function of a model, which yields items of one type, and at last a model."""

    models: _Models
    stream_type: Any

    def start(self, state: State, inputs: Mapping[str, Any]) -> Any:
        return self._started(self.models.read(state), **inputs)

    def as_final(self, got: Any, state: State) -> Final | None:
        """Read what may be the end: a tuple whose second part is a model."""
        if isinstance(got, Final):
            return Final(got.result, self.models.write(got.state, state))
        pair: Any = got if isinstance(got, tuple) else ()  # pyright: ignore[reportUnknownVariableType]
        if len(pair) == 2 and is_model(type(pair[1])):
            return Final(pair[0], self.models.write(pair[1], state))
        return None

    def check_item(self, item: Any, index: int) -> None:
        """Refuse an item of another type.

        Raises:
            ActionError: it is one; the message has its index.
        """
        if not isinstance(item, self.stream_type):
            raise ActionError(
                f"item {index} of the streaming action {self.name!r} is of type {type(item).__name__}, not "
                f"{self.stream_type.__name__}: {item!r:.200}"
            )

    def check_result(self, result: Any) -> None:
        if not isinstance(result, self.stream_type):
            raise ActionError(
                f"the action {self.name!r} returned a non-{self.stream_type.__name__} result: {result!r:.200}"
            )


def typed_action(
    reads: Sequence[str],
    writes: Sequence[str],
    state_input_type: type[BaseModel] | None,
    state_output_type: type[BaseModel] | None,
    tags: Sequence[str],
) -> Callable[[Callable[P, R]], ActionFunction[P, R]]:
    if (state_input_type is None) != (state_output_type is None):
        raise ActionError("state_input_type and state_output_type are given together, or not at all")

    def decorate(function: Callable[P, R]) -> ActionFunction[P, R]:
        check(function, TypedAction, reads, writes, tags)
        given, made = state_input_type, state_output_type
        if given is None:
            given, made = _annotated(function)
        action = TypedAction(function, reads, writes, tags)
        action.models = _Models(function, given, made, reads, writes)
        return ActionFunction(function, action)

    return decorate


def typed_streaming_action(
    reads: Sequence[str],
    writes: Sequence[str],
    state_input_type: type[BaseModel],
    state_output_type: type[BaseModel],
    stream_type: type[Any],
    tags: Sequence[str],
) -> Callable[[Callable[P, R]], ActionFunction[P, R]]:
    if not isinstance(stream_type, type):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ActionError(f"stream_type is {stream_type!r}; it is a class: a pydantic model, or dict")

    def decorate(function: Callable[P, R]) -> ActionFunction[P, R]:
        check(function, TypedStreamingAction, reads, writes, tags)
        action = TypedStreamingAction(function, reads, writes, tags)
        action.models = _Models(function, state_input_type, state_output_type, reads, writes)
        action.stream_type = stream_type
        return ActionFunction(function, action)

    return decorate


def _annotated(function: Callable[..., Any]) -> tuple[Any, Any]:
    """Give the types of the first parameter and of the return."""
    import inspect

    name = function.__qualname__
    try:
        hints = typing.get_type_hints(function)
    except NameError as error:
        raise ActionError(
            f"the types of {name!r} cannot be resolved ({error}); give state_input_type and state_output_type"
        ) from None
    first = next(iter(inspect.signature(function).parameters))
    if first not in hints or "return" not in hints:
        raise ActionError(
            f"{name!r} does not say the types of its state and its return; annotate both, or give state_input_type "
            "and state_output_type"
        )
    return hints[first], hints["return"]
