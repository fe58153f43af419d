"""Sampled answers are valid for the schema of the request, for jsonschema and for pydantic."""

from __future__ import annotations

import collections
import json
import re
import uuid
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from ipaddress import IPv4Address, IPv6Network
from types import SimpleNamespace
from typing import Annotated, Any, Literal, NamedTuple, Optional, Union

import jsonschema
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import UUID1, AnyUrl, Base64Bytes, BaseModel, Field, RootModel, TypeAdapter
from typing_extensions import NotRequired, TypeAliasType, TypedDict

import declarai_like as declarai
from declarai_like._offline.answers import sample_answer
from declarai_like._offline.number import sample_number
from declarai_like._offline.pattern import sample_match
from declarai_like._prompts import ask_for_json
from declarai_like.testing import LoopbackServer


class Color(Enum):
    RED = "red"
    GREEN = "green"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


@dataclass(frozen=True)
class Point:
    x: float
    y: float = 0.0
    label: str = "origin"


class Coordinates(NamedTuple):
    latitude: float
    longitude: float
    name: str = ""


class Row(TypedDict):
    id: int
    note: NotRequired[str]


class Hero(BaseModel):
    name: str
    powers: list[str] = Field(min_length=1, max_length=3)
    nemesis: Optional[str] = None


class Team(BaseModel):
    title: Annotated[str, Field(min_length=3, max_length=12)]
    heroes: dict[str, Hero]
    founded: date
    colors: set[Color] = Field(min_length=2)


class Tree(BaseModel):
    value: int
    children: list["Tree"]


class Folder(TypedDict):
    name: str
    inside: NotRequired["Folder"]


class Chain(BaseModel):
    next: Optional["Chain"]


class Wing(BaseModel):
    bird: "Bird"


class Bird(BaseModel):
    wings: list[Wing] = Field(max_length=2)


class Leaf(BaseModel):
    kind: Literal["leaf"]
    value: float


class Sum(BaseModel):
    kind: Literal["sum"]
    left: "Expression"
    right: "Expression"


Expression = Annotated[Union["Sum", Leaf], Field(discriminator="kind")]  # its first member is recursive
Sum.model_rebuild()

Json = TypeAliasType("Json", "dict[str, Json] | list[Json] | str | int | None")
Nested = TypeAliasType("Nested", "dict[str, Nested]")
Fixed = TypeAliasType("Fixed", "Annotated[list[Fixed | int], Field(min_length=2)]")

FixedDict = TypeAliasType("FixedDict", "Annotated[dict[str, FixedDict | int], Field(min_length=2)]")

