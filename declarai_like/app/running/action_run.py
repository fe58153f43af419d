"""Running one action: its result and the next state, and the items that it streams on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from ..._core.flow import Flow, InEventLoop, discard_items, perform
from ..._core.replay import Replay, View
from ...errors import ActionError
from ..actions.actions import Action, StreamingAction
from ..actions.functions import FunctionStreamingAction
from ..actions.results import Final, is_state
from ..state.state import State
from .context import CURRENT, ApplicationContext
from .effects import ENDED, ActionCall, ANext, CloseGenerator, Next, needs_event_loop


class ActionRun:
    """One run of one action.

    Attributes:
        count: how many items it has given.
    """

    def __init__(self, action: Any, state: State, inputs: Mapping[str, Any], context: ApplicationContext) -> None:
        self._action = action
        self._state = state
        self._inputs = inputs
        self._context = context
        self._generator: Any = None
        self._passed_on: Any = None  # the stream whose items are given as the action's own
        self.count = 0

    def whole(self) -> Flow[Any, tuple[Any, State]]:
        """Run it to its end; what it streams is passed over."""
        if not self._action.streaming:
            return self._finished((yield from self._called()))
        items = yield from self.begin()
        return self.end((yield from discard_items(items)))

    def begin(self) -> Flow[Any, Flow[Any, Final]]:
        """Begin to stream, and give the flow that emits the items and gives the end."""
        in_event_loop = yield from perform(InEventLoop())
        generator = self._generator = yield from self._called()
        is_async = hasattr(generator, "__anext__")
        if not is_async and not hasattr(generator, "__next__"):
            raise self._no_generator(generator)
        if is_async and not in_event_loop:
            raise needs_event_loop(self._action.name)
        following: Next | ANext = ANext(self._context, generator) if is_async else Next(self._context, generator)
        # Where nothing needs to be waited for, nothing is asked: that is the quickest way
        direct = None if in_event_loop else following.run
        is_function = isinstance(self._action, FunctionStreamingAction)
        return (self._read_function if is_function else self._read_class)(following, direct)

    def end(self, final: Final) -> tuple[Any, State]:
        """Give the result and the next state, when the generator has ended."""
        self._generator = None
        return (final.result, final.state) if final.state is not None else self._finished(final.result)

    def left(self) -> Flow[Any, None]:
        """Close what is open of it."""
        passed_on, generator = self._passed_on, self._generator
        self._passed_on = self._generator = None
        try:
            if passed_on is not None:
                yield from perform(CloseGenerator(passed_on))
        finally:
            if generator is not None:
                yield from perform(CloseGenerator(generator))

    def _called(self) -> Flow[Any, Any]:
        action = self._action
        if action.streaming and not _is_coroutine(action):
            return action.start(self._state, self._inputs)  # that runs nothing of a generator
        call = ActionCall(
            action.name, self._context, lambda: action.start(self._state, self._inputs), is_async=action.is_async
        )
        return (yield from perform(call))

    def _read_function(self, following: Next | ANext, direct: Callable[[], Any] | None) -> Flow[Any, Final]:
        """Read a function's generator: ``item, None`` and bare items; last ``result, state`` in one of three ways."""
        action = cast("FunctionStreamingAction", self._action)
        is_checked = type(action).check_item is not FunctionStreamingAction.check_item
        final: Final | None = None
        while (got := direct() if direct else (yield following)) is not ENDED:
            if final is not None:
                raise self._after_its_end(got)
            pair: Any = got if type(got) is tuple else ()  # pyright: ignore[reportUnknownVariableType]
            if len(pair) == 2 and pair[1] is None:
                item = pair[0]
                if is_checked:
                    action.check_item(item, self.count)
                self.count += 1
                yield item
                continue
            final = action.as_final(got, self._state)
            if final is None:
                if pair:
                    raise ActionError(
                        f"the streaming action {action.name!r} yielded {pair!r:.200}; a tuple is (item, None), or at last "
                        "(result, state)"
                    )
                yield from self._emit(got, following)
        returned = following.returned
        if final is None:
            final = action.as_final(Final({}, returned) if is_state(returned) else returned, self._state)
        if final is None or not is_state(final.state):
            raise action.no_end()
        action.check_result(final.result)
        return final

    def _after_its_end(self, got: Any) -> ActionError:
        return ActionError(f"the streaming action {self._action.name!r} yielded {got!r:.200} after its end")

    def _read_class(self, following: Next | ANext, direct: Callable[[], Any] | None) -> Flow[Any, Final]:
        """Read a class's generator: items, and last the result, in one of three ways."""
        is_explicit = cast("StreamingAction", self._action).ends_explicitly
        held: Any = ENDED  # the item that may be the last
        final: Final | None = None
        while (got := direct() if direct else (yield following)) is not ENDED:
            if final is not None:
                raise self._after_its_end(got)
            if isinstance(got, Final):
                final = got
                continue
            if is_explicit:
                yield from self._emit(got, following)
                continue
            if held is not ENDED:
                yield from self._emit(held, following)
            held = got
        if final is None and following.returned is not None:
            final = following.returned if isinstance(following.returned, Final) else Final(following.returned)
        if held is not ENDED and final is not None:
            yield from self._emit(held, following)
        elif final is None and held is not ENDED:
            final = Final(held)
        if final is None:
            raise ActionError(
                f"the streaming action {self._action.name!r} gave no result: return it from stream_run, or yield "
                "Final(result) at its end"
            )
        return final

    def _emit(self, item: Any, following: Next | ANext) -> Flow[Any, None]:
        """Emit an item; of a stream each of its items, and then the generator gets its result, or its error."""
        if not isinstance(item, Replay | View):
            self._action.check_item(item, self.count)
            self.count += 1
            yield item
            return
        try:
            following.sent = yield from self._pass_on(item)
        except Exception as error:  # the action may know what to do
            following.thrown = error

    def _pass_on(self, stream: Any) -> Flow[Any, Any]:
        in_event_loop = yield from perform(InEventLoop())
        self._passed_on = stream
        following = ANext(self._context, aiter(stream)) if in_event_loop else Next(self._context, iter(stream))
        while (item := (yield following)) is not ENDED:
            self.count += 1
            yield item
        self._passed_on = None
        result = getattr(stream, "aresult" if in_event_loop else "result", None)
        if result is None:
            return None
        return (yield from perform(ActionCall(self._action.name, self._context, result, is_async=in_event_loop)))

    def _finished(self, given: Any) -> tuple[Any, State]:
        token = CURRENT.set(self._context)
        try:
            outcome: tuple[Any, State] = self._action.finish(given, self._state)
        finally:
            CURRENT.reset(token)
        return outcome

    def _no_generator(self, given: Any) -> ActionError:
        return ActionError(
            f"the streaming action {self._action.name!r} gave {given!r:.200}, which is no generator; it yields its items"
        )


