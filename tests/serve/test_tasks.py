"""Tasks over HTTP: the answers that clients get, byte by byte and event by event."""

from __future__ import annotations

import copy
import enum
import json
import re
import time
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from fastapi import FastAPI
from pydantic import BaseModel

import declarai_like as declarai
from declarai_like import serve
from declarai_like.stream import apply_patch
from declarai_like.testing import Fault, LoopbackServer, Raw, Reply
from tests.serve.serving import Speaker, Start, chunk, names, text, usage_chunk, wait_until
from tests.serve.serving import serving as serving
from tests.serve.serving import speaker as speaker

USAGE = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15, "estimated": False}
COUNTED = declarai.Usage(12, 3, 15)


class Hero(BaseModel):
    name: str
    powers: list[str]
    age: int


HULK = {"name": "Hulk", "powers": ["strength", "rage"], "age": 45}
THOR = {"name": "Thor", "powers": ["thunder"], "age": 1500}


def model(*replies: Any, **settings: Any) -> Any:
    return declarai.offline([*replies], **settings)


def say_task(model: Any) -> Any:
    @model.task
    def say(movie: str) -> str:
        """Describe the movie"""

    return say


def hero_task(model: Any) -> Any:
    @model.task
    def hero(movie: str) -> Hero:
        """Name the hero of the movie"""

    return hero


# Texts


def test_a_complete_answer_has_these_bytes_and_headers(serving: Start) -> None:
    reply = Reply(chunks=["Great", " film", " — 日本 \u2028"], usage=COUNTED)
    server = serving(say_task(model(reply, reply)))
    server.answer(
        "say", {"movie": "Thor"}
    )  # the first call imports modules, which may take so long that a usage event is sent
    answer = server.answer("say", {"movie": "Hulk"})
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-accel-buffering"] == "no"
    assert "content-length" not in answer.headers
    stream = answer.stream
    done = {"response": "Great film — 日本 \u2028", "finish_reason": "stop", "usage": USAGE}
    assert answer.body.decode() == (
        f'retry: 1000\nid: 1\nevent: start\ndata: {{"stream":"{stream}"}}\n\n'
        'id: 2\nevent: delta\ndata: {"delta":"Great"}\n\n'
        'id: 3\nevent: delta\ndata: {"delta":" film"}\n\n'
        'id: 4\nevent: delta\ndata: {"delta":" — 日本 \u2028"}\n\n'
        f"id: 5\nevent: done\ndata: {json.dumps(done, ensure_ascii=False, separators=(',', ':'))}\n\n"
    )


def test_a_line_break_in_an_answer_stays_in_one_line_of_data(serving: Start) -> None:
    reply = "one\ntwo\r\nthree\rdata: four\n\nid: 9\n\n"
    answer = serving(say_task(model(Reply(chunks=[reply])))).answer("say", {"movie": "Hulk"})
    assert names(answer.events) == ["start", "delta", "done"]
    assert text(answer.events) == reply
    assert answer.events[-1].data["response"] == reply


def test_answers_stream_even_if_the_task_itself_does_not(serving: Start, speaker: Speaker) -> None:
    @speaker.model.task(streaming=False)
    def say(movie: str) -> str:
        """Describe the movie"""

    with serving(say).ask("say", {"movie": "Hulk"}) as answer:
        for word in ("one", " two"):
            speaker.say(word)  # the next one only after this one has arrived
            assert answer.until("delta")[-1].data == {"delta": word}
        speaker.end()
        assert names(answer.read()) == ["start", "delta", "delta", "done"]


def test_the_plan_of_a_call_can_be_streamed_whatever_the_task_returns() -> None:
    plan = say_task(model("one two")).plan("Hulk")
    assert [chunk.delta for chunk in plan.stream() if chunk.delta] == ["one", " two"]


def test_the_start_event_comes_before_the_first_text_of_the_model(serving: Start, speaker: Speaker) -> None:
    with serving(say_task(speaker.model)).ask("say", {"movie": "Hulk"}) as answer:
        assert names(answer.until("start")) == ["start"]
        speaker.end()
        assert answer.read()[-1].data["response"] == ""


