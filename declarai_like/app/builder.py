"""The builder of applications, which reports all problems of the settings in one error."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload

from .._core.checks import one_of, wrong_type
from .._core.flow import Flow, arun, run
from ..errors import ApplicationError, GraphError, StateError
from .application import Application
from .graph import Graph, GraphBuilder
from .hooks.hooks import Hooks, OnHookError
from .hooks.saving import SavingHook
from .identifiers import wrong_identifiers
from .running.machine import Overlap
from .state.state import S_co, State
from .state.typed import M, PydanticTypingSystem, TypingSystem, is_model

if TYPE_CHECKING:
    from typing import Self

    from pydantic import BaseModel

    from .persistence import PersistedState, Persister


T = TypeVar("T")


class ApplicationBuilder(Generic[S_co]):
    """Collects the settings of an application; `build` returns it.

    ::

        app = (
            ApplicationBuilder()
            .with_actions(prompt, answer)
            .with_transitions(("prompt", "answer"), ("answer", "prompt"))
            .with_entrypoint("prompt")
            .with_state(history=[])
            .build()
        )
    """

    def __init__(self) -> None:
        self._graph = GraphBuilder()
        self._entrypoint: str | None = None
        self._state: State | None = None
        self._typing: Any = None
        self._app_id: str | None = None
        self._partition_key = ""
        self._sequence_id: int | None = None
        self._hooks: list[tuple[Any, OnHookError]] = []
        self._persister: Persister | None = None
        self._source: _SavedState | None = None
        self._overlap: Overlap = "queue"
        self._strict = False

    def with_actions(self, *actions: Any, **named: Any) -> Self:
        """Add actions: decorated functions under their own names, or any action under the given name."""
        self._graph.with_actions(*actions, **named)
        return self

    def with_transitions(self, *transitions: tuple[Any, ...]) -> Self:
        """Add transitions: ``(from, to)`` or ``(from, to, condition)``; ``from`` may be a list of names.

        After an action the first transition whose condition holds is taken. If no condition holds, the run ends.
        """
        self._graph.with_transitions(*transitions)
        return self

    def with_graph(self, graph: Graph) -> Self:
        """Add the actions and transitions of a graph."""
        self._graph.with_graph(graph)
        return self

    def with_entrypoint(self, action: str) -> Self:
        """Set the action that runs first.

        Raises:
            ApplicationError: it was set before.
        """
        if self._entrypoint is not None:
            raise ApplicationError(
                f"the entrypoint is already {self._entrypoint!r}; call with_entrypoint() only once, not also with "
                f"{action!r}"
            )
        self._entrypoint = action
        return self

    @overload
    def with_state(self, state: State[T], /, **values: Any) -> ApplicationBuilder[T]: ...
    @overload
    def with_state(self, state: M, /, **values: Any) -> ApplicationBuilder[M]: ...
    @overload
    def with_state(self, state: None = None, /, **values: Any) -> Self: ...
    def with_state(self, state: State | BaseModel | None = None, /, **values: Any) -> Any:
        """Set the first state: values, a `State`, or an instance of a pydantic model.

        Raises:
            StateError: a value cannot be in a state, or this is neither a state nor a model.
        """
        if state is not None and not isinstance(state, State):
            if not is_model(type(state)):
                hint = "for a dict use with_state(**values)"
                raise wrong_type(
                    "the state of with_state", "a State or a pydantic model", state, hint, error=StateError
                )
            self.with_typing(PydanticTypingSystem(type(state)))
            # Not model_dump(), which would turn the models in its fields into dicts.
            values = {**{name: getattr(state, name) for name in type(state).model_fields}, **values}
            state = None
        self._state = (state or self._state or State()).update(**values)
        return self

    def with_typing(self, typing_system: TypingSystem[T]) -> ApplicationBuilder[T]:
        """Set the type of ``state.data``: see `PydanticTypingSystem`."""
        self._typing = typing_system
        return cast("ApplicationBuilder[T]", self)

    def with_identifiers(
        self, app_id: str | None = None, partition_key: str | None = None, sequence_id: int | None = None
    ) -> Self:
        """Set the identifiers.

        Args:
            app_id: the id of the application; by default a random one.
            partition_key: the key of its owner; by default the empty string.
            sequence_id: the number of its next step; by default 0, or the one after the saved step.
        """
        self._app_id = app_id if app_id is not None else self._app_id
        self._partition_key = partition_key if partition_key is not None else self._partition_key
        self._sequence_id = sequence_id if sequence_id is not None else self._sequence_id
        return self

    def with_hooks(self, *hooks: Any, on_error: OnHookError = "raise") -> Self:
        """Add hooks: functions of an event, or objects with methods for some (`declarai_like.app.events`).

        Args:
            hooks: sync or async hooks, which are called in this order.
            on_error: ``"raise"`` an error of one of them, so that the step fails, or ``"log"`` it.
        """
        self._hooks.extend((hook, on_error) for hook in hooks)
        return self

    def with_state_persister(self, persister: Persister) -> Self:
        """Save the state after each step: see `declarai_like.app.persistence`."""
        self._persister = persister
        return self

    def initialize_from(
        self,
        persister: Persister,
        *,
        resume_at_next_action: bool = True,
        default_state: dict[str, Any] | State | None = None,
        default_entrypoint: str | None = None,
        fork_from_app_id: str | None = None,
        fork_from_partition_key: str | None = None,
        fork_from_sequence_id: int | None = None,
        override_state_values: dict[str, Any] | None = None,
    ) -> Self:
        """Resume a saved application; if none was saved, start with the defaults.

        Args:
            persister: the persister that loads it.
            resume_at_next_action: True continues at the saved position, where a failed step is run again. False takes
                only the state, and starts at the entrypoint.
            default_state: the state if nothing was saved.
            default_entrypoint: the action that runs first if nothing was saved.
            fork_from_app_id: load the state of another application, which is not changed.
            fork_from_partition_key: the key of the owner of that application; by default the same owner.
            fork_from_sequence_id: the number of the step after which its state is taken; by default the last.
            override_state_values: values that replace those of the loaded state.

        Raises:
            StateError: the default state or the overriding values cannot be in a state.
        """
        self._source = _SavedState(
            persister,
            resume_at_next_action,
            _state("default_state", default_state),
            default_entrypoint,
            fork_from_app_id,
            fork_from_partition_key,
            fork_from_sequence_id,
            _state("override_state_values", override_state_values),
        )
        return self

    def with_overlap(self, overlap: Overlap) -> Self:
        """Set the handling of a call while another one runs: it waits (``"queue"``), or fails (``"refuse"``)."""
        self._overlap = overlap
        return self

    def strict(self) -> Self:
        """Restrict actions to their declared reads and writes; an undeclared write raises an `ActionError`."""
        self._strict = True
        return self

    def graph(self) -> Graph:
        """Return the graph of the application.

        Raises:
            GraphError: actions and transitions do not match, or settings are wrong; it lists all problems.
        """
        return self._checked_graph(self._first_action)

    def build(self) -> Application[S_co]:
        """Return the application.

        Raises:
            GraphError: actions and transitions do not match, or settings are wrong; it lists all problems.
            ApplicationError: two settings contradict each other, or a persister did not return a saved state.
            PersistenceFailed: the saved state could not be loaded.
        """
        return run(self._build())

    async def abuild(self) -> Application[S_co]:
        """Return the application, as `build` does, from async code."""
        return await arun(self._build())

    def _build(self) -> Flow[Any, Application]:
        source, entrypoint = self._source, self._first_action
        graph = self._checked_graph(entrypoint)
        app_id = self._app_id or uuid.uuid4().hex
        if source:
            source.check(app_id if self._app_id else None, self._state is not None)
        state, found = self._state or State(), None
        if source:
            found = yield from source.load(app_id, self._partition_key)
            state = source.state(found)
        if self._typing is not None:
            state = state.with_typing_system(self._typing)
        resumed = found if source and source.resumes else None
        completed = resumed is not None and resumed.status == "completed"
        hooks = Hooks()
        if self._persister is not None:
            hooks.add(SavingHook(self._persister))  # first: a failing hook of the user must not prevent saving
        for hook, on_error in self._hooks:
            hooks.add(hook, on_error)
        sequence_id = self._sequence_id
        if sequence_id is None:  # a fork is a new application, so it counts from 0
            sequence_id = found.sequence_id + 1 if found and source and not source.is_fork else 0
        return Application(
            graph,
            state,
            cast("str", entrypoint),
            uid=app_id,
            partition_key=self._partition_key,
            sequence_id=sequence_id,
            prior_step=resumed.position if resumed and completed else None,
            resume_at=resumed.position if resumed and not completed else None,
            hooks=hooks,
            overlap=self._overlap,
            strict=self._strict,
        )

    @property
    def _first_action(self) -> str | None:
        return self._entrypoint or (self._source.default_entrypoint if self._source else None)

    def _checked_graph(self, entrypoint: str | None) -> Graph:
        problems = list(self._wrong_settings())
        if entrypoint is None:
            problems.append("the application must have an entrypoint; with_entrypoint(...) sets the first action")
        try:
            graph = self._graph.build(entrypoint)
        except GraphError as error:
            raise GraphError(*problems, *error.problems) from None
        if problems:
            raise GraphError(*problems)
        return graph

    def _wrong_settings(self) -> Iterator[str]:
        try:
            one_of("overlap", self._overlap, ("queue", "refuse"), error=GraphError)
        except GraphError as error:
            yield str(error)
        yield from wrong_identifiers(self._app_id, self._partition_key, self._sequence_id)
        for hook, on_error in self._hooks:
            try:
                Hooks().add(hook, on_error)  # only for its checks: the hooks themselves are made by _build
            except ApplicationError as error:
                yield str(error)
        if self._persister is not None:
            yield from _wrong_persister("with_state_persister", self._persister, "save")
        if self._source is not None:
            yield from _wrong_persister("initialize_from", self._source.persister, "load")


def _state(name: str, values: Any) -> State:
    """Return the state of a setting's values; an error names the setting."""
    try:
        return State(values or {})
    except StateError as error:
        raise StateError(f"{name}: {error}") from None


