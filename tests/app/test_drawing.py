"""Drawings of graphs, as Mermaid text, SVG and PNG."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from declarai_like.app import Input, State, action, streaming_action, when
from declarai_like.app.conditions.conditions import Condition
from declarai_like.app.drawing.drawing import Drawing, digraph, mermaid
from declarai_like.app.graph import Graph, GraphBuilder, Transition
from declarai_like.errors import ApplicationError

needs_graphviz = pytest.mark.skipif(importlib.util.find_spec("graphviz") is None, reason="the package graphviz")
needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="the program dot")


@action(reads=["history"], writes=["prompt", "history"])
def prompt(state: State, prompt: str) -> State:
    return state.update(prompt=prompt)


@streaming_action(reads=["prompt"], writes=["answer"])
def answer(state: State, prompt: str, model: str = "small") -> Iterator[Any]:
    yield {"answer": ""}, state.update(answer="")


@action(reads=[], writes=[])
def refuse(state: State) -> State:
    return state


@pytest.fixture
def graph() -> Graph:
    return (
        GraphBuilder()
        .with_actions(prompt, answer, refuse)
        .with_transitions(
            ("prompt", "answer", when(safe=True, mode__in=["a"])), ("prompt", "refuse"), ("answer", "prompt")
        )
        .build("prompt")
    )


def test_the_mermaid_text_of_a_graph(graph: Graph) -> None:
    assert mermaid(graph, "prompt") == (
        """\
flowchart TD
    start(( ))
    a0["prompt"]
    a1(["answer<br/>#40;streams)"])
    a2["refuse"]
    i0("prompt")
    i1("model")
    start --> a0
    i0 --> a0
    i0 --> a1
    i1 -->|"optional"| a1
    a0 -.->|"mode in ['a'], safe=True"| a1
    a0 --> a2
    a1 --> a0
    classDef input stroke-dasharray: 4 4
    class i0,i1 input
