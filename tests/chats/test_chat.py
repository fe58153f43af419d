"""Chat classes: their templates, constructors, requests and answers."""

from __future__ import annotations

import abc
import asyncio
import contextvars
import inspect
import pickle
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

import pytest
from pydantic import BaseModel

import declarai_like as declarai
from declarai_like import Chat, Items, Stream, memory, window
from declarai_like.errors import ConfigurationError, DeclarationError, OutputError, PromptError
from declarai_like.testing import Reply, Script
from tests.conftest import World

T = TypeVar("T")


HEROES = '[{"name": "Tony"}, {"name": "Thor"}]'


class Hero(BaseModel):
    name: str
    powers: list[str] = []


def sent(script: Script, call: int = -1) -> list[tuple[str, str]]:
    """Return the messages of a request as role and content."""
    return [(message["role"], message["content"]) for message in script.calls[call]["messages"]]


def test_the_first_example() -> None:
    gpt = declarai.offline(["SELECT 1; SELECT 2", ["SELECT 3"]], stream=True)

    @gpt.chat(streaming=True)
    class SQLBot:
        """You are a SQL assistant for {{ dialect }}."""

        greeting = "Hello! What do you want to query?"

    bot: Any = SQLBot(dialect="PostgreSQL")
    assert [chunk.response for chunk in bot.send("two SELECTs")][-1] == "SELECT 1; SELECT 2"
    assert bot.system == "You are a SQL assistant for PostgreSQL."
    assert bot.greeting == "Hello! What do you want to query?"
    assert [message.role for message in bot.conversation] == ["assistant", "user", "assistant"]
    assert bot.llm_response.response == "SELECT 1; SELECT 2"
    assert [message.role for message in bot.compile()] == ["system", "assistant", "user", "assistant"]
    bot.add_message("be brief", role="system")
    assert bot.conversation[-1].content == "be brief"


def test_it_answers_in_sync_and_async_code_streaming_and_not(world: World) -> None:
    script = Script(["one", "two"])

    @declarai.offline(script).chat
    class Bot:
        """Be kind."""

    bot: Any = Bot()
    if world.name == "blocking":
        assert bot.send("hi") == "one"
        assert bot.send("again") == "two"
    else:
        assert world.run(bot.asend, "hi") == "one"
        assert world.run(bot.asend, "again") == "two"
    assert sent(script) == [("system", "Be kind."), ("user", "hi"), ("assistant", "one"), ("user", "again")]

    @declarai.offline(["one", "two"]).chat(streaming=True)
    class Streaming:
        """Be kind."""

    items: list[Any] = []
    streaming: Any = Streaming()
    world.read(streaming.send("hi"), items)
    world.read(streaming.asend("again"), items)
    assert [chunk.response for chunk in items if chunk.finish_reason] == ["one", "two"]
    assert [message.content for message in streaming.conversation] == ["hi", "one", "again", "two"]


