"""Prompts of functions: the text that is sent to the model, and the functions that are refused."""

import dataclasses
import functools
import inspect
import json
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

import declarai_like as declarai
from declarai_like._prompts import Prompt, ask_for_json, magic
from declarai_like.errors import DeclarationError, PromptError


class Hero(BaseModel):
    name: str
    powers: list[str] = []


def rank(message: str, scale: int = 5) -> int:
    """Rank how urgent the message is.

    :param message: what the customer wrote
    :param scale: the highest rank
    :return: 1 for not urgent, up to the scale
    """
    return magic(message)


def test_the_prompt_has_everything_that_is_declared():
    prompt = Prompt(rank)
    assert prompt.fill({"message": "The server is down!", "scale": 5}) == inspect.cleandoc("""
        Rank how urgent the message is.

        ## message (str): what the customer wrote
        The server is down!

        ## scale (int): the highest rank
        5

        ## Answer (int)
        1 for not urgent, up to the scale
    """)


def test_its_template_has_names_in_place_of_the_values():
    assert Prompt(rank).template == inspect.cleandoc("""
        Rank how urgent the message is.

        ## message (str): what the customer wrote
        {message}

        ## scale (int): the highest rank
        {scale}

        ## Answer (int)
        1 for not urgent, up to the scale
    """)


def test_a_parameter_that_the_text_uses_is_explained_and_not_repeated():
    def rank(message: str, scale: int, tone: str) -> str:
        """Rank {message} up to {{ scale }}.

        :param message: what the customer wrote
        """

    prompt = Prompt(rank).fill({"message": "Help!", "scale": 5, "tone": "kind"})
    assert (
        prompt
        == "Rank Help! up to 5.\n\n- message (str): what the customer wrote\n- scale (int)\n\n## tone (str)\nkind"
    )


def test_a_parameter_that_another_description_uses_is_not_repeated():
    def rank(message: str, scale: int) -> str:
        """Rank it.

        :param message: of a customer, to be ranked up to {scale}
        """

    assert Prompt(rank).fill({"message": "Help!", "scale": 5}) == (
        "Rank it.\n\n- scale (int)\n\n## message (str): of a customer, to be ranked up to 5\nHelp!"
    )


def test_white_space_at_the_end_of_a_value_is_kept():
    def title(text: str) -> str:
        """Find a title.

        :return: a title for {text}
        """

    assert Prompt(title).fill({"text": "rain \n\n"}).endswith("a title for rain \n\n")


@pytest.mark.parametrize("docstring", ["{text}", "{{ text }}", "Do it."])
def test_a_lone_surrogate_is_an_error(docstring):
    def title(text: str) -> str: ...

    title.__doc__ = docstring
    with pytest.raises(PromptError, match=r"'title' .*'\\ud83d'.* surrogates not allowed"):
        Prompt(title).fill({"text": "\ud83d"})
    assert "\U0001f600" in Prompt(title).fill({"text": "\U0001f600"})


def test_a_task_that_returns_text_has_no_schema():
    def praise(movie):
        "Praise {movie}"

    prompt = Prompt(praise)
    assert prompt.fill({"movie": "Up"}) == "Praise Up"
    assert prompt.output_type.is_text


def test_the_limits_of_a_constrained_str_are_in_the_prompt():
    def name(movie: str) -> Annotated[str, Field(max_length=5, pattern="^[a-z]+$")]:
        """Name it."""

    assert Prompt(name).template.endswith("## Answer (str, maxLength 5, pattern ^[a-z]+$)")


def test_defaults_positional_and_keyword_arguments_work_as_in_the_function():
    task = declarai.offline().task(rank)
    (message,) = task.compile("Help!", 5)
    assert task.compile("Help!") == task.compile(message="Help!") == task.compile(scale=5, message="Help!") == [message]
    assert "\n7\n" in task.compile("Help!", scale=7)[0].content
    with pytest.raises(TypeError, match=r"rank\(\) missing a required argument: 'message'"):
        task.compile()
    with pytest.raises(TypeError, match=r"rank\(\) got an unexpected keyword argument 'sacle'"):
        task.compile("Help!", sacle=1)


def test_positional_only_and_keyword_only_parameters_work():
    def rank(message, /, scale=5, *, tone):
        "Rank {message} of {scale}, {tone}"

    assert declarai.offline().task(rank).compile("Help!", tone="kind")[0].content == "Rank Help! of 5, kind"


def test_models_and_dataclasses_among_the_arguments_are_written_as_json():
    @dataclasses.dataclass
    class Film:
        title: str
        lead: Hero

    def review(film: Film, extras: list[Hero]) -> str:
        """Review it."""

    hero = Hero(name="Carl", powers=["patience"])
    assert Prompt(review).fill({"film": Film("Up", hero), "extras": [hero]}) == (
        'Review it.\n\n## film (Film)\n{"title":"Up","lead":{"name":"Carl","powers":["patience"]}}'
        '\n\n## extras (list[Hero])\n[{"name":"Carl","powers":["patience"]}]'
    )


