"""Where the parts of a typed answer go: compiled once from pydantic's core schema, and used for every answer."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from ..incremental import ABSENT, ContainerBuilder
from .anything import ANY, is_text
from .builders import ArrayBuilder, DictBuilder, ObjectBuilder
from .schemas import ARRAYS, OBJECTS, Config, Form, Schema, Schemas
from .specs import ArraySpec, DictSpec, ObjectSpec, is_plain_string
from .values import InvalidPart, PartialTypedDict, StreamState, partial_type, shown_value

_NO_STRINGS = frozenset({"int", "float", "bool", "none"})
_SCALARS = _NO_STRINGS | {
    "bytes", "complex", "date", "datetime", "decimal", "enum", "literal", "multi-host-url", "str", "time", "timedelta",
    "url", "uuid",
}  # fmt: skip
_KNOWN = _SCALARS | OBJECTS | ARRAYS | {"dict"}


class TypedHandler:
    """Where a value of one type goes.

    Attributes:
        is_done, is_state: how it is marked.
        has_state: whether something in it is marked `with_state`.
    """

    def __init__(self, compiler: Compiler, schema: Schema, config: Config) -> None:
        self._compiler = compiler
        self._schema = schema
        self._config = config
        schemas = compiler.schemas
        marks = schemas.marks(schema)
        self.is_done = "done" in marks
        self.is_state = "with_state" in marks
        self.has_state = compiler.has_states and schemas.has_inside("with_state", schema)
        forms: list[Form] = []
        for form in () if self.is_done else schemas.forms(schema):
            if form not in forms:  # one class may have several tags
                forms.append(form)
        self._is_any = len(forms) == 1 and forms[0].kind == "any" and forms[0].by_parts and not forms[0].around
        self._forms = tuple(forms) if _KNOWN.issuperset(form.kind for form in forms) else ()
        self.grows = self._is_any or _grows([form for form in self._forms if form.kind in _SCALARS - _NO_STRINGS])
        self._is_plain = self._is_any or is_plain_string(schema, config)

    def open(self, first: str) -> ContainerBuilder | None:
        if self._is_any:
            return ANY.open(first)
        if first == "[":
            return ArrayBuilder(self, self.array) if self._forms and self.array else None
        if self._objects:
            return ObjectBuilder(self, self._objects)
        return None if self._dict is None else DictBuilder(self, self._dict)

    def string(self, text: str) -> Any:
        if self._is_plain:
            return text if is_text(text) else ABSENT
        from pydantic_core import PydanticSerializationError, to_json

        try:
            return self.parse(to_json(text))
        except PydanticSerializationError:  # half of a surrogate pair
            return ABSENT

    def parse(self, text: str | bytes) -> Any:
        from pydantic_core import SchemaError, ValidationError

        validate = self._validator  # outside of the try: what a validator's construction raises is not caught
        try:
            return validate(text)
        except (ValidationError, SchemaError):  # a SchemaError where a validator leaves the value out
            return ABSENT

    def as_open(self, last: Any) -> Any:
        """Give what is seen of an element or entry that is open."""
        if last is ABSENT or self.is_done:
            return ABSENT
        return StreamState[Any](last, "incomplete") if self.is_state else last

    def as_closed(self, value: Any) -> Any:
        """Give what is seen of an element or entry that is whole."""
        shown = shown_value(value)
        if not self.is_state or shown is ABSENT:
            return shown
        return StreamState[Any](shown, "incomplete" if isinstance(value, InvalidPart) else "complete")

    def validate(self, text: str | bytes) -> Any:
        """Return the value of a JSON text, as this type.

        Raises:
            pydantic_core.ValidationError: the text is not valid for the type.
            pydantic_core.SchemaError: a validator leaves the value out of the list that it is in.
        """
        return self._validator(text)

    @cached_property
    def _validator(self) -> Callable[[str | bytes], Any]:
        return self._compiler.schemas.validator(self._schema, self._config).validate_json

    @property
    def may_hide(self) -> bool:
        """Whether something in it appears only once something else is there."""
        return self._compiler.schemas.has("not_null", self._schema)

    @cached_property
    def array(self) -> ArraySpec | None:
        """What is known of the elements, where the value is a list of one kind."""
        forms = [form for form in self._compiler.schemas.forms(self._schema) if form.kind in ARRAYS]
        return ArraySpec(self._compiler, forms[0], self._config) if len(forms) == 1 else None

    @cached_property
    def _objects(self) -> tuple[ObjectSpec, ...]:
        if any(form.kind == "dict" for form in self._forms):
            return ()
        return tuple(ObjectSpec(self._compiler, form, self._config) for form in self._forms if form.kind in OBJECTS)

    @cached_property
    def _dict(self) -> DictSpec | None:
        forms = [form for form in self._forms if form.kind == "dict" or form.kind in OBJECTS]
        return DictSpec(self._compiler, forms[0], self._config) if len(forms) == 1 else None

    def show_undecided(self, fields: dict[str, Any]) -> Any:
        """Return what is shown of an object whose class is not known yet; ``fields`` are its values by name."""
        return self._undecided(fields)

    @cached_property
    def _undecided(self) -> Callable[[dict[str, Any]], Any]:
        if not any(spec.of for spec in self._objects):
            return PartialTypedDict
        name = "Or".join(dict.fromkeys(spec.name for spec in self._objects))
        return partial_type(type(name, (), {}), [name for spec in self._objects for name in spec.names])


def _grows(strings: list[Form]) -> bool:
    """Whether a JSON string is seen while it grows: where it will be a text, and is none of a more exact kind."""
    return len(strings) == 1 and strings[0].kind == "str" and strings[0].is_own and not strings[0].roots


class Compiler:
    """Makes the places of one type, each once: a type that contains itself comes back to where it began."""

    def __init__(self, schemas: Schemas) -> None:
        self.schemas = schemas
        self.has_states = schemas.has("with_state", schemas.root)
        self._places: dict[tuple[int, int], TypedHandler] = {}

    def handler(self, schema: Schema, config: Config) -> TypedHandler:
        """Give the place for a part of the type; its schema lives as long as the type, so its id tells it."""
        key = (id(schema), id(config))
        if key not in self._places:
            self._places[key] = TypedHandler(self, schema, config)
        return self._places[key]