class TestTemplates:
    def test_instances_share_nothing(self) -> None:
        script = Script(lambda messages: messages[0]["content"])

        @declarai.offline(script).chat
        class Bot:
            """You talk about {topic}."""

        cats: Any = Bot(topic="cats")
        dogs: Any = Bot(topic="dogs")
        assert cats.send("hi") == "You talk about cats."
        assert dogs.send("hi") == "You talk about dogs."
        assert cats.send("hi") == "You talk about cats."
        assert (len(cats), len(dogs)) == (4, 2)
        assert cats.llm_response.response != dogs.llm_response.response

    def test_values_of_the_call_override_the_instance_and_its_attributes(self) -> None:
        @declarai.offline(lambda messages: messages[0]["content"]).chat
        class Bot:
            """{a} {b} {c}"""

            a = "attribute"
            b = "attribute"
            c = "attribute"

        bot: Any = Bot(b="instance", c="instance")
        assert bot.send("hi", c="call") == "attribute instance call"
        assert bot.send("hi") == "attribute instance instance"
        bot.a = "new"
        assert bot.system == "new instance instance"

    def test_a_template_may_use_the_instance(self) -> None:
        @declarai.offline().chat
        class Bot:
            """Tables: {% for table in self.tables() %}{{ table }} {% endfor %}and {{ extra }}"""

            @property
            def extra(self) -> str:
                return "more"

            def tables(self) -> list[str]:
                return ["a", "b"]

        assert Bot().system == "Tables: a b and more"

    def test_a_missing_value_is_named(self) -> None:
        @declarai.offline().chat
        class Bot:
            """About {topic}."""

            greeting = "Let us talk about {{ theme }}"

        @declarai.offline().chat
        class Jinja:
            """About {{ topic }}."""

        bot: Any = Bot()
        with pytest.raises(
            PromptError, match=r"system prompt of 'Bot' cannot be filled: the value of 'topic' is missing"
        ):
            bot.send("hi")
        with pytest.raises(
            PromptError, match=r"pass values to .*Bot\(\.\.\.\) or to send\(\.\.\.\), or make them attributes"
        ):
            bot.compile()
        with pytest.raises(PromptError, match=r"greeting of .* cannot be filled: .*'theme' is undefined"):
            bot.greeting  # noqa: B018
        with pytest.raises(PromptError, match="'topic' is undefined"):
            Jinja().send("hi")
        assert bot._chat_runtime.conversation.memory.load() == []

    def test_an_unused_value_is_named(self) -> None:
        @declarai.offline().chat
        class Bot:
            """About {topic}."""

            greeting = "Hi {name}"

        with pytest.raises(
            TypeError,
            match=r"Bot\(\) got an unexpected keyword argument 'topc'; its templates use: 'name', 'topic'",
        ):
            Bot(topc="cats")
        bot: Any = Bot(topic="cats", name="Ann")
        with pytest.raises(TypeError, match=r"Bot.send\(\) got an unexpected keyword argument 'tone'"):
            bot.send("hi", tone="kind")
        with pytest.raises(TypeError, match=r"unexpected keyword argument 'tone'"):
            bot.compile("hi", tone="kind")

    def test_texts_of_an_instance_are_not_templates(self) -> None:
        script = Script(["ok"])

        @declarai.offline(script).chat
        class Bot:
            """About {{ topic }}."""

            greeting = "Hi {{ topic }}"

        bot: Any = Bot(system="Say {{ 1 + 1 }} {topic}", greeting="{% hello %}")
        assert bot.greeting == "{% hello %}"
        bot.send("{{ 7 * 7 }} {topic}")
        assert sent(script) == [
            ("system", "Say {{ 1 + 1 }} {topic}"), ("assistant", "{% hello %}"), ("user", "{{ 7 * 7 }} {topic}"),
        ]  # fmt: skip
        bot.system = "Now {this}"
        assert bot.system == "Now {this}"

    def test_braces_around_anything_but_a_name_are_text(self) -> None:
        @declarai.offline().chat
        class Bot:
            """Answer as {"sql": ...} or {} or {a b}."""

        assert Bot().system == 'Answer as {"sql": ...} or {} or {a b}.'

    def test_there_may_be_no_system_prompt(self) -> None:
        script = Script(["ok"])

        @declarai.offline(script).chat
        class Bot:
            pass

        Bot().send("hi")
        assert sent(script) == [("user", "hi")]

    def test_attributes_may_be_the_templates(self) -> None:
        @declarai.offline().chat
        class Bot:
            """Documentation for people."""

            system = "You are {name}."
            greeting = "I am {name}."
            name = "Ann"

        assert (Bot().system, Bot().greeting) == ("You are Ann.", "I am Ann.")
        assert (Bot.system, Bot.greeting) == ("You are {name}.", "I am {name}.")

    def test_a_property_may_return_the_texts(self) -> None:
        script = Script(["ok"])

        @declarai.offline(script).chat
        class Bot:
            """Documentation for people."""

            def __init__(self, count: int) -> None:
                self.count = count

            @property
            def system(self) -> str:
                return f"You know {self.count} {{things}}."

            @property
            def greeting(self) -> str:
                return f"{self.count}!"

        bot: Any = Bot(count=3)
        bot.send("hi")
        assert sent(script)[:2] == [("system", "You know 3 {things}."), ("assistant", "3!")]
        assert bot.greeting == "3!"

    def test_a_greeting_may_be_set_on_an_instance(self) -> None:
        @declarai.offline().chat
        class Bot:
            def __init__(self, name: str) -> None:
                self.greeting = f"Hi {name} {{x}}"

        bot: Any = Bot(name="Ann")
        assert bot.greeting == "Hi Ann {x}"
        assert [message.content for message in bot] == ["Hi Ann {x}"]

    def test_a_lone_surrogate_is_an_error(self) -> None:
        @declarai.offline().chat
        class Bot:
            """{a}"""

        bot: Any = Bot(a="x")
        with pytest.raises(PromptError, match=r"the message to .* cannot be sent"):
            bot.send("\ud800")
        with pytest.raises(PromptError, match=r"the system prompt of .* cannot be sent"):
            bot.send("x", a="\ud800")


