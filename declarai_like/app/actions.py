"""Actions: the steps of an application. Each reads some of the state, and writes some."""

from __future__ import annotations

import copy
import functools
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeGuard, TypeVar, cast

from ..errors import ActionError, MissingInputs
from .state import State

if TYPE_CHECKING:
    from typing import Self

    from pydantic import BaseModel

F = TypeVar("F", bound=Callable[..., Any])

_NO_ITEMS = (str, bytes, bytearray, int, float, complex, bool, type(None), list, set, frozenset, State)
_EXAMPLE = "yield {'answer': text}, state.update(answer=text)"


@dataclass(frozen=True, slots=True)
class Final:
    """The end of a streaming action: its result, and, of a function, the state after it.

    A class whose ``stream_run`` gives one need not wait for the item that comes after an item to hand it out.
    """

    result: Any
    state: State | None = None


@dataclass(frozen=True, slots=True)
class Inputs:
    """What an action takes beside the state.

    Attributes:
        required: names without a default.
        optional: names with one.
        context: the parameter that gets the `ApplicationContext`, if there is one.
        takes_all: whether it takes any other input as well (``**run_kwargs``).
    """

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    context: str | None = None
    takes_all: bool = False

    @classmethod
    def of(cls, function: Callable[..., Any], bound: Mapping[str, Any], *, skip: int) -> Inputs:
        """Read a function's parameters after the first ones; those that are bound are no inputs."""
        required: list[str] = []
        optional: list[str] = []
        context, takes_all = None, False
        for place, (name, parameter) in enumerate(inspect.signature(function).parameters.items()):
            if parameter.kind is parameter.VAR_KEYWORD:
                takes_all = True
            elif place < skip or name in bound or parameter.kind is parameter.VAR_POSITIONAL:
                continue
            elif _is_context(name):
                context = name
            elif parameter.default is parameter.empty:
                required.append(name)
            else:
                optional.append(name)
        return cls(tuple(required), tuple(optional), context, takes_all)

    def choose(self, name: str, given: Mapping[str, Any], context: Any) -> dict[str, Any]:
        """Choose, of the inputs of a call, those of the action of this name.

        Raises:
            MissingInputs: some are missing.
        """
        if missing := [each for each in self.required if each not in given]:
            listed = ", ".join(map(repr, missing))
            raise MissingInputs(
                f"the action {name!r} is missing required inputs: {listed}; give them with "
                f"inputs={{{', '.join(f'{each!r}: ...' for each in missing)}}}, or bind them: .bind({missing[0]}=...)"
            )
        chosen = dict(given) if self.takes_all else {each: given[each] for each in given if each in self}
        if self.context is not None:
            chosen[self.context] = context
        return chosen

    def __contains__(self, name: object) -> bool:
        return name in self.required or name in self.optional


def _is_context(name: str) -> bool:
    """Whether a parameter is ``__context``, which Python renames inside of classes."""
    return name == "__context" or (name.startswith("_") and name.endswith("__context"))


class Action(ABC):
    """A step, as a class: ``run`` works a result out, ``update`` makes the next state of it.

    ``reads`` and ``writes`` name the keys of the state that it needs and makes; attributes do as well as
    properties. ``run`` may be async. What it takes beside the state are its inputs.
    """

    streaming = False
    """Whether it gives items before its result."""

    _name: str | None = None

    @property
    @abstractmethod
    def reads(self) -> Sequence[str]:
        """The keys of the state that it needs."""

    @property
    @abstractmethod
    def writes(self) -> Sequence[str]:
        """The keys of the state that it makes."""

    def run(self, state: State, **run_kwargs: Any) -> Any:
        """Give the result, a dict."""
        raise NotImplementedError

    @abstractmethod
    def update(self, result: Any, state: State) -> State:
        """Give the next state."""

    @property
    def tags(self) -> Sequence[str]:
        """Other names, under which several actions can be meant at once: ``"@tag:..."``."""
        return ()

    @property
    def name(self) -> str:
        """What it is called in its application.

        Raises:
            ActionError: it has no name yet.
        """
        if self._name is None:
            raise ActionError(f"{type(self).__name__} has no name yet; with_actions(name=...) gives it one")
        return self._name

    @property
    def has_name(self) -> bool:
        return self._name is not None

    def with_name(self, name: str) -> Self:
        """Give the same action under a name.

        Raises:
            ActionError: it has one already.
        """
        if self._name is not None:
            raise ActionError(f"the action {self._name!r} has a name already, so it cannot become {name!r}")
        named = copy.copy(self)
        named._name = name  # noqa: SLF001  (its own class)
        return named

    @property
    def inputs(self) -> tuple[Sequence[str], Sequence[str]] | Sequence[str]:
        """What it takes beside the state: names, or a tuple of names that are required and of those that are optional.

        By default what the signature says.
        """
        found = self._parameters
        return list(found.required), list(found.optional)

    @functools.cached_property
    def takes(self) -> Inputs:
        """What `inputs` says, in one form."""
        said, read = self.inputs, self._parameters
        required, optional = said if isinstance(said, tuple) else (said, ())
        is_as_read = [*required] == [*read.required] and [*optional] == [*read.optional]
        return read if is_as_read else Inputs(tuple(required), tuple(optional), read.context)

    @property
    def _parameters(self) -> Inputs:
        return Inputs.of(self._started, {}, skip=1)

    @functools.cached_property
    def is_async(self) -> bool:
        """Whether it runs in an event loop only."""
        return inspect.iscoroutinefunction(self._started)

    @property
    def _started(self) -> Callable[..., Any]:
        """What is called to run it."""
        return self.run

    def start(self, state: State, inputs: Mapping[str, Any]) -> Any:
        """Call it: gives a result, an awaitable of one, or, if it is streaming, a generator."""
        return self._started(state, **inputs)

    def finish(self, given: Any, state: State) -> tuple[Any, State]:
        """Give the result and the next state of what a call has given.

        Raises:
            ActionError: it is of no form that is understood.
        """
        check_dict(self.name, given)
        return given, self._updated(given, state)

    def _updated(self, result: Any, state: State) -> State:
        new: Any = self.update(result, state)
        if not is_state(new):
            raise ActionError(f"update of the action {self.name!r} returned {new!r:.200}; it returns a State")
        return new

    def __repr__(self) -> str:
        return f"<action {self._name or type(self).__name__}>"


