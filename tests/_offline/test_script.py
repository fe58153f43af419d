"""The offline model plays its replies, and its sampled answers name it."""

from __future__ import annotations

import logging
import threading
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel

import declarai_like as declarai
from declarai_like import errors
from declarai_like._offline import wire
from declarai_like.messages import Usage
from declarai_like.providers import Request
from declarai_like.testing import Fault, LoopbackServer, Raw, Reply, Script, TapeMiss, record


class Hero(BaseModel):
    name: str
    born: date


def asker(model: Any, **settings: Any) -> Any:
    """Return a task whose prompt is its argument."""

    @model.task(**settings)
    def ask(text: str) -> str:
        """{text}"""

    return ask


def texts(model: Any, *questions: str) -> list[str]:
    ask = asker(model)
    return [ask(question) for question in questions]


# Selection of replies


def test_a_list_of_replies_is_played_in_order_and_then_answers_are_sampled() -> None:
    answers = texts(declarai.offline(["one", "two"]), "a", "b", "c")
    assert answers[:2] == ["one", "two"]
    assert "offline model" in answers[2]


def test_none_in_a_list_is_a_sampled_answer() -> None:
    answers = texts(declarai.offline(["one", None, "three"]), "a", "b", "c")
    assert "offline model" in answers[1]
    assert answers[2] == "three"


def test_a_dict_is_searched_for_the_first_key_that_is_in_the_prompt() -> None:
    answers = texts(declarai.offline({"hero": "Thor", "her": "Hela"}), "which hero?", "and her?", "and him?")
    assert answers[:2] == ["Thor", "Hela"]
    assert "offline model" in answers[2]


def test_after_a_wrong_answer_a_dict_is_searched_with_the_correction() -> None:
    model = declarai.offline({"Count": "not a number", "does not fit": 3})

    @model.task
    def count(what: str) -> int:
        """Count them"""

    assert count("sheep") == 3


def test_a_function_gets_the_messages_and_cannot_change_them() -> None:
    received: list[Any] = []

    def reply(messages: list[dict[str, Any]]) -> Any:
        received.append([dict(message) for message in messages])
        messages[0]["content"] = "changed"
        return None if len(received) > 1 else Reply("by a function")

    script = Script(reply)
    answers = texts(declarai.offline(script), "who?", "what?")
    assert answers[0] == "by a function"
    assert "asked: what?" in answers[1]
    assert received[0] == [{"role": "user", "content": "who?"}]
    assert script.calls[0]["messages"] == received[0]


def test_a_tape_is_named_by_its_path(tmp_path: Path) -> None:
    tape = tmp_path / "some.jsonl"
    texts(record(declarai.offline(["recorded"]), tape), "who?")
    assert texts(declarai.offline(tape), "who?", "who?") == ["recorded"] * 2
    assert texts(declarai.offline(str(tape)), "who?") == ["recorded"]
    with pytest.raises(TapeMiss):
        texts(declarai.offline(tape), "what?")


def test_a_path_with_another_ending_is_a_tape_as_well(tmp_path: Path) -> None:
    tape = tmp_path / "tape.txt"
    texts(record(declarai.offline(["recorded"]), tape), "who?")
    assert texts(declarai.offline(tape), "who?") == ["recorded"]


def test_a_missing_tape_is_an_error_when_the_model_is_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        declarai.offline(tmp_path / "none.jsonl")
    with pytest.raises(FileNotFoundError):
        declarai.offline("none.jsonl")


async def _async_reply(messages: Any) -> str:
    return "never"


@pytest.mark.parametrize(
    ("replies", "problem"),
    [
        ("an answer", r"^replies must not be a str; write a list of replies, \['an answer'\], or the path"),
        (_async_reply, r"^replies must not be an async function \('_async_reply'\)"),
        (7, "^replies must be a list, a dict by prompt, a function of the messages, or a tape, got int$"),
    ],
)
def test_replies_of_an_unknown_kind_are_refused_at_once(replies: Any, problem: str) -> None:
    with pytest.raises(errors.ConfigurationError, match=problem):
        declarai.offline(replies)


