"""Values that are still being written, as users read them: what has arrived is readable, the rest is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, Generic, Literal, TypeVar, cast

from ..incremental import ABSENT, Change, Missing, PartialDict, PartialList, TextSoFar, ValueSnapshot, resolve_text

R = TypeVar("R", covariant=True)
T = TypeVar("T")


class StreamState(Generic[R]):  # noqa: PLW1641  (not hashable: it may hold lists)
    """A value that is marked `with_state`, and its state.

    Attributes:
        state: ``"pending"`` before its first character has arrived, ``"incomplete"``, or ``"complete"``.
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
        others: Any = other  # pyright: ignore[reportUnknownVariableType]  (any type)
        return bool(self.state == others.state and self.value == others.value)

    def __repr__(self) -> str:
        return f"StreamState({self.value!r}, {self.state!r})"


class PartialObject:  # noqa: PLW1641  (not hashable: it may hold lists)
    """An object that is still being written. Fields that have not arrived are missing, not None.

    Each class has its own subclass: ``PartialHero`` for ``Hero``.
    """

    __slots__ = ("_fields",)
    _cls: ClassVar[type]
    _names: ClassVar[tuple[str, ...]]

    def __init__(self, fields: dict[str, Any]) -> None:
        self._fields = fields

    def __getattr__(self, name: str) -> Any:
        if name == "_fields":  # copy.copy and pickle make an object without __init__
            raise AttributeError(name)
        value = self._fields.get(name, ABSENT)
        if value is not ABSENT:  # `resolve_text`, without the call
            return value.read() if type(value) is TextSoFar else value
        if name.startswith("__"):  # Python looks these up on its own, for instance in copy and repr
            raise AttributeError(name)
        if name in self._names:
            raise Missing(
                lambda: f"{self._cls.__name__}.{name} is not there yet; so far there is {_listed(self._fields)}"
            )
        if hasattr(self._cls, name):
            raise Missing(lambda: f"{self._cls.__name__}.{name} is there when the {self._cls.__name__} is complete")
        raise AttributeError(f"{self._cls.__name__} has no field {name!r}; its fields are {_listed(self._names)}")

    def __contains__(self, name: object) -> bool:
        return name in self._fields

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Return the names and values of the fields that have arrived."""
        return ((name, resolve_text(value)) for name, value in self._fields.items())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PartialObject):
            return NotImplemented
        return self._cls is other._cls and dict(self) == dict(other)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._fields]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self)})"


class PartialTypedDict(Mapping[str, Any]):
    """A `typing.TypedDict` that is still being written."""

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


def partial_type(cls: type, names: Iterable[str]) -> Callable[[dict[str, Any]], Any]:
    """Return the subclass of `PartialObject` for a class with these fields."""
    names = tuple(dict.fromkeys(names))
    return type(f"Partial{cls.__name__}", (PartialObject,), {"__slots__": (), "_cls": cls, "_names": names})


_OPEN_TYPES = (PartialObject, PartialTypedDict, PartialList, PartialDict, StreamState)


class Partial(Generic[R]):  # noqa: PLW1641  (not hashable: it may hold lists)
    """An answer of type ``R`` that is still being written.

    It is read like the complete answer: ``team.people[0].name``, ``heroes[-1]``, ``len(heroes)``. A part that has not
    arrived raises `Missing`, which is an AttributeError, a KeyError and an IndexError. A complete part is validated,
    and is the same object in all later partials.

    For a type checker, parts that are read that way are ``Any``. `get` returns the exact type.
    """

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = value

    def _raw(self) -> Any:
        value = self._value
        if type(value) is ValueSnapshot:  # built at the first read; most partials are never read
            value = self._value = shown_value(value.build())
        return value

    def _read(self) -> Any:
        return resolve_text(self._raw())

    def get(self, look: Callable[[R], T]) -> T | None:
        """Return a part, ``partial.get(lambda team: team.people[0].name)``, or None if it has not arrived.

        A str is returned as far as it has arrived; any other value only when it is complete. So the type that a type
        checker infers is true.

        Raises:
            AttributeError: the type does not have this part.
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
        if name.startswith("__"):  # Python looks these up on its own, for instance in copy and repr
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
        return bool(_unwrapped(self) == _unwrapped(other))

    def __repr__(self) -> str:
        return repr(self._read())


def as_json(value: Any) -> Any:
    """Return a partial, or any part of one, as plain JSON values: dicts, lists, str, numbers, bools and None.

    Fields have their names, not their aliases, in open and in complete objects.

    Raises:
        TypeError: it contains a value that cannot be written as JSON.
    """
    from pydantic_core import to_jsonable_python

    return to_jsonable_python(value, by_alias=False, fallback=_parts_of)


def underlying(partial: Partial[Any]) -> Any:
    """Return the value of a partial; for a growing text, its view."""
    return partial._raw()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  (of this module)


def changes(before: Any, now: Any) -> list[Change] | None:
    """Return what may have changed from a view to the latest one; None if they are views of different values."""
    if isinstance(now, PartialList):
        return now.since(before) if isinstance(before, PartialList) else None
    if isinstance(now, PartialDict):
        return now.since(before) if isinstance(before, PartialDict) else None
    fields_before, fields = _fields(before), _fields(now)
    if fields_before is None or fields is None:
        return None
    names = {**fields_before, **fields}
    return [(name, fields_before.get(name, ABSENT), fields.get(name, ABSENT)) for name in names]


def _fields(view: Any) -> dict[str, Any] | None:
    if isinstance(view, PartialObject | PartialTypedDict):
        return view._fields  # pyright: ignore[reportPrivateUsage]  (of this module)
    if isinstance(view, StreamState):
        return {"value": view._value, "state": view.state}  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    return None


def unwrap_root(value: Any) -> Any:
    """Return the value in an open root model, which in JSON is all of it; any other value unchanged."""
    while isinstance(value, PartialObject) and getattr(value._cls, "__pydantic_root_model__", False):  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        value = value._fields["root"]  # pyright: ignore[reportPrivateUsage]
    return value


def _unwrapped(value: Any) -> Any:
    """Return the value of a partial; any other value unchanged."""
    if not isinstance(value, Partial):
        return value
    return value._read()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  (of this module)


def _parts_of(value: Any) -> Any:
    """Return the plain dict, list or str of a view, for the serializer."""
    if isinstance(value, Partial):
        return _unwrapped(value)
    root_value = unwrap_root(value)
    if root_value is not value:
        return root_value
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
    """Return True if a value is open, or is a container with an open value, as a slice of a partial list is."""
    parts: Any = value
    if isinstance(value, dict):
        parts = parts.values()
    elif not isinstance(value, list | tuple | set | frozenset):
        return isinstance(value, _OPEN_TYPES)
    return any(map(_is_open, parts))


class InvalidPart:
    """A complete part that is not valid for its type, and what is shown of it."""

    __slots__ = ("shown",)

    def __init__(self, shown: Any) -> None:
        self.shown = shown


def shown_value(value: Any) -> Any:
    """Return what is shown of a part: an invalid one stays as it was before its end."""
    return value.shown if isinstance(value, InvalidPart) else value


def is_valid(value: Any) -> bool:
    """Return True if a part is complete and valid."""
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
