"""Values that are not complete: what is there can be read, and what is not there is missing, not invented.

A list that grows by one element for each of n pieces must not be copied n times. So what is seen of
an open list, dict or string is a view: it shares the growing one, and remembers how much of it there was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, TypeAlias, overload

from ...messages import ResponseText


class _Absent:
    """There is nothing to be seen yet."""

    def __repr__(self) -> str:
        return "ABSENT"

    def __bool__(self) -> bool:
        return False


ABSENT: Final = _Absent()
_MAX_NAMED = 10


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

    __slots__ = ("_count", "_end", "_text")

    def __init__(self, text: ResponseText) -> None:
        self._text = text
        self._end = text.length
        self._count = len(text.pieces)

    def read(self) -> str:
        """Give its text."""
        return self._text.upto(self._end)

    def since(self, before: TextSoFar) -> str | None:
        """Give what it has grown by since an earlier view; None where that is of another text."""
        if before._text is not self._text:
            return None
        return "".join(self._text.pieces[before._count : self._count])


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


def resolve_text(value: Any) -> Any:
    """Give a value as a reader sees it: a growing string as its text."""
    return value.read() if type(value) is TextSoFar else value


CHANGED: Final = object()
"""Stands for what was there before, and is not known any more."""

Change: TypeAlias = tuple[Any, Any, Any]
"""A step, what was there, and what is there; `ABSENT` where there is nothing."""


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
            yield resolve_text(self._last)

    def since(self, before: PartialList) -> list[Change] | None:
        """Give what may have changed since an earlier view; None where that is of another list."""
        if before._items is not self._items:
            return None
        places = range(before._length, max(len(before), len(self)))
        return [(place, before._at(place), self._at(place)) for place in places]

    def _at(self, place: int) -> Any:
        if place < self._length:
            return self._items[place]
        return self._last if place == self._length else ABSENT

    def __eq__(self, other: object) -> bool:
        others: Any = other
        if not isinstance(other, (PartialList, list, tuple)):
            return NotImplemented
        return len(self) == len(others) and all(a == b for a, b in zip(self, others, strict=True))

    def __repr__(self) -> str:
        return repr(list(self))


class Entries(dict[Any, tuple[int, Any]]):
    """The entries of a dict that grows: with each value, how many entries were there before it.

    Attributes:
        again: the keys that came again, as often as they did.
    """

    __slots__ = ("again",)

    def __init__(self) -> None:
        super().__init__()
        self.again: list[Any] = []

    def put(self, key: Any, value: Any) -> None:
        """Put a value in, beside the others or in place of the one with this key."""
        known = self.get(key)
        if known is None:
            self[key] = (len(self), value)
        else:
            self[key] = (known[0], value)
            self.again.append(key)


class PartialDict(Mapping[Any, Any]):  # noqa: PLW1641  (it has no hash, as a dict has none)
    """A dict that is not complete: its entries so far. The last value may be open itself.

    A key that comes again replaces its value, also where it was seen before.
    """

    __slots__ = ("_again", "_entries", "_key", "_last", "_length")

    def __init__(self, entries: Entries, key: Any, last: Any, length: int) -> None:
        """``length`` says how many of the entries are there."""
        self._entries = entries
        self._again = len(entries.again)
        self._length = length
        self._key = key
        self._last = last

    def __len__(self) -> int:
        return self._length + (self._last is not ABSENT and not self._has(self._key))

    def __getitem__(self, key: Any) -> Any:
        value = self._at(key)
        if value is not ABSENT:
            return resolve_text(value)
        raise Missing(lambda: f"the entry {key!r} is not there yet; so far there are {self._first_keys()}")

    def _first_keys(self) -> list[Any]:
        """Give a few keys: to ask for one that is missing must not take the longer, the more there are."""
        known = list(islice(self._entries, min(self._length, _MAX_NAMED)))
        has_more = self._last is not ABSENT and not self._has(self._key)
        return [*known, self._key][:_MAX_NAMED] if has_more else known

    def __iter__(self) -> Iterator[Any]:
        yield from list(islice(self._entries, self._length))  # a dict that grows cannot be iterated
        if self._last is not ABSENT and not self._has(self._key):
            yield self._key

    def _has(self, key: Any) -> bool:
        entry = self._entries.get(key)
        return entry is not None and entry[0] < self._length

    def since(self, before: PartialDict) -> list[Change] | None:
        """Give what may have changed since an earlier view, as the latest one; None where that is of another dict."""
        if before._entries is not self._entries:
            return None
        new = [*islice(reversed(self._entries), self._length - before._length)][::-1]
        ends = ((before._key, before._last), (self._key, self._last))
        still_open = [key for key, last in ends if last is not ABSENT]
        again = dict.fromkeys(self._entries.again[before._again : self._again])
        return [
            (key, CHANGED if key in again and before._is_whole(key) else before._at(key), self._at(key))
            for key in dict.fromkeys([*new, *still_open, *again])
        ]

    def _at(self, key: Any) -> Any:
        if self._last is not ABSENT and key == self._key:
            return self._last
        return self._entries[key][1] if self._has(key) else ABSENT

    def _is_whole(self, key: Any) -> bool:
        return self._has(key) and (self._last is ABSENT or key != self._key)

    def __eq__(self, other: object) -> bool:
        others: Any = other
        return dict(self) == dict(others) if isinstance(other, Mapping) else NotImplemented

    def __repr__(self) -> str:
        return repr(dict(self))