def test_any_value_is_written_as_json() -> None:
    hero = Hero(name="Björn", born=date(1976, 6, 6))
    model = declarai.offline(
        [hero, [hero], {"name": "Ada", "born": "1815-12-10"}, 5, '{"name": "x", "born": "2000-01-01"}']
    )

    @model.task
    def one() -> Hero:
        """Invent a hero"""

    @model.task
    def several() -> list[Hero]:
        """Invent heroes"""

    @model.task
    def count() -> int:
        """Count the heroes"""

    assert (one(), several(), one().name, count(), one().name) == (hero, [hero], "Ada", 5, "x")


def test_an_exception_is_raised_instead_of_an_answer() -> None:
    model = declarai.offline([errors.BadRequestError("too long"), KeyError("a bug"), "fine"])
    with pytest.raises(errors.BadRequestError, match="too long"):
        texts(model, "a")
    with pytest.raises(KeyError, match="a bug"):
        texts(model, "a")
    assert texts(model, "a") == ["fine"]


def test_a_transient_error_is_retried() -> None:
    model = declarai.offline(
        [errors.RateLimited("slow down", retry_after=0.0), Fault(503, headers={"Retry-After": "0"}), "fine"]
    )
    assert texts(model, "a") == ["fine"]


def test_a_fault_raises_the_error_of_its_status_with_headers_in_any_case() -> None:
    model = declarai.offline([Fault(429, "slow down", "too_many", {"Retry-After": "99", "X-Request-ID": "r"})])
    with pytest.raises(errors.RateLimited, match="slow down") as caught:
        texts(model, "a")
    assert (caught.value.retry_after, caught.value.code, caught.value.request_id) == (99, "too_many", "r")


def test_raw_bytes_with_an_error_status_raise_that_error() -> None:
    page = Raw([b"<h1>Bad ", 0.1, b"gateway</h1>"], "text/html", status=502, headers={"Retry-After": "99"})
    with pytest.raises(errors.ServerError, match=r"502.*<h1>Bad gateway</h1>"):
        texts(declarai.offline([page]), "a")


def test_raw_bytes_are_played_unchanged_without_empty_pieces() -> None:
    event = b'data: {"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}]}\n\n'
    ask = asker(declarai.offline([Raw([b"", event[:5], b"", 0, event[5:], b"data: [DONE]\n\n"])]), streaming=True)
    assert ask("a").result() == "x"


def test_a_cut_comes_after_the_last_piece() -> None:
    event = b'data: {"choices":[{"index":0,"delta":{"content":"half"},"finish_reason":null}]}\n\n'
    stream = asker(declarai.offline([Raw([event], cut=True)]), streaming=True)("a")
    with pytest.raises(errors.StreamInterrupted) as caught:
        stream.result()
    assert caught.value.partial == "half"


def test_raw_bytes_have_their_content_type() -> None:
    whole = b'{"choices":[{"index":0,"message":{"role":"assistant","content":"all at once"},"finish_reason":"stop"}]}'
    ask = asker(declarai.offline([Raw([whole], "application/json; charset=utf-8")]), streaming=True)
    assert [chunk.response for chunk in ask("a")] == ["all at once"]
    with pytest.raises(errors.UnexpectedContent, match="text/html"):
        texts(declarai.offline([Raw([b"<html>Welcome</html>"], "text/html")]), "a")


@pytest.mark.parametrize(
    ("pieces", "got"), [(b"bytes", "bytes"), ("text", "str"), (["text"], "str"), ([b"fine", None], "None")]
)
def test_raw_refuses_pieces_that_are_neither_bytes_nor_pauses(pieces: Any, got: str) -> None:
    with pytest.raises(TypeError, match=rf"^Raw\.pieces must be an iterable of bytes, .*, got {got}$"):
        Raw(pieces)


# Responses


def chunks(*replies: Any, **settings: Any) -> list[Any]:
    return list(asker(declarai.offline(list(replies), **settings), streaming=True)("a question of words"))


def test_a_stream_is_split_after_words() -> None:
    assert [chunk.delta for chunk in chunks("one two,  three\n") if chunk.delta] == ["one", " two,", "  three", "\n"]


def test_a_stream_has_the_chunks_of_the_reply() -> None:
    reply = Reply(chunks=["Av", "engers", "", "!"])
    assert reply.text == "Avengers!"
    assert [chunk.delta for chunk in chunks(reply) if chunk.delta] == ["Av", "engers", "!"]


