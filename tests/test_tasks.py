"""A task is called like its function, in sync and async code, and keeps the response of its last call."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import inspect
import threading
import weakref
from typing import Any

import pytest

import declarai_like as declarai
from declarai_like.errors import ConfigurationError, DeclarationError
from declarai_like.testing import Script
from tests.conftest import World


def scripted(*replies: Any, **settings: Any) -> tuple[Any, Script]:
    script = Script(list(replies))
    return declarai.offline(script, **settings), script


def test_positional_keyword_and_default_arguments_work_as_for_any_function() -> None:
    model, script = scripted(1, 2, 3, 4)

    @model.task
    def rank(message: str, scale: int = 5) -> int:
        """Rank {message} from 1 to {scale}"""

    assert [rank("a"), rank("b", 7), rank(message="c"), rank("d", scale=9)] == [1, 2, 3, 4]
    asked = [call["messages"][0]["content"].partition("\n")[0] for call in script.calls]
    assert asked == ["Rank a from 1 to 5", "Rank b from 1 to 7", "Rank c from 1 to 5", "Rank d from 1 to 9"]


def test_arguments_that_do_not_fit_are_a_type_error_that_names_the_function() -> None:
    model, script = scripted()

    @model.task
    def rank(message: str, scale: int = 5) -> int:
        """Rank the message"""

    with pytest.raises(TypeError, match=r"rank\(\) missing a required argument: 'message'"):
        rank()
    with pytest.raises(TypeError, match=r"rank\(\) got an unexpected keyword argument 'mesage'"):
        rank("x", mesage="x")
    with pytest.raises(TypeError, match=r"rank\(\) too many positional arguments"):
        rank("x", 5, 6)
    assert script.calls == []


def test_an_async_function_is_awaited(world: World) -> None:
    model, _ = scripted(5)

    @model.task
    async def rank(message: str) -> int:
        """Rank the message"""

    if world.name == "blocking":
        waiting = rank("x")
        assert inspect.iscoroutine(waiting)
        waiting.close()
        return

    async def call() -> int:
        return await rank("x")

    assert world.run(call) == 5


def test_a_wrong_argument_of_an_async_task_raises_at_the_call_as_for_any_async_function() -> None:
    model, _ = scripted()

    @model.task
    async def rank(message: str) -> int:
        """Rank the message"""

    with pytest.raises(TypeError, match="missing a required argument"):
        rank()


def test_it_keeps_the_name_the_docstring_and_the_signature_of_its_function() -> None:
    model, _ = scripted()

    def rank(message: str, scale: int = 5) -> int:
        """Rank the message"""

    task = model.task(rank)
    assert task.__name__ == "rank"
    assert task.__doc__ == "Rank the message"
    assert task.__module__ == __name__
    assert inspect.signature(task) == inspect.signature(rank)
    assert task.__wrapped__ is rank
    assert repr(task).startswith("<task ")
    assert "rank(message: 'str', scale: 'int' = 5) -> 'int'" in repr(task)


def test_compile_and_plan_send_nothing_and_calling_the_plan_does() -> None:
    model, script = scripted(4)

    @model.task
    def rank(message: str, scale: int = 5) -> int:
        """Rank {message}

        :param scale: the highest rank
        """

    (message,) = rank.compile(message="hi")
    assert (message.role, message.content) == (
        "user",
        "Rank hi\n\n## scale (int): the highest rank\n5\n\n## Answer (int)",
    )
    plan = rank.plan("hi")
    assert plan.populated_prompt == message.content
    assert plan.compiled_template == "Rank {message}\n\n## scale (int): the highest rank\n{scale}\n\n## Answer (int)"
    assert plan.task_kwargs == {"message": "hi", "scale": 5}
    assert script.calls == []
    assert plan() == 4
    assert script.calls[0]["messages"] == [{"role": "user", "content": message.content}]


def test_llm_params_of_the_call_override_those_of_the_decorator_key_by_key() -> None:
    script = Script(["x"] * 3)
    of_decorator, of_call = {"temperature": 0.5, "seed": 1}, {"temperature": 0, "top_p": 0.9}
    model = declarai.offline(script)

    @model.task(llm_params=of_decorator)
    def say(movie: str) -> str:
        """Describe it"""

    say("x", llm_params=of_call)
    say("x")
    plan = say.plan("x", llm_params={"seed": 2})
    plan()
    sent = [{key: call.get(key) for key in ("temperature", "seed", "top_p")} for call in script.calls]
    assert sent == [
        {"temperature": 0, "seed": 1, "top_p": 0.9},
        {"temperature": 0.5, "seed": 1, "top_p": None},
        {"temperature": 0.5, "seed": 2, "top_p": None},
    ]
    assert of_decorator == {"temperature": 0.5, "seed": 1}
    assert of_call == {"temperature": 0, "top_p": 0.9}


def test_all_other_llm_params_override_those_of_the_model(serve: Any) -> None:
    server = serve(["x", "x"])
    model = declarai.openai("m", base_url=server.url, llm_params={"temperature": 1, "seed": 1})

    @model.task(llm_params={"seed": 2})
    def say(movie: str) -> str:
        """Describe it"""

    say("x")
    say("x", llm_params={"model": "other"})
    first, second = (exchange.body for exchange in server.exchanges)
    assert (first["temperature"], first["seed"], first["model"]) == (1, 2, "m")
    assert second["model"] == "other"


@pytest.mark.parametrize(
    ("name", "hint"),
    [("messages", "write it into the prompt"), ("stream", "use streaming=True"), ("n", "make several calls")],
)
def test_reserved_llm_params_are_refused(name: str, hint: str) -> None:
    model, script = scripted()

    def say(movie: str) -> str:
        """Describe it"""

    problem = f"^llm_params of .*say' must not contain '{name}'; {hint}$"
    with pytest.raises(ConfigurationError, match=problem):
        model.task(llm_params={name: 1})(say)
    with pytest.raises(ConfigurationError, match=problem):
        model.task(say)("x", llm_params={name: 1})
    assert script.calls == []


def test_llm_params_that_are_not_a_mapping_are_refused() -> None:
    model, script = scripted()

    def say(movie: str) -> str:
        """Describe it"""

    params: Any = ["temperature", 0]
    problem = "must be a mapping of parameter names to values, got"
    with pytest.raises(
        ConfigurationError, match=f"^llm_params of .*say' {problem} list; for instance {{'temperature': 0}}$"
    ):
        model.task(llm_params=params)(say)
    with pytest.raises(
        ConfigurationError, match=f"^llm_params of .*say' {problem} list; for instance {{'temperature': 0}}$"
    ):
        model.task(say)("x", llm_params=params)
    with pytest.raises(ConfigurationError, match=f"^llm_params of openai:m {problem} int"):
        params = 5
        declarai.openai("m", llm_params=params)
    assert script.calls == []


def test_a_parameter_named_llm_params_is_refused() -> None:
    model, _ = scripted()
    with pytest.raises(DeclarationError, match="rename it"):

        @model.task
        def say(llm_params: str) -> str:
            """Describe it"""


def test_a_method_is_bound_and_only_its_template_uses_self() -> None:
    model, script = scripted("x", "y")

    class Critic:
        def __init__(self, mood: str) -> None:
            self.mood = mood

        @model.task
        def say(self, movie: str) -> str:
            """Write something {{ self.mood }} about the movie"""

        @staticmethod
        @model.task
        def count(movie: str) -> str:
            """Count"""

    assert Critic("nice").say("Avengers") == "x"
    assert Critic.say(Critic("bad"), "Avengers") == "y"
    asked = [call["messages"][0]["content"] for call in script.calls]
    assert asked[0] == "Write something nice about the movie\n\n## movie (str)\nAvengers"
    assert asked[1].startswith("Write something bad")
    assert Critic("x").count.compile("a")[0].content == "Count\n\n## movie (str)\na"


def test_the_decorator_overrides_the_stream_setting_of_the_model() -> None:
    model, _ = scripted("one two", "one two", stream=True)

    def say(movie: str) -> str:
        """Describe it"""

    assert isinstance(model.task(say)("x"), declarai.Stream)
    assert isinstance(model.task(streaming=True)(say)("x"), declarai.Stream)
    assert model.task(streaming=False)(say)("x") == "one two"
    assert isinstance(model.task(llm_params={})(say)("x"), declarai.Stream)


def test_the_last_response_is_kept() -> None:
    model, _ = scripted("one", "two")

    @model.task
    def say(movie: str) -> str:
        """Describe it"""

    assert say.llm_response is None
    say("x")
    assert say.llm_response.response == say.llm_response.delta == "one"
    assert say.llm_response.raw_response["choices"][0]["message"]["content"] == "one"
    assert say.llm_response.finish_reason == "stop"
    assert say.llm_response.total_tokens > 0
    assert say.llm_stream_response is None
    say("x")
    assert say.llm_response.response == "two"


def test_each_thread_has_the_response_of_its_own_call() -> None:
    model = declarai.offline(lambda messages: messages[0]["content"].rpartition("\n")[2])

    @model.task
    def echo(word: str) -> str:
        """Repeat it"""

    responses: dict[str, str] = {}
    together = threading.Barrier(8)

    def work(word: str) -> None:
        echo(word)
        together.wait()
        responses[word] = echo.llm_response.response

    threads = [threading.Thread(target=work, args=(str(number),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert responses == {str(number): str(number) for number in range(8)}
    assert echo.llm_response is None


def test_each_asyncio_task_has_the_response_of_its_own_call() -> None:
    model = declarai.offline(lambda messages: messages[0]["content"].rpartition("\n")[2])

    @model.task
    async def echo(word: str) -> str:
        """Repeat it"""

    @model.task(streaming=True)
    def stream(word: str) -> str:
        """Repeat it"""

    async def work(word: str) -> tuple[str, str]:
        await echo(word)
        async for _ in stream(word + "!"):
            pass
        await asyncio.sleep(0.01)
        return echo.llm_response.response, stream.llm_response.response

    async def main() -> list[tuple[str, str]]:
        return await asyncio.gather(*(work(str(number)) for number in range(20)))

    assert asyncio.run(main()) == [(str(number), f"{number}!") for number in range(20)]


def test_a_copied_context_starts_with_the_last_response_and_does_not_write_back() -> None:
    model, _ = scripted("one", "two")

    @model.task
    def say(movie: str) -> str:
        """Describe it"""

    say("x")
    copied = contextvars.copy_context()
    assert copied.run(lambda: (say.llm_response.response, say("x"))) == ("one", "two")
    assert say.llm_response.response == "one"


@pytest.mark.slow
def test_tasks_that_are_made_inside_functions_are_freed() -> None:
    model, _ = scripted(*["x"] * 10)

    def once() -> weakref.ref[Any]:
        @model.task
        def say(movie: str) -> str:
            """Describe it"""

        say("x")
        return weakref.ref(say._definition)

    made = [once() for _ in range(10)]
    gc.collect()
    assert [task() for task in made] == [None] * 10


def test_the_module_level_task_reads_its_model_at_the_first_call(monkeypatch: pytest.MonkeyPatch) -> None:
    @declarai.task
    def say(movie: str) -> str:
        """Describe the movie"""

    @declarai.task(streaming=True)
    def stream(movie: str) -> str:
        """Describe the movie"""

    with pytest.raises(ConfigurationError, match=r"no model is set.*DECLARAI_MODEL.*'openai:<model>'.*'offline'"):
        say("Avengers")
    monkeypatch.setenv("DECLARAI_MODEL", "offline")
    assert "offline model" in say("Avengers")
    assert "offline model" in stream("Avengers").result()
