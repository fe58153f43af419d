"""A JSON Schema in the subset that OpenAI's strict mode takes, where it can be said there.

The subset: https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Words that the subset does not have and whose loss lets more through: our own validation still applies them.
_DROPPED = frozenset({"default", "title", "examples", "discriminator", "minLength", "maxLength", "uniqueItems"})
# Words whose meaning cannot be said in the subset.
_IMPOSSIBLE = frozenset({"prefixItems", "patternProperties", "propertyNames", "not", "if", "allOf", "dependentSchemas"})


def strict(schema: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """Give the schema to send, and whether the provider can enforce it strictly.

    In the subset each object lists all its properties as required and allows no others. A type that
    cannot be said so, as a dict with free keys, is sent as it is and not enforced.
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
            raise _NotStrict  # it may contain itself, and if it had to, it would never end
        kept["additionalProperties"] = False
        kept["required"] = list(schema["properties"])
    return kept


def _part(key: str, value: Any) -> Any:
    if key in ("properties", "$defs"):  # names of the user, which may look like words of the schema
        return {name: _strict(schema) for name, schema in value.items()}
    if key in ("anyOf", "oneOf"):
        return [_strict(schema) for schema in value]
    return _strict(value) if key == "items" else value
