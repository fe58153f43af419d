"""Conversion of a JSON Schema to the subset that OpenAI's strict mode supports.

The subset: https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Keywords outside of the subset. Without them the provider accepts more; this library still validates them.
_DROPPED = frozenset({"default", "title", "examples", "discriminator", "minLength", "maxLength", "uniqueItems"})
# Keywords that cannot be expressed in the subset and cannot be dropped either: the value has another form with them.
_IMPOSSIBLE = frozenset({"prefixItems", "patternProperties", "propertyNames", "not", "if", "allOf", "dependentSchemas"})


def strict(schema: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """Return the schema to send, and True if the provider can enforce it strictly.

    In the subset each object requires all its properties and forbids others. A schema that cannot be expressed in it,
    for instance a dict with free keys, is returned unchanged and not enforced.
    """
    try:
        return _strict(schema), True
    except _NotStrict:
        return dict(schema), False


class _NotStrict(Exception):
    pass


def _strict(schema: Mapping[str, Any]) -> dict[str, Any]:
    if not schema or _IMPOSSIBLE & schema.keys() or (schema.get("type") == "array" and "items" not in schema):
        raise _NotStrict
    kept = {key: _part(key, value) for key, value in schema.items() if key not in _DROPPED}
    if "oneOf" in kept:
        kept["anyOf"] = kept.pop("oneOf")
    if schema.get("type") == "object":
        if schema.get("additionalProperties") or not schema.get("properties"):
            raise _NotStrict
        if any("$ref" in part for name, part in schema["properties"].items() if name not in schema.get("required", ())):
            raise _NotStrict  # an optional property may be recursive; required, it could not end
        kept["additionalProperties"] = False
        kept["required"] = list(schema["properties"])
    return kept


def _part(key: str, value: Any) -> Any:
    if key in ("properties", "$defs"):  # the keys are names of the user, which may equal keywords
        return {name: _strict(schema) for name, schema in value.items()}
    if key in ("anyOf", "oneOf"):
        return [_strict(schema) for schema in value]
    return _strict(value) if key == "items" else value
