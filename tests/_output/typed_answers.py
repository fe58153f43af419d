"""Return types of all kinds, and answers for them: valid ones, near misses, with prose and fences around them."""

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import functools
import json
import typing
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Generic, Literal, NamedTuple, NotRequired, Optional, Required, TypeVar, Union

import pydantic
import typing_extensions
from hypothesis import strategies as st
from pydantic import (
    AfterValidator,
    AliasChoices,
    AliasPath,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    OnErrorOmit,
    PlainValidator,
    PrivateAttr,
    RootModel,
    StringConstraints,
    Tag,
    WrapValidator,
    computed_field,
    field_validator,
    model_validator,
)
from pydantic.dataclasses import dataclass as pydantic_dataclass
from pydantic_core import core_schema
from typing_extensions import TypeAliasType

from declarai_like._output.output_type import OutputMismatch, OutputType
from declarai_like._output.types.root import AnswerSpec

T = TypeVar("T")


# Plain types: their partials show the same as their JSON


class Hero(BaseModel):
    name: str
    age: int | None
    powers: list[str]


class Team(BaseModel):
    title: Annotated[str, Field(min_length=3, pattern="^[^q]*$")]
    heroes: list[Hero]
    home: dict[str, list[Hero]]


@dataclasses.dataclass
class Point:
    x: int
    y: float


@dataclasses.dataclass
class Line:
    points: tuple[Point, Point]
    label: str


class Film(typing_extensions.TypedDict):
    title: str
    cast: list[Hero]


class Node(BaseModel):
    name: str
    children: list["Node"]


class Box(BaseModel, Generic[T]):
    content: T
    others: list[T]


PLAIN: dict[str, Any] = {
    "model": Hero,
    "nested": Team,
    "models": list[Hero],
    "dataclass": Line,
    "TypedDict": list[Film],
    "recursive": Node,
    "generic": Box[Hero],
    "generic of scalars": list[Box[int]],
    "lists in lists": list[list[list[int]]],
    "dict of models": dict[str, Hero],
    "tuple": tuple[int, str, Hero],
    "any": dict[str, Any],
    "list of any": list[Any],
    "optional": list[Hero | None],
    "scalar or model": list[int | str | Hero],
    "model or list": list[Hero | list[Hero]],
}


# Scalars, and containers of them


class Mood(enum.Enum):
    GOOD = "good"
    BAD = "bad"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Place(NamedTuple):
    town: str
    at: Point
    heroes: list[Hero] = []


class Scalars(BaseModel):
    day: dt.date
    moment: dt.datetime
    time: dt.time
    span: dt.timedelta
    price: decimal.Decimal
    id: uuid.UUID
    mood: Mood
    level: Level
    what: Literal["a", "ab", 1, True]
    raw: bytes
    rate: float
    sure: bool
    nothing: None
    address: pydantic.HttpUrl
    secret: pydantic.SecretStr


# Config, aliases, defaults


class Aliased(BaseModel):
    model_config = ConfigDict(extra="forbid")
    first: str = Field(alias="firstName")
    second: list[int] = Field(validation_alias=AliasChoices("second", "2nd"), default=[1])
    inner: Hero | None = Field(validation_alias="in", serialization_alias="out", default=None)


class FromDeeper(BaseModel):
    first: str = Field(validation_alias=AliasPath("names", 0))
    other: int = Field(validation_alias=AliasChoices("other", AliasPath("names", 1)), default=3)
    heroes: list[Hero] = []


class ByName(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    first: str = Field(alias="firstName")
    heroes: list[Hero] = Field(alias="theHeroes", default=[])


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)
    name: str
    day: dt.date
    points: set[int]
    pair: tuple[int, Hero]
    inner: "Strict | None" = None


class Stripped(BaseModel):
    model_config = ConfigDict(str_strip_whitespace=True, str_to_lower=True)
    name: str
    names: dict[str, str]


class Allowing(BaseModel):
    model_config = ConfigDict(extra="allow")
    name: str
    heroes: list[Hero] = []


class AllowingNumbers(BaseModel):
    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, int]
    name: str


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)
    name: str
    inner: tuple[Hero, ...] = ()


class Defaults(BaseModel):
    type: str = "plain"
    names: list[str] = Field(default_factory=lambda: ["a"])
    count: int = Field(default_factory=lambda data: len(data.get("names", [])))
    heroes: list[Hero] = []
    checked: Annotated[int, Field(ge=0, default=-1, validate_default=False)]


