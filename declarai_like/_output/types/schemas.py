"""What pydantic's core schemas say of a type: which forms its JSON can have, and which keys and elements.

A core schema (`pydantic_core.core_schema`) is the whole truth of a type in plain dicts: forward
references, generics, aliases, constraints and validators are resolved in it. What is not known here is
no error: it is taken whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from .marks import is_done, marks_of

if TYPE_CHECKING:
    from pydantic_core import SchemaValidator

Schema = Mapping[str, Any]
Config = Mapping[str, Any]

OBJECTS = frozenset({"model", "dataclass", "typed-dict"})
ARRAYS = frozenset({"list", "set", "frozenset", "tuple", "named-tuple"})
FIELDS = {"model": "model-fields", "dataclass": "dataclass-args", "typed-dict": "typed-dict"}
NOT_KEPT = frozenset({"ref", "serialization", "metadata"})
"""Keys of a schema that say nothing of how a value is read."""
INSIDE = frozenset({
    "arguments_schema", "choices", "extras_schema", "fields", "items_schema", "json_schema", "keys_schema", "lax_schema",
    "python_schema", "schema", "steps", "strict_schema", "values_schema",
})  # fmt: skip
"""Keys under which other schemas stand."""
_AROUND = frozenset({"function-before", "function-wrap", "custom-error"})
_MARKABLE = frozenset({"chain", "default", "nullable", "function-after", *_AROUND})


@dataclass(frozen=True, slots=True)
class Form:
    """One form that a value of a type can have: a core schema that is no union and no wrapper.

    Attributes:
        around: what is done when it has been read, the outermost first: validators, and root models that it is put in.
        by_parts: whether the whole is made of its validated parts; else only the JSON text says what it is.
        tagged: whether a field says that it is this form, of several.
        is_own: whether the type is this form itself, and no other that is written so, as a secret is written as a text.
        config: of the root model that it is put in.
    """

    schema: Schema
    around: tuple[Schema, ...] = ()
    by_parts: bool = True
    tagged: bool = False
    is_own: bool = True
    config: Config | None = None

    @property
    def kind(self) -> str:
        return cast("str", self.schema["type"])

    @property
    def roots(self) -> tuple[type, ...]:
        """The root models that it is put in, the innermost first."""
        return tuple(outer["cls"] for outer in reversed(self.around) if outer["type"] == "model")


class Schemas:
    """The definitions that the parts of a type share."""

    def __init__(self, root: Schema) -> None:
        self._definitions: dict[str, Schema] = {}
        self.root = root
        while self.root["type"] == "definitions":
            self._definitions.update({known["ref"]: known for known in self.root["definitions"]})
            self.root = self.root["schema"]

    def validator(self, schema: Schema, config: Config) -> SchemaValidator:
        """Make a validator for a part of the type, as it is inside an object with this config."""
        from pydantic_core import SchemaValidator

        return SchemaValidator(cast("Any", self.defined(schema)), cast("Any", config or None))

    def defined(self, schema: Schema) -> Schema:
        """Give a schema the definitions that it uses."""
        if not self._definitions or not _refers(schema):
            return schema
        return {"type": "definitions", "schema": schema, "definitions": list(self._definitions.values())}

    def marks(self, schema: Schema) -> frozenset[str]:
        """Give the marks of a part."""
        found = marks_of(schema)
        while (inner := self._unwrapped(schema)) is not schema:
            schema = inner
            found |= marks_of(schema)
        if any(is_done(form.schema.get("cls")) for form in self.forms(schema)):
            found |= {"done"}
        return found

    def _unwrapped(self, schema: Schema) -> Schema:
        """Give what a schema is wrapped around; itself where it is no wrapper."""
        kind = schema["type"]
        if kind == "definition-ref":
            return self._definitions[schema["schema_ref"]]
        if kind not in _MARKABLE:
            return schema
        return cast("Schema", schema["steps"][0] if kind == "chain" else schema["schema"])

    def has_inside(self, mark: str, schema: Schema) -> bool:
        """Whether something that a part is made of has a mark."""
        while (inner := self._unwrapped(schema)) is not schema:
            schema = inner
        return any(self.has(mark, part) for part in _parts(schema))

    def has(self, mark: str, schema: Schema, _seen: set[int] | None = None) -> bool:
        """Whether a part, or something that it is made of, has a mark."""
        seen = set[int]() if _seen is None else _seen
        if id(schema) in seen:
            return False
        seen.add(id(schema))
        if mark in marks_of(schema):
            return True
        if schema["type"] == "definition-ref":
            return self.has(mark, self._definitions[schema["schema_ref"]], seen)
        return any(self.has(mark, part, seen) for part in _parts(schema))

    def forms(self, schema: Schema) -> Iterator[Form]:
        """Give the forms that a value can have, apart from null."""
        kind = schema["type"]
        if kind == "definition-ref":
            yield from self.forms(self._definitions[schema["schema_ref"]])
        elif kind in ("nullable", "default"):
            yield from self.forms(schema["schema"])
        elif kind == "chain":
            yield from (replace(form, by_parts=False) for form in self.forms(schema["steps"][0]))
        elif kind == "function-after":
            yield from (_then(form, schema) for form in self.forms(schema["schema"]))
        elif kind in _AROUND:
            yield from (replace(form, by_parts=False) for form in self.forms(schema["schema"]))
        elif kind == "json-or-python":
            yield from (replace(form, is_own=False) for form in self.forms(schema["json_schema"]))
        elif kind == "lax-or-strict":
            yield from (replace(form, is_own=False, by_parts=False) for form in self.forms(schema["lax_schema"]))
        elif kind == "union":
            for choice in schema["choices"]:  # some have a label
                yield from self.forms(cast("Schema", choice[0] if isinstance(choice, tuple) else choice))
        elif kind == "tagged-union":
            is_named = not callable(schema["discriminator"])
            for choice in schema["choices"].values():
                yield from (replace(form, tagged=is_named) for form in self.forms(choice))
        elif kind == "model" and schema.get("root_model"):
            yield from (_rooted(form, schema) for form in self.forms(schema["schema"]))
        elif (
            kind == "tuple"
            and schema.get("variadic_item_index", len(schema["items_schema"])) < len(schema["items_schema"]) - 1
        ):
            yield Form({"type": "tuple with an end"})  # which elements are the last ones is known at the end
        else:
            yield Form(schema)


def fields_of(schema: Schema) -> dict[str, Schema]:
    """Give the fields of an object's schema by their names."""
    inner = schema
    while inner["type"] != FIELDS[schema["type"]]:
        inner = inner["schema"]
    fields = inner["fields"]
    return {field["name"]: field for field in fields} if schema["type"] == "dataclass" else dict(fields)


