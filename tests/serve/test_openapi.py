"""The OpenAPI document: it describes requests and events with their types."""

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
    """Describe the movie"""


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
def document() -> dict[str, Any]:
    app = FastAPI()
    app.include_router(serve.router(hero, say, heroes, Bot, count, application(), front_ends=False), prefix="/api")
    return app.openapi()


def resolved(document: dict[str, Any], schema: Any) -> dict[str, Any]:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def body_of(document: dict[str, Any], name: str) -> dict[str, Any]:
    content = document["paths"][f"/api/{name}"]["post"]["requestBody"]["content"]
    return resolved(document, content["application/json"]["schema"])


def events_of(document: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the schemas of the events of an answer by their names."""
    response = document["paths"][f"/api/{name}"]["post"]["responses"]["200"]
    assert list(response["content"]) == ["text/event-stream"]
    schema = resolved(document, response["content"]["text/event-stream"]["schema"])
    events = [resolved(document, each) for each in schema.get("anyOf") or schema["oneOf"]]
    return {event["properties"]["event"]["const"]: event for event in events}


def validated(document: dict[str, Any], schema: Any, value: Any) -> None:
    jsonschema.Draft202012Validator({**schema, "components": document["components"]}).validate(value)


def test_the_document_is_valid(serving: Start) -> None:
    server = serving(hero, say, heroes, Bot, count, application())
    document = server.get("../openapi.json").json()
    assert document["openapi"].startswith("3.1")
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    refs = list(every(document, "$ref"))
    assert refs
    assert {ref.rpartition("/")[2] for ref in refs} <= set(document["components"]["schemas"])
    ids = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
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


def test_each_endpoint_has_its_routes(document: dict[str, Any]) -> None:
    assert {(path, method) for path, methods in document["paths"].items() for method in methods} == {
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


def test_the_body_of_a_request_has_the_types_of_the_parameters(document: dict[str, Any]) -> None:
    body = body_of(document, "hero")
    assert body["required"] == ["movie"]
    assert body["properties"]["tone"]["enum"] == ["dry", "warm"]
    assert body["additionalProperties"] is False
    assert body_of(document, "count")["properties"]["to"]["type"] == "integer"
    assert set(body_of(document, "Bot")["properties"]) == {"message", "session"}
    assert set(body_of(document, "app")["properties"]) == {"inputs", "session"}
    inputs = resolved(document, body_of(document, "app")["properties"]["inputs"])
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
def test_the_events_of_an_answer_are_described(document: dict[str, Any], name: str, between: set[str]) -> None:
    events = events_of(document, name)
    assert set(events) == {"start", *between, "usage", "done", "stopped", "error"}
    for event in events.values():
        assert {"id", "event", "data"} <= set(event["required"])


def test_the_result_of_an_answer_has_the_type_of_the_task(document: dict[str, Any]) -> None:
    done = resolved(document, events_of(document, "hero")["done"]["properties"]["data"])
    assert resolved(document, done["properties"]["result"])["properties"]["age"]["type"] == "integer"
    assert "result" in done["required"]


def test_the_models_of_events_have_plain_names_and_descriptions(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    shared = {name: schema["description"] for name, schema in schemas.items() if name.endswith("Data")}
    assert shared == {
        "StartData": (
            "First event of each stream: the id of the stream, to follow or stop it, and the id of the session."
        ),
        "DeltaData": "New text; in an application, with the name of the action.",
        "PartialData": (
            "The incomplete typed value: the value so far, or the JSON Patch operations since the last event."
        ),
        "ItemData": "A complete item; in an application, with the name of the action.",
        "StateData": "A step of an application ended: the name of its action, and the state after it.",
        "UsageData": "The token counts so far.",
        "DoneData": "The answer is complete; ``result`` is its typed value.",
        "HeroDoneData": "The answer is complete; ``result`` is its typed value.",
        "HeroesDoneData": "The answer is complete; ``result`` is its typed value.",
        "StoppedData": "The answer was stopped; ``response`` is its text so far.",
        "ErrorData": "The answer failed; ``retryable`` is true if the same request may succeed a moment later.",
    }
    hero = {name for name in schemas if name.startswith("Hero") and not name.startswith("Heroes")}
    kinds = ("Start", "Partial", "Usage", "Done", "Stopped", "Error")
    assert hero == {"Hero", "HeroBody", "HeroEvents", "HeroDoneData", *(f"Hero{kind}Event" for kind in kinds)}


def test_the_description_of_a_route_is_the_first_paragraph_of_the_docstring(document: dict[str, Any]) -> None:
    assert document["paths"]["/api/hero"]["post"]["description"] == "Name the hero of the movie"
    assert "for the model alone" not in str(document)


BODIES = {
    "hero": {"movie": "Hulk"},
    "say": {"movie": "Hulk"},
    "heroes": {"movie": "Hulk"},
    "Bot": {"message": "hi"},
    "count": {"to": 3},
    "app": {"inputs": {"prompt": "hi"}},
}


def test_requests_and_events_match_their_schemas(serving: Start) -> None:
    server = serving(hero, say, heroes, Bot, count, application())
    document = server.get("../openapi.json").json()
    for name, body in BODIES.items():
        validated(document, body_of(document, name), body)
        events = events_of(document, name)
        answer = server.answer(name, body)
        assert names(answer.events)[-1] == "done"
        for event in answer.events:
            validated(document, events[event.name], {"id": event.id, "event": event.name, "data": event.data})


def test_the_routes_to_follow_and_stop_are_described(document: dict[str, Any]) -> None:
    follow = document["paths"]["/api/streams/{stream}"]["get"]
    parameters = {(each["in"], each["name"].lower()): each for each in follow["parameters"]}
    assert set(parameters) == {("path", "stream"), ("header", "last-event-id")}
    assert parameters["header", "last-event-id"]["required"] is False
    assert "text/event-stream" in follow["responses"]["200"]["content"]
    assert "202" in document["paths"]["/api/streams/{stream}/stop"]["post"]["responses"]


def test_the_owner_is_not_a_parameter_in_the_document() -> None:
    app = FastAPI()
    app.include_router(serve.router(say, front_ends=False, auth=lambda: "ann"))
    operation = app.openapi()["paths"]["/say"]["post"]
    assert {each["name"] for each in operation["parameters"]} == {"partials"}


def test_two_endpoints_may_use_models_of_the_same_name(serving: Start) -> None:
    def other() -> Any:
        class Hero(BaseModel):
            nickname: str

        @declarai.offline([{"nickname": "H"}]).task
        def nickname() -> Hero:
            """Name the hero"""

        return nickname

    server = serving(hero, other())
    document = server.get("../openapi.json").json()
    done = [
        resolved(
            document,
            resolved(document, events_of(document, name)["done"]["properties"]["data"])["properties"]["result"],
        )
        for name in ("hero", "nickname")
    ]
    assert [set(each["properties"]) for each in done] == [{"name", "age"}, {"nickname"}]


def test_names_that_differ_only_in_punctuation_have_different_models(serving: Start) -> None:
    server = serving(serve.task(say, name="say.it"), serve.task(hero, name="say-it"))
    document = server.get("../openapi.json").json()
    assert set(body_of(document, "say.it")["properties"]) == {"movie"}
    assert set(body_of(document, "say-it")["properties"]) == {"movie", "tone"}
