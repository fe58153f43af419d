"""Conditions of transitions: ``when(mode="poem")``, ``expr("count > 3")``, ``lmda(function, keys)``, and ``~ & |``.

A condition reads only a mapping, so a plain dict serves as a state. It names the keys that it reads, and it has a
short name for errors and drawings.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..._core.checks import wrong_type
from ...errors import ApplicationError
from .comparisons import parse_comparison
from .expressions import Expression, missing_key

OR, AND, NOT = 1, 2, 3  # the precedence of the operators


class Condition:
    """A predicate of the state.

    Args:
        keys: the keys of the state that it reads; each must be present. A str is one key.
        resolver: returns the answer for a state.
        name: a short description, for errors and drawings.

    Raises:
        ApplicationError: a key is not a str; or an operand of ``&`` or ``|`` is not a condition.
        TypeError: of ``and``, ``or`` and ``not``: a condition has a truth value only for a state.
    """

    precedence = NOT

    def __init__(self, keys: str | Iterable[str], resolver: Callable[[Any], object], name: str) -> None:
        given: list[Any] = [keys] if isinstance(keys, str) or not isinstance(keys, Iterable) else [*keys]  # pyright: ignore[reportUnnecessaryIsInstance]
        for key in given:
            if not isinstance(key, str):
                raise wrong_type(f"a key of condition {name!r}", "a str", key, error=ApplicationError)
        self.keys: list[str] = list(dict.fromkeys(given))
        self.name = name
        self._resolver = resolver

    def holds(self, state: Mapping[str, Any]) -> bool:
        """Return True if the condition is true for the state.

        Raises:
            MissingKey: the state does not have a key that the condition reads.
            StateError: the values cannot be compared, or the expression cannot be evaluated.
            Exception: the function of `lmda` raised it.
        """
        self._check(state)
        return bool(self._resolver(state))

    def run(self, state: Mapping[str, Any]) -> dict[str, bool]:
        """Return the answer in the form of an action's result; the errors are those of `holds`."""
        return {"PROCEED": self.holds(state)}

    def _check(self, state: Mapping[str, Any]) -> None:
        for key in self.keys:
            if key not in state:
                raise missing_key(key, self.name, state)

    def __invert__(self) -> Condition:
        return _CompositeCondition([self], lambda state: not self.holds(state), f"~{_operand(self, NOT)}", NOT)

    def __and__(self, other: Condition) -> Condition:
        parts = [self, _condition(other, "&")]
        name = " & ".join(_operand(part, AND) for part in parts)
        return _CompositeCondition(parts, lambda state: all(part.holds(state) for part in parts), name, AND)

    def __or__(self, other: Condition) -> Condition:
        parts = [self, _condition(other, "|")]
        name = " | ".join(_operand(part, OR) for part in parts)
        return _CompositeCondition(parts, lambda state: any(part.holds(state) for part in parts), name, OR)

    # Without this, `a and b` would be b alone, and `not a` would be False: wrong answers without an error.
    def __bool__(self) -> bool:
        raise TypeError(
            f"condition {self.name!r} has no truth value without a state: combine conditions with `&`, `|` and `~` "
            "instead of `and`, `or` and `not`, and evaluate one with holds(state)"
        )

    def __repr__(self) -> str:
        return f"<condition {self.name}>"


class _CompositeCondition(Condition):
    """A condition made of others; each part checks its own keys, only when it is evaluated."""

    def __init__(
        self, parts: Iterable[Condition], resolver: Callable[[Mapping[str, Any]], bool], name: str, precedence: int
    ) -> None:
        super().__init__((key for part in parts for key in part.keys), resolver, name)
        self.precedence = precedence

    def _check(self, state: Mapping[str, Any]) -> None:
        pass


class _ExpressionCondition(Condition):
    """A condition given as an expression, which checks its own keys."""

    def __init__(self, expression: Expression) -> None:
        super().__init__(expression.keys, expression.holds, expression.text)
        self.precedence = NOT if expression.single else 0

    def _check(self, state: Mapping[str, Any]) -> None:
        pass


default = Condition([], lambda _: True, "default")
"""Always true: the last transition of an action, taken when no other one is."""


def when(**values: Any) -> Condition:
    """Return a condition that is true if all keys have these values: ``when(mode="poem", safe=True)``.

    A key can end in another operator: ``age__gte=18``, and so ``__eq __ne __lt __lte __gt __gte __in __notin
    __contains __is __isnot``. Any other ending is part of the key. For a key that itself ends like an operator, add
    ``__eq``: ``when(size__in__eq=3)`` compares the key ``size__in``.

    Raises:
        ApplicationError: the key is missing, the ending is a misspelt operator, or the operator cannot take the value.
    """
    if not values:
        raise ApplicationError('when() must have a key, for instance when(mode="poem"); use `default` for always true')
    # Sorted, so that the name does not depend on the order of the arguments.
    comparisons = sorted((parse_comparison(key, value) for key, value in values.items()), key=lambda each: each.key)
    name = ", ".join(comparison.label for comparison in comparisons)

    def holds(state: Mapping[str, Any]) -> bool:
        return all(comparison.holds(state[comparison.key], name) for comparison in comparisons)

    condition = Condition([comparison.key for comparison in comparisons], holds, name)
    condition.precedence = NOT if len(comparisons) == 1 else 0
    return condition


def expr(text: str) -> Condition:
    """Return a condition from an expression in a safe subset of Python: ``expr("len(history) > 3 and safe")``.

    Names are keys. The subset has comparisons, ``and or not``, ``+ - * / // %``, items and slices, displays,
    comprehensions, ``a if b else c``, and ``abs all any len max min sorted sum``.

    Raises:
        ApplicationError: the text has anything else, is longer than 2,000 characters or nested deeper than 100 levels.
    """
    return _ExpressionCondition(Expression(text))


def lmda(function: Callable[[Any], object], keys: str | Iterable[str]) -> Condition:
    """Return a condition from a function of the state, which reads these keys.

    Raises:
        ApplicationError: it is not a function, or it is async; or a key is not a str.
    """
    what = "the function of lmda()"
    if not callable(function):
        raise wrong_type(what, "a function of the state", function, error=ApplicationError)
    name = getattr(function, "__name__", type(function).__name__)
    if inspect.iscoroutinefunction(function):  # the coroutine that it returns would always be true
        raise ApplicationError(f"{what} must be a function of the state, got the async function {name!r}; use def")
    return Condition(keys, function, "lambda" if name == "<lambda>" else name)


def _condition(other: object, symbol: str) -> Condition:
    if not isinstance(other, Condition):
        hint = "when(), expr() and lmda() make conditions"
        raise wrong_type(f"the right operand of `{symbol}`", "a Condition", other, hint, error=ApplicationError)
    return other


def _operand(condition: Condition, operator: int) -> str:
    """Return the name of an operand, in parentheses where it binds weaker than the operator."""
    return condition.name if condition.precedence >= operator else f"({condition.name})"
