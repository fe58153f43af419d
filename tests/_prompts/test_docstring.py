"""Docstrings of every style reach the model complete: the fields are parsed, all other text is unchanged."""

import inspect
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from declarai_like._prompts import Prompt
from declarai_like._prompts.docstring import parse_docstring
from declarai_like.errors import DeclarationError


def rest(message, scale):
    """Rank how urgent it is.

    :param str message: what the customer wrote
    :param scale: the highest rank
    :type scale: int
    :return: 1 for not urgent, up to the scale
    :raises ValueError: never
    """


def google(message, scale):
    """Rank how urgent it is.

    Args:
        message (str): what the customer wrote
        scale (int): the highest rank

    Returns:
        1 for not urgent, up to the scale

    Raises:
        ValueError: never
    """


def numpy(message, scale):
    """Rank how urgent it is.

    Parameters
    ----------
    message : str
        what the customer wrote
    scale : int
        the highest rank

    Returns
    -------
    1 for not urgent, up to the scale

    Raises
    ------
    ValueError
        never
    """


def epydoc(message, scale):
    """Rank how urgent it is.

    @param message: what the customer wrote
    @type message: str
    @param scale: the highest rank
    @type scale: int
    @return: 1 for not urgent, up to the scale
    @raise ValueError: never
    """


@pytest.mark.parametrize("function", [rest, google, numpy, epydoc])
def test_each_style_brings_descriptions_types_and_the_return_to_the_prompt(function):
    assert Prompt(function).fill({"message": "The server is down!", "scale": 5}) == inspect.cleandoc("""
        Rank how urgent it is.

        ## message (str): what the customer wrote
        The server is down!

        ## scale (int): the highest rank
        5

        ## Answer (str)
        1 for not urgent, up to the scale
    """)


@pytest.mark.parametrize(
    "text",
    [
        "Go.\n\n:param url: like http://x:80\n:return: a: b",
        "Go.\n\nArgs:\n    url: like http://x:80\n\nReturns:\n    a: b",
        "Go.\n\nParameters\n----------\nurl\n    like http://x:80\n\nReturns\n-------\na: b",
        "Go.\n\n@param url: like http://x:80\n@return: a: b",
    ],
)
def test_colons_in_a_description_are_plain_text(text):
    parts = parse_docstring(text, ["url"])
    assert (parts.instruction, parts.params, parts.returns) == ("Go.", {"url": "like http://x:80"}, "a: b")


@pytest.mark.parametrize(
    "text",
    [
        ":param text: first\n  second\n\n  third\nAfter it: more",
        ":param text: first\nsecond\n\n    third\n\nAfter it: more",
        "Args:\n    text: first\n        second\n\n        third\n\nAfter it: more",
        "Args:\n    text:\n        first\n        second\n\n        third\n\nAfter it: more",
        "Parameters\n----------\ntext : str\n    first\n    second\n\n    third\n\nAfter it: more",
        "Parameters\n----------\ntext: str\n    first\n    second\n\n    third\n\nAfter it: more",
        "@param text: first\n    second\n\n    third\n\nAfter it: more",
    ],
)
def test_a_description_may_span_lines_and_paragraphs_and_the_text_after_it_is_kept(text):
    parts = parse_docstring(f"Do it.\n\n{text}", ["text"])
    words = parts.params["text"].split() + parts.instruction.split()
    assert sorted(words) == sorted("Do it. first second third After it: more".split())
    assert parts.params["text"].startswith("first\nsecond\n\nthird")


@pytest.mark.parametrize(
    "field",
    [
        ":param {}: the text",
        "Args:\n    {}: the text",
        "Parameters\n----------\n{}\n    the text",
        "@param {}: the text",
    ],
)
def test_sections_that_no_parser_knows_and_examples_and_notes_stay_in_the_instruction(field):
    kept = (
        "Find the names in it.\nOnly people, no places.\n\n"
        'Examples:\n    >>> names("Ann met Bo")\n    ["Ann", "Bo"]\n\n'
        "Notes\n-----\nTitles are not names: leave out Dr.\n\n"
        "Note:\n    A name is given once."
    )
    assert parse_docstring(f"{kept}\n\n{field.format('text')}", ["text"]).instruction == kept
    before, after = kept.split("\n\n", 1)
    assert parse_docstring(f"{before}\n\n{field.format('text')}\n\n{after}", ["text"]).instruction == kept


@pytest.mark.parametrize(
    "text",
    [
        'Answer like this:\n{"name": "Ann", "tags": [{"a": ":b"}]}',
        "Write the CSS rule\n:root { color: red; }\n:hover::before { top: 0 }",
        ":-) is a smile, what is\n:-( ?",
        "Explain this code:\n\n@dataclass\nclass A:\n    b: int = 1  # c: d\n\ndef f(x): return x",
        "Translate\n: to be : or not",
        "What does it mean?\nThe field `:param x:` mean in\n    :param x: the x",
        "Explain the flags\n\nArguments:\n    --verbose: says more\n    --quiet: says less",
        "Rules\n-----\n1. be brief: one word\n2. be kind",
        "Parameters:\nnone at all",
        "Answer with\nArgs:\n    no list, but prose",
        "a: b\n\n\n\n  c: d\n@ e",
        "param x: y\nReturns: one word",
    ],
)
def test_text_that_only_looks_like_fields_is_unchanged(text):
    parts = parse_docstring(text, ["message"])
    assert parts.instruction == text
    assert not parts.params
    assert not parts.returns


