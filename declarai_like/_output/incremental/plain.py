"""JSON that is still being written, as plain Python values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from ...errors import InvalidJSON
from .parser import MAX_DEPTH, NUMBER, IncrementalParser
from .views import ABSENT, Entries, PartialDict, PartialList, resolve_text

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

    Strings grow. Keys appear with the first of their value; numbers and literals when they are
    complete, for ``12`` may be on its way to ``1250``. With ``early=True`` they are shown as far as
    they go.

    At the end the value is what ``json.loads`` gives.
    """

    def __init__(self, *, early: bool = False, deepest: int = MAX_DEPTH) -> None:
        """``deepest`` says how many objects and arrays may lie in each other."""
        self._parser = IncrementalParser(PLAIN, deepest=deepest)
        self._word = word_so_far if early else None
        self._error: InvalidJSON | None = None

    def feed(self, text: str) -> None:
        """Read on.

        Raises:
            InvalidJSON: this cannot become JSON any more; so it is raised again from then on.
            NestingTooDeep: it is nested deeper than the limit.
        """
        if self._error is not None:
            raise self._error
        try:
            stopped = self._parser.feed(text)
            if text[stopped:].strip(" \t\r\n"):
                raise InvalidJSON(f"there is more text after the JSON: {text[stopped:][:40]!r}")
        except InvalidJSON as error:
            self._error = error
            raise

    @property
    def complete(self) -> bool:
        """Whether the value is complete. Of a number at the top that is known only from `end`."""
        return self._parser.complete

    @property
    def value(self) -> Any:
        """The value so far: `ABSENT` before there is anything. Complete parts are shared, what is open is copied."""
        return _copied(self._parser.so_far(word=self._word))

    def end(self) -> Any:
        """Say that no more text comes, and give the value.

        Raises:
            InvalidJSON: the text stops in the middle, or is none.
        """
        if self._error is not None:
            raise self._error
        return self._parser.end()


class Plain:
    """A place for any value: a dict, list, str, number, bool or None."""

    grows = True

    def open(self, first: str) -> PlainObject | PlainArray:
        return PlainObject() if first == "{" else PlainArray()

    def string(self, text: str) -> str:
        return text

    def parse(self, text: str) -> Any:
        if text in _LITERALS:
            return _LITERALS[text]
        if any(sign in text for sign in ".eE"):
            return float(text)
        try:
            return int(text)
        except ValueError as error:  # Python's limit, which ``json.loads`` has as well
            raise InvalidJSON(f"the number {text[:20]}... is too long: {error}") from None


PLAIN = Plain()


class PlainObject:
    """An object that is open."""

    def __init__(self) -> None:
        self.key = ""
        self._entries = Entries()

    def handler_for(self, key: str | None) -> Plain:
        self.key = cast("str", key)
        return PLAIN

    def add(self, value: Any) -> None:
        self._entries.put(self.key, value)

    def view(self) -> Callable[[Any], PartialDict]:
        entries, key, length = self._entries, self.key, len(self._entries)
        return lambda last: PartialDict(entries, key, last, length)

    def close(self, text: Callable[[], str]) -> dict[str, Any]:
        return {key: value for key, (_, value) in self._entries.items()}


class PlainArray:
    """An array that is open."""

    def __init__(self) -> None:
        self.key = -1
        self._items: list[Any] = []

    def handler_for(self, key: str | None) -> Plain:
        self.key += 1
        return PLAIN

    def add(self, value: Any) -> None:
        self._items.append(value)

    def view(self) -> Callable[[Any], PartialList]:
        items, length = self._items, len(self._items)
        return lambda last: PartialList(items, last, length)

    def close(self, text: Callable[[], str]) -> list[Any]:
        return self._items


def word_so_far(word: str) -> Any:
    """Give the value of a number or literal that is not complete, as far as that makes one."""
    for literal, value in _LITERALS.items():
        if literal.startswith(word) and word != "-":
            return value
    number = NUMBER.match(word)  # 1.5e+ is 1.5 so far
    return PLAIN.parse(number[0]) if number else ABSENT


def _copied(value: Any) -> Any:
    """Make lists and dicts of the views on what is open."""
    if isinstance(value, PartialList):
        return [_copied(item) for item in cast("Sequence[Any]", value)]
    if isinstance(value, PartialDict):
        return {key: _copied(item) for key, item in cast("Mapping[Any, Any]", value).items()}
    return resolve_text(value)