TYPES: dict[str, Any] = {
    "int": int,
    "float": float,
    "bool": bool,
    "None": type(None),
    "datetime": datetime,
    "date": date,
    "time": time,
    "timedelta": timedelta,
    "Decimal": Decimal,
    "UUID": uuid.UUID,
    "UUID of a version": UUID1,
    "Enum": Color,
    "IntEnum": Level,
    "Literal": Literal["a", 2, None],
    "Literal of one": Literal["a"],
    "address": IPv4Address,
    "network": IPv6Network,
    "URL": AnyUrl,
    "bytes": bytes,
    "base64": Base64Bytes,
    "regular expression": re.Pattern,
    "anything in a list": list[Any],
    "list": list[str],
    "list of lists": list[list[list[int]]],
    "set": set[str],
    "set of bool": set[bool],
    "frozenset": frozenset[int],
    "deque": collections.deque[date],
    "tuple": tuple[int, str, Color],
    "tuple of any length": tuple[int, ...],
    "empty tuple": tuple[()],
    "tuple in a list": list[tuple[str, int]],
    "dict": dict[str, int],
    "bare dict": dict,
    "bare list": list,
    "dict by int": dict[int, str],
    "dict by date": dict[date, int],
    "dict by UUID": dict[uuid.UUID, int],
    "dict by Enum": dict[Color, int],
    "dict by Literal": dict[Literal["a", "b"], list[int]],
    "dict by pattern": dict[Annotated[str, Field(pattern=r"^[a-z]{2}-\d+$")], int],
    "Counter": collections.Counter[str],
    "Optional": Optional[int],
    "Optional dataclass": Optional[Point],
    "union": int | str | list[Hero],
    "dataclass": Point,
    "NamedTuple": Coordinates,
    "TypedDict": Row,
    "list of TypedDict": list[Row],
    "model": Hero,
    "models in models": Team,
    "list of models": list[Team],
    "RootModel": RootModel[list[int]],
    "tree": Tree,
    "chain": Chain,
    "folder": Folder,
    "two models that contain each other": Bird,
    "recursive union": list[Expression],
    "recursive alias": Json,
    "recursive dict": Nested,
    "recursive list that is never empty": Fixed,
    "recursive dict that is never empty": FixedDict,
    "int above": Annotated[int, Field(gt=10)],
    "int below": Annotated[int, Field(lt=-10)],
    "int between": Annotated[int, Field(ge=3, le=3)],
    "int strictly between": Annotated[int, Field(gt=3, lt=5)],
    "huge int": Annotated[int, Field(ge=10**30)],
    "int of a step": Annotated[int, Field(ge=50, multiple_of=7)],
    "float strictly between": Annotated[float, Field(gt=0, lt=1)],
    "float in a narrow range": Annotated[float, Field(gt=0.1, le=0.10001)],
    "float of a step": Annotated[float, Field(ge=0.1, lt=0.8, multiple_of=0.25)],
    "Decimal with bounds": Annotated[Decimal, Field(gt=0, lt=1, max_digits=4, decimal_places=2)],
    "short str": list[Annotated[str, Field(max_length=3)]],
    "one letter": list[Annotated[str, Field(min_length=1, max_length=1)]],
    "no letter": list[Annotated[str, Field(max_length=0)]],
    "long str": list[Annotated[str, Field(min_length=300)]],
    "str of a length": dict[str, Annotated[str, Field(min_length=7, max_length=7)]],
    "str of a pattern": list[Annotated[str, Field(pattern=r"^(?:[A-Z]{2,3}|x+)-\d{4}(?P<more>[^\s\w])?$")]],
    "str of a pattern and a length": list[Annotated[str, Field(pattern=r"^[\w.]+@\w+\.com$", min_length=20)]],
    "list of a length": Annotated[list[int], Field(min_length=5, max_length=5)],
    "list of at most one": Annotated[list[int], Field(max_length=1)],
    "empty list": Annotated[list[int], Field(max_length=0)],
    "list of one value": Annotated[list[Literal["a"]], Field(min_length=3)],
    "set of one value": set[Literal["a"]],
    "set of a length": Annotated[set[int], Field(min_length=12)],
    "set of all": Annotated[set[Color], Field(min_length=3)],
    "set of both": Annotated[set[bool], Field(min_length=2)],
    "set of short str": Annotated[set[Annotated[str, Field(max_length=2)]], Field(min_length=5)],
    "set of dates": Annotated[set[date], Field(min_length=4)],
    "set of dataclasses": Annotated[frozenset[Point], Field(min_length=3)],
    "set of bounded": Annotated[set[Annotated[int, Field(ge=5, le=7)]], Field(min_length=3)],
    "dict of a length": Annotated[dict[str, int], Field(min_length=4)],
    "dict by Enum of a length": Annotated[dict[Color, int], Field(min_length=3)],
    "empty dict": Annotated[dict[str, int], Field(max_length=0)],
}

OUTPUTS = ("schema", "tool", "prompt")


