"""Reads pydantic's core schemas: the forms that the JSON of a type can have, and the keys and elements in it.

A core schema (`pydantic_core.core_schema`) describes a type completely in plain dicts: forward references, generics,
aliases, constraints and validators are resolved in it. A kind of schema that is not known here is not an error: the
value is read as raw text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from .marks import is_done, marks_of

if TYPE_CHECKING:
    from pydantic_core import SchemaValidator

CoreSchema = Mapping[str, Any]
CoreConfig = Mapping[str, Any]

OBJECTS = frozenset({"model", "dataclass", "typed-dict"})
ARRAYS = frozenset({"list", "set", "frozenset", "tuple", "named-tuple"})
FIELDS = {"model": "model-fields", "dataclass": "dataclass-args", "typed-dict": "typed-dict"}
UNRELATED_KEYS = frozenset({"ref", "serialization", "metadata"})
"""Keys of a schema that do not affect how a value is read."""
NESTED_KEYS = frozenset({
    "arguments_schema", "choices", "extras_schema", "fields", "items_schema", "json_schema", "keys_schema", "lax_schema",
    "python_schema", "schema", "steps", "strict_schema", "values_schema",
})  # fmt: skip
"""Keys of a schema that hold other schemas."""
_AROUND = frozenset({"function-before", "function-wrap", "custom-error"})
_MARKABLE = frozenset({"chain", "default", "nullable", "function-after", *_AROUND})


@dataclass(frozen=True, slots=True)
class Form:
    """One form that a value of a type can have: a core schema that is neither a union nor a wrapper.

    Attributes:
        wrappers: the schemas around it, the outermost first: validators, and root models that hold the value.
        by_parts: True if the value can be built from its validated parts; else only its JSON text decides.
        tagged: True if a field with a tag selects this form among several.
        is_exact: True if the type is this form itself. False for a type that is only written so, as a secret is a str.
        config: the config of the root model that holds the value.
    """

    schema: CoreSchema
    wrappers: tuple[CoreSchema, ...] = ()
    by_parts: bool = True
    tagged: bool = False
    is_exact: bool = True
    config: CoreConfig | None = None

    @property
    def kind(self) -> str:
        return cast("str", self.schema["type"])

    @property
    def roots(self) -> tuple[type, ...]:
        """The root models that hold the value, the innermost first."""
        return tuple(wrapper["cls"] for wrapper in reversed(self.wrappers) if wrapper["type"] == "model")


class Schemas:
    """The core schema of a type, and the definitions that its parts share."""

    def __init__(self, root: CoreSchema) -> None:
        self._definitions: dict[str, CoreSchema] = {}
        self.root = root
        while self.root["type"] == "definitions":
            self._definitions.update({definition["ref"]: definition for definition in self.root["definitions"]})
            self.root = self.root["schema"]

    def validator(self, schema: CoreSchema, config: CoreConfig) -> SchemaValidator:
        """Return a validator for a part of the type, as in an object with this config."""
        from pydantic_core import SchemaValidator

        return SchemaValidator(cast("Any", self.with_definitions(schema)), cast("Any", config or None))

    def with_definitions(self, schema: CoreSchema) -> CoreSchema:
        """Return a schema together with the definitions that it uses."""
        if not self._definitions or not _uses_definitions(schema):
            return schema
        return {"type": "definitions", "schema": schema, "definitions": list(self._definitions.values())}

    def marks(self, schema: CoreSchema) -> frozenset[str]:
        """Return the marks of a part of the type."""
        found = marks_of(schema)
        while (unwrapped := self._unwrapped(schema)) is not schema:
            schema = unwrapped
            found |= marks_of(schema)
        if any(is_done(form.schema.get("cls")) for form in self.forms(schema)):
            found |= {"done"}
        return found

    def _unwrapped(self, schema: CoreSchema) -> CoreSchema:
        """Return the schema that a wrapper is around; the schema itself if it is not a wrapper."""
        kind = schema["type"]
        if kind == "definition-ref":
            return self._definitions[schema["schema_ref"]]
        if kind not in _MARKABLE:
            return schema
        return cast("CoreSchema", schema["steps"][0] if kind == "chain" else schema["schema"])

    def has_inside(self, mark: str, schema: CoreSchema) -> bool:
        """Return True if something inside a part of the type has a mark."""
        while (unwrapped := self._unwrapped(schema)) is not schema:
            schema = unwrapped
        return any(self.has(mark, child) for child in _children(schema))

    def has(self, mark: str, schema: CoreSchema, _visited: set[int] | None = None) -> bool:
        """Return True if a part of the type, or something inside it, has a mark."""
        visited = set[int]() if _visited is None else _visited
        if id(schema) in visited:  # a recursive type
            return False
        visited.add(id(schema))
        if mark in marks_of(schema):
            return True
        if schema["type"] == "definition-ref":
            return self.has(mark, self._definitions[schema["schema_ref"]], visited)
        return any(self.has(mark, child, visited) for child in _children(schema))

    def forms(self, schema: CoreSchema) -> Iterator[Form]:
        """Yield the forms that a value can have, apart from null."""
        kind = schema["type"]
        if kind == "definition-ref":
            yield from self.forms(self._definitions[schema["schema_ref"]])
        elif kind in ("nullable", "default"):
            yield from self.forms(schema["schema"])
        elif kind == "chain":
            yield from (replace(form, by_parts=False) for form in self.forms(schema["steps"][0]))
        elif kind == "function-after":
            yield from (_with_validator(form, schema) for form in self.forms(schema["schema"]))
        elif kind in _AROUND:
            yield from (replace(form, by_parts=False) for form in self.forms(schema["schema"]))
        elif kind == "json-or-python":
            yield from (replace(form, is_exact=False) for form in self.forms(schema["json_schema"]))
        elif kind == "lax-or-strict":
            yield from (replace(form, is_exact=False, by_parts=False) for form in self.forms(schema["lax_schema"]))
        elif kind == "union":
            for choice in schema["choices"]:  # a schema, or a tuple of a schema and its label
                yield from self.forms(cast("CoreSchema", choice[0] if isinstance(choice, tuple) else choice))
        elif kind == "tagged-union":
            is_field = not callable(schema["discriminator"])
            for choice in schema["choices"].values():
                yield from (replace(form, tagged=is_field) for form in self.forms(choice))
        elif kind == "model" and schema.get("root_model"):
            yield from (_in_root_model(form, schema) for form in self.forms(schema["schema"]))
        elif (
            kind == "tuple"
            and schema.get("variadic_item_index", len(schema["items_schema"])) < len(schema["items_schema"]) - 1
        ):
            # tuple[int, *tuple[str, ...], bool]: which element is the bool is known only at the end. An unknown kind.
            yield Form({"type": "tuple with an end"})
        else:
            yield Form(schema)


def fields_of(schema: CoreSchema) -> dict[str, CoreSchema]:
    """Return the fields of an object schema by name."""
    holder = schema
    while holder["type"] != FIELDS[schema["type"]]:
        holder = holder["schema"]
    fields = holder["fields"]
    return {field["name"]: field for field in fields} if schema["type"] == "dataclass" else dict(fields)


def items_of(schema: CoreSchema) -> list[CoreSchema]:
    """Return the types of the elements of an array. The last one applies to all that follow, if there may be more."""
    if schema["type"] == "named-tuple":
        return [field["schema"] for field in schema["fields"]]
    items: Any = schema.get("items_schema", [])
    return items if isinstance(items, list) else [items]  # pyright: ignore[reportUnknownVariableType]


def keys_of(name: str, field: CoreSchema, config: CoreConfig) -> tuple[str, ...]:
    """Return the JSON keys of a field; none if its value comes from deeper inside (an `AliasPath`)."""
    alias = field.get("validation_alias")
    if alias is None:
        return (name,)
    # One key, one path, or several paths.
    paths = [alias] if isinstance(alias, str) else [alias] if isinstance(alias[0], str | int) else alias
    keys = [path if isinstance(path, str) else path[0] if len(path) == 1 else None for path in paths]
    if None in keys:
        return ()
    by_alias = config.get("validate_by_alias", True)
    by_name = config.get("validate_by_name", False)
    return (*(cast("list[str]", keys) if by_alias else ()), *((name,) if by_name or not by_alias else ()))


def related_keys(schema: CoreSchema) -> dict[str, Any]:
    """Return a copy of a schema with only the keys that affect how a value is read."""
    return {key: value for key, value in schema.items() if key not in UNRELATED_KEYS}


def _children(schema: CoreSchema) -> Iterator[CoreSchema]:
    """Yield the schemas that are directly in a schema."""
    for key in NESTED_KEYS & schema.keys():
        yield from _schemas(schema[key])


def _schemas(part: Any) -> Iterator[CoreSchema]:
    """Yield the schemas in a value of a schema: that value is a schema, or a list or dict of them."""
    parts: Any = part
    if isinstance(part, Mapping):
        if isinstance(parts.get("type"), str):  # of a dict of fields, the field "type" would be a dict
            yield cast("CoreSchema", part)
            return
        parts = parts.values()
    elif not isinstance(part, list | tuple):
        return
    for child in parts:
        yield from _schemas(child)


def _uses_definitions(schema: Any) -> bool:
    """Return True if a schema refers to a definition."""
    if isinstance(schema, Mapping):
        known = cast("CoreSchema", schema)
        return known.get("type") == "definition-ref" or any(map(_uses_definitions, known.values()))
    return isinstance(schema, list | tuple) and any(map(_uses_definitions, cast("list[Any]", schema)))


def _with_validator(form: Form, validator: CoreSchema) -> Form:
    # A validator with info may read the fields before it. Around an object, it is the object's own, and has none.
    is_independent = validator["function"]["type"] == "no-info" or form.kind in OBJECTS
    return replace(form, wrappers=(validator, *form.wrappers), by_parts=form.by_parts and is_independent)


def _in_root_model(form: Form, root: CoreSchema) -> Form:
    by_parts = form.by_parts and not root.get("custom_init")
    config = form.config or root.get("config")
    return replace(form, wrappers=(root, *form.wrappers), by_parts=by_parts, config=config)
