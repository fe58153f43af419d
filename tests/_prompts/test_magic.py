"""``magic(...)`` in a task's body: as a placeholder, and as the docstring's stand-in for one call."""

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


def gives_a_coroutine(film: str, scale: int) -> int:
    return later(film, scale)


PLACEHOLDERS = [ellipsis, returns_ellipsis, returns_none, bare, positional, later, gives_a_coroutine]
for function in PLACEHOLDERS:
    function.__doc__ = docstring_only.__doc__


@pytest.mark.parametrize("function", PLACEHOLDERS, ids=lambda function: function.__name__)
def test_a_placeholder_leaves_the_docstring_to_speak(function):
    assert filled(function, film="Up", scale=5) == filled(docstring_only, film="Up", scale=5)


def test_the_keywords_take_the_place_of_the_docstring_and_of_its_parts():
    def rate(film: str, scale: int) -> int:
        """Not said.

        :param film: not said
        :param scale: the best mark
        :return: not said
        """
        return magic(description="Rate the film.", params={"film": "its title"}, returns="a mark")

    assert filled(rate, film="Up", scale=5) == filled(docstring_only, film="Up", scale=5)


def test_they_stand_in_for_a_docstring_that_is_not_there():
    def rate(film: str, scale: int) -> int:
        return magic(
            description="Rate the film.", params={"film": "its title", "scale": "the best mark"}, returns="a mark"
        )

    assert filled(rate, film="Up", scale=5) == filled(docstring_only, film="Up", scale=5)


@pytest.mark.parametrize(
    ("said", "prompt"),
    [
        ({"description": "Judge it."}, "Judge it.\n\n## film (str): its title\nUp\n\n## Answer (str)\na mark"),
        ({"params": {"film": "a name"}}, "Rate Up.\n\n- film (str): a name\n\n## Answer (str)\na mark"),
        ({"params": {"film": ""}}, "Rate Up.\n\n## Answer (str)\na mark"),
        ({"returns": "a word"}, "Rate Up.\n\n- film (str): its title\n\n## Answer (str)\na word"),
        ({"returns": ""}, "Rate Up.\n\n- film (str): its title"),
    ],
)
def test_what_the_keywords_do_not_say_is_said_by_the_docstring(said, prompt):
    def rate(film: str) -> str:
        """Rate {film}.

        :param film: its title
        :return: a mark
        """
        return magic(**said)

    assert filled(rate, film="Up") == prompt


def test_the_body_runs_at_each_call_with_the_arguments():
    def rate(film: str, /, *, polite: bool = True) -> str:
        return magic(description=f"Rate {film}{', please' if polite else ''}.")

    prompt = Prompt(rate)
    assert prompt.fill({"film": "Up", "polite": True}).startswith("Rate Up, please.")
    assert prompt.fill({"film": "Heat", "polite": False}).startswith("Rate Heat.")


def test_the_body_of_a_method_has_its_object():
    class Critic:
        taste = "good"

        def rate(self, film: str) -> str:
            return magic(description=f"Rate it with {self.taste} taste.")

    assert filled(Critic.rate, self=Critic(), film="Up") == "Rate it with good taste.\n\n## film (str)\nUp"


@given(st.text(min_size=1).filter(str.strip))
@settings(deadline=None)
def test_what_it_gives_is_sent_to_the_letter_and_is_no_template(words):
    def rate(film: str) -> str:
        """Not said."""
        return magic(description=words, params={"film": words}, returns=words)

    assert filled(rate, film="Up") == f"{words}\n\n## film (str): {words}\nUp\n\n## Answer (str)\n{words}"


def test_templates_in_it_are_plain_text():
    def rate(film: str) -> str:
        return magic(description="{film} {{ film }} {% raw %}\n\t")

    assert filled(rate, film="Up") == "{film} {{ film }} {% raw %}\n\t\n\n## film (str)\nUp"


@pytest.mark.parametrize("wrong", [5, "a text", True, [], {"description": "x"}, Magic])
def test_a_body_that_computes_the_answer_is_an_error_that_names_the_task(wrong):
    def rate(film: str) -> int:
        """Rate it."""
        return wrong

    with pytest.raises(PromptError, match="body of the task 'rate' returned .*return declarai.magic"):
        filled(rate, film="Up")


@pytest.mark.parametrize("wrong", [{"description": 5}, {"returns": ["x"]}, {"params": {"film": None, "scale": 1}}])
def test_words_that_are_no_text_are_a_type_error(wrong):
    with pytest.raises(TypeError, match="magic\\(\\) takes text"):
        magic(**wrong)


def test_a_description_that_is_replaced_is_not_filled():
    def rate(film: dict) -> str:
        """Rate it.

        :param film: of {{ film.year }}
        """
        return magic() if "year" in film else magic(params={"film": "of old"})

    assert "## film (dict): of old" in filled(rate, film={})
    assert "film (dict): of 2009" in filled(rate, film={"year": 2009})


def test_words_about_a_parameter_that_is_not_there_are_an_error_that_names_both():
    def rate(film: str) -> str:
        """Rate it."""
        return magic(params={"movie": "its title", "film": "its title"})

    with pytest.raises(PromptError, match="'rate' .*names 'movie'"):
        filled(rate, film="Up")


def test_an_error_of_the_body_comes_through():
    def rate(film: str) -> int:
        """Rate it."""
        raise LookupError(film)

    with pytest.raises(LookupError, match="Up"):
        filled(rate, film="Up")


@pytest.mark.parametrize("said", [{}, {"description": ""}, {"description": " \n"}, {"params": {"film": "its title"}}])
def test_a_task_that_says_nothing_at_all_is_an_error_that_says_what_to_write(said):
    def rate(film: str) -> int:
        return magic(**said)

    with pytest.raises(PromptError, match=r"'rate' has nothing to say: write a docstring, or return declarai\.magic"):
        filled(rate, film="Up")


def test_an_emptied_docstring_says_nothing_too():
    def rate(film: str) -> int:
        """Rate it."""
        return magic(description="")

    with pytest.raises(PromptError, match="nothing to say"):
        filled(rate, film="Up")


def test_words_about_the_return_are_enough_to_say():
    def title(text: str) -> str:
        """:return: a title for the text"""

    assert filled(title, text="It rains.") == "## text (str)\nIt rains.\n\n## Answer (str)\na title for the text"


@pytest.mark.anyio
async def test_an_async_body_that_waits_for_something_is_an_error_in_both_worlds():
    ended = False

    async def rate(film: str) -> int:
        """Rate it."""
        nonlocal ended
        try:
            await anyio.sleep(10)
        finally:
            ended = True

    with pytest.raises(PromptError, match=r"body of the task 'rate' awaits something; .*only return magic") as caught:
        filled(rate, film="Up")
    assert ended
    assert caught.value


def test_an_async_body_may_await_what_is_there_at_once():
    async def words() -> str:
        return "Rate it."

    async def rate(film: str) -> str:
        return magic(description=await words())

    assert filled(rate, film="Up").startswith("Rate it.\n")


def test_its_docs_say_what_it_can_do():
    said = inspect.getdoc(magic) or ""
    assert all(word in said for word in ("description", "params", "returns", "each call", "plain text"))