def items_of(schema: Schema) -> list[Schema]:
    """Give the types of an array's elements; the last one holds for all that follow, where there may be more."""
    if schema["type"] == "named-tuple":
        return [field["schema"] for field in schema["fields"]]
    items: Any = schema.get("items_schema", [])
    return items if isinstance(items, list) else [items]  # pyright: ignore[reportUnknownVariableType]


def keys_of(name: str, field: Schema, config: Config) -> tuple[str, ...]:
    """Give the JSON keys under which a field may come; none where it comes from deeper inside."""
    alias = field.get("validation_alias")
    if alias is None:
        return (name,)
    paths = [alias] if isinstance(alias, str) else [alias] if isinstance(alias[0], str | int) else alias
    keys = [path if isinstance(path, str) else path[0] if len(path) == 1 else None for path in paths]
    if None in keys:
        return ()
    by_alias = config.get("validate_by_alias", True)
    by_name = config.get("validate_by_name", config.get("populate_by_name", False))
    return (*(cast("list[str]", keys) if by_alias else ()), *((name,) if by_name or not by_alias else ()))


def kept(schema: Schema) -> dict[str, Any]:
    """Give what of a schema says how a value is read."""
    return {key: value for key, value in schema.items() if key not in NOT_KEPT}


def _parts(schema: Schema) -> Iterator[Schema]:
    """Give the schemas that are in one."""
    for key in INSIDE & schema.keys():
        yield from _schemas(schema[key])


def _schemas(part: Any) -> Iterator[Schema]:
    """Give the schemas in a part of one: that is one, or a list or dict of them."""
    parts: Any = part
    if isinstance(part, Mapping):
        if isinstance(parts.get("type"), str):
            yield cast("Schema", part)
            return
        parts = parts.values()
    elif not isinstance(part, list | tuple):
        return
    for inner in parts:
        yield from _schemas(inner)


def _refers(schema: Any) -> bool:
    """Whether a schema uses a definition."""
    if isinstance(schema, Mapping):
        known = cast("Schema", schema)
        return known.get("type") == "definition-ref" or any(map(_refers, known.values()))
    return isinstance(schema, list | tuple) and any(map(_refers, cast("list[Any]", schema)))


def _then(form: Form, validator: Schema) -> Form:
    is_alone = validator["function"]["type"] == "no-info" or form.kind in OBJECTS
    return replace(form, around=(validator, *form.around), by_parts=form.by_parts and is_alone)


def _rooted(form: Form, root: Schema) -> Form:
    by_parts = form.by_parts and not root.get("custom_init")
    config = form.config or root.get("config")
    return replace(form, around=(root, *form.around), by_parts=by_parts, config=config)
