"""The reading half of a stream without I/O, for sync and async code.

Each method that reads is a short generator. It yields `MORE` if it needs another piece of the stream; its driver then
calls `Receiver.feed`, or `Receiver.end` at the end of the source. The generator returns what it read, or yields it,
for items.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from enum import Enum
from operator import length_hint
from typing import Any, Final, Literal, TypeAlias, TypeVar

from pydantic import BaseModel

from .declaration import StreamTypes
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
from .failures import Failure, decode_error, known_errors
from .frames import BINARY, HEAD_SIZE, FrameRun
from .order import Order, Phase, Tag
from .payloads import payloads
from .sources import Piece, as_bytes

T = TypeVar("T")


class More(Enum):
    """The type of `MORE`."""

    MORE = "more"


MORE: Final = More.MORE
"""The value that a reading yields if it needs another piece."""
_ITEM = int(Tag.ITEM)
_ITEMS = frozenset({_ITEM, _ITEM | BINARY})
Reading: TypeAlias = Generator[Literal[More.MORE], None, T]
"""A generator that reads one thing of type ``T``."""


class End(BaseModel):
    """The content of an END frame."""

    items: int


class Receiver:
    """Reads header, items and footer, in this order, and checks that the stream is complete.

    An error of the stream is permanent: each later reading raises it again. A mistake of the caller (`OutOfOrder`)
    changes nothing.
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
        # From the decoder to the current frame: a piece completes several runs, and a run has several contents
        self._runs: Iterator[FrameRun] = iter(())  # the runs that the last piece completes
        self._run: FrameRun = (0, [], 0)  # the current run
        self._remaining: Iterator[bytes | bytearray] = iter(())  # the contents of the current run that were not read
        self._peeked: bytes | bytearray | None = None  # the content of the next frame, if `_peek` has determined it
        self._items = 0  # the number of items in all runs up to the current one
        self._ended = False
        self._failure: Exception | None = None

    @property
    def is_over(self) -> bool:
        """True if no more of the stream is needed: its source has ended, or it failed."""
        return self._ended or self._failure is not None

    def feed(self, piece: Piece) -> bool:
        """Pass the next piece to the decoder. Return False if it cannot have completed a frame."""
        runs = self._decoder.feed(piece if isinstance(piece, bytes) else as_bytes(piece))
        if not runs:  # an empty tuple; a generator is always true, and may turn out to be empty
            return False
        self._runs = iter(runs)
        return True

    def end(self) -> None:
        """Record that the source has ended."""
        self._ended = True

    def close(self) -> None:
        """Discard what was not read."""
        if self._failure is None and self._order.phase is not Phase.OVER:
            self._failure = OutOfOrder("the reader is closed")

    def header(self) -> Reading[Any]:
        """Read the header."""
        self._raise_failure()
        if self._models[Tag.HEADER] is None:
            raise OutOfOrder("the types declare no header")
        if self._order.phase is not Phase.START:
            raise OutOfOrder("the header can be read only once, before anything else")
        if (kind := (yield from self._peek())) is not Tag.HEADER:
            raise self._missing_header(kind)
        return self._take()

    def items(self) -> Generator[Any, None, None]:
        """Read the items that are left, and yield each."""
        self._raise_failure()
        if self._order.phase is Phase.START:
            if (kind := (yield from self._peek())) is not Tag.HEADER:
                raise self._missing_header(kind)
            raise OutOfOrder("the header must be read before the items; call read_header()")
        if self._order.phase is not Phase.ITEMS:
            return
        load = payloads(self._models[Tag.ITEM]).load
        while (kind := (yield from self._peek())) is Tag.ITEM:
            yield self._take()
            # A fast path for plain items: the same as `_peek` and `_take`, without their calls. The rest of the current
            # run is read first, then each run that follows.
            while self._run[0] == _ITEM and not self._ended:
                for content in self._remaining:
                    try:
                        item = load(content)
                    except ValueError as error:
                        raise self._invalid_payload(error) from error
                    except Exception:  # a user's validator failed, not the stream: the next reading tries again
                        self._peeked = content
                        raise
                    yield item
                while not (self._next_run() or self._ended):
                    yield MORE
        yield from self._after_items(kind)

    def footer(self) -> Reading[Any]:
        """Read the footer, and the end of the stream."""
        self._raise_failure()
        if self._models[Tag.FOOTER] is None:
            raise OutOfOrder("the types declare no footer")
        if self._order.phase is Phase.START:
            raise OutOfOrder("the header must be read before the footer; call read_header()")
        if self._order.phase is not Phase.ITEMS:
            raise OutOfOrder("the footer can be read only once")
        kind = yield from self._peek()
        if kind is None:
            raise self._truncated()
        if kind is Tag.ITEM:
            raise OutOfOrder("the items must be read before the footer; call read_items()")
        self._check(kind)
        footer = self._take()
        # The END frame may be missing: a declared footer ends the stream as well, as in streams of other writers
        if (kind := (yield from self._peek())) is not None:
            yield from self._end(kind)
        self._order.phase = Phase.OVER
        return footer

    def _after_items(self, kind: Tag | None) -> Reading[None]:
        if kind is Tag.FOOTER:
            self._check(kind)  # the footer itself is left for footer()
        elif kind is not None:
            yield from self._end(kind)
        elif self._end_required:
            raise self._truncated()
        else:
            self._order.phase = Phase.OVER

    def _end(self, kind: Tag) -> Reading[None]:
        """Read the END frame, and check that nothing follows it."""
        self._check(kind)
        end = self._take()
        if end.items != self._items:
            raise self._fail(WrongCount, f"the END frame counts {end.items} items, but {self._items} arrived")
        try:
            after = yield from self._peek()
        except (FrameError, StreamTruncated) as error:  # what follows is not even a frame
            self._failure = DataAfterEnd("data follows the END frame", frame=error.frame, offset=error.offset)
            raise self._failure from error
        if after is not None:
            raise self._fail(DataAfterEnd, "data follows the END frame")

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure.with_traceback(None)  # else each raise would add to the traceback of the first

    def _peek(self) -> Reading[Tag | None]:
        """Return the kind of the next frame without consuming it; None at the end of the bytes."""
        self._raise_failure()
        while self._peeked is None:
            for content in self._remaining:
                self._peeked = content
                break
            else:
                if not self._next_run():
                    if self._ended:
                        return None
                    yield MORE
        return Tag(self._run[0] & ~BINARY)

    def _next_run(self) -> bool:
        """Go on to the next run of frames that has arrived; return False if there is not one."""
        try:
            for run in self._runs:
                self._run = run
                self._remaining = iter(run[1])
                if run[0] in _ITEMS:
                    self._items += len(run[1])
                return True
            if self._ended:  # only now: frames before an incomplete one are read first
                self._decoder.end()
        except TypedStreamError as error:
            self._failure = error
            raise
        return False

    def _take(self) -> Any:
        """Consume the frame that `_peek` returned, and return its content as a model."""
        assert self._peeked is not None
        kind = Tag(self._run[0] & ~BINARY)
        known = payloads(self._models[kind])
        try:
            value = known.load_binary(self._peeked) if self._run[0] & BINARY else known.load(self._peeked)
        except ValueError as error:
            raise self._invalid_payload(error) from error
        self._order.advance(kind)
        self._peeked = None  # not before: after an exception of a user's validator the frame can be read again
        return value

    def _invalid_payload(self, error: ValueError) -> Exception:
        kind = Tag(self._run[0] & ~BINARY)
        model = self._models[kind].__name__
        return self._fail(InvalidPayload, f"the content of the {kind.name} frame is not a valid {model}: {error}")

    def _check(self, kind: Tag) -> None:
        """Raise the error of an ERROR frame, or the reason why this frame is not allowed now."""
        if kind is Tag.ERROR:
            failure = self._take()
            frame, offset = self._position()
            self._failure = decode_error(failure, self._known_errors, frame=frame, offset=offset)
            raise self._failure
        problem = self._order.problem(kind)
        if problem:
            raise self._fail(MissingFooter if kind is Tag.END else UnexpectedFrame, problem)

    def _missing_header(self, kind: Tag | None) -> Exception:
        if kind is None:
            return self._truncated()
        if kind is Tag.ERROR:
            self._check(kind)
        self._order.phase = Phase.ITEMS  # and not a failure: the items can be read
        frame, offset = self._position()
        return MissingHeader("the declared header is missing", frame=frame, offset=offset)

    def _truncated(self) -> Exception:
        what = "the stream ends before its " + ("footer" if self._models[Tag.FOOTER] else "END frame")
        self._failure = StreamTruncated(
            f"{what}, after {self._items} items", frame=self._decoder.index, offset=self._decoder.offset
        )
        return self._failure

    def _fail(self, cls: type[TypedStreamError], message: str) -> Exception:
        frame, offset = self._position()
        self._failure = cls(message, frame=frame, offset=offset)
        return self._failure

    def _position(self) -> tuple[int, int]:
        """Return the index of the current frame, and its position in the stream."""
        # Computed for errors only, so that the fast path does not count frames. A run of more than one frame comes from
        # the encoding "frames", in which the size of a frame is known.
        _, contents, offset = self._run
        index = len(contents) - length_hint(self._remaining) - 1  # in the run
        before = sum(HEAD_SIZE + len(content) for content in contents[:index])
        return self._decoder.index - len(contents) + index, offset + before
