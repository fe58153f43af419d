"""The reading half of a stream, without I/O: the same for blocking and for async code.

What is read is a short generator. It yields `MORE` where it needs another piece of the stream, which is given by
``feed``; what it returns, or yields beside that, is what was read.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from enum import Enum
from operator import length_hint
from typing import Any, Final, Literal, TypeAlias, TypeVar

from pydantic import BaseModel

from .declared import StreamTypes
from .encodings import Decoder
from .errors import (
    DataAfterEnd,
    FrameError,
    InvalidPayload,
    MissingFooter,
    MissingHeader,
    OutOfOrder,
    StreamTruncated,
    TypedStreamError,
    UnexpectedFrame,
    WrongCount,
)
from .failures import Failure, known_errors, raised
from .frames import BINARY, HEAD_SIZE, FrameRun
from .order import Order, Phase, Tag
from .payloads import payloads
from .sources import Piece, as_bytes

T = TypeVar("T")


class More(Enum):
    """What a reading yields where it needs another piece."""

    MORE = "more"


MORE: Final = More.MORE
_ITEM = int(Tag.ITEM)
_ITEMS = frozenset({_ITEM, _ITEM | BINARY})
Reading: TypeAlias = Generator[Literal[More.MORE], None, T]


class End(BaseModel):
    """The content of an END frame."""

    items: int


class Receiver:
    """Reads header, items and footer, in this order, and knows when a stream is whole.

    What goes wrong with the stream goes wrong for good: each further reading raises the same error. What the caller
    does wrong changes nothing.
    """

    def __init__(
        self,
        types: StreamTypes[Any, Any, Any],
        decoder: Decoder,
        *,
        end_required: bool,
        errors: Iterable[type[Exception]],
    ) -> None:
        self._decoder = decoder
        self._order = Order(types)
        self._end_required = end_required or types.footer_type is not None
        self._known_errors = known_errors(errors)
        self._models: dict[int, Any] = {
            Tag.HEADER: types.header_type,
            Tag.ITEM: types.item_type,
            Tag.FOOTER: types.footer_type,
            Tag.END: End,
            Tag.ERROR: Failure,
        }
        self._runs: Iterator[FrameRun] = iter(())  # those that the last piece completes
        self._run: FrameRun = (0, [], 0)  # the one that is being read
        self._left: Iterator[bytes | bytearray] = iter(())  # the contents in it that are left
        self._held: bytes | bytearray | None = None  # the content of the next frame, which has been looked at
        self._items = 0  # those of the run that are left too
        self._ended = False
        self._failure: Exception | None = None

    @property
    def is_over(self) -> bool:
        """Whether no more of the stream is wanted: it has been read to its end, or it failed."""
        return self._ended or self._failure is not None

    def feed(self, piece: Piece) -> bool:
        """Take the next piece of the stream; say whether there may be something to read now."""
        runs = self._decoder.feed(piece if isinstance(piece, bytes) else as_bytes(piece))
        if not runs:
            return False
        self._runs = iter(runs)
        return True

    def end(self) -> None:
        """Take note that there are no more pieces."""
        self._ended = True

    def close(self) -> None:
        """Give up what has not been read."""
        if self._failure is None and self._order.state is not Phase.OVER:
            self._failure = OutOfOrder("the reader is closed")

    def header(self) -> Reading[Any]:
        """Read the header."""
        self._go_on()
        if self._models[Tag.HEADER] is None:
            raise OutOfOrder("the types declare no header")
        if self._order.state is not Phase.START:
            raise OutOfOrder("the header can only be read first, and once")
        if (kind := (yield from self._next())) is not Tag.HEADER:
            raise self._no_header(kind)
        return self._taken()

    def items(self) -> Generator[Any, None, None]:
        """Read the items that are left, and yield each."""
        self._go_on()
        if self._order.state is Phase.START:
            if (kind := (yield from self._next())) is not Tag.HEADER:
                raise self._no_header(kind)
            raise OutOfOrder("the header has to be read first: read_header()")
        if self._order.state is not Phase.ITEMS:
            return
        load = payloads(self._models[Tag.ITEM]).load
        while (kind := (yield from self._next())) is Tag.ITEM:
            yield self._taken()
            # The same again, as fast as can be, as long as it is plain items that come
            while self._run[0] == _ITEM and not self._ended:
                for content in self._left:
                    try:
                        item = load(content)
                    except ValueError as error:
                        raise self._unfit(error) from error
                    except Exception:  # a validator failed, not the stream
                        self._held = content
                        raise
                    yield item
                while not (self._begin_run() or self._ended):
                    yield MORE
        yield from self._after_items(kind)

    def footer(self) -> Reading[Any]:
        """Read the footer, and the end of the stream."""
        self._go_on()
        if self._models[Tag.FOOTER] is None:
            raise OutOfOrder("the types declare no footer")
        if self._order.state is Phase.START:
            raise OutOfOrder("the header has to be read first: read_header()")
        if self._order.state is not Phase.ITEMS:
            raise OutOfOrder("the footer can only be read once")
        kind = yield from self._next()
        if kind is None:
            raise self._truncated()
        if kind is Tag.ITEM:
            raise OutOfOrder("there are items to be read first: read_items()")
        self._refuse_others(kind)
        footer = self._taken()
        if (kind := (yield from self._next())) is not None:
            yield from self._end(kind)
        self._order.state = Phase.OVER
        return footer

    def _after_items(self, kind: Tag | None) -> Reading[None]:
        if kind is Tag.FOOTER:
            self._refuse_others(kind)  # and the footer stays for who reads it
        elif kind is not None:
            yield from self._end(kind)
        elif self._end_required:
            raise self._truncated()
        else:
            self._order.state = Phase.OVER

    def _end(self, kind: Tag) -> Reading[None]:
        """Read the end of the stream, behind which there is nothing."""
        self._refuse_others(kind)
        end = self._taken()
        if end.items != self._items:
            raise self._failed(WrongCount, f"{self._items} items have come, and the end tells of {end.items}")
        try:
            after = yield from self._next()
        except (FrameError, StreamTruncated) as error:
            self._failure = DataAfterEnd("something follows on the end", frame=error.frame, offset=error.offset)
            raise self._failure from error
        if after is not None:
            raise self._failed(DataAfterEnd, "something follows on the end")

    def _go_on(self) -> None:
        if self._failure is not None:
            raise self._failure.with_traceback(None)

    def _next(self) -> Reading[Tag | None]:
        """Look at the next frame, which stays the next one; None at the end of the bytes."""
        self._go_on()
        while self._held is None:
            for content in self._left:
                self._held = content
                break
            else:
                if not self._begin_run():
                    if self._ended:
                        return None
                    yield MORE
        return Tag(self._run[0] & ~BINARY)

    def _begin_run(self) -> bool:
        """Go on to the next run of frames that has come; False if there is none."""
        try:
            for run in self._runs:
                self._run = run
                self._left = iter(run[1])
                if run[0] in _ITEMS:
                    self._items += len(run[1])
                return True
            if self._ended:
                self._decoder.end()
        except TypedStreamError as error:
            self._failure = error
            raise
        return False

    def _taken(self) -> Any:
        """Give the content of the frame that has been looked at, and go on to the next one."""
        assert self._held is not None
        kind = Tag(self._run[0] & ~BINARY)
        known = payloads(self._models[kind])
        try:
            value = known.load_binary(self._held) if self._run[0] & BINARY else known.load(self._held)
        except ValueError as error:
            raise self._unfit(error) from error
        self._order.advance(kind)
        self._held = None
        return value

    def _unfit(self, error: ValueError) -> Exception:
        kind = Tag(self._run[0] & ~BINARY)
        model = self._models[kind].__name__
        return self._failed(InvalidPayload, f"the content of the {kind.name} frame does not fit {model}: {error}")

    def _refuse_others(self, kind: Tag) -> None:
        """Raise what a frame tells of, or why it cannot come now."""
        if kind is Tag.ERROR:
            failure = self._taken()
            frame, offset = self._place()
            self._failure = raised(failure, self._known_errors, frame=frame, offset=offset)
            raise self._failure
        problem = self._order.problem(kind)
        if problem:
            raise self._failed(MissingFooter if kind is Tag.END else UnexpectedFrame, problem)

    def _no_header(self, kind: Tag | None) -> Exception:
        if kind is None:
            return self._truncated()
        if kind is Tag.ERROR:
            self._refuse_others(kind)
        self._order.state = Phase.ITEMS
        frame, offset = self._place()
        return MissingHeader("the stream has not the header that the types declare", frame=frame, offset=offset)

    def _truncated(self) -> Exception:
        what = "the stream ends before its " + ("footer" if self._models[Tag.FOOTER] else "END frame")
        self._failure = StreamTruncated(
            f"{what}, after {self._items} items", frame=self._decoder.index, offset=self._decoder.offset
        )
        return self._failure

    def _failed(self, cls: type[TypedStreamError], what: str) -> Exception:
        frame, offset = self._place()
        self._failure = cls(what, frame=frame, offset=offset)
        return self._failure

    def _place(self) -> tuple[int, int]:
        """Give the number of the frame that was taken last, and where it begins."""
        _, contents, offset = self._run
        last = self._last()
        before = sum(HEAD_SIZE + len(content) for content in contents[:last])
        return self._decoder.index - len(contents) + last, offset + before

    def _last(self) -> int:
        """Which frame of the run was taken last."""
        return len(self._run[1]) - length_hint(self._left) - 1
