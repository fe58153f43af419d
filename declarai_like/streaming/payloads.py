"""Models as the content of frames, and back.

A model is written and read as pydantic does it by itself, with three differences. NaN and infinity are kept; pydantic's
own default is to write null, which then is no number. Names and aliases of fields are both understood, as the other end
may write either. And where binary content is allowed, `bytes` and arrays of numbers go beside the JSON.

What pydantic knows of a model is its core schema, in plain dicts; the serializer and the validator that are wanted here
are made of a copy of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, TypeVar, cast

from pydantic import BaseModel
from pydantic_core import PydanticSerializationUnexpectedValue, SchemaSerializer, SchemaValidator, core_schema

from .arrays import MARK
from .segments import SegmentsIn, SegmentsOut

T = TypeVar("T")
_CONFIGURED = frozenset({"model", "dataclass", "typed-dict"})
_VALUES = frozenset({"default", "expected", "members", "metadata", "serialization"})
"""Keys of a schema under which no parts of it stand."""


@dataclass(frozen=True)
class Payloads:
    """How one model is written and read.

    Attributes:
        has_binary: whether it has fields whose content can go beside the JSON.
        dump: gives the JSON of an instance, with the numbers NaN and Infinity that Python knows.
        dump_text: gives its JSON for everybody, with strings for those.
        dump_binary: gives the binary payload of an instance.
        load: gives the instance of a JSON.
        load_binary: gives the instance of a binary payload.
    """

    has_binary: bool
    dump: Callable[[Any], bytes]
    dump_text: Callable[[Any], bytes]
    dump_binary: Callable[[Any], bytes]
    load: Callable[[bytes | bytearray], Any]
    load_binary: Callable[[bytes | bytearray], Any]


@lru_cache(maxsize=256)
def payloads(model: type[BaseModel]) -> Payloads:
    """Give how a model is written and read."""
    if not model.__pydantic_complete__:
        model.model_rebuild()
    schema: Any = model.__pydantic_core_schema__
    found = _Found()
    constants = found.copied(schema, {"ser_json_inf_nan": "constants"})
    dump = text = model.__pydantic_serializer__.to_json
    if found.floats:
        dump = _own(SchemaSerializer, constants).to_json
        text = _own(SchemaSerializer, found.copied(schema, {"ser_json_inf_nan": "strings"})).to_json
    load: Any = model.__pydantic_validator__.validate_json
    if found.aliases:
        load = partial(load, by_alias=True, by_name=True)
    beside = found.copied(schema, {"ser_json_inf_nan": "constants"}, binary=True)
    dump_binary, load_binary = _binary(beside, by_name=found.aliases)
    return Payloads(found.binary, dump, text, dump_binary, load, load_binary)


def _binary(schema: Any, *, by_name: bool) -> tuple[Callable[[Any], bytes], Callable[[bytes | bytearray], Any]]:
    serializer = _own(SchemaSerializer, schema)
    validator = _own(SchemaValidator, schema)
    names: dict[str, Any] = {"by_alias": True, "by_name": True} if by_name else {}

    def dump(value: Any) -> bytes:
        segments = SegmentsOut()
        return segments.payload(serializer.to_json(value, context=cast("Any", segments)))

    def load(payload: bytes | bytearray) -> Any:
        segments = SegmentsIn(payload)
        return validator.validate_json(segments.json, context=cast("Any", segments), **names)

    return dump, load


def _own(make: Callable[..., T], schema: Any) -> T:
    """Make a serializer or a validator of this schema, and not of that which a model has already."""
    try:
        return make(schema, _use_prebuilt=False)
    except TypeError:  # before pydantic 2.13 there is no such switch, and models inside others stay as they are
        return make(schema)


class _Found:
    """Goes through a core schema, copies it as it is wanted, and notes what is in it."""

    def __init__(self) -> None:
        self.floats = False
        self.aliases = False
        self.binary = False

    def copied(self, part: Any, config: dict[str, str], *, binary: bool = False) -> Any:
        """Copy a part of a schema, with settings for all that has settings, and with binary content or without."""
        if isinstance(part, list | tuple):
            parts = cast("list[Any]", part)
            return type(parts)(self.copied(inner, config, binary=binary) for inner in parts)
        if not isinstance(part, dict):
            return part
        schema = cast("dict[str, Any]", part)
        kind = schema.get("type")
        if not isinstance(kind, str):  # the fields of a model, by their names
            return {name: self.copied(inner, config, binary=binary) for name, inner in schema.items()}
        self.floats = self.floats or kind == "float"
        self.aliases = self.aliases or "validation_alias" in schema
        if MARK in (schema.get("metadata") or ()):
            self.binary = True
            return schema
        binary = binary and "serialization" not in schema  # which says how it is written
        if kind == "bytes" and binary:
            self.binary = True
            return _beside(schema)
        copy = {
            key: inner if key in _VALUES else self.copied(inner, config, binary=binary and key != "keys_schema")
            for key, inner in schema.items()
        }
        if kind in _CONFIGURED:
            copy["config"] = {**config, **schema.get("config", {})}
        return copy


def _beside(schema: dict[str, Any]) -> Any:
    """Give the schema of bytes whose content goes beside the JSON."""
    return core_schema.with_info_before_validator_function(
        _taken,
        cast("Any", schema),
        serialization=core_schema.plain_serializer_function_ser_schema(_put, info_arg=True),
    )


def _taken(value: Any, info: core_schema.ValidationInfo[Any]) -> Any:
    return bytes(info.context.take(value)) if isinstance(value, dict) else value


def _put(value: Any, info: core_schema.SerializationInfo[Any]) -> dict[str, Any]:
    if not isinstance(value, bytes):
        raise PydanticSerializationUnexpectedValue("these are no bytes")
    return cast("SegmentsOut", info.context).add(value)
