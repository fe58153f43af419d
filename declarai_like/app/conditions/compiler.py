"""The compiler of expressions: each allowed node of Python's syntax tree becomes a closure over those of its operands.

A node type without an entry in `_METHODS` is an error that shows its position in the text.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NoReturn, TypeAlias, cast

from ...errors import ApplicationError
from .budget import EvaluationBudget
from .operations import ARITHMETIC, COMPARISONS, FUNCTIONS, SIGNS, get_item

MAX_DEPTH = 100
"""The largest nesting of an expression; evaluating it needs some frames of the interpreter's stack for each level."""

KEYWORDS: dict[str, tuple[str, ...]] = {"min": ("default",), "max": ("default",), "sorted": ("reverse",)}
TAKES_ITERABLE = frozenset(FUNCTIONS) - {"abs", "len"}
"""The functions that iterate over their argument, which may be a generator."""

REFUSED: dict[type[ast.AST], str] = {
    ast.Attribute: 'attributes cannot be read; use items, as in user["name"], or lmda() with a function',
    ast.Pow: "`**` is not allowed, as its results have no limit",
    ast.BitAnd: "`&` is not allowed; write `and`",
    ast.BitOr: "`|` is not allowed; write `or`",
    ast.Invert: "`~` is not allowed; write `not`",
    ast.NamedExpr: "`:=` is not allowed; to compare, write `==`",
    ast.Lambda: "`lambda` is not allowed; use lmda() with a function",
    ast.JoinedStr: "an f-string is not allowed",
    ast.GeneratorExp: "a generator is allowed only as the argument of any, all, sum and the like; write it in []",
}
"""Nodes whose error has a hint; all others are simply not allowed."""


class MissingName(Exception):
    """A key is not in the state; the caller makes a `MissingKey` of it, with the text of the condition."""


class Evaluation:
    """One evaluation: the state, the values of the loops' names, and the remaining budget."""

    def __init__(self, state: Mapping[str, Any], slots: int) -> None:
        self.state = state
        self.slots: list[Any] = [None] * slots
        self.budget = EvaluationBudget()


Evaluator: TypeAlias = Callable[[Evaluation], Any]
BoundNames: TypeAlias = Mapping[str, int]
"""The names bound by the enclosing loops, and the slot in `Evaluation.slots` of each."""


