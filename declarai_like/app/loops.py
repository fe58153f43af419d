"""Loops in expressions: ``any(word in text for word in words)`` and lists and sets made that way."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .grammar import Names, Part, Reader, Run


def loops(
    reader: Reader, node: ast.ListComp | ast.SetComp | ast.GeneratorExp, names: Names
) -> Callable[[Run], Iterator[Any]]:
    """Make what gives the values of a comprehension; each round of a loop costs as much as all of its nodes."""
    steps = sum(1 for _ in ast.walk(node))
    found: list[tuple[Part, Callable[[Run, Any], None], list[Part]]] = []
    for loop in node.generators:
        if loop.is_async:
            reader.refuse(loop.iter, "`async` is not allowed")
        values = reader.part(loop.iter, names)
        bound = dict(names)
        bind = _target(reader, loop.target, bound)
        names = bound
        found.append((values, bind, reader.parts(loop.ifs, names)))
    element = reader.part(node.elt, names)

    def go(run: Run, depth: int = 0) -> Iterator[Any]:
        if depth == len(found):
            yield element(run)
            return
        values, bind, tests = found[depth]
        for value in run.allowance.each(values(run), steps):
            bind(run, value)
            if all(test(run) for test in tests):
                yield from go(run, depth + 1)

    return go


def _target(reader: Reader, node: ast.expr, names: dict[str, int]) -> Callable[[Run, Any], None]:
    """Bind the names of a loop, which are added, and give what fills their slots."""
    if isinstance(node, ast.Name):
        slot = names[node.id] = reader.slots
        reader.slots += 1
        return lambda run, value: run.slots.__setitem__(slot, value)
    if not isinstance(node, ast.Tuple | ast.List):
        reader.refuse(node, "only names can stand here")
    binds = [_target(reader, part, names) for part in node.elts]

    def unpack(run: Run, value: Any) -> None:
        values: list[Any] = list(run.allowance.each(value, 1))
        for bind, part in zip(binds, values, strict=True):
            bind(run, part)

    return unpack
