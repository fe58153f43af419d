"""What an expression may be made of: each node of Python's syntax tree that is allowed becomes a part that runs.

A part is a closure over the parts inside it. What has no method in the table is refused, with the place.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NoReturn, TypeAlias, cast

from .budget import EvaluationBudget
from .operations import ARITHMETIC, COMPARISONS, FUNCTIONS, SIGNS, item
from .refusals import refuse_node

MAX_DEPTH = 100
"""How many parts may be inside each other."""

KEYWORDS: dict[str, tuple[str, ...]] = {"min": ("default",), "max": ("default",), "sorted": ("reverse",)}
ONE_BY_ONE = frozenset(FUNCTIONS) - {"abs", "len"}
"""The functions that go through values, and so take a generator."""


class MissingName(Exception):
    """The state does not have this key."""


class Evaluation:
    """One run: the state, what the names of loops stand for, and what may still be spent."""

    def __init__(self, state: Mapping[str, Any], slots: int) -> None:
        self.state = state
        self.slots: list[Any] = [None] * slots
        self.budget = EvaluationBudget()


Evaluator: TypeAlias = Callable[[Evaluation], Any]
BoundNames: TypeAlias = Mapping[str, int]
"""The names that the loops around a part have bound, each to a slot of its own."""


class ExpressionCompiler:
    """Makes parts of nodes; each method takes a node, and the names that are bound around it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._depth = 0
        self.keys: dict[str, None] = {}
        self.slots = 0

    def part(self, node: ast.expr, names: BoundNames) -> Evaluator:
        make = _METHODS.get(type(node))
        if make is None:
            self.refuse(node, node)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self.refuse(node, f"more than {MAX_DEPTH} parts are inside each other")
        part = make(self, node, names)
        self._depth -= 1
        return part

    def refuse(self, node: ast.expr, reason: str | ast.AST) -> NoReturn:
        refuse_node(self._text, node, reason)

    def parts(self, nodes: Iterable[ast.expr], names: BoundNames) -> list[Evaluator]:
        return [self.part(node, names) for node in nodes]

    def constant(self, node: ast.Constant, names: BoundNames) -> Evaluator:
        value = node.value
        if value is ...:
            self.refuse(node, "`...` is not allowed")
        return lambda _: value

    def name(self, node: ast.Name, names: BoundNames) -> Evaluator:
        name = node.id
        if name in names:
            slot = names[name]
            return lambda run: run.slots[slot]
        if name.startswith("__"):
            self.refuse(node, "a name cannot begin with two underscores")
        self.keys[name] = None

        def look(run: Evaluation) -> Any:
            if name not in run.state:
                raise MissingName(name)
            return run.state[name]

        return look

    def choice(self, node: ast.BoolOp, names: BoundNames) -> Evaluator:
        *parts, last = self.parts(node.values, names)
        until = isinstance(node.op, ast.Or)

        def choose(run: Evaluation) -> Any:
            for part in parts:
                value = part(run)
                if bool(value) is until:
                    return value
            return last(run)

        return choose

    def either(self, node: ast.IfExp, names: BoundNames) -> Evaluator:
        test, yes, no = self.parts((node.test, node.body, node.orelse), names)
        return lambda run: yes(run) if test(run) else no(run)

    def unary(self, node: ast.UnaryOp, names: BoundNames) -> Evaluator:
        part = self.part(node.operand, names)
        compute = SIGNS.get(type(node.op))
        if compute is None:
            self.refuse(node, node.op)
        return lambda run: compute(part(run))

    def binary(self, node: ast.BinOp, names: BoundNames) -> Evaluator:
        left, right = self.parts((node.left, node.right), names)
        compute = ARITHMETIC.get(type(node.op))
        if compute is None:
            self.refuse(node, node.op)
        return lambda run: compute(run.budget, left(run), right(run))

    def comparison(self, node: ast.Compare, names: BoundNames) -> Evaluator:
        first, *others = self.parts((node.left, *node.comparators), names)
        links = list(zip((COMPARISONS[type(op)] for op in node.ops), others, strict=True))

        def compare(run: Evaluation) -> Any:
            left, found = first(run), cast("Any", None)
            for test, part in links:
                right = part(run)
                found = test(run.budget, left, right)
                if not found:
                    break
                left = right
            return found

        return compare

    def subscript(self, node: ast.Subscript, names: BoundNames) -> Evaluator:
        values, index = self.parts((node.value, node.slice), names)
        return lambda run: item(run.budget, values(run), index(run))

    def cut(self, node: ast.Slice, names: BoundNames) -> Evaluator:
        ends = [end and self.part(end, names) for end in (node.lower, node.upper, node.step)]
        return lambda run: slice(*(end and end(run) for end in ends))

    def row(self, node: ast.List | ast.Tuple, names: BoundNames) -> Evaluator:
        parts = self.parts(node.elts, names)
        make = list[Any] if isinstance(node, ast.List) else tuple[Any, ...]
        return lambda run: make([part(run) for part in parts])

    def unordered(self, node: ast.Set, names: BoundNames) -> Evaluator:
        parts = self.parts(node.elts, names)
        return lambda run: {_hashed(run, part(run)) for part in parts}

    def pairs(self, node: ast.Dict, names: BoundNames) -> Evaluator:
        if None in node.keys:
            self.refuse(node, "`**` is not allowed")
        keys = self.parts(cast("list[ast.expr]", node.keys), names)
        both = list(zip(keys, self.parts(node.values, names), strict=True))
        return lambda run: {_hashed(run, key(run)): value(run) for key, value in both}

    def call(self, node: ast.Call, names: BoundNames) -> Evaluator:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in FUNCTIONS or name in names:
            self.refuse(node, f"only {', '.join(sorted(FUNCTIONS))} can be called; lmda() takes any function")
        function, several = FUNCTIONS[name], name in {"min", "max"}
        if not node.args or (len(node.args) > 1 and not several):
            self.refuse(node, f"{name} takes {'at least ' * several}one argument")
        for keyword in node.keywords:
            if keyword.arg not in KEYWORDS.get(name, ()):
                self.refuse(keyword.value, f"{name} has no {keyword.arg or '**'} here")
        if isinstance(only := node.args[0], ast.GeneratorExp) and name in ONE_BY_ONE and len(node.args) == 1:
            arguments = [_loops(self, only, names)]
        else:
            arguments = self.parts(node.args, names)
        keywords = {str(keyword.arg): self.part(keyword.value, names) for keyword in node.keywords}
        return lambda run: function(
            run.budget,
            *[argument(run) for argument in arguments],
            **{name: part(run) for name, part in keywords.items()},
        )

    def listed(self, node: ast.ListComp, names: BoundNames) -> Evaluator:
        values = _loops(self, node, names)
        return lambda run: list(values(run))

    def collected(self, node: ast.SetComp, names: BoundNames) -> Evaluator:
        values = _loops(self, node, names)
        return lambda run: {_hashed(run, value) for value in values(run)}


