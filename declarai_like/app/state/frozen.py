"""Immutable lists and dicts: the values of a state."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from types import NoneType
from typing import Any, NoReturn


def _forbid(method: str, instead: str) -> Any:
    def refuse(self: object, *args: object, **kwargs: object) -> NoReturn:
        kind = "list" if isinstance(self, list) else "dict"
        raise TypeError(f"a state's {kind} is immutable ({method}); use {instead}")

    refuse.__name__ = method
    return refuse


_COPY = "a copy, {kind}(value), and put it into a new state: state.update(key=copy)"
_LIST = _COPY.format(kind="list")
_DICT = _COPY.format(kind="dict")


class FrozenList(list[Any]):
    """An immutable list of frozen values, equal to the list that it was made from.

    A slice, a sum, a copy and ``list(...)`` of it are plain lists.
    """

    # A subclass of list, and not a tuple or a Sequence: json, pydantic, == and isinstance treat it as a list.

    __slots__ = ()

    def __new__(cls, values: Iterable[Any] = (), /) -> FrozenList:
        return of_frozen([value if type(value) in _IMMUTABLE else freeze(value) for value in values])

    def __init__(self, values: Iterable[Any] = (), /) -> None:
        pass  # __new__ has filled it; list.__init__ would clear it

    append: Any = _forbid("append", "state.append(key=value)")
    extend: Any = _forbid("extend", "state.extend(key=values)")
    __iadd__: Any = _forbid("+=", "state.extend(key=values)")
    __imul__: Any = _forbid("*=", _LIST)
    __setitem__: Any = _forbid("value[...] = ...", _LIST)
    __delitem__: Any = _forbid("del value[...]", _LIST)
    insert: Any = _forbid("insert", _LIST)
    pop: Any = _forbid("pop", _LIST)
    remove: Any = _forbid("remove", _LIST)
    clear: Any = _forbid("clear", _LIST)
    sort: Any = _forbid("sort", "sorted(value)")
    reverse: Any = _forbid("reverse", "reversed(value)")

    def __copy__(self) -> list[Any]:
        return list(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> list[Any]:
        return [copy.deepcopy(value, memo) for value in self]

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[list[Any]]]:
        return FrozenList, (list(self),)


class FrozenDict(dict[Any, Any]):
    """An immutable dict of frozen values, equal to the dict that it was made from.

    A union, a copy and ``dict(...)`` of it are plain dicts.
    """

    __slots__ = ()

    def __new__(cls, values: Mapping[Any, Any] | Iterable[tuple[Any, Any]] = (), /) -> FrozenDict:
        made = dict.__new__(cls)
        _fill_dict(made, {key: freeze(value) for key, value in dict(values).items()})
        return made

    def __init__(self, values: Mapping[Any, Any] | Iterable[tuple[Any, Any]] = (), /) -> None:
        pass  # as in FrozenList

    update: Any = _forbid("update", _DICT)
    __ior__: Any = _forbid("|=", _DICT)
    __setitem__: Any = _forbid("value[...] = ...", _DICT)
    __delitem__: Any = _forbid("del value[...]", _DICT)
    setdefault: Any = _forbid("setdefault", _DICT)
    pop: Any = _forbid("pop", _DICT)
    popitem: Any = _forbid("popitem", _DICT)
    clear: Any = _forbid("clear", _DICT)

    def __copy__(self) -> dict[Any, Any]:
        return dict(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[Any, Any]:
        return {copy.deepcopy(key, memo): copy.deepcopy(value, memo) for key, value in self.items()}

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[dict[Any, Any]]]:
        return FrozenDict, (dict(self),)


# The methods of the base classes: those of the frozen classes raise.
_fill_list: Any = list.extend  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  (of anything)
_fill_dict: Any = dict.update  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  (the same)

_IMMUTABLE = frozenset({NoneType, bool, int, float, complex, str, bytes, frozenset, FrozenList, FrozenDict})


def freeze(value: Any) -> Any:
    """Return an immutable copy of a value; a value that is immutable already is returned as it is.

    A list becomes a `FrozenList`, a dict a `FrozenDict`, a set a ``frozenset`` and a ``bytearray`` becomes ``bytes``.
    The values in them, and in tuples, are frozen too. Any other object is returned as it is, and not copied.
    """
    if type(value) in _IMMUTABLE:
        return value
    if isinstance(value, tuple):
        return _frozen_tuple(value)  # pyright: ignore[reportUnknownArgumentType]  (of anything)
    if isinstance(value, list):
        return FrozenList(value)  # pyright: ignore[reportUnknownArgumentType]  (the same)
    if isinstance(value, dict):
        return FrozenDict(value)  # pyright: ignore[reportUnknownArgumentType]  (the same)
    if isinstance(value, set):
        return frozenset(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]  (the same)
    if isinstance(value, bytearray):
        return bytes(value)
    return value


def of_frozen(values: Iterable[Any]) -> FrozenList:
    """Return a `FrozenList` of values that are frozen already."""
    made: FrozenList = list.__new__(FrozenList)
    _fill_list(made, values)
    return made


def _frozen_tuple(value: tuple[Any, ...]) -> tuple[Any, ...]:
    frozen = tuple(map(freeze, value))
    if all(new is old for new, old in zip(frozen, value, strict=True)):
        return value
    make: Callable[[Iterable[Any]], tuple[Any, ...]] = getattr(type(value), "_make", tuple)  # of a named tuple
    return make(frozen)


def thaw(value: Any) -> Any:
    """Return a mutable copy of a frozen value; sets stay frozen.

    Instances of dataclasses and of pydantic models are copied too; any other object is returned as it is.
    """
    if type(value) is FrozenList:
        return [thaw(item) for item in value]
    if type(value) is FrozenDict:
        return {key: thaw(item) for key, item in value.items()}
    if type(value) is tuple:
        return tuple(map(thaw, value))  # pyright: ignore[reportUnknownArgumentType]  (of anything)
    if hasattr(value, "__dataclass_fields__") or hasattr(value, "__pydantic_fields__"):
        return copy.deepcopy(value)
    return value
