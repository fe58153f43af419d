"""Graphs: the next action, and errors that list all problems."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from declarai_like._core.checks import shown
from declarai_like.app import State, action, default, expr, when
from declarai_like.app.graph import FORM, Graph, GraphBuilder, Transition
from declarai_like.errors import ApplicationError, GraphError, MissingKey


@action(reads=[], writes=["n"], tags=["first", "both"])
def one(state: State) -> State:
    return state.update(n=1)


@action(reads=[], writes=["n"], tags=["both"])
def two(state: State) -> State:
    return state.update(n=2)


@action(reads=[], writes=[])
def three(state: State) -> State:
    return state


def problems(builder: GraphBuilder, entrypoint: str | None = None) -> tuple[str, ...]:
    with pytest.raises(GraphError) as caught:
        builder.build(entrypoint)
    assert str(caught.value) == "; ".join(caught.value.problems)
    assert isinstance(caught.value, ValueError)
    return caught.value.problems


def test_case_20_a_graph_needs_an_action() -> None:
    assert problems(GraphBuilder()) == ("the graph must have at least one action; use with_actions(...)",)


def test_case_20_an_unknown_endpoint_is_named_with_the_known_actions() -> None:
    builder = GraphBuilder().with_actions(one, two).with_transitions(("one", "too"), ("eno", "two"), ("x", "x"))
    assert problems(builder) == (
        "transition 'one' -> 'too': 'too' not found in actions ('one', 'two')",
        "transition 'eno' -> 'two': 'eno' not found in actions ('one', 'two')",
        "transition 'x' -> 'x': 'x' not found in actions ('one', 'two')",
    )


def test_case_20_two_actions_of_one_name() -> None:
    assert problems(GraphBuilder().with_actions(one, two, one=three, two=three).with_actions(one)) == (
        "3 actions have the name 'one'; with_actions(name=action) sets another name",
        "2 actions have the name 'two'; with_actions(name=action) sets another name",
    )


def test_case_20_a_transition_after_a_default_is_redundant() -> None:
    builder = GraphBuilder().with_actions(one, two, three)
    builder.with_transitions(
        ("one", "two", when(n=1)), ("one", "two"), ("one", "three", default), ("one", "three", when(n=2)), ("two", "three")
    )  # fmt: skip
    tail = "is redundant: 'one' -> 'two' before it is a default, which is always taken; move the default to the end"
    assert problems(builder) == (
        f"transition 'one' -> 'three' (default) {tail}",
        f"transition 'one' -> 'three' (n=2) {tail}",
    )


def test_case_20_an_unknown_entrypoint() -> None:
    builder = GraphBuilder().with_actions(one, two)
    assert problems(builder, "en") == ("entrypoint 'en' not found in actions ('one', 'two')",)
    assert builder.build("one").problems("two") == []
    wrong: Any = ["one"]
    assert problems(builder, wrong) == ("entrypoint ['one'] not found in actions ('one', 'two')",)


def test_a_value_that_is_not_a_graph_cannot_be_added_to_one() -> None:
    wrong: Any = GraphBuilder
    assert problems(GraphBuilder().with_actions(one).with_graph(wrong)) == (
        "the graph of with_graph must be a Graph, got the class GraphBuilder; GraphBuilder() builds one",
    )


@pytest.mark.parametrize(
    ("transition", "reason"),
    [
        (("one",), "it must be a tuple of two or three"),
        (("one", "two", default, 1), "it must be a tuple of two or three"),
        ("onetwo", "it must be a tuple of two or three"),
        (when(a=1), "it must be a tuple of two or three"),
        ((one, "two"), "the names of its actions must be str"),
        (("one", ["two"]), "the names of its actions must be str"),
        (("one", None), "the names of its actions must be str"),
        (([], "two"), "the names of its actions must be str"),
        ((["one", 2], "two"), "the names of its actions must be str"),
        (("one", "two", "n > 1"), "its condition must be a Condition, made by when(), expr() or lmda(), got str"),
        (("one", "two", True), "its condition must be a Condition, made by when(), expr() or lmda(), got bool"),
    ],
)
def test_a_transition_of_another_form_is_shown(transition: Any, reason: str) -> None:
    builder = GraphBuilder().with_actions(one, two).with_transitions(transition)
    assert problems(builder) == (f"the transition {shown(transition)} is not valid: {reason}; write {FORM}",)


@pytest.mark.parametrize("name", ["@tag:both", "@x"])
def test_a_name_that_would_be_read_as_a_tag_is_refused(name: str) -> None:
    assert problems(GraphBuilder().with_actions(**{name: one})) == (
        f"the name of an action must not be empty or begin with '@', got {name!r}",
    )


def test_a_name_cannot_be_empty() -> None:
    nameless: Any = SimpleNamespace(name="", tags=[])
    assert Graph([nameless], []).problems() == ["the name of an action must not be empty or begin with '@', got ''"]


def test_case_13_a_value_that_is_not_an_action_is_an_error_wherever_it_is_added() -> None:
    def plain(state: State) -> State:
        return state

    found = problems(GraphBuilder().with_actions(one, plain, "two", other=plain))
    assert len(found) == 3
    expected = "must be a function with @action or @streaming_action, or an Action, got"
    assert [problem.partition(f" {expected} ")[0] for problem in found] == [
        "an action",
        "an action",
        "the action 'other'",
    ]
    assert [problem.rpartition(" got ")[2] for problem in found] == [shown(plain), "str", shown(plain)]


def test_all_problems_come_at_once() -> None:
    builder = GraphBuilder().with_actions(one, one, 3).with_transitions(("one",), ("one", "two"))
    assert len(problems(builder, "no")) == 5


def test_positional_actions_are_named_by_their_functions_and_others_by_their_keywords() -> None:
    graph = GraphBuilder().with_actions(one, zwei=two).build()
    assert [each.name for each in graph.actions] == ["one", "zwei"]
    assert graph.get_action("zwei").name == "zwei"
    assert list(graph.get_action("one").writes) == ["n"]


def test_a_list_of_beginnings_stands_for_each_of_them() -> None:
    condition = when(n=1)
    graph = GraphBuilder().with_actions(one, two, three).with_transitions((["one", "two"], "three", condition)).build()
    assert graph.transitions == (Transition("one", "three", condition), Transition("two", "three", condition))


def test_a_graph_can_be_taken_into_another() -> None:
    first = GraphBuilder().with_actions(one, two).with_transitions(("one", "two")).build()
    whole = GraphBuilder().with_graph(first).with_actions(three).with_transitions(("two", "three")).build("one")
    assert [each.name for each in whole.actions] == ["one", "two", "three"]
    assert [str(each) for each in whole.transitions] == ["'one' -> 'two'", "'two' -> 'three'"]


@pytest.fixture
def graph() -> Graph:
    builder = GraphBuilder().with_actions(one, two, three)
    return builder.with_transitions(
        ("one", "two", when(n=1)), ("one", "three", expr("n < 3")), ("two", "one"), ("three", "three", when(missing=1))
    ).build("one")  # fmt: skip


@pytest.mark.parametrize(
    ("after", "n", "following"),
    [(None, 9, "one"), ("one", 1, "two"), ("one", 2, "three"), ("one", 3, None), ("two", 9, "one")],
)
def test_case_21_the_first_transition_that_holds_is_taken(graph: Graph, after: Any, n: int, following: Any) -> None:
    found = graph.next_action(after, State({"n": n}), "one")
    assert (found and found.name) == following


def test_case_21_without_a_transition_there_is_an_end() -> None:
    assert GraphBuilder().with_actions(one).build().next_action("one", State(), "one") is None


def test_a_condition_that_fails_says_where_it_stands(graph: Graph) -> None:
    with pytest.raises(MissingKey, match="'missing=1' needs the key 'missing'") as caught:
        graph.next_action("three", State({"n": 1}), "one")
    assert caught.value.__notes__ == ["This is the condition of the transition 'three' -> 'three'."]


def test_an_action_that_is_not_there_is_an_error_that_lists_those_that_are(graph: Graph) -> None:
    for ask in (lambda: graph.get_action("four"), lambda: graph.next_action("four", State(), "one")):
        with pytest.raises(
            ApplicationError, match="'four' not found in actions; the actions are 'one', 'two', 'three'"
        ):
            ask()
    with pytest.raises(ApplicationError, match="'four' not found"):
        graph.next_action(None, State(), "four")


def test_case_28_a_tag_stands_for_all_actions_that_have_it(graph: Graph) -> None:
    assert [each.name for each in graph.get_actions_by_tag("both")] == ["one", "two"]
    assert [each.name for each in graph.get_actions_by_tag("first")] == ["one"]


def test_case_28_an_unknown_tag_is_an_error_that_lists_the_tags(graph: Graph) -> None:
    with pytest.raises(ApplicationError, match="no action has the tag 'x'; the tags are 'first', 'both'"):
        graph.get_actions_by_tag("x")
    bare: Any = SimpleNamespace(name="a", tags=[])
    with pytest.raises(ApplicationError, match="the tags are none"):
        Graph([bare], []).get_actions_by_tag("x")
