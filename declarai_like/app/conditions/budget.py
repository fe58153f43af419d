"""A budget for the work of one evaluation: it bounds time and memory, however large the values of the state are.

The text of an expression is short, so one operation is cheap unless its operands are large or a loop repeats it.
The budget counts both: the iterations of loops, and the sizes of what is compared, hashed, searched, joined and
multiplied. Work is charged before it is done, so that no operation can hang or allocate too much.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from typing import Any

from ...errors import StateError

MAX_COST = 1_000_000
"""The cost that one evaluation may reach: some tenths of a second, at most."""

SCALARS = frozenset({int, float, bool, complex, type(None)})
TEXTS = (str, bytes, bytearray)
# Annotated, as type checkers would otherwise narrow an `Any` to a mapping or sequence of unknown items.
MAPPINGS: tuple[type[Any], ...] = (Mapping,)
SEQUENCES: tuple[type[Any], ...] = (Sequence, Set)


class EvaluationBudget:
    """The remaining budget of one evaluation."""

    def __init__(self, cost: int = MAX_COST) -> None:
        self.remaining = cost

    def charge(self, cost: int) -> None:
        """Subtract a cost.

        Raises:
            StateError: the budget is used up.
        """
        self.remaining -= cost
        if self.remaining < 0:
            raise StateError(
                "the evaluation was stopped because it processes too many values; use lmda(function, keys)"
            )

    def each(self, values: Iterable[Any], cost: int) -> Iterator[Any]:
        """Yield the values and charge for each, so that an endless iterator is stopped too."""
        for value in values:
            self.charge(cost)
            yield value

    def charge_for(self, *values: Any) -> None:
        """Charge for a traversal of nested values, as done by comparing and hashing.

        A value that is contained several times is charged each time. Comparing and hashing traverse it as often, which
        makes a small graph of shared lists as expensive as the exponentially large tree that it stands for.
        """
        pending = [value for value in values if type(value) not in SCALARS]
        while pending:  # not recursive: the values may be nested deeper than the interpreter's stack
            value = pending.pop()
            if isinstance(value, TEXTS):
                self.charge(len(value) // 64)
            elif isinstance(value, MAPPINGS):
                self._push(value, pending)
                pending.extend(value.values())
            elif isinstance(value, SEQUENCES):
                self._push(value, pending)

    def _push(self, values: Collection[Any], pending: list[Any]) -> None:
        self.charge(len(values))
        pending.extend(value for value in values if type(value) not in SCALARS)
