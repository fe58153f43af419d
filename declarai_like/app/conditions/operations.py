"""What the signs and functions of expressions do, and what each costs of the `EvaluationBudget`."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Iterator
from numbers import Rational
from typing import Any, TypeAlias

from ...errors import StateError
from .budget import ROWS, SMALL, TABLES, TEXT, EvaluationBudget

BITS = 65_536
"""How large whole numbers may become, by which is counted."""

SIZED = (*ROWS, *TABLES)

Test: TypeAlias = Callable[[EvaluationBudget, Any, Any], Any]


def _ordered(test: Callable[[Any, Any], Any]) -> Test:
    def compare(budget: EvaluationBudget, left: Any, right: Any) -> Any:
        budget.charge_for(left, right)
        return test(left, right)

    return compare


def _equal(test: Callable[[Any, Any], Any]) -> Test:
    def compare(budget: EvaluationBudget, left: Any, right: Any) -> Any:
        if type(left) not in SMALL and type(right) not in SMALL and _length(left) == _length(right):
            budget.charge_for(left, right)  # else they are not looked into
        return test(left, right)

    return compare


def _length(value: Any) -> int:
    return len(value) if isinstance(value, SIZED) else 0


def _contains(budget: EvaluationBudget, item: Any, values: Any) -> bool:
    if not hasattr(values, "__contains__"):  # Python would go through them, to an end that need not be there
        raise TypeError(f"a {type(values).__name__} cannot be searched")
    budget.charge_for(item)
    if not isinstance(values, (*TABLES, set, frozenset)):
        budget.charge_for(values)
    return item in values


COMPARISONS: dict[type[ast.cmpop], Test] = {
    ast.Eq: _equal(operator.eq),
    ast.NotEq: _equal(operator.ne),
    ast.Lt: _ordered(operator.lt),
    ast.LtE: _ordered(operator.le),
    ast.Gt: _ordered(operator.gt),
    ast.GtE: _ordered(operator.ge),
    ast.Is: lambda _, left, right: left is right,
    ast.IsNot: lambda _, left, right: left is not right,
    ast.In: _contains,
    ast.NotIn: lambda budget, item, values: not _contains(budget, item, values),
}


def _computed(operation: Callable[[Any, Any], Any]) -> Test:
    def compute(budget: EvaluationBudget, left: Any, right: Any) -> Any:
        if isinstance(left, Rational) and isinstance(right, Rational):
            bits = _bits(left) + _bits(right)
            if bits > BITS:
                raise StateError("its numbers grow too large")
            budget.charge(bits // 32)
        elif operation is operator.mod and isinstance(left, TEXT):
            raise TypeError("`%` is for numbers here, not for texts")
        elif operation is operator.mul and (_repeats(left, right) or _repeats(right, left)):
            budget.charge(max(_length(left), _length(right)) * max(left if isinstance(left, int) else right, 0))
        else:
            budget.charge(_length(left) + _length(right))
            budget.charge_for(*(value for value in (left, right) if not isinstance(value, TEXT)))
        return operation(left, right)

    return compute


def _repeats(values: Any, times: Any) -> bool:
    return isinstance(values, ROWS) and isinstance(times, int)


def _bits(number: Rational) -> int:
    return int(number.numerator).bit_length() + int(number.denominator).bit_length() - 1


ARITHMETIC: dict[type[ast.operator], Test] = {
    ast.Add: _computed(operator.add),
    ast.Sub: _computed(operator.sub),
    ast.Mult: _computed(operator.mul),
    ast.Div: _computed(lambda left, right: left / right),
    ast.FloorDiv: _computed(lambda left, right: left // right),
    ast.Mod: _computed(operator.mod),
}

SIGNS: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.Not: operator.not_,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}


def item(budget: EvaluationBudget, values: Any, index: Any) -> Any:
    """Give ``values[index]``."""
    if not isinstance(index, slice):
        budget.charge_for(index)
    elif isinstance(values, ROWS):
        budget.charge(len(range(*index.indices(len(values)))))
    return values[index]


def _sorted(budget: EvaluationBudget, values: Iterable[Any], **how: Any) -> list[Any]:
    before = budget.left
    items = list(_weighed(budget, values))
    budget.charge((before - budget.left) * len(items).bit_length())
    return sorted(items, **how)


def _least(choose: Callable[..., Any]) -> Callable[..., Any]:
    def call(budget: EvaluationBudget, *values: Any, **how: Any) -> Any:
        return choose(_weighed(budget, values[0] if len(values) == 1 else values), **how)

    return call


def _weighed(budget: EvaluationBudget, values: Iterable[Any]) -> Iterator[Any]:
    for value in budget.each(values, 1):
        budget.charge_for(value)
        yield value


def _through(function: Callable[[Iterable[Any]], Any]) -> Callable[..., Any]:
    def call(budget: EvaluationBudget, values: Iterable[Any]) -> Any:
        return function(budget.each(values, 1))

    return call


def _short(function: Callable[[Any], Any]) -> Callable[..., Any]:
    def call(budget: EvaluationBudget, value: Any) -> Any:
        return function(value)

    return call


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": _short(abs),
    "all": _through(all),
    "any": _through(any),
    "len": _short(len),
    "max": _least(max),
    "min": _least(min),
    "sorted": _sorted,
    "sum": _through(sum),
}
"""What can be called; each is given the allowance, and then what stands in its brackets."""
