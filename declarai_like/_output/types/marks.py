"""Marks in a return type that control what is shown before a value is complete: ``Annotated[str, stream.done]``.

The three marks and their meaning are BAML's ``@stream.done``, ``@stream.not_null`` and ``@stream.with_state``. They
change neither how a complete answer is read, nor the JSON Schema for the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar, cast

C = TypeVar("C", bound=type)

_KEY: Final = "declarai_like.marks"
_CLASS_MARK: Final = "__declarai_done__"


class Mark:
    """A mark in ``Annotated[...]``. It is stored in the metadata of the core schema that pydantic makes."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"stream.{self.name}"

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        schema = handler(source)
        metadata = {**schema.get("metadata", {}), _KEY: marks_of(schema) | {self.name}}
        return {**schema, "metadata": metadata}  # a copy: pydantic may use the schema of a class elsewhere as well


class Done(Mark):
    """The mark for values that appear only when they are complete; also a class decorator."""

    def __call__(self, owner: C) -> C:
        """Mark a class: each of its instances appears only when it is complete."""
        setattr(owner, _CLASS_MARK, True)
        return owner


def marks_of(schema: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of the marks of one core schema, not of those in it."""
    return cast("frozenset[str]", schema.get("metadata", {}).get(_KEY, frozenset()))


def is_done(owner: Any) -> bool:
    """Return True for a class that was decorated with `done`."""
    return getattr(owner, _CLASS_MARK, False) is True


done: Final = Done("done")
"""The value appears only when it is complete. As a class decorator, it applies to all instances of the class."""

not_null: Final = Mark("not_null")
"""The object with this field appears only when the field is present, and not None."""

with_state: Final = Mark("with_state")
"""The value appears as a `StreamState`: the value so far, and its state: pending, incomplete or complete."""