def _wrong_persister(setter: str, persister: Any, method: str) -> Iterator[str]:
    if isinstance(persister, type) or not callable(getattr(persister, method, None)):
        yield str(wrong_type(f"the persister of {setter}", f"an object with a method {method}", persister))


class _SavedState:
    """The settings of `initialize_from`: the saved state to load, and the defaults for an application without one."""

    def __init__(
        self,
        persister: Persister,
        resumes: bool,
        default_state: State,
        default_entrypoint: str | None,
        app_id: str | None,
        partition_key: str | None,
        sequence_id: int | None,
        values: State,
    ) -> None:
        self.persister = persister
        self.resumes = resumes
        self.default_entrypoint = default_entrypoint
        self.is_fork = app_id is not None
        self._default_state = default_state
        self._app_id = app_id
        self._partition_key = partition_key
        self._sequence_id = sequence_id
        self._values = values

    def check(self, app_id: str | None, has_state: bool) -> None:
        """Raise an ApplicationError if two settings contradict each other."""
        if has_state:
            raise ApplicationError(
                "with_state and initialize_from both set the state; use default_state of initialize_from instead"
            )
        if not self.is_fork and (self._partition_key is not None or self._sequence_id is not None):
            raise ApplicationError("fork_from_partition_key and fork_from_sequence_id need fork_from_app_id")
        if self.is_fork and app_id == self._app_id:
            raise ApplicationError(
                f"the application {app_id!r} cannot be forked from itself; use another app_id for the new one"
            )

    def load(self, app_id: str, partition_key: str) -> Flow[Any, PersistedState | None]:
        from .persistence import PersisterCall

        partition_key = partition_key if self._partition_key is None else self._partition_key
        call = PersisterCall(self.persister.load, partition_key, self._app_id or app_id, self._sequence_id)
        found: PersistedState | None = yield call
        if found is not None and not isinstance(state := getattr(found, "state", found), State):
            what = f"the state that {self.persister!r} loads for the application {self._app_id or app_id!r}"
            raise wrong_type(what, "a PersistedState with a State, or None", state, error=ApplicationError)
        return found

    def state(self, found: PersistedState | None) -> State:
        return (found.state if found else self._default_state).merge(self._values)