class StreamingAction(Action):
    """A step that gives items while it works its result out: ``stream_run`` yields them, sync or async.

    The result is what it returns, or what it yields as ``Final(result)``, or, in older code, the last item that
    it yields. In the last case each item is held back until the next one is there, as it may be the last.
    """

    streaming = True

    @abstractmethod
    def stream_run(self, state: State, **run_kwargs: Any) -> Any:
        """Yield items, and give the result, a dict."""

    @functools.cached_property
    def is_async(self) -> bool:
        return inspect.isasyncgenfunction(self.stream_run) or inspect.iscoroutinefunction(self.stream_run)

    @property
    def _started(self) -> Callable[..., Any]:
        return self.stream_run

    def check_item(self, item: Any, index: int) -> None:
        """Refuse an item that is none; the one with this index, from 0.

        Raises:
            ActionError: the message names the action.
        """
        check_item(self.name, item)

    @functools.cached_property
    def ends_explicitly(self) -> bool:
        """Whether the end of the stream can be told from its items: it is returned, or is a `Final`."""
        return _returns_value(self.stream_run) or "Final" in _names(self.stream_run)


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
            f"a result and the next state, as in: {_EXAMPLE}"
        )


class ActionFunction(Generic[F]):
    """A function that was declared as an action. It can still be called as the function that it is."""

    def __init__(self, function: F, made: FunctionAction) -> None:
        self.action = made
        self._function = function
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(*args, **{**self.action.bound, **kwargs})

    def bind(self, **values: Any) -> ActionFunction[F]:
        """Give the same action with some of its inputs, or of what it takes otherwise, set."""
        return ActionFunction(self._function, self.action.bind(**values))

    def with_name(self, name: str | None = None) -> Action:
        """Give the action under a name, by default its own."""
        return self.action.with_name(self._function.__name__ if name is None else name)

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self if instance is None else self._function.__get__(instance, owner)

    def __repr__(self) -> str:
        return repr(self.action)


class _Declare:
    """The decorators of functions."""

    def __init__(self, kind: type[FunctionAction]) -> None:
        self._kind = kind

    def __call__(
        self, reads: Sequence[str], writes: Sequence[str], tags: Sequence[str] = ()
    ) -> Callable[[F], ActionFunction[F]]:
        """Declare a function as an action.

        Args:
            reads: the keys of the state that it needs.
            writes: the keys of the state that it makes.
            tags: other names, under which several actions can be meant at once.

        Raises:
            ActionError: it is none; the message says why.
        """

        def decorate(function: F) -> ActionFunction[F]:
            check(function, self._kind, reads, writes)
            return ActionFunction(function, self._kind(function, reads, writes, tags))

        return decorate


