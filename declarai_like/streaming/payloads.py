"""Models as the content of frames: serialization and validation with pydantic, with three differences to its defaults.

* NaN and infinity are kept. pydantic's default writes null, which is not valid for a float.
* Fields are accepted by name and by alias, since the other end may have written either.
* If binary content is allowed, `bytes` and arrays of numbers are stored beside the JSON (see `segments`).

pydantic compiles serializers and validators from a *core schema*, which is plain dicts. Those needed here are compiled
from a modified copy of the model's core schema.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, cast

from pydantic import BaseModel
from pydantic_core import PydanticSerializationUnexpectedValue, SchemaSerializer, SchemaValidator, core_schema

from .arrays import NUMBERS_KEY
from .errors import type_name
from .segments import SegmentsIn, SegmentsOut

_CONFIGURED = frozenset({"model", "dataclass", "typed-dict"})
"""The types of schemas that can have a ``config``."""
_VALUES = frozenset({"default", "expected", "members", "metadata", "serialization"})
"""The keys of a schema whose values are not schemas, and may look like one."""


@dataclass(frozen=True)
class Payloads:
    """The compiled functions that serialize and validate one model.

    Attributes:
        has_binary: True if the model has fields whose content can be stored beside the JSON.
        dump: returns the JSON of an instance, with Python's tokens NaN and Infinity.
        dump_text: returns its standard JSON, with strings for those.
        dump_binary: returns its binary payload.
        load: returns the instance of a JSON.
        load_binary: returns the instance of a binary payload.
    """

    has_binary: bool
    dump: Callable[[Any], bytes]
    dump_text: Callable[[Any], bytes]
    dump_binary: Callable[[Any], bytes]
    load: Callable[[bytes | bytearray], Any]
    load_binary: Callable[[bytes | bytearray], Any]


@lru_cache(maxsize=256)  # compiling a schema takes milliseconds
def payloads(model: type[BaseModel]) -> Payloads:
    """Return the functions that serialize and validate a model."""
    if not model.__pydantic_complete__:  # it names a class that was defined after it
        model.model_rebuild()
    schema: Any = model.__pydantic_core_schema__
    copier = _SchemaCopier()
    constants = copier.copy(schema, {"ser_json_inf_nan": "constants"})
    # Compiled again only where needed.
    dump = text = model.__pydantic_serializer__.to_json
    if copier.has_floats:
        dump = _serializer(constants).to_json
        # NaN is not standard JSON: the parsers of other languages reject it
        text = _serializer(copier.copy(schema, {"ser_json_inf_nan": "strings"})).to_json
    load: Any = model.__pydantic_validator__.validate_json
    if copier.has_aliases:
        load = partial(load, by_alias=True, by_name=True)
    binary_schema = copier.copy(schema, {"ser_json_inf_nan": "constants"}, binary=True)
    dump_binary, load_binary = _binary_functions(binary_schema, by_name=copier.has_aliases)
    return Payloads(copier.has_binary, dump, text, dump_binary, load, load_binary)


def _binary_functions(
    schema: Any, *, by_name: bool
) -> tuple[Callable[[Any], bytes], Callable[[bytes | bytearray], Any]]:
    serializer = _serializer(schema)
    validator = SchemaValidator(schema, _use_prebuilt=False)
    names: dict[str, Any] = {"by_alias": True, "by_name": True} if by_name else {}

    def dump(value: Any) -> bytes:
        segments = SegmentsOut()
        return segments.payload(serializer.to_json(value, context=cast("Any", segments)))

    def load(payload: bytes | bytearray) -> Any:
        segments = SegmentsIn(payload)
        return validator.validate_json(segments.json, context=cast("Any", segments), **names)

    return dump, load


def _serializer(schema: Any) -> SchemaSerializer:
    # By default pydantic uses the finished serializers of the models inside of this one, which have its own settings
    return SchemaSerializer(schema, _use_prebuilt=False)


class _SchemaCopier:
    """Copies core schemas with changes, and records which features they use.

    Attributes:
        has_floats: True if there are floats.
        has_aliases: True if there are fields with an alias.
        has_binary: True if there are arrays of numbers or, in a copy with ``binary``, `bytes`.
    """

    def __init__(self) -> None:
        self.has_floats = False
        self.has_aliases = False
        self.has_binary = False

    def copy(self, part: Any, config: dict[str, str], *, binary: bool = False) -> Any:
        """Copy a part of a schema.

        Args:
            part: a schema, a list of schemas, a dict of schemas by field names, or a setting.
            config: defaults for each ``config`` in it; what a model sets itself has precedence.
            binary: True if the content of `bytes` is stored beside the JSON.
        """
        if isinstance(part, list | tuple):
            parts = cast("list[Any]", part)
            return type(parts)(self.copy(each, config, binary=binary) for each in parts)
        if not isinstance(part, dict):
            return part
        schema = cast("dict[str, Any]", part)
        kind = schema.get("type")
        if not isinstance(kind, str):  # the fields of a model by their names, one of which may be "type"
            return {name: self.copy(field, config, binary=binary) for name, field in schema.items()}
        self.has_floats = self.has_floats or kind == "float"
        self.has_aliases = self.has_aliases or "validation_alias" in schema
        if NUMBERS_KEY in (schema.get("metadata") or ()):
            self.has_binary = True
            return schema
        binary = binary and "serialization" not in schema  # a custom serializer decides what is written
        if kind == "bytes" and binary:
            self.has_binary = True
            return _binary_bytes(schema)
        copy = {  # the keys of a dict cannot be objects in JSON, so bytes there stay text
            key: value if key in _VALUES else self.copy(value, config, binary=binary and key != "keys_schema")
            for key, value in schema.items()
        }
        if kind in _CONFIGURED:
            copy["config"] = {**config, **schema.get("config", {})}
        return copy


def _binary_bytes(schema: dict[str, Any]) -> Any:
    """Return the schema of bytes that are stored beside the JSON; ``schema`` still validates them."""
    return core_schema.with_info_before_validator_function(
        _take_segment,
        cast("Any", schema),
        serialization=core_schema.plain_serializer_function_ser_schema(_add_segment, info_arg=True),
    )


def _take_segment(value: Any, info: core_schema.ValidationInfo[Any]) -> Any:
    return bytes(info.context.take(value)) if isinstance(value, dict) else value


def _add_segment(value: Any, info: core_schema.SerializationInfo[Any]) -> dict[str, Any]:
    if not isinstance(value, bytes):
        # This exception and no other: pydantic makes it a warning, or tries the next member of a union
        raise PydanticSerializationUnexpectedValue(f"must be of type bytes, got {type_name(value)}")
    return cast("SegmentsOut", info.context).add(value)
