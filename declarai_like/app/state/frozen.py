"""Lists and dicts that nobody can change: what a state's values are made of."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from types import NoneType
from typing import Any, NoReturn


def _no(method: str, instead: str) -> Any:
    def refuse(self: object, *args: object, **kwargs: object) -> NoReturn:
        kind = "list" if isinstance(self, list) else "dict"
        raise TypeError(f"a state's {kind} cannot be changed ({method}); use {instead}")

    refuse.__name__ = method
    return refuse


_COPIED = "a copy, {kind}(value), and give it to a new state: state.update(key=copy)"
_LIST = _COPIED.format(kind="list")
_DICT = _COPIED.format(kind="dict")


class FrozenList(list[Any]):
    """A list that cannot be changed, and nothing in it. It is equal to the list that it was made of.

    What is made of it, by a slice, by ``+``, by ``list(...)`` or by a copy, is a plain list.
    """

    __slots__ = ()

    def __new__(cls, values: Iterable[Any] = (), /) -> FrozenList:
        return of_frozen([value if type(value) in _AS_THEY_ARE else freeze(value) for value in values])

    def __init__(self, values: Iterable[Any] = (), /) -> None:
        pass  # it was filled when it was made; a list would begin anew here

    append: Any = _no("append", "state.append(key=value)")
    extend: Any = _no("extend", "state.extend(key=values)")
    __iadd__: Any = _no("+=", "state.extend(key=values)")
    __imul__: Any = _no("*=", _LIST)
    __setitem__: Any = _no("value[...] = ...", _LIST)
    __delitem__: Any = _no("del value[...]", _LIST)
    insert: Any = _no("insert", _LIST)
    pop: Any = _no("pop", _LIST)
    remove: Any = _no("remove", _LIST)
    clear: Any = _no("clear", _LIST)
    sort: Any = _no("sort", "sorted(value)")
    reverse: Any = _no("reverse", "reversed(value)")

    def __copy__(self) -> list[Any]:
        return list(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> list[Any]:
        return [copy.deepcopy(value, memo) for value in self]

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[list[Any]]]:
        return FrozenList, (list(self),)


class FrozenDict(dict[Any, Any]):
    """A dict that cannot be changed, and nothing in it. It is equal to the dict that it was made of.

    What is made of it, by ``|``, by ``dict(...)`` or by a copy, is a plain dict.
    """

    __slots__ = ()

    def __new__(cls, values: Mapping[Any, Any] | Iterable[tuple[Any, Any]] = (), /) -> FrozenDict:
        made = dict.__new__(cls)
        _fill_dict(made, {key: freeze(value) for key, value in dict(values).items()})
        return made

    def __init__(self, values: Mapping[Any, Any] | Iterable[tuple[Any, Any]] = (), /) -> None:
        pass  # as above

    update: Any = _no("update", _DICT)
    __ior__: Any = _no("|=", _DICT)
    __setitem__: Any = _no("value[...] = ...", _DICT)
    __delitem__: Any = _no("del value[...]", _DICT)
    setdefault: Any = _no("setdefault", _DICT)
    pop: Any = _no("pop", _DICT)
    popitem: Any = _no("popitem", _DICT)
    clear: Any = _no("clear", _DICT)

    def __copy__(self) -> dict[Any, Any]:
        return dict(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[Any, Any]:
        return {copy.deepcopy(key, memo): copy.deepcopy(value, memo) for key, value in self.items()}

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[dict[Any, Any]]]:
        return FrozenDict, (dict(self),)


_fill_list: Any = list.extend  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  (of anything)
_fill_dict: Any = dict.update  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  (the same)

_AS_THEY_ARE = frozenset({NoneType, bool, int, float, complex, str, bytes, frozenset, FrozenList, FrozenDict})


def freeze(value: Any) -> Any:
    """Give a value that does not change when the given one does.

    A list becomes a `FrozenList`, a dict a `FrozenDict`, a set a ``frozenset``, a ``bytearray`` becomes
    ``bytes``, and so does what is in them and in tuples. Any other object stays what it is, and is not copied.
    """
    if type(value) in _AS_THEY_ARE:
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
    """Give a `FrozenList` of values that are frozen already."""
    made: FrozenList = list.__new__(FrozenList)
    _fill_list(made, values)
    return made


def _frozen_tuple(value: tuple[Any, ...]) -> tuple[Any, ...]:
    frozen = tuple(map(freeze, value))
    if all(new is old for new, old in zip(frozen, value, strict=True)):
        return value
    make: Callable[[Iterable[Any]], tuple[Any, ...]] = getattr(type(value), "_make", tuple)  # a named tuple stays one
    return make(frozen)


def thaw(value: Any) -> Any:
    """Give a copy of a frozen value that may be changed; sets stay frozen.

    Instances of dataclasses and of pydantic models are copied too; any other object stays what it is.
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