class DefaultsChecked(BaseModel):
    model_config = ConfigDict(validate_default=True)
    day: dt.date = "2020-01-01"  # type: ignore[assignment]
    heroes: list[Hero] = []


class Valued(BaseModel):
    """A model with a field of the same name as the wrapper, that is requested with a wrapper."""

    value: int = 7
    after: "Valued | None" = None
    heroes: list[Hero] = []


class Private(BaseModel):
    name: str
    heroes: list[Hero] = []
    _length: int = PrivateAttr(default=0)

    def model_post_init(self, context: Any) -> None:
        self._length = len(self.name)

    @computed_field
    def size(self) -> int:
        return self._length


class Names(RootModel[list[Hero]]):
    pass


class Scores(RootModel[dict[str, Names]]):
    @model_validator(mode="after")
    def check(self) -> "Scores":
        if len(self.root) > 2:
            raise ValueError("these are too many")
        return self


class Word(RootModel[str]):
    pass


# Validators of every mode


def odd(value: int) -> int:
    if value % 2 == 0:
        raise ValueError("this is even")
    return value


def around(value: Any, handler: Any) -> Any:
    read = handler(value)
    assert read != "bad"
    return read


class Checked(BaseModel):
    odd: Annotated[int, AfterValidator(odd)]
    number: Annotated[int, BeforeValidator(lambda value: value.strip("$") if isinstance(value, str) else value)]
    wrapped: Annotated[str, WrapValidator(around)] = "x"
    free: Annotated[Any, PlainValidator(lambda value: [value])] = None
    after_any: Annotated[Any, AfterValidator(repr)] = None
    heroes: Annotated[list[Hero], AfterValidator(lambda heroes: heroes[:2])] = []
    piped: Annotated[str, StringConstraints(strip_whitespace=True, max_length=20)] = ""

    @field_validator("heroes", mode="after")
    @classmethod
    def sort(cls, heroes: list[Hero]) -> list[Hero]:
        return sorted(heroes, key=lambda hero: hero.name)

    @model_validator(mode="after")
    def check(self) -> "Checked":
        if self.odd == 13:
            raise ValueError("this brings bad luck")
        return self


class Before(BaseModel):
    count: int
    heroes: list[Hero] = []

    @model_validator(mode="before")
    @classmethod
    def rename(cls, values: Any) -> Any:
        if isinstance(values, dict) and "number" in values:
            values = {**values, "count": values["number"]}
        return values


class Wrapped(BaseModel):
    count: int
    heroes: list[Hero] = []

    @model_validator(mode="wrap")
    @classmethod
    def count_up(cls, values: Any, handler: Any) -> Any:
        made = handler(values)
        made.count += 1
        return made


def no_more(value: int, info: pydantic.ValidationInfo) -> int:
    if value > info.data.get("most", 0):
        raise ValueError("this is too much")
    return value


class Siblings(BaseModel):
    most: int
    one: Annotated[int, AfterValidator(no_more)]
    many: list[Annotated[int, AfterValidator(no_more)]] = []
    perhaps: Annotated[int, AfterValidator(no_more)] | None = None
    free: Annotated[Any, PlainValidator(lambda value, info: [value, info.data.get("most", 0)])] = None
    named: dict[str, Annotated[int, AfterValidator(no_more), AfterValidator(lambda number: f"{number}")]] = {}
    hero: Hero | None = None

    @field_validator("hero", mode="after")
    @classmethod
    def check(cls, hero: Hero | None, info: pydantic.ValidationInfo) -> Hero | None:
        assert info.data.get("most", 0) != 13
        return hero


class OwnInit(BaseModel):
    name: str
    heroes: list[Hero] = []

    def __init__(self, **fields: Any) -> None:
        super().__init__(**{**fields, "name": f"{fields.get('name')}!"})


# Dataclasses, TypedDicts


@dataclasses.dataclass(kw_only=True, slots=True)
class Slotted:
    name: str
    heroes: list[Hero] = dataclasses.field(default_factory=list)
    length: int = dataclasses.field(init=False, default=0)

    def __post_init__(self) -> None:
        self.length = len(self.name)


@dataclasses.dataclass
class WithInitVar:
    x: int
    factor: dataclasses.InitVar[int] = 2
    lines: list[Line] = dataclasses.field(default_factory=list)

    def __post_init__(self, factor: int) -> None:
        self.x *= factor


@dataclasses.dataclass(frozen=True)
class Tree:
    label: str
    branches: list["Tree"] = dataclasses.field(default_factory=list)


