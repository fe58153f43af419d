"""What is measured of typed streams: this library's codec, truss, and the floor, which is pydantic alone.

A contender's methods are the workloads. Those for small items are given a number of items, and are called with the kind
of item before them and the cut of the bytes behind them, as in ``token_decode_frames``; those for a large one are given
a number of megabytes. All read the same bytes. What they did is verified after the clock has stopped.

Nothing but pydantic is needed here, so that this library can be measured in the environment of the other one.
"""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from pathlib import Path
from typing import Any

from frames_items import ITEMS, Token, frame, large_content, large_item, large_pieces, later, pieces
from pydantic import BaseModel

LIBRARY = Path(__file__).parents[1] / "declarai_like"


class Contender:
    """Finds its workloads by their names, and verifies what they did.

    Attributes:
        last: what was written or read last. It is not returned, as asyncio makes a text of all that a coroutine returns.
    """

    last: Any = None

    def __getattr__(self, workload: str) -> Any:
        kind, _, rest = workload.partition("_")
        if kind not in ITEMS:
            raise AttributeError(workload)
        method, *cut = rest.split("_")
        return partial(getattr(self, method), kind, *cut)

    def verify(self, workload: str, number: int, count: int) -> None:
        kind = workload.partition("_")[0]
        item = ITEMS[kind] if kind in ITEMS else large_item(number)
        last, self.last = self.last, None
        assert count == (number if kind in ITEMS else 1), f"{count} items came"
        if isinstance(last, BaseModel):
            assert last == item, f"this is {last!r:.200}"
        else:
            content = item.model_dump_json().encode()
            assert bytes(last) in (content, frame(content)), f"this is {bytes(last)!r:.200}"


class Floor(Contender):
    """Pydantic alone: JSON without frames."""

    def encode(self, kind: str, number: int) -> int:
        item = ITEMS[kind]
        dump = item.__pydantic_serializer__.to_json
        for _ in range(number):
            last = dump(item)
        self.last = last
        return number

    def decode(self, kind: str, number: int) -> int:
        load = type(ITEMS[kind]).__pydantic_validator__.validate_json
        content = ITEMS[kind].model_dump_json().encode()
        for _ in range(number):
            last = load(content)
        self.last = last
        return number

    def large_encode(self, megabytes: int) -> int:
        self.last = Token.__pydantic_serializer__.to_json(large_item(megabytes))
        return 1

    def large_decode(self, megabytes: int) -> int:
        self.last = Token.__pydantic_validator__.validate_json(large_content(megabytes))
        return 1


class Codec(Contender):
    """A codec of typed streams, given as its module: the names in it are the same in both of them."""

    def __init__(self, streaming: Any, **settings: Any) -> None:
        self._streaming = streaming
        self._settings = settings

    def encode(self, kind: str, number: int) -> int:
        item = ITEMS[kind]
        writes = self._streaming.stream_writer(self._streaming.stream_types(type(item))).yield_item
        for _ in range(number):
            last = writes(item)
        self.last = last
        return number

    async def adecode(self, kind: str, cut: str, number: int) -> int:
        return await self._aread(type(ITEMS[kind]), pieces(kind, number, cut))

    def large_encode(self, megabytes: int) -> int:
        types = self._streaming.stream_types(Token)
        self.last = self._streaming.stream_writer(types).yield_item(large_item(megabytes))
        return 1

    async def large_decode(self, megabytes: int) -> int:
        return await self._aread(Token, large_pieces(megabytes))

    def stream(self, megabytes: int) -> None:
        """Read a large item; the one that is asked for memory."""
        asyncio.run(self.large_decode(megabytes))

    async def _aread(self, model: type[BaseModel], source: Any) -> int:
        count, last = 0, None
        reader = self._streaming.stream_reader(self._streaming.stream_types(model), later(source), **self._settings)
        async for item in reader.read_items():
            count += 1
            last = item
        self.last = last
        return count


class Ours(Codec):
    """This library's codec without the rest of it; blocking too."""

    def __init__(self) -> None:
        sys.path.append(str(LIBRARY))
        import streaming

        sys.path.remove(str(LIBRARY))
        super().__init__(streaming, end="optional")

    def decode(self, kind: str, cut: str, number: int) -> int:
        count, last = 0, None
        types = self._streaming.stream_types(type(ITEMS[kind]))
        reader = self._streaming.stream_reader(types, pieces(kind, number, cut), **self._settings)
        for item in reader.read_items():
            count += 1
            last = item
        self.last = last
        return count


class Truss(Codec):
    """Truss, which reads in async code alone."""

    def __init__(self) -> None:
        from truss_chains import streaming

        super().__init__(streaming)