def test_an_answer_that_is_cut_by_its_length_is_done_with_that_finish_reason(serving: Start) -> None:
    say = say_task(model(Reply("too long", finish_reason="length")))
    assert serving(say).answer("say", {"movie": "Hulk"}).events[-1].data["finish_reason"] == "length"


def test_the_arguments_are_validated_as_the_types_of_the_parameters(serving: Start) -> None:
    prompts: list[Any] = []

    class Mood(enum.Enum):
        GLAD = "glad"

    def reply(messages: Any) -> str:
        prompts.append(messages[-1]["content"])
        return "well"

    @declarai.offline(reply).task
    def tell(hero: Hero, mood: Mood, times: int = 2, tone: Literal["dry", "warm"] = "dry") -> str:
        """Describe the hero"""
        return declarai.magic(hero.name, mood.name, times + 1, tone)

    server = serving(tell)
    assert server.answer("tell", {"hero": HULK, "mood": "glad"}).events[-1].name == "done"
    assert "Hulk" in prompts[0]
    for wrong in ({}, {"hero": HULK}, {"hero": HULK, "mood": "sad"}, {"hero": {"name": "Hulk"}, "mood": "glad"}):
        refused = server.post("/tell", json=wrong)
        assert refused.status_code == 422
        assert refused.json()["detail"][0]["loc"][0] == "body"
    assert len(prompts) == 1


def test_an_argument_that_the_task_does_not_have_is_refused(serving: Start) -> None:
    server = serving(say_task(model("never")))
    refused = server.post("/say", json={"movie": "Hulk", "film": "Thor"})
    assert refused.status_code == 422
    assert refused.json()["detail"][0]["loc"] == ["body", "film"]


def test_a_body_that_is_not_an_object_is_refused(serving: Start) -> None:
    server = serving(say_task(model("never")))
    for body in (b"", b"[]", b"{", b"\xff", b"null"):
        refused = server.post("/say", content=body, headers={"content-type": "application/json"})
        assert refused.status_code in (400, 422), body


def test_a_task_can_be_served_under_another_name(serving: Start) -> None:
    server = serving(serve.task(say_task(model("hi")), name="speak-up"))
    assert text(server.answer("speak-up", {"movie": "Hulk"}).events) == "hi"
    assert server.post("/say", json={"movie": "Hulk"}).status_code in (404, 405)


def test_a_parameter_may_have_the_name_of_a_pydantic_method(serving: Start) -> None:
    @declarai.offline(["hi"]).task
    def say(json: str, schema: str, copy: str = "", validate: int = 0) -> str:
        """Describe it"""

    answer = serving(say).answer("say", {"json": "a", "schema": "b", "copy": "c", "validate": 1})
    assert answer.status == 200
    assert text(answer.events) == "hi"


def test_a_parameter_may_be_called_model_config(serving: Start) -> None:
    @declarai.offline(["hi"]).task
    def say(model_config: str) -> str:
        """Describe it"""

    assert text(serving(say).answer("say", {"model_config": "a"}).events) == "hi"


def test_each_task_has_its_own_route(serving: Start) -> None:
    server = serving(say_task(model("hi")), hero_task(model(HULK)))
    assert text(server.answer("say", {"movie": "Hulk"}).events) == "hi"
    assert server.answer("hero", {"movie": "Hulk"}).events[-1].data["result"] == HULK


def test_two_routers_may_be_in_one_app(serving: Start) -> None:
    app = FastAPI()
    app.include_router(serve.router(say_task(model("one"))), prefix="/first")
    server = serving(say_task(model("two")), app=app)
    assert text(server.answer("say", {"movie": "Hulk"}).events) == "two"
    with server.ask("../first/say", {"movie": "Hulk"}) as answer:
        assert text(answer.read()) == "one"


# Typed answers


def test_a_typed_answer_comes_as_snapshots_and_its_result_is_in_done(serving: Start) -> None:
    answer = serving(hero_task(model(HULK))).answer("hero", {"movie": "Hulk"})
    assert set(names(answer.events[1:-1])) == {"partial"}
    values = [event.data["value"] for event in answer.events[1:-1]]
    assert len(values) > 2
    assert values[-1] == HULK
    for before, after in zip(values, values[1:], strict=False):
        assert set(before) <= set(after)
    done = answer.events[-1].data
    assert done["result"] == HULK
    assert json.loads(done["response"]) == HULK


