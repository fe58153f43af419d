"""The description of the API: what is sent and what comes is in it, with its types."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, Literal

import jsonschema
import pytest
from fastapi import FastAPI
from pydantic import BaseModel

import declarai_like as declarai
from declarai_like import serve
from declarai_like.app import ApplicationBuilder, State, action
from tests.serve.serving import Start, names
from tests.serve.serving import serving as serving


class Hero(BaseModel):
    name: str
    age: int


HULK = {"name": "Hulk", "age": 45}
model = declarai.offline(lambda _: HULK)


@model.task
def hero(movie: str, tone: Literal["dry", "warm"] = "dry") -> Hero:
    """Name the hero of the movie

    This is for the model alone.
    """


@declarai.offline(lambda _: "well").task
def say(movie: str) -> str:
    """Say something"""


@declarai.offline(lambda _: [HULK]).task
def heroes(movie: str) -> Iterator[Hero]:
    """Name the heroes"""


@declarai.offline(lambda _: "well").chat
class Bot:
    """Be kind."""


async def count(to: int) -> AsyncIterator[int]:
    """Count up."""
    for number in range(to):
        yield number


@action(reads=[], writes=["prompt"])
def take(state: State, prompt: str) -> State:
    return state.update(prompt=prompt)


def application() -> Any:
    return serve.application(ApplicationBuilder().with_actions(take=take).with_entrypoint("take").build(), name="app")


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    app = FastAPI()
    app.include_router(serve.router(hero, say, heroes, Bot, count, application(), front_ends=False), prefix="/api")
    return app.openapi()


def resolved(described: dict[str, Any], schema: Any) -> dict[str, Any]:
    while "$ref" in schema:
        schema = described["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def body_of(described: dict[str, Any], name: str) -> dict[str, Any]:
    content = described["paths"][f"/api/{name}"]["post"]["requestBody"]["content"]
    return resolved(described, content["application/json"]["schema"])


def events_of(described: dict[str, Any], name: str) -> dict[str, Any]:
    """Give the schema of each kind of event of an answer, by its name."""
    response = described["paths"][f"/api/{name}"]["post"]["responses"]["200"]
    assert list(response["content"]) == ["text/event-stream"]
    schema = resolved(described, response["content"]["text/event-stream"]["schema"])
    events = [resolved(described, each) for each in schema.get("anyOf") or schema["oneOf"]]
    return {event["properties"]["event"]["const"]: event for event in events}


def validated(described: dict[str, Any], schema: Any, value: Any) -> None:
    jsonschema.Draft202012Validator({**schema, "components": described["components"]}).validate(value)


def test_it_is_a_description_that_others_can_read(serving: Start) -> None:
    server = serving(hero, say, heroes, Bot, count, application())
    described = server.get("../openapi.json").json()
    assert described["openapi"].startswith("3.1")
    for schema in described["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    refs = list(every(described, "$ref"))
    assert refs
    assert {ref.rpartition("/")[2] for ref in refs} <= set(described["components"]["schemas"])
    ids = [operation["operationId"] for path in described["paths"].values() for operation in path.values()]
    assert len(ids) == len(set(ids))


def every(value: Any, key: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name, each in value.items():
            if name == key and isinstance(each, str):
                yield each
            yield from every(each, key)
    elif isinstance(value, list):
        for each in value:
            yield from every(each, key)


def test_each_thing_has_its_routes(described: dict[str, Any]) -> None:
    assert {(path, method) for path, methods in described["paths"].items() for method in methods} == {
        ("/api/hero", "post"),
        ("/api/say", "post"),
        ("/api/heroes", "post"),
        ("/api/Bot", "post"),
        ("/api/Bot/{session}", "get"),
        ("/api/count", "post"),
        ("/api/app", "post"),
        ("/api/app/{session}", "get"),
        ("/api/streams/{stream}", "get"),
        ("/api/streams/{stream}/stop", "post"),
    }


def test_the_body_of_a_request_has_the_types_of_the_parameters(described: dict[str, Any]) -> None:
    body = body_of(described, "hero")
    assert body["required"] == ["movie"]
    assert body["properties"]["tone"]["enum"] == ["dry", "warm"]
    assert body["additionalProperties"] is False
    assert body_of(described, "count")["properties"]["to"]["type"] == "integer"
    assert set(body_of(described, "Bot")["properties"]) == {"message", "session"}
    assert set(body_of(described, "app")["properties"]) == {"inputs", "session"}
    inputs = resolved(described, body_of(described, "app")["properties"]["inputs"])
    assert set(inputs["properties"]) == {"prompt"}


@pytest.mark.parametrize(
    ("name", "between"),
    [
        ("hero", {"partial"}),
        ("say", {"delta"}),
        ("heroes", {"item"}),
        ("Bot", {"delta"}),
        ("app", {"delta", "item", "state"}),
    ],
)
def test_the_events_of_an_answer_are_described(described: dict[str, Any], name: str, between: set[str]) -> None:
    events = events_of(described, name)
    assert set(events) == {"start", *between, "usage", "done", "stopped", "error"}
    for event in events.values():
        assert {"id", "event", "data"} <= set(event["required"])


def test_the_result_of_an_answer_has_the_type_of_the_task(described: dict[str, Any]) -> None:
    done = resolved(described, events_of(described, "hero")["done"]["properties"]["data"])
    assert resolved(described, done["properties"]["result"])["properties"]["age"]["type"] == "integer"
    assert "result" in done["required"]


def test_what_a_thing_does_is_the_first_paragraph_of_its_docstring(described: dict[str, Any]) -> None:
    assert described["paths"]["/api/hero"]["post"]["description"] == "Name the hero of the movie"
    assert "for the model alone" not in str(described)


BODIES = {
    "hero": {"movie": "Hulk"},
    "say": {"movie": "Hulk"},
    "heroes": {"movie": "Hulk"},
    "Bot": {"message": "hi"},
    "count": {"to": 3},
    "app": {"inputs": {"prompt": "hi"}},
}


def test_what_is_sent_and_what_comes_is_as_it_is_described(serving: Start) -> None:
    server = serving(hero, say, heroes, Bot, count, application())
    described = server.get("../openapi.json").json()
    for name, body in BODIES.items():
        validated(described, body_of(described, name), body)
        events = events_of(described, name)
        answer = server.answer(name, body)
        assert names(answer.events)[-1] == "done"
        for event in answer.events:
            validated(described, events[event.name], {"id": event.id, "event": event.name, "data": event.data})


def test_following_and_stopping_are_described(described: dict[str, Any]) -> None:
    follow = described["paths"]["/api/streams/{stream}"]["get"]
    parameters = {(each["in"], each["name"].lower()): each for each in follow["parameters"]}
    assert set(parameters) == {("path", "stream"), ("header", "last-event-id")}
    assert parameters["header", "last-event-id"]["required"] is False
    assert "text/event-stream" in follow["responses"]["200"]["content"]
    assert "202" in described["paths"]["/api/streams/{stream}/stop"]["post"]["responses"]


def test_who_asks_is_no_part_of_a_request_that_is_described() -> None:
    app = FastAPI()
    app.include_router(serve.router(say, front_ends=False, auth=lambda: "ann"))
    operation = app.openapi()["paths"]["/say"]["post"]
    assert {each["name"] for each in operation["parameters"]} == {"partials"}


def test_two_things_may_use_models_of_the_same_name(serving: Start) -> None:
    def other() -> Any:
        class Hero(BaseModel):
            nickname: str

        @declarai.offline([{"nickname": "H"}]).task
        def nickname() -> Hero:
            """Name the hero"""

        return nickname

    server = serving(hero, other())
    described = server.get("../openapi.json").json()
    done = [
        resolved(
            described,
            resolved(described, events_of(described, name)["done"]["properties"]["data"])["properties"]["result"],
        )
        for name in ("hero", "nickname")
    ]
    assert [set(each["properties"]) for each in done] == [{"name", "age"}, {"nickname"}]


def test_names_that_differ_only_in_their_signs_are_described_apart(serving: Start) -> None:
    server = serving(serve.task(say, name="say.it"), serve.task(hero, name="say-it"))
    described = server.get("../openapi.json").json()
    assert set(body_of(described, "say.it")["properties"]) == {"movie"}
    assert set(body_of(described, "say-it")["properties"]) == {"movie", "tone"}
