"""What is known of the objects, arrays and dicts of a type: where their parts go, and how each is shown and made."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..incremental import ABSENT
from .anything import is_text
from .assembler import Assembler
from .schemas import Config, Form, Schema, fields_of, items_of, keys_of
from .siblings import alone
from .values import PartialTypedDict, partial_type

if TYPE_CHECKING:
    from .protocols import Compiler, TypedHandler

_ANY: Schema = {"type": "any"}
_HARMLESS = frozenset({
    "title", "extra_fields_behavior", "from_attributes", "validate_by_name", "validate_by_alias", "populate_by_name",
    "loc_by_alias", "strict", "revalidate_instances", "validate_default", "ser_json_timedelta", "ser_json_bytes",
    "ser_json_inf_nan", "val_json_bytes", "allow_inf_nan", "hide_input_in_errors", "frozen", "cache_strings",
})  # fmt: skip
"""What a config may say without changing a plain string."""


def is_plain_string(schema: Schema, config: Config) -> bool:
    """Whether a type takes each string as it is."""
    return schema["type"] == "str" and schema.keys() <= {"type", "metadata"} and config.keys() <= _HARMLESS


class Field:
    """A field of a class.

    Attributes:
        is_seen: whether the object will have it; else it is only given to the class to make it of.
    """

    def __init__(self, compiler: Compiler, name: str, field: Schema, config: Config) -> None:
        self.name = name
        self.is_seen = not field.get("init_only")
        self._compiler = compiler
        self._schema = alone(field["schema"])
        self._config = config

    @cached_property
    def handler(self) -> TypedHandler:
        return self._compiler.handler(self._schema, self._config)

    def is_same_as(self, other: Field) -> bool:
        """Whether the two are read alike."""
        return self.name == other.name and self._schema == other._schema and self._rules() == other._rules()

    def _rules(self) -> Config:
        return {key: value for key, value in self._config.items() if key != "title"}


class _Spec(Assembler):
    """How the values of one form are shown and made."""

    def __init__(self, compiler: Compiler, form: Form, config: Config) -> None:
        super().__init__(compiler.schemas, form, config)
        self._roots = tuple(partial_type(root, ["root"]) for root in form.roots)

    def shown(self, value: Any) -> Any:
        """Give what is seen of a value that is open: where it is in a root model, that."""
        for root in self._roots:
            value = root({"root": value})
        return value


class ObjectSpec(_Spec):
    """What is known of one class.

    Attributes:
        of: the class; None for a TypedDict, whose values are dicts.
        fields: by the keys that they have in JSON.
        partial: makes what is seen of an open object, of its fields by name.
        tagged: a field says that it is this class.
        has_state: something in it is marked `with_state`.
    """

    def __init__(self, compiler: Compiler, form: Form, config: Config) -> None:
        schema = form.schema
        config = schema.get("config") or form.config or config
        super().__init__(compiler, form, config)
        fields = fields_of(schema)
        self.of: type | None = None if form.kind == "typed-dict" else schema["cls"]
        self.tagged = form.tagged
        self.name: str = self.of.__name__ if self.of else "object"
        self.fields = {
            key: Field(compiler, name, field, config)
            for name, field in fields.items()
            if field.get("init", True)
            for key in keys_of(name, field, config)
        }
        self.names = tuple(fields)
        self.partial: Callable[[dict[str, Any]], Any] = partial_type(self.of, fields) if self.of else PartialTypedDict
        if self._roots:
            inside = self.partial
            self.partial = lambda fields: self.shown(inside(fields))
        marks = {name: compiler.schemas.marks(field["schema"]) for name, field in fields.items()}
        self.not_null = tuple(name for name, said in marks.items() if "not_null" in said)
        self.states = tuple(name for name, said in marks.items() if "with_state" in said)
        self.has_state = any(compiler.schemas.has("with_state", field["schema"]) for field in fields.values())
        self.is_marked = bool(self.not_null or self.states)


class ArraySpec(_Spec):
    """What is known of a list, tuple or set."""

    def __init__(self, compiler: Compiler, form: Form, config: Config) -> None:
        self._config = form.config or config
        super().__init__(compiler, form, self._config)
        self._compiler = compiler
        self._items = items_of(form.schema)
        self._is_endless = "variadic_item_index" in form.schema or form.kind not in ("tuple", "named-tuple")

    def item(self, index: int) -> TypedHandler:
        """Give the place of an element."""
        last = len(self._items) - 1
        is_known = index <= last or (self._is_endless and last >= 0)
        return self._compiler.handler(self._items[min(index, last)] if is_known else _ANY, self._config)


class DictSpec(_Spec):
    """What is known of a dict."""

    def __init__(self, compiler: Compiler, form: Form, config: Config) -> None:
        config = form.config or config
        super().__init__(compiler, form, config)
        keys = form.schema.get("keys_schema", _ANY)
        self.values = compiler.handler(form.schema.get("values_schema", _ANY), config)
        self._reads_key = None
        if keys["type"] != "any" and not is_plain_string(keys, config):
            self._reads_key = compiler.schemas.validator({"type": "dict", "keys_schema": keys}, config).validate_json

    def key(self, key: str) -> Any:
        """Read a key; `ABSENT` where it does not fit."""
        if self._reads_key is None:
            return key if is_text(key) else ABSENT
        from pydantic_core import PydanticSerializationError, SchemaError, ValidationError, to_json

        try:
            return next(iter(self._reads_key(b"{%s:null}" % to_json(key))))
        except (ValidationError, SchemaError, PydanticSerializationError):
            return ABSENT