class TestClasses:
    def test_own_methods_attributes_and_name_are_kept(self) -> None:
        @declarai.offline().chat
        class Bot:
            """You are {{ self.name }}."""

            name = "Ann"

            def shout(self) -> str:
                return self.name.upper()

            def __repr__(self) -> str:
                return f"Bot({self.name})"

        bot: Any = Bot()
        assert (bot.shout(), repr(bot), Bot.__name__, Bot.__doc__) == (
            "ANN",
            "Bot(Ann)",
            "Bot",
            "You are {{ self.name }}.",
        )
        assert bot.system == "You are Ann."
        assert isinstance(bot, Bot)
        assert isinstance(bot, Chat)

    def test_an_own_constructor_takes_what_it_names(self) -> None:
        @declarai.offline().chat
        class Bot:
            """{dialect} {tables}"""

            def __init__(self, tables: list[str], limit: int = 3) -> None:
                super().__init__()
                self.tables = tables[:limit]

        bot: Any = Bot(["a", "b", "c"], limit=2, dialect="SQLite", greeting="hi")
        assert bot.system == 'SQLite ["a","b"]'
        assert bot.greeting == "hi"
        with pytest.raises(TypeError, match="missing 1 required positional argument: 'tables'"):
            Bot(dialect="SQLite")
        with pytest.raises(TypeError, match="unexpected keyword argument 'table'"):
            Bot([], table=1)

    def test_a_dataclass_may_be_a_chat(self) -> None:
        @declarai.offline().chat
        @dataclass
        class Bot:
            """{dialect}"""

            dialect: str

        @declarai.offline().chat
        @dataclass
        class WithoutDocstring:
            dialect: str

        assert Bot("SQLite").system == "SQLite"
        assert WithoutDocstring("SQLite").system == ""

    def test_a_subclass_may_have_other_templates(self) -> None:
        model = declarai.offline(lambda messages: messages[0]["content"])

        @model.chat
        class Bot:
            """You talk about {topic}."""

            topic = "cats"
            greeting = "Meow"

            def twice(self) -> str:
                return self.send("hi") + self.send("hi")

        class Dogs(Bot):
            topic = "dogs"

        class Birds(Dogs):
            """You sing about {topic} in {key}."""

            greeting = "Tweet"

            def __init__(self, key: str, **values: Any) -> None:
                super().__init__(**values)
                self.key = key

        assert Dogs().twice() == "You talk about dogs." * 2
        assert Dogs().greeting == "Meow"
        birds: Any = Birds("C", topic="birds")
        assert birds.send("hi") == "You sing about birds in C."
        assert birds.greeting == "Tweet"
        assert Bot().greeting == "Meow"

    def test_a_subclass_may_do_more_before_it_sends(self) -> None:
        script = Script(["ok", "ok"])

        @declarai.offline(script).chat
        class Bot:
            def send(self, message: str) -> Any:
                return super().send(message.strip())

        class Loud(Bot):
            def send(self, message: str) -> Any:
                return super().send(message.upper())

        assert Bot().send(" hi ") == "ok"
        assert sent(script) == [("user", "hi")]
        Loud().send(" hi ")
        assert sent(script) == [("user", "HI")]

    def test_one_class_may_be_a_chat_of_several_models(self) -> None:
        class Bot:
            """Be kind."""

            def send(self, message: str) -> int: ...

        one: Any = declarai.offline([1, 1]).chat(Bot)
        two: Any = declarai.offline([2]).chat(streaming=True)(one)
        assert one().send("hi") == 1
        assert two().send("hi").result() == 2
        assert not hasattr(Bot, "conversation")
        assert one().send("hi") == 1

    def test_a_class_with_a_metaclass_or_parameters_may_be_a_chat(self) -> None:
        @declarai.offline(["ok"]).chat
        class Bot(abc.ABC, Generic[T]):
            """Be kind."""

            @abc.abstractmethod
            def tool(self) -> T: ...

        class Own(Bot[int]):
            def tool(self) -> int:
                return 1

        own: Any = Own()
        assert (own.send("hi"), own.tool(), own.system) == ("ok", 1, "Be kind.")
        with pytest.raises(TypeError, match="abstract"):
            Bot()

    def test_a_chat_is_true_and_has_the_messages(self) -> None:
        @declarai.offline(["ok"]).chat
        class Bot:
            """Be kind."""

        bot: Any = Bot()
        assert bot
        assert len(bot) == 0
        bot.send("hi")
        assert [message.content for message in bot] == ["hi", "ok"]
        assert (
            repr(bot)
            == f"<chat {Bot.__qualname__.rpartition('<locals>.')[2]}, remembered in InMemory(session='default')>"
        )

    def test_messages_that_are_added_are_sent(self) -> None:
        script = Script(["ok"])

        @declarai.offline(script).chat
        class Bot:
            """Be kind."""

        bot: Any = Bot()
        bot.add_message("What is up?", "user")
        bot.add_message("Nothing.", role="assistant")
        bot.send("hi")
        assert sent(script) == [
            ("system", "Be kind."),
            ("user", "What is up?"),
            ("assistant", "Nothing."),
            ("user", "hi"),
        ]
        with pytest.raises(ConfigurationError, match="^role must be one of 'system', 'user', 'assistant', got 'bot'$"):
            bot.add_message("x", "bot")
        bot.clear()
        assert bot.conversation == []

    async def run_async(self, bot: Any) -> None:
        await bot.aadd_message("What is up?", "user")
        assert [message.content for message in await bot.aconversation()] == ["What is up?"]
        assert [message.content for message in await bot.acompile("now")] == ["Be kind.", "What is up?", "now"]
        await bot.aclear()
        assert await bot.aconversation() == []

    @pytest.mark.anyio
    async def test_all_of_it_can_be_done_in_async_code(self) -> None:
        @declarai.offline().chat
        class Bot:
            """Be kind."""

        await self.run_async(Bot())

    def test_the_last_answer_belongs_to_its_context(self) -> None:
        @declarai.offline(["one", "two"]).chat(streaming=True)
        class Bot:
            """Be kind."""

        bot: Any = Bot()
        stream = bot.send("hi")
        assert bot.llm_stream_response is stream
        assert bot.llm_response is None
        assert contextvars.Context().run(lambda: bot.llm_stream_response) is None
        assert stream.result() == "one"
        assert bot.llm_response.response == "one"
        assert Bot().llm_response is None

    def test_a_class_of_a_module_can_be_pickled_by_its_name(self) -> None:
        assert pickle.loads(pickle.dumps(Pickled)) is Pickled