class ExpressionCompiler:
    """Compiles nodes to closures; each method takes a node, and the names bound by the loops around it.

    Attributes:
        keys: the keys of the state that were named so far, in order (a dict, as sets have no order).
        slots: the number of slots that an evaluation needs for the names of loops.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._depth = 0
        self.keys: dict[str, None] = {}
        self.slots = 0

    def compile(self, node: ast.expr, names: BoundNames) -> Evaluator:
        method = _METHODS.get(type(node))
        if method is None:
            self.refuse(node, node)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self.refuse(node, f"it is nested deeper than {MAX_DEPTH} levels")
        evaluator = method(self, node, names)
        self._depth -= 1
        return evaluator

    def refuse(self, node: ast.expr, reason: str | ast.AST) -> NoReturn:
        """Raise the error for a node; the reason is a message, or the node that is not allowed."""
        if isinstance(reason, ast.AST):
            reason = REFUSED.get(type(reason), f"{type(reason).__name__} is not allowed")
        line = _lines(self._text)[node.lineno - 1]
        column = len(line.encode()[: node.col_offset].decode())  # ast counts columns in bytes of UTF-8
        refuse(self._text, reason, node.lineno, column)

    def compile_all(self, nodes: Iterable[ast.expr], names: BoundNames) -> list[Evaluator]:
        return [self.compile(node, names) for node in nodes]

    def constant(self, node: ast.Constant, names: BoundNames) -> Evaluator:
        value = node.value
        if value is ...:
            self.refuse(node, "`...` is not allowed")
        return lambda _: value

    def name(self, node: ast.Name, names: BoundNames) -> Evaluator:
        name = node.id
        if name in names:
            slot = names[name]
            return lambda env: env.slots[slot]
        if name.startswith("__"):  # as Python's own names do
            self.refuse(node, "a name cannot begin with two underscores")
        self.keys[name] = None

        def read_key(env: Evaluation) -> Any:
            if name not in env.state:
                raise MissingName(name)
            return env.state[name]

        return read_key

    def bool_op(self, node: ast.BoolOp, names: BoundNames) -> Evaluator:
        *operands, last = self.compile_all(node.values, names)
        stops_at = isinstance(node.op, ast.Or)  # `or` stops at the first true operand, `and` at the first false one

        def evaluate(env: Evaluation) -> Any:
            for operand in operands:
                value = operand(env)
                if bool(value) is stops_at:
                    return value
            return last(env)

        return evaluate

    def if_exp(self, node: ast.IfExp, names: BoundNames) -> Evaluator:
        test, yes, no = self.compile_all((node.test, node.body, node.orelse), names)
        return lambda env: yes(env) if test(env) else no(env)

    def unary(self, node: ast.UnaryOp, names: BoundNames) -> Evaluator:
        operand = self.compile(node.operand, names)
        compute = SIGNS.get(type(node.op))
        if compute is None:
            self.refuse(node, node.op)
        return lambda env: compute(operand(env))

    def binary(self, node: ast.BinOp, names: BoundNames) -> Evaluator:
        left, right = self.compile_all((node.left, node.right), names)
        compute = ARITHMETIC.get(type(node.op))
        if compute is None:
            self.refuse(node, node.op)
        return lambda env: compute(env.budget, left(env), right(env))

    def comparison(self, node: ast.Compare, names: BoundNames) -> Evaluator:
        first, *others = self.compile_all((node.left, *node.comparators), names)
        links = list(zip((COMPARISONS[type(op)] for op in node.ops), others, strict=True))

        def compare(env: Evaluation) -> Any:  # a < b < c is (a < b and b < c), and b is evaluated once
            left, result = first(env), cast("Any", None)
            for test, operand in links:
                right = operand(env)
                result = test(env.budget, left, right)
                if not result:
                    break
                left = right
            return result

        return compare

    def subscript(self, node: ast.Subscript, names: BoundNames) -> Evaluator:
        values, index = self.compile_all((node.value, node.slice), names)
        return lambda env: get_item(env.budget, values(env), index(env))

    def slice_range(self, node: ast.Slice, names: BoundNames) -> Evaluator:
        bounds = [bound and self.compile(bound, names) for bound in (node.lower, node.upper, node.step)]
        return lambda env: slice(*(bound and bound(env) for bound in bounds))

    def sequence(self, node: ast.List | ast.Tuple, names: BoundNames) -> Evaluator:
        elements = self.compile_all(node.elts, names)
        kind = list[Any] if isinstance(node, ast.List) else tuple[Any, ...]
        return lambda env: kind([element(env) for element in elements])

    def set_display(self, node: ast.Set, names: BoundNames) -> Evaluator:
        elements = self.compile_all(node.elts, names)
        return lambda env: {_hashed(env, element(env)) for element in elements}

    def dict_display(self, node: ast.Dict, names: BoundNames) -> Evaluator:
        if None in node.keys:
            self.refuse(node, "`**` is not allowed")
        keys = self.compile_all(cast("list[ast.expr]", node.keys), names)
        items = list(zip(keys, self.compile_all(node.values, names), strict=True))
        return lambda env: {_hashed(env, key(env)): value(env) for key, value in items}

    def call(self, node: ast.Call, names: BoundNames) -> Evaluator:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in FUNCTIONS or name in names:
            self.refuse(node, f"only {', '.join(sorted(FUNCTIONS))} can be called; use lmda() for any other function")
        function, takes_several = FUNCTIONS[name], name in {"min", "max"}
        if not node.args or (len(node.args) > 1 and not takes_several):
            self.refuse(node, f"{name} takes {'at least ' * takes_several}one argument")
        for keyword in node.keywords:
            if keyword.arg not in KEYWORDS.get(name, ()):
                self.refuse(keyword.value, f"{name} does not take {keyword.arg or '**'} here")
        if isinstance(only := node.args[0], ast.GeneratorExp) and name in TAKES_ITERABLE and len(node.args) == 1:
            arguments = [_comprehension(self, only, names)]
        else:
            arguments = self.compile_all(node.args, names)
        keywords = {str(keyword.arg): self.compile(keyword.value, names) for keyword in node.keywords}
        return lambda env: function(
            env.budget,
            *[argument(env) for argument in arguments],
            **{name: argument(env) for name, argument in keywords.items()},
        )

    def list_comprehension(self, node: ast.ListComp, names: BoundNames) -> Evaluator:
        values = _comprehension(self, node, names)
        return lambda env: list(values(env))

    def set_comprehension(self, node: ast.SetComp, names: BoundNames) -> Evaluator:
        values = _comprehension(self, node, names)
        return lambda env: {_hashed(env, value) for value in values(env)}


def _hashed(env: Evaluation, value: Any) -> Any:
    """Charge for hashing a value, which traverses it, and return it."""
    env.budget.charge_for(value)
    return value


def _comprehension(
    compiler: ExpressionCompiler, node: ast.ListComp | ast.SetComp | ast.GeneratorExp, names: BoundNames
) -> Callable[[Evaluation], Iterator[Any]]:
    """Compile a comprehension to an iterator of its values."""
    cost = sum(1 for _ in ast.walk(node))  # of one iteration, which evaluates each node at most once
    loops: list[tuple[Evaluator, Callable[[Evaluation, Any], None], list[Evaluator]]] = []
    for loop in node.generators:
        if loop.is_async:
            compiler.refuse(loop.iter, "`async` is not allowed")
        values = compiler.compile(loop.iter, names)  # before the target is bound: in `x for x in x` the last x is a key
        bound = dict(names)
        bind = _loop_target(compiler, loop.target, bound)
        names = bound
        loops.append((values, bind, compiler.compile_all(loop.ifs, names)))
    element = compiler.compile(node.elt, names)

    def iterate(env: Evaluation, depth: int = 0) -> Iterator[Any]:
        if depth == len(loops):
            yield element(env)
            return
        values, bind, tests = loops[depth]
        for value in env.budget.each(values(env), cost):
            bind(env, value)
            if all(test(env) for test in tests):
                yield from iterate(env, depth + 1)

    return iterate


def _loop_target(
    compiler: ExpressionCompiler, node: ast.expr, names: dict[str, int]
) -> Callable[[Evaluation, Any], None]:
    """Add the names of a loop's target to ``names``, and return a function that stores a value in their slots."""
    if isinstance(node, ast.Name):
        slot = names[node.id] = compiler.slots
        compiler.slots += 1
        return lambda env, value: env.slots.__setitem__(slot, value)
    if not isinstance(node, ast.Tuple | ast.List):
        compiler.refuse(node, "only names are allowed here")
    binds = [_loop_target(compiler, target, names) for target in node.elts]

    def unpack(env: Evaluation, value: Any) -> None:
        values: list[Any] = list(env.budget.each(value, 1))
        for bind, item in zip(binds, values, strict=True):
            bind(env, item)

    return unpack


