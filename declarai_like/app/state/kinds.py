"""What is no JSON of itself, as JSON: each value as an object that says of which kind it is."""

from __future__ import annotations

import base64
import dataclasses
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, Flag
from typing import Any, get_type_hints
from uuid import UUID

MARK = "$kind"
"""The key that says of which kind an object is."""

Object = dict[str, Any]
Code = Callable[[Any], Any]
"""Gives what one value of an object's is as JSON, or what it was."""


class Unserializable(Exception):
    """Something in a value cannot be saved, or read; ``path`` leads to it, from the inside. It becomes a StateError."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.path: list[object] = []


# Values


def _moment(value: datetime | time) -> Object:
    zone = value.tzinfo
    more: Object = {"fold": 1} if value.fold else {}
    key = getattr(zone, "key", None)
    if key and type(zone) is getattr(sys.modules.get("zoneinfo"), "ZoneInfo", None):
        more["zone"] = key
        value = value.replace(tzinfo=None)
    elif zone is not None and zone.utcoffset(None) is None:
        raise Unserializable(f"its time zone is {zone!r}; one that is no fixed distance from UTC has to be of zoneinfo")
    return {"value": value.isoformat(), **more}


def _moment_again(kind: type[datetime] | type[time]) -> Callable[[Object], Any]:
    def again(data: Object) -> datetime | time:
        value = kind.fromisoformat(data["value"]).replace(fold=data.get("fold", 0))
        if "zone" not in data:
            return value
        from zoneinfo import ZoneInfo

        return value.replace(tzinfo=ZoneInfo(data["zone"]))

    return again


def _text(value: object) -> Object:
    return {"value": str(value)}


VALUES: dict[type, tuple[str, Callable[[Any], Object], Callable[[Object], Any]]] = {
    float: ("float", _text, lambda data: float(data["value"])),  # those that JSON has no number for
    datetime: ("datetime", _moment, _moment_again(datetime)),
    time: ("time", _moment, _moment_again(time)),
    date: ("date", lambda value: {"value": value.isoformat()}, lambda data: date.fromisoformat(data["value"])),
    timedelta: (
        "timedelta",
        lambda value: {name: getattr(value, name) for name in ("days", "seconds", "microseconds")},
        lambda data: timedelta(data["days"], data["seconds"], data["microseconds"]),
    ),
    Decimal: ("decimal", _text, lambda data: Decimal(data["value"])),
    UUID: ("uuid", _text, lambda data: UUID(data["value"])),
    bytes: (
        "bytes",
        lambda value: {"value": base64.b64encode(value).decode()},
        lambda data: base64.b64decode(data["value"], validate=True),
    ),
}
"""For each type: the kind, what makes an object of a value, and what makes the value of the object."""


# Instances of classes


def kind_of(cls: type[Any]) -> str | None:
    """Say of which kind a class is whose instances can be saved; None for any other."""
    if issubclass(cls, Enum):
        return "enum"
    if dataclasses.is_dataclass(cls):
        return "dataclass"
    if issubclass(cls, tuple) and hasattr(cls, "_make"):  # pyright: ignore[reportUnknownArgumentType]  (of anything)
        return "namedtuple"
    pydantic = sys.modules.get("pydantic.main")  # where it is not imported, there are no models
    return "model" if pydantic and issubclass(cls, pydantic.BaseModel) else None


def parts_of(cls: type) -> Iterable[Any]:
    """Give the types of what instances of a class consist of, where they are saved one by one."""
    if kind_of(cls) not in {"dataclass", "namedtuple"}:
        return ()
    try:
        return get_type_hints(cls).values()
    except (NameError, TypeError):  # the annotations name what is not to be had at run time
        return ()


def _enum(value: Enum, _: Code) -> Object:
    return {"value": value.value} if isinstance(value, Flag) else {"name": value.name}


def _enum_again(cls: Any, data: Object, _: Code) -> Any:
    return cls(data["value"]) if issubclass(cls, Flag) else cls[data["name"]]


def _dataclass(value: Any, code: Code) -> Object:
    return {"fields": code({field.name: getattr(value, field.name) for field in dataclasses.fields(value)})}


def _dataclass_again(cls: Any, data: Object, code: Code) -> Any:
    values: Object = code(data["fields"])
    made = {field.name: field.init for field in dataclasses.fields(cls)}
    if unknown := values.keys() - made:
        raise Unserializable(f"{cls.__name__} has no field {', '.join(map(repr, sorted(unknown)))} any more")
    again = cls(**{name: value for name, value in values.items() if made[name]})
    for name, value in values.items():
        object.__setattr__(again, name, value)  # as it was, whatever __post_init__ made of it
    return again


def _namedtuple(value: Any, code: Code) -> Object:
    return {"fields": code(list(value))}


def _namedtuple_again(cls: Any, data: Object, code: Code) -> Any:
    return cls._make(code(data["fields"]))


def _model(value: Any, code: Code) -> Object:
    fields = value.model_dump(mode="json", round_trip=True, by_alias=False, warnings=False)
    again = _model_of(type(value), fields)
    if again != value and not _alike(again, value):
        raise Unserializable(
            f"this {type(value).__name__} is not the same when pydantic has written it as JSON and read it"
        )
    return {"fields": code(fields)}


def _model_again(cls: Any, data: Object, code: Code) -> Any:
    return _model_of(cls, code(data["fields"]))


def _model_of(cls: Any, fields: Any) -> Any:
    return cls.model_validate_json(json.dumps(fields), by_name=True, by_alias=False)


def _alike(one: Any, other: Any) -> bool:
    """Say whether two values are equal, if NaN is equal to NaN."""
    kind: type[Any] = type(one)  # pyright: ignore[reportUnknownVariableType]  (of anything)
    if kind_of(kind) == "model":
        inside = ("__dict__", "__pydantic_extra__", "__pydantic_private__")
        return type(other) is kind and all(_alike(getattr(one, name), getattr(other, name)) for name in inside)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)  # pyright: ignore[reportUnknownVariableType]  (of anything)
    if isinstance(one, (list, tuple)) and isinstance(other, kind):
        return len(one) == len(other) and all(map(_alike, one, other))  # pyright: ignore[reportUnknownArgumentType]  (the same)
    return bool(one == other or (one != one and other != other))  # noqa: PLR0124  (only NaN is not itself)


CLASSES: dict[str, tuple[Callable[[Any, Code], Object], Callable[[Any, Object, Code], Any]]] = {
    "enum": (_enum, _enum_again),
    "dataclass": (_dataclass, _dataclass_again),
    "namedtuple": (_namedtuple, _namedtuple_again),
    "model": (_model, _model_again),
}
"""For each kind of class: what makes an object of an instance, and what makes the instance of the object."""
