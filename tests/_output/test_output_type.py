"""Every return type: values that are valid for its schema are read back, and errors name the path of the value."""

import collections.abc
import dataclasses
import datetime as dt
import decimal
import enum
import inspect
import json
import typing
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, Optional, Required, TypedDict, Union

import jsonschema
import pytest
import typing_extensions
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, RootModel, StringConstraints, TypeAdapter

from declarai_like._output.output_type import OutputMismatch, OutputType
from declarai_like._prompts import Prompt
from declarai_like.errors import DeclarationError


class Mood(enum.Enum):
    GOOD = "good"
    BAD = "bad"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Hero(BaseModel):
    name: str
    powers: list[str] = []


class Node(BaseModel):
    name: str
    children: list["Node"] = []


class Labelled(BaseModel):
    """A model with a field of the same name as the wrapper."""

    value: int


class Names(RootModel[list[str]]):
    pass


class Aliased(BaseModel):
    model_config = ConfigDict(extra="forbid")
    first_name: str = Field(alias="firstName")


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    tricks: list[str]


@dataclasses.dataclass
class Point:
    x: int
    y: float = 0.0


@dataclasses.dataclass
class Tree:
    label: str
    branches: list["Tree"] = dataclasses.field(default_factory=list)


class Place(NamedTuple):
    town: str
    at: Point
    open: bool = True


class Film(TypedDict):
    title: str
    year: NotRequired[int]


class Partial(TypedDict, total=False):
    title: Required[str]
    year: int


class Folder(TypedDict):
    name: str
    folders: list["Folder"]
    parent: NotRequired[Optional["Folder"]]


class Left(TypedDict):
    right: Optional["Right"]


class Right(TypedDict):
    left: Left | None


class Newer(typing_extensions.TypedDict):
    year: int
    note: typing_extensions.NotRequired[str]


CASES = {
    "int": (int, 5),
    "negative int": (int, -5),
    "float": (float, 0.5),
    "float without a fraction": (float, 3.0),
    "bool": (bool, True),
    "bool, false": (bool, False),
    "None": (None, None),
    "datetime": (dt.datetime, dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)),
    "date": (dt.date, dt.date(2026, 1, 2)),
    "time": (dt.time, dt.time(12, 30)),
    "timedelta": (dt.timedelta, dt.timedelta(hours=1)),
    "Decimal": (decimal.Decimal, decimal.Decimal("1234567890.1234567890123456789")),
    "UUID": (uuid.UUID, uuid.UUID(int=7)),
    "Enum": (Mood, Mood.GOOD),
    "IntEnum": (Level, Level.HIGH),
    "Literal": (Literal["yes", "no", 1], "no"),
    "Literal of one": (Literal["yes"], "yes"),
    "list": (list[int], [1, 2]),
    "empty list": (list[int], []),
    "list of models": (list[Hero], [Hero(name="Thor", powers=["hammer"])]),
    "list of anything": (list, [1, "a", None]),
    "set": (set[str], {"a"}),
    "frozenset": (frozenset[int], frozenset({1, 2})),
    "tuple": (tuple[int, str], (1, "a")),
    "tuple of any length": (tuple[Mood, ...], (Mood.GOOD, Mood.BAD)),
    "empty tuple": (tuple[()], ()),
    "dict": (dict[str, int], {"a": 1}),
    "dict with a key named value": (dict[str, int], {"value": 1}),
    "dict of lists of models": (dict[str, list[Hero]], {"x": [Hero(name="Thor")]}),
    "dict with other keys": (dict[int, dt.date], {1: dt.date(2026, 1, 2)}),
    "dict of anything": (dict, {"a": [1]}),
    "Optional, there": (Optional[int], 5),
    "Optional, not there": (Optional[int], None),
    "Optional model": (Hero | None, Hero(name="Thor")),
    "Optional text": (Optional[str], "a: b"),
    "Optional text, not there": (Optional[str], None),
    "union": (int | str | list[int], [1]),
    "union of models": (Union[Cat, Dog], Dog(kind="dog", tricks=["sit"])),
    "discriminated union": (Annotated[Cat | Dog, Field(discriminator="kind")], Cat(kind="cat", lives=9)),
    "dict or nothing": (dict[str, int] | None, {"value": 1}),
    "dataclass": (Point, Point(1, 2.5)),
    "recursive dataclass": (Tree, Tree("a", [Tree("b", [Tree("c")])])),
    "list of dataclasses": (list[Point], [Point(1)]),
    "TypedDict of typing": (Film, {"title": "Up", "year": 2009}),
    "TypedDict, a key left out": (Film, {"title": "Up"}),
    "TypedDict, total=False": (Partial, {"title": "Up"}),
    "TypedDict in a list": (list[Film], [{"title": "Up"}]),
    "TypedDict in a dict in a union": (dict[str, Film] | None, {"a": {"title": "Up"}}),
    "TypedDict in Annotated": (Annotated[list[Film], Field(min_length=1)], [{"title": "Up"}]),
    "two TypedDicts": (tuple[Film, Film], ({"title": "Up"}, {"title": "Heat"})),
    "TypedDict, recursive": (Folder, {"name": "a", "folders": [{"name": "b", "folders": [], "parent": None}]}),
    "TypedDicts that contain each other": (list[Left], [{"right": {"left": {"right": None}}}]),
    "TypedDict of typing_extensions": (Newer, {"year": 1, "note": "x"}),
    "TypedDict of typing_extensions in a list": (list[Newer], [{"year": 1}]),
    "NamedTuple": (Place, Place("Rome", Point(1, 2.0), open=False)),
    "list of NamedTuples": (list[Place], [Place("Rome", Point(1, 2.0))]),
    "Annotated int": (Annotated[int, Field(ge=0, le=10)], 10),
    "Annotated with words": (Annotated[list[int], "the numbers"], [1]),
    "model": (Hero, Hero(name="Thor", powers=["hammer", "thunder"])),
    "model with a field named value": (Labelled, Labelled(value=1)),
    "list of those": (list[Labelled], [Labelled(value=1)]),
    "one of those or nothing": (Labelled | None, Labelled(value=1)),
    "model with aliases": (Aliased, Aliased(firstName="Ann")),
    "root model": (Names, Names(["a"])),
    "recursive model": (Node, Node(name="a", children=[Node(name="b")])),
    "list of recursive models": (list[Node], [Node(name="a", children=[Node(name="b")])]),
}