@pydantic_dataclass(config=ConfigDict(strict=True))
class Rich:
    name: str = Field(alias="Name", min_length=1)
    heroes: list[Hero] = Field(default_factory=list)
    count: int = 3

    @field_validator("count")
    @classmethod
    def check(cls, count: int) -> int:
        return odd(count)


class Old(typing.TypedDict, total=False):
    title: Required[str]
    year: int
    heroes: list[Hero]


class Folder(typing_extensions.TypedDict):
    name: str
    folders: list["Folder"]
    note: NotRequired[str]


class Sealed(typing_extensions.TypedDict):
    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]
    name: str


# Unions


class Cat(BaseModel):
    kind: Literal["cat"]
    name: str
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"]
    name: Annotated[str, Field(min_length=2)]
    tricks: list[str] = []


class Poodle(BaseModel):
    kind: Literal["poodle"]
    colour: Literal["black"]
    name: str


class Whippet(BaseModel):
    kind: Literal["poodle"]
    colour: Literal["grey", "white"]
    name: Hero


class Sum(BaseModel):
    op: Literal["+"] = Field(alias="Op")
    of: list["Number"]


class Number(BaseModel):
    op: Literal["n"] = Field(alias="Op")
    number: int


Poodles = Annotated[Poodle | Whippet, Field(discriminator="colour")]


def kind_of(value: Any) -> str | None:
    return "cat" if isinstance(value, dict) and value.get("kind") == "cat" else "dog"


Json = TypeAliasType("Json", "Union[int, str, None, list[Json], dict[str, Json]]")
_TUPLE_WITH_AN_END = core_schema.tuple_schema(
    [core_schema.int_schema(), core_schema.str_schema(), core_schema.bool_schema()], variadic_item_index=1
)
Ages = TypeAliasType("Ages", dict[str, int])

REWRITING = {"stripped", "checked", "wrapped", "siblings", "own init", "with InitVar"}
"""Types whose own code changes the values of the JSON."""

READ_AGAIN = {
    "from deeper",
    "checked",
    "before",
    "wrapped",
    "siblings",
    "own init",
    "checked defaults",
    "plain union of others",
}
"""Types whose complete text is read again, so that their parts are not the objects that were shown before."""

TYPES: dict[str, Any] = {
    **PLAIN,
    "int": int,
    "float": float,
    "bool": bool,
    "None": None,
    "date": dt.date,
    "enum": Mood,
    "literal": Literal["a", "b", 1],
    "constrained": Annotated[int, Field(gt=3)],
    "scalars": Scalars,
    "list of decimals": list[decimal.Decimal],
    "list of dates or texts": list[dt.date | str],
    "constrained list": Annotated[list[int], Field(min_length=2)],
    "set": set[int],
    "frozenset": frozenset[str],
    "endless tuple": tuple[int, ...],
    "tuple with an end": Annotated[tuple, pydantic.GetPydanticSchema(lambda *_: _TUPLE_WITH_AN_END)],
    "sequence": Sequence[Hero],
    "mapping": Mapping[str, Hero],
    "deque": collections.deque[Hero],
    "bare list": list,
    "bare dict": list[dict],
    "dict of numbers": dict[int, Hero],
    "dict of dates": dict[dt.date, list[int]],
    "dict of enums": dict[Mood, Annotated[str, Field(max_length=12)]],
    "limited dict": Annotated[dict[str, Hero], Field(max_length=2)],
    "named tuple": Place,
    "named tuples": list[Place],
    "aliased": Aliased,
    "from deeper": list[FromDeeper],
    "by name": ByName,
    "strict": Strict,
    "stripped": list[Stripped],
    "allowing": list[Allowing],
    "allowing numbers": AllowingNumbers,
    "frozen": list[Frozen],
    "defaults": list[Defaults],
    "checked defaults": DefaultsChecked,
    "valued": Valued,
    "private": list[Private],
    "root model": Names,
    "root model of root models": Scores,
    "root model in a model": Box[Names],
    "root model of a str": list[Word],
    "checked": Checked,
    "before": list[Before],
    "wrapped": list[Wrapped],
    "siblings": list[Siblings],
    "own init": list[OwnInit],
    "left out": list[OnErrorOmit[int]],
    "slotted": list[Slotted],
    "with InitVar": list[WithInitVar],
    "tree": Tree,
    "pydantic dataclass": list[Rich],
    "old TypedDict": list[Old],
    "recursive TypedDict": Folder,
    "sealed TypedDict": list[Sealed],
    "optional answer": Optional[list[Hero]],
    "optional model": Optional[Hero],
    "scalar or model at the top": Union[int, str, Hero, None],
    "dict or model": Union[Hero, dict[str, int]],
    "any dict or nothing": Optional[dict[str, Any]],
    "discriminated": list[Annotated[Cat | Dog, Field(discriminator="kind")]],
    "discriminated in two steps": list[Annotated[Cat | Poodles, Field(discriminator="kind")]],
    "discriminated by a function": list[
        Annotated[Annotated[Cat, Tag("cat")] | Annotated[Dog, Tag("dog")], Discriminator(kind_of)]
    ],
    "discriminated by an alias": list[Annotated[Sum | Number, Field(discriminator="op")]],
    "plain union": list[Cat | Dog],
    "plain union of others": list[Hero | Point | Film],
    "left to right": list[Annotated[Hero | Allowing, Field(union_mode="left_to_right")]],
    "recursive alias": list[Json],
    "alias": list[Ages],
    "JSON in a str": list[pydantic.Json[list[int]]],
}
"""All types by a description."""


