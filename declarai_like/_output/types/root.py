"""The root of an answer. Providers require an object there, so other types are requested as ``{"value": ...}``."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, Generic, TypeVar

from ..incremental import ABSENT, ContainerBuilder, ValueHandler
from ..output_type import OutputMismatch, OutputType
from .anything import ANY
from .builders import NOT_IN_SCHEMA
from .handlers import SchemaCompiler, SchemaHandler
from .partials import InvalidPart, is_valid, shown_value
from .schemas import Schemas

R = TypeVar("R")


class AnswerSpec(Generic[R]):
    """The compiled handlers for answers of one type. They are compiled at their first use."""

    def __init__(self, output_type: OutputType[R] | Any) -> None:
        self.output_type: OutputType[R] = (
            output_type if isinstance(output_type, OutputType) else OutputType(output_type)
        )

    @cached_property
    def type_handler(self) -> SchemaHandler:
        """The handler for the type of the answer, without the wrapper."""
        schemas = Schemas(self.output_type.core_schema)
        return SchemaCompiler(schemas).handler(schemas.root, {})

    @cached_property
    def may_hide(self) -> bool:
        """True if an open value may be hidden, or shown as a `StreamState`."""
        return self.type_handler.may_hide or self.type_handler.is_state

    @cached_property
    def root(self) -> SchemaHandler | RootHandler:
        """The handler for the answer as it is requested."""
        return RootHandler(self.type_handler, self._read) if self.output_type.is_wrapped else self.type_handler

    def _read(self, text: str) -> Any:
        try:
            return self.output_type.read(text)
        except OutputMismatch:
            return ABSENT


class RootHandler:
    """Handler for an answer that is requested as ``{"value": ...}``."""

    grows = False

    def __init__(self, handler: ValueHandler, read: Callable[[str], Any]) -> None:
        """``read`` reads the complete text; it returns `ABSENT` if that is not valid."""
        self.handler = handler
        self.read = read

    def open(self, bracket: str) -> ContainerBuilder | None:
        return RootBuilder(self) if bracket == "{" else self.handler.open(bracket)

    def string(self, text: str) -> Any:
        raise AssertionError("an answer that is a string is read at its end")

    def parse(self, text: str) -> Any:
        return self.handler.parse(text)


class RootBuilder:
    """Builder of the wrapper object; or of the answer, if that is an object and the model left the wrapper out.

    Its first key decides: with ``value`` it is the wrapper.

    Attributes:
        delegate: the builder of the answer, if the wrapper was left out.
    """

    def __init__(self, root: RootHandler) -> None:
        self.delegate: ContainerBuilder | None = None
        self._root = root
        self._value: Any = ABSENT
        self._is_value = False  # the open key is "value"
        self._is_first = True
        # False if the answer is not decided by the value alone: a type may have a field "value" itself, and a model
        # may add other keys to the wrapper. Then the complete text is read.
        self._is_certain = True

    @property
    def key(self) -> Any:
        if self.delegate is not None:
            return self.delegate.key
        return None if self._is_value else NOT_IN_SCHEMA

    @property
    def has_begun(self) -> bool:
        """True if a part of the answer itself has arrived."""
        return self.delegate is not None or self._is_value or self._value is not ABSENT

    def handler_for(self, key: str | None) -> ValueHandler:
        is_first, self._is_first = self._is_first, False
        self._is_value = self.delegate is None and key == "value"
        if self._is_value:
            return self._root.handler
        if is_first:
            self.delegate = self._root.handler.open("{")
        if self.delegate is None:
            self._is_certain = False
            return ANY
        self._is_certain = self._is_certain and key != "value"
        return self.delegate.handler_for(key)

    def add(self, value: Any) -> None:
        if self.delegate is not None:
            self.delegate.add(value)
        elif self._is_value:
            self._value = value

    def view(self) -> Callable[[Any], Any]:
        if self.delegate is not None:
            return self.delegate.view()
        value, is_value = shown_value(self._value), self._is_value
        return lambda last: last if is_value and last is not ABSENT else value

    def close(self, text: Callable[[], str]) -> Any:
        value = self._value if self.delegate is None else self.delegate.close(text)
        if self._is_certain and is_valid(value):
            return value
        read = self._root.read(text())
        if read is ABSENT:
            return InvalidPart(shown_value(value))
        # Prefer the value that was shown, so that it stays the same object.
        is_same = is_valid(value) and (self.delegate is None or (type(value) is type(read) and value == read))
        return value if is_same else read