def request(schema: Any, output: str = "schema", prompt: str = "a question") -> dict[str, Any]:
    """Return the body of a request with a schema, in one of the three ways."""
    if output == "schema":
        response_format = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
        return {"messages": [{"role": "user", "content": prompt}], "response_format": response_format}
    if output == "tool":
        tools = [{"name": "other", "parameters": {"type": "object"}}, {"name": "answer", "parameters": schema}]
        return {
            "messages": [{"role": "user", "content": prompt}],
            "tools": [{"type": "function", "function": tool} for tool in tools],
            "tool_choice": {"type": "function", "function": {"name": "answer"}},
        }
    output_type: Any = SimpleNamespace(schema=schema)
    return {"messages": [{"role": "user", "content": f"{prompt}\n\n{ask_for_json(output_type)}"}]}


def check(kind: Any, prompt: str, output: str = "schema") -> None:
    """Sample an answer, and check it in two ways."""
    adapter = TypeAdapter(kind)
    schema = adapter.json_schema()
    sampled = sample_answer(request(schema, output, prompt))
    jsonschema.Draft202012Validator(schema).validate(json.loads(sampled))
    adapter.validate_json(sampled)


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("kind", TYPES.values(), ids=TYPES.keys())
def test_a_sampled_answer_is_valid_for_each_prompt_and_output(kind: Any, output: str) -> None:
    for prompt in ("", "a", "b", "c", "d", "some longer question", "\ud800"):
        check(kind, prompt, output)


def bounded(low: int, size: int) -> Any:
    return Annotated[int, Field(ge=low, le=low + size)]


def sized(kind: Any, minimum: int, extra: int) -> Any:
    return Annotated[list[kind], Field(min_length=minimum, max_length=minimum + extra)]


small = st.integers(0, 3)
kinds = st.recursive(
    st.sampled_from([str, int, float, bool, date, datetime, uuid.UUID, Decimal, Color, Hero, Point, Tree])
    | st.builds(bounded, st.integers(-100, 100), st.integers(0, 9)),
    lambda items: (
        items.map(lambda kind: list[kind])
        | items.map(lambda kind: dict[str, kind])
        | items.map(lambda kind: Optional[kind])
        | st.tuples(items, items).map(lambda pair: tuple[pair])
        | st.tuples(items, items).map(lambda pair: Union[pair])
        | st.builds(sized, items, small, small)
    ),
    max_leaves=6,
)


@settings(deadline=None)
@given(kinds, st.text())
def test_a_sampled_answer_is_valid_for_any_composed_type(kind: Any, prompt: str) -> None:
    check(kind, prompt)


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("name", TYPES)
def test_a_task_of_the_offline_model_returns_its_return_type(name: str, output: Any) -> None:
    def task(question: str) -> Any:
        """Answer the question"""

    task.__annotations__["return"] = TYPES[name]
    ask = declarai.offline(output=output).task(retries=0)(task)
    assert ask("why?") == ask("why?")


@pytest.mark.parametrize(
    "kind",
    [
        Annotated[str, Field(max_length=10)],
        Annotated[str, Field(min_length=200, max_length=300)],
        Annotated[str, Field(pattern=r"^\d{4}, [a-z]+$")],
        Annotated[str, Field(pattern=r"^[a-z, ]+$", min_length=30)],
        Annotated[str, "the name of a hero"],
    ],
)
def test_text_has_the_length_and_the_pattern_of_its_constrained_str(kind: Any) -> None:
    def task(question: str) -> Any:
        """Answer the question"""

    task.__annotations__["return"] = kind
    TypeAdapter(kind).validate_python(declarai.offline().task(retries=0)(task)("why?"))


def test_the_same_request_gets_the_same_answer_and_another_may_get_another() -> None:
    schema = TypeAdapter(list[int]).json_schema()
    assert sample_answer(request(schema)) == sample_answer(request(schema))
    assert len({sample_answer(request(schema, prompt=str(n))) for n in range(20)}) > 1


def test_items_of_a_list_differ() -> None:
    sampled = json.loads(sample_answer(request(TypeAdapter(list[Hero]).json_schema())))
    assert sampled[0] != sampled[1]


def test_a_recursive_type_is_nested_once() -> None:
    tree = TypeAdapter(Tree).validate_json(sample_answer(request(TypeAdapter(Tree).json_schema())))
    assert [len(child.children) for child in tree.children] == [0, 0]