def test_chunks_that_do_not_join_to_the_text_are_refused() -> None:
    assert Reply("ab", ["a", "b"]).text == "ab"
    with pytest.raises(ValueError, match=r"^Reply\.chunks must join to its text 'ab', got 'ac'$"):
        Reply("ab", ["a", "c"])


@given(st.text() | st.text(alphabet=" \n\t\x85\u2028ab日", max_size=200))
@example("a\n\n")
@example(" " * 50)
@example("日" * 100)
def test_the_pieces_of_text_join_to_the_text_and_none_is_empty_or_long(text: str) -> None:
    pieces = wire.split(text)
    assert "".join(pieces) == text
    assert all(pieces)
    assert all(len(piece.strip()) <= 20 for piece in pieces)


def test_usage_is_the_number_of_words_and_is_sent_last() -> None:
    streamed = chunks("three words here")
    assert streamed[-1].usage == Usage(4, 3, 7)
    assert all(chunk.raw_response["usage"] is None for chunk in streamed)
    assert [chunk.usage for chunk in streamed[:-1]] == [None] * (len(streamed) - 1)


def test_usage_is_that_of_the_reply(world: Any) -> None:
    usage = Usage(1, 2, 42)
    model = declarai.offline([Reply("x", usage=usage)] * 2)
    ask = asker(model, streaming=True)
    streamed: list[Any] = []
    world.read(ask("a"), streamed)
    assert streamed[-1].usage == usage
    ask = asker(model)
    ask("a")
    assert ask.llm_response.usage == usage


def test_a_refusal_is_raised_with_and_without_streaming() -> None:
    model = declarai.offline([Reply(refusal="I will not")] * 2)
    with pytest.raises(errors.Refused, match="I will not") as caught:
        texts(model, "a")
    assert caught.value.refusal == "I will not"
    with pytest.raises(errors.Refused, match="I will not"):
        asker(model, streaming=True)("a").result()


def test_a_model_that_is_forced_to_call_a_tool_may_still_refuse() -> None:
    model = declarai.offline([Reply(refusal="I will not")], output="tool")

    @model.task
    def count() -> int:
        """Count"""

    with pytest.raises(errors.Refused):
        count()


def test_reasoning_comes_before_the_text_and_is_not_part_of_it() -> None:
    streamed = chunks(Reply("yes", reasoning="let me think"))
    assert "".join(chunk.reasoning for chunk in streamed) == "let me think"
    assert streamed[-1].response == "yes"
    first = next(index for index, chunk in enumerate(streamed) if chunk.delta)
    assert not any(chunk.reasoning for chunk in streamed[first:])
    ask = asker(declarai.offline([Reply("yes", reasoning="let me think")]))
    ask("a")
    assert ask.llm_response.reasoning == "let me think"


def test_a_forced_tool_is_called_with_the_chunks_of_the_reply() -> None:
    model = declarai.offline([Reply(chunks=['{"val', 'ue": 5}'])], output="tool")

    @model.task(streaming=True)
    def count() -> int:
        """Count"""

    stream = count()
    assert stream.result() == 5
    calls = [call for chunk in stream for call in chunk.raw_response["choices"][0]["delta"].get("tool_calls", ())]
    assert [call["function"]["arguments"] for call in calls] == ["", '{"val', 'ue": 5}']
    assert calls[0]["function"]["name"] == "count"


def test_the_finish_reason_is_that_of_the_reply() -> None:
    assert chunks(Reply("half", finish_reason="length"))[-1].finish_reason == "length"
    assert chunks("whole")[-1].finish_reason == "stop"


def test_a_lone_surrogate_is_sent_as_providers_send_it(world: Any) -> None:
    streamed: list[Any] = []
    world.read(asker(declarai.offline(["\ud83d"]), streaming=True)("a"), streamed)
    assert streamed[-1].response == "\ud83d"


def test_the_same_request_gets_the_same_bytes() -> None:
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "why?"}]}
    assert list(Script().answer(Request("", body))) == list(Script().answer(Request("", body)))


