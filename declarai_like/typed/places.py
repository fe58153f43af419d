"""Where the parts of a typed answer go: compiled once from pydantic's core schema, and used for every answer."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from ..partial import ABSENT, Node, Place
from ..partial.plain import PLAIN
from .nodes import ArrayNode, DictNode, ObjectNode, RootNode
from .schemas import (
    ARRAYS,
    OBJECTS,
    Config,
    Form,
    Schema,
    Schemas,
    fields_of,
    items_of,
    keys_of,
    needs_siblings,
    without_siblings,
)
from .values import PartialTypedDict, partial_type

_NO_STRINGS = frozenset({"int", "float", "bool", "none"})
_SCALARS = _NO_STRINGS | {
    "bytes", "complex", "date", "datetime", "decimal", "enum", "literal", "multi-host-url", "str", "time", "timedelta",
    "url", "uuid",
}  # fmt: skip
_ANY: Schema = {"type": "any"}
_HARMLESS = frozenset({
    "title", "extra_fields_behavior", "from_attributes", "validate_by_name", "validate_by_alias", "populate_by_name",
    "loc_by_alias", "strict", "revalidate_instances", "validate_default", "ser_json_timedelta", "ser_json_bytes",
    "ser_json_inf_nan", "val_json_bytes", "allow_inf_nan", "hide_input_in_errors", "frozen", "cache_strings",
})  # fmt: skip
"""What a config may say without changing a plain string."""


class TypedPlace:
    """Where a value of one type goes."""

    def __init__(self, compiler: Compiler, schema: Schema, config: Config) -> None:
        self._compiler = compiler
        self._schema = schema
        self._config = config
        schemas = compiler.schemas
        marks = schemas.marks(schema)
        self.is_not_null = "not_null" in marks
        self.is_state = "with_state" in marks
        self.has_state = compiler.has_states and schemas.has_mark("with_state", schema)
        self._forms = () if "done" in marks else tuple(schemas.forms(schema))
        kinds = [form.kind for form in self._forms]
        known = _SCALARS | OBJECTS | ARRAYS | {"dict"}
        self._is_any = kinds == ["any"]
        if not known.issuperset(kinds):
            self._forms = ()
        strings = [kind for kind in kinds if kind in _SCALARS and kind not in _NO_STRINGS]
        self.grows = self._is_any or (bool(self._forms) and strings == ["str"])
        self._is_plain = self._is_any or (schema == {"type": "str"} and config.keys() <= _HARMLESS)

    def open(self, first: str) -> Node | None:
        if self._is_any:
            return PLAIN.open(first)
        if first == "[":
            return None if self._array is None else ArrayNode(self, self._array)
        if self._objects:
            return ObjectNode(self, self._objects)
        return None if self._dict is None else DictNode(self, self._dict)

    def string(self, text: str) -> Any:
        if self._is_plain:
            return text
        from pydantic_core import PydanticSerializationError, to_json

        try:
            return self.whole(to_json(text))
        except PydanticSerializationError:  # half of a surrogate pair
            return ABSENT

    def whole(self, text: str | bytes) -> Any:
        from pydantic_core import ValidationError

        try:
            return self._validate(text)
        except ValidationError:
            return ABSENT

    @cached_property
    def _validate(self) -> Callable[[str | bytes], Any]:
        return self._compiler.schemas.validator(self._schema, self._config).validate_json

    @property
    def check(self) -> Callable[[str | bytes], Any]:
        """Read a JSON text as this type; raises pydantic's ValidationError."""
        return self._validate

    @cached_property
    def _objects(self) -> tuple[ObjectPlan, ...]:
        if any(form.kind == "dict" for form in self._forms):
            return ()
        forms = [form for form in self._forms if form.kind in OBJECTS]
        return tuple(ObjectPlan(self._compiler, form, self._config) for form in forms)

    @cached_property
    def _dict(self) -> DictPlan | None:
        forms = [form for form in self._forms if form.kind == "dict" or form.kind in OBJECTS]
        return DictPlan(self._compiler, forms[0], self._config) if len(forms) == 1 else None

    @cached_property
    def _array(self) -> ArrayPlan | None:
        forms = [form for form in self._forms if form.kind in ARRAYS]
        return ArrayPlan(self._compiler, forms[0], self._config) if len(forms) == 1 else None

    @property
    def may_hide(self) -> bool:
        """Whether something in it appears only once something else is there."""
        return self._compiler.schemas.has_mark("not_null", self._schema)

    @property
    def array(self) -> ArrayPlan | None:
        """What is known of the elements, where the value is a list of one kind."""
        return self._array

    @cached_property
    def undecided(self) -> Callable[[dict[str, Any]], Any]:
        """Make what is seen of an object of which it is not known yet which class it is."""
        if all(plan.is_typed_dict for plan in self._objects):
            return PartialTypedDict
        name = "Or".join(dict.fromkeys(plan.name for plan in self._objects))
        names = frozenset(field.name for plan in self._objects for field in plan.fields.values())
        return partial_type(type(name, (), {}), names)


class Field:
    """A field of a class."""

    def __init__(self, compiler: Compiler, name: str, schema: Schema, config: Config) -> None:
        self.name = name
        self._compiler = compiler
        self._schema = without_siblings(schema) if needs_siblings(schema) else schema
        self._config = config

    @cached_property
    def place(self) -> TypedPlace:
        return self._compiler.place(self._schema, self._config)

    def is_same_as(self, other: Field) -> bool:
        """Whether the two are read alike."""
        return self.name == other.name and self._schema == other._schema and self._config == other._config


