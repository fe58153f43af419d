"""The writer of a typed stream. Each call returns the bytes of one frame; sending them is up to the caller."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Iterable, Mapping
from typing import Any, Generic, overload

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError

from .declaration import Footer, Header, Item, Model, StreamTypes
from .encodings import EncodingName, encoding_of
from .errors import NotSerializable, OutOfOrder, WrongModel, type_name
from .failures import encode_error
from .frames import BINARY
from .order import Order, Phase, Tag
from .payloads import payloads


class StreamWriter(Generic[Item, Header, Footer]):
    """Serializes header, items, footer and end, in this order; created by `stream_writer`.

    An error does not change the state of the stream: it can continue, or be ended with `error`.

    Attributes:
        media_type: the media type of the stream, for a Content-Type header.

    Raises:
        OutOfOrder: in the methods, as all of these: the frame is not allowed now, or the types do not declare it.
        WrongModel: the object is not of the declared type.
        NotSerializable: the object cannot be serialized.
        FrameTooLarge: it has 4 GiB or more, which the encoding ``"frames"`` cannot express.
    """

    def __init__(
        self, types: StreamTypes[Item, Header, Footer], *, encoding: EncodingName, end: bool, binary: bool
    ) -> None:
        known = encoding_of(encoding)
        self.media_type = known.media_type
        self._encode = known.encode
        self._order = Order(types)
        self._with_end = end
        self._items = 0
        models: dict[Tag, Any] = {
            Tag.HEADER: types.header_type,
            Tag.ITEM: types.item_type,
            Tag.FOOTER: types.footer_type,
        }
        self._models = {tag: model for tag, model in models.items() if model is not None}
        self._dumps = {
            tag: _dump_of(tag, model, is_text=known.is_text, binary=binary) for tag, model in self._models.items()
        }
        self._item_type = types.item_type
        # The type of item that yield_item accepts without further checks: None while items are not allowed
        self._accepted_type = None if types.header_type else types.item_type
        self._item_tag, self._dump_item = self._dumps[Tag.ITEM]
        self._item_heads = known.short_heads(self._item_tag)

    @property
    def is_over(self) -> bool:
        """True if the stream has been ended."""
        return self._order.phase is Phase.OVER

    def yield_header(self: StreamWriter[Item, Model, Footer], header: Model) -> bytes:
        """Return the bytes of the header."""
        return self._frame(Tag.HEADER, header)

    def yield_item(self, item: Item) -> bytes:
        """Return the bytes of an item."""
        if type(item) is not self._accepted_type:  # a subclass is allowed too, and is checked there
            self._check(Tag.ITEM, item)
        dump = self._dump_item  # calling self._dump_item(item) looks for a method of the class first
        try:
            content = dump(item)
        except PydanticSerializationError as error:
            raise _not_serializable(item, error) from error
        try:
            frame = self._item_heads[len(content)] + content
        except IndexError:  # a long item, or an encoding without heads
            frame = self._encode(self._item_tag, content)
        self._items += 1
        return frame

    def yield_footer(self: StreamWriter[Item, Header, Model], footer: Model) -> bytes:
        """Return the bytes of the footer."""
        return self._frame(Tag.FOOTER, footer)

    def close(self) -> bytes:
        """End the stream and return the bytes of its END frame; ``b""`` if it has ended, or is written without one.

        Raises:
            OutOfOrder: the declared header or footer is missing.
        """
        if self.is_over:
            return b""
        self._check_order(Tag.END)
        self._advance(Tag.END)
        return self._encode(Tag.END, b'{"items":%d}' % self._items) if self._with_end else b""

    def error(self, error: BaseException, *, details: Mapping[str, Any] | None = None) -> bytes:
        """End the stream with an error, which is raised at the consumer, and return the bytes of its ERROR frame.

        The frame has the name of the error's class, its message, its arguments if they are plain values, and its
        details. It has no traceback.

        Args:
            error: the error.
            details: None for the attribute ``details`` of the error, if it has one.

        Raises:
            OutOfOrder: the stream has ended.
        """
        self._check_order(Tag.ERROR)
        self._advance(Tag.ERROR)
        return self._encode(Tag.ERROR, encode_error(error, details))

    @overload
    def guard(self, pieces: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]: ...
    @overload
    def guard(self, pieces: Iterable[bytes]) -> Generator[bytes, None, None]: ...
    def guard(
        self, pieces: AsyncIterable[bytes] | Iterable[bytes]
    ) -> AsyncGenerator[bytes, None] | Generator[bytes, None, None]:
        """Yield the frames of a producer that uses this writer, and then the end of the stream: `close` or `error`.

        Raises:
            Exception: the error of the producer, after its ERROR frame was yielded.
        """
        return self._guard_async(pieces) if isinstance(pieces, AsyncIterable) else self._guard(pieces)

    def _guard(self, pieces: Iterable[bytes]) -> Generator[bytes, None, None]:
        iterator = iter(pieces)
        try:
            yield from iterator
            if end := self.close():
                yield end
        except Exception as error:  # of the producer, or of close(): the declared footer is missing
            if not self.is_over:
                yield self.error(error)
            raise
        finally:  # also if the guard itself is closed early
            if isinstance(iterator, Generator):
                iterator.close()

    async def _guard_async(self, pieces: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
        iterator = aiter(pieces)
        try:
            async for piece in iterator:
                yield piece
            if end := self.close():
                yield end
        except Exception as error:
            if not self.is_over:
                yield self.error(error)
            raise
        finally:
            if isinstance(iterator, AsyncGenerator):
                await iterator.aclose()

    def _frame(self, tag: Tag, value: BaseModel) -> bytes:
        self._check(tag, value)
        frame_tag, dump = self._dumps[tag]
        try:
            content = dump(value)
        except PydanticSerializationError as error:
            raise _not_serializable(value, error) from error
        frame = self._encode(frame_tag, content)  # may raise, so the state changes after it
        self._advance(tag)
        return frame

    def _advance(self, tag: Tag) -> None:
        self._order.advance(tag)
        self._accepted_type = self._item_type if self._order.phase is Phase.ITEMS else None

    def _check(self, tag: Tag, value: object) -> None:
        self._check_order(tag)
        model = self._models[tag]
        if not isinstance(value, model):
            raise WrongModel(
                f"the {tag.name.lower()} of this stream must be an instance of {model.__name__}, got {type_name(value)}",
                frame=self._index,
            )

    @property
    def _index(self) -> int:
        """The index of the next frame. Derived, so that yield_item counts items only."""
        has_header = Tag.HEADER in self._models and self._order.phase is not Phase.START
        return self._items + has_header + (self._order.phase is Phase.FOOTER)

    def _check_order(self, tag: Tag) -> None:
        problem = self._order.problem(tag)
        if problem:
            raise OutOfOrder(problem, frame=self._index)


def stream_writer(
    types: StreamTypes[Item, Header, Footer],
    *,
    encoding: EncodingName = "frames",
    end: bool = True,
    binary: bool = True,
) -> StreamWriter[Item, Header, Footer]:
    """Return a writer of one stream of these types.

    Args:
        types: the types of the stream.
        encoding: the encoding of the stream.
        end: True to write an END frame at `close`. Without it, and without a footer, a complete stream looks the same as
            one that was cut between two items.
        binary: True to store the content of `bytes` and of arrays of numbers beside the JSON, if the encoding supports
            it. False for a stream of JSON only.

    Raises:
        ValueError: the encoding is unknown.
    """
    return StreamWriter(types, encoding=encoding, end=end, binary=binary)


def _dump_of(tag: Tag, model: type[BaseModel], *, is_text: bool, binary: bool) -> tuple[int, Callable[[Any], bytes]]:
    """Return the first byte of a model's frames, and the function that returns their content."""
    known = payloads(model)
    if is_text:
        return tag, known.dump_text
    return (tag | BINARY, known.dump_binary) if binary and known.has_binary else (tag, known.dump)


def _not_serializable(value: object, error: Exception) -> NotSerializable:
    return NotSerializable(f"cannot serialize {type_name(value)}: {error}")
