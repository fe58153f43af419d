"""One run of an action: its items, its result and the next state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias, cast

from ..._core.checks import wrong_type
from ..._core.flow import Effect, Flow, InEventLoop, discard_items, perform
from ..._core.replay import Replay, View
from ...errors import ActionError
from ..actions.actions import Action, StreamingAction
from ..actions.functions import FunctionStreamingAction
from ..actions.results import Final, is_state
from ..state.state import State
from .context import CURRENT, ApplicationContext
from .effects import ENDED, ActionCall, ANext, CloseGenerator, Next, needs_event_loop

OnItem: TypeAlias = Callable[[Any, int], Iterable[Effect[Any]]]
"""Handles an item before the reader receives it; its arguments are the item and its index, from 0."""


class ActionRun:
    """One run of one action.

    Attributes:
        count: the number of items so far.
    """

    def __init__(self, action: Any, state: State, inputs: Mapping[str, Any], context: ApplicationContext) -> None:
        self._action = action
        self._state = state
        self._inputs = inputs
        self._context = context
        self._generator: Any = None
        self._forwarded: Any = None  # the open stream whose items are forwarded as the action's own
        self._on_item: OnItem | None = None
        self.count = 0

    def run_to_end(self) -> Flow[Any, tuple[Any, State]]:
        """Run the action, discard its items, and return its result and the next state."""
        if not self._action.streaming:
            return self._finish((yield from self._call()))
        items = yield from self.start_stream(None)
        return self.end_stream((yield from discard_items(items)))

    def start_stream(self, on_item: OnItem | None) -> Flow[Any, Flow[Any, Final]]:
        """Start to stream, and return the flow that yields the items and returns the end.

        Args:
            on_item: is called with each item before it is yielded.
        """
        self._on_item = on_item
        in_event_loop = yield from perform(InEventLoop())
        generator = self._generator = yield from self._call()
        is_async = hasattr(generator, "__anext__")
        if not is_async and not hasattr(generator, "__next__"):
            what = f"the value that the streaming action {self._action.name!r} returns"
            raise wrong_type(what, "a generator of items", generator, "yield the items", error=ActionError)
        if is_async and not in_event_loop:
            raise needs_event_loop(self._action.name)
        next_item: Next | ANext = ANext(self._context, generator) if is_async else Next(self._context, generator)
        # In sync code nothing has to be awaited, so the generator is called directly, without an effect for each item.
        read = None if in_event_loop else next_item.run
        is_function = isinstance(self._action, FunctionStreamingAction)
        return (self._read_function if is_function else self._read_class)(next_item, read)

    def end_stream(self, final: Final) -> tuple[Any, State]:
        """Return the result and the next state, after the generator has ended."""
        self._generator = None
        return (final.result, final.state) if final.state is not None else self._finish(final.result)

    def close(self) -> Flow[Any, None]:
        """Close the forwarded stream and the generator, if they are open."""
        forwarded, generator = self._forwarded, self._generator
        self._forwarded = self._generator = None
        try:
            if forwarded is not None:
                yield from perform(CloseGenerator(forwarded))
        finally:
            if generator is not None:
                yield from perform(CloseGenerator(generator))

    def _call(self) -> Flow[Any, Any]:
        action = self._action
        if action.streaming and not _is_coroutine(action):
            return action.start(self._state, self._inputs)  # calling a generator function runs nothing of its body
        call = ActionCall(
            action.name, self._context, lambda: action.start(self._state, self._inputs), is_async=action.is_async
        )
        return (yield from perform(call))

    def _read_function(self, next_item: Next | ANext, read: Callable[[], Any] | None) -> Flow[Any, Final]:
        """Read a function's generator.

        Items are bare or ``(item, None)``. The end is ``(result, state)`` or a `Final`, yielded or returned; or a
        returned state.
        """
        action = cast("FunctionStreamingAction", self._action)
        is_checked = type(action).check_item is not FunctionStreamingAction.check_item
        on_item = self._on_item
        final: Final | None = None
        while (value := read() if read else (yield next_item)) is not ENDED:
            if final is not None:
                raise self._value_after_end()
            pair: Any = value if type(value) is tuple else ()  # pyright: ignore[reportUnknownVariableType]
            if len(pair) == 2 and pair[1] is None:  # the most frequent form, without a call of _yield_item
                item = pair[0]
                if is_checked:
                    action.check_item(item, self.count)
                self.count += 1
                if on_item and (effects := on_item(item, self.count - 1)):
                    yield from effects
                yield item
                continue
            final = action.as_final(value, self._state)
            if final is None:
                if pair:
                    raise ActionError(
                        f"the streaming action {action.name!r} yielded a tuple of {len(pair)} values; a tuple must be "
                        "(item, None), or at the end (result, state)"
                    )
                yield from self._yield_item(value, next_item)
        returned = next_item.returned
        if final is None:
            final = action.as_final(Final({}, returned) if is_state(returned) else returned, self._state)
        if final is None or not is_state(final.state):
            raise action.missing_end()
        action.check_result(final.result)
        return final

    def _value_after_end(self) -> ActionError:
        return ActionError(f"the streaming action {self._action.name!r} yielded a value after its end")

    def _read_class(self, next_item: Next | ANext, read: Callable[[], Any] | None) -> Flow[Any, Final]:
        """Read a class's generator: items, and the result, which is returned, a `Final`, or the last item."""
        is_explicit = cast("StreamingAction", self._action).ends_explicitly
        held: Any = ENDED  # an item that may be the last one
        final: Final | None = None
        while (value := read() if read else (yield next_item)) is not ENDED:
            if final is not None:
                raise self._value_after_end()
            if isinstance(value, Final):
                final = value
                continue
            if is_explicit:
                yield from self._yield_item(value, next_item)
                continue
            if held is not ENDED:
                yield from self._yield_item(held, next_item)
            held = value
        if final is None and next_item.returned is not None:
            final = next_item.returned if isinstance(next_item.returned, Final) else Final(next_item.returned)
        if held is not ENDED and final is not None:
            yield from self._yield_item(held, next_item)
        elif final is None and held is not ENDED:
            final = Final(held)
        if final is None:
            raise ActionError(
                f"the streaming action {self._action.name!r} ended without a result; return it from stream_run, or "
                "yield Final(result) at its end"
            )
        return final

    def _yield_item(self, item: Any, next_item: Next | ANext) -> Flow[Any, None]:
        """Yield an item, or each item of a stream, whose result or error is then sent to the generator."""
        if isinstance(item, Replay | View):
            yield from self._forward(item, next_item)
            return
        self._action.check_item(item, self.count)
        self.count += 1
        if self._on_item and (effects := self._on_item(item, self.count - 1)):
            yield from effects
        yield item

    def _forward(self, stream: Any, next_item: Next | ANext) -> Flow[Any, None]:
        """Yield each item of a stream, and send its result or its error to the generator."""
        in_event_loop = yield from perform(InEventLoop())
        self._forwarded = stream
        items: Next | ANext | None = None
        while True:
            # Only what the stream raises is thrown into the generator, which may handle it. An error of a hook is not.
            try:
                if items is None:
                    items = ANext(self._context, aiter(stream)) if in_event_loop else Next(self._context, iter(stream))
                item = yield items
                if item is ENDED:
                    self._forwarded = None
                    next_item.sent = yield from self._result_of(stream, in_event_loop)
                    return
            except Exception as error:
                next_item.thrown = error
                return
            self.count += 1
            if self._on_item and (effects := self._on_item(item, self.count - 1)):
                yield from effects
            yield item

    def _result_of(self, stream: Any, in_event_loop: bool) -> Flow[Any, Any]:
        result = getattr(stream, "aresult" if in_event_loop else "result", None)
        if result is None:  # a view does not have a result
            return None
        return (yield from perform(ActionCall(self._action.name, self._context, result, is_async=in_event_loop)))

    def _finish(self, returned: Any) -> tuple[Any, State]:
        token = CURRENT.set(self._context)  # finish calls the action's own update
        try:
            outcome: tuple[Any, State] = self._action.finish(returned, self._state)
        finally:
            CURRENT.reset(token)
        return outcome