"""
    )


def test_conditions_can_be_left_out_and_what_actions_read_and_write_can_be_shown(graph: Graph) -> None:
    text = mermaid(graph, None, include_conditions=False, include_state=True)
    assert "    a0 -.-> a1\n" in text
    assert '    a0["prompt<br/>reads: history<br/>writes: prompt, history"]\n' in text
    assert '    a2["refuse<br/>reads: nothing<br/>writes: nothing"]\n' in text
    assert "start" not in text


def test_without_inputs_there_is_no_style_for_them() -> None:
    assert mermaid(GraphBuilder().with_actions(refuse).build(), None) == 'flowchart TD\n    a0["refuse"]\n'


def test_the_inputs_of_an_input_action_are_drawn() -> None:
    for names in (["me"], ["me", "you"], ["you", "and", "me"]):
        text = mermaid(GraphBuilder().with_actions(ask=Input(*names)).build(), None)
        assert re.findall(r'\["(.*)"\]', text) == ["ask"]
        assert re.findall(r'\("(.*)"\)', text) == names


def test_the_context_parameter_of_an_action_is_not_drawn() -> None:
    @action(reads=[], writes=[])
    def look(state: State, __context: Any, topic: str) -> State:
        return state

    text = mermaid(GraphBuilder().with_actions(look).build(), None)
    assert '"topic"' in text
    assert "context" not in text


@pytest.mark.parametrize("name", ["1) first", "1. first", "- first", "__first__", "$$first$$", "[first](x)"])
def test_a_name_that_markdown_would_change_is_shown_as_it_is(name: str) -> None:
    text = mermaid(Graph([refuse.action.with_name(name)], []), None)
    assert name not in text
    label = text.split('"')[1]
    assert unescape(re.sub(r"#(\d+);", r"&#\1;", label)).replace("\u200b", "") == name


LINE = re.compile(
    r"""flowchart[ ]TD | \s{4}(?:
        start\(\([ ]\)\) | a\d+\["[^"]*"\] | a\d+ [ ] -\.->\|"[^"]*"\| [ ] a\d+
    )""",
    re.VERBOSE,
)
MARKS = st.sampled_from(
    [
        '"', "#", ";", "#quot;", "&amp;", "<b>", "<br/>", "`", "*", "__", "_", "$$", "\\n", "\n", "\r", "\u2028", "\x00", "[", "](", "|", "-->",
        "%%", "{", "}", "1. ", "1) ", "- ", "> ", ":", ":::", "https://a.b", "end", "é", "你", "🙂", " ", "a", "7", ".", "(", "'", "=", "ﬂ°", "¶ß", "\t",
    ]
)  # fmt: skip
TEXTS = st.lists(MARKS, min_size=1, max_size=8).map("".join) | st.text(max_size=12)
LABELS = TEXTS.filter(lambda text: any(char.isprintable() and char != " " for char in text))


@given(LABELS, LABELS)
def test_any_name_and_any_condition_is_shown_literally_by_mermaid(name: str, asked: str) -> None:
    made: Any = refuse.action.with_name(name)
    text = mermaid(Graph([made], [Transition(name, name, Condition([], bool, asked))]), name)
    lines = text.splitlines()
    assert len(lines) == 5
    assert all(LINE.fullmatch(line) for line in (lines[0], lines[1], lines[2], lines[4])), text
    for label, wanted in zip(re.findall('"([^"]*)"', text), (name, asked), strict=True):
        assert not re.search(r"[<`*\\$&|{}~]|__|\]\(|:(?! )|^\d+[.)]|^[^\w#,=']", label), label
        shown = unescape(re.sub(r"#(\d+);", r"&#\1;", label)).replace("\u200b", "")
        readable = "".join(char if char.isprintable() else " " for char in wanted).replace("\u200b", "")
        assert "".join(shown.split()) == "".join(readable.split())


# as an object


def test_a_drawing_is_its_mermaid_text(graph: Graph) -> None:
    drawing = Drawing(graph, "prompt", include_state=True)
    assert str(drawing) == drawing.mermaid == mermaid(graph, "prompt", include_state=True)


def test_jupyter_gets_it_in_all_ways_that_it_knows(graph: Graph) -> None:
    drawing = Drawing(graph, "prompt")
    assert drawing._repr_mimebundle_() == {
        "text/markdown": f"```mermaid\n{drawing.mermaid}```\n",
        "text/vnd.mermaid": drawing.mermaid,
        "text/plain": drawing.mermaid,
    }


def test_it_is_saved_as_its_suffix_says(graph: Graph, tmp_path: Path) -> None:
    drawing = Drawing(graph, "prompt")
    assert drawing.save(tmp_path / "graph.mmd").read_text("utf-8") == drawing.mermaid
    assert drawing.save(str(tmp_path / "graph.MD")).read_text("utf-8") == drawing.markdown
    for name in ("graph", "graph.gif"):
        with pytest.raises(
            ApplicationError, match=f"^the file name of a drawing must end in .mmd, .md, .svg or .png, got '{name}'$"
        ):
            drawing.save(tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["graph.MD", "graph.mmd"]


def test_without_the_package_graphviz_the_error_names_the_package_to_install(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "graphviz", None)  # as if it were not installed
    for draw in (lambda: digraph(graph, "prompt"), lambda: Drawing(graph, "prompt").save(tmp_path / "graph.svg")):
        with pytest.raises(ApplicationError, match=r"pip install graphviz.*\.mmd or \.md"):
            draw()
    assert not list(tmp_path.iterdir())


@needs_graphviz
def test_without_the_program_dot_the_error_names_the_package_to_install(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ApplicationError, match=r"`dot`.*apt install graphviz.*\.mmd or \.md"):
        Drawing(graph, "prompt").png()


@needs_graphviz
@pytest.mark.skipif(os.name == "nt", reason="a script for sh")
def test_the_message_of_a_failing_dot_is_in_the_error(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = tmp_path / "dot"
    failing.write_text("#!/bin/sh\necho no such format >&2\nexit 1\n")
    failing.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(ApplicationError, match="could not draw svg: no such format"):
        Drawing(graph, "prompt").svg()


@needs_graphviz
def test_the_same_graph_for_graphviz(graph: Graph) -> None:
    source = digraph(graph, "prompt").source
    assert 'a1 [label="answer\\n(streams)" shape=box style="rounded,bold"]' in source
    assert 'i1 [label=model shape=box style="rounded,dashed"]' in source
    assert "a0 -> a1 [label=\"mode in ['a'], safe=True\" style=dashed]" in source
    assert 'a0 -> a2 [label="" style=solid]' in source
    assert "start -> a0" in source


@needs_graphviz
@needs_dot
def test_graphviz_draws_any_name_as_it_is(tmp_path: Path) -> None:
    name = '<b>"\\N\\n{x}|&amp;é</b>'
    made: Any = refuse.action.with_name(name)
    drawing = Drawing(Graph([made], [Transition(name, name, Condition([], bool, name))]), name)
    shown = [unescape(text) for text in re.findall("<text.*?>(.*?)</text>", drawing.svg())]
    assert shown == [name, name]
    assert drawing.save(tmp_path / "graph.png").read_bytes().startswith(b"\x89PNG")
