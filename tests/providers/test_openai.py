"""The OpenAI provider as two pure functions, and the dialects of servers that implement its API."""

from __future__ import annotations

import json
from typing import Any

import pytest

import declarai_like as declarai
from declarai_like._net.sse import ServerSentEvent
from declarai_like.messages import Delta, Message, ToolCallDelta, Usage
from declarai_like.providers import Question
from declarai_like.providers.openai import OpenAIProvider
from declarai_like.testing import Raw


def read(body: Any) -> list[Delta]:
    return list(OpenAIProvider().deltas(ServerSentEvent(json.dumps(body).encode())))


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {"model": "m-1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}


def test_a_request_depends_on_the_question_only() -> None:
    params = {"temperature": 0}
    question = Question("m", (Message("system", "be brief"), Message("user", "hi")), params, stream=True)
    request = OpenAIProvider().request(question)
    assert request.endpoint == "chat/completions"
    assert request.body == {
        "model": "m",
        "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0,
    }
    assert params == {"temperature": 0}
    assert request == OpenAIProvider().request(question)


def test_usage_is_requested_for_streams_unless_it_is_turned_off(serve: Any) -> None:
    server = serve(["x"] * 3)

    def say(movie: str) -> str:
        """Describe the movie"""

    declarai.openai("m", base_url=server.url).task(say)("x")
    declarai.openai("m", base_url=server.url).task(streaming=True)(say)("x").result()
    declarai.openai("m", base_url=server.url, include_usage=False).task(streaming=True)(say)("x").result()
    assert ["stream_options" in exchange.body for exchange in server.exchanges] == [False, True, False]


def test_text_reasoning_and_refusal() -> None:
    assert read(chunk({"content": "a"}))[0].text == "a"
    assert read(chunk({"reasoning_content": "a"}))[0].reasoning == "a"
    assert read(chunk({"reasoning": "a", "content": None}))[0].reasoning == "a"
    assert read(chunk({"refusal": "no"}))[0].refusal == "no"
    assert read(chunk({"content": "a"}))[0].tool_calls == ()


def test_the_parts_of_tool_calls_have_the_index_of_their_call() -> None:
    head = {"index": 1, "id": "call_1", "type": "function", "function": {"name": "look", "arguments": ""}}
    later = {"index": 1, "function": {"arguments": '{"a"'}}
    assert read(chunk({"tool_calls": [head]}))[0].tool_calls == (ToolCallDelta(1, "call_1", "look"),)
    assert read(chunk({"tool_calls": [later]}))[0].tool_calls == (ToolCallDelta(1, arguments='{"a"'),)


def test_the_tool_calls_of_a_response_that_is_not_streamed() -> None:
    """They do not have an index, and an unknown kind of call is accepted."""
    calls = [{"id": "a", "function": {"name": "look", "arguments": "{}"}}, {"id": "b", "custom": {"input": "x"}}]
    (delta,) = read({"choices": [{"index": 0, "message": {"content": None, "tool_calls": calls}}]})
    assert delta.tool_calls == (ToolCallDelta(0, "a", "look", "{}"), ToolCallDelta(1, "b"))


def test_the_end_marker_and_the_finish_reason() -> None:
    (delta,) = OpenAIProvider().deltas(ServerSentEvent(b"[DONE]"))
    assert delta.end
    assert not delta.shown
    assert read(chunk({}, "stop"))[0].finish_reason == "stop"


def test_usage_may_be_in_a_separate_event_or_in_others() -> None:
    counts = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    (alone,) = read({"choices": [], "usage": counts})
    assert (alone.shown, alone.usage) == (False, Usage(3, 2, 5))
    assert read(chunk({"content": "a"}, usage=counts))[0].usage == Usage(3, 2, 5)
    assert read(chunk({"content": "a"}, usage=None))[0].usage is None
    assert read({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": None}})[0].usage == Usage(3, 0, 3)


def test_choices_after_the_first_are_ignored() -> None:
    assert read({"choices": [{"index": 1, "delta": {"content": "other"}}]}) == []


DIALECTS = {
    "Azure begins with filter results": [
        {"choices": [], "prompt_filter_results": [{"prompt_index": 0}]},
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "one"}),
        chunk({}, "stop"),
        {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}},
    ],
    "the finish comes with text, and usage on each chunk": [
        chunk({"role": "assistant", "content": "o"}, usage={"prompt_tokens": 1, "completion_tokens": 0}),
        chunk({"content": "ne"}, "stop", usage={"prompt_tokens": 1, "completion_tokens": 1}),
    ],
    "no role, null contents, usage with the finish": [
        chunk({"content": None}),
        chunk({"content": "one", "role": None}),
        chunk({"content": None}, "stop", usage={"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}),
    ],
    "the role in each chunk": [
        chunk({"role": "assistant", "content": "on"}),
        chunk({"role": "assistant", "content": "e"}),
        chunk({"role": "assistant", "content": ""}, "stop"),
        {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}},
    ],
}


@pytest.mark.parametrize("name", DIALECTS)
def test_the_text_finish_reason_and_usage_of_each_dialect(name: str) -> None:
    pieces = [b"data: " + json.dumps(body).encode() + b"\n\n" for body in DIALECTS[name]]
    model = declarai.offline([Raw([*pieces, b"data: [DONE]\n\n"])])

    @model.task(streaming=True)
    def say(movie: str) -> str:
        """Describe the movie"""

    stream = say("x")
    chunks = list(stream)
    assert "".join(chunk.delta for chunk in chunks) == chunks[-1].response == stream.result() == "one"
    assert chunks[-1].finish_reason == "stop"
    assert stream.usage == Usage(1, 1, 2 if "each chunk" not in name else 2)
    assert chunks[-1].model == "m-1"
    assert all(chunk.raw_response["choices"][0]["delta"] is not None for chunk in chunks)


def test_json_that_only_the_slow_parser_accepts() -> None:
    raw = b'{"choices":[{"index":0,"delta":{"content":"\\ud83d"}}],"n":' + b"1" * 30 + b"}"
    (delta,) = OpenAIProvider().deltas(ServerSentEvent(raw))
    assert delta.text == "\ud83d"
