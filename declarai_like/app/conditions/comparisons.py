"""What `when` compares: a key and a value, and how, which is written at the end of the key (``age__gte=18``)."""

from __future__ import annotations

import difflib
import operator
from collections.abc import Callable
from typing import Any, NamedTuple

from ...errors import ApplicationError, StateError

OPERATORS: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "eq": ("==", operator.eq),
    "ne": ("!=", operator.ne),
    "lt": ("<", operator.lt),
    "lte": ("<=", operator.le),
    "gt": (">", operator.gt),
    "gte": (">=", operator.ge),
    "in": ("in", lambda value, wanted: value in wanted),
    "notin": ("not in", lambda value, wanted: value not in wanted),
    "contains": ("contains", operator.contains),
    "is": ("is", operator.is_),
    "isnot": ("is not", operator.is_not),
}
"""What a key of `when` can end in, after two underscores."""

SPELLINGS = {
    "equals": "eq", "equal": "eq", "neq": "ne", "not": "ne", "le": "lte", "less": "lt", "ge": "gte", "greater": "gt",
    "nin": "notin", "has": "contains", "contain": "contains", "includes": "contains", "isnt": "isnot",
}  # fmt: skip
"""How others spell them, or one might."""


class Comparison(NamedTuple):
    key: str
    operator: str
    value: Any

    @property
    def words(self) -> str:
        symbol = OPERATORS[self.operator or "eq"][0]
        if not self.operator:
            return f"{self.key}={self.value}"
        gap = " " * symbol[0].isalpha()
        return f"{self.key}{gap}{symbol}{gap}{self.value!r}"

    def holds(self, value: Any, name: str) -> bool:
        symbol, compare = OPERATORS[self.operator or "eq"]
        try:
            return bool(compare(value, self.value))
        except Exception as error:  # whatever the values' own operators raise
            raise StateError(
                f"condition {name!r} cannot compare the key {self.key!r}: `{symbol}` of a {type(value).__name__} and a "
                f"{type(self.value).__name__} ({type(error).__name__}: {error})"
            ) from error


def read(written: str, value: Any) -> Comparison:
    key, mark, ending = written.rpartition("__")
    if not mark or not ending:
        return Comparison(written, "", value)
    if ending not in OPERATORS:
        near = [SPELLINGS[ending]] if ending in SPELLINGS else []
        if len(ending) > 3:
            near = near or difflib.get_close_matches(ending, OPERATORS, 1, 0.75)
        if near:
            raise ApplicationError(
                f"when({written}=...): `__{ending}` is no comparison; do you mean {key}__{near[0]}? There are "
                f"{', '.join(f'__{name}' for name in OPERATORS)}. For a key of that name, write {written}__eq"
            )
        return Comparison(written, "", value)
    if not key:
        raise ApplicationError(f"when({written}=...): there is no key before `{mark}{ending}`")
    if ending in {"in", "notin"} and not hasattr(value, "__contains__"):
        raise ApplicationError(f"when({written}=...) takes a list, a set or the like, and not {value!r}")
    return Comparison(key, ending, value)
