"""The value so far, as a reader sees it: what is there can be read, and what is not there is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, Generic, Literal, TypeVar, cast

from ..incremental import ABSENT, Change, Missing, PartialDict, PartialList, Snapshot, TextSoFar, resolve_text

R = TypeVar("R", covariant=True)
T = TypeVar("T")


class StreamState(Generic[R]):  # noqa: PLW1641  (it holds lists)
    """A value that was marked `with_state`, and how far it is.

    Attributes:
        state: ``"pending"`` before anything of it has come, ``"incomplete"``, or ``"complete"``.
    """

    __slots__ = ("_value", "state")

    def __init__(self, value: Any, state: Literal["pending", "incomplete", "complete"]) -> None:
        self._value = value
        self.state: Literal["pending", "incomplete", "complete"] = state

    @property
    def value(self) -> R | None:
        """The value so far; None while it is pending."""
        return cast("R | None", resolve_text(self._value))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StreamState):
            return NotImplemented
        others: Any = other  # pyright: ignore[reportUnknownVariableType]  (it may be of any type)
        return bool(self.state == others.state and self.value == others.value)

    def __repr__(self) -> str:
        return f"StreamState({self.value!r}, {self.state!r})"


class PartialObject:  # noqa: PLW1641  (it holds lists)
    """An object of a class, as far as it has come. Fields that have not come are missing, not None.

    There is a subclass for each class, ``PartialHero`` for ``Hero``.
    """

    __slots__ = ("_fields",)
    _of: ClassVar[type]
    _names: ClassVar[tuple[str, ...]]

    def __init__(self, fields: dict[str, Any]) -> None:
        self._fields = fields

    def __getattr__(self, name: str) -> Any:
        if name == "_fields":  # a copy that is being made has none yet
            raise AttributeError(name)
        value = self._fields.get(name, ABSENT)
        if value is not ABSENT:
            return value.read() if type(value) is TextSoFar else value
        if name.startswith("__"):  # what Python itself looks for
            raise AttributeError(name)
        if name in self._names:
            raise Missing(
                lambda: f"{self._of.__name__}.{name} is not there yet; so far there is {_listed(self._fields)}"
            )
        if hasattr(self._of, name):
            raise Missing(lambda: f"{self._of.__name__}.{name} is there when the {self._of.__name__} is whole")
        raise AttributeError(f"{self._of.__name__} has no field {name!r}; its fields are {_listed(self._names)}")

    def __contains__(self, name: object) -> bool:
        return name in self._fields

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Give the names and values of the fields that are there."""
        return ((name, resolve_text(value)) for name, value in self._fields.items())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PartialObject):
            return NotImplemented
        return self._of is other._of and dict(self) == dict(other)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._fields]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self)})"