def test_lines_that_begin_with_a_colon_beside_real_fields_are_unchanged():
    parts = parse_docstring("Rate it.\n\n:-) is good\n:param text: it\n:-( is bad\n\nBe fair: no spite", ["text"])
    assert parts.instruction == "Rate it.\n\n:-) is good\n\n:-( is bad\n\nBe fair: no spite"
    assert parts.params == {"text": "it"}


def test_json_in_the_description_of_the_return_is_kept():
    parts = parse_docstring('Do it.\n\nReturns:\n    {"a": 1, "b": {"c": 2}}', [], "dict[str, int]")
    assert parts.returns == '{"a": 1, "b": {"c": 2}}'


@pytest.mark.parametrize(
    "returns",
    [
        ":return: the rank",
        ":returns int: the rank",
        ":return: the rank\n:rtype: int",
        "Returns:\n    int: the rank",
        "Returns:\n    the rank",
        "Returns\n-------\nint\n    the rank",
        "@return: the rank\n@rtype: int",
    ],
)
def test_the_return_type_is_not_repeated(returns):
    assert parse_docstring(f"Do it.\n\n{returns}", [], "int").returns == "the rank"


def test_signs_before_a_colon_are_not_a_type():
    assert (
        parse_docstring("Do it.\n\n:return: []: where nothing is found", [], "list[int]").returns
        == "[]: where nothing is found"
    )


def test_the_names_in_what_is_returned_are_kept():
    text = "Do it.\n\nReturns\n-------\nwidth : int\n    from left\nheight : int\n    from below"
    assert (
        parse_docstring(text, [], "tuple[int, int]").returns
        == "width : int\n    from left\nheight : int\n    from below"
    )


@pytest.mark.parametrize(
    ("text", "type"),
    [
        (":param dict[str, int] scores: of each", "dict[str,int]"),
        (":param int | None scores: of each", "int|None"),
        (":param scores: of each\n:type scores: dict[str, int]", "dict[str, int]"),
        ("Args:\n    scores (dict[str, int], optional): of each", "dict[str, int]"),
        ("Parameters\n----------\nscores : dict[str, int], optional\n    of each", "dict[str, int]"),
    ],
)
def test_types_of_more_than_one_word_are_read(text, type):
    parts = parse_docstring(f"Do it.\n\n{text}", ["scores"])
    assert (parts.types, parts.params) == ({"scores": type}, {"scores": "of each"})


def test_numpy_can_describe_several_parameters_at_once():
    parts = parse_docstring("Do it.\n\nParameters\n----------\nx, y : int\n    a point", ["x", "y"])
    assert parts.params == {"x": "a point", "y": "a point"}


def test_an_annotation_wins_over_the_type_in_the_docstring():
    def rank(scale: float):
        """Rank it.

        :param int scale: the highest rank
        """

    assert "## scale (float): the highest rank" in Prompt(rank).template


@pytest.mark.parametrize(
    "field",
    [
        ":param film: the film",
        "Args:\n        film: the film",
        "Parameters\n    ----------\n    film : str\n        the film",
        "@param film: the film",
    ],
)
def test_a_parameter_that_the_function_does_not_have_is_an_error_that_names_both(field):
    def describe_movie(movie): ...

    describe_movie.__doc__ = f"Describe it.\n\n    {field}\n    "
    with pytest.raises(DeclarationError, match=r"'describe_movie' .* describes 'film', but its parameters are 'movie'"):
        Prompt(describe_movie)


def test_no_docstring_is_an_empty_one():
    assert parse_docstring(None, []) == parse_docstring("", [])


@pytest.mark.parametrize(
    "text", [":param", ":param:", ":return:", "Args:", "Args:\n", "Parameters\n----\n", "@", "---"]
)
def test_a_field_without_a_description_is_not_an_error(text):
    parts = parse_docstring(text, ["x"])
    assert not parts.unknown


PIECES = [
    ":param x: one",
    ":type x: two",
    ":return: three",
    ":-) four",
    "@param x: five",
    "Args:",
    "    x: six",
    "    x (int): seven",
    "    eight",
    "Returns:",
    "Parameters",
    "----------",
    "x : nine",
    "Notes",
    "-----",
    "",
    "  ",
    '{"ten": 1}',
    "eleven: twelve",
]


@given(st.lists(st.sampled_from(PIECES), unique=True))
@settings(deadline=None)
def test_a_docstring_is_never_an_error_and_no_word_of_it_is_lost(lines):
    parts = parse_docstring("\n".join(["Go.", *lines]), ["x"], "Hero")
    sent = [parts.instruction, *parts.params.values(), *parts.types.values(), parts.returns]
    found = set(re.findall(r"\w+", " ".join(sent)))
    markers = {"param", "type", "return", "Args", "Returns", "Parameters"}  # they only mark a field
    assert set(re.findall(r"\w+", "\n".join(lines))) <= found | markers | {"x", *parts.unknown}


@given(st.text(alphabet=":@-\n \t{}ax"))
@settings(deadline=None)
def test_random_text_is_never_an_error(text):
    parse_docstring(text, ["x"])
