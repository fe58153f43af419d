"""``magic(...)`` in a task's body: as a placeholder, and as a replacement of the docstring for one call."""

import inspect

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import declarai_like as declarai
from declarai_like._prompts import Magic, Prompt, magic
from declarai_like.errors import PromptError


def filled(function, **arguments):
    return Prompt(function).fill(arguments)


def docstring_only(film: str, scale: int) -> int:
    """Rate the film.

    :param film: its title
    :param scale: the best mark
    :return: a mark
    """


def ellipsis(film: str, scale: int) -> int: ...


def returns_ellipsis(film: str, scale: int) -> int:
    return ...


def returns_none(film: str, scale: int) -> int:
    return None


def bare(film: str, scale: int) -> int:
    return magic()


def positional(film: str, scale: int) -> int:
    return declarai.magic(film, scale)


async def later(film: str, scale: int) -> int:
    return magic(film)


def returns_a_coroutine(film: str, scale: int) -> int:
    return later(film, scale)


PLACEHOLDERS = [ellipsis, returns_ellipsis, returns_none, bare, positional, later, returns_a_coroutine]
for function in PLACEHOLDERS:
    function.__doc__ = docstring_only.__doc__


@pytest.mark.parametrize("function", PLACEHOLDERS, ids=lambda function: function.__name__)
def test_a_placeholder_leaves_the_docstring_unchanged(function):
    assert filled(function, film="Up", scale=5) == filled(docstring_only, film="Up", scale=5)


def test_the_keywords_replace_the_docstring_and_its_parts():
    def rate(film: str, scale: int) -> int:
        """Not sent.

        :param film: not sent
        :param scale: the best mark
        :return: not sent
        """
        return magic(description="Rate the film.", params={"film": "its title"}, returns="a mark")

    assert filled(rate, film="Up", scale=5) == filled(docstring_only, film="Up", scale=5)


def test_the_keywords_replace_a_missing_docstring():
    def rate(film: str, scale: int) -> int:
        return magic(
            description="Rate the film.", params={"film": "its title", "scale": "the best mark"}, returns="a mark"
        )

    assert filled(rate, film="Up", scale=5) == filled(docstring_only, film="Up", scale=5)


@pytest.mark.parametrize(
    ("keywords", "prompt"),
    [
        ({"description": "Judge it."}, "Judge it.\n\n## film (str): its title\nUp\n\n## Answer (str)\na mark"),
        ({"params": {"film": "a name"}}, "Rate Up.\n\n- film (str): a name\n\n## Answer (str)\na mark"),
        ({"params": {"film": ""}}, "Rate Up.\n\n## Answer (str)\na mark"),
        ({"returns": "a word"}, "Rate Up.\n\n- film (str): its title\n\n## Answer (str)\na word"),
        ({"returns": ""}, "Rate Up.\n\n- film (str): its title"),
    ],
)
def test_parts_without_a_keyword_come_from_the_docstring(keywords, prompt):
    def rate(film: str) -> str:
        """Rate {film}.

        :param film: its title
        :return: a mark
        """
        return magic(**keywords)

    assert filled(rate, film="Up") == prompt


def test_the_body_runs_at_each_call_with_the_arguments():
    def rate(film: str, /, *, polite: bool = True) -> str:
        return magic(description=f"Rate {film}{', please' if polite else ''}.")

    prompt = Prompt(rate)
    assert prompt.fill({"film": "Up", "polite": True}).startswith("Rate Up, please.")
    assert prompt.fill({"film": "Heat", "polite": False}).startswith("Rate Heat.")


def test_the_body_of_a_method_gets_its_object():
    class Critic:
        taste = "good"

        def rate(self, film: str) -> str:
            return magic(description=f"Rate it with {self.taste} taste.")

    assert filled(Critic.rate, self=Critic(), film="Up") == "Rate it with good taste.\n\n## film (str)\nUp"


@given(st.text(min_size=1).filter(str.strip))
@settings(deadline=None)
def test_its_text_is_sent_unchanged_and_is_not_a_template(text):
    def rate(film: str) -> str:
        """Not sent."""
        return magic(description=text, params={"film": text}, returns=text)

    assert filled(rate, film="Up") == f"{text}\n\n## film (str): {text}\nUp\n\n## Answer (str)\n{text}"


