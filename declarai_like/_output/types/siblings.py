"""What of a field can be read by itself, where its validators look at the fields before it (``info.data``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from .schemas import INSIDE, OBJECTS, Schema

_FUNCTIONS = frozenset({"function-before", "function-after", "function-wrap"})
_NOTHING: Final = {"type": "is-instance", "cls": type(None)}  # no JSON fits it


def needs_siblings(schema: Schema) -> bool:
    """Whether a field is validated with a view on the fields before it."""
    return alone(schema) is not schema


def alone(schema: Schema) -> Schema:
    """Give the schema of a field without the validators that look at its siblings, and without those around them.

    Objects inside have siblings of their own, so they stay as they are.
    """
    kind = schema.get("type")
    if kind in OBJECTS or kind == "definition-ref":
        return schema
    looks = _looks_around(schema)
    if kind in _FUNCTIONS:
        inner = alone(schema["schema"])
        return inner if (looks and not _is_own(schema)) or inner is not schema["schema"] else schema
    if looks:
        return _NOTHING
    new = {key: _inside(value) if key in INSIDE else value for key, value in schema.items()}
    return new if any(new[key] is not schema[key] for key in new) else schema


def _inside(part: Any) -> Any:
    """Do so with the schemas in a part of one: that is one, or a list or dict of them."""
    if isinstance(part, Mapping):
        known = cast("Schema", part)
        if isinstance(known.get("type"), str):
            return alone(known)
        named = {key: _inside(value) for key, value in known.items()}
        return named if any(named[key] is not known[key] for key in named) else known
    if not isinstance(part, list | tuple):
        return part
    parts = cast("list[Any]", part)
    new = [_inside(item) for item in parts]
    return type(parts)(new) if any(a is not b for a, b in zip(new, parts, strict=True)) else parts


def _looks_around(schema: Schema) -> bool:
    function = schema.get("function")
    return isinstance(function, Mapping) and cast("Schema", function).get("type") == "with-info"


def _is_own(schema: Schema) -> bool:
    """Whether a validator belongs to the model that it is around. That takes it for itself, not for a field."""
    inner = schema
    while inner["type"] in _FUNCTIONS:
        inner = inner["schema"]
    decorators = getattr(inner.get("cls"), "__pydantic_decorators__", None)
    own: Any = decorators.model_validators.values() if decorators else ()
    return any(validator.func == schema["function"]["function"] for validator in own)
