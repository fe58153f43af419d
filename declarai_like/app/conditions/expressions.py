"""Conditions as Python expressions, ``"count > 3 and safe"``: parsed and validated once, evaluated without ``eval``.

The language is a small subset of Python: constants, names of keys, comparisons, ``and or not``, ``+ - * / // %``,
``[]``, displays, comprehensions, ``a if b else c``, and calls of a few functions. Anything else is an error when the
expression is made.

Threat model:

* The author of the program writes the expression. It is as trusted as other source code, so its limits on length
  and nesting only turn mistakes into errors.
* The values of the state are not trusted, since they hold output of a model and input of users. Values are data: no
  attribute or method of a value can be reached, and strings are neither evaluated nor used as format strings.
* A short expression over large values can still take long, or fill the memory: ``[0] * count``, loops inside loops,
  ``==`` of deeply shared lists. An `EvaluationBudget` bounds both. It does not ask if the author or a value made an
  operand large, since the cost is the product of both.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from ..._core.checks import wrong_type
from ...errors import ApplicationError, MissingKey, StateError
from .compiler import Evaluation, ExpressionCompiler, MissingName, refuse

MAX_LENGTH = 2_000
"""The largest number of characters of an expression."""


class Expression:
    """A compiled expression.

    Attributes:
        keys: the keys that it names, in the order of their first occurrence.
        single: True if it can be an operand without parentheses.
    """

    def __init__(self, text: object) -> None:
        if not isinstance(text, str):
            hint = 'for instance expr("count > 3")'
            raise wrong_type("the text of expr()", "a str", text, hint, error=ApplicationError)
        self.text = text.strip()
        tree = _parse(self.text)
        compiler = ExpressionCompiler(self.text)
        self._evaluate = compiler.compile(tree, {})
        self._slots = compiler.slots
        self.keys = tuple(compiler.keys)
        self.single = not isinstance(tree, ast.BoolOp | ast.IfExp | ast.UnaryOp)

    def holds(self, state: Mapping[str, Any]) -> bool:
        """Return True if the expression is true. A key is read only when needed: b of ``a or b`` only if a is false."""
        try:
            return bool(self._evaluate(Evaluation(state, self._slots)))
        except MissingName as error:
            raise missing_key(str(error), self.text, state) from None
        except StateError as error:
            raise StateError(f"condition {self.text!r}: {error}") from None
        except Exception as error:  # the values' own operators may raise anything
            types = ", ".join(f"{key!r} is a {type(state[key]).__name__}" for key in self.keys if key in state)
            raise StateError(
                f"condition {self.text!r} cannot be evaluated ({type(error).__name__}: {error}); "
                f"{types or 'it has no keys'}"
            ) from error


def missing_key(key: str, condition: str, state: Mapping[str, Any]) -> MissingKey:
    """Return the error for a condition whose key is not in the state."""
    present = ", ".join(sorted(map(repr, state))) or "no keys"
    return MissingKey(f"condition {condition!r} needs the key {key!r}, which the state does not have; it has {present}")


def _parse(text: str) -> ast.expr:
    if not text:
        raise ApplicationError('the text of expr() must not be empty; for instance expr("count > 3")')
    if len(text) > MAX_LENGTH:
        raise ApplicationError(f"the text of expr() must have at most {MAX_LENGTH} characters, got {len(text)}")
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError as error:
        refuse(text, error.msg, error.lineno or 1, max(error.offset or 1, 1) - 1)
    except (ValueError, RecursionError, MemoryError) as error:  # ast.parse raises these for null bytes and deep nesting
        reason = str(error) or "it is nested too deeply"
        raise ApplicationError(f"expr({text[:80]!r}) cannot be parsed: {reason}") from None
