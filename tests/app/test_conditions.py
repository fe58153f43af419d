"""Conditions: their answers and names, and the limits on what an expression can do and cost."""

from __future__ import annotations

import itertools
import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from declarai_like.app import State
from declarai_like.app.conditions.conditions import Condition, default, expr, lmda, when
from declarai_like.errors import ApplicationError, MissingKey, StateError

FOO, BAZ = when(foo="bar"), when(baz="qux")


# when


@pytest.mark.parametrize(
    ("condition", "name", "true", "false"),
    [
        (FOO, "foo=bar", {"foo": "bar"}, {"foo": "no"}),
        (when(b=2, a=1), "a=1, b=2", {"a": 1, "b": 2}, {"a": 1, "b": 3}),
        (when(a__eq=1), "a==1", {"a": 1}, {"a": 2}),
        (when(a__ne=1), "a!=1", {"a": 2}, {"a": 1}),
        (when(a__lt=1), "a<1", {"a": 0}, {"a": 1}),
        (when(a__lte=1), "a<=1", {"a": 1}, {"a": 2}),
        (when(a__gt=1), "a>1", {"a": 2}, {"a": 1}),
        (when(a__gte=1), "a>=1", {"a": 1}, {"a": 0}),
        (when(a__in=[1, 2]), "a in [1, 2]", {"a": 2}, {"a": 3}),
        (when(a__notin=[1, 2]), "a not in [1, 2]", {"a": 3}, {"a": 2}),
        (when(a__contains="x"), "a contains 'x'", {"a": ["x"]}, {"a": ["y"]}),
        (when(a__is=None), "a is None", {"a": None}, {"a": 0}),
        (when(a__is=True), "a is True", {"a": True}, {"a": 1}),
        (when(a__isnot=None), "a is not None", {"a": 0}, {"a": None}),
        (when(a__gt=1, a__lt=3), "a>1, a<3", {"a": 2}, {"a": 3}),
        (when(user__name="Ann"), "user__name=Ann", {"user__name": "Ann"}, {"user__name": "Bob"}),
        (when(size__in__eq=3), "size__in==3", {"size__in": 3}, {"size__in": 4}),
        (when(**{"two words": 1}), "two words=1", {"two words": 1}, {"two words": 2}),
        (expr(" a > 1 "), "a > 1", {"a": 2}, {"a": 1}),
        (lmda(lambda state: state["a"] > 1, ["a"]), "lambda", {"a": 2}, {"a": 1}),
        (lmda(len, "a"), "len", {"a": 1}, None),
        (Condition(["a"], lambda state: state["a"], "mine"), "mine", {"a": 7}, {"a": 0}),
    ],
)
def test_case_18_the_name_and_the_answer_of_a_condition(
    condition: Condition, name: str, true: dict[str, Any], false: dict[str, Any] | None
) -> None:
    assert condition.name == name
    assert condition.keys == sorted({*true})
    assert condition.holds(true) is True
    assert condition.holds(State(true)) is True
    assert condition.run(true) == {"PROCEED": True}
    if false is not None:
        assert condition.holds(false) is False
        assert condition.run(State(false)) == {"PROCEED": False}


def test_case_18_default_is_always_true() -> None:
    assert default.holds({}) is True
    assert default.name == "default"
    assert default.keys == []


@pytest.mark.parametrize("foo", ["bar", "no"])
@pytest.mark.parametrize("baz", ["qux", "no"])
def test_case_18_the_truth_table(foo: str, baz: str) -> None:
    state = {"foo": foo, "baz": baz}
    a, b = foo == "bar", baz == "qux"
    assert (FOO & BAZ).holds(state) is (a and b)
    assert (FOO | BAZ).holds(state) is (a or b)
    assert (~FOO).holds(state) is not a
    assert (~(FOO & ~BAZ) | BAZ).holds(state) is (not (a and not b) or b)