def test_templates_in_it_are_plain_text():
    def rate(film: str) -> str:
        return magic(description="{film} {{ film }} {% raw %}\n\t")

    assert filled(rate, film="Up") == "{film} {{ film }} {% raw %}\n\t\n\n## film (str)\nUp"


@pytest.mark.parametrize("wrong", [5, "an answer", True, [], {"description": "x"}, Magic])
def test_a_body_that_computes_the_answer_is_an_error_that_names_the_task(wrong):
    def rate(film: str) -> int:
        """Rate it."""
        return wrong

    with pytest.raises(
        PromptError,
        match=rf"body of the task 'rate' must be empty or return declarai\.magic.*, got {type(wrong).__name__}; the model writes",
    ):
        filled(rate, film="Up")


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"description": 5}, r"description of magic\(\) must be a str, got int"),
        ({"returns": ["x"]}, r"returns of magic\(\) must be a str, got list"),
        ({"params": {"film": None, "scale": 1}}, r"params\['scale'\] of magic\(\) must be a str, got int"),
    ],
)
def test_a_keyword_that_is_not_a_str_is_a_type_error(wrong, problem):
    with pytest.raises(TypeError, match=f"^{problem}$"):
        magic(**wrong)


def test_a_description_that_is_replaced_is_not_filled():
    def rate(film: dict) -> str:
        """Rate it.

        :param film: of {{ film.year }}
        """
        return magic() if "year" in film else magic(params={"film": "of old"})

    assert "## film (dict): of old" in filled(rate, film={})
    assert "film (dict): of 2009" in filled(rate, film={"year": 2009})


def test_a_description_of_an_unknown_parameter_is_an_error_that_names_both():
    def rate(film: str) -> str:
        """Rate it."""
        return magic(params={"movie": "its title", "film": "its title"})

    with pytest.raises(PromptError, match="'rate' .*describes 'movie', but its parameters are 'film'"):
        filled(rate, film="Up")


def test_an_error_of_the_body_is_raised_unchanged():
    def rate(film: str) -> int:
        """Rate it."""
        raise LookupError(film)

    with pytest.raises(LookupError, match="Up"):
        filled(rate, film="Up")


@pytest.mark.parametrize(
    "keywords", [{}, {"description": ""}, {"description": " \n"}, {"params": {"film": "its title"}}]
)
def test_an_empty_prompt_is_an_error_that_names_what_to_write(keywords):
    def rate(film: str) -> int:
        return magic(**keywords)

    with pytest.raises(
        PromptError, match=r"the prompt of 'rate' is empty; write a docstring, or return declarai\.magic"
    ):
        filled(rate, film="Up")


def test_a_docstring_that_is_replaced_by_nothing_is_an_empty_prompt():
    def rate(film: str) -> int:
        """Rate it."""
        return magic(description="")

    with pytest.raises(PromptError, match="the prompt of 'rate' is empty"):
        filled(rate, film="Up")


def test_a_description_of_the_return_is_enough():
    def title(text: str) -> str:
        """:return: a title for the text"""

    assert filled(title, text="It rains.") == "## text (str)\nIt rains.\n\n## Answer (str)\na title for the text"


@pytest.mark.anyio
async def test_an_async_body_that_awaits_something_is_an_error_in_each_event_loop():
    ended = False

    async def rate(film: str) -> int:
        """Rate it."""
        nonlocal ended
        try:
            await anyio.sleep(10)
        finally:
            ended = True

    with pytest.raises(
        PromptError, match=r"body of the task 'rate' awaits something; .*may only return magic"
    ) as caught:
        filled(rate, film="Up")
    assert ended
    assert caught.value


def test_an_async_body_may_await_what_is_done_at_once():
    async def instruction() -> str:
        return "Rate it."

    async def rate(film: str) -> str:
        return magic(description=await instruction())

    assert filled(rate, film="Up").startswith("Rate it.\n")


def test_its_docstring_describes_each_keyword():
    docstring = inspect.getdoc(magic) or ""
    assert all(word in docstring for word in ("description", "params", "returns", "each call", "plain text"))
