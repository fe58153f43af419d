"""A text that fits a regular expression, made from the expression itself."""

from __future__ import annotations

import itertools
import re
import string
from collections.abc import Callable

Make = Callable[[int, int], str]
"""Makes a text: which of several to take, and how much more than the least to repeat."""

_DIGITS = string.digits
_MARKS = "-_ .,:;!?/+*=@#%&()[]{}<>'\""
_PRINTABLE = "".join(
    itertools.chain.from_iterable(
        itertools.zip_longest(string.ascii_lowercase, _DIGITS, string.ascii_uppercase, _MARKS, fillvalue="")
    )
)  # of each kind one, and again
_WORD = "".join(character for character in _PRINTABLE if character.isalnum() or character == "_")
_CLASSES = {"d": _DIGITS, "w": _WORD, "s": " "}
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "0": "\0"}
_ZERO_WIDTH = "bBAzZG"
_MAX_TRIES = 8
_MAX_REPEATS = 32
_MAX_RANGE = 100  # characters of a range that are tried
_COUNT = re.compile(r"\{(\d*)(,?)(\d*)\}")


def example(pattern: str, shortest: int, longest: int | None, which: int = 0) -> str | None:
    """Make a text that the pattern is found in; None where that is too hard.

    Another ``which`` mostly gives another text.
    """
    try:
        make = _Parser(pattern).alternatives()
        found = re.compile(pattern)
    except (_Unknown, re.error, IndexError):
        return None
    for more in (*range(_MAX_REPEATS), shortest):
        for take in range(which, which + _MAX_TRIES):
            text = make(take, more)
            for made in (text, text.ljust(shortest, "a")):
                if shortest <= len(made) and (longest is None or len(made) <= longest) and found.search(made):
                    return made
    return None


class _Unknown(Exception):
    """The pattern has something that is not understood here."""


class _Parser:
    """Reads a pattern from left to right. What has no width, anchors and looks around, is passed over."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._place = 0

    def alternatives(self) -> Make:
        options = [self._sequence()]
        while self._take("|"):
            options.append(self._sequence())
        return lambda which, more: options[which % len(options)](which, more)

    def _sequence(self) -> Make:
        parts: list[Make] = []
        while self._place < len(self._pattern) and self._pattern[self._place] not in "|)":
            parts.append(self._repeated(self._atom()))
        return lambda which, more: "".join(part(which, more) for part in parts)

    def _repeated(self, part: Make) -> Make:
        least, most = 1, 1.0
        count = _COUNT.match(self._pattern, self._place)
        if count and count[0] != "{}":
            self._place = count.end()
            least = int(count[1] or 0)
            most = float(count[3] or ("inf" if count[2] else count[1]))
        elif self._take("*"):
            least, most = 0, float("inf")
        elif self._take("+"):
            least, most = 1, float("inf")
        elif self._take("?"):
            least, most = 0, 1.0
        else:
            return part
        if not self._take("?"):  # lazy and possessive ones make the same texts
            self._take("+")

        def make(which: int, more: int) -> str:
            count = int(min(least + more, most))
            return "".join(part(which + nth, more) for nth in range(count))

        return make

    def _atom(self) -> Make:
        character = self._next()
        if character == "(":
            return self._group()
        if character == "[":
            return _one_of(self._class())
        if character == "\\":
            return _one_of(self._escape())
        if character in "^$":
            return _nothing
        return _one_of(_PRINTABLE if character == "." else character)

    def _group(self) -> Make:
        looks = False
        if self._take("?"):
            kind = re.compile(r":|P?<\w+>|<?[=!]|>|[a-zA-Z-]*[:)]").match(self._pattern, self._place)
            if kind is None:
                raise _Unknown
            self._place = kind.end()
            looks = kind[0][-1] in "=!"
            if kind[0].endswith(")"):  # flags for what follows
                return _nothing
        inside = self.alternatives()
        if not self._take(")"):
            raise _Unknown
        return _nothing if looks else inside

    def _class(self) -> str:
        negated = self._take("^")
        members = self._class_member()  # even a closing bracket, when it comes first
        while not self._take("]"):
            members += self._class_member()
        return "".join(character for character in _PRINTABLE if character not in members) if negated else members

    def _class_member(self) -> str:
        first = self._single()
        if len(first) != 1 or self._pattern[self._place] != "-" or self._pattern[self._place + 1] == "]":
            return first
        self._place += 1
        last = self._single()
        return "".join(map(chr, range(ord(first), min(ord(last), ord(first) + _MAX_RANGE) + 1)))

    def _single(self) -> str:
        character = self._next()
        return self._escape() if character == "\\" else character

    def _escape(self) -> str:
        """Give the characters that an escape stands for; none for one without width."""
        character = self._next()
        if character in _ZERO_WIDTH:
            return ""
        if character.lower() in _CLASSES:
            within = _CLASSES[character.lower()]
            return within if character.islower() else "".join(c for c in _PRINTABLE if c not in within)
        if character in "xuU":
            digits = {"x": 2, "u": 4, "U": 8}[character]
            code = self._pattern[self._place : self._place + digits]
            self._place += digits
            return chr(int(code, 16))
        if character in _CONTROLS:
            return _CONTROLS[character]
        if character.isalnum():  # references back, properties of Unicode
            raise _Unknown
        return character

    def _next(self) -> str:
        self._place += 1
        return self._pattern[self._place - 1]

    def _take(self, character: str) -> bool:
        taken = self._pattern.startswith(character, self._place)
        self._place += taken
        return taken


def _one_of(characters: str) -> Make:
    return lambda which, _: characters[which % len(characters)] if characters else ""


def _nothing(which: int, more: int) -> str:
    return ""