def as_json(value):
    """Return a value as plain JSON values, in another way than the package does."""
    if isinstance(value, BaseModel):
        return json.loads(value.model_dump_json(by_alias=True))
    if dataclasses.is_dataclass(value):
        return {field.name: as_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): as_json(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [as_json(part) for part in value]
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, dt.timedelta):
        return TypeAdapter(dt.timedelta).dump_python(value, mode="json")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return str(value) if isinstance(value, decimal.Decimal | uuid.UUID) else value


@pytest.fixture(params=CASES)
def case(request):
    annotation, value = CASES[request.param]

    def task():
        "Do it."

    task.__annotations__["return"] = annotation
    output_type = Prompt(task).output_type
    return output_type, value, as_json(value)


def both_forms(output_type, plain):
    """Return an answer as the schema requires it, and without the wrapper if the schema has one."""
    wrapper = {"type", "properties", "required", "$defs"}
    is_wrapped = list(output_type.schema.get("properties", ())) == ["value"] and output_type.schema.keys() <= wrapper
    return [{"value": plain}, plain] if is_wrapped else [plain]


def test_the_schema_is_a_json_schema_with_an_object_at_the_top(case):
    output_type, _, _ = case
    jsonschema.Draft202012Validator.check_schema(output_type.schema)
    assert output_type.schema["type"] == "object"


def test_a_value_is_valid_for_the_schema_and_is_read_back(case):
    output_type, value, plain = case
    requested = both_forms(output_type, plain)[0]
    jsonschema.validate(requested, output_type.schema, jsonschema.Draft202012Validator)
    assert output_type.read(json.dumps(requested)) == value
    assert type(output_type.read(json.dumps(requested))) is type(value)


def test_the_wrapper_may_be_left_out(case):
    output_type, value, plain = case
    for form in both_forms(output_type, plain):
        assert output_type.read(json.dumps(form)) == value


