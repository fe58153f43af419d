"""Signatures whose annotations are strings, because of this module's ``from __future__ import annotations``."""

from __future__ import annotations

import dataclasses
import enum
import json
import typing
from typing import Annotated, Any, NamedTuple, NotRequired, Optional, Required, TypedDict

import pytest
from pydantic import BaseModel, Field
from typing_extensions import Doc

import declarai_like as declarai
from declarai_like._output.output_type import OutputMismatch
from declarai_like._prompts import Prompt
from declarai_like.errors import DeclarationError

if typing.TYPE_CHECKING:
    from decimal import Decimal


class Film(BaseModel):
    title: str


class Mood(enum.Enum):
    GOOD = "good"
    BAD = "bad"


def value(prompt, value):
    return prompt.output_type.read(json.dumps({"value": value}))


def test_a_function_of_the_module():
    def describe(title: str, mood: Mood = Mood.GOOD, years: Optional[list[int]] = None) -> Film:
        """Describe it."""

    prompt = Prompt(describe)
    assert [parameter.type for parameter in prompt.signature.parameters] == ["str", "one of 'good', 'bad'", "list[int] | None"]  # fmt: skip
    assert prompt.output_type.read('{"title": "Up"}') == Film(title="Up")


def test_a_nested_function_with_types_of_the_enclosing_functions():
    class Actor(BaseModel):
        name: str

    def inner():
        class Role(BaseModel):
            name: str
            actor: Actor

        def cast(film: str, lead: Role) -> list[Role]:
            """List the roles."""

        return Prompt(cast), Role

    prompt, role = inner()
    assert [parameter.type for parameter in prompt.signature.parameters] == ["str", "Role"]
    assert value(prompt, [{"name": "Carl", "actor": {"name": "Ed"}}]) == [role(name="Carl", actor=Actor(name="Ed"))]


def test_the_innermost_of_two_enclosing_names_wins():
    class Role(BaseModel):
        outer: str

    def inner():
        class Role(BaseModel):
            inner: str

        def cast() -> Role:
            """Find the role."""

        return Prompt(cast).output_type

    assert inner().read('{"inner": "x"}').inner == "x"


def test_required_and_not_required_keys():
    class Film(TypedDict, total=False):
        title: Required[str]
        year: int
        seen: NotRequired[bool]

    def find() -> Film:
        """Find it."""

    output_type = Prompt(find).output_type
    assert output_type.read('{"title": "Up"}') == {"title": "Up"}
    assert output_type.schema["required"] == ["title"]
    with pytest.raises(OutputMismatch, match="^title: Field required"):
        output_type.read('{"year": 2009}')


def test_local_types_that_only_name_each_other():
    @dataclasses.dataclass
    class Actor:
        name: str

    class Town(NamedTuple):
        name: str

    class Credit(TypedDict):
        actor: Actor
        town: Town

    @dataclasses.dataclass
    class Cast:
        credits: list[Credits]

    class Credits(typing.NamedTuple):
        all: dict[str, Actor]

    def cast(film: str) -> tuple[Cast, Credit]:
        """Find the cast."""

    answer = [{"credits": [[{"Carl": {"name": "Ed"}}]]}, {"actor": {"name": "Ed"}, "town": ["LA"]}]
    read = value(Prompt(cast), answer)
    assert read == (Cast([Credits({"Carl": Actor("Ed")})]), {"actor": Actor("Ed"), "town": Town("LA")})


def test_a_local_type_hides_one_of_the_module_with_the_same_name():
    class Film(BaseModel):
        year: int

    def describe() -> Film:
        """Describe it."""

    assert Prompt(describe).output_type.read('{"year": 2009}') == Film(year=2009)


def test_the_names_of_the_caller_are_not_names_of_the_function():
    def find() -> Film:
        """Find it."""

    def decorate(Film):
        return Prompt(find)

    assert decorate(int).output_type.read('{"title": "Up"}') == Film(title="Up")


def test_a_method_sees_the_types_of_its_class():
    class Critic:
        class Verdict(BaseModel):
            stars: int

        def rate(self, film: str) -> Verdict:
            """Rate it."""

        verdict = Prompt(rate)

    assert Critic.verdict.output_type.read('{"stars": 3}') == Critic.Verdict(stars=3)


def test_a_local_type_of_a_decorated_nested_async_function():
    model = declarai.offline([{"stars": 3}])

    def make():
        class Verdict(BaseModel):
            stars: int

        @model.task
        async def rate(film: str) -> Verdict:
            """Rate it."""

        @model.task
        def rate_now(film: str) -> Verdict:
            """Rate it."""

        return Verdict, rate_now

    verdict, rate_now = make()
    assert rate_now("Up") == verdict(stars=3)


