"""Conditions as text, ``"count > 3 and safe"``: read once, checked whole, and run without ``eval``.

The text is a small part of Python: values, the names of keys, comparisons, ``and or not``, ``+ - * / // %``, ``[]``,
displays, comprehensions, ``a if b else c``, and calls of a few functions. Everything else is refused when it is read.
Nothing but the state can be reached, as names are keys and there are no attributes; and each run comes to an end, as
it has an `EvaluationBudget`.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from ...errors import ApplicationError, MissingKey, StateError
from .compiler import Evaluation, ExpressionCompiler, MissingName
from .refusals import refuse

MAX_LENGTH = 2_000
"""The characters that a text may have."""


class Expression:
    """What a text says of a state.

    Attributes:
        keys: the keys that it names, in the order in which they first come.
        single: whether it can stand beside an operator without brackets.
    """

    def __init__(self, text: object) -> None:
        if not isinstance(text, str):
            raise ApplicationError(f'expr() takes a text, as in expr("count > 3"), and not {text!r}')
        self.text = text.strip()
        tree = _parsed(self.text)
        reader = ExpressionCompiler(self.text)
        self._value = reader.part(tree, {})
        self._slots = reader.slots
        self.keys = tuple(reader.keys)
        self.single = not isinstance(tree, ast.BoolOp | ast.IfExp | ast.UnaryOp)

    def holds(self, state: Mapping[str, Any]) -> bool:
        """Say whether it is true. Keys are looked at when they are needed: in ``a or b`` only ``a``, if that is true."""
        try:
            return bool(self._value(Evaluation(state, self._slots)))
        except MissingName as error:
            raise missing(str(error), self.text, state) from None
        except StateError as error:
            raise StateError(f"condition {self.text!r}: {error}") from None
        except Exception as error:  # whatever the values' own operators raise
            kinds = ", ".join(f"{key!r} is a {type(state[key]).__name__}" for key in self.keys if key in state)
            reason = f"{type(error).__name__}: {error}"
            raise StateError(
                f"condition {self.text!r} has no answer ({reason}); {kinds or 'it has no keys'}"
            ) from error


def missing(key: str, condition: str, state: Mapping[str, Any]) -> MissingKey:
    """Make the error for a condition whose key a state does not have."""
    there = ", ".join(sorted(map(repr, state))) or "no keys"
    return MissingKey(f"condition {condition!r} needs the key {key!r}, which the state does not have; it has {there}")


def _parsed(text: str) -> ast.expr:
    if not text:
        raise ApplicationError('expr() was given an empty text; it takes one as in expr("count > 3")')
    if len(text) > MAX_LENGTH:
        raise ApplicationError(f"expr() was given {len(text)} characters; {MAX_LENGTH} are the limit")
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError as error:
        refuse(text, error.msg, error.lineno or 1, max(error.offset or 1, 1) - 1)
    except (ValueError, RecursionError, MemoryError) as error:
        reason = str(error) or "it is nested too deep"
        raise ApplicationError(f"expr({text[:80]!r}) cannot be read: {reason}") from None