@pytest.mark.parametrize(
    ("condition", "name"),
    [
        (FOO & BAZ, "foo=bar & baz=qux"),
        (FOO | BAZ, "foo=bar | baz=qux"),
        (~FOO, "~foo=bar"),
        (~~FOO, "~~foo=bar"),
        (FOO & BAZ & ~FOO, "foo=bar & baz=qux & ~foo=bar"),
        (FOO & BAZ | FOO, "foo=bar & baz=qux | foo=bar"),
        (FOO & (BAZ | FOO), "foo=bar & (baz=qux | foo=bar)"),
        (~(FOO & BAZ), "~(foo=bar & baz=qux)"),
        (~when(a=1, b=2), "~(a=1, b=2)"),
        (when(a=1, b=2) & FOO, "(a=1, b=2) & foo=bar"),
        (expr("a or b") & FOO, "(a or b) & foo=bar"),
        (expr("a > 1") & FOO, "a > 1 & foo=bar"),
    ],
)
def test_case_18_names_of_composed_conditions_can_be_read_in_one_way_only(condition: Condition, name: str) -> None:
    assert condition.name == name


def test_a_composed_condition_has_the_keys_of_its_parts_once() -> None:
    assert (FOO & BAZ | ~FOO | when(c=1)).keys == ["foo", "baz", "c"]


@pytest.mark.parametrize(
    ("condition", "name"),
    [
        (FOO, "foo=bar"),
        (when(a=1, foo=2), "a=1, foo=2"),
        (expr("foo == 1"), "foo == 1"),
        (lmda(bool, ["a", "foo"]), "bool"),
        (~FOO, "foo=bar"),
        (when(a=1) & FOO, "foo=bar"),
        (when(a=2) | FOO, "foo=bar"),
    ],
)
@pytest.mark.parametrize("make", [dict, State])
def test_case_19_a_key_that_is_not_there_is_an_error_that_names_it(condition: Condition, name: str, make: Any) -> None:
    with pytest.raises(MissingKey) as caught:
        condition.holds(make(a=1, other=2) if make is dict else make({"a": 1, "other": 2}))
    assert str(caught.value) == (
        f"condition {name!r} needs the key 'foo', which the state does not have; it has 'a', 'other'"
    )
    assert isinstance(caught.value, ValueError)


def test_case_19_the_error_for_an_empty_state() -> None:
    with pytest.raises(MissingKey, match="it has no keys"):
        FOO.holds({})


def test_case_19_a_decided_condition_reads_no_further_keys() -> None:
    assert (when(a=1) | FOO).holds({"a": 1}) is True
    assert (when(a=2) & FOO).holds({"a": 1}) is False
    assert expr("a == 1 or foo == 'bar'").holds({"a": 1}) is True
    assert expr("a == 2 and foo == 'bar'").holds({"a": 1}) is False
    assert expr("1 if a else foo").holds({"a": 1}) is True