@pytest.mark.slow
def test_local_names_are_not_kept_alive():
    import gc
    import weakref

    class Heavy: ...

    def make():
        heavy = Heavy()

        def rate(film: str) -> list[int]:
            """Rate it."""

        return Prompt(rate), weakref.ref(heavy)

    prompt, heavy = make()
    gc.collect()
    assert heavy() is None
    assert prompt.name == "rate"


def test_an_unresolvable_return_type_is_an_error_that_names_the_function_and_the_type():
    def price() -> Decimal:
        """Guess the price."""

    with pytest.raises(
        DeclarationError, match=r"'price' cannot become a task: its return type 'Decimal' cannot be resolved"
    ):
        Prompt(price)

    def prices() -> list[Prices]:
        """Guess the prices."""

    with pytest.raises(DeclarationError, match=r"'prices' .*define or import what it names before the function"):
        Prompt(prices)

    @dataclasses.dataclass
    class Bill:
        total: Decimal

    def bill() -> list[Bill]:
        """Guess the bill."""

    with pytest.raises(DeclarationError, match=r"'bill' .*return type list\[Bill\] .*Decimal"):
        Prompt(bill)


def test_an_unresolvable_type_of_a_parameter_is_kept_as_text():
    def round_up(price: Decimal | None) -> int:
        """Round it up."""

    assert "## price (Decimal | None)" in Prompt(round_up).template


def test_descriptions_in_annotated_are_in_the_prompt():
    def rate(
        film: Annotated[str, "what was seen"],
        scale: Annotated[int, Field(gt=0, description="the best mark")],
        critic: Annotated[str, Doc("whose taste")],
        mood: Annotated[Mood, object()],
    ) -> Annotated[int, "a fair mark"]:
        """Rate it."""

    template = Prompt(rate).template
    assert "## film (str): what was seen\n{film}" in template
    assert "## scale (int): the best mark\n{scale}" in template
    assert "## critic (str): whose taste\n{critic}" in template
    assert "## mood (one of 'good', 'bad')\n{mood}" in template
    assert template.endswith("## Answer (int)\na fair mark")


def test_the_docstring_takes_precedence_over_annotated():
    def rate(film: Annotated[str, "of Annotated"]) -> Annotated[int, "of Annotated"]:
        """Rate it.

        :param film: of the docstring
        :return: of the docstring
        """

    assert "of Annotated" not in Prompt(rate).template


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        ("int", "int"),
        ("None", "None"),
        ("Any", "Any"),
        ("list", "list"),
        ("typing.List", "list"),
        ("typing.List[int]", "list[int]"),
        ("dict[str, list[Film]]", "dict[str, list[Film]]"),
        ("tuple[int, ...]", "tuple[int, ...]"),
        ("tuple[()]", "tuple[()]"),
        ("int | None", "int | None"),
        ("Optional[int]", "int | None"),
        ("typing.Union[int, 'Film']", "int | Film"),
        ("typing.Literal['a', 1, Mood.BAD]", "Literal['a', 1, 'bad']"),
        ("list[Mood]", "list[one of 'good', 'bad']"),
        ("Annotated[list[int], 'x']", "list[int]"),
        ("list['Unknown']", "list['Unknown']"),
    ],
)
def test_a_type_is_written_as_its_author_would_write_it(annotation, text):
    def do(it):
        "Do it."

    do.__annotations__["it"] = annotation
    assert Prompt(do).signature.parameters[0].type == text


def test_arguments_are_bound_as_in_a_call():
    def rate(film: str, /, scale: int = 5, *, mood: Mood = Mood.GOOD) -> int:
        """Rate it."""

    bind = Prompt(rate).signature.bind
    assert bind(("Up",), {}) == {"film": "Up", "scale": 5, "mood": Mood.GOOD}
    assert bind(("Up", 3), {"mood": Mood.BAD}) == {"film": "Up", "scale": 3, "mood": Mood.BAD}
    assert bind(("Up",), {"scale": 3}) == {"film": "Up", "scale": 3, "mood": Mood.GOOD}


@pytest.mark.parametrize(
    ("args", "kwargs", "reason"),
    [
        ((), {}, "missing a required argument: 'film'"),
        (("Up", 1, 2), {}, "too many positional arguments"),
        (("Up",), {"film": "Heat"}, "multiple values for argument 'film'"),
        (("Up",), {"year": 1}, "got an unexpected keyword argument 'year'"),
    ],
)
def test_arguments_that_do_not_fit_are_a_type_error_that_names_the_function(args, kwargs, reason):
    class Critic:
        def rate(film: Any, scale: int = 5) -> int:
            """Rate it."""

    with pytest.raises(TypeError, match=rf"^Critic\.rate\(\) {reason}"):
        Prompt(Critic.rate).signature.bind(args, kwargs)
