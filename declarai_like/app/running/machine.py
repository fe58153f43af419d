"""The state machine of an application: its position, and the flows that run its steps in sync and async code."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any, Generic, Literal, NamedTuple, TypeAlias, TypeVar, cast

from ..._core import checks
from ..._core.fair_lock import FairLock
from ..._core.flow import Finalizer, Flow, Own, perform
from ...errors import ActionError, ApplicationBusy, ApplicationError, Cancelled, StreamInUse
from ..actions.actions import Action
from ..events import RunEnded, RunStarted, StepStarted
from ..graph import Graph
from ..hooks.hooks import Hooks
from ..state.state import S_co, State
from .action_run import ActionRun, check_writes
from .containers import StepDone, StepReady
from .context import CURRENT, ApplicationContext
from .halts import HaltNames, Halts
from .step_run import StepRun

E = TypeVar("E")

StepResult: TypeAlias = tuple[Action, Any, State[S_co]]
"""An action that has run, its result, and the next state."""

Overlap = Literal["queue", "refuse"]
"""The handling of a call while another one runs: it waits, or raises `ApplicationBusy`."""


class Position(NamedTuple):
    """The position of an application.

    Attributes:
        state: the state.
        prior_step: the name of the action that ran last; None before the first one.
        resume_at: the name of the action that runs next instead of the one that the transitions select; None without.
    """

    state: State
    prior_step: str | None
    resume_at: str | None


class ReaderActivity:
    """The activity of a call: it runs, or it waits for its reader to take the next item."""

    def __init__(self) -> None:
        self._items: weakref.ref[Any] | None = None

    def watch(self, items: E) -> E:
        """Set the generator that runs the call, and return it."""
        self._items = weakref.ref(items)  # weak: a stream that its reader has dropped must be collected, and so closed
        return items

    def is_active(self) -> bool:
        """True if the generator is running now, and not suspended between two items."""
        if self._items is None:  # a call without a reader
            return True
        items = self._items()
        return bool(items is not None and (items.ag_running if hasattr(items, "ag_running") else items.gi_running))


class Machine(Generic[S_co]):
    """Runs actions one after the other, one call at a time.

    Each call is one flow, which an `Application` runs with a sync or an async driver.
    """

    def __init__(
        self,
        graph: Graph,
        state: State,
        entrypoint: str,
        *,
        uid: str,
        partition_key: str,
        sequence_id: int,
        prior_step: str | None,
        resume_at: str | None,
        hooks: Hooks,
        overlap: Overlap,
        strict: bool,
    ) -> None:
        self.graph = graph
        self.uid = uid
        self.partition_key = partition_key
        self.sequence_id = sequence_id
        self._position = Position(state, prior_step, resume_at)
        self._entrypoint = entrypoint
        self._running: StepRun | None = None
        self._rollback: Position | None = None  # the position before the call, while it can be rolled back
        self._hooks = hooks
        self._overlap: Overlap = overlap
        self._strict = strict
        self._lock = FairLock()

    @property
    def state(self) -> State[S_co]:
        """The state after the last completed step."""
        return self._position.state

    def get_next_action(self) -> Action | None:
        """Return the action that runs next; None at the end.

        Raises:
            StateError: a condition cannot be evaluated for the state; `MissingKey` if a key of it is missing.
            ApplicationError: the application was saved at an action that is not in its graph.
            Exception: the function of a condition raised it.
        """
        position = self._position
        if position.resume_at is not None:
            return self.graph.get_action(position.resume_at)
        return self.graph.next_action(position.prior_step, position.state, self._entrypoint)

    # Each of these three checks the arguments of a call when it is made, and not with its first step.

    def _iterate_call(
        self,
        method: str,
        halt_before: HaltNames,
        halt_after: HaltNames,
        inputs: Mapping[str, Any] | None,
        activity: ReaderActivity | None = None,
    ) -> Flow[StepResult, tuple[Action | None, Any, State]]:
        halts = Halts.of(self.graph, halt_before, halt_after)
        return self._call(method, self._iterate(halts, checked_inputs(inputs)), activity)

    def _stream_call(
        self,
        method: str,
        halt_after: HaltNames,
        halt_before: HaltNames,
        inputs: Mapping[str, Any] | None,
        activity: ReaderActivity,
    ) -> Flow[Any, StepResult]:
        halts = Halts.of(self.graph, halt_before, halt_after)
        return self._call(method, self._stream(halts, checked_inputs(inputs)), activity, is_atomic=True)

    def _stream_each_call(
        self,
        method: str,
        halt_after: HaltNames,
        halt_before: HaltNames,
        inputs: Mapping[str, Any] | None,
        activity: ReaderActivity,
    ) -> Flow[Any, None]:
        halts = Halts.of(self.graph, halt_before, halt_after)
        return self._call(method, self._stream_each(halts, checked_inputs(inputs)), activity)

    def _call(
        self, method: str, body: Flow[Any, Any], activity: ReaderActivity | None = None, *, is_atomic: bool = False
    ) -> Flow[Any, Any]:
        """Run one call, and emit its events; with ``is_atomic``, one that fails or is closed early is rolled back."""
        self._refuse_nested()
        yield from self._hooks.check()
        yield from self._acquire(activity or ReaderActivity())
        ids = (self.uid, self.partition_key, self.sequence_id)
        self._rollback = self._position if is_atomic else None
        # After the lock, since the driver closes what it owns in reverse order: a call that is closed early is finished
        # before the next call gets the lock.
        finalizer: Finalizer = yield Own(Finalizer(lambda: self._finalize(method, ids)))
        try:
            yield from self._hooks.emit(RunStarted, *ids, method, self.state)
            result = yield from body
        except Exception as error:
            finalizer.flow = None
            self._roll_back()
            yield from self._hooks.emit_failure(error, RunEnded, *ids, method, self.state, error)
            raise
        finalizer.flow = self._rollback = None
        yield from self._hooks.emit(RunEnded, *ids, method, self.state, None)
        return result

    def _finalize(self, method: str, ids: tuple[str, str, int]) -> Flow[Any, None]:
        """End a call that was closed early."""
        step, self._running = self._running, None
        try:
            if step is not None:
                yield from step.close_early()
        finally:
            self._roll_back()
            error = Cancelled(f"{method} was closed before its end")
            yield from self._hooks.emit(RunEnded, *ids, method, self.state, error)

    def _roll_back(self) -> None:
        self._position, self._rollback = self._rollback or self._position, None

    def _refuse_nested(self) -> None:
        """Raise an ApplicationBusy in an action of this application, which would wait for itself."""
        context, application = CURRENT.get(), cast("object", self)
        if context is not None and context.application is application:
            raise ApplicationBusy(
                f"the action {context.action_name!r} cannot run its own application {self.uid!r}, which waits for it; "
                "use a transition to select the next action"
            )

    def _acquire(self, activity: ReaderActivity) -> Flow[Any, None]:
        waits = self._overlap == "queue"
        try:
            yield from perform(self._lock.acquire(activity.is_active, waits=waits))
        except StreamInUse:
            what = f"the action {self._running.action.name!r}" if self._running else "another call"
            hint = "its stream is not being read; finish reading it or close it" if waits else "wait until it has ended"
            raise ApplicationBusy(f"the application {self.uid!r} is busy with {what}; {hint}") from None

    def _iterate(self, halts: Halts, inputs: Mapping[str, Any]) -> Flow[StepResult, tuple[Action | None, Any, State]]:
        last: StepResult | None = None
        action = self.get_next_action()
        while action is not None:
            last = yield from self._step(action, inputs)
            yield last
            # Only now, since the reader may have changed the state with update_state.
            next_action = self.get_next_action()
            if next_action is not None and next_action.name in halts.before:
                return next_action, None, self.state
            if action.name in halts.after:
                break
            action = next_action
        return last or (None, None, self.state)

    def _next_step(self, inputs: Mapping[str, Any]) -> Flow[Any, StepResult | None]:
        action = self.get_next_action()
        return None if action is None else (yield from self._step(action, inputs))

    def _stream(self, halts: Halts, inputs: Mapping[str, Any]) -> Flow[Any, StepResult]:
        action = self.get_next_action()
        if action is None:
            raise ApplicationError(
                f"the application {self.uid!r} cannot stream a result: it does not have a next action"
            )
        while action.name not in halts.after:
            step = yield from self._step(action, inputs)
            action = self.get_next_action()
            # An action in both lists is streamed: streaming it is the purpose of the call.
            if action is None or (action.name in halts.before and action.name not in halts.after):
                self._rollback = None  # no stream follows that could be closed early, so these steps are final
                return step if action is None else (action, None, self.state)
        if action.streaming:
            yield StepReady(action, self.state)
        return (yield from self._step(action, inputs, streams=action.streaming, is_last=True))

    def _stream_each(self, halts: Halts, inputs: Mapping[str, Any]) -> Flow[Any, None]:
        while (action := self.get_next_action()) is not None:
            yield StepReady(action, self.state)
            _, result, state = yield from self._step(action, inputs, streams=action.streaming)
            yield StepDone(result, state)
            next_action = self.get_next_action()
            if action.name in halts.after or (next_action is not None and next_action.name in halts.before):
                return

    def _step(
        self, action: Action, inputs: Mapping[str, Any], *, streams: bool = False, is_last: bool = False
    ) -> Flow[Any, StepResult]:
        """Run an action, and store its state; once the last action has completed, the call is not rolled back."""
        before, ids = self.state, (self.uid, self.partition_key, self.sequence_id)
        self.sequence_id += 1  # not rolled back: events and saved rows of a failed step keep their number
        application: Any = self  # each Machine is an Application
        context = ApplicationContext(*ids, action.name, application)
        step = self._running = StepRun(self._hooks, ids, action, before)
        try:
            yield from self._hooks.emit(StepStarted, *ids, action, before, inputs)
            chosen = action.takes.choose(action.name, inputs, context)
            visible = before.subset(*action.reads, *action.writes) if self._strict else before
            step.action_run = ActionRun(action, visible, chosen, context)
            result, after = yield from (step.stream() if streams else step.action_run.run_to_end())
            after = check_writes(action, before, visible, after, strict=self._strict)
        except Exception as error:
            self._running = None
            yield from step.fail(error)
            raise
        self._running = None
        self._position = Position(after, action.name, None)
        if is_last:
            self._rollback = None  # before the hooks: if one fails, the step has completed all the same
        yield from step.end(result, after)
        return action, result, after


def checked_inputs(inputs: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return the inputs of a call.

    Raises:
        ActionError: they are not a mapping of str to values, or a name begins with two underscores.
    """
    if inputs is None:
        return {}
    for key in checks.mapping("inputs", inputs, of="str to values", error=ActionError):
        name = checks.string("the name of an input", key, error=ActionError)
        if name.startswith("__"):
            raise ActionError(f"the input {name!r} begins with a double underscore; such names are reserved")
    return inputs
