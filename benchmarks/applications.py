"""Contenders that run state machines with streaming steps: this library, Burr, and the generator of such a step alone.

A size is a number of items that a step streams, of steps, or of messages in a history. The results are verified. The
word of a stream names its hooks: "plain" has none, "hook" has a method for items, and "events" is a function of events.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

APPENDED = 100
"""Messages that are appended to a history."""
_MESSAGE = {"role": "user", "content": "Which of these are ready, and who asked for them?"}


class Contender:
    """Verifies its results."""

    packages: tuple[str, ...] = ()  # their versions are shown
    hook_calls = 0  # items that the hooks were called with

    def hooks(self, base: type = object, async_base: type = object) -> tuple[Any, Any]:
        """Return a hook for blocking and one for async code, as objects with a method for items."""
        contender = self

        class Hook(base):
            def post_stream_item(self, **_: Any) -> None:
                contender.hook_calls += 1

        class AsyncHook(async_base):
            async def post_stream_item(self, **_: Any) -> None:
                contender.hook_calls += 1

        return Hook(), AsyncHook()

    def verify(self, work: str, number: int, result: Any) -> None:
        hook_calls, self.hook_calls = self.hook_calls, 0
        expected: Any = number
        if "stream" in work:
            expected = number, sum(range(number)), number  # items, their sum, and the state's count
            assert bool(hook_calls) == ("plain" not in work), f"its hook was called with {hook_calls} items"
            assert hook_calls % number == 0, f"its hook was called with {hook_calls} items, not {number} in each stream"
        elif "append" in work:
            expected = number + APPENDED, _MESSAGE
        assert result == expected, f"the result is {result!r:.200}, not {expected!r:.200}"


class Floor(Contender):
    """The generator of a streaming step in a loop, without an application."""

    def stream(self, _hooks: str, items: int) -> Any:
        count = total = 0
        for item, _ in _numbers(items):
            count += 1
            total += item["number"]
        return count, total, items

    async def astream(self, _hooks: str, items: int) -> Any:
        count = total = 0
        async for item, _ in _anumbers(items):
            count += 1
            total += item["number"]
        return count, total, items


class Applications(Contender):
    """A library of applications, given as its module. The same calls do the same in all of them."""

    def __init__(self, app: Any, streaming_action: Any, hook: Any, async_hook: Any) -> None:
        @streaming_action(reads=[], writes=["count"])
        def items(state: Any, size: int) -> Iterator[Any]:
            for number in range(size):
                yield {"number": number}, None
            yield {"count": size}, state.update(count=size)

        @streaming_action(reads=[], writes=["count"])
        async def aitems(state: Any, size: int) -> AsyncIterator[Any]:
            for number in range(size):
                yield {"number": number}, None
            yield {"count": size}, state.update(count=size)

        @app.action(reads=["count"], writes=["count"])
        def step(state: Any) -> Any:
            return {"count": state["count"] + 1}, state.update(count=state["count"] + 1)

        @app.action(reads=["count"], writes=["count"])
        async def astep(state: Any) -> Any:
            return {"count": state["count"] + 1}, state.update(count=state["count"] + 1)

        self._app = app
        self._streams = {"plain": self.build(items), "hook": self.build(items, hook)}
        self._astreams = {"plain": self.build(aitems), "hook": self.build(aitems, async_hook)}
        self._step, self._astep = self.build(step), self.build(astep)
        self._items, self._aitems = items, aitems
        self._histories: dict[int, Any] = {}

    def build(self, work: Any, *hooks: Any) -> Any:
        """Return an application that runs one action again and again."""
        builder = self._app.ApplicationBuilder().with_actions(work=work).with_transitions(("work", "work"))
        return builder.with_hooks(*hooks).with_entrypoint("work").with_state(count=0).build()

    def stream(self, hooks: str, items: int) -> Any:
        _, stream = self._streams[hooks].stream_result(halt_after=["work"], inputs={"size": items})
        count = total = 0
        for item in stream:
            count += 1
            total += item["number"]
        return count, total, stream.get()[1]["count"]

    async def astream(self, hooks: str, items: int) -> Any:
        _, stream = await self._astreams[hooks].astream_result(halt_after=["work"], inputs={"size": items})
        count = total = 0
        async for item in stream:
            count += 1
            total += item["number"]
        return count, total, (await stream.get())[1]["count"]

    def step(self, steps: int) -> int:
        before = self._step.state["count"]
        for _ in range(steps):
            self._step.step()
        return self._step.state["count"] - before

    async def astep(self, steps: int) -> int:
        before = self._astep.state["count"]
        for _ in range(steps):
            await self._astep.astep()
        return self._astep.state["count"] - before

    def append(self, history: int) -> Any:
        state = self._history(history)
        for _ in range(APPENDED):
            state = state.append(history=_MESSAGE)
        return len(state["history"]), state["history"][-1]

    def append_and_read(self, history: int) -> Any:
        state, last = self._history(history), None
        for _ in range(APPENDED):
            state = state.append(history=_MESSAGE)
            last = state["history"][-1]
        return len(state["history"]), last

    def _history(self, length: int) -> Any:
        if length not in self._histories:
            self._histories[length] = self._app.State({"history": [{**_MESSAGE} for _ in range(length)]})
        return self._histories[length]


class Ours(Applications):
    """This library. A hook is an object with methods, as in Burr, or a function of each event."""

    packages = ("declarai-like",)

    def __init__(self) -> None:
        from declarai_like import app
        from declarai_like.app.events import StreamItem

        def hook(event: Any) -> None:
            self.hook_calls += type(event) is StreamItem

        async def async_hook(event: Any) -> None:
            self.hook_calls += type(event) is StreamItem

        super().__init__(app, app.streaming_action, *self.hooks())
        self._streams["events"] = self.build(self._items, hook)
        self._astreams["events"] = self.build(self._aitems, async_hook)


class Burr(Applications):
    """Burr, whose hooks are objects with methods."""

    packages = ("apache-burr",)

    def __init__(self) -> None:
        from burr import core
        from burr.core.action import streaming_action
        from burr.lifecycle.base import PostStreamItemHook, PostStreamItemHookAsync

        super().__init__(core, streaming_action, *self.hooks(PostStreamItemHook, PostStreamItemHookAsync))


def _numbers(size: int) -> Iterator[Any]:
    """Yield so many items, as a streaming step yields them."""
    for number in range(size):
        yield {"number": number}, None


async def _anumbers(size: int) -> AsyncIterator[Any]:
    for number in range(size):
        yield {"number": number}, None
