"""Checks of settings: the accepted values, and the common form of errors."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

from declarai_like._core import checks
from declarai_like.errors import ActionError, ConfigurationError

FORM = re.compile(r"\A(?P<what>[^,;]+) must be (?P<expected>.+?), got (?P<got>[^;]+)(; (?P<hint>.+))?\Z")

CHECKS: dict[str, tuple[Callable[[str, Any], Any], list[Any], list[Any]]] = {
    "integer": (
        lambda what, value: checks.integer(what, value, minimum=1),
        [1, 2, 10**30],
        [0, -1, True, False, 1.0, "1", None, math.nan, [1]],
    ),
    "seconds": (
        checks.seconds,
        [0, 0.5, 3],
        [-1, -0.1, math.inf, -math.inf, math.nan, True, "1", None, Fraction(1, 2)],
    ),
    "seconds above zero": (
        lambda what, value: checks.seconds(what, value, above_zero=True),
        [0.1, 3],
        [0, 0.0, -1, math.inf, True, None],
    ),
    "string": (checks.string, ["", "a"], [b"a", 1, None, ["a"]]),
    "mapping": (
        lambda what, value: checks.mapping(what, value, of="str to str"),
        [{}, {"a": 1}],
        [[], "a", None, dict],
    ),
    "function": (lambda what, value: checks.function(what, value, of="of a str"), [len, print], [1, None, "len"]),
    "one of": (lambda what, value: checks.one_of(what, value, ["a", "b"]), ["a", "b"], ["c", "", None, 1, ["a"], {}]),
    "instance": (lambda what, value: checks.instance(what, value, dict, "a dict"), [{}], [[], dict, None]),
}
ACCEPTED = [(name, value) for name, (_, accepted, _) in CHECKS.items() for value in accepted]
REJECTED = [(name, value) for name, (_, _, rejected) in CHECKS.items() for value in rejected]


@pytest.mark.parametrize(("name", "value"), ACCEPTED)
def test_an_accepted_value_is_returned_unchanged(name: str, value: Any) -> None:
    check, _, _ = CHECKS[name]
    assert check("limit", value) is value


@pytest.mark.parametrize(("name", "value"), REJECTED)
def test_an_error_has_the_expected_and_the_found_value(name: str, value: Any) -> None:
    check, _, _ = CHECKS[name]
    with pytest.raises(ConfigurationError) as caught:
        check("limit of Messages", value)
    form = FORM.match(str(caught.value))
    assert form
    assert form["what"] == "limit of Messages"
    assert form["got"] in (repr(value), checks.type_name(value))


def test_the_messages() -> None:
    with pytest.raises(ConfigurationError, match=r"\Alimit must be an integer >= 1 \(bytes\), got 0\Z"):
        checks.integer("limit", 0, minimum=1, unit="bytes")
    with pytest.raises(ConfigurationError, match=r"\Alimit must be an integer >= 1, got str\Z"):
        checks.integer("limit", "3", minimum=1)
    with pytest.raises(ConfigurationError, match=r"\Asession must be a str, got int; did you mean '42'\?\Z"):
        checks.string("session", 42, hint="did you mean '42'?")
    with pytest.raises(ConfigurationError, match=r"\Amemory must be an instance of dict, got the class dict\Z"):
        checks.instance("memory", dict, dict, "an instance of dict")
    with pytest.raises(ConfigurationError, match=r"\Aoutput must be one of 'a', 'b', got 'c'\Z"):
        checks.one_of("output", "c", ["a", "b"])


def test_a_value_of_a_wrong_type_is_not_shown_since_it_may_be_a_secret() -> None:
    with pytest.raises(ConfigurationError) as caught:
        checks.integer("max_retries", "sk-secret", minimum=0)
    assert "sk-secret" not in str(caught.value)


def test_a_long_value_is_cut_and_a_failing_repr_is_replaced() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError("no repr")

    assert len(checks.shown("x" * 1000)) == 80
    assert checks.shown(Broken()) == "a Broken"


def test_the_class_of_the_error_can_be_chosen() -> None:
    error = checks.wrong_type("writes of action 'add'", "a list of str", 1, error=ActionError)
    assert isinstance(error, ActionError)
    assert str(error) == "writes of action 'add' must be a list of str, got int"
