"""Writes a typed stream: each call gives the bytes of one frame, which are the caller's to send."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Iterable, Mapping
from typing import Any, Generic, overload

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError

from .declared import Footer, Header, Item, Model, StreamTypes
from .encodings import EncodingName, encoding_of
from .errors import NotSerializable, OutOfOrder, WrongModel
from .failures import written
from .frames import BINARY
from .order import Order, Phase, Tag
from .payloads import payloads


class StreamWriter(Generic[Item, Header, Footer]):
    """Gives the bytes of header, items, footer and end, in this order; made by `stream_writer`.

    What it is given wrongly raises, and the stream stays as it was: it can go on, or end with `error`.

    Attributes:
        media_type: what a server calls a stream like this.

    Raises:
        OutOfOrder: of its methods: this cannot come now, or the types declare none.
        WrongModel: of its methods: it is not of the type that is declared.
        NotSerializable: of its methods: it cannot be written.
        FrameTooLarge: of its methods: it has more than 4 GiB, and the encoding is ``"frames"``.
    """

    def __init__(
        self, types: StreamTypes[Item, Header, Footer], *, encoding: EncodingName, end: bool, binary: bool
    ) -> None:
        form = encoding_of(encoding)
        self.media_type = form.media_type
        self._encoded = form.encoded
        self._order = Order(types)
        self._with_end = end
        self._items = 0
        models: dict[Tag, Any] = {
            Tag.HEADER: types.header_type,
            Tag.ITEM: types.item_type,
            Tag.FOOTER: types.footer_type,
        }
        self._models = {tag: model for tag, model in models.items() if model is not None}
        self._writes = {tag: _writes(tag, model, text=form.text, binary=binary) for tag, model in self._models.items()}
        self._item_type = types.item_type
        self._ready_for = None if types.header_type else types.item_type  # the type of items, while it is their turn
        self._item_tag, self._dump_item = self._writes[Tag.ITEM]
        self._item_heads = form.short_heads(self._item_tag)

    @property
    def is_over(self) -> bool:
        """Whether the stream has been ended."""
        return self._order.state is Phase.OVER

    def yield_header(self: StreamWriter[Item, Model, Footer], header: Model) -> bytes:
        """Give the bytes of the header."""
        return self._written(Tag.HEADER, header)

    def yield_item(self, item: Item) -> bytes:
        """Give the bytes of an item."""
        if type(item) is not self._ready_for:
            self._check(Tag.ITEM, item)
        dump = self._dump_item  # to call it as `self._dump_item` would be to look for a method first
        try:
            content = dump(item)
        except PydanticSerializationError as error:
            raise _not_serializable(item, error) from error
        try:
            frame = self._item_heads[len(content)] + content
        except IndexError:
            frame = self._encoded(self._item_tag, content)
        self._items += 1
        return frame

    def yield_footer(self: StreamWriter[Item, Header, Model], footer: Model) -> bytes:
        """Give the bytes of the footer."""
        return self._written(Tag.FOOTER, footer)

    def close(self) -> bytes:
        """Give the bytes that say that the stream is whole; none where it is over already, or is written without.

        Raises:
            OutOfOrder: the header or the footer that the types declare has not been written.
        """
        if self.is_over:
            return b""
        self._check_order(Tag.END)
        self._advance(Tag.END)
        return self._encoded(Tag.END, b'{"items":%d}' % self._items) if self._with_end else b""

    def error(self, error: BaseException, *, details: Mapping[str, Any] | None = None) -> bytes:
        """Give the bytes that end the stream with an error, which is raised at the consumer.

        What is sent of it: the name of its class, its message, its arguments where they are plain values, and
        ``details``, or what it has itself under that name.

        Raises:
            OutOfOrder: the stream is over.
        """
        self._check_order(Tag.ERROR)
        self._advance(Tag.ERROR)
        return self._encoded(Tag.ERROR, written(error, details))

    @overload
    def guard(self, pieces: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]: ...
    @overload
    def guard(self, pieces: Iterable[bytes]) -> Generator[bytes, None, None]: ...
    def guard(
        self, pieces: AsyncIterable[bytes] | Iterable[bytes]
    ) -> AsyncGenerator[bytes, None] | Generator[bytes, None, None]:
        """Give what a producer gives that writes with this writer, and its end: `close`, or its `error`.

        Raises:
            Exception: what the producer raised, when it has been sent.
        """
        return self._guard_async(pieces) if isinstance(pieces, AsyncIterable) else self._guard(pieces)

    def _guard(self, pieces: Iterable[bytes]) -> Generator[bytes, None, None]:
        iterator = iter(pieces)
        try:
            yield from iterator
            yield from filter(None, [self.close()])
        except Exception as error:
            if not self.is_over:
                yield self.error(error)
            raise
        finally:
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

    def _written(self, tag: Tag, value: BaseModel) -> bytes:
        self._check(tag, value)
        written_tag, dump = self._writes[tag]
        try:
            content = dump(value)
        except PydanticSerializationError as error:
            raise _not_serializable(value, error) from error
        frame = self._encoded(written_tag, content)
        self._advance(tag)
        return frame

    def _advance(self, tag: Tag) -> None:
        self._order.advance(tag)
        self._ready_for = self._item_type if self._order.state is Phase.ITEMS else None

    def _check(self, tag: Tag, value: object) -> None:
        self._check_order(tag)
        model = self._models[tag]
        if not isinstance(value, model):
            what = f"the {tag.name.lower()} of this stream is a {model.__name__}, and not {value!r:.100}"
            raise WrongModel(what, frame=self._index)

    @property
    def _index(self) -> int:
        """Which frame would be the next one."""
        before = Tag.HEADER in self._models and self._order.state is not Phase.START
        return self._items + before + (self._order.state is Phase.FOOTER)

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
    """Give a writer of one stream of these types.

    Args:
        encoding: the form in which it is written.
        end: whether `close` writes an END frame. Without it, and without a footer, nobody can tell a whole stream from
            one that was cut between two items.
        binary: whether the content of `bytes` and of arrays of numbers goes beside the JSON, where the encoding has a
            place for it. Without it a stream is JSON alone.

    Raises:
        ValueError: there is no such encoding.
    """
    return StreamWriter(types, encoding=encoding, end=end, binary=binary)


def _writes(tag: Tag, model: type[BaseModel], *, text: bool, binary: bool) -> tuple[int, Callable[[Any], bytes]]:
    """Give the tag of a model's frames, and what gives their content."""
    known = payloads(model)
    if text:
        return tag, known.dump_text
    return (tag | BINARY, known.dump_binary) if binary and known.has_binary else (tag, known.dump)


def _not_serializable(value: object, error: Exception) -> NotSerializable:
    return NotSerializable(f"this {type(value).__name__} cannot be written: {error}")
