"""An application: a state machine whose steps are actions, which may stream."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from .._core.checks import wrong_type
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
    """A state machine that runs actions one after the other, in the order that its transitions define.

    Use an `ApplicationBuilder` to make one. Only one call runs it at a time.

    Attributes:
        graph: its actions and transitions.
        uid: its id, the same as ``app_id``.
        partition_key: the key of its owner.
        sequence_id: the number of steps taken, which is the number of the next step.
    """

    # Properties

    @property
    def app_id(self) -> str:
        """The id of the application."""
        return self.uid

    @property
    def entrypoint(self) -> str:
        """The name of the action that runs first."""
        return self._entrypoint

    @property
    def prior_step(self) -> str | None:
        """The name of the action that ran last; None before the first one."""
        return self._position.prior_step

    def has_next_action(self) -> bool:
        """True if another action follows; the errors are those of `get_next_action`."""
        return self.get_next_action() is not None

    def update_state(self, state: State) -> None:
        """Replace the state between two calls.

        Raises:
            StateError: this is not a `State`.
        """
        if not is_state(state):
            hint = "to change some values use app.state.update(key=value)"
            raise wrong_type("the state of update_state", "a State", state, hint, error=StateError)
        self._position = self._position._replace(state=state)

    def reset_to_entrypoint(self) -> None:
        """Set the next action to the entrypoint, and keep the state."""
        self._position = Position(self.state, None, None)

    def visualize(self, *, include_conditions: bool = True, include_state: bool = False) -> Drawing:
        """Return a drawing, which Jupyter shows.

        ``.mermaid`` is its text; ``.save(path)`` writes ``.mmd``, ``.md``, ``.svg`` or ``.png``.

        Args:
            include_conditions: label the transitions with their conditions.
            include_state: list the keys that each action reads and writes.
        """
        from .drawing.drawing import Drawing

        return Drawing(self.graph, self._entrypoint, include_conditions=include_conditions, include_state=include_state)

    def copy(self, app_id: str) -> Application[S_co]:
        """Return another application at the same position, with the same graph, state, hooks and settings.

        Raises:
            ApplicationError: the id is not a str.
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
            next_action = action.name if action else "none"
        except Exception as error:  # a condition cannot be evaluated for this state
            next_action = f"unknown ({type(error).__name__})"
        return f"<application {self.uid}, step {self.sequence_id}, next: {next_action}>"

    # Running

    def step(self, inputs: Mapping[str, Any] | None = None) -> StepResult[S_co] | None:
        """Run the next action, and return it, its result and the state; None at the end.

        Raises:
            ApplicationError: inputs are missing or wrong, or the action returned or yielded a wrong value.
            Exception: the action raised it.
        """
        step: StepResult[S_co] | None = run(self._call("step", self._next_step(checked_inputs(inputs))))
        return step

    async def astep(self, inputs: Mapping[str, Any] | None = None) -> StepResult[S_co] | None:
        """Run the next action as `step` does, from async code."""
        step: StepResult[S_co] | None = await arun(self._call("astep", self._next_step(checked_inputs(inputs))))
        return step

    def iterate(
        self, *, halt_before: HaltNames = None, halt_after: HaltNames = None, inputs: Mapping[str, Any] | None = None
    ) -> Generator[StepResult[S_co], None, tuple[Action | None, Any, State[S_co]]]:
        """Run action after action, and yield each step; the generator returns the same as `run`.

        Raises:
            ApplicationError: a name is unknown, inputs are missing or wrong, or an action returned or yielded a wrong
                value.
            Exception: an action raised it.
        """
        activity = ReaderActivity()
        driver = Driver(self._iterate_call("iterate", halt_before, halt_after, inputs, activity))
        return _with_result(activity.watch(driver.items()), driver)

    def aiterate(
        self, *, halt_before: HaltNames = None, halt_after: HaltNames = None, inputs: Mapping[str, Any] | None = None
    ) -> AsyncGenerator[StepResult[S_co], None]:
        """Run action after action as `iterate` does, from async code."""
        activity = ReaderActivity()
        driver = Driver(self._iterate_call("aiterate", halt_before, halt_after, inputs, activity))
        return activity.watch(driver.aitems())

    def run(
        self, *, halt_before: HaltNames = None, halt_after: HaltNames = None, inputs: Mapping[str, Any] | None = None
    ) -> tuple[Action | None, Any, State[S_co]]:
        """Run until before or after one of these actions, or to the end.

        At least one action runs. The inputs are passed to all actions.

        Args:
            halt_before: names of actions to stop before; ``"@tag:name"`` names all actions with a tag.
            halt_after: names of actions to stop after.
            inputs: the inputs of the actions by name.

        Returns:
            The last action, its result, and the state. If it stopped before an action: that action, None, and the
            state.

        Raises:
            ApplicationError: a name is unknown, inputs are missing or wrong, or an action returned or yielded a wrong
                value.
            Exception: an action raised it.
        """
        return run(self._iterate_call("run", halt_before, halt_after, inputs))

    async def arun(
        self, *, halt_before: HaltNames = None, halt_after: HaltNames = None, inputs: Mapping[str, Any] | None = None
    ) -> tuple[Action | None, Any, State[S_co]]:
        """Run as `run` does, from async code."""
        return await arun(self._iterate_call("arun", halt_before, halt_after, inputs))

    def stream_result(
        self, halt_after: HaltNames, halt_before: HaltNames = None, inputs: Mapping[str, Any] | None = None
    ) -> tuple[Action, StreamingResultContainer[S_co]]:
        """Run until one of the actions of ``halt_after`` is next, and stream that action.

        The actions before it run to their ends during this call. The streaming action starts when its first item is
        read. The container is empty, and has the result, if the action does not stream; and also if the graph ends
        before such an action, when its last action has run.

        Returns:
            The action, and the container of its items.

        Raises:
            ApplicationError: no action follows, or a name is unknown; or inputs of an action before the streaming
                one are missing or wrong, or it returned or yielded a wrong value.
            Exception: an action before the streaming one raised it. The reader gets the errors of the streaming one.
        """
        activity = ReaderActivity()
        driver = Driver(self._stream_call("stream_result", halt_after, halt_before, inputs, activity))
        items = activity.watch(driver.items())
        for ready in items:
            return ready.action, StreamingResultContainer(ready, items, lambda: driver.result)
        action, result, state = driver.result
        return action, StreamingResultContainer.pass_through(action, result, state)

    async def astream_result(
        self, halt_after: HaltNames, halt_before: HaltNames = None, inputs: Mapping[str, Any] | None = None
    ) -> tuple[Action, AsyncStreamingResultContainer[S_co]]:
        """Run and stream as `stream_result` does, from async code."""
        activity = ReaderActivity()
        driver = Driver(self._stream_call("astream_result", halt_after, halt_before, inputs, activity))
        items = activity.watch(driver.aitems())
        async for ready in items:
            return ready.action, AsyncStreamingResultContainer(ready, items, lambda: driver.result)
        action, result, state = driver.result
        return action, AsyncStreamingResultContainer.pass_through(action, result, state)

    def stream_iterate(
        self, halt_after: HaltNames = None, halt_before: HaltNames = None, inputs: Mapping[str, Any] | None = None
    ) -> Generator[tuple[Action, StreamingResultContainer[S_co]], None, None]:
        """Run action after action, and yield each with a container of its items.

        Before the next action runs, the remaining items of a container are read and discarded.

        Raises:
            ApplicationError: a name is unknown, inputs are missing or wrong, or an action returned or yielded a wrong
                value.
            Exception: an action raised it.
        """
        activity = ReaderActivity()
        flow = self._stream_each_call("stream_iterate", halt_after, halt_before, inputs, activity)
        return _containers(activity.watch(Driver(flow).items()))

    def astream_iterate(
        self, halt_after: HaltNames = None, halt_before: HaltNames = None, inputs: Mapping[str, Any] | None = None
    ) -> AsyncGenerator[tuple[Action, AsyncStreamingResultContainer[S_co]], None]:
        """Run and stream as `stream_iterate` does, from async code."""
        activity = ReaderActivity()
        flow = self._stream_each_call("astream_iterate", halt_after, halt_before, inputs, activity)
        return _acontainers(activity.watch(Driver(flow).aitems()))


# These generators are functions and not methods of Application: a method with a yield would run nothing, and so raise
# no error about its arguments, before the first item is read.


def _with_result(
    items: Generator[StepResult, None, None], driver: Driver[StepResult, T]
) -> Generator[StepResult, None, T]:
    yield from items
    return driver.result


def _containers(
    items: Generator[Any, None, None],
) -> Generator[tuple[Action, StreamingResultContainer[Any]], None, None]:
    try:
        for ready in items:
            container: StreamingResultContainer[Any] = StreamingResultContainer(ready, items)
            yield ready.action, container
            container.get()
    finally:
        items.close()


async def _acontainers(
    items: AsyncGenerator[Any, None],
) -> AsyncGenerator[tuple[Action, AsyncStreamingResultContainer[Any]], None]:
    try:
        async for ready in items:
            container: AsyncStreamingResultContainer[Any] = AsyncStreamingResultContainer(ready, items)
            yield ready.action, container
            await container.get()
    finally:
        await items.aclose()
