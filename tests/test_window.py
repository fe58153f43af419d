"""Windows: the messages of a long conversation that are sent."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from declarai_like import Message, ToolCall
from declarai_like._llm.usage import TOKENS_PER_MESSAGE, estimate_tokens
from declarai_like.errors import ConfigurationError
from declarai_like.window import Messages, Summary, Tokens

SYSTEM = Message("system", "Be kind.")
CALL = Message("assistant", "", tool_calls=(ToolCall("1", "look", '{"up": "x"}'), ToolCall("2", "look", "{}")))
RESULTS = [Message("tool", "one", tool_call_id="1"), Message("tool", "two", tool_call_id="2")]
TALK = [Message("user", "a"), CALL, *RESULTS, Message("assistant", "b"), Message("user", "c")]


def test_the_last_messages() -> None:
    talk = [Message(role, f"{number}") for number in range(5) for role in ("user", "assistant")]
    now = Message("user", "now")
    assert Messages(3).select([SYSTEM, *talk, now]) == [SYSTEM, *talk[-2:], now]
    assert Messages(100).select([SYSTEM, *talk, now]) == [SYSTEM, *talk, now]
    assert Messages(1).select([SYSTEM, *talk, now]) == [SYSTEM, now]


def test_a_later_system_message_is_kept_as_well() -> None:
    note = Message("system", "Be brief.")
    assert Messages(1).select([SYSTEM, Message("user", "a"), note, Message("user", "b")]) == [
        SYSTEM, note, Message("user", "b"),
    ]  # fmt: skip


@pytest.mark.parametrize(("limit", "kept"), [(1, 1), (2, 2), (3, 2), (4, 2), (5, 5), (6, 6)])
def test_a_tool_call_is_never_without_its_results(limit: int, kept: int) -> None:
    assert Messages(limit).select(TALK) == TALK[len(TALK) - kept :]


ROLES = st.sampled_from(["user", "assistant", "system", "tool", "call"])


@given(st.lists(ROLES, max_size=30), st.integers(1, 12))
def test_each_window_ends_the_conversation_and_splits_no_tool_call(roles: list[str], limit: int) -> None:
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
    earlier = [message for message in messages[: before + 1] if message.role != "system"]
    assert others[0].role != "tool" or not earlier


def test_the_last_messages_within_the_limit_of_tokens() -> None:
    window = Tokens(2 * TOKENS_PER_MESSAGE + 13, count=len)
    assert window.select([SYSTEM, Message("user", "long ago"), Message("user", "12345")]) == [
        SYSTEM,
        Message("user", "12345"),
    ]
    window = Tokens(3 * TOKENS_PER_MESSAGE + 8 + 8 + 5, count=len)
    assert len(window.select([SYSTEM, Message("user", "long ago"), Message("user", "12345")])) == 3
    assert window.tokens([CALL]) == TOKENS_PER_MESSAGE + len('look{"up": "x"}look{}')


def test_the_new_message_is_sent_even_if_it_is_over_the_limit() -> None:
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
    """Count in another process, with this source as the module tiktoken; return the counts and the stderr."""
    (folder / "tiktoken.py").write_text(tiktoken)
    code = "from declarai_like.window import count_tokens; print(count_tokens('one two three'), count_tokens('one'))"
    root = str(Path(__file__).parent.parent)
    settings = {"PYTHONPATH": f"{root}:{folder}"}
    run = subprocess.run([sys.executable, "-c", code], env=settings, capture_output=True, text=True, check=True)
    return run.stdout.split(), run.stderr


def test_tiktoken_is_used_if_it_is_installed(tmp_path: Path) -> None:
    assert tokens_with(TIKTOKEN.format(fails=False), tmp_path) == (["3", "1"], "")
    assert tokens_with("raise ImportError", tmp_path) == (["4", "1"], "")


def test_tokens_are_estimated_if_tiktoken_cannot_load_its_encoding(tmp_path: Path) -> None:
    counts, stderr = tokens_with(TIKTOKEN.format(fails=True), tmp_path)
    assert counts == ["4", "1"]
    assert "tiktoken could not load its encoding, so tokens are estimated (OSError: no network)" in stderr
    assert stderr.count("RuntimeWarning") == 1


@pytest.mark.parametrize("limit", [0, -1, True, "3", None, 1.5])
def test_a_limit_is_an_integer_from_1(limit: object) -> None:
    got = limit if type(limit) is int else "None" if limit is None else type(limit).__name__
    for kind in (Messages, Tokens):
        with pytest.raises(ConfigurationError, match=rf"^{kind.__name__}\.limit must be an integer >= 1, got {got}$"):
            kind(limit)


def test_a_summary_is_of_another_window() -> None:
    assert repr(Summary(Messages(3))) == "Summary(Messages(3))"
    assert repr(Tokens(8000)) == "Tokens(8000)"
    for wrong in (5, None, Summary(Messages(3))):
        with pytest.raises(
            ConfigurationError, match=r"a window that is not a Summary, got .*; for instance Summary\(Messages\(20\)\)"
        ):
            Summary(wrong)


def test_a_summary_covers_whole_exchanges_and_half_of_the_window() -> None:
    talk = [Message(role, f"{number}") for number in range(10) for role in ("user", "assistant")]
    now = Message("user", "now")
    summary = Summary(Messages(10))
    assert summary.outgrown([SYSTEM], talk[:8], now) == 0
    assert summary.outgrown([SYSTEM], talk, now) == 16  # 4 of the 20 stay, so three more exchanges are within the limit
    assert summary.outgrown([SYSTEM], TALK[:-1], now) == 0
    assert Summary(Messages(3)).outgrown([SYSTEM], TALK[:-1], now) == 5
    assert Summary(Messages(8)).outgrown([SYSTEM], [*talk[:6], *TALK[:5]], now) == 11
