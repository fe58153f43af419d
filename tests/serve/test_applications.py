"""Applications over HTTP: each session has its own state, continues where it stopped, and can be stopped."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import Header

import declarai_like as declarai
from declarai_like import serve
from declarai_like.app import Application, ApplicationBuilder, State, action, streaming_action
from declarai_like.app.persistence import SQLitePersister
from declarai_like.errors import ConfigurationError, GraphError
from declarai_like.testing import Fault
from tests.serve.serving import Client, Speaker, Start, names, text, wait_until
from tests.serve.serving import serving as serving
from tests.serve.serving import speaker as speaker


@action(reads=[], writes=["prompt", "history"])
def prompt(state: State, prompt: str) -> State:
    return state.update(prompt=prompt).append(history=f"user: {prompt}")


def builder(model: Any) -> ApplicationBuilder:
    """Return a chatbot, which takes a prompt and answers it."""

    @model.task(streaming=True)
    def say(prompt: str) -> str:
        """Answer the prompt"""

    @streaming_action(reads=["prompt"], writes=["history"])
    async def answer(state: State) -> Any:
        stream = say(state["prompt"])
        async for delta in stream.deltas():
            yield {"delta": delta}
        yield {"response": stream.response}, state.append(history=f"bot: {stream.response}")

    return (
        ApplicationBuilder()
        .with_actions(prompt=prompt, answer=answer)
        .with_transitions(("prompt", "answer"), ("answer", "prompt"))
        .with_entrypoint("prompt")
        .with_state(history=[], secret="s3cret")
    )


def bot(model: Any, **settings: Any) -> Any:
    return serve.application(builder(model).build(), name="bot", **settings)


def offline(*replies: Any) -> Any:
    return declarai.offline([*replies])


def ask(client: Client, prompt: str, session: str = "ann") -> Any:
    return client.answer("bot", {"inputs": {"prompt": prompt}, "session": session})


def state_of(client: Client, session: str = "ann") -> Any:
    return client.session("bot", session)["state"]


# Answers


def test_items_of_its_actions_are_sent_and_each_step_shows_the_state_after_it(serving: Start) -> None:
    answer = ask(serving(bot(offline("It is well."))), "How is it?")
    assert names(answer.events) == ["start", "state", "delta", "delta", "delta", "state", "done"]
    assert answer.events[0].data == {"stream": answer.stream, "session": "ann"}
    assert answer.events[1].data["action"] == "prompt"
    assert answer.events[1].data["state"]["history"] == ["user: How is it?"]
    assert answer.events[2].data == {"delta": "It", "action": "answer"}
    assert answer.events[5].data["action"] == "answer"
    assert answer.events[5].data["state"]["history"] == ["user: How is it?", "bot: It is well."]
    done = answer.events[6].data
    assert done["response"] == "It is well."
    assert done["usage"]["total_tokens"] > 0
    assert [event.id for event in answer.events] == list(range(1, 8))


def test_a_session_continues_with_its_state(serving: Start) -> None:
    server = serving(bot(offline("one", "two")))
    ask(server, "first")
    ask(server, "second")
    assert state_of(server)["history"] == ["user: first", "bot: one", "user: second", "bot: two"]
    assert server.session("bot", "ann")["next"] == "prompt"
    assert server.session("bot", "ann")["stream"] is None


def test_each_session_has_its_own_state(serving: Start) -> None:
    server = serving(bot(offline("one", "two")))
    ask(server, "I am ann", "ann")
    ask(server, "I am bob", "bob")
    assert state_of(server, "ann")["history"] == ["user: I am ann", "bot: one"]
    assert state_of(server, "bob")["history"] == ["user: I am bob", "bot: two"]
    assert state_of(server, "cid")["history"] == []


def test_an_application_without_settings_is_served_as_application(serving: Start) -> None:
    server = serving(builder(offline("well")).build())
    answer = server.answer("application", {"inputs": {"prompt": "hi"}})
    assert answer.events[-1].data["response"] == "well"
    assert len(answer.events[0].data["session"]) >= 20


def test_items_without_text_are_items_with_their_action(serving: Start) -> None:
    @streaming_action(reads=[], writes=["n"])
    async def count(state: State) -> Any:
        yield {"n": 1}
        yield {"delta": ""}
        yield {"n": 2, "delta": None}
        yield {"delta": "three"}
        yield {"delta": "four"}
        yield {"n": 2}, state.update(n=2)

    app = ApplicationBuilder().with_actions(count=count).with_entrypoint("count").build()
    answer = serving(serve.application(app, name="counter")).answer("counter")
    assert names(answer.events) == ["start", "item", "item", "delta", "delta", "state", "done"]
    assert answer.events[1].data == {"index": 0, "value": {"n": 1}, "action": "count"}
    assert answer.events[2].data == {"index": 1, "value": {"n": 2, "delta": None}, "action": "count"}
    assert text(answer.events) == "threefour" == answer.events[-1].data["response"]


def test_an_answer_ends_after_the_actions_of_halt_after(serving: Start) -> None:
    @action(reads=[], writes=["n"])
    def one(state: State) -> State:
        return state.update(n=1)

    @action(reads=[], writes=["n"])
    def two(state: State) -> State:
        return state.update(n=2)

    app = ApplicationBuilder().with_actions(one=one, two=two).with_entrypoint("one")
    app = app.with_transitions(("one", "two"), ("two", "one"))
    server = serving(serve.application(app.build(), name="steps", halt_after=["one"]))
    body = {"session": "ann"}
    actions = [
        [event.data["action"] for event in server.answer("steps", body).events if event.name == "state"]
        for _ in range(2)
    ]
    assert actions == [["one"], ["two", "one"]]


def test_a_request_to_an_application_that_has_ended_is_refused(serving: Start) -> None:
    @action(reads=[], writes=["n"])
    def one(state: State) -> State:
        return state.update(n=1)

    server = serving(
        serve.application(ApplicationBuilder().with_actions(one=one).with_entrypoint("one").build(), name="a")
    )
    assert server.answer("a", {"session": "ann"}).events[-1].name == "done"
    assert server.session("a", "ann")["next"] is None
    refused = server.post("/a", json={"session": "ann"})
    assert refused.status_code == 422
    message = "the application of this session has ended; start a new session"
    assert refused.json()["detail"] == {"type": "InvalidRequest", "message": message}


def test_only_the_keys_of_shows_are_shown(serving: Start) -> None:
    server = serving(bot(offline("well"), shows=["history"]))
    answer = ask(server, "hi")
    states = [event.data["state"] for event in answer.events if event.name == "state"]
    assert [set(state) for state in states] == [{"history"}, {"history"}]
    assert set(state_of(server)) == {"history"}
    assert b"s3cret" not in answer.body
    assert "s3cret" not in server.get("/bot/ann").text


def test_values_of_a_state_that_json_cannot_express_are_shown_as_str(serving: Start) -> None:
    class Odd:
        def __str__(self) -> str:
            return "odd"

        def __deepcopy__(self, memo: Any) -> Any:
            return self

    app = builder(offline("well")).with_state(odd=Odd()).build()
    server = serving(serve.application(app, name="bot"))
    assert ask(server, "hi").events[1].data["state"]["odd"] == "odd"
    shown = server.get("/bot/ann")
    assert shown.status_code == 200
    assert shown.json()["state"]["odd"] == "odd"


# Inputs


def test_inputs_that_are_missing_are_named(serving: Start) -> None:
    server = serving(bot(offline("never")))
    for body in ({}, {"inputs": {}}, {"session": "ann"}):
        refused = server.post("/bot", json=body)
        assert refused.status_code == 422
        message = "the next action 'prompt' requires the inputs 'prompt'"
        assert refused.json()["detail"] == {"type": "InvalidRequest", "message": message}


def test_inputs_that_no_action_takes_are_refused(serving: Start) -> None:
    server = serving(bot(offline("never")))
    refused = server.post("/bot", json={"inputs": {"promt": "hi"}})
    assert refused.status_code == 422
    assert refused.json()["detail"][0]["loc"] == ["body", "inputs", "promt"]


def test_an_input_of_a_wrong_type_is_refused(serving: Start) -> None:
    server = serving(bot(offline("never")))
    assert server.post("/bot", json={"inputs": "hi"}).status_code == 422
    assert server.post("/bot", json={"inputs": ["hi"]}).status_code == 422


# Errors, and going on


def test_an_error_in_an_action_ends_the_answer_and_without_inputs_it_continues_there(serving: Start) -> None:
    server = serving(bot(offline(Fault(400), "at last")))
    failed = ask(server, "hi")
    assert names(failed.events) == ["start", "state", "error"]
    assert server.session("bot", "ann")["next"] == "answer"
    assert state_of(server)["history"] == ["user: hi"]
    answer = server.answer("bot", {"session": "ann"})
    assert names(answer.events) == ["start", "delta", "delta", "state", "done"]
    assert answer.events[-1].data["response"] == "at last"
    assert state_of(server)["history"] == ["user: hi", "bot: at last"]


def test_new_inputs_after_an_error_start_at_the_entrypoint_and_never_answer_the_old_prompt(serving: Start) -> None:
    prompts: list[str] = []

    def reply(messages: Any) -> Any:
        prompts.append(messages[-1]["content"])
        return Fault(400) if len(prompts) == 1 else "well"

    server = serving(bot(declarai.offline(reply)))
    assert ask(server, "the old one").events[-1].name == "error"
    answer = ask(server, "the new one")
    assert answer.events[-1].name == "done"
    assert len(prompts) == 2
    assert "the new one" in prompts[1]
    assert "the old one" not in prompts[1]
    assert state_of(server)["prompt"] == "the new one"


def test_new_inputs_after_a_disconnect_start_at_the_entrypoint(serving: Start, speaker: Speaker) -> None:
    server = serving(bot(speaker.model), grace=0)
    with server.ask("bot", {"inputs": {"prompt": "the old one"}, "session": "ann"}) as answer:
        speaker.say("Well")
        answer.until("delta")
    assert speaker.last.left.wait(5)
    wait_until(lambda: server.session("bot", "ann")["stream"] is None)
    with server.ask("bot", {"inputs": {"prompt": "the new one"}, "session": "ann"}) as answer:
        answer.until("state")
        wait_until(lambda: len(speaker.server.exchanges) == 2)
        assert "the new one" in speaker.last_message()
        assert "the old one" not in speaker.last_message()
        speaker.say("yes")
        speaker.end()
        assert answer.read()[-1].data["response"] == "yes"


def test_without_inputs_an_abandoned_answer_is_run_again(serving: Start, speaker: Speaker) -> None:
    server = serving(bot(speaker.model), grace=0)
    with server.ask("bot", {"inputs": {"prompt": "hi"}, "session": "ann"}) as answer:
        speaker.say("Well")
        answer.until("delta")
    assert speaker.last.left.wait(5)
    wait_until(lambda: server.session("bot", "ann")["stream"] is None)
    assert server.session("bot", "ann")["next"] == "answer"
    with server.ask("bot", {"session": "ann"}) as answer:
        speaker.say("yes")
        speaker.end()
        assert answer.read()[-1].data["response"] == "yes"
    assert state_of(server)["history"] == ["user: hi", "bot: yes"]


def test_a_refused_request_changes_nothing(serving: Start) -> None:
    failures = [ValueError("once")]

    @action(reads=[], writes=["prompt"])
    def take(state: State, prompt: str, tone: str) -> State:
        return state.update(prompt=prompt)

    @action(reads=["prompt"], writes=["text"])
    def say(state: State) -> State:
        if failures:
            raise failures.pop()
        return state.update(text=state["prompt"])

    app = ApplicationBuilder().with_actions(take=take, say=say).with_transitions(("take", "say"), ("say", "take"))
    server = serving(serve.application(app.with_entrypoint("take").build(), name="a"))
    inputs = {"prompt": "hi", "tone": "dry"}
    assert server.answer("a", {"inputs": inputs, "session": "ann"}).events[-1].name == "error"
    assert server.session("a", "ann")["next"] == "say"
    assert server.post("/a", json={"inputs": {"prompt": "again"}, "session": "ann"}).status_code == 422
    assert server.session("a", "ann")["next"] == "say"
    assert server.answer("a", {"session": "ann"}).events[-1].name == "done"


def test_an_error_in_an_action_leaks_nothing(serving: Start, caplog: pytest.LogCaptureFixture) -> None:
    @action(reads=[], writes=["n"])
    def fail(state: State) -> State:
        raise ValueError("secret-password")

    app = ApplicationBuilder().with_actions(fail=fail).with_entrypoint("fail").build()
    answer = serving(serve.application(app, name="a")).answer("a")
    assert answer.events[-1].name == "error"
    assert b"secret" not in answer.body
    assert "secret-password" in caplog.text


def test_a_busy_session_refuses_a_second_request(serving: Start, speaker: Speaker) -> None:
    server = serving(bot(speaker.model))
    with server.ask("bot", {"inputs": {"prompt": "hi"}, "session": "ann"}) as answer:
        answer.until("state")
        refused = server.post("/bot", json={"inputs": {"prompt": "again"}, "session": "ann"})
        assert refused.status_code == 409
        detail = {
            "type": "SessionBusy",
            "message": f"the session is busy with another answer (stream {answer.stream}); follow it or stop it",
            "stream": answer.stream,
        }
        assert refused.json()["detail"] == detail
        assert server.session("bot", "ann")["stream"] == answer.stream
        speaker.say("well")
        speaker.end()
        assert answer.read()[-1].name == "done"
    assert state_of(server)["history"] == ["user: hi", "bot: well"]


# Stopping


def test_when_it_is_stopped_its_action_ends_with_the_text_so_far_and_the_state_is_kept(
    serving: Start, speaker: Speaker
) -> None:
    server = serving(bot(speaker.model))
    with server.ask("bot", {"inputs": {"prompt": "hi"}, "session": "ann"}) as answer:
        speaker.say("Well", ", I")
        answer.until("delta", 2)
        assert server.stop(answer.stream).status_code == 202
        last = answer.read()[-1]
    assert names(answer.events) == ["start", "state", "delta", "delta", "state", "stopped"]
    assert last.data["response"] == "Well, I"
    assert last.data["usage"]["estimated"] is True
    assert answer.events[-2].data["state"]["history"] == ["user: hi", "bot: Well, I"]
    assert speaker.last.left.wait(5)
    assert state_of(server)["history"] == ["user: hi", "bot: Well, I"]
    assert server.session("bot", "ann")["next"] == "prompt"
    with server.ask("bot", {"inputs": {"prompt": "more"}, "session": "ann"}) as answer:
        speaker.say("yes")
        speaker.end()
        assert answer.read()[-1].data["response"] == "yes"


def test_a_stop_also_ends_an_application_that_never_halts(serving: Start, speaker: Speaker) -> None:
    @speaker.model.task(streaming=True)
    def say() -> str:
        """Describe it"""

    @streaming_action(reads=[], writes=["text"])
    async def talk(state: State) -> Any:
        stream = say()
        async for delta in stream.deltas():
            yield {"delta": delta}
        yield {}, state.append(text=stream.response)

    app = ApplicationBuilder().with_actions(talk=talk).with_transitions(("talk", "talk")).with_entrypoint("talk")
    server = serving(serve.application(app.with_state(text=[]).build(), name="talker"))
    with server.ask("talker", {"session": "ann"}) as answer:
        speaker.say("one")
        speaker.end()
        answer.until("state")
        speaker.say("two")
        answer.until("delta")
        server.stop(answer.stream)
        assert names(answer.read()) == ["start", "delta", "state", "delta", "state", "stopped"]
    assert answer.events[-1].data["response"] == "onetwo"
    assert server.session("talker", "ann")["state"]["text"] == ["one", "two"]
    assert len(speaker.server.exchanges) == 2


def test_an_action_that_yields_a_stream_streams_its_text(serving: Start) -> None:
    @offline("It is well.").task(streaming=True)
    def say() -> str:
        """Describe it"""

    @streaming_action(reads=[], writes=["text"])
    async def talk(state: State) -> Any:
        text = yield say()
        yield {"text": text}, state.update(text=text)

    app = ApplicationBuilder().with_actions(talk=talk).with_entrypoint("talk").build()
    answer = serving(serve.application(app, name="talker")).answer("talker")
    assert names(answer.events) == ["start", "delta", "delta", "delta", "state", "done"]
    assert text(answer.events) == "It is well." == answer.events[-1].data["response"]


def test_an_application_without_text_has_the_result_of_its_last_action(serving: Start) -> None:
    @action(reads=[], writes=["n"])
    def count(state: State) -> tuple[dict[str, int], State]:
        return {"n": 7}, state.update(n=7)

    app = ApplicationBuilder().with_actions(count=count).with_entrypoint("count").build()
    answer = serving(serve.application(app, name="counter")).answer("counter")
    assert names(answer.events) == ["start", "state", "done"]
    assert answer.events[-1].data["result"] == {"n": 7}


def test_an_action_that_yields_a_stream_is_stopped_as_well(serving: Start, speaker: Speaker) -> None:
    @speaker.model.task(streaming=True)
    def say() -> str:
        """Describe it"""

    @streaming_action(reads=[], writes=["text"])
    def talk(state: State) -> Any:
        text = yield say()
        yield {"text": text}, state.update(text=text)

    app = ApplicationBuilder().with_actions(talk=talk).with_entrypoint("talk").build()
    server = serving(serve.application(app, name="talker"))
    with server.ask("talker", {"session": "ann"}) as answer:
        speaker.say("one")
        wait_until(lambda: speaker.waiting == 0)
        answer.until("delta")
        server.stop(answer.stream)
        last = answer.read()[-1]
    assert (last.name, last.data["response"]) == ("stopped", "one")
    assert speaker.last.left.wait(5)


def test_an_action_that_does_not_stream_is_stopped_too(serving: Start) -> None:
    begun: list[int] = []

    @action(reads=[], writes=["n"])
    async def wait(state: State) -> State:
        begun.append(1)
        await asyncio.sleep(60)
        return state

    app = ApplicationBuilder().with_actions(wait=wait).with_entrypoint("wait").build()
    server = serving(serve.application(app, name="waiter"))
    with server.ask("waiter", {"session": "ann"}) as answer:
        answer.until("start")
        wait_until(lambda: begun)
        assert server.stop(answer.stream).status_code == 202
        assert names(answer.read()) == ["start", "stopped"]
    assert server.session("waiter", "ann")["stream"] is None


# Persistence of states


def test_states_in_sqlite_outlive_the_server(serving: Start, tmp_path: Path) -> None:
    first = serving(kept_builder(offline("one", "two"), tmp_path))
    ask(first, "I am ann", "ann")
    ask(first, "I am bob", "bob")
    first.stop_serving()
    again = serving(kept_builder(offline("three"), tmp_path))
    assert state_of(again, "ann")["history"] == ["user: I am ann", "bot: one"]
    assert ask(again, "And now?", "ann").events[-1].data["response"] == "three"
    assert state_of(again, "ann")["history"][2:] == ["user: And now?", "bot: three"]


def test_an_answer_that_failed_before_a_restart_can_be_run_again_after_it(serving: Start, tmp_path: Path) -> None:
    first = serving(kept_builder(offline(Fault(400)), tmp_path))
    assert ask(first, "hi").events[-1].name == "error"
    first.stop_serving()
    again = serving(kept_builder(offline("at last"), tmp_path))
    assert again.session("bot", "ann")["next"] == "answer"
    assert again.answer("bot", {"session": "ann"}).events[-1].data["response"] == "at last"
    assert state_of(again)["history"] == ["user: hi", "bot: at last"]


def test_a_stopped_answer_is_saved(serving: Start, speaker: Speaker, tmp_path: Path) -> None:
    first = serving(kept_builder(speaker.model, tmp_path))
    with first.ask("bot", {"inputs": {"prompt": "hi"}, "session": "ann"}) as answer:
        speaker.say("Well")
        answer.until("delta")
        first.stop(answer.stream)
        answer.read()
    first.stop_serving()
    again = serving(kept_builder(offline(), tmp_path))
    assert state_of(again)["history"] == ["user: hi", "bot: Well"]
    assert again.session("bot", "ann")["next"] == "prompt"


def kept_builder(model: Any, folder: Path) -> Any:
    """Serve a chatbot whose states are kept in a file."""
    persister = SQLitePersister(folder / "states.db")
    unbuilt = ApplicationBuilder().with_graph(builder(model).graph())
    unbuilt = unbuilt.initialize_from(persister, default_state={"history": []}, default_entrypoint="prompt")
    return serve.application(unbuilt.with_state_persister(persister), name="bot")


@pytest.mark.parametrize("is_async", [False, True])
def test_a_function_may_return_the_application_of_a_session(serving: Start, is_async: bool) -> None:
    apps: dict[str, Application] = {}

    def make(session: str) -> Application:
        return apps.setdefault(session, builder(offline("well")).with_identifiers(app_id=session).build())

    async def make_later(session: str) -> Application:
        return make(session)

    server = serving(serve.application(make_later if is_async else make, name="bot"))
    ask(server, "hi")
    assert apps["ann"].state["history"] == ["user: hi", "bot: well"]
    assert server.post("/bot", json={"inputs": {"prompt": "hi"}, "session": "a b"}).status_code == 422


def test_the_least_recently_used_session_is_dropped_when_there_are_too_many(serving: Start) -> None:
    server = serving(bot(declarai.offline(lambda _: "well")), limits=serve.Limits(sessions=2))
    for session in ("ann", "bob", "ann", "cid"):
        ask(server, "hi", session)
    assert len(state_of(server, "ann")["history"]) == 4
    assert len(state_of(server, "cid")["history"]) == 2
    assert state_of(server, "bob")["history"] == []


def test_reading_new_sessions_drops_no_other(serving: Start) -> None:
    server = serving(bot(offline("well")), limits=serve.Limits(sessions=3))
    ask(server, "hi")
    for number in range(10):
        server.session("bot", f"nobody-{number}")
    assert state_of(server)["history"] == ["user: hi", "bot: well"]


def test_a_session_is_a_copy_at_the_position_of_the_application(serving: Start) -> None:
    app = builder(offline("one", "two")).build()
    asyncio.run(app.arun(halt_after="answer", inputs={"prompt": "first"}))
    server = serving(serve.application(app, name="bot"))
    assert ask(server, "second").events[-1].data["response"] == "two"
    assert state_of(server)["history"] == ["user: first", "bot: one", "user: second", "bot: two"]
    assert app.state["history"] == ["user: first", "bot: one"]
    copied = app.copy("other")
    assert (copied.uid, copied.sequence_id, copied.prior_step) == ("other", app.sequence_id, app.prior_step)
    assert copied.state == app.state


def test_sessions_of_the_same_id_belong_to_different_owners(serving: Start, tmp_path: Path) -> None:
    def caller(authorization: Annotated[str, Header()]) -> str:
        return authorization

    server = serving(kept_builder(declarai.offline(lambda _: "well"), tmp_path), auth=caller)
    ann, bob = server.as_client(authorization="ann"), server.as_client(authorization="bob")
    answer = ask(ann, "my secret", "main")
    assert state_of(bob, "main")["history"] == []
    assert bob.get(f"/streams/{answer.stream}").status_code == 404
    assert state_of(ann, "main")["history"] == ["user: my secret", "bot: well"]


# Wrong settings


def test_a_builder_whose_graph_is_wrong_is_refused_at_once() -> None:
    wrong = ApplicationBuilder().with_actions(prompt=prompt).with_transitions(("prompt", "nowhere"))
    with pytest.raises(GraphError, match="nowhere"):
        serve.router(serve.application(wrong.with_entrypoint("prompt"), name="a"), front_ends=False)


@pytest.mark.parametrize("source", [7, "app", None])
def test_a_source_of_another_type_is_refused(source: Any) -> None:
    with pytest.raises(
        ConfigurationError,
        match=r"^the source of serve\.application\(\) must be an Application, .*, got (int|str|None)$",
    ):
        serve.router(serve.application(source, name="a"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"halt_after": ["nowhere"]},
            r"halt_after: cannot halt at the unknown action 'nowhere'; the actions are 'prompt', 'a",
        ),
        ({"halt_after": 5}, "^halt_after of application 'bot' must be a list of str, got int$"),
        ({"halt_after": [5]}, "^each name in halt_after of application 'bot' must be a str, got int$"),
        ({"shows": 5}, "^shows of application 'bot' must be a list of str, got int$"),
        ({"shows": [5]}, "^each name in shows of application 'bot' must be a str, got int$"),
        (
            {"prompt": "nothing"},
            r"^prompt of application 'bot' must be an input of its actions \('prompt'\), got 'nothing'$",
        ),
        ({"prompt": 5}, "^prompt of application 'bot' must be a str, got int$"),
        ({"adapter": "text"}, "^adapter must be a function of a str, or False, got str$"),
        ({"description": 5}, "^description of application 'bot' must be a str, got int$"),
        ({"name": 5}, "^the name of an endpoint must be a letter or _, .*, got int; .*name="),
    ],
)
def test_a_setting_of_an_application_that_is_wrong_is_named(settings: Any, message: str) -> None:
    sources: list[Any] = [builder(offline()), builder(offline()).build()]
    for source in sources:
        with pytest.raises(ConfigurationError, match=message):
            serve.router(serve.application(source, **{"name": "bot", **settings}))


def test_a_str_in_a_setting_is_one_name(serving: Start) -> None:
    server = serving(bot(offline("well"), halt_after="prompt", shows="prompt"))
    answer = server.answer("bot", {"inputs": {"prompt": "hi"}, "session": "ann"})
    assert names(answer.events) == ["start", "state", "done"]
    assert server.session("bot", "ann")["state"] == {"prompt": "hi"}
