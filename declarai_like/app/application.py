"""An application: a state machine whose steps are actions, and may stream."""

from __future__ import annotations

import weakref
from collections.abc import AsyncGenerator, Generator, Mapping
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, TypeAlias, TypeVar

from ..errors import ActionError, ApplicationBusy, ApplicationError, Cancelled, StateError, StreamInUse
from ..flow import Drive, Flow, Hold, Leaving, arun, ask, run
from ..turns import Turns
from .actions import Action
from .containers import AsyncStreamingResultContainer, Done, Ready, StreamingResultContainer
from .context import CURRENT, ApplicationContext
from .events import Hooks, RunEnded, RunStarted, StepStarted
from .halts import Halts, Names
from .identifiers import wrong_identifiers
from .results import is_state
from .running import Running, check_writes
from .state import S_co, State
from .steps import RunningStep

if TYPE_CHECKING:
    from .drawing import Drawing
    from .graph import Graph

E = TypeVar("E")
T = TypeVar("T")

Step: TypeAlias = tuple[Action, Any, State[S_co]]
"""An action that has run, its result, and the state after it."""

Overlap = Literal["queue", "refuse"]
"""What becomes of a call while another one is under way: it waits, or it is refused."""


class Application(Generic[S_co]):
    """A state machine: its actions run one after the other, as the transitions between them say.

    Made by an `ApplicationBuilder`. One call runs it at a time.

    Attributes:
        graph: its actions and transitions.
        uid: its id, ``app_id``.
        partition_key: whose it is.
        sequence_id: how many steps it has taken, which is the number of the next one.
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
        self._position = _Position(state, prior_step, resume_at)
        self._entrypoint = entrypoint
        self._running: RunningStep | None = None
        self._undo: _Position | None = None  # where the call began, as long as it can be taken back
        self._hooks = hooks
        self._overlap: Overlap = overlap
        self._strict = strict
        self._turns = Turns()

    # What it is

    @property
    def state(self) -> State[S_co]:
        """The state after the last step."""
        return self._position.state

    @property
    def app_id(self) -> str:
        """Its id."""
        return self.uid

    @property
    def entrypoint(self) -> str:
        """The action that runs first."""
        return self._entrypoint

    @property
    def prior_step(self) -> str | None:
        """The action that ran last; None before the first one."""
        return self._position.prior_step

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

    def has_next_action(self) -> bool:
        """Whether there is one; it raises what `get_next_action` raises."""
        return self.get_next_action() is not None

    def update_state(self, state: State) -> None:
        """Replace the state, between two calls.

        Raises:
            StateError: this is no state.
        """
        if not is_state(state):
            raise StateError(
                f"update_state takes a State, and not {state!r:.200}; to change some values of this one give it "
                "app.state.update(key=value)"
            )
        self._position = self._position._replace(state=state)

    def reset_to_entrypoint(self) -> None:
        """Let the next step be the first action again; the state stays."""
        self._position = _Position(self.state, None, None)

    def visualize(self, *, include_conditions: bool = True, include_state: bool = False) -> Drawing:
        """Draw it: ``.mermaid`` is text, ``.save(path)`` writes ``.mmd``, ``.md``, ``.svg`` or ``.png``; Jupyter shows it."""
        from .drawing import Drawing

        return Drawing(self.graph, self._entrypoint, include_conditions=include_conditions, include_state=include_state)

    def copy(self, app_id: str) -> Application[S_co]:
        """Give another application that stands where this one does, with the same graph, hooks and settings.

        Raises:
            ApplicationError: the id is no text.
        """
        for problem in wrong_identifiers(app_id):
            raise ApplicationError(problem)
        return Application(
            self.graph,
            self.state,
            self._entrypoint,
            uid=app_id,
            partition_key=self.partition_key,
            sequence_id=self.sequence_id,
            prior_step=self._position.prior_step,
            resume_at=self._position.resume_at,
            hooks=self._hooks,
            overlap=self._overlap,
            strict=self._strict,
        )

    def __repr__(self) -> str:
        try:
            action = self.get_next_action()
            following = action.name if action else "none"
        except Exception as error:  # a condition has no answer now
            following = f"unknown ({type(error).__name__})"
        return f"<application {self.uid}, step {self.sequence_id}, next: {following}>"

    # Running it

    def step(self, inputs: Mapping[str, Any] | None = None) -> Step[S_co] | None:
        """Run the next action; None when there is none.

        Raises:
            ApplicationError: an action took or gave what it may not.
            Exception: what the action raises.
        """
        step: Step[S_co] | None = run(self._call("step", self._one(_checked(inputs))))
        return step

    async def astep(self, inputs: Mapping[str, Any] | None = None) -> Step[S_co] | None:
        """Run the next action as `step` does, from async code."""
        step: Step[S_co] | None = await arun(self._call("astep", self._one(_checked(inputs))))
        return step

    def iterate(
        self, *, halt_before: Names = None, halt_after: Names = None, inputs: Mapping[str, Any] | None = None
    ) -> Generator[Step[S_co], None, tuple[Action | None, Any, State[S_co]]]:
        """Run action after action, and give each step; the generator returns what `run` returns.

        Raises:
            ApplicationError: there is no such action, or an action took or gave what it may not.
            Exception: what an action raises.
        """
        motion = _Motion()
        drive = Drive(self._iterating("iterate", halt_before, halt_after, inputs, motion))
        return _with_result(motion.watch(drive.emits()), drive)

    def aiterate(
        self, *, halt_before: Names = None, halt_after: Names = None, inputs: Mapping[str, Any] | None = None
    ) -> AsyncGenerator[Step[S_co], None]:
        """Run action after action as `iterate` does, from async code."""
        motion = _Motion()
        return motion.watch(Drive(self._iterating("aiterate", halt_before, halt_after, inputs, motion)).aemits())

    def run(
        self, *, halt_before: Names = None, halt_after: Names = None, inputs: Mapping[str, Any] | None = None
    ) -> tuple[Action | None, Any, State[S_co]]:
        """Run until before or after one of these actions, or to the end.

        One action is always run. All actions are given the inputs.

        Args:
            halt_before: actions before which it stops; a tag is written ``"@tag:name"``.
            halt_after: actions after which it stops.
            inputs: what the actions take beside the state.

        Returns:
            The last action, its result, and the state; before an action at which it stops: that, None, and the state.

        Raises:
            ApplicationError: there is no such action, or an action took or gave what it may not.
            Exception: what an action raises.
        """
        return run(self._iterating("run", halt_before, halt_after, inputs))

    async def arun(
        self, *, halt_before: Names = None, halt_after: Names = None, inputs: Mapping[str, Any] | None = None
    ) -> tuple[Action | None, Any, State[S_co]]:
        """Run as `run` does, from async code."""
        return await arun(self._iterating("arun", halt_before, halt_after, inputs))

    def stream_result(
        self, halt_after: Names, halt_before: Names = None, inputs: Mapping[str, Any] | None = None
    ) -> tuple[Action, StreamingResultContainer[S_co]]:
        """Run until one of the actions of ``halt_after`` is next, and stream that one.

        What comes before it is run at once, to its end; of the one that streams nothing runs until its first
        item is asked for. One that does not stream is run as well, and so is the last one of a graph that ends
        elsewhere: the container is then empty, and has the result.

        Returns:
            The action, and the container with its items.

        Raises:
            ApplicationError: there is nothing to run, or no such action; or an action that is run at once took or gave
                what it may not.
            Exception: what an action raises that is run at once; the one that streams raises it to who reads.
        """
        motion = _Motion()
        drive = Drive(self._streaming("stream_result", halt_after, halt_before, inputs, motion))
        emits = motion.watch(drive.emits())
        for ready in emits:
            return ready.action, StreamingResultContainer(ready, emits, lambda: drive.result)
        action, result, state = drive.result
        return action, StreamingResultContainer.pass_through(action, result, state)

    async def astream_result(
        self, halt_after: Names, halt_before: Names = None, inputs: Mapping[str, Any] | None = None
    ) -> tuple[Action, AsyncStreamingResultContainer[S_co]]:
        """Do what `stream_result` does, from async code."""
        motion = _Motion()
        drive = Drive(self._streaming("astream_result", halt_after, halt_before, inputs, motion))
        emits = motion.watch(drive.aemits())
        async for ready in emits:
            return ready.action, AsyncStreamingResultContainer(ready, emits, lambda: drive.result)
        action, result, state = drive.result
        return action, AsyncStreamingResultContainer.pass_through(action, result, state)

    def stream_iterate(
        self, halt_after: Names = None, halt_before: Names = None, inputs: Mapping[str, Any] | None = None
    ) -> Generator[tuple[Action, StreamingResultContainer[S_co]], None, None]:
        """Run action after action, and give each with a container of its items.

        What is left of a container when the next one is asked for is read to its end then.

        Raises:
            ApplicationError: there is no such action, or an action took or gave what it may not.
            Exception: what an action raises.
        """
        motion = _Motion()
        flow = self._each_streaming("stream_iterate", halt_after, halt_before, inputs, motion)
        return _each(motion.watch(Drive(flow).emits()))

    def astream_iterate(
        self, halt_after: Names = None, halt_before: Names = None, inputs: Mapping[str, Any] | None = None
    ) -> AsyncGenerator[tuple[Action, AsyncStreamingResultContainer[S_co]], None]:
        """Do what `stream_iterate` does, from async code."""
        motion = _Motion()
        flow = self._each_streaming("astream_iterate", halt_after, halt_before, inputs, motion)
        return _aeach(motion.watch(Drive(flow).aemits()))

    # How it is run, in both worlds

    def _iterating(
        self,
        method: str,
        halt_before: Names,
        halt_after: Names,
        inputs: Mapping[str, Any] | None,
        motion: _Motion | None = None,
    ) -> Flow[Step, tuple[Action | None, Any, State]]:
        halts = Halts.of(self.graph, halt_before, halt_after)
        return self._call(method, self._iterate(halts, _checked(inputs)), motion)

    def _streaming(
        self, method: str, halt_after: Names, halt_before: Names, inputs: Mapping[str, Any] | None, motion: _Motion
    ) -> Flow[Any, Step]:
        halts = Halts.of(self.graph, halt_before, halt_after)
        return self._call(method, self._stream(halts, _checked(inputs)), motion, is_whole=True)

    def _each_streaming(
        self, method: str, halt_after: Names, halt_before: Names, inputs: Mapping[str, Any] | None, motion: _Motion
    ) -> Flow[Any, None]:
        halts = Halts.of(self.graph, halt_before, halt_after)
        return self._call(method, self._stream_each(halts, _checked(inputs)), motion)

    def _call(
        self, method: str, body: Flow[Any, Any], motion: _Motion | None = None, *, is_whole: bool = False
    ) -> Flow[Any, Any]:
        """Run one call, and tell of it; with ``is_whole``, one that is left or fails is taken back."""
        self._refuse_inside()
        yield from self._hooks.check()
        yield from self._take_turn(motion or _Motion())
        about = (self.uid, self.partition_key, self.sequence_id)
        self._undo = self._position if is_whole else None
        leaving: Leaving = yield Hold(Leaving(lambda: self._left(method, about)))
        try:
            yield from self._hooks.tell(RunStarted, *about, method, self.state)
            result = yield from body
        except Exception as error:
            leaving.flow = None
            self._take_back()
            yield from self._hooks.tell_failure(error, RunEnded, *about, method, self.state, error)
            raise
        leaving.flow = self._undo = None
        yield from self._hooks.tell(RunEnded, *about, method, self.state, None)
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
            yield from self._hooks.tell(RunEnded, *about, method, self.state, error)

    def _take_back(self) -> None:
        self._position, self._undo = self._undo or self._position, None

    def _refuse_inside(self) -> None:
        inside = CURRENT.get()
        if inside is not None and inside.application is self:
            raise ApplicationBusy(
                f"the action {inside.action_name!r} runs its own application {self.uid!r}, which waits for it; "
                "let it change the state, and a transition lead to what shall run next"
            )

    def _take_turn(self, motion: _Motion) -> Flow[Any, None]:
        waits = self._overlap == "queue"
        try:
            yield from ask(self._turns.take(motion.is_moving, waits=waits))
        except StreamInUse:
            what = f"the action {self._running.action.name!r}" if self._running else "another call"
            advice = "nobody reads its stream: read it to its end, or close it" if waits else "wait until it has ended"
            raise ApplicationBusy(f"the application {self.uid!r} is busy with {what}; {advice}") from None

    def _iterate(self, halts: Halts, inputs: Mapping[str, Any]) -> Flow[Step, tuple[Action | None, Any, State]]:
        last: Step | None = None
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

    def _one(self, inputs: Mapping[str, Any]) -> Flow[Any, Step | None]:
        action = self.get_next_action()
        return None if action is None else (yield from self._step(action, inputs))

    def _stream(self, halts: Halts, inputs: Mapping[str, Any]) -> Flow[Any, Step]:
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
            yield Ready(action, self.state)
        return (yield from self._step(action, inputs, streams=action.streaming, is_last=True))

    def _stream_each(self, halts: Halts, inputs: Mapping[str, Any]) -> Flow[Any, None]:
        while (action := self.get_next_action()) is not None:
            yield Ready(action, self.state)
            _, result, state = yield from self._step(action, inputs, streams=action.streaming)
            yield Done(result, state)
            following = self.get_next_action()
            if action.name in halts.after or (following is not None and following.name in halts.before):
                return

    def _step(
        self, action: Action, inputs: Mapping[str, Any], *, streams: bool = False, is_last: bool = False
    ) -> Flow[Any, Step]:
        """Run an action, and make its state the application's; after the last one the call is not taken back."""
        before, about = self.state, (self.uid, self.partition_key, self.sequence_id)
        self.sequence_id += 1
        context = ApplicationContext(*about, action.name, self)
        step = self._running = RunningStep(self._hooks, about, action, before)
        try:
            yield from self._hooks.tell(StepStarted, *about, action, before, inputs)
            chosen = action.takes.choose(action.name, inputs, context)
            seen = before.subset(*action.reads, *action.writes) if self._strict else before
            step.running = Running(action, seen, chosen, context)
            result, after = yield from (step.streamed() if streams else step.running.whole())
            after = check_writes(action, before, seen, after, strict=self._strict)
        except Exception as error:
            self._running = None
            yield from step.failed(error)
            raise
        self._running = None
        self._position = _Position(after, action.name, None)
        if is_last:
            self._undo = None
        yield from step.ended(result, after)
        return action, result, after


