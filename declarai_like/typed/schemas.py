"""What pydantic's core schemas say of a type: which forms its JSON can have, and how its parts are put together.

A core schema (`pydantic_core.core_schema`) is the whole truth of a type in plain dicts: forward
references, generics, aliases, constraints and validators are resolved in it. What is not known here is
no error: it is taken whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from .marks import CLASS_MARK, KEY

if TYPE_CHECKING:
    from pydantic_core import SchemaValidator

Schema = Mapping[str, Any]
Config = Mapping[str, Any]

OBJECTS = frozenset({"model", "dataclass", "typed-dict"})
ARRAYS = frozenset({"list", "set", "frozenset", "tuple", "named-tuple"})
_FIELDS = {"model": "model-fields", "dataclass": "dataclass-args", "typed-dict": "typed-dict"}
_AFTER = frozenset({"function-after"})
_AROUND = frozenset({"function-before", "function-wrap", "custom-error"})
_NOT_KEPT = frozenset({"ref", "serialization", "metadata"})
_ANY = {"type": "any"}


@dataclass(frozen=True, slots=True)
class Form:
    """One form that a value of a type can have: a core schema that is no union and no wrapper.

    Attributes:
        after: the validators that run when it has been read, the outermost first.
        by_parts: whether the whole is made of its validated parts; else only the JSON text says what it is.
        tagged: whether a field says that it is this form, of several.
    """

    schema: Schema
    after: tuple[Schema, ...] = ()
    by_parts: bool = True
    tagged: bool = False

    @property
    def kind(self) -> str:
        return cast("str", self.schema["type"])


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

        return SchemaValidator(cast("Any", self._defined(schema)), cast("Any", config or None))

    def _defined(self, schema: Schema) -> Schema:
        """Give a schema the definitions that it uses."""
        if not self._definitions or not _refers(schema):
            return schema
        return {"type": "definitions", "schema": schema, "definitions": list(self._definitions.values())}

    def marks(self, schema: Schema) -> frozenset[str]:
        """Give the marks of a part."""
        found: set[str] = set()
        while schema["type"] in ("chain", "default", "nullable", "function-after"):
            if KEY in (said := cast("Schema", schema.get("metadata", {}))):
                found.add(said[KEY])
            schema = schema["steps"][0] if schema["type"] == "chain" else schema["schema"]
        if any(getattr(form.schema.get("cls"), CLASS_MARK, False) for form in self.forms(schema)):
            found.add("done")
        return frozenset(found)

    def has_mark(self, mark: str, schema: Any, _seen: set[int] | None = None) -> bool:
        """Whether a part, or something in it, has a mark."""
        seen = set[int]() if _seen is None else _seen
        if id(schema) in seen:
            return False
        seen.add(id(schema))
        if isinstance(schema, Mapping):
            known = cast("Schema", schema)
            if known.get("type") == "definition-ref":
                return self.has_mark(mark, self._definitions[known["schema_ref"]], seen)
            if known.get("type") == "chain" and known.get("metadata", {}).get(KEY) == mark:
                return True
            return any(self.has_mark(mark, value, seen) for key, value in known.items() if key not in _NOT_KEPT)
        if isinstance(schema, list | tuple):
            return any(self.has_mark(mark, value, seen) for value in cast("list[Any]", schema))
        return False

    def forms(self, schema: Schema) -> Iterator[Form]:
        """Give the forms that a value can have, apart from null."""
        kind = schema["type"]
        if kind == "definition-ref":
            yield from self.forms(self._definitions[schema["schema_ref"]])
        elif kind in ("nullable", "default"):
            yield from self.forms(schema["schema"])
        elif kind == "chain":
            is_mark = KEY in schema.get("metadata", {})
            yield from (form if is_mark else replace(form, by_parts=False) for form in self.forms(schema["steps"][0]))
        elif kind == "function-after":
            yield from (_then(form, schema) for form in self.forms(schema["schema"]))
        elif kind in _AROUND:
            yield from (replace(form, by_parts=False) for form in self.forms(schema["schema"]))
        elif kind == "json-or-python":
            yield from self.forms(schema["json_schema"])
        elif kind == "lax-or-strict":
            yield from (replace(form, by_parts=False) for form in self.forms(schema["lax_schema"]))
        elif kind == "union":
            for choice in schema["choices"]:  # some have a label
                yield from self.forms(cast("Schema", choice[0] if isinstance(choice, tuple) else choice))
        elif kind == "tagged-union":
            is_named = isinstance(schema["discriminator"], str)
            for choice in schema["choices"].values():
                yield from (replace(form, tagged=is_named) for form in self.forms(choice))
        elif kind == "model" and schema.get("root_model"):
            yield from (replace(form, by_parts=False) for form in self.forms(schema["schema"]))
        elif (
            kind == "tuple"
            and schema.get("variadic_item_index", len(schema["items_schema"])) < len(schema["items_schema"]) - 1
        ):
            yield Form({"type": "tuple with an end"})  # which elements are the last ones is known at the end
        else:
            yield Form(schema)

    def composer(self, form: Form, config: Config) -> Callable[[Any], Any] | None:
        """Give what puts a whole together from its validated parts; None where only the JSON text can tell.

        It is the validator of the type itself, but for the parts, which it takes as they are.
        """
        outer = form.schema
        if not form.by_parts or (schema := _by_parts(outer)) is None:
            return None
        if outer["type"] == "list" and outer.keys() <= {"type", "items_schema", *_NOT_KEPT} and not form.after:
            return list[Any]
        for wrapper in reversed(form.after):
            schema = {**_kept(wrapper), "schema": schema}
        return _validator_of_parts(self._defined(schema), config)


def fields_of(schema: Schema) -> dict[str, Schema]:
    """Give the fields of an object's schema by their names."""
    fields = _field_list(schema)["fields"]
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


