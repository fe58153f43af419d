"""Comparisons of `when`: a key, an operator written at the end of the key (``age__gte=18``), and a value."""

from __future__ import annotations

import difflib
import operator
from collections.abc import Callable
from typing import Any, NamedTuple

from ..._core.checks import wrong_type
from ...errors import ApplicationError, StateError

OPERATORS: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "eq": ("==", operator.eq),
    "ne": ("!=", operator.ne),
    "lt": ("<", operator.lt),
    "lte": ("<=", operator.le),
    "gt": (">", operator.gt),
    "gte": (">=", operator.ge),
    "in": ("in", lambda value, expected: value in expected),
    "notin": ("not in", lambda value, expected: value not in expected),
    "contains": ("contains", operator.contains),
    "is": ("is", operator.is_),
    "isnot": ("is not", operator.is_not),
}
"""The endings of a key of `when`, after two underscores: the symbol and the function of each."""

SPELLINGS = {
    "equals": "eq", "equal": "eq", "neq": "ne", "not": "ne", "le": "lte", "less": "lt", "ge": "gte", "greater": "gt",
    "nin": "notin", "has": "contains", "contain": "contains", "includes": "contains", "isnt": "isnot",
}  # fmt: skip
"""Endings of other libraries, for error messages."""


class Comparison(NamedTuple):
    key: str
    operator: str
    value: Any

    @property
    def label(self) -> str:
        symbol = OPERATORS[self.operator or "eq"][0]
        if not self.operator:
            return f"{self.key}={self.value}"
        gap = " " * symbol[0].isalpha()
        return f"{self.key}{gap}{symbol}{gap}{self.value!r}"

    def holds(self, value: Any, name: str) -> bool:
        symbol, compare = OPERATORS[self.operator or "eq"]
        try:
            return bool(compare(value, self.value))
        except Exception as error:  # the values' own operators may raise anything
            raise StateError(
                f"condition {name!r} cannot compare the key {self.key!r}: `{symbol}` of a {type(value).__name__} and a "
                f"{type(self.value).__name__} ({type(error).__name__}: {error})"
            ) from error


def parse_comparison(argument: str, value: Any) -> Comparison:
    """Parse a keyword argument of `when`.

    Raises:
        ApplicationError: the key is missing, the ending is a misspelt operator, or the operator cannot take the value.
    """
    key, separator, ending = argument.rpartition("__")
    if not separator or not ending:
        return Comparison(argument, "", value)
    if ending not in OPERATORS:
        # Any other ending is part of the key, but a misspelt operator would silently test a key that never exists.
        similar = [SPELLINGS[ending]] if ending in SPELLINGS else []
        if len(ending) > 3:  # shorter endings are too often similar by chance
            similar = similar or difflib.get_close_matches(ending, OPERATORS, 1, 0.75)
        if similar:
            raise ApplicationError(
                f"when({argument}=...): `__{ending}` is not an operator; did you mean {key}__{similar[0]}? The "
                f"operators are {', '.join(f'__{name}' for name in OPERATORS)}; for a key of that name, use {argument}__eq"
            )
        return Comparison(argument, "", value)
    if not key:
        raise ApplicationError(f"when({argument}=...) must have a key before `{separator}{ending}`")
    if ending in {"in", "notin"} and not hasattr(value, "__contains__"):
        raise wrong_type(
            f"the value of when({argument}=...)", "a container such as a list or a set", value, error=ApplicationError
        )
    return Comparison(key, ending, value)