def test_applied_patches_are_equal_to_the_snapshots(serving: Start) -> None:
    reply = Reply(json.dumps(HULK), chunks=list(json.dumps(HULK)))
    server = serving(hero_task(model(reply, reply)))
    snapshots = [event.data["value"] for event in server.answer("hero", {"movie": "Hulk"}).events[1:-1]]
    answer = server.answer("hero", {"movie": "Hulk"}, partials="patch")
    value: Any = None
    values: list[Any] = []
    for event in answer.events[1:-1]:
        assert set(event.data) == {"patch"}
        value = apply_patch(value, event.data["patch"])
        values.append(copy.deepcopy(value))
    changed = [after for before, after in zip([None, *snapshots], snapshots, strict=False) if before != after]
    assert values == changed
    assert value == HULK == answer.events[-1].data["result"]


def test_patches_of_a_long_text_are_little_larger_than_the_text(serving: Start) -> None:
    class Story(BaseModel):
        text: str

    words = [f"word{number} " for number in range(300)]
    encoded = json.dumps({"text": "".join(words)})
    reply = Reply(chunks=['{"text": "', *words, '"}'])

    @declarai.offline([reply, reply]).task
    def story() -> Story:
        """Write a story"""

    server = serving(story)
    patches, snapshots = server.answer("story", partials="patch"), server.answer("story")
    assert snapshots.events[-1].data["result"] == patches.events[-1].data["result"] == json.loads(encoded)
    assert len(patches.body) < len(encoded) * 30 < len(snapshots.body) / 2


def test_another_form_of_partials_is_refused(serving: Start) -> None:
    refused = serving(hero_task(model(HULK))).post("/hero", json={"movie": "Hulk"}, params={"partials": "diff"})
    assert refused.status_code == 422
    assert refused.json()["detail"][0]["loc"] == ["query", "partials"]


def test_a_result_may_be_a_number(serving: Start) -> None:
    @declarai.offline(["42"]).task
    def count(movie: str) -> int:
        """Count the heroes"""

    answer = serving(count).answer("count", {"movie": "Hulk"})
    assert answer.events[-1].name == "done"
    assert answer.events[-1].data["result"] == 42


def test_the_elements_of_an_answer_come_one_by_one_when_they_are_complete(serving: Start, speaker: Speaker) -> None:
    @speaker.model.task
    def heroes(movie: str) -> Iterator[Hero]:
        """Name the heroes of the movie"""

    with serving(heroes).ask("heroes", {"movie": "Avengers"}) as answer:
        first, second = json.dumps(HULK), json.dumps(THOR)
        speaker.say('{"result": [' if "result" in json.dumps(speaker.last.body) else "[", first[:20], first[20:])
        assert answer.until("item")[-1].data == {"index": 0, "value": HULK}
        speaker.say(", ", second)
        assert answer.until("item")[-1].data == {"index": 1, "value": THOR}
        speaker.say("]}" if "result" in json.dumps(speaker.last.body) else "]")
        speaker.end()
        assert names(answer.read()) == ["start", "item", "item", "done"]
        assert answer.events[-1].data["result"] == [HULK, THOR]


def test_an_answer_that_does_not_fit_its_type_is_retried_and_done_once(serving: Start) -> None:
    answer = serving(hero_task(model({"name": "Hulk"}, HULK))).answer("hero", {"movie": "Hulk"})
    assert names(answer.events).count("done") == 1
    assert answer.events[-1].data["result"] == HULK
    assert [event.id for event in answer.events] == list(range(1, len(answer.events) + 1))


def test_an_answer_that_never_fits_is_an_error(serving: Start) -> None:
    @declarai.offline(lambda _: "nothing").task(retries=0)
    def count(movie: str) -> int:
        """Count the heroes"""

    last = serving(count).answer("count", {"movie": "Hulk"}).events[-1]
    assert last.name == "error"
    assert last.data["retryable"] is False
    assert "nothing" not in json.dumps(last.data)


# Providers that fail


CUT = Raw([chunk("Great"), chunk(" film"), 0.01], cut=True)
ENDED = Raw([chunk("Great"), chunk(" film")])


