"""What an expression may be made of: each node of Python's syntax tree that is allowed becomes a part that runs.

A part is a closure over the parts inside it. What has no method in the table is refused, with the place.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NoReturn, TypeAlias, cast

from .allowance import Allowance
from .operations import ARITHMETIC, COMPARISONS, FUNCTIONS, SIGNS, item
from .refusals import refuse_node

DEEPEST = 100
"""How many parts may be inside each other."""

KEYWORDS: dict[str, tuple[str, ...]] = {"min": ("default",), "max": ("default",), "sorted": ("reverse",)}
ONE_BY_ONE = frozenset(FUNCTIONS) - {"abs", "len"}
"""The functions that go through values, and so take a generator."""


class Absent(Exception):
    """The state does not have this key."""


class Run:
    """One run: the state, what the names of loops stand for, and what may still be spent."""

    def __init__(self, state: Mapping[str, Any], slots: int) -> None:
        self.state = state
        self.slots: list[Any] = [None] * slots
        self.allowance = Allowance()


Part: TypeAlias = Callable[[Run], Any]
Names: TypeAlias = Mapping[str, int]
"""The names that the loops around a part have bound, each to a slot of its own."""


class Reader:
    """Makes parts of nodes; each method takes a node, and the names that are bound around it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._depth = 0
        self.keys: dict[str, None] = {}
        self.slots = 0

    def part(self, node: ast.expr, names: Names) -> Part:
        make = _METHODS.get(type(node))
        if make is None:
            self.refuse(node, node)
        self._depth += 1
        if self._depth > DEEPEST:
            self.refuse(node, f"more than {DEEPEST} parts are inside each other")
        part = make(self, node, names)
        self._depth -= 1
        return part

    def refuse(self, node: ast.expr, reason: str | ast.AST) -> NoReturn:
        refuse_node(self._text, node, reason)

    def parts(self, nodes: Iterable[ast.expr], names: Names) -> list[Part]:
        return [self.part(node, names) for node in nodes]

    def constant(self, node: ast.Constant, names: Names) -> Part:
        value = node.value
        if value is ...:
            self.refuse(node, "`...` is not allowed")
        return lambda _: value

    def name(self, node: ast.Name, names: Names) -> Part:
        name = node.id
        if name in names:
            slot = names[name]
            return lambda run: run.slots[slot]
        if name.startswith("__"):
            self.refuse(node, "a name cannot begin with two underscores")
        self.keys[name] = None

        def look(run: Run) -> Any:
            if name not in run.state:
                raise Absent(name)
            return run.state[name]

        return look

    def choice(self, node: ast.BoolOp, names: Names) -> Part:
        *parts, last = self.parts(node.values, names)
        until = isinstance(node.op, ast.Or)

        def choose(run: Run) -> Any:
            for part in parts:
                value = part(run)
                if bool(value) is until:
                    return value
            return last(run)

        return choose

    def either(self, node: ast.IfExp, names: Names) -> Part:
        test, yes, no = self.parts((node.test, node.body, node.orelse), names)
        return lambda run: yes(run) if test(run) else no(run)

    def unary(self, node: ast.UnaryOp, names: Names) -> Part:
        part = self.part(node.operand, names)
        compute = SIGNS.get(type(node.op))
        if compute is None:
            self.refuse(node, node.op)
        return lambda run: compute(part(run))

    def binary(self, node: ast.BinOp, names: Names) -> Part:
        left, right = self.parts((node.left, node.right), names)
        compute = ARITHMETIC.get(type(node.op))
        if compute is None:
            self.refuse(node, node.op)
        return lambda run: compute(run.allowance, left(run), right(run))

    def comparison(self, node: ast.Compare, names: Names) -> Part:
        first, *others = self.parts((node.left, *node.comparators), names)
        links = list(zip((COMPARISONS[type(op)] for op in node.ops), others, strict=True))

        def compare(run: Run) -> Any:
            left, found = first(run), cast("Any", None)
            for test, part in links:
                right = part(run)
                found = test(run.allowance, left, right)
                if not found:
                    break
                left = right
            return found

        return compare

    def subscript(self, node: ast.Subscript, names: Names) -> Part:
        values, index = self.parts((node.value, node.slice), names)
        return lambda run: item(run.allowance, values(run), index(run))

    def cut(self, node: ast.Slice, names: Names) -> Part:
        ends = [end and self.part(end, names) for end in (node.lower, node.upper, node.step)]
        return lambda run: slice(*(end and end(run) for end in ends))

    def row(self, node: ast.List | ast.Tuple, names: Names) -> Part:
        parts = self.parts(node.elts, names)
        make = list[Any] if isinstance(node, ast.List) else tuple[Any, ...]
        return lambda run: make([part(run) for part in parts])

    def unordered(self, node: ast.Set, names: Names) -> Part:
        parts = self.parts(node.elts, names)
        return lambda run: {_hashed(run, part(run)) for part in parts}

    def pairs(self, node: ast.Dict, names: Names) -> Part:
        if None in node.keys:
            self.refuse(node, "`**` is not allowed")
        keys = self.parts(cast("list[ast.expr]", node.keys), names)
        both = list(zip(keys, self.parts(node.values, names), strict=True))
        return lambda run: {_hashed(run, key(run)): value(run) for key, value in both}

    def call(self, node: ast.Call, names: Names) -> Part:
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
            run.allowance,
            *[argument(run) for argument in arguments],
            **{name: part(run) for name, part in keywords.items()},
        )

    def listed(self, node: ast.ListComp, names: Names) -> Part:
        values = _loops(self, node, names)
        return lambda run: list(values(run))

    def collected(self, node: ast.SetComp, names: Names) -> Part:
        values = _loops(self, node, names)
        return lambda run: {_hashed(run, value) for value in values(run)}


def _hashed(run: Run, value: Any) -> Any:
    run.allowance.weigh(value)
    return value


def _loops(
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


_METHODS: dict[type[ast.expr], Callable[[Reader, Any, Names], Part]] = {
    ast.Constant: Reader.constant,
    ast.Name: Reader.name,
    ast.BoolOp: Reader.choice,
    ast.IfExp: Reader.either,
    ast.UnaryOp: Reader.unary,
    ast.BinOp: Reader.binary,
    ast.Compare: Reader.comparison,
    ast.Subscript: Reader.subscript,
    ast.Slice: Reader.cut,
    ast.List: Reader.row,
    ast.Tuple: Reader.row,
    ast.Set: Reader.unordered,
    ast.Dict: Reader.pairs,
    ast.Call: Reader.call,
    ast.ListComp: Reader.listed,
    ast.SetComp: Reader.collected,
}
