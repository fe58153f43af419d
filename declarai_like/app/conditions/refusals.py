"""What expressions may not be made of, and the errors that show where it is."""

from __future__ import annotations

import ast
import re
from typing import NoReturn

from ...errors import ApplicationError

REFUSED: dict[type[ast.AST], str] = {
    ast.Attribute: 'attributes cannot be read; items can, as in user["name"], and lmda() takes any function',
    ast.Pow: "`**` is not allowed, as its results have no limit",
    ast.BitAnd: "`&` is not allowed; write `and`",
    ast.BitOr: "`|` is not allowed; write `or`",
    ast.Invert: "`~` is not allowed; write `not`",
    ast.NamedExpr: "nothing can be assigned; to compare, write `==`",
    ast.Lambda: "no function can be made; lmda() takes any function",
    ast.JoinedStr: "an f-string is not allowed",
    ast.GeneratorExp: "a generator is only allowed in a call of any, all, sum and the like; write it in []",
}
"""Nodes of Python's syntax tree for which there is more to say than that they are not allowed."""


def refuse_node(text: str, node: ast.expr, reason: str | ast.AST) -> NoReturn:
    """Raise the error for a node; the reason is in words, or what is not allowed in it."""
    if isinstance(reason, ast.AST):
        reason = REFUSED.get(type(reason), f"{type(reason).__name__} is not allowed")
    line = _lines(text)[node.lineno - 1]
    refuse(text, reason, node.lineno, len(line.encode()[: node.col_offset].decode()))


def refuse(text: str, reason: str, line: int, column: int) -> NoReturn:
    """Raise the error for a place; lines count from 1, columns from 0."""
    shown = "".join(_lines(text)[line - 1 : line])
    raise ApplicationError(f"expr({text!r}): {reason}\n    {shown}\n    {' ' * min(column, len(shown))}^")


def _lines(text: str) -> list[str]:
    return re.split(r"\r\n|\r|\n", text)  # as Python counts them
