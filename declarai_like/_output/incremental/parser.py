"""Incremental JSON parser: a table of small states that reads each character once, however the text is cut.

Rule 1: all that knows the grammar of JSON is in this file. The grammar is RFC 8259, with the ``NaN`` and ``Infinity``
that `json.loads` accepts.

Rule 2: a state is a method ``(text, index) -> index``. It reads from ``index``, may set ``self._state`` to the state
that follows, and returns the index after what it has read. A chunk may end after any character. So a state never looks
past the end of ``text``, and what it must remember is an attribute of the parser.

Rule 3: this file does not know about values, types or answers. A `ValueHandler` decides whether an object, array or
string is read part by part or as raw text. A `ContainerBuilder` collects the parts. Where the JSON begins in an answer
is the business of `json_finder`.

The states, and what may follow each:

    before_value      in_string, in_raw_string, in_raw, in_scalar, before_first
    before_first      (after an opening bracket) as before_value or before_key, or after_value of the container around
    before_key        in_raw_string
    after_key         before_value
    after_value       before_key, before_value, or after_value of the container around
    in_string         in_escape, after_value            a string that grows
    in_escape         in_string
    in_raw_string     after_backslash, after_key, after_value, in_raw    a key, or a string that is read as raw text
    after_backslash   in_raw_string
    in_raw            in_raw_string, after_value        an object or array that is read as raw text
    in_scalar         after_value                       a number or literal
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

from ...errors import InvalidJSON, NestingTooDeep
from ...messages import ResponseText
from .chunked_text import ChunkedText, matcher
from .open_values import ABSENT, TextSoFar, ValueSnapshot, ViewChain
from .protocols import ContainerBuilder, ParseListener, ValueHandler

MAX_DEPTH = 200
"""Maximum nesting of objects and arrays. pydantic's parser, which reads complete answers, has the same limit."""

# Quantifiers are possessive (*+), so that no pattern can backtrack: the cost is linear in the length of the match.
_BLANKS = " \t\n\r"
_BLANK = matcher(r"[ \t\n\r]*+")
_UNESCAPED = matcher(r'[^"\\\x00-\x1f]*+')
_WITH_ESCAPES = matcher(  # complete escapes only; of a surrogate pair, both halves
    r'(?:[^"\\\x00-\x1f]++|\\["\\/bfnrt]|\\u(?![dD][89abAB])[0-9a-fA-F]{4}'
    r"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})*+"
)
_RAW = matcher(r'[^"{}\[\]`~]*+')
_SKIPPED_STRING = matcher(r'[^"\\]*+')
_SKIPPED = matcher(r'[^"{}\[\]]*+')
_SCALAR = matcher(r'[^ \t\n\r,:"{}\[\]]*+')
_LITERALS = frozenset({"true", "false", "null", "NaN", "Infinity", "-Infinity"})
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?")
_SCALAR_STARTS = frozenset("-0123456789tfnNI")
_ESCAPES = frozenset('"\\/bfnrtu')
_HEX = frozenset("0123456789abcdefABCDEF")
_MAX_EARLY_LENGTH = 400  # characters of an incomplete number that are shown; sys.set_int_max_str_digits allows >= 640