def check(function: Any, kind: type[FunctionAction], reads: Any, writes: Any) -> None:
    """Refuse what cannot be declared as an action of this kind.

    Raises:
        ActionError: the message names it and says why.
    """
    name = getattr(function, "__qualname__", repr(function))
    for what, keys in (("reads", reads), ("writes", writes)):
        if isinstance(keys, str):
            raise ActionError(f"{what} of {name!r} is the str {keys!r}; it is a list of keys: [{keys!r}]")
    if not inspect.isfunction(inspect.unwrap(function)):
        raise ActionError(f"{name!r} is no function; derive a class from Action or StreamingAction")
    yields = inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
    if yields and not kind.streaming:
        raise ActionError(f"{name!r} yields, so it is a streaming action: put @streaming_action above it")
    parameters = list(inspect.signature(function).parameters)
    if not parameters:
        raise ActionError(f"{name!r} takes nothing; the first thing that an action takes is the state")


class _Action(_Declare):
    @staticmethod
    def pydantic(
        reads: Sequence[str],
        writes: Sequence[str],
        state_input_type: type[BaseModel] | None = None,
        state_output_type: type[BaseModel] | None = None,
        tags: Sequence[str] = (),
    ) -> Callable[[F], ActionFunction[F]]:
        """Declare a function of a model, which gives a model: its fields are the state's keys.

        The types are those of the function's annotations where they are not given.

        Raises:
            ActionError: a type is missing, or has no field for one of the keys.
        """
        from .typed_actions import typed_action

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
    ) -> Callable[[F], ActionFunction[F]]:
        """Declare a generator function of a model, which yields items of ``stream_type``, and at last a model.

        Raises:
            ActionError: a type is missing, or has no field for one of the keys.
        """
        from .typed_actions import typed_streaming_action

        return typed_streaming_action(reads, writes, state_input_type, state_output_type, stream_type, tags)


action = _Action(FunctionAction)
streaming_action = _StreamingAction(FunctionStreamingAction)


class Result(Action):
    """A step that gives some keys of the state as its result, and writes nothing."""

    def __init__(self, *fields: str) -> None:
        self._fields = fields

    @property
    def reads(self) -> Sequence[str]:
        return self._fields

    @property
    def writes(self) -> Sequence[str]:
        return ()

    def run(self, state: State, **run_kwargs: Any) -> dict[str, Any]:
        return {key: state[key] for key in self._fields}

    def update(self, result: Any, state: State) -> State:
        return state


class Input(Action):
    """A step that puts inputs into the state."""

    def __init__(self, *fields: str) -> None:
        self._fields = fields

    @property
    def reads(self) -> Sequence[str]:
        return ()

    @property
    def writes(self) -> Sequence[str]:
        return self._fields

    @property
    def inputs(self) -> list[str]:
        return list(self._fields)

    def run(self, state: State, **run_kwargs: Any) -> dict[str, Any]:
        return {key: run_kwargs[key] for key in self._fields}

    def update(self, result: Any, state: State) -> State:
        return state.update(**result)


def create_action(thing: Any, name: str | None = None) -> Action:
    """Make the action of a declared function, a class's instance, or a class that needs no arguments.

    Raises:
        ActionError: it is none of these.
    """
    if isinstance(thing, type) and issubclass(thing, Action):
        thing = thing()
    if isinstance(thing, ActionFunction):
        return thing.with_name(name)
    if isinstance(thing, Action):
        return thing if name is None or (thing.has_name and thing.name == name) else thing.with_name(name)
    raise ActionError(
        f"{thing!r} is not a valid action: it is neither a function with @action or @streaming_action above it, "
        "nor an Action"
    )


def is_state(value: object) -> TypeGuard[State]:
    return isinstance(value, State)


def check_dict(name: str, result: Any) -> None:
    if not isinstance(result, Mapping):
        raise ActionError(f"the action {name!r} returned a non-dict result: {result!r:.200}; a result is a dict")


def check_item(name: str, item: Any) -> None:
    if isinstance(item, _NO_ITEMS):
        raise ActionError(
            f"the streaming action {name!r} yielded {item!r:.200}; an item is a dict, or an object such as a chunk of a "
            f"stream, and at last comes a result, with the next state where the action is a function: {_EXAMPLE}"
        )


def _names(function: Callable[..., Any]) -> tuple[str, ...]:
    code = getattr(inspect.unwrap(function), "__code__", None)
    return (*code.co_names, *code.co_freevars) if code else ()


def _returns_value(function: Callable[..., Any]) -> bool:
    """Whether a generator function has a ``return`` with a value."""
    import dis

    function = inspect.unwrap(function)
    if not inspect.isgeneratorfunction(function):
        return False
    steps = [step for step in dis.get_instructions(function) if step.opname not in ("NOP", "CACHE", "RESUME")]
    for before, step in zip([steps[0], *steps], steps, strict=False):
        if step.opname == "RETURN_CONST" and step.argval is not None:
            return True
        if step.opname == "RETURN_VALUE" and not (before.opname == "LOAD_CONST" and before.argval is None):
            return True
    return False
