"""The top of an answer. Providers want an object there, so another type is asked for as ``{"value": ...}``."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, Generic, TypeVar

from ..incremental import ABSENT, ContainerBuilder, ValueHandler
from ..output_type import OutputMismatch, OutputType
from .anything import ANY
from .builders import NOT_IN_SCHEMA
from .handlers import Compiler, TypedHandler
from .schemas import Schemas
from .values import InvalidPart, is_valid, shown_value

R = TypeVar("R")


class AnswerSpec(Generic[R]):
    """How an answer of one type is read while it comes. Compiled when it is first used."""

    def __init__(self, output_type: OutputType[R] | Any) -> None:
        self.output_type: OutputType[R] = (
            output_type if isinstance(output_type, OutputType) else OutputType(output_type)
        )

    @cached_property
    def inner(self) -> TypedHandler:
        """The place of the answer's own type."""
        schemas = Schemas(self.output_type.core_schema)
        return Compiler(schemas).handler(schemas.root, {})

    @cached_property
    def hides(self) -> bool:
        """Whether something that is open may have to be hidden, or to be shown in another way."""
        return self.inner.may_hide or self.inner.is_state

    @cached_property
    def root(self) -> TypedHandler | RootHandler:
        """The place of the answer as it is asked for."""
        return RootHandler(self.inner, self._read) if self.output_type.is_wrapped else self.inner

    def _read(self, text: str) -> Any:
        try:
            return self.output_type.read(text)
        except OutputMismatch:
            return ABSENT


class RootHandler:
    """Where an answer goes that is asked for as ``{"value": ...}``."""

    grows = False

    def __init__(self, place: ValueHandler, read: Callable[[str], Any]) -> None:
        """``read`` reads the whole answer; it gives `ABSENT` where that does not fit."""
        self.place = place
        self.read = read

    def open(self, first: str) -> ContainerBuilder | None:
        return RootBuilder(self) if first == "{" else self.place.open(first)

    def string(self, text: str) -> Any:
        raise AssertionError("an answer that is a string is read at its end")

    def parse(self, text: str) -> Any:
        return self.place.parse(text)


class RootBuilder:
    """The object at the top of an answer whose type is none: the answer itself is its ``value``.

    A model may leave the wrapper out. Where the answer can be an object itself, the first key tells.

    Attributes:
        inner: the node that this one stands for, where the wrapper was left out.
    """

    def __init__(self, root: RootHandler) -> None:
        self.inner: ContainerBuilder | None = None
        self._root = root
        self._value: Any = ABSENT
        self._is_value = False  # what is open now
        self._is_first = True
        self._is_sure = True  # the value says it all

    @property
    def key(self) -> Any:
        if self.inner is not None:
            return self.inner.key
        return None if self._is_value else NOT_IN_SCHEMA

    @property
    def has_begun(self) -> bool:
        """Whether anything of the answer has come."""
        return self.inner is not None or self._is_value or self._value is not ABSENT

    def handler_for(self, key: str | None) -> ValueHandler:
        is_first, self._is_first = self._is_first, False
        self._is_value = self.inner is None and key == "value"
        if self._is_value:
            return self._root.place
        if is_first:
            self.inner = self._root.place.open("{")
        if self.inner is None:
            self._is_sure = False
            return ANY
        self._is_sure = self._is_sure and key != "value"
        return self.inner.handler_for(key)

    def add(self, value: Any) -> None:
        if self.inner is not None:
            self.inner.add(value)
        elif self._is_value:
            self._value = value

    def view(self) -> Callable[[Any], Any]:
        if self.inner is not None:
            return self.inner.view()
        value, is_value = shown_value(self._value), self._is_value
        return lambda last: last if is_value and last is not ABSENT else value

    def close(self, text: Callable[[], str]) -> Any:
        value = self._value if self.inner is None else self.inner.close(text)
        if self._is_sure and is_valid(value):
            return value
        read = self._root.read(text())
        if read is ABSENT:
            return InvalidPart(shown_value(value))
        is_meant = is_valid(value) and (self.inner is None or (type(value) is type(read) and value == read))
        return value if is_meant else read
