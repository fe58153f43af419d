"""A list whose elements are taken one by one, while it is being written."""

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
    """The place of such a list, and its node.

    Attributes:
        fits: whether it may be the list that is looked for.
        size: how many characters its elements have.
    """

    grows = False

    def __init__(self, array: ArraySpec, of: str, *, collect: bool) -> None:
        self.key: Any = -1
        self.values: list[Any] = []
        self.flaws: list[InvalidElement] = []
        self.fits = True
        self.size = 0
        self.has_ended = False
        self._has_begun = False
        self._array = array
        self._of = of
        self._collects = collect

    def open(self, first: str) -> Self | None:
        if first != "[":
            return None
        self._has_begun = True
        return self

    def string(self, text: str) -> Any:
        raise AssertionError("no string grows here")

    def parse(self, text: str) -> Any:
        return ABSENT

    def read(self, text: str) -> Any:
        """Give the list that is in an object with other things as well."""
        return self if self._has_begun else ABSENT

    def handler_for(self, key: str | None) -> ValueHandler:
        self.key += 1
        return _AS_TEXT

    def add(self, value: str) -> None:
        if self.flaws and not self._collects:
            return
        from pydantic_core import SchemaError, ValidationError

        self.size += len(value)
        validate = self._array.item(self.key).validate
        try:
            self.values.append(validate(value))
            self.fits = True
        except SchemaError:  # a validator leaves it out
            return
        except ValidationError as error:
            self.fits = bool(self.values)
            reason = explain(error)
            self.flaws.append(
                InvalidElement(
                    f"element {self.key} of a {self._of} does not fit:\n{reason}",
                    index=self.key,
                    attempts=(Attempt(value, reason),),
                )
            )

    def view(self) -> Callable[[Any], Any]:
        return _nothing

    def close(self, text: Callable[[], str]) -> Self:
        self.has_ended = True
        return self


def _nothing(_: Any) -> Any:
    return ABSENT


class _AsText:
    """The place of what is handed on as JSON text."""

    grows = False

    def open(self, first: str) -> None:
        return None

    def string(self, text: str) -> Any:
        raise AssertionError("no string grows here")

    def parse(self, text: str) -> str:
        return text


_AS_TEXT = _AsText()
