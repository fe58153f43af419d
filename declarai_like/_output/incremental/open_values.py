"""Views of values that are still open: what has arrived can be read, what has not is missing, never invented.

A list that grows by one element for each of n chunks must not be copied n times. So the value so far is not a copy: a
`PartialList`, `PartialDict` or `TextSoFar` shares the growing list, dict or text, and remembers its length.

How the value so far is built. After ``{"heroes": [{"name": "Th`` three containers are open. The `view` of each
builder returns a function: it takes the child that is still open, and returns the container around it.

    text = TextSoFar(...)              # "Th", the string that is open
    hero = builders[2].view()(text)    # {"name": "Th"}
    heroes = builders[1].view()(hero)  # [{"name": "Th"}]
    root = builders[0].view()(heroes)  # {"heroes": [{"name": "Th"}]}

The parser links these functions, ``(hero_view, (heroes_view, (root_view, None)))``, and a `ValueSnapshot` calls them
from the inside out when a caller reads it. They are functions, and not values, for two reasons. Most snapshots are
never read, so building them would be wasted. And a function depends on its own builder only, so the parser keeps the
chain from chunk to chunk, and replaces only the links of the innermost builders, which have changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, TypeAlias, overload

from ...messages import ResponseText


class _Absent:
    """Type of `ABSENT`: nothing has arrived, or nothing may be shown. None is not usable, as it is a JSON value."""

    def __repr__(self) -> str:
        return "ABSENT"

    def __bool__(self) -> bool:
        return False


ABSENT: Final = _Absent()
_MAX_LISTED_KEYS = 10


class Missing(AttributeError, KeyError, IndexError):
    """The requested part has not arrived yet."""

    def __init__(self, message: str | Callable[[], str]) -> None:
        """``message`` may be a function: most of these errors are caught and their message is never read."""
        self._message = message

    def __str__(self) -> str:
        return self._message if isinstance(self._message, str) else self._message()

    def __reduce__(self) -> tuple[type[Missing], tuple[str]]:
        return Missing, (str(self),)


class TextSoFar:
    """View of a growing string. Its chunks are joined only when it is read."""

    __slots__ = ("_count", "_end", "_text")

    def __init__(self, text: ResponseText) -> None:
        self._text = text
        self._end = text.length
        self._count = len(text.pieces)

    def read(self) -> str:
        """Return the text."""
        return self._text.upto(self._end)

    def since(self, before: TextSoFar) -> str | None:
        """Return the text added since an earlier view; None if that is a view of another text."""
        if before._text is not self._text:
            return None
        return "".join(self._text.pieces[before._count : self._count])


ViewChain: TypeAlias = "tuple[Callable[[Any], Any], ViewChain | None]"
"""The view of an open builder, and the chain of the builders around it."""


class ValueSnapshot:
    """The value at one moment. It is built when a caller reads it."""

    __slots__ = ("_chain", "_open_value")

    def __init__(self, chain: ViewChain | None, open_value: Any) -> None:
        """``chain`` starts with the innermost builder; ``open_value`` is the scalar that is open in it, or `ABSENT`."""
        self._chain = chain
        self._open_value = open_value

    def build(self) -> Any:
        """Return the value; `ABSENT` before there is one."""
        value, chain = self._open_value, self._chain
        while chain is not None:
            view, chain = chain
            value = view(value)
        return value


def resolve_text(value: Any) -> Any:
    """Return the text of a `TextSoFar`; any other value unchanged."""
    return value.read() if type(value) is TextSoFar else value


CHANGED: Final = object()
"""Stands for an earlier value that was overwritten and is not known any more."""

Change: TypeAlias = tuple[Any, Any, Any]
"""A key or index, its value before, and its value now; `ABSENT` for no value."""


class PartialList(Sequence[Any]):  # noqa: PLW1641  (not hashable, like a list)
    """A list, tuple or set that is not complete: its elements so far. The last one may be open itself."""

    __slots__ = ("_items", "_last", "_length")

    def __init__(self, items: list[Any], last: Any = ABSENT, length: int | None = None) -> None:
        """``length`` is the number of complete items; ``last`` is the open one."""
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
            return [self[each] for each in range(*index.indices(len(self)))]
        length, last = self._length, self._last
        position = index if index >= 0 else index + length + (last is not ABSENT)
        if 0 <= position < length:
            return self._items[position]
        if position == length and last is not ABSENT:  # `resolve_text`, without the call
            return last.read() if type(last) is TextSoFar else last
        raise Missing(lambda: f"element {index} is not there yet; there are {len(self)} so far")

    def __iter__(self) -> Iterator[Any]:
        yield from islice(self._items, self._length)
        if self._last is not ABSENT:
            yield resolve_text(self._last)

    def since(self, before: PartialList) -> list[Change] | None:
        """Return what may have changed since an earlier view; None if that is a view of another list."""
        if before._items is not self._items:
            return None
        indices = range(before._length, max(len(before), len(self)))
        return [(index, before._at(index), self._at(index)) for index in indices]

    def _at(self, index: int) -> Any:
        if index < self._length:
            return self._items[index]
        return self._last if index == self._length else ABSENT

    def __eq__(self, other: object) -> bool:
        others: Any = other
        if not isinstance(other, (PartialList, list, tuple)):
            return NotImplemented
        return len(self) == len(others) and all(a == b for a, b in zip(self, others, strict=True))

    def __repr__(self) -> str:
        return repr(list(self))


class Entries(dict[Any, tuple[int, Any]]):
    """The entries of a growing dict: for each key, the number of entries before it, and the value.

    The number tells a view of the first n entries whether a key belongs to it, without a copy.

    Attributes:
        repeated: the keys that came again, once for each time.
    """

    __slots__ = ("repeated",)

    def __init__(self) -> None:
        super().__init__()
        self.repeated: list[Any] = []

    def put(self, key: Any, value: Any) -> None:
        """Add an entry, or replace the value of an existing key, as `json.loads` does."""
        existing = self.get(key)
        if existing is None:
            self[key] = (len(self), value)
        else:
            self[key] = (existing[0], value)
            self.repeated.append(key)


class PartialDict(Mapping[Any, Any]):  # noqa: PLW1641  (not hashable, like a dict)
    """A dict that is not complete: its entries so far. The last value may be open itself.

    A repeated key replaces its value, also in the views from before: entries are shared, not copied.
    """

    __slots__ = ("_entries", "_key", "_last", "_length", "_repeated")

    def __init__(self, entries: Entries, key: Any, last: Any, length: int) -> None:
        """``length`` is the number of complete entries; ``last`` is the open value, whose key is ``key``."""
        self._entries = entries
        self._repeated = len(entries.repeated)
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
        """Return a few keys. Listing all would make each failed lookup cost the size of the dict."""
        known = list(islice(self._entries, min(self._length, _MAX_LISTED_KEYS)))
        has_more = self._last is not ABSENT and not self._has(self._key)
        return [*known, self._key][:_MAX_LISTED_KEYS] if has_more else known

    def __iter__(self) -> Iterator[Any]:
        yield from list(islice(self._entries, self._length))  # a copy: a growing dict cannot be iterated
        if self._last is not ABSENT and not self._has(self._key):
            yield self._key

    def _has(self, key: Any) -> bool:
        entry = self._entries.get(key)
        return entry is not None and entry[0] < self._length

    def since(self, before: PartialDict) -> list[Change] | None:
        """Return what may have changed since an earlier view; None if that is a view of another dict.

        It must be called on the latest view: the entries hold only the latest values.
        """
        if before._entries is not self._entries:
            return None
        # The new keys are at the end. From there, so that the time does not depend on the length of the dict.
        new = [*islice(reversed(self._entries), self._length - before._length)][::-1]
        ends = ((before._key, before._last), (self._key, self._last))
        still_open = [key for key, last in ends if last is not ABSENT]
        repeated = dict.fromkeys(self._entries.repeated[before._repeated : self._repeated])
        return [
            (key, CHANGED if key in repeated and before._is_complete(key) else before._at(key), self._at(key))
            for key in dict.fromkeys([*new, *still_open, *repeated])
        ]

    def _at(self, key: Any) -> Any:
        if self._last is not ABSENT and key == self._key:
            return self._last
        return self._entries[key][1] if self._has(key) else ABSENT

    def _is_complete(self, key: Any) -> bool:
        return self._has(key) and (self._last is ABSENT or key != self._key)

    def __eq__(self, other: object) -> bool:
        others: Any = other
        return dict(self) == dict(others) if isinstance(other, Mapping) else NotImplemented

    def __repr__(self) -> str:
        return repr(dict(self))