class _Position(NamedTuple):
    """Where an application stands.

    Attributes:
        prior_step: the action that ran last.
        resume_at: the action that runs next, where that is not what a transition says.
    """

    state: State
    prior_step: str | None
    resume_at: str | None


class _Motion:
    """Whether a call goes on, or waits for somebody to read what it streams."""

    def __init__(self) -> None:
        self._emits: weakref.ref[Any] | None = None

    def watch(self, emits: E) -> E:
        """Be told what runs the call. It belongs to its reader, and ends when that lets it go."""
        self._emits = weakref.ref(emits)
        return emits

    def is_moving(self) -> bool:
        if self._emits is None:
            return True
        emits = self._emits()
        return bool(emits is not None and (emits.ag_running if hasattr(emits, "ag_running") else emits.gi_running))


# Generators of their own, so that what is wrong with a call is said where it is made, and not by its first item


def _with_result(emits: Generator[Step, None, None], drive: Drive[Step, T]) -> Generator[Step, None, T]:
    yield from emits
    return drive.result


def _each(emits: Generator[Any, None, None]) -> Generator[tuple[Action, StreamingResultContainer[Any]], None, None]:
    try:
        for ready in emits:
            container: StreamingResultContainer[Any] = StreamingResultContainer(ready, emits)
            yield ready.action, container
            container.get()
    finally:
        emits.close()


async def _aeach(
    emits: AsyncGenerator[Any, None],
) -> AsyncGenerator[tuple[Action, AsyncStreamingResultContainer[Any]], None]:
    try:
        async for ready in emits:
            container: AsyncStreamingResultContainer[Any] = AsyncStreamingResultContainer(ready, emits)
            yield ready.action, container
            await container.get()
    finally:
        await emits.aclose()


def _checked(inputs: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if inputs is not None and not isinstance(inputs, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ActionError(f"inputs are values by name, a dict; not {inputs!r:.200}")
    if unnamed := [name for name in inputs or () if not isinstance(name, str)]:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ActionError(f"the input {unnamed[0]!r:.200} has no name; inputs are named by text")
    if wrong := [name for name in inputs or () if name.startswith("__")]:
        raise ActionError(f"the input {wrong[0]!r} begins with a double underscore; such names are the library's own")
    return inputs or {}