class ObjectPlan:
    """What is known of one class.

    Attributes:
        fields: by the keys that they have in JSON.
        partial: makes what is seen of an open object, of its fields by name.
        tagged: a field says that it is this class.
    """

    def __init__(self, compiler: Compiler, form: Form, config: Config) -> None:
        schema = form.schema
        config = schema.get("config") or config
        fields = fields_of(schema)
        self.tagged = form.tagged
        self.is_typed_dict = form.kind == "typed-dict"
        self.name: str = getattr(schema.get("cls"), "__name__", "object")
        self.fields = {
            key: Field(compiler, name, field["schema"], config)
            for name, field in fields.items()
            for key in keys_of(name, field, config)
        }
        self.partial: Callable[[dict[str, Any]], Any] = (
            PartialTypedDict if self.is_typed_dict else partial_type(schema["cls"], frozenset(fields))
        )
        marks = {name: compiler.schemas.marks(field["schema"]) for name, field in fields.items()}
        self.not_null = tuple(name for name, said in marks.items() if "not_null" in said)
        self.states = tuple(name for name, said in marks.items() if "with_state" in said)
        self._composer: Callable[[], Callable[[Any], Any] | None] = lambda: compiler.schemas.composer(form, config)

    @cached_property
    def _compose(self) -> Callable[[Any], Any] | None:
        return self._composer()

    def put_together(self, parts: dict[str, Any]) -> Any:
        """Make the object of its validated parts; `ABSENT` where they do not say enough, or do not fit."""
        return _put_together(self._compose, parts)


class ArrayPlan:
    """What is known of a list, tuple or set."""

    def __init__(self, compiler: Compiler, form: Form, config: Config) -> None:
        self._compiler = compiler
        self._form = form
        self._config = config
        self._items = items_of(form.schema)
        self._is_endless = "variadic_item_index" in form.schema or form.kind not in ("tuple", "named-tuple")

    def item(self, index: int) -> TypedPlace:
        """Give the place of an element."""
        last = len(self._items) - 1
        is_known = index <= last or (self._is_endless and last >= 0)
        return self._compiler.place(self._items[min(index, last)] if is_known else _ANY, self._config)

    @cached_property
    def _compose(self) -> Callable[[Any], Any] | None:
        return self._compiler.schemas.composer(self._form, self._config)

    def put_together(self, parts: list[Any]) -> Any:
        """Make the whole of its validated elements; `ABSENT` where they do not say enough, or do not fit."""
        return _put_together(self._compose, parts)


class DictPlan:
    """What is known of a dict."""

    def __init__(self, compiler: Compiler, form: Form, config: Config) -> None:
        schema = form.schema
        keys = schema.get("keys_schema", _ANY)
        self._reads_key = None
        self.values = compiler.place(schema.get("values_schema", _ANY), config)
        if keys != {"type": "str"} or not config.keys() <= _HARMLESS:
            self._reads_key = compiler.schemas.validator({"type": "dict", "keys_schema": keys}, config).validate_json
        self._composer: Callable[[], Callable[[Any], Any] | None] = lambda: compiler.schemas.composer(form, config)

    def key(self, key: str) -> Any:
        """Read a key; `ABSENT` where it does not fit."""
        if self._reads_key is None:
            return key
        from pydantic_core import PydanticSerializationError, ValidationError, to_json

        try:
            return next(iter(self._reads_key(b"{%s:null}" % to_json(key))))
        except (ValidationError, PydanticSerializationError):
            return ABSENT

    @cached_property
    def _compose(self) -> Callable[[Any], Any] | None:
        return self._composer()

    def put_together(self, parts: dict[str, Any]) -> Any:
        """Make the whole of its validated values; `ABSENT` where they do not say enough, or do not fit."""
        return _put_together(self._compose, parts)


class Compiler:
    """Makes the places of one type, each once: a type that contains itself comes back to where it began."""

    def __init__(self, schemas: Schemas) -> None:
        self.schemas = schemas
        self.has_states = schemas.has_mark("with_state", schemas.root)
        self._places: dict[tuple[int, int], TypedPlace] = {}

    def place(self, schema: Schema, config: Config) -> TypedPlace:
        """Give the place for a part of the type; its schema lives as long as the type, so its id tells it."""
        key = (id(schema), id(config))
        if key not in self._places:
            self._places[key] = TypedPlace(self, schema, config)
        return self._places[key]


class RootPlace:
    """Where an answer goes that is asked for as ``{"value": ...}``."""

    def __init__(self, place: Place) -> None:
        self.grows = False
        self._place = place

    def open(self, first: str) -> Node | None:
        return RootNode(self._place) if first == "{" else self._place.open(first)

    def string(self, text: str) -> Any:
        raise AssertionError("an answer that is a string is read at its end")

    def whole(self, text: str) -> Any:
        return self._place.whole(text)


def _put_together(compose: Callable[[Any], Any] | None, parts: Any) -> Any:
    from pydantic_core import ValidationError

    if compose is None:
        return ABSENT
    try:
        return compose(parts)
    except ValidationError:
        return ABSENT