def needs_siblings(schema: Schema) -> bool:
    """Whether a field is validated with a view on the fields before it."""
    while schema["type"] in ("default", "nullable", *_AFTER, *_AROUND):
        if schema.get("function", {}).get("type") == "with-info":
            return True
        schema = schema["schema"]
    return bool(schema.get("function", {}).get("type") == "with-info")


def without_siblings(schema: Schema) -> Schema:
    """Give what of a field can be read without the fields before it."""
    while schema["type"] in ("default", *_AFTER, *_AROUND):
        schema = schema["schema"]
    return schema


def _validator_of_parts(schema: Schema, config: Config) -> Callable[[Any], Any] | None:
    from pydantic_core import SchemaValidator

    make: Any = SchemaValidator
    try:
        # Else pydantic takes the class's own validator in place of this schema, and validates the parts again
        validator = make(schema, config or None, _use_prebuilt=False)
    except TypeError:  # a version of pydantic without that switch
        return None
    return cast("Callable[[Any], Any]", validator.validate_python)


def _refers(schema: Any) -> bool:
    """Whether a schema uses a definition."""
    if isinstance(schema, Mapping):
        known = cast("Schema", schema)
        return known.get("type") == "definition-ref" or any(map(_refers, known.values()))
    return isinstance(schema, list | tuple) and any(map(_refers, cast("list[Any]", schema)))


def _then(form: Form, wrapper: Schema) -> Form:
    is_alone = wrapper["function"]["type"] == "no-info" or form.kind in OBJECTS
    return replace(form, after=(wrapper, *form.after), by_parts=form.by_parts and is_alone)


def _kept(schema: Schema) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key not in _NOT_KEPT}


def _field_list(schema: Schema) -> Schema:
    inner = schema
    while inner["type"] != _FIELDS[schema["type"]]:
        inner = inner["schema"]
    return inner


def _by_parts(schema: Schema) -> Schema | None:
    """Give the schema of an object or array whose parts have been validated; None where that says not enough."""
    kind, own = schema["type"], _kept(schema)
    if kind in ("list", "set", "frozenset"):
        return {**own, "items_schema": _ANY}
    if kind == "tuple":
        return {**own, "items_schema": [_ANY for _ in schema["items_schema"]]}
    if kind == "dict":
        return {**own, "values_schema": _ANY}
    if kind not in OBJECTS or schema.get("custom_init"):
        return None
    inner = schema if kind == "typed-dict" else schema["schema"]
    if inner["type"] != _FIELDS[kind] or "extras_schema" in inner or schema.get("config", {}).get("validate_default"):
        return None
    fields = fields_of(schema)
    if any(needs_siblings(field["schema"]) or not keys_of(name, field, {}) for name, field in fields.items()):
        return None
    parts = {name: {**_kept(field), "schema": _taken(field["schema"])} for name, field in fields.items()}
    if any(part["schema"] is None for part in parts.values()):
        return None
    filled = {**_kept(inner), "fields": list(parts.values()) if kind == "dataclass" else parts}
    return filled if kind == "typed-dict" else {**own, "schema": filled}


def _taken(schema: Schema) -> Schema | None:
    """Give the schema of a field that takes a validated value as it is, and has the same default."""
    if schema["type"] != "default":
        return _ANY
    if schema.get("validate_default") or schema.get("on_error", "raise") != "raise":
        return None
    return {**_kept(schema), "schema": _ANY}
