"""Finds the JSON in an answer while the answer is being written, between code fences and other text.

The result is the same as for a complete answer (`declarai_like._output.jsontext`): first the JSON that is alone in a
code fence, then each object and array in turn, until one is valid. The difference is time. The JSON is shown before
that is certain, and withdrawn if a fence with other JSON follows.

As in `parser`, a state is a method ``(text, index) -> index``. The states are: ``in_prose``, ``after_bracket``,
``in_first_scalar`` (a bracket and a letter or digit, which may be JSON or ``[note]``), ``in_json``, and ``in_broken``
(after invalid JSON, up to the bracket that closes it).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ...errors import InvalidJSON
from .chunked_text import matcher
from .open_values import ABSENT
from .parser import IncrementalParser

_PROSE = matcher(r"[^\n\[{`~]*+")
_BLANK = matcher(r"[ \t\r\n]*+")
_MAY_FOLLOW = {"{": frozenset('"}'), "[": frozenset('][{"0123456789-tfnNI')}  # any other bracket is prose
_SCALAR = re.compile("-[0-9]|-?Infinity|NaN|null|true|false")
_SCALAR_STARTS = ("-Infinity", "Infinity", "NaN", "null", "true", "false")
_MAX_BROKEN = 1000  # as in jsontext: both must find the same
_MAX_SLICE = 4096  # characters copied at a time, so that a large chunk is not copied for each of its lines


class JSONFinder:
    """Finds the JSON that counts in a growing text, and parses each candidate.

    Attributes:
        certain: True if no later text can change the result.
    """

    def __init__(self, new_parser: Callable[[], IncrementalParser], is_valid: Callable[[Any], bool]) -> None:
        """``new_parser`` returns a parser for one more JSON text; ``is_valid`` is true for a value that can be the result."""
        self.certain = False
        self._new_parser = new_parser
        self._is_valid = is_valid
        self._state: Callable[[str, int], int] = self._in_prose
        self._parser: IncrementalParser | None = None  # of the current JSON text, or of the last one
        self._first_valid: IncrementalParser | None = None  # outside of fences
        self._bracket = ""
        self._line_ended = False  # since the bracket
        self._scalar = ""  # after the bracket
        self._broken_count = 0
        self._at_line_start = True  # only blanks precede in this line
        self._marks = ""  # ` or ~ at the start of this line; three of them are a fence
        self._fence = ""  # the marks that close the current fence
        self._is_opening = False  # this line opens a fence
        self._is_alone = False  # the fence holds nothing but at most one JSON text
        self._has_json = False  # and this JSON text has begun

    def feed(self, text: str) -> None:
        """Read more text."""
        index, end = 0, len(text)
        while index < end and not self.certain:
            index = self._state(text, index)

    def end(self) -> None:
        """Mark the end of the text. A fence that is still open does not count as a fence."""
        self._is_alone = False

    @property
    def parser(self) -> IncrementalParser | None:
        """The parser of the JSON that counts, as far as is known now."""
        is_newer = self._first_valid is None or (self._is_alone and self._has_json)
        return self._parser if is_newer else self._first_valid

    @property
    def found(self) -> bool:
        """True if the JSON that counts is complete and valid."""
        parser = self.parser
        return parser is not None and parser.complete and self._is_valid(parser.value)

    def value_so_far(self, *, early: Callable[[str], Any] | None = None) -> Any:
        """Return the value so far; `ABSENT` before there is one."""
        parser = self.parser
        return ABSENT if parser is None else parser.snapshot(early=early).build()

    def _in_prose(self, text: str, index: int) -> int:
        end = _PROSE(text, index).end()
        if prose := text[index:end]:
            self._pass_over(prose)
        if end == len(text):
            return end
        char = text[end]
        if char == "\n":
            self._end_line()
        elif char in "`~":
            self._count_mark(char)
        else:
            if self._marks:
                self._is_alone = False
            self._bracket, self._line_ended, self._at_line_start = char, False, False
            self._state = self._after_bracket
        return end + 1

    def _pass_over(self, prose: str) -> None:
        if self._marks or prose.strip(" \t"):
            self._at_line_start = False
            # As in jsontext: in a fence, only JSON blanks may precede the JSON, and any whitespace may follow it.
            if self._marks or prose.strip(None if self._has_json else " \t\r"):
                self._is_alone = False
        self._marks = ""

    def _end_line(self) -> None:
        if self._marks:
            self._is_alone = False
        self._at_line_start, self._marks = True, ""
        if self._is_opening:
            self._is_opening, self._is_alone, self._has_json = False, True, False

    def _count_mark(self, char: str) -> None:
        """Count the marks at the start of a line. Three equal ones open or close a fence."""
        if not self._at_line_start or self._marks not in ("", char, char * 2):
            self._at_line_start, self._marks, self._is_alone = False, "", False
            return
        self._marks += char
        if len(self._marks) < 3:
            return
        self._at_line_start = False
        self._state = self._in_prose
        if not self._fence:
            self._is_opening, self._fence = True, self._marks
        elif self._fence == self._marks:
            if self._is_alone and self._has_json and self.found:
                self._first_valid, self.certain = self._parser, True
            self._fence, self._is_alone = "", False

    def _after_bracket(self, text: str, index: int) -> int:
        """Decide by the next character whether a bracket begins JSON."""
        end = _BLANK(text, index).end()
        _, newline, blank = text[index:end].rpartition("\n")
        if newline:
            self._line_ended = self._at_line_start = True
        if "\r" in blank:  # as in jsontext: only spaces and tabs may precede a fence in its line
            self._at_line_start = False
        if end == len(text):
            return end
        char = text[end]
        may_begin = self._broken_count < _MAX_BROKEN or (self._is_alone and not self._has_json)
        if char not in _MAY_FOLLOW[self._bracket] or not may_begin:
            self._reject_bracket()
            return end
        self._is_opening = False  # JSON in the line that opens a fence: the fence is not around one JSON text alone
        if char in "-tfnNI":
            self._scalar, self._state = "", self._in_first_scalar
        else:
            self._begin_json()
        return end

    def _in_first_scalar(self, text: str, index: int) -> int:
        """Distinguish a list from prose in brackets, such as ``[note]``."""
        before = self._scalar
        scalar = self._scalar = before + text[index : index + len("-Infinity") - len(before)]
        if _SCALAR.match(scalar):
            self._begin_json()
            assert self._parser is not None
            self._parser.feed(before)  # from earlier chunks; the rest is fed by the next state
            return index
        if any(known.startswith(scalar) for known in _SCALAR_STARTS):
            return len(text)
        self._broken_count += 1
        self._reject_bracket()
        self._pass_over(before)
        return index

    def _reject_bracket(self) -> None:
        at_line_start, self._marks, self._is_alone = self._at_line_start, "", False
        if self._line_ended:
            self._end_line()
        self._at_line_start = at_line_start
        self._state = self._in_prose

    def _begin_json(self) -> None:
        if self._has_json:
            self._is_alone = False
        self._has_json = True
        self._parser = self._new_parser()
        self._parser.feed(self._bracket)
        self._state = self._in_json

    def _in_json(self, text: str, index: int) -> int:
        parser = self._parser
        assert parser is not None
        try:
            index = parser.feed(text, index)
        except InvalidJSON:
            return self._begin_broken(parser)
        if parser.complete:
            self._at_line_start, self._marks = False, ""
            self._state = self._in_prose
            if self._first_valid is None and self._is_valid(parser.value):
                self._first_valid = parser
        return index

    def _begin_broken(self, parser: IncrementalParser) -> int:
        """Pass over invalid JSON up to its closing bracket: a part of it must not be taken for the answer."""
        self._at_line_start, self._marks, self._is_alone = parser.at_line_start, "", False
        self._broken_count += 1
        parser.skip()
        self._state = self._in_broken
        if parser.complete:
            self._end_broken()
        return parser.resume_index

    def _in_broken(self, text: str, index: int) -> int:
        """Pass over invalid JSON. It ends at a code fence at the latest, as it may never be closed."""
        parser = self._parser
        assert parser is not None
        end = index + 1
        if not self._at_line_start:
            newline = text.find("\n", index, index + _MAX_SLICE)
            end = index + _MAX_SLICE if newline < 0 else newline + 1
        elif text[index] in "`~":
            self._count_mark(text[index])
            if len(self._marks) == 3:
                self._parser = None
                return end
        else:
            self._at_line_start, self._marks = not self._marks and text[index] in " \t", ""
        stopped = index + parser.feed(text[index:end])
        if parser.complete:
            self._end_broken()
        elif text[stopped - 1] == "\n":
            self._end_line()
        return stopped

    def _end_broken(self) -> None:
        self._parser = None
        self._at_line_start, self._marks = False, ""
        self._state = self._in_prose
