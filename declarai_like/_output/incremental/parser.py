"""Walks through a JSON text as it grows, and puts each value in its place as soon as it is complete.

The walker knows the grammar (RFC 8259, with the ``NaN`` and ``Infinity`` that Python's own parser
takes) and nothing of values. What becomes of a value is said by the `ValueHandler` that it goes to: looked
into while it grows, or taken whole. What is open at the moment, from the root inwards, are `ContainerBuilder`s.

Each piece of text is looked at once, however it is cut.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

from ...errors import InvalidJSON, NestingTooDeep
from ...messages import ResponseText
from .chunked_text import ChunkedText, always
from .protocols import ContainerBuilder, ParseListener, ValueHandler
from .views import ABSENT, Snapshot, TextSoFar, Views

MAX_DEPTH = 200
"""How many objects and arrays may lie in each other. The parser that reads whole answers has the same limit."""

_SPACES = " \t\n\r"
_SPACE = always(r"[ \t\n\r]*+")
_PLAIN = always(r'[^"\\\x00-\x1f]*+')
_ESCAPED = always(  # whole escapes; of a surrogate pair, both halves
    r'(?:[^"\\\x00-\x1f]++|\\["\\/bfnrt]|\\u(?![dD][89abAB])[0-9a-fA-F]{4}'
    r"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})*+"
)
_UNBROKEN = always(r'[^"{}\[\]`~]*+')
_SKIPPED_STRING = always(r'[^"\\]*+')
_SKIPPED = always(r'[^"{}\[\]]*+')
_WORD = always(r'[^ \t\n\r,:"{}\[\]]*+')
_WORDS = frozenset({"true", "false", "null", "NaN", "Infinity", "-Infinity"})
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?")
_BEGINS_WORD = frozenset("-0123456789tfnNI")
_ESCAPES = frozenset('"\\/bfnrtu')
_HEX = frozenset("0123456789abcdefABCDEF")
_MAX_EARLY_LENGTH = 400  # characters of a number that are shown before its end; Python's own limit is never lower


class IncrementalParser:
    """Reads one JSON text, piece by piece.

    Attributes:
        complete: whether the text has come to its end. Of a number at the top that is known only from `end`.
        value: the whole value, once it is complete.
        stopped: after an error, the place in the text given last from where `skip` goes on.
    """

    def __init__(self, place: ValueHandler, *, listener: ParseListener | None = None, deepest: int = MAX_DEPTH) -> None:
        self.complete = False
        self.value: Any = ABSENT
        self.stopped = 0
        self._place = place
        self.listener = listener
        self._deepest = deepest
        self._step: Callable[[str, int], int] = self._before_value
        self._pieces = ChunkedText()
        self._offset = 0  # of the piece that is being read
        self._open: list[ContainerBuilder] = []
        self._chains: list[Views | None] = []  # the view of each and of those around it, while they stay as they are
        self._starts: list[int] = []  # of the open nodes
        self._closing: list[str] = []  # the sign that closes each of them
        self._text: ResponseText | None = None  # of the string that is growing
        self._start = 0  # of the value that is taken whole
        self._depth = 0  # inside it
        self._escape = ""
        self._is_key = False
        self._is_skipping = False

    def feed(self, text: str, place: int = 0) -> int:
        """Read on, from a place in ``text``; give the place where the reading stopped: after the value, or at the end.

        Raises:
            InvalidJSON: this cannot become JSON any more. `skip` passes over the rest of it.
            NestingTooDeep: it is nested deeper than the limit.
        """
        self._offset = self._pieces.add(text, place)
        end = len(text)
        while place < end and not self.complete:
            place = self._step(text, place)
        return place

    def end(self) -> Any:
        """Say that no more text comes, and give the value.

        Raises:
            InvalidJSON: the text stops in the middle.
        """
        place = self._pieces.length - self._offset
        if self._step == self._in_word and not self._open:
            self._end_word(place)
        if not self.complete:
            raise self._wrong(place, "the text ends in the middle of a value")
        return self.value

    def so_far(self, *, word: Callable[[str], Any] | None = None) -> Any:
        """Give the value so far. ``word`` makes a value of a number or literal that is not complete."""
        return self.snapshot(word=word).build()

    def snapshot(self, *, word: Callable[[str], Any] | None = None) -> Snapshot:
        """Give what `so_far` gives, to be put together only where somebody looks."""
        if self.complete:
            return Snapshot(None, self.value)
        last: Any = ABSENT
        if self._text is not None:
            last = TextSoFar(self._text)
        elif word is not None and self._step == self._in_word:
            last = word(self._pieces.part(self._start, min(self._start + _MAX_EARLY_LENGTH, self._pieces.length)))
        chains = self._chains
        return Snapshot((chains[-1] or self._chain()) if chains else None, last)

    def _chain(self) -> Views:
        """Link the views of the open nodes. Only the inmost ones have changed since that was done last."""
        chains = self._chains
        first = len(chains) - 1
        while first and chains[first - 1] is None:
            first -= 1
        chain = chains[first - 1] if first else None
        for place in range(first, len(chains)):
            chain = chains[place] = (self._open[place].view(), chain)
        assert chain is not None
        return chain

    @property
    def path(self) -> Sequence[ContainerBuilder]:
        """The open nodes, from the root inwards."""
        return self._open

    @property
    def at_margin(self) -> bool:
        """After an error: whether there are only blanks in the line before it."""
        return not self._pieces.part(0, self._offset + self.stopped).rpartition("\n")[2].strip(" \t")

    def skip(self) -> None:
        """After an error: pass over what follows up to the bracket that closes it, by counting; its value is absent."""
        self._depth += len(self._open)
        self._deepest = sys.maxsize
        self._is_skipping = True
        self.listener = None
        in_string = self._step in (self._in_string, self._in_escape, self._in_raw_string)
        self._open, self._chains, self._starts, self._closing, self._text = [], [], [], [], None
        self._pieces = ChunkedText()
        self._start = 0
        self._place = _Skip()
        self._step = self._in_raw_string if in_string else self._in_raw
        self._is_key = False
        self.complete = not self._depth

    # Each step reads on from a place inside the text, and gives the next place

    def _before_value(self, text: str, place: int) -> int:
        sign = text[place]
        if sign in _SPACES:
            place = _SPACE(text, place).end()
            if place == len(text):
                return place
            sign = text[place]
        if sign == '"':
            return self._begin_string(place)
        if sign in "{[":
            return self._begin_node(sign, place)
        if sign not in _BEGINS_WORD:
            raise self._wrong(place, f"there is {sign!r} where a value should be")
        self._start = self._offset + place
        self._step = self._in_word
        return self._in_word(text, place)

    def _before_first(self, text: str, place: int) -> int:
        """Stand behind an opening bracket."""
        sign = text[place]
        if sign in _SPACES:
            return _SPACE(text, place).end()
        closing = self._closing[-1]
        if sign == closing:
            return self._close(place)
        if closing == "}":
            return self._before_key(text, place)
        self._place = self._open[-1].handler_for(None)
        self._chains[-1] = None
        return self._before_value(text, place)

    def _before_key(self, text: str, place: int) -> int:
        sign = text[place]
        if sign in _SPACES:
            place = _SPACE(text, place).end()
            if place == len(text):
                return place
            sign = text[place]
        if sign != '"':
            raise self._wrong(place, f"there is {sign!r} where a key should be")
        self._is_key = True
        self._start = self._offset + place
        self._step = self._in_raw_string
        return place + 1

    def _after_key(self, text: str, place: int) -> int:
        sign = text[place]
        if sign in _SPACES:
            place = _SPACE(text, place).end()
            if place == len(text):
                return place
            sign = text[place]
        if sign != ":":
            raise self._wrong(place, f"there is {sign!r} where the colon after a key should be")
        self._step = self._before_value
        return place + 1

    def _after_value(self, text: str, place: int) -> int:
        sign = text[place]
        if sign in _SPACES:
            place = _SPACE(text, place).end()
            if place == len(text):
                return place
            sign = text[place]
        closing = self._closing[-1]
        if sign == ",":
            if closing == "}":
                self._step = self._before_key
            else:
                self._place = self._open[-1].handler_for(None)
                self._chains[-1] = None
                self._step = self._before_value
            return place + 1
        if sign == closing:
            return self._close(place)
        raise self._wrong(place, f"there is {sign!r} where a comma or {closing!r} should be")

    # Strings that are seen while they grow

    def _begin_string(self, place: int) -> int:
        if self._place.grows:
            self._text = ResponseText()
            self._step = self._in_string
            if self.listener is not None:
                self.listener.opened(self._open, None)
        else:
            self._start = self._offset + place
            self._step = self._in_raw_string
        return place + 1

    def _in_string(self, text: str, place: int) -> int:
        end = _PLAIN(text, place).end()
        if end > place:
            self._grow(text[place:end])
        if end == len(text):
            return end
        sign = text[end]
        if sign == '"':
            return self._end_string(end)
        if sign != "\\":
            raise self._wrong(end, "there is a control character in a string")
        whole = _ESCAPED(text, end).end()
        if whole > end:
            self._grow(json.loads(f'"{text[end:whole]}"'))
            return whole
        self._escape = ""
        self._step = self._in_escape
        return end

    def _in_escape(self, text: str, place: int) -> int:
        """Read an escape that is cut, or that may be one of a surrogate pair, by single characters."""
        sign = text[place]
        escape = self._escape = self._escape + sign
        size = (len(escape) - 1) % 6  # where in the escape this character stands
        if size == 0 and sign != "\\":  # half a pair, and no other half
            self._end_escape(escape[:-1])
            return place
        if size == 1 and sign != "u":
            if len(escape) > 6:
                self._end_escape(escape[:6])
                self._escape, self._step = "\\", self._in_escape
                return place
            if sign not in _ESCAPES:
                self._step = self._in_string
                raise self._wrong(place + 1, f"there is an unknown escape, \\{sign}, in a string")
            self._end_escape(escape)
        elif size > 1 and sign not in _HEX:
            self._step = self._in_string
            raise self._wrong(place, f"there is an incomplete escape, {escape[:-1]}, in a string")
        elif size == 5:
            self._end_code(escape)
        return place + 1

    def _end_code(self, escape: str) -> None:
        is_high = escape[-4] in "dD" and escape[-3] in "89abAB"
        if not is_high:
            self._end_escape(escape)
        elif len(escape) > 6:  # one half after another; the second may still get its other half
            self._grow(json.loads(f'"{escape[:6]}"'))
            self._escape = escape[6:]

    def _end_escape(self, escape: str) -> None:
        self._grow(json.loads(f'"{escape}"'))
        self._step = self._in_string

    def _grow(self, text: str) -> None:
        grown = self._text
        assert grown is not None
        grown.pieces.append(text)
        grown.length += len(text)
        if self.listener is not None:
            self.listener.grew(self._open, text)

    def _end_string(self, place: int) -> int:
        text = self._text
        assert text is not None
        self._text = None
        self._put(self._place.string(text.upto(text.length)), was_open=True)
        return place + 1

    # Strings, objects and arrays that are taken whole

    def _in_raw_string(self, text: str, place: int) -> int:
        place = (_SKIPPED_STRING if self._is_skipping else _PLAIN)(text, place).end()
        if place == len(text):
            return place
        sign = text[place]
        if sign == "\\":
            self._step = self._after_backslash
            return place + 1
        if sign != '"':
            raise self._wrong(place, "there is a control character in a string")
        if self._depth:
            self._step = self._in_raw
            return place + 1
        raw = self._pieces.part(self._start, self._offset + place + 1)
        if self._is_key:
            self._end_key(raw, place)
        else:
            self._take(raw, place + 1)
        return place + 1

    def _after_backslash(self, text: str, place: int) -> int:
        self._step = self._in_raw_string
        if text[place] not in _ESCAPES and not self._is_skipping:
            raise self._wrong(place + 1, f"there is an unknown escape, \\{text[place]}, in a string")
        return place + 1

    def _end_key(self, raw: str, place: int) -> None:
        key = raw[1:-1]
        if _PLAIN(key, 0).end() < len(key):
            try:
                key = json.loads(raw)
            except ValueError as error:
                self._step = self._after_key
                raise self._wrong(place + 1, f"there is a key that is no string: {error}") from None
        self._is_key = False
        self._place = self._open[-1].handler_for(key)
        self._chains[-1] = None
        self._step = self._after_key

    def _in_raw(self, text: str, place: int) -> int:
        """Count brackets only. A mark of a fence is no JSON, and so a fence is never passed over."""
        place = (_SKIPPED if self._is_skipping else _UNBROKEN)(text, place).end()
        if place == len(text):
            return place
        sign = text[place]
        if sign == '"':
            self._step = self._in_raw_string
        elif sign in "{[":
            self._check_depth(place)
            self._depth += 1
        elif sign in "`~":
            raise self._wrong(place, f"there is {sign!r} where a value should be")
        else:
            self._depth -= 1
            if not self._depth:
                self._take(self._pieces.part(self._start, self._offset + place + 1), place + 1)
        return place + 1

    def _take(self, text: str, place: int) -> None:
        """Give a text that was taken whole to where it goes; that may find that it is no JSON."""
        self.stopped = place
        self._step = self._after_value
        self._put(self._place.parse(text))

    def _in_word(self, text: str, place: int) -> int:
        place = _WORD(text, place).end()
        if place < len(text):
            self._end_word(place)
        return place

    def _end_word(self, place: int) -> None:
        word = self._pieces.part(self._start, self._offset + place)
        if word in _WORDS or NUMBER.fullmatch(word):
            self._take(word, place)
            return
        raise self._wrong(self._start - self._offset, f"there is {word[:40]!r} where a value should be")

    # Objects and arrays that are looked into

    def _begin_node(self, sign: str, place: int) -> int:
        self._check_depth(place)
        start = self._offset + place
        node = self._place.open(sign)
        if node is None:
            self._start = start
            self._depth = 1
            self._step = self._in_raw
        else:
            if self.listener is not None:
                self.listener.opened(self._open, node)
            self._open.append(node)
            self._chains.append(None)
            self._starts.append(start)
            self._closing.append("}" if sign == "{" else "]")
            self._step = self._before_first
        return place + 1

    def _check_depth(self, place: int) -> None:
        if len(self._open) + self._depth >= self._deepest:
            self.stopped = place
            raise NestingTooDeep(f"the JSON is nested deeper than the limit of {self._deepest}")

    def _close(self, place: int) -> int:
        node, start, end = self._open.pop(), self._starts.pop(), self._offset + place + 1
        self._closing.pop()
        self._chains.pop()
        self._put(node.close(lambda: self._pieces.part(start, end)), was_open=True)
        return place + 1

    def _put(self, value: Any, *, was_open: bool = False) -> None:
        if self._open:
            self._chains[-1] = None
            self._open[-1].add(value)
            self._step = self._after_value
        else:
            self.value = value
            self.complete = True
        if self.listener is not None:
            self.listener.added(self._open, value, was_open=was_open)

    def _wrong(self, place: int, what: str) -> InvalidJSON:
        self.stopped = max(place, 0)
        return InvalidJSON(f"{what} (character {self._offset + place} of the JSON)")


class _Skip:
    """The place of what is passed over."""

    grows = False

    def open(self, first: str) -> None:
        return None

    def string(self, text: str) -> Any:
        return ABSENT

    def parse(self, text: str) -> Any:
        return ABSENT