@pytest.mark.parametrize("broken", [CUT, ENDED], ids=["cut", "ended without [DONE]"])
def test_an_answer_that_the_provider_cuts_off_is_an_error_and_never_done(serving: Start, broken: Raw) -> None:
    with LoopbackServer([broken]) as provider:
        say = say_task(declarai.openai("m", base_url=provider.url, api_key="k", max_retries=0))
        answer = serving(say).answer("say", {"movie": "Hulk"})
    assert names(answer.events) == ["start", "delta", "delta", "error"]
    assert text(answer.events) == "Great film"
    assert answer.events[-1].data["retryable"] is True
    assert not answer.was_cut


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (429, "RateLimited", True),
        (500, "ServerError", True),
        (400, "BadRequestError", False),
        (401, "AuthenticationFailed", False),
    ],
)
def test_an_error_of_the_provider_is_an_event_that_says_whether_to_retry(
    serving: Start, status: int, kind: str, retryable: bool
) -> None:
    with LoopbackServer([Fault(status, "the secret account is at fault")]) as provider:
        say = say_task(declarai.openai("m", base_url=provider.url, api_key="k", max_retries=0))
        answer = serving(say).answer("say", {"movie": "Hulk"})
    assert names(answer.events) == ["start", "error"]
    assert answer.events[-1].data["retryable"] is retryable
    assert answer.events[-1].data["type"] in (kind, "InternalError")
    assert b"secret" not in answer.body


def test_an_unreachable_provider_is_an_error(serving: Start) -> None:
    with LoopbackServer() as gone:
        url = gone.url
    say = say_task(declarai.openai("m", base_url=url, api_key="k", max_retries=0))
    answer = serving(say).answer("say", {"movie": "Hulk"})
    assert answer.events[-1].name == "error"
    assert answer.events[-1].data["retryable"] is True
    assert url.encode() not in answer.body


# Heartbeats


def test_heartbeats_are_sent_while_there_are_no_events(serving: Start, speaker: Speaker) -> None:
    with serving(say_task(speaker.model), heartbeat=0.03).ask("say", {"movie": "Hulk"}) as answer:
        speaker.say("one")
        answer.until("delta")
        wait_until(lambda: speaker.last)
        time.sleep(0.15)
        speaker.say(" two")
        speaker.end()
        answer.read()
    assert re.search(rb'data: \{"delta":"one"\}\n\n(:\n\n){2,}id: 3\n', answer.body)
    assert names(answer.events) == ["start", "delta", "delta", "done"]


def test_an_answer_without_a_pause_has_no_heartbeats(serving: Start) -> None:
    assert b"\n:\n" not in serving(say_task(model("one two three"))).answer("say", {"movie": "Hulk"}).body


# Tokens


def test_token_counts_are_sent_while_an_answer_runs_and_at_its_end(serving: Start, speaker: Speaker) -> None:
    with serving(say_task(speaker.model)).ask("say", {"movie": "Hulk"}) as answer:
        speaker.say("one two three four")
        answer.until("delta")
        time.sleep(1.05)
        speaker.say(" five")
        live = answer.until("usage")[-1].data["usage"]
        speaker.end()
        last = answer.read()[-1].data["usage"]
    assert live["estimated"] is True
    assert live["completion_tokens"] > 0 < live["prompt_tokens"]
    assert live["total_tokens"] == live["completion_tokens"] + live["prompt_tokens"]
    assert last == {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7, "estimated": False}


def test_token_counts_without_a_report_of_the_provider_are_marked_as_estimated(serving: Start) -> None:
    with LoopbackServer([Raw([chunk("Great film"), chunk(finish_reason="stop"), b"data: [DONE]\n\n"])]) as provider:
        say = say_task(declarai.openai("m", base_url=provider.url, api_key="k"))
        usage = serving(say).answer("say", {"movie": "Hulk"}).events[-1].data["usage"]
    assert usage["estimated"] is True
    assert usage["completion_tokens"] > 0 < usage["prompt_tokens"]


