"""What may be shown of a value before it is whole, said in the type: ``Annotated[str, stream.done]``.

The three marks and their meaning are BAML's ``@stream.done``, ``@stream.not_null`` and
``@stream.with_state``. They change nothing of how a whole answer is read, nor what the model is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar, cast

C = TypeVar("C", bound=type)

_KEY: Final = "declarai_like.marks"
_CLASS_MARK: Final = "__declarai_done__"


class Mark:
    """A mark in ``Annotated[...]``. It stands in the metadata of the core schema that pydantic makes."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"stream.{self.name}"

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        schema = handler(source)
        metadata = {**schema.get("metadata", {}), _KEY: marks_of(schema) | {self.name}}
        return {**schema, "metadata": metadata}


class Done(Mark):
    """The mark for what appears only when it is whole; also a decorator, for all values of a class."""

    def __call__(self, owner: C) -> C:
        """Mark a class: each value of it appears only when it is whole."""
        setattr(owner, _CLASS_MARK, True)
        return owner


def marks_of(schema: Mapping[str, Any]) -> frozenset[str]:
    """Give the names of the marks that one core schema has itself."""
    return cast("frozenset[str]", schema.get("metadata", {}).get(_KEY, frozenset()))


def is_done(owner: Any) -> bool:
    """Whether a class was marked."""
    return getattr(owner, _CLASS_MARK, False) is True


done: Final = Done("done")
"""It appears only when it is whole. As a decorator it says so of all values of a class."""

not_null: Final = Mark("not_null")
"""The object that it is a field of appears only once this is there, and is not None."""

with_state: Final = Mark("with_state")
"""It appears as a `StreamState`: the value so far, and whether it is pending, incomplete or complete."""