@functools.cache
def spec(name: str) -> AnswerSpec[Any]:
    return AnswerSpec(OutputType(TYPES[name], globals()))


# Answers, drawn from the JSON Schema of the type

_TEXTS = [
    "", "a", "cat", "good", 'he said "x", then', "[1] {", "2020-01-01", "  Ünï😀 \\", "line\nbreak", "```", "12", "bad", "quit",
]  # fmt: skip
_FORMATS = {
    "date": ["2020-01-11", "2024-02-29"],
    "date-time": ["2020-01-11T10:00:00Z", "2020-01-11 10:00:00.5"],
    "time": ["10:00:00", "23:59:59.5"],
    "duration": ["P1DT2H", "PT0.5S"],
    "uuid": ["12345678-1234-5678-1234-567812345678"],
    "uri": ["https://example.org/a?b=c"],
}


_NO_RULES: Mapping[str, Any] = {}
_made: dict[tuple[int, int], st.SearchStrategy[Any]] = {}  # the schemas live as long as the types


def _values(schema: Mapping[str, Any], definitions: Mapping[str, Any], depth: int = 0) -> st.SearchStrategy[Any]:
    key = (id(schema), depth)
    if key not in _made:
        _made[key] = _new_values(schema, definitions, depth)
    return _made[key]


def _new_values(schema: Mapping[str, Any], definitions: Mapping[str, Any], depth: int) -> st.SearchStrategy[Any]:
    if "$ref" in schema:
        return st.deferred(lambda: _values(definitions[schema["$ref"].rpartition("/")[2]], definitions, depth + 1))
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    for key in ("anyOf", "oneOf"):
        if key in schema:
            choices = schema[key]
            flat = [choice for choice in choices if choice.get("type") in ("null", "string", "integer", "number")]
            return st.one_of([_values(choice, definitions, depth) for choice in (depth > 4 and flat) or choices])
    kind = schema.get("type")
    if kind == "object":
        return _objects(schema, definitions, depth)
    if kind == "array":
        return _arrays(schema, definitions, depth)
    if "contentSchema" in schema:
        return _values(schema["contentSchema"], definitions, depth).map(json.dumps)
    if kind == "string":
        return st.sampled_from(
            _FORMATS.get(schema.get("format", ""), _TEXTS if "q" in schema.get("pattern", "q") else ["12.5"])
        )
    scalars: dict[Any, st.SearchStrategy[Any]] = {
        "integer": st.sampled_from([0, 1, 2, 3, 5, 7, 13, -1, 12345]) | st.integers(-(10**25), 10**25),
        "number": st.sampled_from([0, 1.5, 2, -3.25, 1e10, 1e-7]),
        "boolean": st.booleans(),
        "null": st.none(),
    }
    return scalars.get(kind, st.sampled_from([1, "x", [1, "two"], {"a": {"b": None}}, None, True, 2.5, [[], {}]]))