def test_a_delay_is_between_the_chunks_and_a_first_delay_before_them(world: Any) -> None:
    def pauses(reply: Any, **settings: Any) -> list[float]:
        body = {"stream": True, "messages": []}
        return [piece for piece in Script([reply], **settings).answer(Request("", body)) if isinstance(piece, float)]

    assert pauses("one two") == []
    assert pauses("one two", delay=3) == [3.0] * 3  # the first chunk has the role, the last one the finish reason
    assert pauses(Reply("one two", delay=1, first_delay=2), delay=3) == [2.0, 1.0, 1.0, 1.0]
    assert pauses(Reply("one two", delay=0), delay=3) == []
    began = time.monotonic()
    world.read(asker(declarai.offline(["one two"], delay=0.02), streaming=True)("a"), [])
    assert time.monotonic() - began >= 0.06


def test_a_response_that_is_not_streamed_has_the_first_delay_only() -> None:
    body = {"messages": []}
    answer = Script([Reply("one two", delay=1, first_delay=2)]).answer(Request("", body))
    assert [isinstance(piece, float) for piece in answer] == [True, False]


# The script


def test_a_strict_script_samples_no_answers() -> None:
    model = declarai.offline(Script(["one"], strict=True))
    with pytest.raises(AssertionError, match="no reply to request 2: 'what else"):
        texts(model, "a", "what else?")


def test_a_strict_script_fails_in_a_stream_as_well(world: Any) -> None:
    stream = asker(declarai.offline(Script({"x": "y"}, strict=True)), streaming=True)("a")
    with pytest.raises(AssertionError, match="no reply to request 1"):
        world.read(stream, [])


def test_a_script_records_the_requests() -> None:
    script = Script(["one"])
    texts(declarai.offline(script), "who?")
    assert [call["messages"][0]["content"] for call in script.calls] == ["who?"]


def test_a_script_is_complete_when_each_reply_was_used(tmp_path: Path) -> None:
    script = Script(["one", "two", "three"])
    texts(declarai.offline(script), "a")
    with pytest.raises(AssertionError, match="^replies that were not used: reply 2, reply 3"):
        script.assert_complete()
    texts(declarai.offline(script), "a", "b", "c")
    script.assert_complete()

    script = Script({"a": "one", "b": "two"})
    texts(declarai.offline(script), "a", "a")
    with pytest.raises(AssertionError, match="^replies that were not used: 'b'"):
        script.assert_complete()

    tape = tmp_path / "a.jsonl"
    texts(record(declarai.offline(), tape), "a", "b")
    script = Script(tape)
    texts(declarai.offline(script), "a")
    with pytest.raises(AssertionError, match="^replies that were not used: line 2"):
        script.assert_complete()

    Script(lambda _: "one").assert_complete()
    Script().assert_complete()


def test_threads_that_share_a_list_of_replies_get_each_of_them_once() -> None:
    ask = asker(declarai.offline([str(number) for number in range(200)]))
    answers: list[str] = []
    threads = [threading.Thread(target=lambda: answers.extend(ask("a") for _ in range(25))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(int, answers)) == list(range(200))


def test_it_logs_once_that_it_is_not_a_language_model(caplog: pytest.LogCaptureFixture) -> None:
    model = declarai.offline(["given"])
    with caplog.at_level(logging.WARNING, "declarai_like"):
        texts(model, "a")
        assert not caplog.records
        texts(model, "b", "c")
    (message,) = caplog.messages
    assert "the offline model is not a language model" in message


def test_its_docstring_has_that_it_is_not_a_language_model() -> None:
    assert "not a language model" in str(declarai.offline.__doc__)


REPLIES = [
    "one two three",
    Reply(chunks=["Av", "engers"], reasoning="hm, hm"),
    Reply("half", finish_reason="length"),
    Reply("x", usage=Usage(1, 2, 42)),
    Reply("beside it", tool_calls=[("look", {"at": [1, 2]})]),
    [1, 2],
    "日本語 \u2028 ok",
]


@pytest.mark.parametrize("streaming", [True, False])
def test_responses_in_process_are_those_over_http(streaming: bool) -> None:
    def answers(model: Any) -> list[Any]:
        ask = asker(model, streaming=streaming)
        return [
            [chunk.raw_response for chunk in ask("why?")] if streaming else (ask("why?"), ask.llm_response.raw_response)
            for _ in REPLIES
        ]

    with LoopbackServer(REPLIES) as server:
        over_http = answers(declarai.openai("offline", base_url=server.url))
    assert answers(declarai.offline(REPLIES)) == over_http
