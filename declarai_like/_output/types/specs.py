"""Specs of the objects, arrays and dicts of a type: the handlers of their parts, and how to show and build them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..incremental import ABSENT
from .anything import is_encodable
from .assembler import Assembler
from .partials import PartialTypedDict, partial_type
from .schemas import CoreConfig, CoreSchema, Form, fields_of, items_of, keys_of
from .siblings import without_siblings

if TYPE_CHECKING:
    from .protocols import Compiler, TypedHandler

_ANY_SCHEMA: CoreSchema = {"type": "any"}
_HARMLESS = frozenset({
    "title", "extra_fields_behavior", "from_attributes", "validate_by_name", "validate_by_alias", "loc_by_alias",
    "strict", "revalidate_instances", "validate_default", "ser_json_timedelta", "ser_json_bytes",
    "ser_json_inf_nan", "val_json_bytes", "allow_inf_nan", "hide_input_in_errors", "frozen", "cache_strings",
})  # fmt: skip
"""Keys of a config that do not change a plain string."""


def is_plain_string(schema: CoreSchema, config: CoreConfig) -> bool:
    """Return True if a type accepts each string unchanged."""
    return schema["type"] == "str" and schema.keys() <= {"type", "metadata"} and config.keys() <= _HARMLESS


class FieldSpec:
    """A field of a class.

    Attributes:
        is_shown: True if the object has the field; False for an `InitVar`, which only its constructor takes.
    """

    def __init__(self, compiler: Compiler, name: str, field: CoreSchema, config: CoreConfig) -> None:
        self.name = name
        self.is_shown = not field.get("init_only")
        self._compiler = compiler
        self._schema = without_siblings(field["schema"])
        self._config = config

    @cached_property
    def handler(self) -> TypedHandler:
        return self._compiler.handler(self._schema, self._config)

    def is_same_as(self, other: FieldSpec) -> bool:
        """Return True if both fields are read alike."""
        return self.name == other.name and self._schema == other._schema and self._rules() == other._rules()

    def _rules(self) -> CoreConfig:
        # The title is the name of the model, so it differs between the classes of a union. It does not affect values.
        return {key: value for key, value in self._config.items() if key != "title"}


class _Spec(Assembler):
    """Base of the specs: the view of an open value of one form, and its assembly when it is complete."""

    def __init__(self, compiler: Compiler, form: Form, config: CoreConfig) -> None:
        super().__init__(compiler.schemas, form, config)
        self._roots = tuple(partial_type(root, ["root"]) for root in form.roots)

    def in_roots(self, value: Any) -> Any:
        """Return the view of an open value, put into the views of its root models, if there are any."""
        for root in self._roots:
            value = root({"root": value})
        return value


class ObjectSpec(_Spec):
    """The spec of one class.

    Attributes:
        cls: the class; None for a TypedDict, whose values are dicts.
        fields: the fields by JSON key.
        make_partial: returns the view of an open object from its fields by name.
        tagged: True if a field with a tag selects this class.
        not_null, state_fields: the names of the fields with these marks.
        has_state: True if something in it is marked `with_state`.
    """

    def __init__(self, compiler: Compiler, form: Form, config: CoreConfig) -> None:
        schema = form.schema
        config = schema.get("config") or form.config or config
        super().__init__(compiler, form, config)
        fields = fields_of(schema)
        self.cls: type | None = None if form.kind == "typed-dict" else schema["cls"]
        self.tagged = form.tagged
        self.name: str = self.cls.__name__ if self.cls else "object"
        self.fields = {
            key: FieldSpec(compiler, name, field, config)
            for name, field in fields.items()
            if field.get("init", True)
            for key in keys_of(name, field, config)
        }
        self.names = tuple(fields)
        self.make_partial: Callable[[dict[str, Any]], Any] = (
            partial_type(self.cls, fields) if self.cls else PartialTypedDict
        )
        if self._roots:
            make = self.make_partial
            self.make_partial = lambda fields: self.in_roots(make(fields))
        marks = {name: compiler.schemas.marks(field["schema"]) for name, field in fields.items()}
        self.not_null = tuple(name for name, names in marks.items() if "not_null" in names)
        self.state_fields = tuple(name for name, names in marks.items() if "with_state" in names)
        self.has_state = any(compiler.schemas.has("with_state", field["schema"]) for field in fields.values())
        self.is_marked = bool(self.not_null or self.state_fields)


class ArraySpec(_Spec):
    """The spec of a list, tuple or set."""

    def __init__(self, compiler: Compiler, form: Form, config: CoreConfig) -> None:
        self._config = form.config or config
        super().__init__(compiler, form, self._config)
        self._compiler = compiler
        self._items = items_of(form.schema)
        self._has_any_length = "variadic_item_index" in form.schema or form.kind not in ("tuple", "named-tuple")

    def item(self, index: int) -> TypedHandler:
        """Return the handler of an element."""
        last = len(self._items) - 1
        is_known = index <= last or (self._has_any_length and last >= 0)
        return self._compiler.handler(self._items[min(index, last)] if is_known else _ANY_SCHEMA, self._config)


class DictSpec(_Spec):
    """The spec of a dict."""

    def __init__(self, compiler: Compiler, form: Form, config: CoreConfig) -> None:
        config = form.config or config
        super().__init__(compiler, form, config)
        keys = form.schema.get("keys_schema", _ANY_SCHEMA)
        self.values = compiler.handler(form.schema.get("values_schema", _ANY_SCHEMA), config)
        self._validate_key = None
        if keys["type"] != "any" and not is_plain_string(keys, config):
            self._validate_key = compiler.schemas.validator({"type": "dict", "keys_schema": keys}, config).validate_json

    def key(self, key: str) -> Any:
        """Return the value of a JSON key; `ABSENT` if it is not valid."""
        if self._validate_key is None:
            return key if is_encodable(key) else ABSENT
        from pydantic_core import PydanticSerializationError, SchemaError, ValidationError, to_json

        try:
            # pydantic validates a key as JSON keys are, "1" as an int, only in a dict.
            return next(iter(self._validate_key(b"{%s:null}" % to_json(key))))
        except (ValidationError, SchemaError, PydanticSerializationError):
            return ABSENT