class IncrementalParser:
    """Reads one JSON text, chunk by chunk.

    Attributes:
        complete: True at the end of the value. For a top-level number this is known only after `end`.
        value: the complete value.
        resume_index: after an error, the index in the last chunk from which to feed the text again after `skip`.
    """

    def __init__(
        self, handler: ValueHandler, *, listener: ParseListener | None = None, max_depth: int = MAX_DEPTH
    ) -> None:
        self.complete = False
        self.value: Any = ABSENT
        self.resume_index = 0
        self._handler = handler  # of the value that comes next, or is open
        self.listener = listener
        self._max_depth = max_depth
        self._state: Callable[[str, int], int] = self._before_value
        self._text = ChunkedText()
        self._offset = 0  # position in the text = this + index in the current chunk
        self._builders: list[ContainerBuilder] = []
        self._chains: list[ViewChain | None] = []  # for each builder; None where the builder has changed since
        self._starts: list[int] = []  # positions of the opening brackets
        self._closing: list[str] = []  # the bracket that closes each builder
        self._growing: ResponseText | None = None  # the open string
        self._start = 0  # position of the raw text
        self._raw_depth = 0  # open brackets in the raw text
        self._escape = ""
        self._is_key = False
        self._is_skipping = False

    def feed(self, text: str, index: int = 0) -> int:
        """Read ``text`` from ``index`` on. Return the index where it stopped: after the value, or at the end.

        Raises:
            InvalidJSON: the text cannot become JSON any more. `skip` passes over the rest of it.
            NestingTooDeep: the nesting exceeds the limit.
        """
        self._offset = self._text.add(text, index)
        end = len(text)
        while index < end and not self.complete:
            index = self._state(text, index)
        return index

    def end(self) -> Any:
        """Mark the end of the text, and return the value.

        Raises:
            InvalidJSON: the text ends in the middle of a value.
        """
        index = self._text.length - self._offset
        if self._state == self._in_scalar and not self._builders:
            self._end_scalar(index)
        if not self.complete:
            raise self._error(index, "the text ends in the middle of a value")
        return self.value

    def snapshot(self, *, early: Callable[[str], Any] | None = None) -> ValueSnapshot:
        """Return the value so far. ``early`` makes a value of an incomplete number or literal."""
        if self.complete:
            return ValueSnapshot(None, self.value)
        last: Any = ABSENT
        if self._growing is not None:
            last = TextSoFar(self._growing)
        elif early is not None and self._state == self._in_scalar:
            last = early(self._text.part(self._start, min(self._start + _MAX_EARLY_LENGTH, self._text.length)))
        chains = self._chains
        return ValueSnapshot((chains[-1] or self._link_views()) if chains else None, last)

    def _link_views(self) -> ViewChain:
        """Return the chain of views. Only the innermost builders have changed, so only their links are made again."""
        chains = self._chains
        first = len(chains) - 1
        while first and chains[first - 1] is None:
            first -= 1
        chain = chains[first - 1] if first else None
        for depth in range(first, len(chains)):
            chain = chains[depth] = (self._builders[depth].view(), chain)
        assert chain is not None
        return chain

    @property
    def builders(self) -> Sequence[ContainerBuilder]:
        """The open builders, from the root inwards."""
        return self._builders

    @property
    def at_line_start(self) -> bool:
        """After an error: True if only blanks precede it in its line."""
        return not self._text.part(0, self._offset + self.resume_index).rpartition("\n")[2].strip(" \t")

    def skip(self) -> None:
        """After an error: read on up to the closing bracket, only counting brackets. The value is `ABSENT`."""
        self._raw_depth += len(self._builders)
        self._max_depth = sys.maxsize
        self._is_skipping = True
        self.listener = None
        in_string = self._state in (self._in_string, self._in_escape, self._in_raw_string)
        self._builders, self._chains, self._starts, self._closing, self._growing = [], [], [], [], None
        self._text = ChunkedText()
        self._start = 0
        self._handler = _SkipHandler()
        self._state = self._in_raw_string if in_string else self._in_raw
        self._is_key = False
        self.complete = not self._raw_depth

    # The states between values. Skipping blanks is repeated in each: a call for it would be one per character.

    def _before_value(self, text: str, index: int) -> int:
        char = text[index]
        if char in _BLANKS:
            index = _BLANK(text, index).end()
            if index == len(text):
                return index
            char = text[index]
        if char == '"':
            return self._begin_string(index)
        if char in "{[":
            return self._begin_container(char, index)
        if char not in _SCALAR_STARTS:
            raise self._error(index, f"expected a value, got {char!r}")
        self._start = self._offset + index
        self._state = self._in_scalar
        return self._in_scalar(text, index)

    def _before_first(self, text: str, index: int) -> int:
        char = text[index]
        if char in _BLANKS:
            return _BLANK(text, index).end()
        closing = self._closing[-1]
        if char == closing:
            return self._close(index)
        if closing == "}":
            return self._before_key(text, index)
        self._handler = self._builders[-1].handler_for(None)
        self._chains[-1] = None
        return self._before_value(text, index)

    def _before_key(self, text: str, index: int) -> int:
        char = text[index]
        if char in _BLANKS:
            index = _BLANK(text, index).end()
            if index == len(text):
                return index
            char = text[index]
        if char != '"':
            raise self._error(index, f"expected a key, got {char!r}")
        self._is_key = True
        self._start = self._offset + index
        self._state = self._in_raw_string
        return index + 1

    def _after_key(self, text: str, index: int) -> int:
        char = text[index]
        if char in _BLANKS:
            index = _BLANK(text, index).end()
            if index == len(text):
                return index
            char = text[index]
        if char != ":":
            raise self._error(index, f"expected ':' after a key, got {char!r}")
        self._state = self._before_value
        return index + 1

    def _after_value(self, text: str, index: int) -> int:
        char = text[index]
        if char in _BLANKS:
            index = _BLANK(text, index).end()
            if index == len(text):
                return index
            char = text[index]
        closing = self._closing[-1]
        if char == ",":
            if closing == "}":
                self._state = self._before_key
            else:
                self._handler = self._builders[-1].handler_for(None)
                self._chains[-1] = None
                self._state = self._before_value
            return index + 1
        if char == closing:
            return self._close(index)
        raise self._error(index, f"expected ',' or {closing!r}, got {char!r}")

    # Strings that grow

    def _begin_string(self, index: int) -> int:
        if self._handler.grows:
            self._growing = ResponseText()
            self._state = self._in_string
            if self.listener is not None:
                self.listener.opened(self._builders, None)
        else:
            self._start = self._offset + index
            self._state = self._in_raw_string
        return index + 1

    def _in_string(self, text: str, index: int) -> int:
        end = _UNESCAPED(text, index).end()
        if end > index:
            self._grow(text[index:end])
        if end == len(text):
            return end
        char = text[end]
        if char == '"':
            return self._end_string(end)
        if char != "\\":
            raise self._error(end, "control character in a string")
        escapes_end = _WITH_ESCAPES(text, end).end()
        if escapes_end > end:
            self._grow(json.loads(f'"{text[end:escapes_end]}"'))
            return escapes_end
        self._escape = ""
        self._state = self._in_escape
        return end

    def _in_escape(self, text: str, index: int) -> int:
        """Read character by character: the escape is cut, or may be the first half of a surrogate pair."""
        char = text[index]
        escape = self._escape = self._escape + char
        offset = (len(escape) - 1) % 6  # of this character in its escape; \uXXXX has 6, a pair is two of them
        if offset == 0 and char != "\\":  # a first half that no second half follows
            self._end_escape(escape[:-1])
            return index
        if offset == 1 and char != "u":
            if len(escape) > 6:
                self._end_escape(escape[:6])
                self._escape, self._state = "\\", self._in_escape
                return index
            if char not in _ESCAPES:
                self._state = self._in_string  # `skip` goes on from there
                raise self._error(index + 1, f"unknown escape \\{char} in a string")
            self._end_escape(escape)
        elif offset > 1 and char not in _HEX:
            self._state = self._in_string
            raise self._error(index, f"incomplete escape {escape[:-1]} in a string")
        elif offset == 5:
            self._end_code(escape)
        return index + 1

    def _end_code(self, escape: str) -> None:
        is_high = escape[-4] in "dD" and escape[-3] in "89abAB"
        if not is_high:
            self._end_escape(escape)
        elif len(escape) > 6:  # a first half after a first half: the second of them may still get its second half
            self._grow(json.loads(f'"{escape[:6]}"'))
            self._escape = escape[6:]

    def _end_escape(self, escape: str) -> None:
        self._grow(json.loads(f'"{escape}"'))
        self._state = self._in_string

    def _grow(self, text: str) -> None:
        growing = self._growing
        assert growing is not None
        growing.pieces.append(text)
        growing.length += len(text)
        if self.listener is not None:
            self.listener.grew(self._builders, text)

    def _end_string(self, index: int) -> int:
        text = self._growing
        assert text is not None
        self._growing = None
        self._add_value(self._handler.string(text.upto(text.length)), was_open=True)
        return index + 1

    # Keys, and strings, objects and arrays that are read as raw text

    def _in_raw_string(self, text: str, index: int) -> int:
        index = (_SKIPPED_STRING if self._is_skipping else _UNESCAPED)(text, index).end()
        if index == len(text):
            return index
        char = text[index]
        if char == "\\":
            self._state = self._after_backslash
            return index + 1
        if char != '"':
            raise self._error(index, "control character in a string")
        if self._raw_depth:
            self._state = self._in_raw
            return index + 1
        raw = self._text.part(self._start, self._offset + index + 1)
        if self._is_key:
            self._end_key(raw, index)
        else:
            self._end_raw(raw, index + 1)
        return index + 1

    def _after_backslash(self, text: str, index: int) -> int:
        self._state = self._in_raw_string
        if text[index] not in _ESCAPES and not self._is_skipping:
            raise self._error(index + 1, f"unknown escape \\{text[index]} in a string")
        return index + 1

    def _end_key(self, raw: str, index: int) -> None:
        key = raw[1:-1]
        if _UNESCAPED(key, 0).end() < len(key):
            try:
                key = json.loads(raw)
            except ValueError as error:
                self._state = self._after_key
                raise self._error(index + 1, f"a key is not a valid string: {error}") from None
        self._is_key = False
        self._handler = self._builders[-1].handler_for(key)
        self._chains[-1] = None
        self._state = self._after_key

    def _in_raw(self, text: str, index: int) -> int:
        """Count brackets. Stop at the characters of a code fence: outside of strings they cannot be JSON.

        So a fence is never read as part of broken JSON, and the JSON that is in it is found.
        """
        index = (_SKIPPED if self._is_skipping else _RAW)(text, index).end()
        if index == len(text):
            return index
        char = text[index]
        if char == '"':
            self._state = self._in_raw_string
        elif char in "{[":
            self._check_depth(index)
            self._raw_depth += 1
        elif char in "`~":
            raise self._error(index, f"expected a value, got {char!r}")
        else:
            self._raw_depth -= 1
            if not self._raw_depth:
                self._end_raw(self._text.part(self._start, self._offset + index + 1), index + 1)
        return index + 1

    def _end_raw(self, text: str, index: int) -> None:
        # Before the handler: it may raise InvalidJSON, and `skip` must then go on after this text.
        self.resume_index = index
        self._state = self._after_value
        self._add_value(self._handler.parse(text))

    # Numbers and literals

    def _in_scalar(self, text: str, index: int) -> int:
        index = _SCALAR(text, index).end()
        if index < len(text):
            self._end_scalar(index)
        return index

    def _end_scalar(self, index: int) -> None:
        scalar = self._text.part(self._start, self._offset + index)
        if scalar in _LITERALS or NUMBER.fullmatch(scalar):
            self._end_raw(scalar, index)
            return
        raise self._error(self._start - self._offset, f"expected a value, got {scalar[:40]!r}")

    # Objects and arrays that are read part by part

    def _begin_container(self, bracket: str, index: int) -> int:
        self._check_depth(index)
        start = self._offset + index
        builder = self._handler.open(bracket)
        if builder is None:
            self._start = start
            self._raw_depth = 1
            self._state = self._in_raw
        else:
            if self.listener is not None:
                self.listener.opened(self._builders, builder)
            self._builders.append(builder)
            self._chains.append(None)
            self._starts.append(start)
            self._closing.append("}" if bracket == "{" else "]")
            self._state = self._before_first
        return index + 1

    def _check_depth(self, index: int) -> None:
        if len(self._builders) + self._raw_depth >= self._max_depth:
            self.resume_index = index
            raise NestingTooDeep(f"the JSON is nested deeper than the limit of {self._max_depth}")

    def _close(self, index: int) -> int:
        builder, start, end = self._builders.pop(), self._starts.pop(), self._offset + index + 1
        self._closing.pop()
        self._chains.pop()
        self._add_value(builder.close(lambda: self._text.part(start, end)), was_open=True)
        return index + 1

    def _add_value(self, value: Any, *, was_open: bool = False) -> None:
        if self._builders:
            self._chains[-1] = None
            self._builders[-1].add(value)
            self._state = self._after_value
        else:
            self.value = value
            self.complete = True
        if self.listener is not None:
            self.listener.added(self._builders, value, was_open=was_open)

    def _error(self, index: int, problem: str) -> InvalidJSON:
        # The index is negative for a number that began in an earlier chunk.
        self.resume_index = max(index, 0)
        return InvalidJSON(f"{problem} (character {self._offset + index} of the JSON)")


class _SkipHandler:
    """Handler for JSON that is passed over."""

    grows = False

    def open(self, bracket: str) -> None:
        return None

    def string(self, text: str) -> Any:
        return ABSENT

    def parse(self, text: str) -> Any:
        return ABSENT