def refuse(text: str, reason: str, line: int, column: int) -> NoReturn:
    """Raise the error for a position in the text; lines count from 1, columns from 0."""
    shown = "".join(_lines(text)[line - 1 : line])
    raise ApplicationError(f"expr({text!r}): {reason}\n    {shown}\n    {' ' * min(column, len(shown))}^")


def _lines(text: str) -> list[str]:
    return re.split(r"\r\n|\r|\n", text)  # as Python's tokenizer; str.splitlines() knows more line ends


_METHODS: dict[type[ast.expr], Callable[[ExpressionCompiler, Any, BoundNames], Evaluator]] = {
    ast.Constant: ExpressionCompiler.constant,
    ast.Name: ExpressionCompiler.name,
    ast.BoolOp: ExpressionCompiler.bool_op,
    ast.IfExp: ExpressionCompiler.if_exp,
    ast.UnaryOp: ExpressionCompiler.unary,
    ast.BinOp: ExpressionCompiler.binary,
    ast.Compare: ExpressionCompiler.comparison,
    ast.Subscript: ExpressionCompiler.subscript,
    ast.Slice: ExpressionCompiler.slice_range,
    ast.List: ExpressionCompiler.sequence,
    ast.Tuple: ExpressionCompiler.sequence,
    ast.Set: ExpressionCompiler.set_display,
    ast.Dict: ExpressionCompiler.dict_display,
    ast.Call: ExpressionCompiler.call,
    ast.ListComp: ExpressionCompiler.list_comprehension,
    ast.SetComp: ExpressionCompiler.set_comprehension,
}
