"""An application: a state machine whose steps are actions, and may stream."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from .._core.flow import Driver, arun, run
from ..errors import ApplicationError, StateError
from .actions.actions import Action
from .actions.results import is_state
from .identifiers import wrong_identifiers
from .running.containers import AsyncStreamingResultContainer, StreamingResultContainer
from .running.halts import HaltNames
from .running.machine import Machine, Position, ReaderActivity, StepResult, checked_inputs
from .state.state import S_co, State

if TYPE_CHECKING:
    from .drawing.drawing import Drawing


T = TypeVar("T")


class Application(Machine[S_co]):
    """A state machine: its actions run one after the other, as the transitions between them say.

    Made by an `ApplicationBuilder`. One call runs it at a time.

    Attributes:
        graph: its actions and transitions.
        uid: its id, ``app_id``.
        partition_key: whose it is.
        sequence_id: how many steps it has taken, which is the number of the next one.
    """

    # What it is

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
        self._position = Position(self.state, None, None)

    def visualize(self, *, include_conditions: bool = True, include_state: bool = False) -> Drawing:
        """Draw it: ``.mermaid`` is text, ``.save(path)`` writes ``.mmd``, ``.md``, ``.svg`` or ``.png``; Jupyter shows it."""
        from .drawing.drawing import Drawing

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

    def step(self, inputs: Mapping[str, Any] | None = None) -> StepResult[S_co] | None:
        """Run the next action; None when there is none.

        Raises:
            ApplicationError: an action took or gave what it may not.
            Exception: what the action raises.
        """
        step: StepResult[S_co] | None = run(self._call("step", self._one(checked_inputs(inputs))))
        return step

    async def astep(self, inputs: Mapping[str, Any] | None = None) -> StepResult[S_co] | None:
        """Run the next action as `step` does, from async code."""
        step: StepResult[S_co] | None = await arun(self._call("astep", self._one(checked_inputs(inputs))))
        return step

    def iterate(
        self, *, halt_before: HaltNames = None, halt_after: HaltNames = None, inputs: Mapping[str, Any] | None = None
    ) -> Generator[StepResult[S_co], None, tuple[Action | None, Any, State[S_co]]]:
        """Run action after action, and give each step; the generator returns what `run` returns.

        Raises:
            ApplicationError: there is no such action, or an action took or gave what it may not.
            Exception: what an action raises.
        """
        motion = ReaderActivity()
        driver = Driver(self._iterating("iterate", halt_before, halt_after, inputs, motion))
        return _with_result(motion.watch(driver.items()), driver)

    def aiterate(
        self, *, halt_before: HaltNames = None, halt_after: HaltNames = None, inputs: Mapping[str, Any] | None = None
    ) -> AsyncGenerator[StepResult[S_co], None]:
        """Run action after action as `iterate` does, from async code."""
        motion = ReaderActivity()
        return motion.watch(Driver(self._iterating("aiterate", halt_before, halt_after, inputs, motion)).aitems())

    def run(
        self, *, halt_before: HaltNames = None, halt_after: HaltNames = None, inputs: Mapping[str, Any] | None = None
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
        self, *, halt_before: HaltNames = None, halt_after: HaltNames = None, inputs: Mapping[str, Any] | None = None
    ) -> tuple[Action | None, Any, State[S_co]]:
        """Run as `run` does, from async code."""
        return await arun(self._iterating("arun", halt_before, halt_after, inputs))

    def stream_result(
        self, halt_after: HaltNames, halt_before: HaltNames = None, inputs: Mapping[str, Any] | None = None
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
        motion = ReaderActivity()
        driver = Driver(self._streaming("stream_result", halt_after, halt_before, inputs, motion))
        emits = motion.watch(driver.items())
        for ready in emits:
            return ready.action, StreamingResultContainer(ready, emits, lambda: driver.result)
        action, result, state = driver.result
        return action, StreamingResultContainer.pass_through(action, result, state)

    async def astream_result(
        self, halt_after: HaltNames, halt_before: HaltNames = None, inputs: Mapping[str, Any] | None = None
    ) -> tuple[Action, AsyncStreamingResultContainer[S_co]]:
        """Do what `stream_result` does, from async code."""
        motion = ReaderActivity()
        driver = Driver(self._streaming("astream_result", halt_after, halt_before, inputs, motion))
        emits = motion.watch(driver.aitems())
        async for ready in emits:
            return ready.action, AsyncStreamingResultContainer(ready, emits, lambda: driver.result)
        action, result, state = driver.result
        return action, AsyncStreamingResultContainer.pass_through(action, result, state)

    def stream_iterate(
        self, halt_after: HaltNames = None, halt_before: HaltNames = None, inputs: Mapping[str, Any] | None = None
    ) -> Generator[tuple[Action, StreamingResultContainer[S_co]], None, None]:
        """Run action after action, and give each with a container of its items.

        What is left of a container when the next one is asked for is read to its end then.

        Raises:
            ApplicationError: there is no such action, or an action took or gave what it may not.
            Exception: what an action raises.
        """
        motion = ReaderActivity()
        flow = self._each_streaming("stream_iterate", halt_after, halt_before, inputs, motion)
        return _each(motion.watch(Driver(flow).items()))

    def astream_iterate(
        self, halt_after: HaltNames = None, halt_before: HaltNames = None, inputs: Mapping[str, Any] | None = None
    ) -> AsyncGenerator[tuple[Action, AsyncStreamingResultContainer[S_co]], None]:
        """Do what `stream_iterate` does, from async code."""
        motion = ReaderActivity()
        flow = self._each_streaming("astream_iterate", halt_after, halt_before, inputs, motion)
        return _aeach(motion.watch(Driver(flow).aitems()))


# Generators of their own, so that what is wrong with a call is said where it is made, and not by its first item


def _with_result(
    emits: Generator[StepResult, None, None], driver: Driver[StepResult, T]
) -> Generator[StepResult, None, T]:
    yield from emits
    return driver.result


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