@declarai.offline().chat
class Pickled:
    """Be kind."""


class TestAnswers:
    def test_send_may_declare_a_type(self, world: World) -> None:
        script = Script([[{"name": "Tony", "powers": ["money"]}]])

        @declarai.offline(script).chat
        class Bot:
            """You know heroes."""

            def send(self, message: str) -> list[Hero]:
                """:return: the heroes of the movie"""

        bot: Any = Bot()
        heroes = bot.send("Avengers") if world.name == "blocking" else world.run(bot.asend, "Avengers")
        assert heroes == [Hero(name="Tony", powers=["money"])]
        assert sent(script)[0] == ("system", "You know heroes.\n\n## Answer (list[Hero])\nthe heroes of the movie")
        assert script.calls[0]["response_format"]["type"] == "json_schema"
        assert bot.conversation[-1].content == '[{"name":"Tony","powers":["money"]}]'
        assert str(inspect.signature(Bot.send)) == "(self, message: 'str') -> 'list[Hero]'"

    def test_a_typed_stream_fills_in(self, world: World) -> None:
        @declarai.offline([Reply(HEROES, chunks=[*HEROES])] * 2).chat(streaming=True)
        class Bot:
            def send(self, message: str) -> list[Hero]: ...

        bot: Any = Bot()
        items: list[Any] = []
        world.read(bot.send("hi").items(), items)
        assert items == [Hero(name="Tony"), Hero(name="Thor")]
        world.read(bot.send("hi").partials(), partials := [])
        assert partials[-1] == items
        assert len(bot) == 4

    @pytest.mark.parametrize("kind", [Iterator, AsyncIterator])
    def test_elements_come_one_by_one(self, world: World, kind: Any) -> None:
        @declarai.offline([[1, 2, 3]]).chat
        class Bot:
            def send(self, message: str) -> kind[int]: ...

        bot: Any = Bot()
        items: list[Any] = []
        world.read(bot.send("hi"), items)
        assert items == [1, 2, 3]
        assert len(bot) == 2

    def test_an_async_send_is_awaited(self) -> None:
        @declarai.offline([5]).chat
        class Bot:
            async def send(self, message: str) -> int: ...

        assert asyncio.run(Bot().send("hi")) == 5

    def test_brackets_declare_the_type_too(self) -> None:
        @declarai.offline([5]).chat
        class Number(Chat[int]):
            """Be kind."""

        @declarai.offline([[1, 2], [1, 2]]).chat
        class Numbers(Chat[Stream[list[int]]]):
            """Be kind."""

        class More(Numbers):
            """Be kinder."""

        @declarai.offline([[1, 2]]).chat
        class Each(Chat[Items[int]]):
            """Be kind."""

        @declarai.offline(["ok"]).chat
        class Text(Chat):
            """Be kind."""

        assert Number().send("hi") == 5
        assert Numbers().send("hi").result() == [1, 2]
        assert More().send("hi").result() == [1, 2]
        assert list(Each().send("hi")) == [1, 2]
        assert Text().send("hi") == "ok"

    def test_send_may_declare_that_it_streams(self) -> None:
        @declarai.offline([[1, 2]]).chat
        class Bot(Chat[Stream[list[int]]]):
            def send(self, message: str) -> Stream[list[int]]: ...

        assert list(Bot().send("hi").items()) == [1, 2]

    def test_more_parameters_of_send_are_values(self) -> None:
        script = Script(["ok", "ok"])

        @declarai.offline(script).chat
        class Bot:
            """Be {tone}."""

            def send(self, message: str, tone: str = "kind") -> str:
                """Answer in {{ language }}.

                :return: one word
                """

            language = "French"

        bot: Any = Bot()
        bot.send("hi")
        bot.send(message="hi", tone="brief")
        assert [sent(script, call)[0][1] for call in (0, 1)] == [
            "Be kind.\n\nAnswer in French.\n\n## Answer (str)\none word",
            "Be brief.\n\nAnswer in French.\n\n## Answer (str)\none word",
        ]
        with pytest.raises(TypeError, match=r"Bot.send\(\) got an unexpected keyword argument 'language'"):
            bot.send("hi", language="x")
        with pytest.raises(TypeError, match="missing a required argument: 'message'"):
            bot.send()

    def test_format_instructions_are_in_the_system_prompt(self) -> None:
        script = Script(["7"])

        @declarai.offline(script, output="prompt").chat
        class Bot:
            def send(self, message: str) -> Annotated[int, "a rank"]: ...

        bot: Any = Bot()
        assert bot.send("hi") == 7
        (role, system), user = sent(script)
        assert (role, user) == ("system", ("user", "hi"))
        assert system.startswith("## Answer (int)\na rank\n\nAnswer with JSON only")
        assert [message.content for message in bot.conversation] == ["hi", "7"]

    def test_an_invalid_answer_is_sent_back_and_not_remembered(self) -> None:
        script = Script(["many", 7])

        @declarai.offline(script).chat(retries=1)
        class Bot:
            def send(self, message: str) -> int: ...

        bot: Any = Bot()
        assert bot.send("hi") == 7
        assert [role for role, _ in sent(script)] == ["system", "user", "assistant", "user"]
        assert [message.content for message in bot.conversation] == ["hi", "7"]

    def test_parameters_are_merged(self) -> None:
        script = Script(["ok", "ok"])

        @declarai.offline(script).chat(llm_params={"temperature": 1, "seed": 1})
        class Bot:
            """Be kind."""

        params = {"temperature": 0}
        Bot().send("hi", llm_params=params)
        assert (script.calls[0]["temperature"], script.calls[0]["seed"]) == (0, 1)
        assert params == {"temperature": 0}

    def test_settings_are_checked_when_the_class_is_created(self) -> None:
        with pytest.raises(ConfigurationError, match="^retries of 'Bot' must be an integer >= 0, got -1"):

            @declarai.offline().chat(retries=-1)
            class Bot:
                """Be kind."""

    def test_a_message_must_be_a_str(self) -> None:
        with pytest.raises(TypeError, match=r"the message of Pickled.send\(\) must be a str, got int"):
            Pickled().send(5)

    def test_no_valid_answer_is_an_error(self) -> None:
        @declarai.offline(["x"] * 3).chat
        class Bot:
            def send(self, message: str) -> int: ...

        bot: Any = Bot()
        with pytest.raises(OutputError, match=r"the answer of '.*Bot' is not a valid int"):
            bot.send("hi")
        assert bot.conversation == []


