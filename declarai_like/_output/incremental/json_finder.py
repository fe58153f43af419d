"""Finds the JSON in an answer while it is being written, with code fences and chatter around it.

What counts is the same as in an answer that is whole (`declarai_like._output.jsontext`): first what stands
alone in a code fence, then each object and array in turn, until one fits. Only, it is shown before
that is certain, and taken back when a fence with JSON of its own follows.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ...errors import InvalidJSON
from .chunked_text import always
from .parser import IncrementalParser
from .views import ABSENT

_CALM = always(r"[^\n\[{`~]*+")
_BLANK = always(r"[ \t\r\n]*+")
_BEGINS = {"{": frozenset('"}'), "[": frozenset('][{"0123456789-tfnNI')}  # other brackets are chatter
_FIRST_WORD = re.compile("-[0-9]|-?Infinity|NaN|null|true|false")
_FIRST_WORDS = ("-Infinity", "Infinity", "NaN", "null", "true", "false")
_MAX_BROKEN = 1000
_STRIDE = 4096  # characters that are copied at a time


class JSONFinder:
    """Looks in a growing text for the JSON that fits, and walks through each that may.

    Attributes:
        certain: whether nothing that follows can change what was found.
    """

    def __init__(self, begin: Callable[[], IncrementalParser], fits: Callable[[Any], bool]) -> None:
        """``begin`` gives a walker for one more JSON text, ``fits`` says whether its value is what is looked for."""
        self.certain = False
        self._begin = begin
        self._fits = fits
        self._step: Callable[[str, int], int] = self._in_chatter
        self._parser: IncrementalParser | None = None  # of the JSON that is being read, or was read last
        self._found: IncrementalParser | None = None  # of the first that fits, outside of fences
        self._bracket = ""
        self._line_ended = False  # since that bracket
        self._word = ""  # behind that bracket
        self._broken = 0
        self._at_margin = True  # nothing but blanks in this line so far
        self._marks = ""  # of a fence, at the beginning of this line
        self._fence = ""  # the marks that will close the fence
        self._is_opening = False  # this line opens a fence
        self._is_alone = False  # there is nothing in the fence but one JSON text at most
        self._is_filled = False  # and that has begun

    def feed(self, text: str) -> None:
        """Read on."""
        place, end = 0, len(text)
        while place < end and not self.certain:
            place = self._step(text, place)

    def end(self) -> None:
        """Say that no more text comes: a fence that is still open is none."""
        self._is_alone = False

    @property
    def parser(self) -> IncrementalParser | None:
        """The walker through the JSON that counts, as far as can be said."""
        is_newer = self._found is None or (self._is_alone and self._is_filled)
        return self._parser if is_newer else self._found

    @property
    def found(self) -> bool:
        """Whether there is a whole value that fits."""
        parser = self.parser
        return parser is not None and parser.complete and self._fits(parser.value)

    def so_far(self, *, word: Callable[[str], Any] | None = None) -> Any:
        """Give the value so far; `ABSENT` where there is none."""
        parser = self.parser
        return ABSENT if parser is None else parser.so_far(word=word)

    # Each step reads on from a place inside the text, and gives the next place

    def _in_chatter(self, text: str, place: int) -> int:
        end = _CALM(text, place).end()
        if calm := text[place:end]:
            self._pass_over(calm)
        if end == len(text):
            return end
        sign = text[end]
        if sign == "\n":
            self._end_line()
        elif sign in "`~":
            self._mark(sign)
        else:
            if self._marks:
                self._is_alone = False
            self._bracket, self._line_ended, self._at_margin = sign, False, False
            self._step = self._after_bracket
        return end + 1

    def _pass_over(self, calm: str) -> None:
        if self._marks or calm.strip(" \t"):
            self._at_margin = False
            if self._marks or calm.strip(None if self._is_filled else " \t\r"):
                self._is_alone = False
        self._marks = ""

    def _end_line(self) -> None:
        if self._marks:
            self._is_alone = False
        self._at_margin, self._marks = True, ""
        if self._is_opening:
            self._is_opening, self._is_alone, self._is_filled = False, True, False

    def _mark(self, sign: str) -> None:
        """Count the marks at the beginning of a line: three are a fence."""
        if not self._at_margin or self._marks not in ("", sign, sign * 2):
            self._at_margin, self._marks, self._is_alone = False, "", False
            return
        self._marks += sign
        if len(self._marks) < 3:
            return
        self._at_margin = False
        self._step = self._in_chatter
        if not self._fence:
            self._is_opening, self._fence = True, self._marks
        elif self._fence == self._marks:
            if self._is_alone and self._is_filled and self.found:
                self._found, self.certain = self._parser, True
            self._fence, self._is_alone = "", False

    def _after_bracket(self, text: str, place: int) -> int:
        """Tell a bracket that begins JSON from one that does not, by the sign that follows."""
        end = _BLANK(text, place).end()
        _, line_end, blank = text[place:end].rpartition("\n")
        if line_end:
            self._line_ended = self._at_margin = True
        if "\r" in blank:
            self._at_margin = False
        if end == len(text):
            return end
        sign = text[end]
        may_begin = self._broken < _MAX_BROKEN or (self._is_alone and not self._is_filled)
        if sign not in _BEGINS[self._bracket] or not may_begin:
            self._begin_none()
            return end
        self._is_opening = False  # where JSON begins in the line that opens a fence, the fence is not around it alone
        if sign in "-tfnNI":
            self._word, self._step = "", self._in_first_word
        else:
            self._begin_json()
        return end

    def _in_first_word(self, text: str, place: int) -> int:
        """Tell a list from chatter in brackets, as in ``[note]``."""
        before = self._word
        word = self._word = before + text[place : place + len("-Infinity") - len(before)]
        if _FIRST_WORD.match(word):
            self._begin_json()
            assert self._parser is not None
            self._parser.feed(before)
            return place
        if any(known.startswith(word) for known in _FIRST_WORDS):
            return len(text)
        self._broken += 1
        self._begin_none()
        self._pass_over(before)
        return place

    def _begin_none(self) -> None:
        at_margin, self._marks, self._is_alone = self._at_margin, "", False
        if self._line_ended:
            self._end_line()
        self._at_margin = at_margin
        self._step = self._in_chatter

    def _begin_json(self) -> None:
        if self._is_filled:
            self._is_alone = False
        self._is_filled = True
        self._parser = self._begin()
        self._parser.feed(self._bracket)
        self._step = self._in_json

    def _in_json(self, text: str, place: int) -> int:
        parser = self._parser
        assert parser is not None
        try:
            place = parser.feed(text, place)
        except InvalidJSON:
            return self._break(parser)
        if parser.complete:
            self._at_margin, self._marks = False, ""
            self._step = self._in_chatter
            if self._found is None and self._fits(parser.value):
                self._found = parser
        return place

    def _break(self, parser: IncrementalParser) -> int:
        """Go on where JSON turned out to be none: behind the bracket that closes it."""
        self._at_margin, self._marks, self._is_alone = parser.at_margin, "", False
        self._broken += 1
        parser.skip()
        self._step = self._in_broken
        if parser.complete:
            self._end_broken()
        return parser.stopped

    def _in_broken(self, text: str, place: int) -> int:
        """Pass over what is broken, unless it was not closed before a fence."""
        parser = self._parser
        assert parser is not None
        end = place + 1
        if not self._at_margin:
            line = text.find("\n", place, place + _STRIDE)
            end = place + _STRIDE if line < 0 else line + 1
        elif text[place] in "`~":
            self._mark(text[place])
            if len(self._marks) == 3:
                self._parser = None
                return end
        else:
            self._at_margin, self._marks = not self._marks and text[place] in " \t", ""
        stopped = place + parser.feed(text[place:end])
        if parser.complete:
            self._end_broken()
        elif text[stopped - 1] == "\n":
            self._end_line()
        return stopped

    def _end_broken(self) -> None:
        self._parser = None
        self._at_margin, self._marks = False, ""
        self._step = self._in_chatter
