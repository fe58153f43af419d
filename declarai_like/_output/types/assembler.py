"""How a whole is put together from its validated parts, without looking at their JSON again.

What does that is the validator of the type itself, only that it takes the parts as they are: so
defaults, constraints and validators of the whole are its own, and the parts keep their identity.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from ..incremental import ABSENT
from .schemas import FIELDS, NOT_KEPT, OBJECTS, Config, Form, Schema, Schemas, fields_of, kept, keys_of
from .siblings import needs_siblings

_ANY = {"type": "any"}


class Assembler:
    """Puts together what has one form. Compiled when it is first used."""

    def __init__(self, schemas: Schemas, form: Form, config: Config) -> None:
        self._schemas = schemas
        self._form = form
        self._config = config
        self._compose: Callable[[Any], Any] | None = None
        self._is_compiled = False

    def assemble(self, parts: Any) -> Any:
        """Make the whole of its parts; `ABSENT` where they do not say enough, or do not fit."""
        from pydantic_core import SchemaError, ValidationError

        if not self._is_compiled:
            self._compose = self._compile()
            self._is_compiled = True
        if self._compose is None:
            return ABSENT
        try:
            return self._compose(parts)
        except (ValidationError, SchemaError):  # a SchemaError where a validator leaves the value out
            return ABSENT

    def _compile(self) -> Callable[[Any], Any] | None:
        form = self._form
        if not form.by_parts or (schema := _by_parts(form.schema)) is None:
            return None
        if form.kind == "list" and form.schema.keys() <= {"type", "items_schema", *NOT_KEPT} and not form.around:
            return list[Any]
        for outer in reversed(form.around):
            schema = {**kept(outer), "schema": schema}
        return _validator_of_parts(self._schemas.defined(schema), self._config)


def _validator_of_parts(schema: Schema, config: Config) -> Callable[[Any], Any] | None:
    from pydantic_core import SchemaValidator

    make: Any = SchemaValidator
    try:
        # Else pydantic takes the class's own validator in place of this schema, and validates the parts again
        validator = make(schema, config or None, _use_prebuilt=False)
    except TypeError:  # a version of pydantic without that switch
        return None
    return cast("Callable[[Any], Any]", validator.validate_python)


def _by_parts(schema: Schema) -> Schema | None:
    """Give the schema of an object or array whose parts have been validated; None where that says not enough."""
    kind = schema["type"]
    own = {**kept(schema), "strict": False}  # a list of parts may become a set, a dict of them a dataclass
    if kind in ("list", "set", "frozenset"):
        return {**own, "items_schema": _ANY}
    if kind == "tuple":
        return {**own, "items_schema": [_ANY for _ in schema["items_schema"]]}
    if kind == "dict":
        return {**own, "keys_schema": _ANY, "values_schema": _ANY}
    if kind == "named-tuple":
        taken = [{**kept(field), "schema": _taken(field["schema"])} for field in schema["fields"]]
        return None if any(field["schema"] is None for field in taken) else {**kept(schema), "fields": taken}
    return _object_by_parts(schema, own) if kind in OBJECTS and not schema.get("custom_init") else None


def _object_by_parts(schema: Schema, own: dict[str, Any]) -> Schema | None:
    kind = schema["type"]
    inner = schema if kind == "typed-dict" else schema["schema"]
    if inner["type"] != FIELDS[kind] or "extras_schema" in inner or schema.get("config", {}).get("validate_default"):
        return None
    fields = fields_of(schema)
    if any(needs_siblings(field["schema"]) or not keys_of(name, field, {}) for name, field in fields.items()):
        return None
    parts = {name: {**kept(field), "schema": _taken(field["schema"])} for name, field in fields.items()}
    if any(part["schema"] is None for part in parts.values()):
        return None
    filled = list(parts.values()) if kind == "dataclass" else parts
    return {**own, "fields": filled} if kind == "typed-dict" else {**own, "schema": {**kept(inner), "fields": filled}}


def _taken(schema: Schema) -> Schema | None:
    """Give the schema of a field that takes a validated value as it is, and has the same default."""
    if schema["type"] != "default":
        return _ANY
    if schema.get("validate_default") or schema.get("on_error", "raise") != "raise":
        return None
    return {**kept(schema), "schema": _ANY}