class Critic:
    taste = "good"

    def rate(self, film: str) -> str:
        """With {{ self.taste }} taste, rate {film}."""

    def plain(self, film: str) -> str:
        """Rate it."""

    @classmethod
    def of_the_class(cls, film: str) -> str:
        """Rate it with {{ cls.taste }} taste."""


def test_a_method_can_use_its_object_which_is_not_in_the_prompt():
    assert Prompt(Critic.rate).fill({"self": Critic(), "film": "Up"}) == "With good taste, rate Up."
    assert Prompt(Critic.plain).fill({"self": Critic(), "film": "Up"}) == "Rate it.\n\n## film (str)\nUp"
    assert Prompt(Critic.plain).name == "Critic.plain"


def test_methods_class_methods_and_static_methods_become_tasks():
    model = declarai.offline(lambda messages: messages[-1]["content"])

    class Reviewer(Critic):
        @model.task
        def judge(self, film: str) -> str:
            """Judge it with {{ self.taste }} taste."""

        @classmethod
        @model.task
        def of_class(cls, film: str) -> str:
            """Judge it with {{ cls.taste }} taste."""

        @staticmethod
        @model.task
        def of_none(film: str) -> str:
            """Judge it."""

    with_taste = "Judge it with good taste.\n\n## film (str)\nUp"
    assert Reviewer().judge("Up") == with_taste
    assert Reviewer.judge(Reviewer(), "Up") == with_taste
    assert Reviewer.of_class("Up") == Reviewer().of_class("Up") == with_taste
    assert Reviewer.of_none("Up") == Reviewer().of_none("Up") == "Judge it.\n\n## film (str)\nUp"


def test_a_nested_function_is_named_without_the_enclosing_function():
    class Nested:
        def rate(self):
            "Rate."

    assert Prompt(Nested.rate).name == "Nested.rate"


def test_a_wrapped_function_keeps_its_signature():
    @functools.wraps(rank)
    def wrapper(*args, **kwargs):
        return rank(*args, **kwargs)

    assert Prompt(wrapper).template == Prompt(rank).template
    assert Prompt(wrapper).fill({"message": "Help!", "scale": 5}) == Prompt(rank).fill({"message": "Help!", "scale": 5})


async def yields_later(film):
    "Rate."
    yield film


def yields(film):
    "Rate."
    yield magic(film)


def many(*films: str):
    "Rate."


def named(film, **more: Any):
    "Rate."


REFUSED = {
    "a lambda": (lambda film: film, r"'<lambda>' .*it is a lambda, .*use def"),
    "a nested lambda": ((lambda: lambda film: film)(), r"'<lambda>' .*it is a lambda"),
    "a generator": (yields, "'yields' .*its body yields; .*use streaming=True"),
    "an async generator": (yields_later, "'yields_later' .*its body yields"),
    "*args": (many, r"'many' .*it takes '\*films: str', .*take a list or a dict instead"),
    "**kwargs": (named, r"'named' .*it takes '\*\*more: Any'"),
    "a class": (Hero, "'Hero' .*it is a ModelMetaclass; a task must be a function"),
    "a builtin": (len, "'len' .*it is a builtin_function_or_method"),
    "a partial": (functools.partial(rank, "x"), "it is a partial"),
    "a bound method": (Critic().rate, "'Critic.rate' .*it is a method"),
    "a static method": (staticmethod(rank), "'rank' .*it is a staticmethod; put @staticmethod above"),
    "a class method": (Critic.__dict__["of_the_class"], "'Critic.of_the_class' .*it is a classmethod; put @classmethod above"),
    "a string": ("rank", "it is a str"),
    "a task": (declarai.offline().task(rank), "'rank' .*it is a Task"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_become_a_task_is_refused_with_its_name_and_the_reason(kind):
    function, reason = REFUSED[kind]
    with pytest.raises(DeclarationError, match=reason):
        Prompt(function)
    with pytest.raises(DeclarationError, match="cannot become a task"):
        declarai.offline().task(function)


def test_a_wrong_declaration_is_also_a_type_error():
    with pytest.raises(TypeError):
        Prompt(many)


def test_the_instruction_to_answer_in_json_has_the_schema():
    def heroes(movie: str) -> list[Hero]:
        """List the heroes."""

    output_type = Prompt(heroes).output_type
    instruction = ask_for_json(output_type)
    assert instruction.startswith("Answer with JSON only")
    _, _, schema = instruction.partition("\n")
    assert json.loads(schema) == output_type.schema
