"""Builds a container from its validated parts, so that their JSON is not validated a second time.

The validator of the type itself does that, with a schema that takes the parts as they are. So the defaults,
constraints and validators of the container apply, and the parts stay the same objects.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from ..incremental import ABSENT
from .schemas import (
    FIELDS,
    OBJECTS,
    UNRELATED_KEYS,
    CoreConfig,
    CoreSchema,
    Form,
    Schemas,
    fields_of,
    keys_of,
    related_keys,
)
from .siblings import needs_siblings

_ANY_SCHEMA = {"type": "any"}


class Assembler:
    """Builds the values of one form. It is compiled at its first use."""

    def __init__(self, schemas: Schemas, form: Form, config: CoreConfig) -> None:
        self._schemas = schemas
        self._form = form
        self._config = config
        self._validate: Callable[[Any], Any] | None = None
        self._is_compiled = False

    def assemble(self, parts: Any) -> Any:
        """Build the value of its parts; `ABSENT` if they are not enough, or not valid together."""
        from pydantic_core import SchemaError, ValidationError

        if not self._is_compiled:
            self._validate = self._compile()
            self._is_compiled = True
        if self._validate is None:
            return ABSENT
        try:
            return self._validate(parts)
        except (ValidationError, SchemaError):  # SchemaError: a validator omits the value (PydanticOmit)
            return ABSENT

    def _compile(self) -> Callable[[Any], Any] | None:
        form = self._form
        if not form.by_parts or (schema := _schema_of_parts(form.schema)) is None:
            return None
        if (
            form.kind == "list"
            and form.schema.keys() <= {"type", "items_schema", *UNRELATED_KEYS}
            and not form.wrappers
        ):
            return list[Any]  # without constraints and validators, a copy of the parts is the value
        for wrapper in reversed(form.wrappers):
            schema = {**related_keys(wrapper), "schema": schema}
        return _validator_of_parts(self._schemas.with_definitions(schema), self._config)


def _validator_of_parts(schema: CoreSchema, config: CoreConfig) -> Callable[[Any], Any] | None:
    from pydantic_core import SchemaValidator

    make: Any = SchemaValidator
    try:
        # Else pydantic uses the class's own validator instead of this schema, and validates the parts again.
        validator = make(schema, config or None, _use_prebuilt=False)
    except TypeError:  # a version of pydantic without that argument
        return None
    return cast("Callable[[Any], Any]", validator.validate_python)


def _schema_of_parts(schema: CoreSchema) -> CoreSchema | None:
    """Return the schema of a container whose parts are validated; None if the parts are not enough."""
    kind = schema["type"]
    own = {**related_keys(schema), "strict": False}  # not strict: a list of parts becomes a set, a dict a dataclass
    if kind in ("list", "set", "frozenset"):
        return {**own, "items_schema": _ANY_SCHEMA}
    if kind == "tuple":
        return {**own, "items_schema": [_ANY_SCHEMA for _ in schema["items_schema"]]}
    if kind == "dict":
        return {**own, "keys_schema": _ANY_SCHEMA, "values_schema": _ANY_SCHEMA}
    if kind == "named-tuple":
        fields = [{**related_keys(field), "schema": _validated_field(field["schema"])} for field in schema["fields"]]
        if any(field["schema"] is None for field in fields):
            return None
        return {**related_keys(schema), "fields": fields}
    return _object_of_parts(schema, own) if kind in OBJECTS and not schema.get("custom_init") else None


def _object_of_parts(schema: CoreSchema, own: dict[str, Any]) -> CoreSchema | None:
    kind = schema["type"]
    holder = schema if kind == "typed-dict" else schema["schema"]  # the schema that has the fields
    if holder["type"] != FIELDS[kind] or "extras_schema" in holder or schema.get("config", {}).get("validate_default"):
        return None
    fields = fields_of(schema)
    if any(needs_siblings(field["schema"]) or not keys_of(name, field, {}) for name, field in fields.items()):
        return None
    parts = {
        name: {**related_keys(field), "schema": _validated_field(field["schema"])} for name, field in fields.items()
    }
    if any(part["schema"] is None for part in parts.values()):
        return None
    filled = list(parts.values()) if kind == "dataclass" else parts
    if kind == "typed-dict":
        return {**own, "fields": filled}
    return {**own, "schema": {**related_keys(holder), "fields": filled}}


def _validated_field(schema: CoreSchema) -> CoreSchema | None:
    """Return the schema of a field that takes a validated value as it is, and keeps the default."""
    if schema["type"] != "default":
        return _ANY_SCHEMA
    if schema.get("validate_default") or schema.get("on_error", "raise") != "raise":
        return None
    return {**related_keys(schema), "schema": _ANY_SCHEMA}
