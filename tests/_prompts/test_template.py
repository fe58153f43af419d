"""Templates: Jinja in a sandbox, ``{name}`` for known names only, and values that are never read as templates."""

import dataclasses
import datetime as dt
import decimal
import enum
import uuid

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from declarai_like._prompts import Prompt
from declarai_like._prompts.formatting import format_value
from declarai_like._prompts.template import Template
from declarai_like.errors import DeclarationError, PromptError


def fill(text, **values):
    return Template(text, list(values)).fill(values)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("Rate {movie}!", "Rate Up!"),
        ("{movie}{movie}", "UpUp"),
        ("{movies} {Movie} {} {0} { movie } {movie.name} {movie!r} {movie:>5}", None),
        ('{"movie": "{movie}", "tags": [{}], "nested": {"a": {"b": 1}}}', '{"movie": "Up", "tags": [{}], "nested": {"a": {"b": 1}}}'),
        ("{{movie}", "{Up"),
        ("{movie}}", "Up}"),
        ("f(x) = {x | x > 0}, {% of all", None),
        ("${movie} %(movie)s", "$Up %(movie)s"),
        ("no placeholder", None),
        ("", None),
    ],
)  # fmt: skip
def test_only_a_known_name_in_single_braces_is_a_placeholder(text, filled):
    assert fill(text, movie="Up") == (text if filled is None else filled)


def test_names_may_be_in_any_alphabet():
    assert fill("Оцени {фильм} {{ фильм }}", фильм="Up") == "Оцени Up Up"
    assert fill("Оцени {фильм}", фильм="Up") == "Оцени Up"


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("Rate {{ movie }} and {movie}, {other}", "Rate Up and Up, {other}"),
        ('{# a comment #}{"movie": "{movie}"}', '{"movie": "Up"}'),
        ("{% raw %}{movie} {{ movie }}{% endraw %} {movie}", "{movie} {{ movie }} Up"),
        ("{%- raw -%} {movie} {%- endraw -%} {movie}", "{movie}Up"),
        ("a { {%- raw -%} {movie} {%- endraw %}", "a {{movie}"),
        ("{% if movie %}\n{movie}\n{% endif %}\nend", "Up\nend"),
        ("{{ movie | upper }}{{ '{movie}' }}{# {movie} #}", "UP{movie}"),
        ("{% for n in range(3) %}{{ n }}{movie} {% endfor %}", "0Up 1Up 2Up "),
        ("{{ dict(a=movie) }}", '{"a":"Up"}'),
        (" {{ movie }} \n", " Up \n"),
    ],
)
def test_placeholders_are_filled_in_the_plain_parts_of_a_jinja_template_too(text, filled):
    assert fill(text, movie="Up") == filled


@pytest.mark.parametrize(
    "attack",
    [
        "{{ movie.__class__ }}",
        "{{ movie['__class__'] }}",
        "{{ movie | attr('__class__') }}",
        "{{ movie.__class__.__mro__[1].__subclasses__() }}",
        "{{ ''.__class__ }}{{ movie }}",
        "{{ '{0.__class__}'.format(movie) }}",
        "{{ movie.format.__globals__ }}",
    ],
)
def test_the_sandbox_refuses_the_internals_of_python(attack):
    with pytest.raises(PromptError, match="unsafe"):
        fill(attack, movie="Up")


def test_a_template_cannot_change_an_argument():
    movies = ["Up"]
    with pytest.raises(PromptError, match="unsafe"):
        fill("{{ movies.append('Heat') }}", movies=movies)
    assert movies == ["Up"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{{ movie.nothing }}", "has no attribute 'nothing'"),
        ("{{ movie['nothing'] }}", "has no attribute 'nothing'"),
        ("{% if movie.nothing %}x{% endif %}", "has no attribute 'nothing'"),
        ("{{ 1 // (movie | length) }}", "zero"),
    ],
)
def test_an_error_in_a_template_is_raised_at_the_call_and_names_the_function(text, reason):
    def rate(movie): ...

    rate.__doc__ = text
    with pytest.raises(PromptError, match=f"'rate' .*{reason}"):
        Prompt(rate).fill({"movie": ""})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{{ film }}", "uses 'film', but its parameters are 'movie'"),
        ("{% for m in films %}{{ m }}{% endfor %}", "uses 'films'"),
        ("{{ movie }}{% if film %}{% endif %}{{ zoo }}", "uses 'film', 'zoo'"),
        ("{{ lipsum() }}", "uses 'lipsum'"),
        ("{{ 1 + }}", "not a valid Jinja template, line 1: .*raw"),
        ("Rate\n{% if movie %}", "not a valid Jinja template, line 2"),
        ("{{ movie | shout }}", "No filter named 'shout'"),
        ("{% nonsense %}", "Encountered unknown tag 'nonsense'"),
        ('{{"a": 1, }: 2}}', "not a valid Jinja template"),
        ("{% include 'other' %}{{ movie }}", "includes or imports another"),
        ("{% extends movie %}", "includes or imports another"),
        ("{% from 'other' import it %}", "includes or imports another"),
    ],
)
@pytest.mark.parametrize("docstring", ["{}", "Rate it.\n\n:param movie: {}", "Rate it.\n\n:return: {}"])
def test_a_wrong_template_is_an_error_at_decoration_that_names_the_function(docstring, text, reason):
    def rate(movie): ...

    rate.__doc__ = docstring.replace("{}", text)
    with pytest.raises(DeclarationError, match=f"'rate' cannot become a task: its (text|template) .*{reason}"):
        Prompt(rate)