def _hashed(run: Evaluation, value: Any) -> Any:
    run.budget.charge_for(value)
    return value


def _loops(
    reader: ExpressionCompiler, node: ast.ListComp | ast.SetComp | ast.GeneratorExp, names: BoundNames
) -> Callable[[Evaluation], Iterator[Any]]:
    """Make what gives the values of a comprehension; each round of a loop costs as much as all of its nodes."""
    steps = sum(1 for _ in ast.walk(node))
    found: list[tuple[Evaluator, Callable[[Evaluation, Any], None], list[Evaluator]]] = []
    for loop in node.generators:
        if loop.is_async:
            reader.refuse(loop.iter, "`async` is not allowed")
        values = reader.part(loop.iter, names)
        bound = dict(names)
        bind = _target(reader, loop.target, bound)
        names = bound
        found.append((values, bind, reader.parts(loop.ifs, names)))
    element = reader.part(node.elt, names)

    def go(run: Evaluation, depth: int = 0) -> Iterator[Any]:
        if depth == len(found):
            yield element(run)
            return
        values, bind, tests = found[depth]
        for value in run.budget.each(values(run), steps):
            bind(run, value)
            if all(test(run) for test in tests):
                yield from go(run, depth + 1)

    return go


def _target(reader: ExpressionCompiler, node: ast.expr, names: dict[str, int]) -> Callable[[Evaluation, Any], None]:
    """Bind the names of a loop, which are added, and give what fills their slots."""
    if isinstance(node, ast.Name):
        slot = names[node.id] = reader.slots
        reader.slots += 1
        return lambda run, value: run.slots.__setitem__(slot, value)
    if not isinstance(node, ast.Tuple | ast.List):
        reader.refuse(node, "only names can stand here")
    binds = [_target(reader, part, names) for part in node.elts]

    def unpack(run: Evaluation, value: Any) -> None:
        values: list[Any] = list(run.budget.each(value, 1))
        for bind, part in zip(binds, values, strict=True):
            bind(run, part)

    return unpack


_METHODS: dict[type[ast.expr], Callable[[ExpressionCompiler, Any, BoundNames], Evaluator]] = {
    ast.Constant: ExpressionCompiler.constant,
    ast.Name: ExpressionCompiler.name,
    ast.BoolOp: ExpressionCompiler.choice,
    ast.IfExp: ExpressionCompiler.either,
    ast.UnaryOp: ExpressionCompiler.unary,
    ast.BinOp: ExpressionCompiler.binary,
    ast.Compare: ExpressionCompiler.comparison,
    ast.Subscript: ExpressionCompiler.subscript,
    ast.Slice: ExpressionCompiler.cut,
    ast.List: ExpressionCompiler.row,
    ast.Tuple: ExpressionCompiler.row,
    ast.Set: ExpressionCompiler.unordered,
    ast.Dict: ExpressionCompiler.pairs,
    ast.Call: ExpressionCompiler.call,
    ast.ListComp: ExpressionCompiler.listed,
    ast.SetComp: ExpressionCompiler.collected,
}
