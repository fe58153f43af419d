"""Handlers for the values of a type, compiled once from pydantic's core schema and used for every answer."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from ..incremental import ABSENT, ContainerBuilder
from .anything import ANY, is_encodable
from .builders import ArrayBuilder, DictBuilder, ObjectBuilder
from .partials import InvalidPart, PartialTypedDict, StreamState, partial_type, shown_value
from .schemas import ARRAYS, OBJECTS, CoreConfig, CoreSchema, Form, Schemas
from .specs import ArraySpec, DictSpec, ObjectSpec, is_plain_string

_NO_STRINGS = frozenset({"int", "float", "bool", "none"})
_SCALARS = _NO_STRINGS | {
    "bytes", "complex", "date", "datetime", "decimal", "enum", "literal", "multi-host-url", "str", "time", "timedelta",
    "url", "uuid",
}  # fmt: skip
_KNOWN = _SCALARS | OBJECTS | ARRAYS | {"dict"}


class SchemaHandler:
    """Handler for values of one type.

    Attributes:
        is_done: True if the value is marked `done`.
        is_state: True if the value is marked `with_state`.
        has_state: True if a part of the value is marked `with_state`.
    """

    def __init__(self, compiler: SchemaCompiler, schema: CoreSchema, config: CoreConfig) -> None:
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
        self._is_any = len(forms) == 1 and forms[0].kind == "any" and forms[0].by_parts and not forms[0].wrappers
        # A kind of schema that is not known here is not an error: the value is read as raw text, and validated.
        self._forms = tuple(forms) if _KNOWN.issuperset(form.kind for form in forms) else ()
        self.grows = self._is_any or _grows([form for form in self._forms if form.kind in _SCALARS - _NO_STRINGS])
        self._is_plain = self._is_any or is_plain_string(schema, config)

    def open(self, bracket: str) -> ContainerBuilder | None:
        if self._is_any:
            return ANY.open(bracket)
        if bracket == "[":
            return ArrayBuilder(self, self.array) if self._forms and self.array else None
        if self._objects:
            return ObjectBuilder(self, self._objects)
        return None if self._dict is None else DictBuilder(self, self._dict)

    def string(self, text: str) -> Any:
        if self._is_plain:
            return text if is_encodable(text) else ABSENT
        from pydantic_core import PydanticSerializationError, to_json

        try:
            return self.parse(to_json(text))
        except PydanticSerializationError:  # a lone surrogate
            return ABSENT

    def parse(self, text: str | bytes) -> Any:
        from pydantic_core import SchemaError, ValidationError

        validate = self._validator  # outside of the try: an error in the schema itself must be raised
        try:
            return validate(text)
        except (ValidationError, SchemaError):  # SchemaError: a validator omits the value (PydanticOmit)
            return ABSENT

    def as_open(self, last: Any) -> Any:
        """Return the view of an open element or entry."""
        if last is ABSENT or self.is_done:
            return ABSENT
        return StreamState[Any](last, "incomplete") if self.is_state else last

    def as_closed(self, value: Any) -> Any:
        """Return what is shown of a complete element or entry."""
        shown = shown_value(value)
        if not self.is_state or shown is ABSENT:
            return shown
        return StreamState[Any](shown, "incomplete" if isinstance(value, InvalidPart) else "complete")

    def validate(self, text: str | bytes) -> Any:
        """Return the value of a JSON text, as this type.

        Raises:
            pydantic_core.ValidationError: the text is not valid for the type.
            pydantic_core.SchemaError: a validator omits the value from the list that it is in.
        """
        return self._validator(text)

    @cached_property
    def _validator(self) -> Callable[[str | bytes], Any]:
        return self._compiler.schemas.validator(self._schema, self._config).validate_json

    @property
    def may_hide(self) -> bool:
        """True if a part of the value is marked `not_null`, and so may hide the object around it."""
        return self._compiler.schemas.has("not_null", self._schema)

    @cached_property
    def array(self) -> ArraySpec | None:
        """The spec of the elements; None if the value is not a list, tuple or set, or may be one of several."""
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
        """Return the view of an object whose class is not known yet; ``fields`` are its values by name."""
        return self._make_undecided(fields)

    @cached_property
    def _make_undecided(self) -> Callable[[dict[str, Any]], Any]:
        if not any(spec.cls for spec in self._objects):
            return PartialTypedDict
        name = "Or".join(dict.fromkeys(spec.name for spec in self._objects))
        return partial_type(type(name, (), {}), [name for spec in self._objects for name in spec.names])


def _grows(strings: list[Form]) -> bool:
    """Return True if a JSON string is shown while it grows: it can only become a str, not a date or an enum member."""
    return len(strings) == 1 and strings[0].kind == "str" and strings[0].is_exact and not strings[0].roots


class SchemaCompiler:
    """Compiles the handlers of one type, one for each part. So a recursive type refers to its own handler."""

    def __init__(self, schemas: Schemas) -> None:
        self.schemas = schemas
        self.has_states = schemas.has("with_state", schemas.root)
        self._handlers: dict[tuple[int, int], SchemaHandler] = {}

    def handler(self, schema: CoreSchema, config: CoreConfig) -> SchemaHandler:
        """Return the handler for a part of the type."""
        # By id: schemas are not hashable. They live as long as the type, so no id is used twice.
        key = (id(schema), id(config))
        if key not in self._handlers:
            self._handlers[key] = SchemaHandler(self, schema, config)
        return self._handlers[key]