@pytest.mark.parametrize(
    "fence", ["```json\n{}\n```", "```\n{}\n```", "Here it is:\n```json\n{}\n```\nDone.", "~~~\n{}\n~~~"]
)
def test_it_is_read_from_a_code_fence(case, fence):
    output_type, value, plain = case
    for form in both_forms(output_type, plain):
        assert output_type.read(fence.replace("{}", json.dumps(form, indent=2))) == value


@pytest.mark.parametrize(
    "prose", ["Sure! {} Anything else?", "The [first] try of {3}:\n\n{}\n\nas of {today}, [1 of 2]."]
)
def test_it_is_read_with_prose_before_and_after(case, prose):
    output_type, value, plain = case
    for form in both_forms(output_type, plain):
        if isinstance(form, dict | list):
            assert output_type.read(prose.replace("{}", json.dumps(form))) == value


def test_a_citation_is_not_taken_for_the_answer():
    assert OutputType(Hero).read('As [1] and [2] say:\n{"name": "Thor"} [3]') == Hero(name="Thor")


VALID = {("dict", "{"), ("list", "["), ("str | None", "I"), ("int | str | list[int]", "I")}


@pytest.mark.parametrize("answer", ['{"value": {"nonsense": [[]]}}', '{"nonsense": {}}', "[[[[{}]]]]", "I cannot say."])
def test_another_answer_is_an_output_mismatch_whose_reason_shows_it(case, answer):
    output_type, _, _ = case
    if (output_type.text, answer[0]) in VALID:
        assert output_type.read(answer)
        return
    with pytest.raises(OutputMismatch, match=r"\(got "):
        output_type.read(answer)


@pytest.mark.parametrize("annotation", [str, Any, object, inspect.Signature.empty])
@settings(deadline=None)
@given(text=st.text())
def test_text_is_taken_as_it_is(annotation, text):
    output_type = OutputType(annotation)
    assert output_type.is_text
    assert output_type.schema == {}
    assert output_type.read(text) == text


@settings(deadline=None)
@given(st.text())
def test_text_in_json_is_read_as_it_is(text):
    assert OutputType(Optional[str]).read(json.dumps({"value": text})) == text
    assert OutputType(list[str]).read(f"Here: {json.dumps([text])}") == [text]
    assert OutputType(dict[str, str]).read(f"Here:\n```\n{json.dumps({text: text}, indent=1)}\n```") == {text: text}


def test_a_constrained_text_is_validated_as_it_is():
    output_type = OutputType(Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, max_length=5)])
    assert output_type.is_text
    assert output_type.schema == {}
    assert output_type.constraints == "maxLength 5"
    assert output_type.read(" Up\n") == "up"
    assert output_type.read('"{5}"') == '"{5}"'
    with pytest.raises(OutputMismatch, match=r"at most 5 characters \(got 'Avengers'\)"):
        output_type.read("Avengers")


def test_a_plain_annotation_of_str_sets_no_limits():
    output_type = OutputType(Annotated[str, "a title"])
    assert (output_type.is_text, output_type.constraints, output_type.read("Up")) == (True, "", "Up")