def _objects(schema: Mapping[str, Any], definitions: Mapping[str, Any], depth: int) -> st.SearchStrategy[Any]:
    if "properties" not in schema:
        additional = schema.get("additionalProperties")
        values = _values(additional if isinstance(additional, dict) else _NO_RULES, definitions, depth + 1)
        names = schema.get("propertyNames", {})
        if "$ref" in names:
            names = definitions[names["$ref"].rpartition("/")[2]]
        keys = st.sampled_from(names.get("enum") or _FORMATS.get(names.get("format"), ["1", "22", "03", "a b"]))
        if names.get("pattern") or "int" in str(names):
            keys = st.sampled_from(["1", "22"])
        return st.dictionaries(keys, values, max_size=3 if depth < 5 else 0)

    @st.composite
    def objects(draw: st.DrawFn) -> dict[str, Any]:
        required = schema.get("required", ())
        keys = [key for key in schema["properties"] if key in required or (depth < 6 and draw(st.integers(0, 3)))]
        if draw(st.integers(0, 3)) == 0:
            keys = draw(st.permutations(keys))
        made = {key: draw(_values(schema["properties"][key], definitions, depth + 1)) for key in keys}
        if draw(st.integers(0, 9)) == 0:
            made |= draw(st.sampled_from([{"extra": [1, {"x": "y"}]}, {"more": 5}]))
        elif schema.get("title") == "FromDeeper":  # a schema cannot express it
            made["names"] = ["a", 5]
        return made

    return objects()


def _arrays(schema: Mapping[str, Any], definitions: Mapping[str, Any], depth: int) -> st.SearchStrategy[Any]:
    if "prefixItems" in schema:
        first = schema["prefixItems"][: schema.get("minItems", 0)]
        exact = st.tuples(*[_values(item, definitions, depth + 1) for item in schema["prefixItems"]]).map(list)
        short = st.tuples(*[_values(item, definitions, depth + 1) for item in first]).map(list)
        return exact | short
    max_size = max(3 if depth < 4 else 1 if depth < 7 else 0, schema.get("minItems", 0))
    return st.lists(
        _values(schema.get("items", _NO_RULES), definitions, depth + 1),
        min_size=schema.get("minItems", 0),
        max_size=max_size,
    )


CLEAN = sorted(TYPES.keys() - {"tuple with an end"})  # the schema does not describe it
"""Types for which most answers that the schema allows are valid."""


@functools.cache
def values(name: str) -> st.SearchStrategy[Any]:
    """Return JSON values that the schema of a type allows; if it requires a wrapper, with and without it."""
    output_type = spec(name).output_type
    wrapped = _values(output_type.schema, output_type.schema.get("$defs", {}))
    if not output_type.is_wrapped:
        return wrapped
    return wrapped | wrapped.map(lambda value: value["value"])


@st.composite
def answers(draw: st.DrawFn, name: str, *, is_clean: bool = False) -> str:
    """Return an answer that a model may give for a type. A clean one is JSON only, without slips."""
    value = draw(values(name))
    if isinstance(value, dict) and not is_clean and not draw(st.integers(0, 9)):
        value = {**value, "value": 3}
    text = json.dumps(value, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, None, 2])))
    if is_clean:
        return text
    slips = draw(st.sampled_from([0, 0, 0, 0, 1, 2]))
    for _ in range(slips):
        start = draw(st.integers(0, len(text)))
        end = start + draw(st.sampled_from([0, 0, 1, 1, 3]))
        text = text[:start] + draw(st.sampled_from([*'x"1{]},: -', "null", "\\ud83d", '"value"', ""])) + text[end:]
    around = ["{}"] * 4 + [
        "Sure:\n```json\n{}\n```\nDone",
        "Here [1st] {}.",
        "[note] {} [1, 2]",
        "```\n{}\n```\n```\n{{}}",
    ]
    return draw(st.sampled_from(around)).format(text)


def one_shot(name: str, text: str) -> tuple[bool, Any]:
    """Return whether a complete answer is valid, and its value."""
    try:
        return True, spec(name).output_type.read(text)
    except OutputMismatch:
        return False, None


def same(one: Any, other: Any) -> bool:
    """Return True if two values are equal and have the same types, recursively."""
    if type(one) is not type(other):
        return False
    if isinstance(one, BaseModel):
        parts = ("__dict__", "__pydantic_extra__", "__pydantic_private__", "__pydantic_fields_set__")
        return all(same(getattr(one, part), getattr(other, part)) for part in parts)
    if dataclasses.is_dataclass(one):
        return all(same(getattr(one, f.name), getattr(other, f.name)) for f in dataclasses.fields(one))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple | collections.deque):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, set | frozenset):
        return sorted(map(repr, one)) == sorted(map(repr, other))
    return repr(one) == repr(other)


def keyed_parts(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the parts of a complete value with their keys, indices or names."""
    if isinstance(value, BaseModel):
        yield from value
    elif dataclasses.is_dataclass(value):
        yield from ((f.name, getattr(value, f.name)) for f in dataclasses.fields(value))
    elif isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list | tuple | collections.deque):
        yield from enumerate(value)
