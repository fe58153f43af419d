"""What is measured of applications: this library and others, and the floor, which is a generator alone.

A contender's methods are the workloads. Each is given a number: of the items that a step streams, of the
steps that are taken, or of the messages that a history has before others are appended. What it gives is
verified after the clock has stopped.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

APPENDED = 100
"""How many messages are appended to a history."""
MESSAGE = {"role": "user", "content": "Which of these are ready, and who asked for them?"}


class Contender:
    """Verifies what its workloads give.

    Attributes:
        told: how many items its hooks were told of.
    """

    told = 0

    def verify(self, workload: str, number: int, given: Any) -> None:
        told, self.told = self.told, 0
        expected: Any = number
        if "stream" in workload:
            expected = number, sum(range(number)), number  # read, their sum, and what the state says
            assert bool(told) == ("told" in workload), f"its hook was told of {told} items"
            assert told % number == 0, f"its hook was told of {told} items, which is not {number} in each stream"
        elif "append" in workload:
            expected = number + APPENDED, MESSAGE
        assert given == expected, f"this is {given!r:.200}, and not {expected!r:.200}"


class Floor(Contender):
    """The generator of a streaming step, read without any application."""

    def stream(self, items: int) -> Any:
        count = total = 0
        for item, _ in numbers(items):
            count += 1
            total += item["number"]
        return count, total, items

    async def astream(self, items: int) -> Any:
        count = total = 0
        async for item, _ in anumbers(items):
            count += 1
            total += item["number"]
        return count, total, items


class Applications(Contender):
    """A library of applications, given as its module ``app``: the names in it are the same in all of them."""

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
        self._items, self._aitems = items, aitems
        self._stream, self._told = self.build(items), self.build(items, hook)
        self._astream, self._atold = self.build(aitems), self.build(aitems, async_hook)
        self._step, self._astep = self.build(step), self.build(astep)
        self._histories: dict[int, Any] = {}

    def build(self, work: Any, *hooks: Any) -> Any:
        """Build an application that does the same again and again."""
        builder = self._app.ApplicationBuilder().with_actions(work=work).with_transitions(("work", "work"))
        return builder.with_hooks(*hooks).with_entrypoint("work").with_state(count=0).build()

    def stream(self, items: int) -> Any:
        return self.read(self._stream, items)

    def stream_told(self, items: int) -> Any:
        return self.read(self._told, items)

    async def astream(self, items: int) -> Any:
        return await self.aread(self._astream, items)

    async def astream_told(self, items: int) -> Any:
        return await self.aread(self._atold, items)

    def step(self, steps: int) -> Any:
        before = self._step.state["count"]
        for _ in range(steps):
            self._step.step()
        return self._step.state["count"] - before

    async def astep(self, steps: int) -> Any:
        before = self._astep.state["count"]
        for _ in range(steps):
            await self._astep.astep()
        return self._astep.state["count"] - before

    def append(self, history: int) -> Any:
        state = self._history(history)
        for _ in range(APPENDED):
            state = state.append(history=MESSAGE)
        return len(state["history"]), state["history"][-1]

    def append_read(self, history: int) -> Any:
        state, last = self._history(history), None
        for _ in range(APPENDED):
            state = state.append(history=MESSAGE)
            last = state["history"][-1]
        return len(state["history"]), last

    def _history(self, length: int) -> Any:
        if length not in self._histories:
            self._histories[length] = self._app.State({"history": [{**MESSAGE} for _ in range(length)]})
        return self._histories[length]

    @staticmethod
    def read(application: Any, items: int) -> Any:
        """Read a stream: give how many items there were, their sum, and what the state says."""
        _, stream = application.stream_result(halt_after=["work"], inputs={"size": items})
        count = total = 0
        for item in stream:
            count += 1
            total += item["number"]
        return count, total, stream.get()[1]["count"]

    @staticmethod
    async def aread(application: Any, items: int) -> Any:
        _, stream = await application.astream_result(halt_after=["work"], inputs={"size": items})
        count = total = 0
        async for item in stream:
            count += 1
            total += item["number"]
        return count, total, (await stream.get())[1]["count"]


class Ours(Applications):
    """This library. A hook has a method for the items that it is told of, or is a function of each event."""

    def __init__(self) -> None:
        from declarai_like import app
        from declarai_like.app.events import StreamItem

        contender = self

        class Hook:
            def post_stream_item(self, **_: Any) -> None:
                contender.told += 1

        class AsyncHook:
            async def post_stream_item(self, **_: Any) -> None:
                contender.told += 1

        def hook(event: Any) -> None:
            contender.told += type(event) is StreamItem

        async def async_hook(event: Any) -> None:
            contender.told += type(event) is StreamItem

        super().__init__(app, app.streaming_action, Hook(), AsyncHook())
        self._told_events = self.build(self._items, hook)
        self._atold_events = self.build(self._aitems, async_hook)

    def stream_told_events(self, items: int) -> Any:
        return self.read(self._told_events, items)

    async def astream_told_events(self, items: int) -> Any:
        return await self.aread(self._atold_events, items)


class Burr(Applications):
    """Burr, the same calls of which do the same."""

    def __init__(self) -> None:
        from burr import core
        from burr.core.action import streaming_action
        from burr.lifecycle.base import PostStreamItemHook, PostStreamItemHookAsync

        contender = self

        class Hook(PostStreamItemHook):
            def post_stream_item(self, **future_kwargs: Any) -> None:
                contender.told += 1

        class AsyncHook(PostStreamItemHookAsync):
            async def post_stream_item(self, **future_kwargs: Any) -> None:
                contender.told += 1

        super().__init__(core, streaming_action, Hook(), AsyncHook())


def numbers(size: int) -> Iterator[Any]:
    """Yield so many items, as a streaming action yields them."""
    for number in range(size):
        yield {"number": number}, None


async def anumbers(size: int) -> AsyncIterator[Any]:
    for number in range(size):
        yield {"number": number}, None
