"""The operators and functions of expressions; each charges its cost to the `EvaluationBudget` before it runs."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Iterator
from numbers import Rational
from typing import Any, TypeAlias

from ...errors import StateError
from .budget import MAPPINGS, SCALARS, SEQUENCES, TEXTS, EvaluationBudget

MAX_BITS = 65_536
"""The largest size of integers in arithmetic."""

BinaryOperation: TypeAlias = Callable[[EvaluationBudget, Any, Any], Any]


SIZED = (*SEQUENCES, *MAPPINGS)


def _length(value: Any) -> int:
    return len(value) if isinstance(value, SIZED) else 0


def _equality(test: Callable[[Any, Any], Any]) -> BinaryOperation:
    def compare(budget: EvaluationBudget, left: Any, right: Any) -> Any:
        # Containers of different lengths are unequal without a look at their items.
        if type(left) not in SCALARS and type(right) not in SCALARS and _length(left) == _length(right):
            budget.charge_for(left, right)
        return test(left, right)

    return compare


def _ordering(test: Callable[[Any, Any], Any]) -> BinaryOperation:
    def compare(budget: EvaluationBudget, left: Any, right: Any) -> Any:
        budget.charge_for(left, right)
        return test(left, right)

    return compare


def _contains(budget: EvaluationBudget, item: Any, values: Any) -> bool:
    # Without __contains__, `in` iterates, and an iterator may have no end.
    if not hasattr(values, "__contains__"):
        raise TypeError(f"a {type(values).__name__} cannot be searched")
    budget.charge_for(item)
    if not isinstance(values, (*MAPPINGS, set, frozenset)):  # these are searched by hash
        budget.charge_for(values)
    return item in values


COMPARISONS: dict[type[ast.cmpop], BinaryOperation] = {
    ast.Eq: _equality(operator.eq),
    ast.NotEq: _equality(operator.ne),
    ast.Lt: _ordering(operator.lt),
    ast.LtE: _ordering(operator.le),
    ast.Gt: _ordering(operator.gt),
    ast.GtE: _ordering(operator.ge),
    ast.Is: lambda _, left, right: left is right,
    ast.IsNot: lambda _, left, right: left is not right,
    ast.In: _contains,
    ast.NotIn: lambda budget, item, values: not _contains(budget, item, values),
}


def _arithmetic(operation: Callable[[Any, Any], Any]) -> BinaryOperation:
    def compute(budget: EvaluationBudget, left: Any, right: Any) -> Any:
        if isinstance(left, Rational) and isinstance(right, Rational):
            bits = _bits(left) + _bits(right)
            if bits > MAX_BITS:
                raise StateError(f"integers in arithmetic must have at most {MAX_BITS} bits, got {bits}")
            budget.charge(bits // 32)
        elif operation is operator.mod and isinstance(left, TEXTS):
            # A format string from the state, such as '%999999999d', could allocate any amount of memory.
            raise TypeError("`%` of a str is not supported; it is for numbers")
        elif operation is operator.mul and (_repeats(left, right) or _repeats(right, left)):
            budget.charge(max(_length(left), _length(right)) * max(left if isinstance(left, int) else right, 0))
        else:
            budget.charge(_length(left) + _length(right))
            budget.charge_for(*(value for value in (left, right) if not isinstance(value, TEXTS)))
        return operation(left, right)

    return compute


def _repeats(values: Any, times: Any) -> bool:
    return isinstance(values, SEQUENCES) and isinstance(times, int)


def _bits(number: Rational) -> int:
    return int(number.numerator).bit_length() + int(number.denominator).bit_length() - 1


ARITHMETIC: dict[type[ast.operator], BinaryOperation] = {
    ast.Add: _arithmetic(operator.add),
    ast.Sub: _arithmetic(operator.sub),
    ast.Mult: _arithmetic(operator.mul),
    ast.Div: _arithmetic(lambda left, right: left / right),
    ast.FloorDiv: _arithmetic(lambda left, right: left // right),
    ast.Mod: _arithmetic(operator.mod),
}

SIGNS: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.Not: operator.not_,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}


def get_item(budget: EvaluationBudget, values: Any, index: Any) -> Any:
    """Return ``values[index]``."""
    if not isinstance(index, slice):
        budget.charge_for(index)  # as a key of a dict it is hashed
    elif isinstance(values, SEQUENCES):
        budget.charge(len(range(*index.indices(len(values)))))
    return values[index]


def _compared(budget: EvaluationBudget, values: Iterable[Any]) -> Iterator[Any]:
    """Yield values that are then compared with each other."""
    for value in budget.each(values, 1):
        budget.charge_for(value)
        yield value


def _sorted(budget: EvaluationBudget, values: Iterable[Any], **options: Any) -> list[Any]:
    before = budget.remaining
    items = list(_compared(budget, values))
    budget.charge((before - budget.remaining) * len(items).bit_length())  # each item is compared about log2(n) times
    return sorted(items, **options)


def _extreme(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(budget: EvaluationBudget, *values: Any, **options: Any) -> Any:
        return function(_compared(budget, values[0] if len(values) == 1 else values), **options)

    return call


def _aggregate(function: Callable[[Iterable[Any]], Any]) -> Callable[..., Any]:
    def call(budget: EvaluationBudget, values: Iterable[Any]) -> Any:
        return function(budget.each(values, 1))

    return call


def _single(function: Callable[[Any], Any]) -> Callable[..., Any]:
    def call(_: EvaluationBudget, value: Any) -> Any:
        return function(value)

    return call


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": _single(abs),
    "all": _aggregate(all),
    "any": _aggregate(any),
    "len": _single(len),
    "max": _extreme(max),
    "min": _extreme(min),
    "sorted": _sorted,
    "sum": _aggregate(sum),
}
"""The functions that an expression can call; the first argument of each is the budget."""