@pytest.mark.parametrize(
    ("annotation", "answer", "value"),
    [
        (int, "5", 5),
        (int, " 5.\n", 5),
        (int, '"5"', 5),
        (int, "**5**", 5),
        (int, "5.0", 5),
        (int, "The answer is 5.", 5),
        (int, "The answer is **5**.", 5),
        (int, "**Answer:** 5", 5),
        (int, "x = 5", 5),
        (int, "What it is: the answer is 5", 5),
        (int, "There are four, no, five of them.\n\nAnswer: 5", 5),
        (float, ".5", 0.5),
        (bool, "True", True),
        (bool, "yes", True),
        (bool, "The answer is false.", False),
        (Mood, "good", Mood.GOOD),
        (Mood, "`good`", Mood.GOOD),
        (Mood, "'good'.", Mood.GOOD),
        (Mood, "```\ngood\n```", Mood.GOOD),
        (Mood, '```json\n"good"\n```', Mood.GOOD),
        (Mood, 'The mood is "good".', Mood.GOOD),
        (Mood, "Mood: good", Mood.GOOD),
        (Literal["a b", "c"], "It is a b", "a b"),
        (dt.date, "2026-01-02", dt.date(2026, 1, 2)),
        (dt.time, "12:30:00", dt.time(12, 30)),
        (dt.datetime, "The start is 2026-01-02T03:04:05.", dt.datetime(2026, 1, 2, 3, 4, 5)),
        (decimal.Decimal, "1.50", decimal.Decimal("1.50")),
        (Optional[int], "null", None),
        (Optional[str], "Up.", "Up."),
        (Optional[str], "I found 5 apples", "I found 5 apples"),
        (int | None, "Therefore the result is: 7", 7),
    ],
)
def test_a_single_value_may_come_bare_or_at_the_end_of_a_sentence(annotation, answer, value):
    read = OutputType(annotation).read(answer)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("annotation", "answer"),
    [
        (int, "There are 3 reasons why I cannot say."),
        (int, "It is not 5"),
        (int, "It is 5 or 6"),
        (int, "The probability is .5"),
        (int, "The time is 12:30"),
        (int, "between 5 and 6"),
        (int, ""),
        (float, "I think it's three"),
        (bool, "This is not true."),
        (bool, "maybe"),
        (Mood, "not good"),
        (Mood, "It is neither good nor bad"),
        (Mood, "Good"),
        (dt.date, "tomorrow"),
        (list[str], "a, b"),
        (list[str], '"a"'),
        (list[int], "5"),
        (Hero, "Thor"),
        (Hero, "null"),
        (dict[str, int], "a: 1"),
        (Optional[str], '{"value": 5}'),
        (Optional[str], 'Sure: {"value": 5}'),
        (Optional[str], '{"value": "Thor'),
        (int | str, '{"number": 5}'),
    ],
)
def test_a_value_is_never_guessed(annotation, answer):
    with pytest.raises(OutputMismatch):
        OutputType(annotation).read(answer)


@pytest.mark.parametrize(
    ("annotation", "answer", "reason"),
    [
        (int, '{"value": "five"}', "value: Input should be a valid integer, unable to parse string as an integer (got 'five')"),
        (int, '{"result": 5}', "value: Field required (got {'result': 5})"),
        (int, "five", "Input should be a valid integer, unable to parse string as an integer (got 'five')"),
        (Annotated[int, Field(le=5)], "7", "Input should be less than or equal to 5 (got 7)"),
        (Mood, "sad", "Input should be 'good' or 'bad' (got 'sad')"),
        (list[Hero], '{"value": [{"name": "Thor"}, {"powers": []}]}', "value.1.name: Field required (got {'powers': []})"),
        (list[Hero], '[{"name": 5}]', "0.name: Input should be a valid string (got 5)"),
        (list[Labelled], '[{"value": "x"}]', "0.value: Input should be a valid integer, unable to parse string as an integer (got 'x')"),
        (Hero, '{"name": "Thor", "powers": ["a", 1]}', "powers.1: Input should be a valid string (got 1)"),
        (Hero, "Here: []", "Input should be an object (got [])"),
        (Annotated[Cat | Dog, Field(discriminator="kind")], '{"kind": "cat", "lives": {}}', "cat.lives: Input should be a valid integer (got {})"),
        (Film, '{"title": 1}', "title: Input should be a valid string (got 1)"),
        (Point, "{}", "x: Field required (got {})"),
        (list[int], "I cannot say.", "no JSON found (got 'I cannot say.')"),
        (Hero, 'Here: {"name": "Thor"', "Expecting ',' delimiter at line 1, column 22 (got 'Here: {\"name\": \"Thor\"')"),
    ],
)  # fmt: skip
def test_the_reason_has_the_path_and_the_value(annotation, answer, reason):
    with pytest.raises(OutputMismatch) as caught:
        OutputType(annotation).read(answer)
    assert str(caught.value) == reason


def test_the_reason_is_about_the_answer_and_not_about_the_prose():
    with pytest.raises(OutputMismatch, match=r"^powers: Input should be a valid array \(got 'hammer'\)$"):
        OutputType(Hero).read('As [1] says, {}: {"name": "Thor", "powers": "hammer"} [2]')


def test_the_reason_for_many_faults_or_a_long_value_is_short():
    with pytest.raises(OutputMismatch) as caught:
        OutputType(list[int]).read(json.dumps(["x" * 10_000] * 1000))
    lines = str(caught.value).split("\n")
    assert len(lines) == 11
    assert lines[0].startswith("0: Input should be a valid integer")
    assert lines[-1] == "and 990 more"
    assert all(len(line) < 200 for line in lines)