def test_an_infinitely_recursive_schema_ends_where_it_recurs() -> None:
    again = {"$ref": "#/$defs/A"}
    non_empty = {"type": "array", "minItems": 1, "items": again}

    def sample(schema: Any) -> Any:
        return json.loads(sample_answer(request({**again, "$defs": {"A": schema}})))

    def endless(part: Any) -> Any:
        return {"type": "object", "properties": {"n": {"type": "null"}, "a": part}, "required": ["n", "a"]}

    assert sample(endless(again)) == {"n": None, "a": {"n": None}}
    assert sample(endless(non_empty)) == {"n": None, "a": [{"n": None}]}
    assert sample(non_empty) == [[None]]


def test_an_unsatisfiable_schema_gets_a_close_value() -> None:
    few = {"type": "object", "minProperties": 3, "propertyNames": {"enum": ["a"]}, "additionalProperties": {"const": 1}}
    assert json.loads(sample_answer(request(few))) == {"a": 1}
    unique = {"type": "array", "uniqueItems": True, "minItems": 2, "items": {"const": 1}}
    assert json.loads(sample_answer(request(unique))) == [1, 1]


def test_a_deeply_nested_type_has_values_at_each_level() -> None:
    sampled = json.loads(sample_answer(request(TypeAdapter(dict[str, dict[str, list[dict[str, Hero]]]]).json_schema())))
    while not isinstance(sampled, str):
        assert sampled
        sampled = next(iter(sampled.values())) if isinstance(sampled, dict) else sampled[0]


def test_text_that_is_not_ascii_is_not_escaped() -> None:
    assert sample_answer(request({"const": "naïve 東京"})) == '"naïve 東京"'


def test_the_answer_to_a_request_without_a_schema_names_the_offline_model() -> None:
    body = {"messages": [{"role": "system", "content": "Be nice"}, {"role": "user", "content": "Who?\nWhy?"}]}
    assert sample_answer(body) == "This is the offline model, not a language model. It was asked: Who?"


def test_a_request_without_any_message_is_answered() -> None:
    assert sample_answer({"messages": []}).startswith("This is the offline model")


def test_the_text_of_a_message_in_parts_is_read() -> None:
    parts = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": "data:,"}}]
    assert sample_answer({"messages": [{"role": "user", "content": parts}]}).endswith("asked: What is this?")


def test_an_object_is_sampled_if_the_request_has_no_schema_for_its_json() -> None:
    for response_format in ({"type": "json_object"}, {"type": "json_schema", "json_schema": {"name": "answer"}}):
        sampled = json.loads(
            sample_answer({"messages": [{"role": "user", "content": "?"}], "response_format": response_format})
        )
        assert isinstance(sampled, dict)


def test_tools_are_not_called_unless_they_are_forced() -> None:
    body = request({"type": "object"}, "tool")
    for choice in ("auto", "none", None):
        assert sample_answer({**body, "tool_choice": choice}).startswith("This is the offline model")
    assert sample_answer({**body, "tool_choice": "required"}) == "{}"


def test_text_after_json_schema_that_is_not_json_is_ignored() -> None:
    body = {"messages": [{"role": "user", "content": "What is a JSON Schema:\nsurely {not this}?"}]}
    assert sample_answer(body).startswith("This is the offline model")


def test_after_a_wrong_answer_the_schema_is_still_found_in_the_prompt() -> None:
    model = declarai.offline(["certainly not a number"], output="prompt")

    @model.task(retries=1)
    def count(what: str) -> int:
        """Count them"""

    assert isinstance(count("sheep"), int)


def test_the_loopback_server_finds_the_schema_as_well() -> None:
    with LoopbackServer() as server:

        @declarai.openai("m", base_url=server.url).task
        def heroes(movie: str) -> list[Hero]:
            """List the heroes"""

        assert all(isinstance(hero, Hero) for hero in heroes("Avengers"))


bounds = st.none() | st.integers(-50, 50)


