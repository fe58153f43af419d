"""The producer of a stream: runs a function and puts the frames of its items into a bounded buffer."""

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
from .decorator import RemoteStream

AnyStream: TypeAlias = RemoteStream[..., Any, Any, Any]
AnyWriter: TypeAlias = StreamWriter[Any, Any, Any]
Frame: TypeAlias = bytes | Exception
"""The bytes of a frame, or the error that ended the function.

The error is not encoded here: before the first frame it becomes an HTTP status instead.
"""

_log = logging.getLogger("declarai_like")


async def produce(
    function: AnyStream,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    writer: AnyWriter,
    buffer: ObjectSendStream[Frame],
) -> None:
    """Run a function, and put the frames of its stream into the buffer, up to the end or the error.

    If this is cancelled, the function's generator is closed.
    """
    encode = _encoder(function, writer)
    async with buffer:
        try:
            async with _items(function, args, kwargs) as items:
                async for item in items:
                    await buffer.send(encode(item))
            await buffer.send(writer.close())
        except Exception as error:
            _log.exception("%s failed", function.name)
            await buffer.send(error)


@asynccontextmanager
async def _items(
    function: AnyStream, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> AsyncGenerator[AsyncIterator[Any]]:
    # In a thread the call itself, too: a function that is not a generator may block before it returns its iterator
    items = (
        function(*args, **kwargs) if function.is_async else items_in_threads(lambda: iter(function(*args, **kwargs)))
    )
    try:
        yield items
    finally:
        aclose: Callable[[], Awaitable[object]] | None = getattr(items, "aclose", None)
        if aclose is not None:
            # If the client has left, this scope is cancelled, and an await in the function's `finally` would fail at once
            with anyio.CancelScope(shield=True):
                await aclose()


def _encoder(function: AnyStream, writer: AnyWriter) -> Callable[[Any], bytes]:
    """Return the function that encodes what ``function`` yields: a header, items, a footer, or plain values."""
    types = function.types
    is_header_next = types.header_type is not None

    def encode(value: Any) -> bytes:
        nonlocal is_header_next
        if is_header_next:
            frame = writer.yield_header(value)
            is_header_next = False
            return frame
        if types.footer_type is not None and isinstance(value, types.footer_type):
            return writer.yield_footer(value)
        return writer.yield_item(value)

    def encode_value(value: Any) -> bytes:
        try:
            item = types.item_type.model_validate(value)
        except ValidationError as error:
            reason = error.errors()[0]["msg"]
            raise WrongModel(
                f"the items of {function.name} must be of the declared type, got {type(value).__name__}: {reason}"
            ) from None
        return writer.yield_item(item)

    return encode_value if function.has_values else encode
