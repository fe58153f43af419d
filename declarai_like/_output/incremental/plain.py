"""Incomplete JSON as plain Python values: dicts, lists, str, numbers, bools and None."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from ...errors import InvalidJSON
from .open_values import ABSENT, Entries, PartialDict, PartialList, resolve_text
from .parser import MAX_DEPTH, NUMBER, IncrementalParser

_LITERALS = {
    "true": True,
    "false": False,
    "null": None,
    "NaN": float("nan"),
    "Infinity": float("inf"),
    "-Infinity": float("-inf"),
}


class PartialJSON:
    """The value of a JSON text that is still being written.

    Strings grow. A key appears with the first character of its value. Numbers and literals appear when they are
    complete, since ``12`` may be the start of ``1250``. With ``early=True`` they appear as far as they have arrived.

    At the end the value is the one that ``json.loads`` returns.
    """

    def __init__(self, *, early: bool = False, deepest: int = MAX_DEPTH) -> None:
        """``deepest`` is the maximum nesting of objects and arrays."""
        self._parser = IncrementalParser(PLAIN, max_depth=deepest)
        self._early = parse_early if early else None
        self._error: InvalidJSON | None = None

    def feed(self, text: str) -> None:
        """Read more text.

        Raises:
            InvalidJSON: the text cannot become JSON any more. Each later call raises the same error.
            NestingTooDeep: the nesting exceeds the limit.
        """
        if self._error is not None:
            raise self._error
        try:
            end = self._parser.feed(text)
            if text[end:].strip(" \t\r\n"):
                raise InvalidJSON(f"unexpected text after the JSON: {text[end:][:40]!r}")
        except InvalidJSON as error:
            self._error = error
            raise

    @property
    def complete(self) -> bool:
        """True if the value is complete. For a top-level number this is known only after `end`."""
        return self._parser.complete

    @property
    def value(self) -> Any:
        """The value so far; `ABSENT` before there is one. Complete parts are shared, open parts are copied."""
        return _copied(self._parser.snapshot(early=self._early).build())

    def end(self) -> Any:
        """Mark the end of the text, and return the value.

        Raises:
            InvalidJSON: the text ends in the middle of a value, or is not JSON.
        """
        if self._error is not None:
            raise self._error
        return self._parser.end()


class PlainHandler:
    """Handler for values of any type: dict, list, str, number, bool or None."""

    grows = True

    def open(self, bracket: str) -> PlainObjectBuilder | PlainArrayBuilder:
        return PlainObjectBuilder() if bracket == "{" else PlainArrayBuilder()

    def string(self, text: str) -> str:
        return text

    def parse(self, text: str) -> Any:
        if text in _LITERALS:
            return _LITERALS[text]
        if any(char in text for char in ".eE"):
            return float(text)
        try:
            return int(text)
        except ValueError as error:  # sys.set_int_max_str_digits, which json.loads obeys as well
            raise InvalidJSON(f"the number {text[:20]}... is too long: {error}") from None


PLAIN = PlainHandler()


class PlainObjectBuilder:
    """Builder of an open object."""

    def __init__(self) -> None:
        self.key = ""
        self._entries = Entries()

    def handler_for(self, key: str | None) -> PlainHandler:
        self.key = cast("str", key)
        return PLAIN

    def add(self, value: Any) -> None:
        self._entries.put(self.key, value)

    def view(self) -> Callable[[Any], PartialDict]:
        entries, key, length = self._entries, self.key, len(self._entries)
        return lambda last: PartialDict(entries, key, last, length)

    def close(self, text: Callable[[], str]) -> dict[str, Any]:
        return {key: value for key, (_, value) in self._entries.items()}


class PlainArrayBuilder:
    """Builder of an open array."""

    def __init__(self) -> None:
        self.key = -1
        self._items: list[Any] = []

    def handler_for(self, key: str | None) -> PlainHandler:
        self.key += 1
        return PLAIN

    def add(self, value: Any) -> None:
        self._items.append(value)

    def view(self) -> Callable[[Any], PartialList]:
        items, length = self._items, len(self._items)
        return lambda last: PartialList(items, last, length)

    def close(self, text: Callable[[], str]) -> list[Any]:
        return self._items


def parse_early(text: str) -> Any:
    """Return the value of an incomplete number or literal; `ABSENT` if its text has none yet."""
    for literal, value in _LITERALS.items():
        if literal.startswith(text) and text != "-":  # "-" is more likely a number than -Infinity
            return value
    number = NUMBER.match(text)  # 1.5e+ is 1.5 so far
    return PLAIN.parse(number[0]) if number else ABSENT


def _copied(value: Any) -> Any:
    """Copy the views of open parts to lists and dicts."""
    if isinstance(value, PartialList):
        return [_copied(item) for item in cast("Sequence[Any]", value)]
    if isinstance(value, PartialDict):
        return {key: _copied(item) for key, item in cast("Mapping[Any, Any]", value).items()}
    return resolve_text(value)
