"""What is sent of a long conversation."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from declarai_like import Message, ToolCall
from declarai_like._llm.usage import PER_MESSAGE, estimate_tokens
from declarai_like.errors import ConfigurationError
from declarai_like.window import Messages, Summary, Tokens

SYSTEM = Message("system", "Be kind.")
CALL = Message("assistant", "", tool_calls=(ToolCall("1", "look", '{"up": "x"}'), ToolCall("2", "look", "{}")))
RESULTS = [Message("tool", "one", tool_call_id="1"), Message("tool", "two", tool_call_id="2")]
TALK = [Message("user", "a"), CALL, *RESULTS, Message("assistant", "b"), Message("user", "c")]


def test_the_last_messages() -> None:
    said = [Message(role, f"{number}") for number in range(5) for role in ("user", "assistant")]
    now = Message("user", "now")
    assert Messages(3).select([SYSTEM, *said, now]) == [SYSTEM, *said[-2:], now]
    assert Messages(100).select([SYSTEM, *said, now]) == [SYSTEM, *said, now]
    assert Messages(1).select([SYSTEM, *said, now]) == [SYSTEM, now]


def test_what_the_system_says_later_is_kept_as_well() -> None:
    note = Message("system", "Be brief.")
    assert Messages(1).select([SYSTEM, Message("user", "a"), note, Message("user", "b")]) == [
        SYSTEM, note, Message("user", "b"),
    ]  # fmt: skip


@pytest.mark.parametrize(("limit", "kept"), [(1, 1), (2, 2), (3, 2), (4, 2), (5, 5), (6, 6)])
def test_a_tool_call_is_never_without_its_results(limit: int, kept: int) -> None:
    assert Messages(limit).select(TALK) == TALK[len(TALK) - kept :]


ROLES = st.sampled_from(["user", "assistant", "system", "tool", "call"])


@given(st.lists(ROLES, max_size=30), st.integers(1, 12))
def test_each_window_is_an_end_of_the_conversation_that_is_whole(roles: list[str], limit: int) -> None:
    calls = (ToolCall("1", "f", "{}"),)
    messages = [
        Message("assistant", str(n), tool_calls=calls) if role == "call" else Message(role, str(n))
        for n, role in enumerate([*roles, "user"])
    ]
    kept = list(Messages(limit).select(messages))
    others = [message for message in kept if message.role != "system"]
    assert [m for m in messages if m.role == "system"] == [m for m in kept if m.role == "system"]
    assert others == [m for m in messages if m.role != "system"][-len(others) :]
    assert len(others) <= limit or len(others) == 1
    before = messages.index(others[0]) - 1
    whole = [message for message in messages[: before + 1] if message.role != "system"]
    assert others[0].role != "tool" or not whole


def test_as_many_tokens_as_fit() -> None:
    window = Tokens(2 * PER_MESSAGE + 13, count=len)
    assert window.select([SYSTEM, Message("user", "long ago"), Message("user", "12345")]) == [
        SYSTEM,
        Message("user", "12345"),
    ]
    window = Tokens(3 * PER_MESSAGE + 8 + 8 + 5, count=len)
    assert len(window.select([SYSTEM, Message("user", "long ago"), Message("user", "12345")])) == 3
    assert window.tokens([CALL]) == PER_MESSAGE + len('look{"up": "x"}look{}')


def test_what_is_said_now_is_sent_also_where_it_does_not_fit() -> None:
    now = Message("user", "far too long")
    assert Tokens(1, count=len).select([SYSTEM, Message("user", "a"), now]) == [SYSTEM, now]


def test_tokens_are_estimated() -> None:
    assert [estimate_tokens(text) for text in ("", "four", "eight ch", "five5", "日本語")] == [0, 1, 2, 2, 3]


TIKTOKEN = """
class Encoding:
    def encode_ordinary(self, text):
        return text.split()

def get_encoding(name):
    if {fails}:
        raise OSError("no network")
    assert name == "o200k_base"
    return Encoding()
"""


def tokens_with(tiktoken: str, folder: Path) -> tuple[list[str], str]:
    """Count in a process of its own, with a module of this text; give the counts and what was said."""
    (folder / "tiktoken.py").write_text(tiktoken)
    code = "from declarai_like.window import count_tokens; print(count_tokens('one two three'), count_tokens('one'))"
    root = str(Path(__file__).parent.parent)
    settings = {"PYTHONPATH": f"{root}:{folder}"}
    run = subprocess.run([sys.executable, "-c", code], env=settings, capture_output=True, text=True, check=True)
    return run.stdout.split(), run.stderr


def test_tiktoken_is_used_where_it_is_installed_and_works(tmp_path: Path) -> None:
    assert tokens_with(TIKTOKEN.format(fails=False), tmp_path) == (["3", "1"], "")
    assert tokens_with("raise ImportError", tmp_path) == (["4", "1"], "")


def test_where_tiktoken_cannot_load_its_encoding_tokens_are_estimated(tmp_path: Path) -> None:
    counts, said = tokens_with(TIKTOKEN.format(fails=True), tmp_path)
    assert counts == ["4", "1"]
    assert "tiktoken could not load its encoding, so tokens are estimated (OSError: no network)" in said
    assert said.count("RuntimeWarning") == 1


@pytest.mark.parametrize("limit", [0, -1, True, "3", None, 1.5])
def test_a_limit_is_a_number(limit: object) -> None:
    for kind in (Messages, Tokens):
        with pytest.raises(
            ConfigurationError, match=f"{kind.__name__}\\(.*\\) is no window: its limit is a whole number, from 1"
        ):
            kind(limit)


def test_a_summary_is_of_another_window() -> None:
    assert repr(Summary(Messages(3))) == "Summary(Messages(3))"
    assert repr(Tokens(8000)) == "Tokens(8000)"
    for wrong in (5, None, Summary(Messages(3))):
        with pytest.raises(ConfigurationError, match=r"it is another window .* as in Summary\(Messages\(20\)\)"):
            Summary(wrong)


def test_a_summary_takes_whole_exchanges_and_leaves_room() -> None:
    said = [Message(role, f"{number}") for number in range(10) for role in ("user", "assistant")]
    now = Message("user", "now")
    summary = Summary(Messages(10))
    assert summary.outgrown([SYSTEM], said[:8], now) == 0
    assert summary.outgrown([SYSTEM], said, now) == 16  # 4 of the 20 stay, with room for three exchanges
    assert summary.outgrown([SYSTEM], TALK[:-1], now) == 0
    assert Summary(Messages(3)).outgrown([SYSTEM], TALK[:-1], now) == 5
    assert Summary(Messages(8)).outgrown([SYSTEM], [*said[:6], *TALK[:5]], now) == 11
