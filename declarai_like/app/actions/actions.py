"""Actions as classes. An action is a step of an application: it reads some keys of the state, and writes some."""

from __future__ import annotations

import copy
import functools
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..._core import checks
from ...errors import ActionError
from ..state.state import State
from .inputs import Inputs
from .results import check_dict, check_item, is_state

if TYPE_CHECKING:
    from typing import Self


class Action(ABC):
    """A step as a class: ``run`` returns a result, and ``update`` returns the next state for it.

    ``reads`` and ``writes`` name the keys of the state that it needs and sets; both may be attributes or properties.
    ``run`` may be async. Its parameters besides the state are the inputs of the action.
    """

    streaming = False
    """True if it yields items before its result."""

    _name: str | None = None

    if TYPE_CHECKING:
        # Any: type checkers would reject a subclass that has an attribute where the base class has a property.
        reads: Any
        """The keys of the state that it needs."""
        writes: Any
        """The keys of the state that it sets."""
    else:

        @property
        @abstractmethod
        def reads(self) -> Sequence[str]:
            """The keys of the state that it needs."""

        @property
        @abstractmethod
        def writes(self) -> Sequence[str]:
            """The keys of the state that it sets."""

    # *args and **run_kwargs: type checkers then allow any parameters in a subclass.
    def run(self, state: State, *args: Any, **run_kwargs: Any) -> Any:
        """Return the result, a dict."""
        raise NotImplementedError

    @abstractmethod
    def update(self, result: Any, state: State) -> State:
        """Return the next state."""

    @property
    def tags(self) -> Sequence[str]:
        """Names for a group of actions: ``"@tag:..."`` selects all that have the tag."""
        return ()

    @property
    def name(self) -> str:
        """The name of the action in its application.

        Raises:
            ActionError: it does not have a name yet.
        """
        if self._name is None:
            raise ActionError(f"{type(self).__name__} does not have a name; use with_actions(name=...)")
        return self._name

    @property
    def has_name(self) -> bool:
        """True if the action has a name."""
        return self._name is not None

    def with_name(self, name: str) -> Self:
        """Return the same action under a name.

        Raises:
            ActionError: it has a name already, or the name is not a str.
        """
        checks.string(f"the name of {self!r}", name, error=ActionError)
        if self._name is not None:
            raise ActionError(f"the action {self._name!r} already has a name, and cannot be renamed to {name!r}")
        named = copy.copy(self)  # one instance may be in a graph under several names
        named._name = name  # noqa: SLF001  (its own class)
        return named

    @property
    def inputs(self) -> tuple[Sequence[str], Sequence[str]] | Sequence[str]:
        """The names of its inputs, or a tuple of the names of required and of optional inputs.

        By default they are read from the signature.
        """
        parameters = self._parameters
        return list(parameters.required), list(parameters.optional)

    @functools.cached_property
    def takes(self) -> Inputs:
        """The declared `inputs`, as an `Inputs`."""
        declared, read = self.inputs, self._parameters
        required, optional = declared if isinstance(declared, tuple) else (declared, ())
        # Inputs that a class declares itself replace the signature, also its **run_kwargs: it is given no others.
        is_as_read = [*required] == [*read.required] and [*optional] == [*read.optional]
        return read if is_as_read else Inputs(tuple(required), tuple(optional), read.context)

    @property
    def _parameters(self) -> Inputs:
        return Inputs.of(self._function, {}, skip=1)

    @functools.cached_property
    def is_async(self) -> bool:
        """True if it needs an event loop."""
        return inspect.iscoroutinefunction(self._function)

    @property
    def _function(self) -> Callable[..., Any]:
        """The function that `start` calls."""
        return self.run

    def start(self, state: State, inputs: Mapping[str, Any]) -> Any:
        """Call it: return a result, an awaitable of one, or, of a streaming action, a generator."""
        return self._function(state, **inputs)

    def finish(self, returned: Any, state: State) -> tuple[Any, State]:
        """Return the result and the next state for the value that a call returned.

        Raises:
            ActionError: the value has a wrong form.
        """
        check_dict(self.name, returned)
        return returned, self._updated(returned, state)

    def _updated(self, result: Any, state: State) -> State:
        new: Any = self.update(result, state)
        if not is_state(new):
            raise checks.wrong_type(
                f"the value that update of the action {self.name!r} returns", "a State", new, error=ActionError
            )
        return new

    def __repr__(self) -> str:
        return f"<action {self._name or type(self).__name__}>"


