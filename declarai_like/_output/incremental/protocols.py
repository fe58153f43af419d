"""Protocols between the parser, which knows JSON, and the code that makes values of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol


class ValueHandler(Protocol):
    """Handler for the values at one position of the schema. It is stateless, so it is shared."""

    grows: bool
    """True if a string is shown while it grows; False if it is read as raw text."""

    def open(self, bracket: str) -> ContainerBuilder | None:
        """Return the builder of an object (``{``) or array (``[``); None to read it as raw text."""

    def string(self, text: str) -> Any:
        """Return the value of a growing string that is now complete."""

    def parse(self, text: str) -> Any:
        """Return the value of raw JSON text, or `ABSENT` if the value must not be shown.

        The text of a number or literal is valid JSON. Of a longer text, only the quotes and brackets are known to
        match.

        Raises:
            InvalidJSON: the text is not valid JSON.
        """


class ContainerBuilder(Protocol):
    """Builder of an object or array that is still open. It receives the values that are complete."""

    @property
    def key(self) -> Any:
        """The key or index of the current value, or of the last one if no value is open."""

    def handler_for(self, key: str | None) -> ValueHandler:
        """Return the handler of the next value: the value of this key, or the next element of an array."""
        ...

    def add(self, value: Any) -> None:
        """Add the complete value of the handler that was returned last."""

    def view(self) -> Callable[[Any], Any]:
        """Return a function from the open child (or `ABSENT`) to the value so far.

        The function captures the state of this moment, so later changes do not show. `open_values` explains why.
        """
        ...

    def close(self, text: Callable[[], str]) -> Any:
        """Return the complete value; ``text()`` returns its JSON text."""


class ParseListener(Protocol):
    """Callbacks for what the parser reads. ``builders`` are those around the value, from the root inwards."""

    def opened(self, builders: Sequence[ContainerBuilder], builder: ContainerBuilder | None) -> None:
        """Handle the start of an object or array; with ``builder=None``, of a growing string."""

    def grew(self, builders: Sequence[ContainerBuilder], text: str) -> None:
        """Handle the new text of a growing string."""

    def added(self, builders: Sequence[ContainerBuilder], value: Any, *, was_open: bool) -> None:
        """Handle a complete value, which its builder already has. ``was_open``: its start was reported."""
