"""The examples run as a reader runs them: as programs, without a key."""

from __future__ import annotations

import ast
import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from declarai_like.testing import Script
from tests.project.test_chatbot_page import SCRIPTS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SENTENCE = '"Avengers is an action-packed superhero extravaganza that brings together Earth\'s mightiest heroes to save the world."'


def shown_by(example: str, *arguments: str, typed: str = "", folder: Path = ROOT, **variables: str) -> list[str]:
    """Run an example in a folder, with warnings as errors, and give the lines that it prints."""
    command = [sys.executable, "-W", "error", str(ROOT / "examples" / example), *arguments]
    settings = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", **variables}
    run = subprocess.run(
        command, cwd=folder, env=settings, input=typed, capture_output=True, encoding="utf-8", check=False
    )
    assert (run.returncode, run.stderr) == (0, "")
    return run.stdout.splitlines()


def part(lines: list[str], heading: str) -> list[str]:
    """Return the lines below a heading, up to the next empty line."""
    (start,) = (number for number, line in enumerate(lines) if line.startswith(heading))
    rest = lines[start + 1 :]
    return rest[: rest.index("")] if "" in rest else rest


def test_the_movie_streams_its_text_so_far_then_the_new_text_then_a_typed_answer() -> None:
    lines = shown_by("movie.py")
    assert lines[0] == "Asking <model offline>, which plays a script"

    first, *so_far = lines[lines.index("The text so far: chunk.response") + 1 :][:26]
    assert first == ""
    assert so_far[:3] == ['"', '"Av', '"Avengers']
    assert all(after.startswith(before) for before, after in itertools.pairwise(so_far))
    assert so_far[-2:] == [SENTENCE, SENTENCE]

    deltas = [ast.literal_eval(line) for line in part(lines, "The new text only")]
    assert deltas[0] == {"role": "assistant", "content": ""}
    assert deltas[-1] == {}
    assert "".join(delta["content"] for delta in deltas[:-1]) == SENTENCE

    movie = dict(line.split(maxsplit=1) for line in part(lines, "A typed answer"))
    assert {name: ast.literal_eval(value) for name, value in movie.items()} == {
        "title": "The Avengers",
        "year": 2012,
        "heroes": ["Iron Man", "Thor", "Black Widow"],
        "rating": 8.0,
    }
    assert lines[-1].startswith("Usage(")


def test_the_table_of_films_is_full_at_the_end() -> None:
    lines = shown_by("films.py")
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if line.startswith("│")]
    assert [(title, year, director) for title, year, director, _ in rows if title] == [
        ("Modern Times", "1936", "Charlie Chaplin"),
        ("Alien", "1979", "Ridley Scott"),
        ("WarGames", "1983", "John Badham"),
        ("Ghost in the Shell", "1995", "Mamoru Oshii"),
        ("Her", "2013", "Spike Jonze"),
    ]
    assert lines[-1].startswith("5 films, the oldest of 1936. Usage(")


def test_the_letters_become_typed_values_and_the_one_that_does_not_is_named() -> None:
    assert shown_by("triage.py") == [
        "5 operations  the server is down",
        "1 nobody      a word of thanks",
        "- 'qwertz' after 2 attempts: no JSON found (got 'I am sorry, but I cannot sort this.')",
    ]


@pytest.mark.parametrize("world", ["--asyncio", "--trio"])
def test_side_by_side_each_answer_comes_to_its_own_end(world: str) -> None:
    assert sorted(shown_by("side_by_side.py", world)) == [
        "a cook: Salt is courage, said with the fingers.",
        "a lawyer: Whereas salt, hereinafter ... (left early)",
        "a pilot: Salt is what the sea leaves on the glass.",
        "a snail: FirstTokenTimeout after 0.5 s",
    ]


def test_the_sql_bot_remembers_across_runs(tmp_path: Path) -> None:
    def chat(typed: str, *options: str) -> list[str]:
        return shown_by("sql_bot.py", *options, typed=typed, folder=tmp_path)

    hello = "bot> Hello! What do you want to know from the database?"
    assert chat("how many orders?\n") == [hello, "you> bot> SELECT count(*) FROM orders;", "you> "]
    again = chat("and the late ones?\n\n")
    assert again[:3] == [hello, "you> how many orders?", "bot> SELECT count(*) FROM orders;"]
    assert again[3].startswith("you> bot> SELECT id, ordered, shipped FROM orders")
    assert chat("", "--session", "other") == [hello, "you> "]
    assert chat("", "--forget") == [hello, "you> "]


CHATBOT = "streaming_chatbot/application.py"


def test_the_chatbot_answers_in_each_of_its_ways(tmp_path: Path) -> None:
    typed = "a poem, please\nwhat is it?\nsome code\nhm\nsomething unsafe\n"
    lines = shown_by("streaming_chatbot/application.py", typed=typed, folder=tmp_path)
    assert [line for line in lines if "bot (" in line] == [
        "you> bot (generate_poem)> Two hundred tokens, in a row,",
        "you> bot (answer_question)> It depends, as always, on what was meant. But mostly it is forty-two.",
        "you> bot (generate_code)> def answer() -> int:",
        "you> bot (prompt_for_more)> None of the modes I know fits that. Can you say a little more? ",
        "you> bot (unsafe_response)> I am afraid I can't respond to that... ",
    ]
    again = shown_by("streaming_chatbot/application.py", folder=tmp_path)
    assert again[:2] == ["you> a poem, please", "bot> Two hundred tokens, in a row,"]


def test_the_chatbot_speaks_with_any_server_of_the_protocol(tmp_path: Path, serve: Callable[..., Any]) -> None:
    def answer(messages: list[dict[str, str]]) -> str:
        asked = messages[-1]["content"]
        return "generate_poem" if asked.startswith("Decide") else f"A poem, {asked.partition('.')[0].lower()}."

    server = serve(Script(answer))
    settings = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": server.url, "DECLARAI_DEMO_MODEL": "m"}
    lines = shown_by("streaming_chatbot/application.py", typed="roses\n", folder=tmp_path, **settings)
    assert lines[0] == "you> bot (generate_poem)> A poem, answer in verse."
    assert [exchange.body["model"] for exchange in server.exchanges] == ["m", "m"]
    assert server.exchanges[1].body["stream"] is True


def test_a_chatbot_that_was_killed_in_its_answer_gives_it_when_it_runs_again(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "examples" / CHATBOT)]
    settings = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "DECLARAI_DEMO_DELAY": "0.2"}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=tmp_path, env=settings, stdin=pipe, stdout=pipe, encoding="utf-8") as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write("a poem, please\n")
        process.stdin.flush()
        read = ""
        while not read.endswith("Two hundred"):
            read += process.stdout.read(1)
        process.kill()
    lines = shown_by("streaming_chatbot/application.py", typed="what is it?\n", folder=tmp_path)
    assert lines[:3] == [
        "you> a poem, please",
        "bot (generate_poem)> Two hundred tokens, in a row,",
        "how patiently they come and go.",
    ]
    assert lines[3].startswith("you> bot (answer_question)> It depends")


def test_each_example_has_a_test() -> None:
    tested = Path(__file__).read_text("utf-8")
    examples = [path.relative_to(ROOT / "examples").as_posix() for path in (ROOT / "examples").rglob("*.py")]
    assert [name for name in examples if f'shown_by("{name}"' not in tested and name not in SCRIPTS] == []
