"""What an expression may cost, so that none can hang or fill the memory, whatever its text and its state.

Parts run in little time each, so what is counted is what makes them many, or one of them long: the rounds of loops,
and the sizes of what is compared, searched, joined and multiplied. It is paid for before it is done.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from typing import Any

from ...errors import StateError

STEPS = 1_000_000
"""What one run may cost: some tenths of a second, at most."""

SMALL = frozenset({int, float, bool, complex, type(None)})
TEXT = (str, bytes, bytearray)
TABLES: tuple[type[Any], ...] = (
    Mapping,
)  # typed so that what is found to be one is not taken for one of unknown things
ROWS: tuple[type[Any], ...] = (Sequence, Set)


class EvaluationBudget:
    """What is left of the steps of one run."""

    def __init__(self, steps: int = STEPS) -> None:
        self.left = steps

    def charge(self, steps: int) -> None:
        """Pay, or end the run."""
        self.left -= steps
        if self.left < 0:
            raise StateError("it goes through too much, and was stopped; for long work there is lmda(function, keys)")

    def each(self, values: Iterable[Any], steps: int) -> Iterator[Any]:
        """Give the values, and pay for each; they need not have an end."""
        for value in values:
            self.charge(steps)
            yield value

    def charge_for(self, *values: Any) -> None:
        """Pay for going through all that is in the values, as comparing and hashing do.

        What is in them many times counts as often: they do it as often, too.
        """
        waiting = [value for value in values if type(value) not in SMALL]
        while waiting:
            value = waiting.pop()
            if isinstance(value, TEXT):
                self.charge(len(value) // 64)
            elif isinstance(value, TABLES):
                self._open(value, waiting)
                waiting.extend(value.values())
            elif isinstance(value, ROWS):
                self._open(value, waiting)

    def _open(self, values: Collection[Any], waiting: list[Any]) -> None:
        self.charge(len(values))
        waiting.extend(value for value in values if type(value) not in SMALL)