@given(bounds, bounds, st.none() | st.integers(1, 12), st.booleans(), st.booleans(), st.integers(0, 40))
def test_an_integer_is_within_its_bounds_if_one_exists(
    low: int | None, high: int | None, step: int | None, above: bool, below: bool, variant: int
) -> None:
    schema: dict[str, Any] = {"type": "integer"}
    schema |= {} if low is None else {"exclusiveMinimum" if above else "minimum": low}
    schema |= {} if high is None else {"exclusiveMaximum" if below else "maximum": high}
    schema |= {} if step is None else {"multipleOf": step}
    validator = jsonschema.Draft202012Validator(schema)
    assume(any(validator.is_valid(some) for some in range(-70, 70)))
    validator.validate(sample_number(schema, variant, integer=True))


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.booleans(), st.integers(0, 40))
def test_a_float_is_within_its_bounds(low: float, width: float, strictly: bool, variant: int) -> None:
    names = ("exclusiveMinimum", "exclusiveMaximum") if strictly else ("minimum", "maximum")
    schema = {"type": "number", **dict(zip(names, (low, low + width), strict=True))}
    jsonschema.Draft202012Validator(schema).validate(sample_number(schema, variant, integer=False))


def test_inclusive_and_exclusive_bounds_are_combined() -> None:
    assert (
        sample_number({"minimum": 2, "exclusiveMinimum": 2, "maximum": 9, "exclusiveMaximum": 4}, 0, integer=True) == 3
    )


PATTERNS = [
    "",
    "plain",
    r"^$",
    r"^\d{4}-\d{2}$",
    r"^(red|green|blue)$",
    r"^(?:[01]\d|2[0-3]):[0-5]\d$",
    r"^#(?:[0-9a-fA-F]{3}){1,2}$",
    r"[^a-z]+",
    r"^[^\W\d_]+$",
    r"^[]a]+$",
    r"^[a\]b-]+$",
    r"^[\x41-\x5a\u00e9]+$",
    r"^\S+@\S+\.\w{2,}$",
    r"^(?P<year>\d+)(?:-(?P<month>\d\d?))?$",
    r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$",
    r"^(?=.*\d)(?=.*[a-z])(?=.*[A-Z]).{8,}$",
    r"(?i)^abc$",
    r"\Ax*?y+?z??\Z",
    r"\bword\b",
    r"^a{2}b{,2}c{1,}{$",
    r"^\t\n\.\/\-$",
    r"^a{}b{,}$",
    r"^(|a)$",
    r"^((a|b){2}c)+$",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_sampled_text_matches_its_pattern(pattern: str) -> None:
    for variant in range(5):
        sampled = sample_match(pattern, 0, None, variant)
        assert sampled is not None
        assert re.search(pattern, sampled)


def test_sampled_text_has_its_length() -> None:
    assert len(sample_match("^[a-z]+$", 5, 5) or "") == 5
    assert len(sample_match("^[a-z]+ [a-z]+$", 9, 10) or "") in (9, 10)
    assert len(sample_match("^[a-z]*$", 500, None) or "") == 500
    assert len(sample_match("begins", 10, 10) or "") == 10


@pytest.mark.parametrize(
    "pattern", [r"(a)\1", r"(?P<x>a)(?P=x)", r"\p{L}", "[", "(", "(?", "a)", "[a-", r"(?(1)a|b)", "\\", "^a$b", "*"]
)
def test_an_unsupported_pattern_gets_no_text(pattern: str) -> None:
    assert sample_match(pattern, 0, None) is None


def test_a_pattern_that_cannot_have_the_length_gets_no_text() -> None:
    assert sample_match("^abc$", 4, None) is None
    assert sample_match("^abc$", 0, 2) is None


def test_text_of_an_unsupported_pattern_has_its_length() -> None:
    sampled = json.loads(sample_answer(request({"type": "string", "pattern": r"^(a)\1$", "maxLength": 4})))
    assert len(sampled) == 4