def _is_coroutine(action: Action) -> bool:
    """True if calling the action returns a coroutine of a generator."""
    import inspect

    return inspect.iscoroutinefunction(getattr(action, "function", getattr(action, "stream_run", None)))


def check_writes(action: Action, before: State, visible: State, after: State, *, strict: bool) -> State:
    """Check the state that an action returned, and return the next state of the application.

    Args:
        action: the action.
        before: the application's state before the step.
        visible: the state that the action was called with: if ``strict``, only the keys that it declares.
        after: the state that it returned.
        strict: reject changes of keys that are not declared in writes.

    Raises:
        ActionError: a declared key is missing; or, if ``strict``, another key was written.
    """
    if missing := [key for key in action.writes if key not in after]:
        listed = ", ".join(map(repr, missing))
        raise ActionError(
            f"the action {action.name!r} has missing write keys: it declares {listed} in writes, but the state that it "
            f"returned has {', '.join(map(repr, after)) or 'no keys'}"
        )
    if not strict:
        return after
    if changed := [
        key for key in after if key not in action.writes and (key not in visible or after[key] != visible[key])
    ]:
        raise ActionError(
            f"the action {action.name!r} wrote {', '.join(map(repr, changed))}, which it does not declare; its writes "
            f"are {', '.join(map(repr, action.writes)) or 'none'}"
        )
    # The action has not seen the other keys, so they are taken from the state before; a key that it removed is removed.
    kept = before.wipe(delete=[key for key in visible if key not in after])
    return kept.update(**{key: after[key] for key in action.writes})