@pytest.mark.parametrize(
    "name", ["range", "dict", "loop", "super", "caller", "context", "environment", "_x", "l_0_x", "self_"]
)
def test_a_parameter_may_have_a_name_that_jinja_uses(name):
    template = Template(f"{{{{ {name} }}}} {{{name}}}", [name])
    assert template.used == {name}
    assert template.fill({name: "Up"}) == "Up Up"


VALUES = ["{{ 7*7 }}", "{movie}", "{other}", "{% raw %}", "{% endraw %}", "{# no comment #}", "{{", "%}", "\\1\\g<0>", "$", "<&>'\"", "a\r\nb\tc \n"]  # fmt: skip


@pytest.mark.parametrize(
    "docstring",
    ["Rate {movie}|{other}.", "Rate {{ movie }}|{other}.", "Rate {% if True %}{{ movie }}{% endif %}|{{ other }}."],
)
@given(movie=st.text() | st.sampled_from(VALUES), other=st.text() | st.sampled_from(VALUES))
@example(movie="{other}", other="{movie}")
@example(movie="{{ other }}", other="{{ movie }}")
@settings(deadline=None)
def test_any_text_is_unchanged_in_the_prompt(docstring, movie, other):
    def rate(movie: str, other: str) -> str: ...

    rate.__doc__ = docstring
    assert Prompt(rate).fill({"movie": movie, "other": other}) == f"Rate {movie}|{other}."


@given(movie=st.text() | st.sampled_from(VALUES))
@pytest.mark.parametrize("docstring", ["Rate it.", "{# Jinja #}Rate it."])
@settings(deadline=None)
def test_any_text_without_a_placeholder_is_appended_unchanged(docstring, movie):
    def rate(movie: str) -> str: ...

    rate.__doc__ = docstring
    assert Prompt(rate).fill({"movie": movie}) == f"Rate it.\n\n## movie (str)\n{movie}"


@given(movie=st.text() | st.sampled_from(VALUES))
@settings(deadline=None)
def test_any_text_is_unchanged_in_the_descriptions_of_parameters_and_the_return(movie):
    def rate(movie: str, other: int) -> str:
        """Rate it.

        :param other: a number for {movie}
        :return: a sentence on {{ movie }}
        """

    prompt = Prompt(rate).fill({"movie": movie, "other": 1})
    assert prompt == f"Rate it.\n\n## other (int): a number for {movie}\n1\n\n## Answer (str)\na sentence on {movie}"


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


class Film(BaseModel):
    title: str
    year: int | None = None


@dataclasses.dataclass
class Seat:
    row: str
    film: Film


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Up", "Up"),
        (5, "5"),
        (1.5, "1.5"),
        (10**30, "1" + "0" * 30),
        (True, "true"),
        (None, "null"),
        (Film(title="Ä {{ 7*7 }}"), '{"title":"Ä {{ 7*7 }}","year":null}'),
        (Seat("A", Film(title="Up", year=2009)), '{"row":"A","film":{"title":"Up","year":2009}}'),
        ([1, "a", None], '[1,"a",null]'),
        ((1, 2), "[1,2]"),
        ({3}, "[3]"),
        ({"a": [Film(title="Up")], 1: Colour.RED}, '{"a":[{"title":"Up","year":null}],"1":"red"}'),
        (Colour.RED, "red"),
        (Level.LOW, "1"),
        (dt.date(2026, 1, 2), "2026-01-02"),
        (dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC), "2026-01-02T03:04:05Z"),
        (decimal.Decimal("1.50"), "1.50"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (b"abc", "abc"),
    ],
)
def test_a_value_is_written_as_json_and_a_json_string_without_quotes(value, text):
    assert fill("{it}", it=value) == fill("{{ it }}", it=value) == text

    def task(it):
        "Do it."

    assert Prompt(task).fill({"it": value}) == f"Do it.\n\n## it\n{text}"


def test_jinja_gets_the_value_itself_and_writes_its_parts_in_the_same_way():
    seats = [Seat("A", Film(title="Up")), Seat("B", Film(title="Heat"))]
    assert fill("{% for s in seats %}{{ s.row }}: {{ s.film }} {% endfor %}", seats=seats) == (
        'A: {"title":"Up","year":null} B: {"title":"Heat","year":null} '
    )


def endless():
    value = []
    value.append(value)
    return value


@pytest.mark.parametrize("value", [object(), b"\xff", endless(), lambda: 0, ["\ud800"], {"x": object()}])
def test_a_value_without_a_json_form_is_an_error_that_names_the_parameter_and_its_type(value):
    def appended(it):
        "Do it."

    def placed(it):
        "Do {it}."

    for function in appended, placed:
        with pytest.raises(PromptError, match=rf"'{function.__name__}' .*'it' is of type {type(value).__name__}"):
            Prompt(function).fill({"it": value})
    with pytest.raises(PromptError, match=f"is of type {type(value).__name__}"):
        fill("{{ it }}", it=value)


@given(st.text())
@settings(deadline=None)
def test_an_instance_of_a_subclass_of_str_is_text(text):
    class Safe(str):
        __slots__ = ()

    assert format_value(Safe(text)) == text