def _is_coroutine(action: Action) -> bool:
    """Whether the generator has to be awaited."""
    import inspect

    return inspect.iscoroutinefunction(getattr(action, "function", getattr(action, "stream_run", None)))


def check_writes(action: Action, before: State, seen: State, after: State, *, strict: bool) -> State:
    """Check what an action has made of the state that it has seen, and give the application's next one.

    ``strict`` refuses keys that it does not say that it writes; it has then seen only a part of the state before.

    Raises:
        ActionError: it did not write what it says that it writes, or, if ``strict``, something else.
    """
    if missing := [key for key in action.writes if key not in after]:
        listed = ", ".join(map(repr, missing))
        raise ActionError(
            f"the action {action.name!r} has missing write keys: it declares {listed} in its writes, but the state that "
            f"it gave has {', '.join(map(repr, after)) or 'nothing'}"
        )
    if not strict:
        return after
    if changed := [key for key in after if key not in action.writes and (key not in seen or after[key] != seen[key])]:
        raise ActionError(
            f"the action {action.name!r} wrote {', '.join(map(repr, changed))}, which it does not declare; its writes are "
            f"{', '.join(map(repr, action.writes)) or 'none'}"
        )
    kept = before.wipe(delete=[key for key in seen if key not in after])
    return kept.update(**{key: after[key] for key in action.writes})
