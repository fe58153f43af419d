"""What a walker puts the values of a JSON text into, and who is told of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol


class ValueHandler(Protocol):
    """Where a value goes. It keeps nothing of the values that go there, so one serves many."""

    grows: bool
    """Whether a string is seen while it grows; else it is taken whole."""

    def open(self, first: str) -> ContainerBuilder | None:
        """Give the node for an object (``{``) or an array (``[``) that is looked into; None to take it whole."""

    def string(self, text: str) -> Any:
        """Give the value of a string that has grown to its end."""

    def parse(self, text: str) -> Any:
        """Give the value of a JSON text; `ABSENT` where it is not to be seen.

        Of numbers and literals the text is JSON. Of what is longer, only the quotes and brackets are known to match.

        Raises:
            InvalidJSON: it is none.
        """


class ContainerBuilder(Protocol):
    """An object or array that is open. Of its values, it gets those that are complete."""

    @property
    def key(self) -> Any:
        """The key or index of the value that goes in next, or went in last."""

    def handler_for(self, key: str | None) -> ValueHandler:
        """Say where the next value goes: the one of this key, or the next element of an array."""
        ...

    def add(self, value: Any) -> None:
        """Take the value for which a place was asked last."""

    def view(self) -> Callable[[Any], Any]:
        """Give what makes the value so far of the value that is still open, or `ABSENT`. It stays as it is later."""
        ...

    def close(self, text: Callable[[], str]) -> Any:
        """Give the value, now that it is complete; ``text`` gives its JSON text."""


class ParseListener(Protocol):
    """Is told of each step; ``path`` has the nodes that a value is in, from the root inwards."""

    def opened(self, path: Sequence[ContainerBuilder], node: ContainerBuilder | None) -> None:
        """Be told that an object or array has begun, or, without a node, a growing string."""

    def grew(self, path: Sequence[ContainerBuilder], text: str) -> None:
        """Be told that a string has grown."""

    def added(self, path: Sequence[ContainerBuilder], value: Any, *, was_open: bool) -> None:
        """Be told of a complete value, which is in its place now."""
