"""Actions: the steps of an application. Each reads some of the state, and writes some."""

from __future__ import annotations

import copy
import functools
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...errors import ActionError
from ..state.state import State
from .inputs import Inputs
from .results import check_dict, check_item, is_state

if TYPE_CHECKING:
    from typing import Self


class Action(ABC):
    """A step, as a class: ``run`` works a result out, ``update`` makes the next state of it.

    ``reads`` and ``writes`` name the keys of the state that it needs and makes; attributes do as well as
    properties. ``run`` may be async. What it takes beside the state are its inputs.
    """

    streaming = False
    """Whether it gives items before its result."""

    _name: str | None = None

    if TYPE_CHECKING:
        # Any, so that a class may have attributes of these names as well as properties
        reads: Any
        """The keys of the state that it needs."""
        writes: Any
        """The keys of the state that it makes."""
    else:

        @property
        @abstractmethod
        def reads(self) -> Sequence[str]:
            """The keys of the state that it needs."""

        @property
        @abstractmethod
        def writes(self) -> Sequence[str]:
            """The keys of the state that it makes."""

    # With *args and **kwargs, type checkers let a class take the inputs that it needs
    def run(self, state: State, *args: Any, **run_kwargs: Any) -> Any:
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
        """Whether it has a name yet."""
        return self._name is not None

    def with_name(self, name: str) -> Self:
        """Give the same action under a name.

        Raises:
            ActionError: it has one already, or this is no text.
        """
        if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance]  (of a user's own)
            raise ActionError(f"{name!r:.200} cannot be the name of {self!r}; actions are named by text")
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
    def stream_run(self, state: State, *args: Any, **run_kwargs: Any) -> Any:
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


class Result(Action):
    """A step that gives some keys of the state as its result, and writes nothing.

    Args:
        fields: the keys.

    Raises:
        MissingKey: when it runs: the state does not have one of them.
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
    """A step that puts inputs into the state.

    Args:
        fields: the inputs, which are all required, and the keys that they get.
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
    """Refuse what is no list of names.

    Raises:
        ActionError: the message names the action.
    """
    for what, keys, of in (("reads", reads, "keys"), ("writes", writes, "keys"), ("tags", tags, "tags")):
        if isinstance(keys, str):
            raise ActionError(f"{what} of {name!r} is the str {keys!r}; it is a list of {of}: [{keys!r}]")
        if not isinstance(keys, Collection) or not all(isinstance(key, str) for key in keys):  # pyright: ignore[reportUnknownVariableType]
            raise ActionError(f"{what} of {name!r} is {keys!r:.200}; it is a list of {of}, which are text")


def check_action(action: Action) -> None:
    """Refuse an action that cannot run.

    Raises:
        ActionError: the message names it.
    """
    name = action.name if action.has_name else type(action).__name__
    check_keys(name, reads=action.reads, writes=action.writes, tags=action.tags)
    if getattr(action._started, "__func__", None) is Action.run:  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  (its own module)
        raise ActionError(f"{name!r} cannot run: its class does not define run(self, state), which gives its result")


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
