"""Conditions say which transition is taken: ``when(mode="poem")``, ``expr("count > 3")``, and their ``~ & |``.

A condition needs no more of a state than a mapping. It looks at keys, and has a name that says what it asks.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ...errors import ApplicationError
from .comparisons import read
from .expressions import Expression, missing

OR, AND, NOT = 1, 2, 3  # how strongly operators bind


class Condition:
    """A question to a state.

    Args:
        keys: the keys of the state that it looks at; each must be there. A str is one of them.
        resolver: gives the answer for a state.
        name: what it asks, in few words; errors and drawings show it.

    Raises:
        ApplicationError: the keys are none; or of ``&`` and ``|``: the other side is no condition.
        TypeError: of ``and``, ``or`` and ``not``: it has no truth of its own, only for a state.
    """

    binds = NOT

    def __init__(self, keys: str | Iterable[str], resolver: Callable[[Any], object], name: str) -> None:
        given: list[Any] = [keys] if isinstance(keys, str) or not isinstance(keys, Iterable) else [*keys]  # pyright: ignore[reportUnnecessaryIsInstance]
        if wrong := [key for key in given if not isinstance(key, str)]:
            raise ApplicationError(f"condition {name!r} looks at {wrong[0]!r:.200}; the keys of a state are text")
        self.keys: list[str] = list(dict.fromkeys(given))
        self.name = name
        self._resolver = resolver

    def holds(self, state: Mapping[str, Any]) -> bool:
        """Say whether it is true of the state.

        Raises:
            MissingKey: the state does not have a key that it looks at.
            StateError: the values cannot be compared, or the expression has no answer.
            Exception: what a function of `lmda` raises.
        """
        self._check(state)
        return bool(self._resolver(state))

    def run(self, state: Mapping[str, Any]) -> dict[str, bool]:
        """Give the answer as the result of an action would be; it raises what `holds` raises."""
        return {"PROCEED": self.holds(state)}

    def _check(self, state: Mapping[str, Any]) -> None:
        for key in self.keys:
            if key not in state:
                raise missing(key, self.name, state)

    def __invert__(self) -> Condition:
        return _Composed([self], lambda state: not self.holds(state), f"~{_beside(self, NOT)}", NOT)

    def __and__(self, other: Condition) -> Condition:
        parts = [self, _condition(other, "&")]
        name = " & ".join(_beside(part, AND) for part in parts)
        return _Composed(parts, lambda state: all(part.holds(state) for part in parts), name, AND)

    def __or__(self, other: Condition) -> Condition:
        parts = [self, _condition(other, "|")]
        name = " | ".join(_beside(part, OR) for part in parts)
        return _Composed(parts, lambda state: any(part.holds(state) for part in parts), name, OR)

    def __bool__(self) -> bool:
        raise TypeError(
            f"condition {self.name!r} has no truth of its own, only for a state: combine conditions with `&`, `|` and "
            "`~` in place of `and`, `or` and `not`, and ask one with holds(state)"
        )

    def __repr__(self) -> str:
        return f"<condition {self.name}>"


class _Composed(Condition):
    """A condition of others: each looks after its own keys, when it is asked at all."""

    def __init__(
        self, parts: Iterable[Condition], resolver: Callable[[Mapping[str, Any]], bool], name: str, binds: int
    ) -> None:
        super().__init__((key for part in parts for key in part.keys), resolver, name)
        self.binds = binds

    def _check(self, state: Mapping[str, Any]) -> None:
        pass


class _Expressed(Condition):
    """A condition that is a text: it looks after its keys itself."""

    def __init__(self, expression: Expression) -> None:
        super().__init__(expression.keys, expression.holds, expression.text)
        self.binds = NOT if expression.single else 0

    def _check(self, state: Mapping[str, Any]) -> None:
        pass


default = Condition([], lambda _: True, "default")
"""Always true: the last transition of an action, for all that the others do not take."""


def when(**wanted: Any) -> Condition:
    """Give a condition that is true where all keys have these values: ``when(mode="poem", safe=True)``.

    A key can end in another comparison: ``age__gte=18``, and so ``__eq __ne __lt __lte __gt __gte __in __notin
    __contains __is __isnot``. Any other ending is a part of the key. To name a key that itself ends like one of
    them, add ``__eq``: ``when(size__in__eq=3)`` asks for the key ``size__in``.

    Raises:
        ApplicationError: there is no key, the ending is a comparison misspelt, or it cannot take the value.
    """
    if not wanted:
        raise ApplicationError('when() needs a key, as in when(mode="poem"); what is always true is `default`')
    wishes = sorted((read(key, value) for key, value in wanted.items()), key=lambda wish: wish.key)
    name = ", ".join(wish.words for wish in wishes)

    def holds(state: Mapping[str, Any]) -> bool:
        return all(wish.holds(state[wish.key], name) for wish in wishes)

    condition = Condition([wish.key for wish in wishes], holds, name)
    condition.binds = NOT if len(wishes) == 1 else 0
    return condition


def expr(text: str) -> Condition:
    """Give a condition from a text, in a small and safe part of Python: ``expr("len(history) > 3 and safe")``.

    Names are keys. There are comparisons, ``and or not``, ``+ - * / // %``, items and slices, displays,
    comprehensions, ``a if b else c``, and ``abs all any len max min sorted sum``.

    Raises:
        ApplicationError: there is something else in the text, or it has more than 2,000 characters.
    """
    return _Expressed(Expression(text))


def lmda(function: Callable[[Any], object], keys: str | Iterable[str]) -> Condition:
    """Give a condition from a function of the state, which looks at these keys.

    Raises:
        ApplicationError: it is no function, or an async one; or the keys are none.
    """
    if not callable(function) or inspect.iscoroutinefunction(function):
        raise ApplicationError(f"lmda() takes a plain function of the state, and not {function!r}")
    name = getattr(function, "__name__", type(function).__name__)
    return Condition(keys, function, "lambda" if name == "<lambda>" else name)


def _condition(other: object, symbol: str) -> Condition:
    if not isinstance(other, Condition):
        raise ApplicationError(
            f"`{symbol}` takes a condition on both sides, and not {other!r}; when(), expr() and lmda() make them"
        )
    return other


def _beside(condition: Condition, operator: int) -> str:
    return condition.name if condition.binds >= operator else f"({condition.name})"