def test_of_several_answers_the_first_valid_one_is_taken():
    assert OutputType(Hero).read('{"name": 1} or {"name": "Thor"} or {"name": "Hulk"}') == Hero(name="Thor")


def test_a_part_of_a_broken_answer_is_not_the_answer():
    with pytest.raises(OutputMismatch, match="Expecting"):
        OutputType(Node).read('{"name": "root", "children": [{"name": "leaf"}, {"name": "leaf"}')


@pytest.mark.parametrize("hostile", ["[" * 100_000, '{"value":' * 50_000, '{"children": [' * 30_000, "[" * 5_000 + "]" * 5_000, '"' * 100_000, "1" * 100_000, "is " * 30_000, "is " * 30_000 + "\nx", ":*" * 50_000, "is" + "*" * 100_000])  # fmt: skip
@pytest.mark.parametrize("annotation", [int, Node, list[int], dict[str, Any], Folder, Optional[Node]])
def test_hostile_text_is_an_output_mismatch_and_not_another_error(annotation, hostile):
    with pytest.raises(OutputMismatch) as caught:
        OutputType(annotation).read(hostile)
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize(
    "annotation",
    [
        Iterator[int], AsyncIterator[int], typing.Iterator[int], typing.Iterable[int], typing.AsyncIterable[int],
        Annotated[Iterator[int], "words"],
    ],
)  # fmt: skip
def test_an_iterator_is_requested_as_a_list(annotation):
    output_type = OutputType(annotation)
    assert (output_type.by_element, output_type.text, output_type.read("[1, 2]")) == (True, "list[int]", [1, 2])
    assert output_type.schema == OutputType(list[int]).schema
    assert not OutputType(list[int]).by_element


@pytest.mark.parametrize("annotation", [collections.abc.Generator[int, None, None], typing.Generator, collections.abc.AsyncGenerator[int, None]])  # fmt: skip
def test_a_generator_is_refused_with_what_to_use_instead(annotation):
    with pytest.raises(
        DeclarationError, match=r"Generator.* is not supported; to read elements one by one, use Iterator\[\.\.\.\]"
    ):
        OutputType(annotation)


@pytest.mark.parametrize("annotation", [collections.abc.Iterator, collections.abc.Iterable])
def test_an_iterator_without_an_element_type_is_refused(annotation):
    with pytest.raises(DeclarationError, match=r"does not have an element type; write Iterator\[\.\.\.\]"):
        OutputType(annotation)


def test_a_class_that_is_named_like_a_stream_is_a_class():
    class Generator(BaseModel):
        watts: int

    assert OutputType(Generator).read('{"watts": 5}') == Generator(watts=5)


class Opaque: ...


@pytest.mark.parametrize("annotation", [Opaque, list[Opaque], typing.Callable[[], int], Exception])
def test_a_type_that_no_json_can_be_read_into_is_an_error_at_decoration_that_names_the_function(annotation):
    def find():
        "Find it."

    find.__annotations__["return"] = annotation
    with pytest.raises(
        DeclarationError, match="'find' cannot become a task: its return type .* cannot be read from an answer"
    ):
        Prompt(find)


def test_a_model_that_is_not_finished_is_an_error_at_decoration():
    class Half(BaseModel):
        other: "Missing"  # noqa: F821

    with pytest.raises(DeclarationError, match="'?Half'? .*Missing|Half cannot be read"):
        OutputType(Half)


def test_the_pydantic_settings_of_a_typed_dict_are_kept():
    class Closed(TypedDict):
        __pydantic_config__ = ConfigDict(extra="forbid")
        title: str

    with pytest.raises(OutputMismatch, match="year: Extra inputs are not permitted"):
        OutputType(list[Closed]).read('[{"title": "Up", "year": 2009}]')


def test_docstrings_and_descriptions_of_types_reach_the_schema():
    class Described(TypedDict):
        """A film that was shown."""

        title: Annotated[str, Field(description="as on the poster")]

    schema = OutputType(Described).schema
    assert schema["description"] == "A film that was shown."
    assert schema["properties"]["title"]["description"] == "as on the poster"
