"""JSON forms of values that JSON does not have: objects with a key ``$kind``, which names the kind of the value."""

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

KIND_KEY = "$kind"
"""The key of an object that names its kind."""

JSONObject = dict[str, Any]
Convert = Callable[[Any], Any]
"""Converts a nested value: to its JSON form when writing, back to the value when reading."""


class Unserializable(Exception):
    """A nested value cannot be saved or read. It becomes a StateError.

    Attributes:
        path: the keys and indexes that lead to the value, the innermost first.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.path: list[object] = []


# Values


def _write_time(value: datetime | time) -> JSONObject:
    zone = value.tzinfo
    extra: JSONObject = {"fold": 1} if value.fold else {}
    key = getattr(zone, "key", None)
    if key and type(zone) is getattr(sys.modules.get("zoneinfo"), "ZoneInfo", None):
        # The name and the local time: an offset would lose the zone, and be wrong for arithmetic over a change of it.
        extra["zone"] = key
        value = value.replace(tzinfo=None)
    elif zone is not None and zone.utcoffset(None) is None:
        raise Unserializable(f"its time zone must be a fixed offset from UTC or a zoneinfo.ZoneInfo, got {zone!r}")
    return {"value": value.isoformat(), **extra}


def _read_time(kind: type[datetime] | type[time]) -> Callable[[JSONObject], Any]:
    def read(data: JSONObject) -> datetime | time:
        value = kind.fromisoformat(data["value"]).replace(fold=data.get("fold", 0))
        if "zone" not in data:
            return value
        from zoneinfo import ZoneInfo

        return value.replace(tzinfo=ZoneInfo(data["zone"]))

    return read


def _write_str(value: object) -> JSONObject:
    return {"value": str(value)}


VALUES: dict[type, tuple[str, Callable[[Any], JSONObject], Callable[[JSONObject], Any]]] = {
    float: ("float", _write_str, lambda data: float(data["value"])),  # NaN and infinities, which JSON does not have
    datetime: ("datetime", _write_time, _read_time(datetime)),
    time: ("time", _write_time, _read_time(time)),
    date: ("date", lambda value: {"value": value.isoformat()}, lambda data: date.fromisoformat(data["value"])),
    timedelta: (
        "timedelta",
        lambda value: {name: getattr(value, name) for name in ("days", "seconds", "microseconds")},
        lambda data: timedelta(data["days"], data["seconds"], data["microseconds"]),
    ),
    Decimal: ("decimal", _write_str, lambda data: Decimal(data["value"])),
    UUID: ("uuid", _write_str, lambda data: UUID(data["value"])),
    bytes: (
        "bytes",
        lambda value: {"value": base64.b64encode(value).decode()},
        lambda data: base64.b64decode(data["value"], validate=True),
    ),
}
"""The kind of each type, its writer and its reader."""


# Instances of classes
#
# These do not use pydantic's TypeAdapter(cls), which would not restore exactly what was saved: it knows only the
# annotations, so a set inside a field of type list[Any] comes back as a list. It also writes the value of an enum's
# member, which need not be JSON, and __post_init__ would change fields a second time.


def kind_of(cls: type[Any]) -> str | None:
    """Return the kind of a class whose instances can be saved; None for any other class."""
    if issubclass(cls, Enum):
        return "enum"
    if dataclasses.is_dataclass(cls):
        return "dataclass"
    if issubclass(cls, tuple) and hasattr(cls, "_make"):  # pyright: ignore[reportUnknownArgumentType]  (of anything)
        return "namedtuple"
    pydantic = sys.modules.get("pydantic.main")  # not imported here: without the module, no class can be a model
    return "model" if pydantic and issubclass(cls, pydantic.BaseModel) else None


def parts_of(cls: type) -> Iterable[Any]:
    """Return the types of the fields of a class, if its instances are saved field by field."""
    if kind_of(cls) not in {"dataclass", "namedtuple"}:
        return ()
    try:
        return get_type_hints(cls).values()
    except (NameError, TypeError):  # the annotations use names that exist only for type checkers
        return ()


def _write_enum(value: Enum, _: Convert) -> JSONObject:
    # By name, as the value of a member may be anything. A combination of flags has only a value.
    return {"value": value.value} if isinstance(value, Flag) else {"name": value.name}


def _read_enum(cls: Any, data: JSONObject, _: Convert) -> Any:
    return cls(data["value"]) if issubclass(cls, Flag) else cls[data["name"]]


def _write_dataclass(value: Any, convert: Convert) -> JSONObject:
    return {"fields": convert({field.name: getattr(value, field.name) for field in dataclasses.fields(value)})}


def _read_dataclass(cls: Any, data: JSONObject, convert: Convert) -> Any:
    values: JSONObject = convert(data["fields"])
    is_argument = {field.name: field.init for field in dataclasses.fields(cls)}
    if unknown := values.keys() - is_argument:
        raise Unserializable(f"{cls.__name__} no longer has the field {', '.join(map(repr, sorted(unknown)))}")
    instance = cls(**{name: value for name, value in values.items() if is_argument[name]})
    for name, value in values.items():
        # Restores what __post_init__ has changed again; object's __setattr__ works for frozen dataclasses too.
        object.__setattr__(instance, name, value)
    return instance


def _write_namedtuple(value: Any, convert: Convert) -> JSONObject:
    return {"fields": convert(list(value))}


def _read_namedtuple(cls: Any, data: JSONObject, convert: Convert) -> Any:
    return cls._make(convert(data["fields"]))


def _write_model(value: Any, convert: Convert) -> JSONObject:
    fields = value.model_dump(mode="json", round_trip=True, by_alias=False, warnings=False)
    # Excluded fields, secrets and custom serializers lose data without an error, so the result is read back.
    copy = _validate_model(type(value), fields)
    if copy != value and not _equal(copy, value):
        raise Unserializable(
            f"this {type(value).__name__} is not the same after pydantic has written it as JSON and read it back"
        )
    return {"fields": convert(fields)}


def _read_model(cls: Any, data: JSONObject, convert: Convert) -> Any:
    return _validate_model(cls, convert(data["fields"]))


def _validate_model(cls: Any, fields: Any) -> Any:
    # From JSON text: a strict model accepts a str for a date or an enum only there.
    return cls.model_validate_json(json.dumps(fields), by_name=True, by_alias=False)


def _equal(one: Any, other: Any) -> bool:
    """True if two values are equal, where NaN counts as equal to NaN."""
    kind: type[Any] = type(one)  # pyright: ignore[reportUnknownVariableType]  (of anything)
    if kind_of(kind) == "model":
        attributes = ("__dict__", "__pydantic_extra__", "__pydantic_private__")
        return type(other) is kind and all(_equal(getattr(one, name), getattr(other, name)) for name in attributes)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)  # pyright: ignore[reportUnknownVariableType]  (of anything)
    if isinstance(one, (list, tuple)) and isinstance(other, kind):
        return len(one) == len(other) and all(map(_equal, one, other))  # pyright: ignore[reportUnknownArgumentType]  (the same)
    return bool(one == other or (one != one and other != other))  # noqa: PLR0124  (only NaN differs from itself)


CLASSES: dict[str, tuple[Callable[[Any, Convert], JSONObject], Callable[[Any, JSONObject, Convert], Any]]] = {
    "enum": (_write_enum, _read_enum),
    "dataclass": (_write_dataclass, _read_dataclass),
    "namedtuple": (_write_namedtuple, _read_namedtuple),
    "model": (_write_model, _read_model),
}
"""The writer and the reader of each kind of class."""