class TestOtherNames:
    def test_experimental_is_the_same(self) -> None:
        gpt = declarai.offline(["ok"])

        @gpt.experimental.chat
        class Bot:
            """Be kind."""

        assert Bot().send("hi") == "ok"

    @pytest.mark.parametrize("decorator", [declarai.chat, declarai.experimental.chat])
    def test_the_environment_may_name_the_model(self, decorator: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        @decorator(streaming=True)
        class Bot:
            """Be kind."""

        bot: Any = Bot()
        with pytest.raises(ConfigurationError, match="set DECLARAI_MODEL"):
            bot.send("hi")
        monkeypatch.setenv("DECLARAI_MODEL", "offline")
        assert bot.send("hi").result()

        @decorator
        class Whole:
            """Be kind."""

        assert isinstance(Whole().send("hi"), str)

    def test_the_model_decides_on_streaming(self) -> None:
        live = declarai.offline(stream=True)

        @live.chat
        class Bot:
            """Be kind."""

        @live.chat(streaming=False)
        class Whole:
            """Be kind."""

        assert isinstance(Bot().send("hi"), Stream)
        assert isinstance(Whole().send("hi"), str)


def takes_memory(self: Any, memory: Any) -> None:
    self.own = memory


class TestErrors:
    def test_only_a_class_can_become_a_chat(self) -> None:
        with pytest.raises(DeclarationError, match="<function .*> cannot become a chat: it is not a class$"):
            declarai.offline().chat(lambda: None)

    def test_a_chat_needs_a_model(self) -> None:
        class Bot(Chat[str]):
            """Be kind."""

        with pytest.raises(DeclarationError, match=r"'.*Bot' has no model; put @model.chat above the class$"):
            Bot()

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            ({"clear": len}, "its 'clear' has the name of an attribute of every chat; rename it$"),
            ({"__init__": takes_memory}, "its __init__ has the parameter 'memory', which every chat has; rename it$"),
            ({"__doc__": "{% if %}"}, "its text is not a valid Jinja template, line 1"),
            ({"greeting": "{{ a b }}"}, "its text is not a valid Jinja template"),
        ],
    )
    def test_a_class_that_cannot_be_a_chat(self, body: dict[str, Any], reason: str) -> None:
        with pytest.raises(DeclarationError, match=f"'Bot' cannot become a chat: {reason}"):
            declarai.offline().chat(type("Bot", (), body))

    def test_a_send_that_cannot_be_called_with_a_message(self) -> None:
        def chat_with(send: Any) -> None:
            declarai.offline().chat(type("Bot", (), {"send": send}))

        def empty(self: Any) -> None: ...
        def bare(message: str) -> None: ...
        def unused(self: Any, message: str, tone: str) -> None: ...
        def params(self: Any, message: str, llm_params: Any) -> None: ...
        def many(self: Any, *messages: str) -> None: ...
        def unresolved(self: Any, message: str) -> Missing: ...  # noqa: F821

        for send, reason in (
            (empty, r"its send must take self and the message first, got send\(self: 'Any'\) -> 'None'"),
            (bare, r"its send must take self and the message first, got send\(message: 'str'\)"),
            (unused, "its send takes 'tone', which the system prompt does not use"),
            (params, "the parameter 'llm_params' of its send has the name of a keyword of every send; rename it"),
            (many, r"it takes .\*messages: 'str'."),
            (unresolved, "its return type 'Missing' cannot be resolved"),
        ):
            with pytest.raises(DeclarationError, match=f"'Bot' cannot become a chat: {reason}"):
                chat_with(send)

    def test_an_invalid_message_is_not_remembered(self) -> None:
        bot: Any = Pickled()
        for content, role, reason in (
            ("x", "tool", "^role must be one of 'system', 'user', 'assistant', got 'tool'$"),
            (5, "user", "^content must be a str, got int$"),
            ("\ud800", "user", "^content cannot be sent: 'utf-8' codec"),
        ):
            with pytest.raises(ConfigurationError, match=reason):
                bot.add_message(content, role)
        assert bot.conversation == []

    def test_a_message_that_cannot_be_sent_cannot_be_compiled(self) -> None:
        bot: Any = Pickled()
        for use in (bot.compile, bot.send):
            with pytest.raises(TypeError, match=r"the message of Pickled.send\(\) must be a str, got int"):
                use(5)
            with pytest.raises(PromptError, match="the message to 'Pickled' cannot be sent"):
                use("\ud800")

    @pytest.mark.parametrize(
        ("setting", "value", "reason"),
        [
            (
                "memory",
                5,
                "a memory of declarai_like.memory, or an object with load(), append(), clear(), got int",
            ),
            ("memory", memory.InMemory, "an instance, got the class InMemory; use InMemory(...)"),
            ("window", 5, "Messages, Tokens or Summary, or an object with select(), got int"),
            ("window", window.Messages, "an instance, got the class Messages; use Messages(...)"),
            ("system", 5, "a str, got int"),
            ("greeting", 5, "a str, got int"),
        ],
    )
    def test_an_invalid_setting_of_an_instance(self, setting: str, value: Any, reason: str) -> None:
        with pytest.raises(ConfigurationError, match=re.escape(f"{setting} of chat 'Pickled' must be {reason}") + "$"):
            Pickled(**{setting: value})  # type: ignore[call-arg]

    def test_a_text_that_is_not_a_str_is_not_set(self) -> None:
        bot: Any = Pickled()
        before = bot.system
        with pytest.raises(ConfigurationError, match="^system of chat 'Pickled' must be a str, got None$"):
            bot.system = None
        assert bot.system == before

    def test_an_invalid_window_of_the_decorator(self) -> None:
        with pytest.raises(
            ConfigurationError,
            match="^window of chat 'Pickled' must be Messages, Tokens or Summary, or an object .*, got int$",
        ):
            declarai.offline().chat(window=5)(Pickled)  # type: ignore[arg-type]
