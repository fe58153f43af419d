"""Structured answers: the three ways to request them, and the retries of wrong ones."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import pytest
import tenacity
from pydantic import BaseModel

import declarai_like as declarai
from declarai_like.errors import ConfigurationError, OutputError
from declarai_like.providers import AnswerFormat
from declarai_like.providers.strict_schema import strict
from declarai_like.testing import Reply, Script
from tests.conftest import World


class Hero(BaseModel):
    name: str
    powers: list[str] = []


HEROES = [{"name": "Thor", "powers": ["thunder"]}, {"name": "Hulk", "powers": []}]


def heroes_of(model: Any, **settings: Any) -> Any:
    @model.task(**settings)
    def heroes(movie: str) -> list[Hero]:
        """List the heroes of the movie

        :return: the three most important ones
        """

    return heroes


def test_output_schema_asks_the_provider_to_enforce_the_schema(world: World, serve: Any) -> None:
    server = serve([HEROES])
    heroes = heroes_of(declarai.openai("m", base_url=server.url), output="schema")
    assert heroes("Avengers") == [Hero(name="Thor", powers=["thunder"]), Hero(name="Hulk")]
    body = server.exchanges[0].body
    response_format = body["response_format"]
    assert response_format["type"] == "json_schema"
    assert response_format["json_schema"]["name"] == "heroes"
    assert response_format["json_schema"]["strict"] is True
    assert response_format["json_schema"]["schema"]["required"] == ["value"]
    assert "the three most important ones" in body["messages"][0]["content"]
    assert "JSON Schema" not in body["messages"][0]["content"]


def test_output_tool_forces_one_tool_whose_arguments_are_the_answer(serve: Any) -> None:
    server = serve([{"value": HEROES}] * 2)
    model = declarai.openai("m", base_url=server.url)
    heroes = heroes_of(model, output="tool")
    assert [hero.name for hero in heroes("Avengers")] == ["Thor", "Hulk"]
    assert heroes.llm_response.response.startswith('{"value":')
    body = server.exchanges[0].body
    (tool,) = body["tools"]
    assert tool["function"]["name"] == "heroes"
    assert tool["function"]["parameters"]["required"] == ["value"]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "heroes"}}
    stream = heroes_of(model, output="tool", streaming=True)("Avengers")
    assert "".join(stream.deltas()) == heroes.llm_response.response
    assert [hero.name for hero in stream.result()] == ["Thor", "Hulk"]


def test_output_prompt_has_the_schema_in_the_prompt(serve: Any) -> None:
    server = serve(['Sure!\n```json\n[{"name": "Thor"}]\n```\nAnything else?'])
    heroes = heroes_of(declarai.openai("m", base_url=server.url), output="prompt")
    assert heroes("Avengers") == [Hero(name="Thor")]
    body = server.exchanges[0].body
    assert "response_format" not in body
    assert "tools" not in body
    assert "JSON Schema" in body["messages"][0]["content"]
    assert '"powers"' in body["messages"][0]["content"]


def test_auto_picks_by_provider() -> None:
    def picked(model: Any) -> str:
        output_call = heroes_of(model)._definition.output_call
        return output_call._format.by if output_call._format else "prompt"

    assert picked(declarai.openai("m")) == "schema"
    assert picked(declarai.openai("m", base_url="https://eu.api.openai.com/v1")) == "schema"
    assert picked(declarai.azure_openai("d", azure_openai_api_base="https://r.openai.azure.com")) == "schema"
    assert picked(declarai.openai("m", base_url="https://r.openai.azure.com/openai/v1/")) == "schema"
    assert picked(declarai.openai("m", base_url="http://localhost:11434/v1")) == "prompt"
    assert picked(declarai.openai("m", base_url="https://notopenai.com/v1")) == "prompt"
    assert picked(declarai.openai("m", base_url="http://localhost:1/v1", output="tool")) == "tool"
    assert picked(declarai.offline()) == "schema"


def test_a_task_that_returns_text_requests_no_format(serve: Any) -> None:
    server = serve(["{}", "text"])
    model = declarai.openai("m", base_url=server.url, output="schema")

    @model.task
    def describe(movie: str) -> str:
        """Describe it"""

    @model.task
    def untyped(movie: str):  # type: ignore[no-untyped-def]
        """Describe it"""

    assert [describe("x"), untyped("x")] == ["{}", "text"]
    assert all(not {"response_format", "tools"} & exchange.body.keys() for exchange in server.exchanges)
    assert "Answer" not in server.exchanges[0].body["messages"][0]["content"]


def test_an_unknown_output_is_refused() -> None:
    with pytest.raises(
        ConfigurationError, match="output of .*heroes' must be one of 'auto', 'schema', 'tool', 'prompt', got 'xml'"
    ):
        heroes_of(declarai.offline(), output="xml")
    with pytest.raises(
        ConfigurationError, match="^output must be one of 'auto', 'schema', 'tool', 'prompt', got 'json'"
    ):
        declarai.offline(output="json")  # type: ignore[call-overload]


# Wrong answers


def test_a_wrong_answer_is_sent_back_to_the_model_with_the_reason(world: World) -> None:
    script = Script(["no JSON at all", [{"nome": "Thor"}], HEROES])
    model = declarai.offline(script)
    if world.name == "blocking":
        heroes = heroes_of(model)("Avengers")
    else:

        @model.task
        async def later(movie: str) -> list[Hero]:
            """List the heroes of the movie"""

        heroes = world.run(later, "Avengers")
    assert [hero.name for hero in heroes] == ["Thor", "Hulk"]
    first, second, third = (call["messages"] for call in script.calls)
    assert [message["role"] for message in second] == ["user", "assistant", "user"]
    assert second[1]["content"] == "no JSON at all"
    assert "no JSON" in second[2]["content"]
    assert third[: len(second)] == second
    assert third[3]["content"] == '[{"nome":"Thor"}]'
    assert "name" in third[4]["content"]
    assert "Field required" in third[4]["content"]
    assert first == second[:1]


def test_after_the_last_retry_the_error_has_every_attempt() -> None:
    script = Script(["one", "two", "three", "four"])
    with pytest.raises(
        OutputError, match=r"the answer of .*heroes' is not a valid list\[Hero\] \(the last of 3 attempts\)"
    ) as caught:
        heroes_of(declarai.offline(script))("Avengers")
    error = caught.value
    assert [attempt.text for attempt in error.attempts] == ["one", "two", "three"]
    assert all(attempt.reason for attempt in error.attempts)
    assert (error.text, error.partial, error.reason) == ("three", "three", error.attempts[-1].reason)
    assert len(script.calls) == 3


@pytest.mark.parametrize(("retries", "calls"), [(0, 1), (1, 2), (4, 5)])
def test_retries_is_the_number_of_further_attempts(retries: int, calls: int) -> None:
    script = Script(["wrong"] * 9)
    with pytest.raises(OutputError):
        heroes_of(declarai.offline(script), retries=retries)("Avengers")
    assert len(script.calls) == calls


def test_a_tenacity_policy_decides_when_to_stop_in_sync_and_async_code(world: World) -> None:
    failed: list[int] = []
    policy = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(4),
        wait=tenacity.wait_fixed(0.01),
        before_sleep=lambda state: failed.append(state.attempt_number),
    )
    script = Script(["wrong"] * 9)
    model = declarai.offline(script)

    @model.task(retries=policy)
    async def later() -> int:
        """Count"""

    @model.task(retries=policy)
    def now() -> int:
        """Count"""

    with pytest.raises(OutputError) as caught:
        now() if world.name == "blocking" else world.run(later)
    assert len(caught.value.attempts) == 4
    assert failed == [1, 2, 3]


@pytest.mark.parametrize(
    ("retries", "problem"),
    [
        (-1, "an integer >= 0, got -1"),
        (True, "an integer >= 0, got bool"),
        (1.5, "an integer >= 0 or a tenacity.Retrying, got float"),
        ("two", "an integer >= 0 or a tenacity.Retrying, got str"),
        (tenacity.AsyncRetrying(), "an integer >= 0 or a tenacity.Retrying, got AsyncRetrying"),
    ],
)
def test_wrong_retries_are_refused(retries: Any, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^retries of .*heroes' must be {problem}"):
        heroes_of(declarai.offline(), retries=retries)


def test_an_error_of_the_provider_is_not_a_wrong_answer() -> None:
    script = Script([ValueError("a bug of mine")])
    with pytest.raises(ValueError, match="a bug of mine"):
        heroes_of(declarai.offline(script))("Avengers")
    assert len(script.calls) == 1


def test_concurrent_calls_of_one_task_do_not_mix_their_retries() -> None:
    import threading

    model = declarai.offline(
        lambda messages: "wrong" if len(messages) == 1 else [int(messages[0]["content"].split()[1])]
    )

    @model.task(retries=1)
    def echo(number: int) -> list[int]:
        """Repeat {number}"""

    results: dict[int, list[int]] = {}
    threads = [threading.Thread(target=lambda n=n: results.update({n: echo(n)})) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {n: [n] for n in range(16)}


# The schema that is sent


@dataclasses.dataclass
class Node:
    name: str
    children: list[Node]


def sent(answer: Any, output: str = "schema") -> dict[str, Any]:
    script = Script([None])

    def task():  # type: ignore[no-untyped-def]
        """Answer it"""

    task.__annotations__["return"] = answer
    output_call = declarai.offline(script).task(output=output, retries=0)(task)._definition.output_call
    assert isinstance(output_call._format, AnswerFormat)
    schema, is_strict = strict(output_call._format.schema)
    return {"schema": schema, "strict": is_strict}


@pytest.mark.parametrize("answer", [int, list[str], Hero, Node, Literal["a", "b"], Hero | int, None, list[Hero] | None])
def test_a_schema_that_can_be_enforced_is_in_the_strict_subset(answer: Any) -> None:
    sent_format = sent(answer)
    assert sent_format["strict"] is True
    assert sent_format["schema"]["type"] == "object"

    def check(node: Any) -> None:
        if isinstance(node, dict):
            if node.get("type") == "object":
                assert node["additionalProperties"] is False
                assert node["required"] == list(node["properties"])
            assert not {"default", "oneOf", "prefixItems", "uniqueItems"} & node.keys()
            for part in node.values():
                check(part)
        elif isinstance(node, list):
            for part in node:
                check(part)

    check(sent_format["schema"])


class Folder(BaseModel):
    name: str
    inside: Folder = None  # type: ignore[assignment]


@pytest.mark.parametrize("answer", [dict[str, int], tuple[int, str], dict[str, Any], list[Any], Folder])
def test_another_schema_is_sent_unchanged(answer: Any) -> None:
    assert sent(answer)["strict"] is False


def test_a_property_named_like_a_keyword_of_json_schema_is_kept() -> None:
    class Tricky(BaseModel):
        title: str
        default: int
        properties: list[str]
        type: str = "x"

    schema = sent(Tricky)["schema"]
    assert list(schema["properties"]) == ["title", "default", "properties", "type"]
    assert schema["properties"]["title"] == {"type": "string"}


def test_names_that_openai_does_not_accept_are_rewritten(serve: Any) -> None:
    server = serve([[]])

    @declarai.openai("m", base_url=server.url, output="schema").task
    def größe_der_helden() -> list[str]:
        """List them"""

    größe_der_helden()
    name = server.exchanges[0].body["response_format"]["json_schema"]["name"]
    assert name.isascii()
    assert name.endswith("e_der_helden")


def test_a_reply_that_ignores_the_tool_is_read_anyway(serve: Any) -> None:
    plain = b'{"choices":[{"index":0,"message":{"role":"assistant","content":"[{\\"name\\": \\"Thor\\"}]"},"finish_reason":"stop"}]}'
    from declarai_like.testing import Raw

    server = serve([Raw([plain], "application/json")])
    assert heroes_of(declarai.openai("m", base_url=server.url), output="tool")("x") == [Hero(name="Thor")]


def test_reasoning_is_not_part_of_the_answer(serve: Any) -> None:
    server = serve([Reply("[1]", reasoning="one, surely")] * 2)
    model = declarai.openai("m", base_url=server.url)

    @model.task
    def count() -> list[int]:
        """Count"""

    @model.task(streaming=True)
    def counted() -> list[int]:
        """Count"""

    assert count() == [1]
    stream = counted()
    assert [chunk.reasoning for chunk in stream if chunk.reasoning] == ["one,", " surely"]
    assert stream.result() == [1]
