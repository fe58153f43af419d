"""Puts an application together, and says all that is wrong with it at once."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload

from .._core.flow import Flow, arun, run
from ..errors import ApplicationError, GraphError, StateError
from .application import Application
from .graph import Graph, GraphBuilder
from .hooks.hooks import Hooks, OnHookError
from .hooks.saving import Saving
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
    """Puts an application together, setting by setting; `build` makes it.

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
        self._source: _Source | None = None
        self._overlap: Overlap = "queue"
        self._strict = False

    def with_actions(self, *actions: Any, **named: Any) -> Self:
        """Add actions: declared functions under their own names, or anything that is an action under a name."""
        self._graph.with_actions(*actions, **named)
        return self

    def with_transitions(self, *transitions: tuple[Any, ...]) -> Self:
        """Add transitions: ``(from, to)`` or ``(from, to, condition)``; ``from`` may be a list of names.

        After an action the first transition whose condition holds is taken; where there is none, the run ends.
        """
        self._graph.with_transitions(*transitions)
        return self

    def with_graph(self, graph: Graph) -> Self:
        """Take the actions and transitions of a graph."""
        self._graph.with_graph(graph)
        return self

    def with_entrypoint(self, action: str) -> Self:
        """Say which action runs first.

        Raises:
            ApplicationError: that was said before.
        """
        if self._entrypoint is not None:
            raise ApplicationError(
                f"the entrypoint is {self._entrypoint!r} already; with_entrypoint({action!r}) is one too many"
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
        """Say what the state is at first: values, a `State`, or a pydantic model.

        Raises:
            StateError: one of the values cannot be in a state, or this is neither a state nor a model.
        """
        if state is not None and not isinstance(state, State):
            if not is_model(type(state)):
                raise StateError(
                    f"with_state takes values by name, a State or a pydantic model, and not {state!r:.200}; "
                    "the values of a dict are given as with_state(**values)"
                )
            self.with_typing(PydanticTypingSystem(type(state)))
            values = {**{name: getattr(state, name) for name in type(state).model_fields}, **values}
            state = None
        self._state = (state or self._state or State()).update(**values)
        return self

    def with_typing(self, typing_system: TypingSystem[T]) -> ApplicationBuilder[T]:
        """Say what ``state.data`` is: see `PydanticTypingSystem`."""
        self._typing = typing_system
        return cast("ApplicationBuilder[T]", self)

    def with_identifiers(
        self, app_id: str | None = None, partition_key: str | None = None, sequence_id: int | None = None
    ) -> Self:
        """Say which application this is, whose, and which number its next step has; by default an id is made up."""
        self._app_id = app_id if app_id is not None else self._app_id
        self._partition_key = partition_key if partition_key is not None else self._partition_key
        self._sequence_id = sequence_id if sequence_id is not None else self._sequence_id
        return self

    def with_hooks(self, *hooks: Any, on_error: OnHookError = "raise") -> Self:
        """Add hooks: functions of an event, or objects with methods for some (`declarai_like.app.events`).

        Args:
            hooks: are told in this order; sync or async.
            on_error: what becomes of an error in one of them: ``"raise"`` it, so that the step fails, or ``"log"`` it.
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
        """Go on from where an application was saved; where none was, begin with the defaults.

        Args:
            persister: where it was saved.
            resume_at_next_action: whether to go on where it stood; a step that failed is tried again. Otherwise
                the state is taken, and it begins at the entrypoint.
            default_state: the state where nothing was saved.
            default_entrypoint: the action that runs first, where nothing was saved.
            fork_from_app_id: take the state of another application, which stays as it is.
            fork_from_partition_key: whose that is; by default of the same.
            fork_from_sequence_id: after which of its steps; by default the last.
            override_state_values: values to change in what was loaded.

        Raises:
            StateError: the default state cannot be one, or the values to change cannot be in one.
        """
        self._source = _Source(
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
        """Say what becomes of a call while another one is under way: it waits (``"queue"``) or is refused (``"refuse"``)."""
        self._overlap = overlap
        return self

    def strict(self) -> Self:
        """Show each action only what it declares to read or write, and refuse what it writes otherwise."""
        self._strict = True
        return self

    def graph(self) -> Graph:
        """Make the graph of the application.

        Raises:
            GraphError: actions and transitions do not fit together, or settings are wrong; all that is wrong is listed.
        """
        return self._checked_graph(self._first)

    def build(self) -> Application[S_co]:
        """Make the application.

        Raises:
            GraphError: actions and transitions do not fit together, or settings are wrong; all that is wrong is listed.
            ApplicationError: two settings do not go together, or a persister gave something else than a saved state.
            PersistenceFailed: what was saved could not be loaded.
        """
        return run(self._build())

    async def abuild(self) -> Application[S_co]:
        """Make the application, from async code."""
        return await arun(self._build())

    def _build(self) -> Flow[Any, Application]:
        source, entrypoint = self._source, self._first
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
            hooks.add(Saving(self._persister))
        for hook, on_error in self._hooks:
            hooks.add(hook, on_error)
        sequence_id = self._sequence_id
        if sequence_id is None:
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
    def _first(self) -> str | None:
        return self._entrypoint or (self._source.default_entrypoint if self._source else None)

    def _checked_graph(self, entrypoint: str | None) -> Graph:
        problems = list(self._wrong_settings())
        if entrypoint is None:
            problems.append("there is no entrypoint: with_entrypoint(...) says which action runs first")
        try:
            graph = self._graph.build(entrypoint)
        except GraphError as error:
            raise GraphError(*problems, *error.problems) from None
        if problems:
            raise GraphError(*problems)
        return graph

    def _wrong_settings(self) -> Iterator[str]:
        if self._overlap not in ("queue", "refuse"):
            yield f"overlap is {self._overlap!r}; it is 'queue' or 'refuse'"
        yield from wrong_identifiers(self._app_id, self._partition_key, self._sequence_id)
        for hook, on_error in self._hooks:
            try:
                Hooks().add(hook, on_error)
            except ApplicationError as error:
                yield str(error)
        if self._persister is not None:
            yield from _wrong_persister("with_state_persister", self._persister, "save")
        if self._source is not None:
            yield from _wrong_persister("initialize_from", self._source.persister, "load")


def _state(name: str, values: Any) -> State:
    try:
        return State(values or {})
    except StateError as error:
        raise StateError(f"{name}: {error}") from None


def _wrong_persister(where: str, persister: Any, method: str) -> Iterator[str]:
    if isinstance(persister, type):
        yield f"{where} was given the class {persister.__name__}; give it an instance of it"
    elif not callable(getattr(persister, method, None)):
        yield f"{where} was given {persister!r:.200}, which is no persister: it has no method {method}"


class _Source:
    """Where an application comes from that was saved."""

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
        if has_state:
            raise ApplicationError(
                "with_state and initialize_from both say the state; give default_state to the second"
            )
        if not self.is_fork and (self._partition_key is not None or self._sequence_id is not None):
            raise ApplicationError("fork_from_partition_key and fork_from_sequence_id need fork_from_app_id")
        if self.is_fork and app_id == self._app_id:
            raise ApplicationError(
                f"the application {app_id!r} cannot be forked from itself; give the new one another app_id"
            )

    def load(self, app_id: str, partition_key: str) -> Flow[Any, PersistedState | None]:
        from .persistence import PersisterCall

        partition_key = partition_key if self._partition_key is None else self._partition_key
        call = PersisterCall(self.persister.load, partition_key, self._app_id or app_id, self._sequence_id)
        found: PersistedState | None = yield call
        state: Any = getattr(found, "state", found)
        if found is not None and state is None:
            raise ApplicationError(f"{self.persister!r} gave no state for the application {found.app_id!r}")
        if found is not None and not isinstance(state, State):
            raise ApplicationError(
                f"{self.persister!r} gave {state!r:.200} for the application {self._app_id or app_id!r}; its load gives a "
                "PersistedState, whose state is a State, or None"
            )
        return found

    def state(self, found: PersistedState | None) -> State:
        return (found.state if found else self._default_state).merge(self._values)
