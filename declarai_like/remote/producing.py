"""A function's items as the frames of a stream, made a little ahead of the connection, and no further."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import anyio
from anyio.abc import ObjectSendStream
from pydantic import ValidationError

from .._core.threads import items_in_threads
from ..streaming import StreamWriter, WrongModel
from .declared import RemoteStream

AnyStream: TypeAlias = RemoteStream[..., Any, Any, Any]
AnyWriter: TypeAlias = StreamWriter[Any, Any, Any]
Frame: TypeAlias = bytes | Exception
"""What the producer has made: the bytes of a frame, or the error that ended it."""

_log = logging.getLogger("declarai_like")


async def produce(
    function: AnyStream, args: tuple[Any, ...], kwargs: dict[str, Any], writer: AnyWriter, into: ObjectSendStream[Frame]
) -> None:
    """Run a function, and put the frames of its stream into the buffer, up to the end or the error.

    When this is cancelled, the function's generator is closed.
    """
    written = _written(function, writer)
    async with into:
        try:
            async with _items(function, args, kwargs) as items:
                async for item in items:
                    await into.send(written(item))
            await into.send(writer.close())
        except Exception as error:
            _log.exception("%s failed", function.name)
            await into.send(error)


@asynccontextmanager
async def _items(
    function: AnyStream, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> AsyncGenerator[AsyncIterator[Any]]:
    items = (
        function(*args, **kwargs) if function.is_async else items_in_threads(lambda: iter(function(*args, **kwargs)))
    )
    try:
        yield items
    finally:
        aclose: Callable[[], Awaitable[object]] | None = getattr(items, "aclose", None)
        if aclose is not None:
            with anyio.CancelScope(shield=True):  # what its `finally` waits for is its own affair
                await aclose()


def _written(function: AnyStream, writer: AnyWriter) -> Callable[[Any], bytes]:
    """Give what makes the frame of each thing that the function gives."""
    types = function.types
    is_header_next = types.header_type is not None

    def written(value: Any) -> bytes:
        nonlocal is_header_next
        if is_header_next:
            frame = writer.yield_header(value)
            is_header_next = False
            return frame
        if types.footer_type is not None and isinstance(value, types.footer_type):
            return writer.yield_footer(value)
        return writer.yield_item(value)

    def wrapped(value: Any) -> bytes:
        try:
            item = types.item_type.model_validate(value)
        except ValidationError as error:
            why = error.errors()[0]["msg"]
            raise WrongModel(f"{function.name} gave {value!r:.100}, which is not of the declared type: {why}") from None
        return writer.yield_item(item)

    return wrapped if function.has_values else written