class PartialTypedDict(Mapping[str, Any]):
    """A `typing.TypedDict` as far as it has come."""

    __slots__ = ("_fields",)

    def __init__(self, fields: dict[str, Any]) -> None:
        self._fields = fields

    def __getitem__(self, key: str) -> Any:
        if key in self._fields:
            return resolve_text(self._fields[key])
        raise Missing(lambda: f"{key!r} is not there yet; so far there is {_listed(self._fields)}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __repr__(self) -> str:
        return repr(dict(self))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "nothing"


def partial_type(of: type, names: Iterable[str]) -> Callable[[dict[str, Any]], Any]:
    """Make the partial type for a class with these fields."""
    names = tuple(dict.fromkeys(names))
    return type(f"Partial{of.__name__}", (PartialObject,), {"__slots__": (), "_of": of, "_names": names})


_OPEN = (PartialObject, PartialTypedDict, PartialList, PartialDict, StreamState)


class Partial(Generic[R]):  # noqa: PLW1641  (it holds lists)
    """An answer of type ``R``, as far as it has come.

    It is read as the answer will be: ``team.people[0].name``, ``heroes[-1]``, ``len(heroes)``. What has
    not come is missing: to ask for it raises `Missing`, which is an AttributeError, a KeyError and an
    IndexError. A part that is whole has been validated, and is the same object in all later partials.

    To a type checker, what is read that way is ``Any``. `get` is exact.
    """

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = value

    def _raw(self) -> Any:
        value = self._value
        if type(value) is Snapshot:
            value = self._value = shown_value(value.build())
        return value

    def _read(self) -> Any:
        return resolve_text(self._raw())

    def get(self, look: Callable[[R], T]) -> T | None:
        """Give a part, ``partial.get(lambda team: team.people[0].name)``, or None where it is not there.

        A text is given as far as it goes; everything else only when it is whole. So what the type
        checker says of it is true.

        Raises:
            AttributeError: the type has no such part.
        """
        try:
            found: Any = look(self._read())
        except (Missing, IndexError, KeyError):
            return None
        if type(found) is str:
            return cast("T", found)
        if isinstance(found, StreamState):
            found = cast("StreamState[T]", found).value
        return None if _is_open(found) else cast("T", found)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what Python itself looks for
            raise AttributeError(name)
        return getattr(self._read(), name)

    def __getitem__(self, key: Any) -> Any:
        return self._read()[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def __contains__(self, item: object) -> bool:
        return item in self._read()

    def __bool__(self) -> bool:
        return bool(self._read())

    def __str__(self) -> str:
        return str(self._read())

    def __eq__(self, other: object) -> bool:
        return bool(_inside(self) == _inside(other))

    def __repr__(self) -> str:
        return repr(self._read())


def as_json(value: Any) -> Any:
    """Give a partial, or any part of one, as plain JSON values: dicts, lists, str, numbers, bools and None.

    Fields have their names, not their aliases, whether the object is whole or not.

    Raises:
        TypeError: it holds something that cannot be written as JSON.
    """
    from pydantic_core import to_jsonable_python

    return to_jsonable_python(value, by_alias=False, fallback=_opened)


def underlying(partial: Partial[Any]) -> Any:
    """Give what a partial stands for, and of a text that grows its view."""
    return partial._raw()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  (its own module)


def changes(before: Any, now: Any) -> list[Change] | None:
    """Give what may have changed from one view to the latest one; None where they have nothing in common."""
    if isinstance(now, PartialList):
        return now.since(before) if isinstance(before, PartialList) else None
    if isinstance(now, PartialDict):
        return now.since(before) if isinstance(before, PartialDict) else None
    was, fields = _fields(before), _fields(now)
    if was is None or fields is None:
        return None
    return [(name, was.get(name, ABSENT), fields.get(name, ABSENT)) for name in {**was, **fields}]


def _fields(view: Any) -> dict[str, Any] | None:
    if isinstance(view, PartialObject | PartialTypedDict):
        return view._fields  # pyright: ignore[reportPrivateUsage]  (its own module)
    if isinstance(view, StreamState):
        return {"value": view._value, "state": view.state}  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    return None


def unwrap_root(value: Any) -> Any:
    """Give what is in an open root model, for in JSON that is all there is of it; anything else as it is."""
    while isinstance(value, PartialObject) and getattr(value._of, "__pydantic_root_model__", False):  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        value = value._fields["root"]  # pyright: ignore[reportPrivateUsage]
    return value


def _inside(value: Any) -> Any:
    """Give what a partial stands for; anything else as it is."""
    if not isinstance(value, Partial):
        return value
    return value._read()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  (its own module)


def _opened(value: Any) -> Any:
    """Give what a view on something open has in it."""
    if isinstance(value, Partial):
        return _inside(value)
    inside = unwrap_root(value)
    if inside is not value:
        return inside
    if (fields := _fields(value)) is not None:
        return fields
    if isinstance(value, PartialDict):
        return dict(value)
    if isinstance(value, PartialList):
        return list(value)
    if isinstance(value, TextSoFar):
        return value.read()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def _is_open(value: Any) -> bool:
    """Whether something is open, or is a container that was made of something open."""
    parts: Any = value
    if isinstance(value, dict):
        parts = parts.values()
    elif not isinstance(value, list | tuple | set | frozenset):
        return isinstance(value, _OPEN)
    return any(map(_is_open, parts))


class InvalidPart:
    """A complete part that does not fit its type, with what is shown of it."""

    __slots__ = ("shown",)

    def __init__(self, shown: Any) -> None:
        self.shown = shown


def shown_value(value: Any) -> Any:
    """Give what is shown of a part: a misfit is shown as far as it was before."""
    return value.shown if isinstance(value, InvalidPart) else value


def is_valid(value: Any) -> bool:
    """Whether a part is complete, and fits its type."""
    return value is not ABSENT and not isinstance(value, InvalidPart)


__all__ = [
    "ABSENT",
    "InvalidPart",
    "Missing",
    "Partial",
    "PartialObject",
    "PartialTypedDict",
    "StreamState",
    "as_json",
    "changes",
    "is_valid",
    "partial_type",
    "shown_value",
    "underlying",
    "unwrap_root",
]
