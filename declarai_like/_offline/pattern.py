"""Sampling of text that matches a regular expression.

The expression is parsed into a generator of text. Assertions are ignored while text is generated, so each
candidate is checked against the compiled expression.
"""

from __future__ import annotations

import itertools
import re
import string
from collections.abc import Callable

Generate = Callable[[int, int], str]
"""Returns text, given the variant to take of several, and the number of repeats beyond the minimum."""

_DIGITS = string.digits
_MARKS = "-_ .,:;!?/+*=@#%&()[]{}<>'\""
_PRINTABLE = "".join(
    itertools.chain.from_iterable(
        itertools.zip_longest(string.ascii_lowercase, _DIGITS, string.ascii_uppercase, _MARKS, fillvalue="")
    )
)
"""Characters of each kind in turn, so that the first few variants differ."""
_WORD = "".join(character for character in _PRINTABLE if character.isalnum() or character == "_")
_CLASSES = {"d": _DIGITS, "w": _WORD, "s": " "}
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "0": "\0"}
_ZERO_WIDTH = "bBAzZG"
_MAX_VARIANTS = 8
_MAX_REPEATS = 32
_MAX_RANGE = 100  # characters taken of a range such as a-z
_QUANTIFIER = re.compile(r"\{(\d*)(,?)(\d*)\}")


def sample_match(pattern: str, min_length: int, max_length: int | None, variant: int = 0) -> str | None:
    """Return text in which the pattern matches; None if the pattern is too hard.

    Different variants are mostly different texts.
    """
    try:
        generate = _Parser(pattern).alternatives()
        compiled = re.compile(pattern)
    except (_Unsupported, re.error, IndexError):  # IndexError: the pattern ends too early
        return None
    for extra in (*range(_MAX_REPEATS), min_length):
        for index in range(variant, variant + _MAX_VARIANTS):
            text = generate(index, extra)
            # A JSON Schema pattern is searched for, not matched in full, so padding may reach the minimum length
            for candidate in (text, text.ljust(min_length, "a")):
                fits = min_length <= len(candidate) and (max_length is None or len(candidate) <= max_length)
                if fits and compiled.search(candidate):
                    return candidate
    return None


class _Unsupported(Exception):
    """The pattern has syntax that the parser does not support."""


class _Parser:
    """Recursive-descent parser of a pattern. It ignores what has no width: anchors and lookarounds."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._position = 0

    def alternatives(self) -> Generate:
        options = [self._sequence()]
        while self._take("|"):
            options.append(self._sequence())
        return lambda variant, extra: options[variant % len(options)](variant, extra)

    def _sequence(self) -> Generate:
        parts: list[Generate] = []
        while self._position < len(self._pattern) and self._pattern[self._position] not in "|)":
            parts.append(self._repeated(self._atom()))
        return lambda variant, extra: "".join(part(variant, extra) for part in parts)

    def _repeated(self, part: Generate) -> Generate:
        minimum, maximum = 1, 1.0
        quantifier = _QUANTIFIER.match(self._pattern, self._position)
        if quantifier and quantifier[0] != "{}":  # which Python takes literally
            self._position = quantifier.end()
            minimum = int(quantifier[1] or 0)
            maximum = float(quantifier[3] or ("inf" if quantifier[2] else quantifier[1]))
        elif self._take("*"):
            minimum, maximum = 0, float("inf")
        elif self._take("+"):
            minimum, maximum = 1, float("inf")
        elif self._take("?"):
            minimum, maximum = 0, 1.0
        else:
            return part
        if not self._take("?"):  # lazy and possessive quantifiers match the same text
            self._take("+")

        def generate(variant: int, extra: int) -> str:
            count = int(min(minimum + extra, maximum))
            return "".join(part(variant + index, extra) for index in range(count))

        return generate

    def _atom(self) -> Generate:
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

    def _group(self) -> Generate:
        is_lookaround = False
        if self._take("?"):
            kind = re.compile(r":|P?<\w+>|<?[=!]|>|[a-zA-Z-]*[:)]").match(self._pattern, self._position)
            if kind is None:
                raise _Unsupported
            self._position = kind.end()
            is_lookaround = kind[0][-1] in "=!"
            if kind[0].endswith(")"):  # global flags, such as (?i)
                return _nothing
        content = self.alternatives()
        if not self._take(")"):
            raise _Unsupported
        return _nothing if is_lookaround else content

    def _class(self) -> str:
        negated = self._take("^")
        members = self._class_member()  # the first member may be a closing bracket, as in []a]
        while not self._take("]"):
            members += self._class_member()
        return "".join(character for character in _PRINTABLE if character not in members) if negated else members

    def _class_member(self) -> str:
        first = self._single()
        if len(first) != 1 or self._pattern[self._position] != "-" or self._pattern[self._position + 1] == "]":
            return first
        self._position += 1
        last = self._single()
        return "".join(map(chr, range(ord(first), min(ord(last), ord(first) + _MAX_RANGE) + 1)))

    def _single(self) -> str:
        character = self._next()
        return self._escape() if character == "\\" else character

    def _escape(self) -> str:
        """Return the characters that an escape matches; none if it has no width."""
        character = self._next()
        if character in _ZERO_WIDTH:
            return ""
        if character.lower() in _CLASSES:
            members = _CLASSES[character.lower()]
            return members if character.islower() else "".join(c for c in _PRINTABLE if c not in members)
        if character in "xuU":
            digits = {"x": 2, "u": 4, "U": 8}[character]
            code = self._pattern[self._position : self._position + digits]
            self._position += digits
            return chr(int(code, 16))
        if character in _CONTROLS:
            return _CONTROLS[character]
        if character.isalnum():  # backreferences, Unicode properties
            raise _Unsupported
        return character

    def _next(self) -> str:
        self._position += 1
        return self._pattern[self._position - 1]

    def _take(self, character: str) -> bool:
        taken = self._pattern.startswith(character, self._position)
        self._position += taken
        return taken


def _one_of(characters: str) -> Generate:
    return lambda variant, _: characters[variant % len(characters)] if characters else ""


def _nothing(variant: int, extra: int) -> str:
    return ""
