"""Handler for a list whose elements are taken out one by one while it is being written."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...errors import Attempt, InvalidElement
from ..incremental import ABSENT, ValueHandler
from ..output_type import explain
from .specs import ArraySpec

if TYPE_CHECKING:
    from typing import Self


class ElementsHandler:
    """Handler and builder of one such list. It has state, so there is a new one for each JSON text.

    Attributes:
        values: the valid elements that were not taken out yet.
        errors: the errors of invalid elements that were not taken out yet.
        may_count: False as long as all its elements are invalid.
        size: the number of characters of its elements.
        has_ended: True after its closing bracket.
    """

    grows = False

    def __init__(self, array: ArraySpec, type_name: str, *, collect: bool) -> None:
        self.key: Any = -1
        self.values: list[Any] = []
        self.errors: list[InvalidElement] = []
        self.may_count = True
        self.size = 0
        self.has_ended = False
        self._has_begun = False
        self._array = array
        self._type_name = type_name
        self._collects = collect

    def open(self, bracket: str) -> Self | None:
        if bracket != "[":
            return None
        self._has_begun = True
        return self

    def string(self, text: str) -> Any:
        raise AssertionError("no string grows here")

    def parse(self, text: str) -> Any:
        return ABSENT

    def read(self, text: str) -> Any:
        """Return this handler for a wrapper object that has other keys besides the list."""
        return self if self._has_begun else ABSENT

    def handler_for(self, key: str | None) -> ValueHandler:
        self.key += 1
        return _RAW_TEXT

    def add(self, value: str) -> None:
        if self.errors and not self._collects:
            return
        from pydantic_core import SchemaError, ValidationError

        self.size += len(value)
        validate = self._array.item(self.key).validate
        try:
            self.values.append(validate(value))
            self.may_count = True
        except SchemaError:  # a validator omits the element (PydanticOmit)
            return
        except ValidationError as error:
            self.may_count = bool(self.values)
            reason = explain(error)
            self.errors.append(
                InvalidElement(
                    f"element {self.key} of a {self._type_name} is not valid:\n{reason}",
                    index=self.key,
                    attempts=(Attempt(value, reason),),
                )
            )

    def view(self) -> Callable[[Any], Any]:
        return _no_view

    def close(self, text: Callable[[], str]) -> Self:
        self.has_ended = True
        return self


def _no_view(_: Any) -> Any:
    return ABSENT


class _RawTextHandler:
    """Handler that returns the JSON text of a value."""

    grows = False

    def open(self, bracket: str) -> None:
        return None

    def string(self, text: str) -> Any:
        raise AssertionError("no string grows here")

    def parse(self, text: str) -> str:
        return text


_RAW_TEXT = _RawTextHandler()
