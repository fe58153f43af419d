"""The machine in an application: where it stands, and the flows that move it, in both worlds."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any, Generic, Literal, NamedTuple, TypeAlias, TypeVar, cast

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
"""An action that has run, its result, and the state after it."""

Overlap = Literal["queue", "refuse"]
"""What becomes of a call while another one is under way: it waits, or it is refused."""


class Position(NamedTuple):
    """Where an application stands.

    Attributes:
        prior_step: the action that ran last.
        resume_at: the action that runs next, where that is not what a transition says.
    """

    state: State
    prior_step: str | None
    resume_at: str | None


class ReaderActivity:
    """Whether a call goes on, or waits for somebody to read what it streams."""

    def __init__(self) -> None:
        self._emits: weakref.ref[Any] | None = None

    def watch(self, emits: E) -> E:
        """Be told what runs the call. It belongs to its reader, and ends when that lets it go."""
        self._emits = weakref.ref(emits)
        return emits

    def is_active(self) -> bool:
        if self._emits is None:
            return True
        emits = self._emits()
        return bool(emits is not None and (emits.ag_running if hasattr(emits, "ag_running") else emits.gi_running))


class Machine(Generic[S_co]):
    """Runs actions one after the other, one call at a time.

    What a call does is one flow; an `Application` drives it in the world in which it was called.
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
        self._undo: Position | None = None  # where the call began, as long as it can be taken back
        self._hooks = hooks
        self._overlap: Overlap = overlap
        self._strict = strict
        self._lock = FairLock()

    @property
    def state(self) -> State[S_co]:
        """The state after the last step."""
        return self._position.state

    def get_next_action(self) -> Action | None:
        """Give the action that runs next; None at the end.

        Raises:
            StateError: a condition has no answer for the state; a `MissingKey` where it has not its key.
            ApplicationError: the application was saved at an action that its graph does not have.
            Exception: what a condition's own function raises.
        """
        position = self._position
        if position.resume_at is not None:
            return self.graph.get_action(position.resume_at)
        return self.graph.next_action(position.prior_step, position.state, self._entrypoint)

    def _iterating(
        self,
        method: str,
        halt_before: HaltNames,
        halt_after: HaltNames,
        inputs: Mapping[str, Any] | None,
        motion: ReaderActivity | None = None,
    ) -> Flow[StepResult, tuple[Action | None, Any, State]]:
        halts = Halts.of(self.graph, halt_before, halt_after)
        return self._call(method, self._iterate(halts, checked_inputs(inputs)), motion)

    def _streaming(
        self,
        method: str,
        halt_after: HaltNames,
        halt_before: HaltNames,
        inputs: Mapping[str, Any] | None,
        motion: ReaderActivity,
    ) -> Flow[Any, StepResult]:
        halts = Halts.of(self.graph, halt_before, halt_after)
        return self._call(method, self._stream(halts, checked_inputs(inputs)), motion, is_whole=True)

    def _each_streaming(
        self,
        method: str,
        halt_after: HaltNames,
        halt_before: HaltNames,
        inputs: Mapping[str, Any] | None,
        motion: ReaderActivity,
    ) -> Flow[Any, None]:
        halts = Halts.of(self.graph, halt_before, halt_after)
        return self._call(method, self._stream_each(halts, checked_inputs(inputs)), motion)

    def _call(
        self, method: str, body: Flow[Any, Any], motion: ReaderActivity | None = None, *, is_whole: bool = False
    ) -> Flow[Any, Any]:
        """Run one call, and tell of it; with ``is_whole``, one that is left or fails is taken back."""
        self._refuse_inside()
        yield from self._hooks.check()
        yield from self._take_turn(motion or ReaderActivity())
        about = (self.uid, self.partition_key, self.sequence_id)
        self._undo = self._position if is_whole else None
        leaving: Finalizer = yield Own(Finalizer(lambda: self._left(method, about)))
        try:
            yield from self._hooks.emit(RunStarted, *about, method, self.state)
            result = yield from body
        except Exception as error:
            leaving.flow = None
            self._take_back()
            yield from self._hooks.emit_failure(error, RunEnded, *about, method, self.state, error)
            raise
        leaving.flow = self._undo = None
        yield from self._hooks.emit(RunEnded, *about, method, self.state, None)
        return result

    def _left(self, method: str, about: tuple[str, str, int]) -> Flow[Any, None]:
        """End a call that was left."""
        step, self._running = self._running, None
        try:
            if step is not None:
                yield from step.left()
        finally:
            self._take_back()
            error = Cancelled(f"{method} was left before its end")
            yield from self._hooks.emit(RunEnded, *about, method, self.state, error)

    def _take_back(self) -> None:
        self._position, self._undo = self._undo or self._position, None

    def _refuse_inside(self) -> None:
        inside, itself = CURRENT.get(), cast("object", self)
        if inside is not None and inside.application is itself:
            raise ApplicationBusy(
                f"the action {inside.action_name!r} runs its own application {self.uid!r}, which waits for it; "
                "let it change the state, and a transition lead to what shall run next"
            )

    def _take_turn(self, motion: ReaderActivity) -> Flow[Any, None]:
        waits = self._overlap == "queue"
        try:
            yield from perform(self._lock.acquire(motion.is_active, waits=waits))
        except StreamInUse:
            what = f"the action {self._running.action.name!r}" if self._running else "another call"
            advice = "nobody reads its stream: read it to its end, or close it" if waits else "wait until it has ended"
            raise ApplicationBusy(f"the application {self.uid!r} is busy with {what}; {advice}") from None

    def _iterate(self, halts: Halts, inputs: Mapping[str, Any]) -> Flow[StepResult, tuple[Action | None, Any, State]]:
        last: StepResult | None = None
        action = self.get_next_action()
        while action is not None:
            last = yield from self._step(action, inputs)
            yield last
            following = self.get_next_action()
            if following is not None and following.name in halts.before:
                return following, None, self.state
            if action.name in halts.after:
                break
            action = following
        return last or (None, None, self.state)

    def _one(self, inputs: Mapping[str, Any]) -> Flow[Any, StepResult | None]:
        action = self.get_next_action()
        return None if action is None else (yield from self._step(action, inputs))

    def _stream(self, halts: Halts, inputs: Mapping[str, Any]) -> Flow[Any, StepResult]:
        action = self.get_next_action()
        if action is None:
            raise ApplicationError(f"the application {self.uid!r} cannot stream a result: it has no next action")
        while action.name not in halts.after:
            step = yield from self._step(action, inputs)
            action = self.get_next_action()
            if action is None or (action.name in halts.before and action.name not in halts.after):
                self._undo = None
                return step if action is None else (action, None, self.state)
        if action.streaming:
            yield StepReady(action, self.state)
        return (yield from self._step(action, inputs, streams=action.streaming, is_last=True))

    def _stream_each(self, halts: Halts, inputs: Mapping[str, Any]) -> Flow[Any, None]:
        while (action := self.get_next_action()) is not None:
            yield StepReady(action, self.state)
            _, result, state = yield from self._step(action, inputs, streams=action.streaming)
            yield StepDone(result, state)
            following = self.get_next_action()
            if action.name in halts.after or (following is not None and following.name in halts.before):
                return

    def _step(
        self, action: Action, inputs: Mapping[str, Any], *, streams: bool = False, is_last: bool = False
    ) -> Flow[Any, StepResult]:
        """Run an action, and make its state the application's; after the last one the call is not taken back."""
        before, about = self.state, (self.uid, self.partition_key, self.sequence_id)
        self.sequence_id += 1
        itself: Any = self  # which is an Application
        context = ApplicationContext(*about, action.name, itself)
        step = self._running = StepRun(self._hooks, about, action, before)
        try:
            yield from self._hooks.emit(StepStarted, *about, action, before, inputs)
            chosen = action.takes.choose(action.name, inputs, context)
            seen = before.subset(*action.reads, *action.writes) if self._strict else before
            step.running = ActionRun(action, seen, chosen, context)
            result, after = yield from (step.streamed() if streams else step.running.whole())
            after = check_writes(action, before, seen, after, strict=self._strict)
        except Exception as error:
            self._running = None
            yield from step.failed(error)
            raise
        self._running = None
        self._position = Position(after, action.name, None)
        if is_last:
            self._undo = None
        yield from step.ended(result, after)
        return action, result, after


def checked_inputs(inputs: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Give the inputs of a call.

    Raises:
        ActionError: they are no values by name, or a name is the library's own.
    """
    if inputs is not None and not isinstance(inputs, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ActionError(f"inputs are values by name, a dict; not {inputs!r:.200}")
    if unnamed := [name for name in inputs or () if not isinstance(name, str)]:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ActionError(f"the input {unnamed[0]!r:.200} has no name; inputs are named by text")
    if wrong := [name for name in inputs or () if name.startswith("__")]:
        raise ActionError(f"the input {wrong[0]!r} begins with a double underscore; such names are the library's own")
    return inputs or {}
