"""Actions as functions of a pydantic model, whose fields are keys of the state."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from ..._core import checks
from ...errors import ActionError
from ..state.state import State
from ..state.typed import fields_model, instance_of, is_model, state_of
from .functions import ActionFunction, FunctionAction, FunctionStreamingAction, check_function
from .results import Final

if TYPE_CHECKING:
    from pydantic import BaseModel

P = ParamSpec("P")
R = TypeVar("R")


class _Models:
    """The models of an action's parameter and result, with the fields that it reads and writes.

    Attributes:
        input_model: the model of the parameter, with only those fields.
        output_model: the model of the result.
    """

    def __init__(
        self, function: Any, input_model: Any, output_model: Any, reads: Sequence[str], writes: Sequence[str]
    ) -> None:
        self.name = getattr(function, "__qualname__", repr(function))
        self.reads, self.writes = reads, writes
        for what, model in (("state_input_type", input_model), ("state_output_type", output_model)):
            if not is_model(model):
                raise checks.wrong_type(f"{what} of {self.name!r}", "a pydantic model", model, error=ActionError)
        self.input_model = fields_model(
            input_model, reads, [name for name in writes if name in input_model.model_fields]
        )
        fields_model(output_model, writes)  # only to check that it has these fields
        self.output_model = output_model

    def read(self, state: State) -> Any:
        """Return the model of a state that the action is called with."""
        fields = self.input_model.model_fields
        present = [name for name in (*self.reads, *self.writes) if name in state and name in fields]
        return instance_of(self.input_model, state, present)

    def write(self, model: Any, state: State) -> State:
        """Return the next state, with the fields that the action writes."""
        if not is_model(type(model)):
            what, expected = f"the state that the action {self.name!r} returns", f"a {self.output_model.__name__}"
            raise checks.wrong_type(what, expected, model, error=ActionError)
        return state.update(**state_of(model, self.writes))


class TypedAction(FunctionAction):
    """A function of a model, which returns a model."""

    models: _Models

    def start(self, state: State, inputs: Mapping[str, Any]) -> Any:
        return self._function(self.models.read(state), **inputs)

    def finish(self, returned: Any, state: State) -> tuple[Any, State]:
        result = state_of(returned, self.models.writes) if is_model(type(returned)) else {}
        return result, self.models.write(returned, state)


class TypedStreamingAction(FunctionStreamingAction):
    """A generator function of a model, which yields items of one type, and then a model."""

    models: _Models
    stream_type: Any

    def start(self, state: State, inputs: Mapping[str, Any]) -> Any:
        return self._function(self.models.read(state), **inputs)

    def as_final(self, value: Any, state: State) -> Final | None:
        """Return the end that the generator has yielded or returned: a tuple of a result and a model."""
        if isinstance(value, Final):
            return Final(value.result, self.models.write(value.state, state))
        pair: Any = value if isinstance(value, tuple) else ()  # pyright: ignore[reportUnknownVariableType]
        if len(pair) == 2 and is_model(type(pair[1])):
            return Final(pair[0], self.models.write(pair[1], state))
        return None

    def check_item(self, item: Any, index: int) -> None:
        """Check an item; ``index`` is its number, from 0.

        Raises:
            ActionError: it has another type; the message has its index.
        """
        self._check_type(f"item {index} of the streaming action {self.name!r}", item)

    def check_result(self, result: Any) -> None:
        self._check_type(f"the result of the action {self.name!r}", result)

    def _check_type(self, what: str, value: Any) -> None:
        if not isinstance(value, self.stream_type):
            raise checks.wrong_type(what, f"a {self.stream_type.__name__}", value, error=ActionError)


def typed_action(
    reads: Sequence[str],
    writes: Sequence[str],
    state_input_type: type[BaseModel] | None,
    state_output_type: type[BaseModel] | None,
    tags: Sequence[str],
) -> Callable[[Callable[P, R]], ActionFunction[P, R]]:
    if (state_input_type is None) != (state_output_type is None):
        raise ActionError("state_input_type and state_output_type must be set together, or not at all")

    def decorate(function: Callable[P, R]) -> ActionFunction[P, R]:
        check_function(function, TypedAction, reads, writes, tags)
        input_model, output_model = state_input_type, state_output_type
        if input_model is None:
            input_model, output_model = _annotated(function)
        action = TypedAction(function, reads, writes, tags)
        action.models = _Models(function, input_model, output_model, reads, writes)
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
    checks.instance("stream_type", stream_type, type, "a class, such as a pydantic model or dict", error=ActionError)

    def decorate(function: Callable[P, R]) -> ActionFunction[P, R]:
        check_function(function, TypedStreamingAction, reads, writes, tags)
        action = TypedStreamingAction(function, reads, writes, tags)
        action.models = _Models(function, state_input_type, state_output_type, reads, writes)
        action.stream_type = stream_type
        return ActionFunction(function, action)

    return decorate


def _annotated(function: Callable[..., Any]) -> tuple[Any, Any]:
    """Return the annotated types of the first parameter and of the result."""
    import inspect

    name = function.__qualname__
    try:
        hints = typing.get_type_hints(function)
    except NameError as error:
        raise ActionError(
            f"the annotations of {name!r} cannot be resolved ({error}); set state_input_type and state_output_type"
        ) from None
    first = next(iter(inspect.signature(function).parameters))
    if first not in hints or "return" not in hints:
        raise ActionError(
            f"{name!r} must have annotations for its state and its result; add both, or set state_input_type and "
            "state_output_type"
        )
    return hints[first], hints["return"]
