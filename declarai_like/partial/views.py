"""Values that are not complete: what is there can be read, and what is not there is missing, not invented.

A list that grows by one element for each of n pieces must not be copied n times. So what is seen of
an open list, dict or string is a view: it shares the growing one, and remembers how much of it there was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, TypeAlias, overload

from ..messages import Transcript


class _Absent:
    """There is nothing to be seen yet."""

    def __repr__(self) -> str:
        return "ABSENT"

    def __bool__(self) -> bool:
        return False


ABSENT: Final = _Absent()
_MOST_NAMED = 10


class Missing(AttributeError, KeyError, IndexError):
    """What was asked for has not arrived yet."""

    def __init__(self, message: str | Callable[[], str]) -> None:
        """``message`` may be made later: mostly nobody reads it."""
        self._message = message

    def __str__(self) -> str:
        return self._message if isinstance(self._message, str) else self._message()

    def __reduce__(self) -> tuple[type[Missing], tuple[str]]:
        return Missing, (str(self),)


class TextSoFar:
    """A string that grows: its text is put together where somebody looks."""

    __slots__ = ("_end", "_text")

    def __init__(self, text: Transcript) -> None:
        self._text = text
        self._end = text.length

    def read(self) -> str:
        return self._text.upto(self._end)


Views: TypeAlias = "tuple[Callable[[Any], Any], Views | None]"
"""The view of an open node, and those of the nodes around it."""


class Snapshot:
    """The value at one moment. It is put together when somebody looks."""

    __slots__ = ("_last", "_views")

    def __init__(self, views: Views | None, last: Any) -> None:
        """``views`` begin with that of the inmost open node; ``last`` is what is open in that."""
        self._views = views
        self._last = last

    def build(self) -> Any:
        """Give the value; `ABSENT` where there is nothing."""
        value, views = self._last, self._views
        while views is not None:
            view, views = views
            value = view(value)
        return value


def seen(value: Any) -> Any:
    """Give a value as a reader sees it: a growing string as its text."""
    return value.read() if type(value) is TextSoFar else value


class PartialList(Sequence[Any]):  # noqa: PLW1641  (it has no hash, as a list has none)
    """A list, tuple or set that is not complete: its elements so far. The last one may be open itself."""

    __slots__ = ("_items", "_last", "_length")

    def __init__(self, items: list[Any], last: Any = ABSENT, length: int | None = None) -> None:
        """``length`` says how many of the items are there."""
        self._items = items
        self._length = len(items) if length is None else length
        self._last = last

    def __len__(self) -> int:
        return self._length + (self._last is not ABSENT)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        length, last = self._length, self._last
        place = index if index >= 0 else index + length + (last is not ABSENT)
        if 0 <= place < length:
            return self._items[place]
        if place == length and last is not ABSENT:
            return last.read() if type(last) is TextSoFar else last
        raise Missing(lambda: f"element {index} is not there yet; there are {len(self)} so far")

    def __iter__(self) -> Iterator[Any]:
        yield from islice(self._items, self._length)
        if self._last is not ABSENT:
            yield seen(self._last)

    def __eq__(self, other: object) -> bool:
        others: Any = other
        if not isinstance(other, (PartialList, list, tuple)):
            return NotImplemented
        return len(self) == len(others) and all(a == b for a, b in zip(self, others, strict=True))

    def __repr__(self) -> str:
        return repr(list(self))


class PartialDict(Mapping[Any, Any]):  # noqa: PLW1641  (it has no hash, as a dict has none)
    """A dict that is not complete: its entries so far. The last value may be open itself.

    A key that comes again replaces its value, also where it was seen before.
    """

    __slots__ = ("_entries", "_key", "_last", "_length")

    def __init__(
        self, entries: dict[Any, tuple[int, Any]], key: Any = None, last: Any = ABSENT, length: int | None = None
    ) -> None:
        """``entries`` has, with each value, how many entries were there before it; ``length`` says how many are there."""
        self._entries = entries
        self._length = len(entries) if length is None else length
        self._key = key
        self._last = last

    def __len__(self) -> int:
        return self._length + (self._last is not ABSENT and not self._has(self._key))

    def __getitem__(self, key: Any) -> Any:
        if self._last is not ABSENT and key == self._key:
            return seen(self._last)
        if self._has(key):
            return self._entries[key][1]
        raise Missing(lambda: f"the entry {key!r} is not there yet; so far there are {self._first_keys()}")

    def _first_keys(self) -> list[Any]:
        """Give a few keys: to ask for one that is missing must not take the longer, the more there are."""
        known = list(islice(self._entries, min(self._length, _MOST_NAMED)))
        has_more = self._last is not ABSENT and not self._has(self._key)
        return [*known, self._key][:_MOST_NAMED] if has_more else known

    def __iter__(self) -> Iterator[Any]:
        yield from list(islice(self._entries, self._length))  # a dict that grows cannot be iterated
        if self._last is not ABSENT and not self._has(self._key):
            yield self._key

    def _has(self, key: Any) -> bool:
        entry = self._entries.get(key)
        return entry is not None and entry[0] < self._length

    def __eq__(self, other: object) -> bool:
        others: Any = other
        return dict(self) == dict(others) if isinstance(other, Mapping) else NotImplemented

    def __repr__(self) -> str:
        return repr(dict(self))