def test_tokens_of_all_attempts_are_counted(serving: Start) -> None:
    replies = [Raw([chunk("no number"), chunk(finish_reason="stop"), usage_chunk(10, 2), b"data: [DONE]\n\n"])]
    replies += [Raw([chunk("42"), chunk(finish_reason="stop"), usage_chunk(20, 1), b"data: [DONE]\n\n"])]
    with LoopbackServer(replies) as provider:

        @declarai.openai("m", base_url=provider.url, api_key="k").task(output="prompt", retries=1)
        def count(movie: str) -> int:
            """Count the heroes"""

        done = serving(count).answer("count", {"movie": "Hulk"}).events[-1]
    assert done.data["result"] == 42
    assert done.data["usage"]["total_tokens"] == 33


# Stopping


def test_a_stopped_task_ends_with_its_text_so_far(serving: Start, speaker: Speaker) -> None:
    server = serving(say_task(speaker.model))
    with server.ask("say", {"movie": "Hulk"}) as answer:
        speaker.say("one", " two")
        answer.until("delta", 2)
        stopped = server.stop(answer.stream)
        assert stopped.status_code == 202
        assert stopped.json() == {"stream": answer.stream}
        last = answer.read()[-1]
    assert names(answer.events) == ["start", "delta", "delta", "stopped"]
    assert last.data["response"] == "one two"
    assert last.data["usage"]["estimated"] is True
    assert not answer.was_cut
    assert speaker.last.left.wait(5), "the model's connection is closed"


def test_a_task_can_be_stopped_before_its_first_text(serving: Start, speaker: Speaker) -> None:
    server = serving(say_task(speaker.model))
    with server.ask("say", {"movie": "Hulk"}) as answer:
        assert speaker.last
        assert server.stop(answer.stream).status_code == 202
        assert names(answer.read()) == ["start", "stopped"]
    assert answer.events[-1].data["response"] == ""
    assert speaker.last.left.wait(5)


def test_a_task_can_be_stopped_while_it_waits_for_a_retry(serving: Start) -> None:
    busy = Fault(429, headers={"retry-after": "30"})
    with LoopbackServer(lambda _: busy) as provider:
        server = serving(say_task(declarai.openai("m", base_url=provider.url, api_key="k")))
        with server.ask("say", {"movie": "Hulk"}) as answer:
            answer.until("start")
            wait_until(lambda: provider.exchanges)
            assert server.stop(answer.stream).status_code == 202
            assert names(answer.read()) == ["start", "stopped"]
        assert len(provider.exchanges) == 1


def test_a_task_can_be_stopped_before_the_provider_has_answered(serving: Start) -> None:
    with LoopbackServer([Reply("late", first_delay=30)]) as provider:
        server = serving(say_task(declarai.openai("m", base_url=provider.url, api_key="k")))
        with server.ask("say", {"movie": "Hulk"}) as answer:
            answer.until("start")
            wait_until(lambda: provider.exchanges)
            assert server.stop(answer.stream).status_code == 202
            assert names(answer.read()) == ["start", "stopped"]
        assert provider.exchanges[0].left.wait(5)


def test_a_stopped_typed_task_has_no_result(serving: Start, speaker: Speaker) -> None:
    server = serving(hero_task(speaker.model))
    with server.ask("hero", {"movie": "Hulk"}) as answer:
        speaker.say('{"name": "Hul')
        answer.until("partial")
        server.stop(answer.stream)
        last = answer.read()[-1]
    assert last.name == "stopped"
    assert "result" not in last.data
    assert last.data["response"] == '{"name": "Hul'


def test_a_stream_can_be_stopped_twice(serving: Start, speaker: Speaker) -> None:
    server = serving(say_task(speaker.model))
    with server.ask("say", {"movie": "Hulk"}) as answer:
        speaker.say("one")
        answer.until("delta")
        assert [server.stop(answer.stream).status_code for _ in range(3)] == [202, 202, 202]
        answer.read()
    assert server.stop(answer.stream).status_code == 202
    assert names(server.followed(answer.stream).events) == ["start", "delta", "stopped"]


def test_stopping_a_finished_answer_changes_nothing(serving: Start) -> None:
    server = serving(say_task(model("one two")))
    complete = server.answer("say", {"movie": "Hulk"})
    assert server.stop(complete.stream).status_code == 202
    assert server.followed(complete.stream).body == complete.body


def test_an_unknown_stream_cannot_be_stopped(serving: Start) -> None:
    unknown = serving(say_task(model("one"))).stop("nothing")
    assert unknown.status_code == 404
    assert unknown.json()["detail"]["type"] == "UnknownStream"