@pytest.mark.parametrize(
    ("condition", "state", "words"),
    [
        (when(count__gt=3), {"count": "many"}, ["'count>3'", "key 'count'", "`>`", "a str and a int"]),
        (when(count__lte=3), {"count": None}, ["key 'count'", "a NoneType and a int"]),
        (when(count__contains=3), {"count": 4}, ["key 'count'", "contains", "a int and a int"]),
        (when(count__in={1}), {"count": []}, ["key 'count'", "`in`", "unhashable"]),
        (expr("count > 3"), {"count": "many"}, ["'count > 3'", "'count' is a str", "'str' and 'int'"]),
        (expr("3 > 'x'"), {}, ["it has no keys"]),
        (expr("user['name'] == 1"), {"user": {}}, ["KeyError: 'name'", "'user' is a dict"]),
        (expr("count[1:]"), {"count": 1}, ["TypeError", "'count' is a int"]),
        (expr("1 / count"), {"count": 0}, ["ZeroDivisionError", "'count' is a int"]),
    ],
)
def test_values_that_cannot_be_compared_raise_an_error_with_the_key_and_both_types(
    condition: Condition, state: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(StateError) as caught:
        condition.holds(state)
    assert not [word for word in words if word not in str(caught.value)], caught.value


class Unclear:
    """A value whose comparison has no truth value, as of arrays."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> Any:
        return self

    def __bool__(self) -> bool:
        raise ValueError("ambiguous")


@pytest.mark.parametrize("condition", [when(a=1), expr("a == 1")])
def test_a_comparison_without_an_answer_is_an_error(condition: Condition) -> None:
    with pytest.raises(StateError, match="'a'.*ambiguous|ambiguous.*'a'"):
        condition.holds({"a": Unclear()})


def test_an_error_of_a_function_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        lmda(lambda state: 1 / state["a"], ["a"]).holds({"a": 0})


@pytest.mark.parametrize(
    ("wanted", "meant"),
    [
        ("age__ge", "age__gte"),
        ("age__le", "age__lte"),
        ("age__not", "age__ne"),
        ("age__nin", "age__notin"),
        ("age__contians", "age__contains"),
        ("age__isnott", "age__isnot"),
    ],
)
def test_an_ending_that_is_nearly_a_comparison_is_an_error_that_says_which(wanted: str, meant: str) -> None:
    with pytest.raises(ApplicationError) as caught:
        when(**{wanted: 1})
    assert f"did you mean {meant}?" in str(caught.value)
    assert "__notin" in str(caught.value)
    assert when(**{f"{wanted}__eq": 1}).keys == [wanted]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (when, r"when\(\) must have a key, .*`default`"),
        (lambda: when(__gt=1), r"when\(__gt=...\) must have a key before `__gt`"),
        (lambda: when(a__in=3), r"the value of when\(a__in=...\) must be a container such as a list or a set, got int"),
        (lambda: when(a__notin=iter([])), "must be a container .* got list_iterator"),
        (lambda: expr(3), r"the text of expr\(\) must be a str, got int; for instance"),  # type: ignore[arg-type]
        (lambda: expr("  "), r"the text of expr\(\) must not be empty"),
        (lambda: lmda("a > 3", ["a"]), r"the function of lmda\(\) must be a function of the state, got str"),  # type: ignore[arg-type]
        (lambda: lmda(bool, 5), "a key of condition 'bool' must be a str, got int"),  # type: ignore[arg-type]
        (lambda: lmda(bool, ["a", None]), "a key of condition 'bool' must be a str, got None"),  # type: ignore[list-item]
        (lambda: Condition({1: 2}, bool, "mine"), "a key of condition 'mine' must be a str, got int"),  # type: ignore[dict-item]
        (lambda: FOO & True, "the right operand of `&` must be a Condition, got bool"),  # type: ignore[operator]
        (lambda: FOO | "a", r"the right operand of `\|` must be a Condition, got str"),  # type: ignore[operator]
    ],
)
def test_a_wrong_condition_is_refused_when_it_is_made(make: Any, message: str) -> None:
    with pytest.raises(ApplicationError, match=message):
        make()


def test_one_key_may_be_a_str() -> None:
    assert Condition("abc", len, "mine").keys == lmda(len, "abc").keys == ["abc"]


def test_an_async_function_is_refused_as_its_answer_would_always_be_true() -> None:
    async def ask(state: Any) -> bool:
        return False

    with pytest.raises(ApplicationError, match="must be a function of the state, got the async function 'ask'"):
        lmda(ask, ["a"])


@pytest.mark.parametrize(
    "use", [lambda: FOO and BAZ, lambda: FOO or BAZ, lambda: not FOO, lambda: 1 if FOO else 2, lambda: bool(default)]
)
def test_a_condition_has_no_truth_value_without_a_state(use: Any) -> None:
    with pytest.raises(TypeError, match="has no truth value without a state: .*`&`, `|` and `~`"):
        use()


# expr


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("count > 3 and safe", ["count", "safe"]),
        ("id == 3", ["id"]),
        ("len(len) > max", ["len", "max"]),
        ("any(x > limit for x in values)", ["values", "limit"]),
        ("[x for x in x]", ["x"]),
        ("[y for x in a for y in x if y != x]", ["a"]),
        ("[x for x in a] == x", ["a", "x"]),
        ("1 < 2", []),
    ],
)
def test_the_keys_of_an_expression_are_its_free_names(text: str, keys: list[str]) -> None:
    assert expr(text).keys == keys


@pytest.mark.parametrize(
    ("text", "reason", "column"),
    [
        ("ok and user.name == 1", "attributes cannot be read", 7),
        ("().__class__", "attributes cannot be read", 0),
        ("open('x')", "only abs, all, any, len, max, min, sorted, sum can be called", 0),
        ("1 + __import__('os')", "only abs", 4),
        ("name.upper() == 'A'", "only abs", 0),
        ("[len(len) for len in a]", "only abs", 1),
        ("__builtins__", "cannot begin with two underscores", 0),
        ("[1 for a.b in c]", "only names are allowed here", 7),
        ("a ** 2", "`**` is not allowed", 0),
        ("a << 2", "LShift is not allowed", 0),
        ("a & b", "write `and`", 0),
        ("a | b", "write `or`", 0),
        ("~a", "write `not`", 0),
        ("(a := 1)", "write `==`", 1),
        ("lambda: 1", r"use lmda() with a function", 0),
        ("f'{a}'", "f-string", 0),
        ("(x for x in a) == 1", "write it in []", 0),
        ("len(x for x in a)", "write it in []", 3),
        ("[*a]", "Starred is not allowed", 1),
        ("max(*a)", "Starred is not allowed", 4),
        ("{**a}", "`**` is not allowed", 0),
        ("max(a, **b)", "max does not take ** here", 9),
        ("sorted(a, key=b)", "sorted does not take key here", 14),
        ("len()", "len takes one argument", 0),
        ("sum(a, b)", "sum takes one argument", 0),
        ("max()", "max takes at least one argument", 0),
        ("[x async for x in a]", "`async` is not allowed", 18),
        ("... == a", "`...` is not allowed", 0),
        ("{x: 1 for x in a}", "DictComp is not allowed", 0),
        ("a = 1", "", 2),
        ("a; b", "invalid syntax", 1),
        ("é and b.c", "attributes", 6),
        ("-" * 101 + "1", "nested deeper than 100 levels", 100),
    ],
)
def test_a_node_that_is_not_allowed_is_refused_at_its_position(text: str, reason: str, column: int) -> None:
    with pytest.raises(ApplicationError) as caught:
        expr(text)
    first, line, pointer = str(caught.value).splitlines()
    assert first.startswith(f"expr({text!r}): ")
    assert reason in first
    assert line == f"    {text}"
    assert pointer == f"    {' ' * column}^"


def test_the_position_is_shown_in_its_line() -> None:
    with pytest.raises(ApplicationError) as caught:
        expr("(a and\r\n b.c)")
    assert str(caught.value).splitlines()[1:] == ["     b.c)", "     ^"]


@pytest.mark.parametrize(
    "text", ["a" * 2001, "(" * 500, "-" * 1999 + "1", "not " * 499 + "a", "a\0b", "\ud800", "[" * 150]
)
def test_a_text_that_cannot_be_read_is_an_error_of_ours(text: str) -> None:
    with pytest.raises(ApplicationError, match=r"expr\("):
        expr(text)


STATE: dict[str, Any] = {
    "count": 3, "ratio": 0.5, "name": "Ann", "safe": True, "nothing": None, "words": ["a", "b", "", "abc"],
    "numbers": [3, -1, 2], "user": {"name": "Ann", "age": 3}, "pairs": [(1, "a"), (2, "b")], "id": 7, "tags": {"a", "b"},
}  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "count > 3 or safe", "0 < count <= 3 < 4", "name in words", "'b' in words and 'z' not in words",
        "user['name'] == name", "numbers[-1] + count * 2 - 1", "count // 2 + count % 2 + count / 2", "-count + +count",
        "len(words) == 4", "len(name[1:]) == 2", "words[::-1][0:2]", "any(n < 0 for n in numbers)",
        "all(len(word) > 0 for word in words)", "sum(n for n in numbers if n > 0)", "max(numbers) - min(count, 1)",
        "min([], default=4)", "sorted(numbers, reverse=True)", "[x + y for x in numbers for y in [1, 2] if x != y]",
        "{word[0] for word in words if word}", "{'a': count}['a']",
        "[n for n, letter in pairs if letter == 'a']", "[a + c for a, (b, c) in [(1, (2, 3))]]", "id", "nothing is None",
        "nothing is not None", "not name", "'' or nothing or words", "safe and name", "abs(numbers[1])", "'a' 'b' + 'c'",
        "'-' * 3", "[0] * count", "1 if safe else 2", "{1, 2} - {2}", "tags == {'b', 'a'}", "(1, 2) < (1, 3)",
        "[[x for x in [x, 1]] for x in numbers]", "True", "b'x' + b'y'", "1j * 1j", "(count, )", "{}", "[]", "0.1 + 0.2",
        "any([])", "'a' in tags and 'name' in user", "[x for x in 'abc' if x in name]", "5 * []", "-5 * 'a'", "user == {'age': 3, 'name': 'Ann'}",
    ],
)  # fmt: skip
@pytest.mark.parametrize("make", [dict, State])
def test_an_expression_has_the_value_that_python_gives_it(text: str, make: Any) -> None:
    wanted = eval(text, {**STATE})
    assert expr(text).holds(make(STATE)) is bool(wanted)
    assert expr(f"({text}) == wanted").holds(make({**STATE, "wanted": wanted}))


def test_a_key_can_be_named_like_a_function() -> None:
    assert expr("len(words) > len and max(max, 1) == max").holds({"words": "abc", "len": 2, "max": 5})


ATOMS = [
    "a",
    "b",
    "c",
    "d",
    "e",
    "id",
    "x",
    "y",
    "0",
    "1",
    "7",
    "-1",
    "0.5",
    "''",
    "'xy'",
    "True",
    "None",
    "[]",
    "[1, 2]",
    "(1,)",
]
SIGNS = ["+", "-", "*", "/", "//", "%", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or"]
WALKS = ["any", "all", "sum", "min", "max", "sorted"]
FORMS = [
    "(E S E)", "(E S E S E)", "(not E)", "(-E)", "(E if E else E)", "E[E]", "E[E:E]", "[E, E]", "(E, E)", "{E, E}", "{E: E}", "W(E)",
    "len(E)", "abs(E)", "min(E, E)", "[E for N in E]", "{E for N in E if E}", "W(E for N in E)", "[E for x in E for y in E]",
]  # fmt: skip


@st.composite
def expressions(draw: Any, depth: int = 4) -> str:
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from(ATOMS))
    signs, walks, names = (st.sampled_from(words) for words in (SIGNS, WALKS, ["x", "y", "a"]))
    kinds = {"S": signs, "W": walks, "N": names, "E": expressions(depth - 1)}
    return re.sub("[A-Z]", lambda kind: draw(kinds[kind[0]]), draw(st.sampled_from(FORMS)))


SIMPLE = st.none() | st.booleans() | st.integers(-5, 9) | st.floats(-4, 4) | st.text("xyz", max_size=3)
VALUES = st.recursive(
    SIMPLE, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("xy", max_size=1), inner, max_size=2)
)


@pytest.mark.filterwarnings("ignore::SyntaxWarning")  # for instance of `0[1]`
@given(expressions(), st.fixed_dictionaries(dict.fromkeys("abcdexy", VALUES) | {"id": SIMPLE}))
def test_random_expressions_have_the_value_that_python_gives_them(text: str, state: dict[str, Any]) -> None:
    try:
        wanted = eval(text, {**state})
        truth = bool(wanted)
    except UnboundLocalError:  # a loop over its own target, for which Python has no value
        return
    except Exception:
        with pytest.raises(StateError):
            expr(text).holds(state)
        return
    if "%" in text:  # `%` does not format strings here
        try:
            expr(text).holds(state)
        except StateError:
            return
    assert expr(text).holds(state) is truth
    assert expr(f"({text}) == wanted").holds({**state, "wanted": wanted}) is bool(wanted == wanted)


PIECES = [
    "a", "b", "()", "(", ")", "[", "]", "{", "}", ".", "__class__", "__import__('os')", "*", "**", "9" * 30, "10**9", "'x'", ":=", "lambda:",
    " for x in a", " if ", " else ", "await ", "yield", "x", ",", "=", "==", "\n", ";", "f'{a}'", "@", "<<", "~", "len", "sorted", "range", "eval",
    "%", "'%99999999d'", "-", " and ", " not ", " in ", "...", "\\", "#", "'", '"', "\x00", "é", "1e999", "0x" + "f" * 99, " is ", "*a", "**a", ":",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join) | st.text(max_size=60))
def test_no_expression_reaches_more_than_the_state_or_raises_another_error(text: str) -> None:
    class Seen(dict[str, Any]):
        pass

    state = Seen(a=[1, 2], b="y", x=3)
    try:
        condition = expr(text)
    except ApplicationError:
        return
    assert not any(name.startswith("__") for name in condition.keys)
    try:
        condition.holds(state)
    except (StateError, MissingKey):
        pass
    assert state == {"a": [1, 2], "b": "y", "x": 3}


DOUBLED = "[0]"  # a list of twice the same list, of twice the same list, ...: exponential when it is traversed
for _ in range(20):
    DOUBLED = f"[[x, x] for x in [{DOUBLED}]][0]"

BOMBS = {
    "a long text": "'x' * 10000000000",
    "a long list": "[0] * count * count",
    "a long list from the other side": "count * (count * [0])",
    "large numbers": "[y for a in [big * big] for b in [a * a] for c in [b * b] for y in [c * c]]",
    "a sum that grows": "'x' * 900000 + 'x' * 900000",
    "loops in loops": "[0 for a in many for b in many for c in many]",
    "no end": "any(x < 0 for x in endless)",
    "no end, without a loop": "sum(endless)",
    "no end, searched": "-1 in endless",
    "no end, unpacked": "[0 for a, b in [endless]]",
    "no end, sorted": "sorted(endless)",
    "searching again and again": "[many for a in many if -1 in many]",
    "comparing again and again": "[0 for a in many if many == other]",
    "comparing values of dicts again and again": "[0 for a in many if {'key': many} == {'key': other}]",
    "sorting again and again": "[0 for a in many if sorted(many)]",
    "copying again and again": "[0 for a in many if many[:]]",
    "joining again and again": "[0 for a in many if many + many]",
    "a tree that is compared": "[0 for a in many if deep == same]",
    "a tree that is hashed": "{deep_tuple}",
    "a tree that is a key": "user[deep_tuple]",
    "a tree that is searched": "same in [deep]",
    "texts that are formatted": "'%999999999d' % count",
    "a float of texts": "b'%999999999d' % count",
    "a tree that is made here": f"[d for d in [{DOUBLED}] if [d[0]] == [d[1][:]]]",
}


def _tree(kind: Any) -> Any:
    value = kind([0])
    for _ in range(40):
        value = kind([value, value])
    return value


@pytest.mark.slow
@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_stopped(text: str) -> None:
    state = {
        "count": 100_000, "big": 1 << 30_000, "many": list(range(5000)), "other": [*range(4999), -1], "user": {},
        "endless": itertools.count(), "deep": _tree(list), "same": _tree(list), "deep_tuple": _tree(tuple),
    }  # fmt: skip
    began = time.process_time()
    with pytest.raises(StateError):
        expr(text).holds(state)
    assert time.process_time() - began < 20  # generous for slow machines: without the budget it would not end


def test_a_long_but_finite_evaluation_succeeds() -> None:
    history = [{"role": "user", "content": "x" * 100} for _ in range(10_000)]
    assert expr("len(history) > 9_000 and all(message['role'] == 'user' for message in history)").holds(
        State({"history": history})
    )


def test_each_evaluation_has_its_own_budget() -> None:
    condition = expr("any(x < 0 for x in many)")
    state = {"many": list(range(60_000))}
    assert [condition.holds(state) for _ in range(4)] == [False] * 4
