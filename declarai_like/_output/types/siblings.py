"""Schemas of single fields, without the validators that read the fields before them (``info.data``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from .schemas import NESTED_KEYS, OBJECTS, CoreSchema

_FUNCTIONS = frozenset({"function-before", "function-after", "function-wrap"})
_NOTHING: Final = {"type": "is-instance", "cls": type(None)}  # no JSON is valid for it


def needs_siblings(schema: CoreSchema) -> bool:
    """Return True if the validation of a field reads the fields before it."""
    return without_siblings(schema) is not schema


def without_siblings(schema: CoreSchema) -> CoreSchema:
    """Return the schema of a field without the validators that read its siblings, and without those around them.

    An object inside the field has its own siblings, so its schema is not changed. If nothing is left out, the schema
    itself is returned.
    """
    kind = schema.get("type")
    if kind in OBJECTS or kind == "definition-ref":
        return schema
    uses_info = _uses_info(schema)
    if kind in _FUNCTIONS:
        inside = without_siblings(schema["schema"])
        is_left_out = uses_info and not _is_model_validator(schema)
        return inside if is_left_out or inside is not schema["schema"] else schema
    if uses_info:
        return _NOTHING
    new = {key: _mapped(value) if key in NESTED_KEYS else value for key, value in schema.items()}
    return new if any(new[key] is not schema[key] for key in new) else schema


def _mapped(part: Any) -> Any:
    """Apply `without_siblings` to a value of a schema: a schema, or a list or dict of them."""
    if isinstance(part, Mapping):
        known = cast("CoreSchema", part)
        if isinstance(known.get("type"), str):
            return without_siblings(known)
        named = {key: _mapped(value) for key, value in known.items()}
        return named if any(named[key] is not known[key] for key in named) else known
    if not isinstance(part, list | tuple):
        return part
    parts = cast("list[Any]", part)
    new = [_mapped(item) for item in parts]
    return type(parts)(new) if any(a is not b for a, b in zip(new, parts, strict=True)) else parts


def _uses_info(schema: CoreSchema) -> bool:
    function = schema.get("function")
    return isinstance(function, Mapping) and cast("CoreSchema", function).get("type") == "with-info"


def _is_model_validator(schema: CoreSchema) -> bool:
    """Return True if a validator is one of the model that it is around. It reads that model, not the siblings."""
    model = schema
    while model["type"] in _FUNCTIONS:
        model = model["schema"]
    decorators = getattr(model.get("cls"), "__pydantic_decorators__", None)
    validators: Any = decorators.model_validators.values() if decorators else ()
    return any(validator.func == schema["function"]["function"] for validator in validators)