class StreamingAction(Action):
    """A step that yields items before its result: ``stream_run`` is a sync or async generator function.

    The result is the value that it returns, or that it yields as ``Final(result)``, or, in older code, the last item.
    In the last case each item is held back until the next one arrives, since it may be the last.
    """

    streaming = True

    @abstractmethod
    def stream_run(self, state: State, *args: Any, **run_kwargs: Any) -> Any:
        """Yield items, and return the result, a dict."""

    @functools.cached_property
    def is_async(self) -> bool:
        return inspect.isasyncgenfunction(self.stream_run) or inspect.iscoroutinefunction(self.stream_run)

    @property
    def _function(self) -> Callable[..., Any]:
        return self.stream_run

    def check_item(self, item: Any, index: int) -> None:
        """Check an item; ``index`` is its number, from 0.

        Raises:
            ActionError: the value cannot be an item; the message names the action.
        """
        check_item(self.name, item)

    @functools.cached_property
    def ends_explicitly(self) -> bool:
        """True if the result is returned or yielded as a `Final`, so that no item needs to be held back."""
        # Read from the code: nothing else shows, before the first item, in which way the generator will end.
        return _returns_value(self.stream_run) or "Final" in _names(self.stream_run)


class Result(Action):
    """A step whose result is some keys of the state; it writes nothing.

    Args:
        fields: the keys.

    Raises:
        MissingKey: when it runs, the state does not have one of them.
    """

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
    """A step that stores inputs in the state.

    Args:
        fields: the names of the inputs, which are all required; also the keys under which they are stored.
    """

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


def check_keys(name: str, *, reads: Any, writes: Any, tags: Any) -> None:
    """Check that each is a collection of str.

    Raises:
        ActionError: the message names the action.
    """
    for setting, keys in (("reads", reads), ("writes", writes), ("tags", tags)):
        what = f"{setting} of {name!r}"
        if isinstance(keys, str):  # a collection of its characters, which is never meant
            raise checks.wrong_type(what, "a list of str", keys, f"did you mean [{keys!r}]?", error=ActionError)
        if not isinstance(keys, Collection):
            raise checks.wrong_type(what, "a list of str", keys, error=ActionError)
        items: Collection[object] = keys  # pyright: ignore[reportUnknownVariableType]  (of any items)
        for key in items:
            checks.string(f"each of the {what}", key, error=ActionError)


def check_action(action: Action) -> None:
    """Check that an action can run.

    Raises:
        ActionError: it cannot; the message names it.
    """
    name = action.name if action.has_name else type(action).__name__
    check_keys(name, reads=action.reads, writes=action.writes, tags=action.tags)
    if getattr(action._function, "__func__", None) is Action.run:  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  (its own module)
        raise ActionError(f"{name!r} cannot run: its class must define run(self, state), which returns the result")


def _names(function: Callable[..., Any]) -> tuple[str, ...]:
    code = getattr(inspect.unwrap(function), "__code__", None)
    return (*code.co_names, *code.co_freevars) if code else ()


def _returns_value(function: Callable[..., Any]) -> bool:
    """True if a generator function has a ``return`` with a value."""
    import dis

    function = inspect.unwrap(function)
    if not inspect.isgeneratorfunction(function):  # an async generator cannot return a value
        return False
    # From bytecode, since the source may be missing. Each return is `LOAD_CONST value, RETURN_VALUE`, or on 3.12 and
    # 3.13 also RETURN_CONST; a function without a return ends with one of None.
    code = [each for each in dis.get_instructions(function) if each.opname not in ("NOP", "CACHE", "RESUME")]
    for before, instruction in zip([code[0], *code], code, strict=False):
        if instruction.opname == "RETURN_CONST" and instruction.argval is not None:
            return True
        if instruction.opname == "RETURN_VALUE" and not (before.opname == "LOAD_CONST" and before.argval is None):
            return True
    return False
