"""Protocols of the compiled parts of a type, so that specs and builders do not import the module that compiles them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from ..incremental import ValueHandler

if TYPE_CHECKING:
    from .schemas import CoreConfig, CoreSchema, Schemas


class TypedHandler(ValueHandler, Protocol):
    """Handler for values of one type; `handlers.SchemaHandler` implements it.

    Attributes:
        is_done: True if the value is marked `done`.
        is_state: True if the value is marked `with_state`.
        has_state: True if a part of the value is marked `with_state`.
    """

    is_done: bool
    is_state: bool
    has_state: bool

    def show_undecided(self, fields: dict[str, Any]) -> Any: ...

    def validate(self, text: str | bytes) -> Any: ...

    def as_open(self, last: Any) -> Any: ...

    def as_closed(self, value: Any) -> Any: ...


class Compiler(Protocol):
    """Compiles the parts of one type; `handlers.SchemaCompiler` implements it."""

    @property
    def schemas(self) -> Schemas: ...

    def handler(self, schema: CoreSchema, config: CoreConfig) -> TypedHandler: ...
