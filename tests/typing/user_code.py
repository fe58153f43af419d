"""Typical user code with every public feature. Checked by mypy --strict and pyright strict, with nothing ignored."""

from __future__ import annotations

import array
import json
import os
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypedDict, TypeVar

import tenacity
from fastapi import APIRouter, FastAPI, Header
from pydantic import BaseModel, Field
from typing_extensions import assert_type

import declarai_like as declarai
from declarai_like import (
    Chat,
    Items,
    LLMResponse,
    Message,
    Model,
    Partial,
    Stream,
    Task,
    Timeouts,
    ToolCall,
    Usage,
    Watch,
    errors,
    memory,
    remote,
    serve,
    stream,
    streaming,
    window,
)
from declarai_like._llm.llm import LLM
from declarai_like._llm.transport.inprocess import InProcessTransport
from declarai_like._net.sse import ServerSentEvent
from declarai_like._output.incremental import PartialJSON
from declarai_like.app import (
    Action,
    Application,
    ApplicationBuilder,
    ApplicationContext,
    AsyncStreamingResultContainer,
    Condition,
    Final,
    Graph,
    GraphBuilder,
    InMemoryPersister,
    Input,
    PostgreSQLPersister,
    PydanticTypingSystem,
    RedisPersister,
    Result,
    SQLitePersister,
    State,
    StreamingAction,
    StreamingResultContainer,
    Timeline,
    action,
    create_action,
    default,
    expr,
    lmda,
    register_class,
    register_field_serde,
    streaming_action,
    when,
)
from declarai_like.app.events import Event as ApplicationEvent
from declarai_like.app.events import StepEnded, StreamItem
from declarai_like.app.persistence import PersistedState, Persister, Status
from declarai_like.messages import Delta
from declarai_like.providers import Provider, Question, Request
from declarai_like.testing import (
    Exchange,
    Fault,
    FaultProxy,
    LoopbackServer,
    Raw,
    Reply,
    Script,
    TapeMiss,
    record,
    replay,
)

T = TypeVar("T")


# Models

gpt = declarai.openai("gpt-5.5")
live = declarai.openai("gpt-5.5", stream=True)
dry = declarai.offline({"Avengers": "They assemble."})


def models(setting: str | None) -> None:
    assert_type(gpt, Model[Literal[False]])
    assert_type(live, Model[Literal[True]])
    assert_type(gpt.name, str)
    local = declarai.openai("llama3.2", base_url="http://localhost:11434/v1", api_key=setting, output="schema")
    assert_type(local, Model[Literal[False]])
    careful = declarai.openai(
        model="m",
        openai_token=setting,
        headers={"X-Team": "support"},
        llm_params={"temperature": 0},
        timeout=Timeouts(first_token=20, total=None),
        max_retries=2,
        include_usage=False,
    )
    assert_type(careful, Model[Literal[False]])
    azure = declarai.azure_openai(
        deployment_name="d",
        azure_openai_key="k",
        azure_openai_api_base="https://r.openai.azure.com",
        api_version="2024-10-21",
        timeout=30,
        stream=True,
    )
    assert_type(azure, Model[Literal[True]])
    assert_type(declarai.model("offline"), Model[Literal[False]])
    assert_type(declarai.model(setting), Model[Literal[False]])


def which() -> Model[Literal[False]]:
    """Choose a model as the examples do."""
    if os.environ.get("OPENAI_API_KEY"):
        return declarai.openai(os.environ.get("DECLARAI_DEMO_MODEL", "gpt-5.5"))
    return declarai.offline(["one", 2, {"three": 4}, Reply("five", delay=0.1), ValueError("six")], delay=0.02)


# Tasks


class Mood(Enum):
    HAPPY = "happy"
    SAD = "sad"


class Hero(BaseModel):
    name: str
    powers: list[str]
    born: date | None = None


@dataclass
class Slip:
    team: Literal["operations", "sales"]
    urgency: Annotated[int, Field(ge=1, le=5)]


class Scores(TypedDict):
    story: int
    music: int


class Place(NamedTuple):
    city: str
    country: str


class Page(BaseModel, Generic[T]):
    number: int
    entries: list[T]


class Folder(BaseModel):
    name: str
    folders: list[Folder]


@gpt.task
def rank(message: str, scale: int = 5) -> int:
    """Rank how urgent the message is.

    :param message: what the customer wrote
    :param scale: the highest rank
    :return: 1 for not urgent, up to the scale
    """
    return declarai.magic(message, scale)


@gpt.task
async def sort_mail(message: str, teams: list[str]) -> Literal["now", "today", "later"]:
    """Decide when the message must be answered."""
    return declarai.magic(message, teams)


@gpt.task(streaming=True)
def say(movie: str) -> str:
    """Describe {movie} in a word"""
    return declarai.magic(movie)


@gpt.task(streaming=True)
async def say_later(movie: str) -> str:
    """Describe the movie in a word"""
    return declarai.magic(movie)


@live.task
def heroes(movie: str) -> list[Hero]:
    """List the heroes of the movie"""
    return declarai.magic(movie)


@live.task(streaming=False, retries=tenacity.Retrying(stop=tenacity.stop_after_attempt(3)))
def strongest(movie: str) -> Hero | None:
    """Name the strongest hero of the movie"""
    return declarai.magic(movie)


@gpt.task
def each(movie: str) -> Iterator[Hero]:
    """List the heroes of the movie"""
    return declarai.magic(movie)


@gpt.task(output="tool", retries=1)
async def each_later(movie: str) -> AsyncIterator[Hero]:
    """List the heroes of the movie"""
    return declarai.magic(movie)


@gpt.task
def each_of_them(movie: str) -> Iterable[Hero]:
    """List the heroes of the movie"""
    return declarai.magic(movie)


@gpt.task
def slip(letter: Annotated[str, "as it came"], house_rules: Sequence[str] = ()) -> Slip:
    """Sort the letter of a customer."""
    return declarai.magic(letter, house_rules)


@gpt.task
def page(subject: str, *, number: int = 1) -> Page[Hero]:
    """Write a page about the subject"""
    return declarai.magic(subject, number)


@live.task
def pages(subject: str) -> list[Page[Hero]]:
    """Write a book about the subject"""
    return declarai.magic(subject)


@gpt.task
def greet(name: str, formal: bool) -> str:
    how = "formally" if formal else "as an old friend"
    return declarai.magic(description=f"Greet this person {how}.", params={"name": "whom"}, returns="one line")


@gpt.task
def scores(movie: str) -> Scores:
    """Score the movie"""
    return declarai.magic(movie)


@gpt.task
def place(text: str) -> tuple[Place, Mood, Decimal]:
    """Describe the town, and what a visit costs"""
    return declarai.magic(text)


@gpt.task
async def folders(text: str) -> dict[str, Folder]:
    """Read the folders"""
    return declarai.magic(text)


@gpt.task
def note(text: str) -> None:
    """Answer with any JSON"""


@declarai.task
def anywhere(movie: str) -> set[str]:
    """List the heroes of the movie"""
    return declarai.magic(movie)


@declarai.task(streaming=True, replay=False, llm_params={"temperature": 0.7})
def anywhere_live(movie: str) -> set[str]:
    """List the heroes of the movie"""
    return declarai.magic(movie)


@gpt.task(streaming=True, restart_on={errors.StreamInterrupted, errors.IdleTimeout})
def patiently() -> str:
    """Count"""
    return declarai.magic()


class Critic:
    def __init__(self, mood: str) -> None:
        self.mood = mood

    @gpt.task
    async def judge(self, movie: str) -> str:
        """You are {{ self.mood }}. Judge the movie in one word."""
        return declarai.magic(movie)

    @gpt.task(streaming=True)
    def explain(self, movie: str, words: int = 10) -> str:
        """You are {{ self.mood }}. Explain the movie."""
        return declarai.magic(movie, words)


def tasks() -> None:
    assert_type(rank("The server is down!"), int)
    assert_type(rank(message="hi", scale=3), int)
    assert_type(rank("hi", llm_params={"temperature": 0}), int)
    assert_type(strongest("Avengers"), Hero | None)
    assert_type(slip("Hello", house_rules=["Be kind."]).team, Literal["operations", "sales"])
    assert_type(page("heroes", number=2), Page[Hero])
    assert_type(page("heroes").entries[0].powers, list[str])
    assert_type(greet("Ada", formal=True), str)
    assert_type(scores("Avengers")["story"], int)
    assert_type(place("Bern"), tuple[Place, Mood, Decimal])
    assert_type(anywhere("Avengers"), set[str])
    assert_type(rank.llm_response, LLMResponse | None)
    if (answer := rank.llm_response) is not None:
        assert_type(answer.usage, Usage | None)
        assert_type(answer.attempt, int)
        assert_type(answer.restart_reason, str)
        assert_type(answer.total_tokens, int | None)


async def async_tasks() -> None:
    assert_type(await sort_mail("Help!", ["sales"]), Literal["now", "today", "later"])
    assert_type(await sort_mail("Help!", [], llm_params=None), Literal["now", "today", "later"])
    assert_type(await folders("..."), dict[str, Folder])
    critic = Critic("hard to please")
    assert_type(await critic.judge("Avengers"), str)
    assert_type(critic.explain("Avengers", words=3), Stream[str])
    assert_type(critic.explain.llm_response, LLMResponse | None)
    assert_type(critic.judge.compile("Avengers"), list[Message])
    assert_type(await critic.judge.plan(movie="Avengers")(), str)
    waiting = assert_type(sort_mail("Help!", []), Coroutine[Any, Any, Literal["now", "today", "later"]])
    assert_type(await waiting, Literal["now", "today", "later"])


def plans() -> None:
    plan = rank.plan("hi", scale=3)
    assert_type(plan.task_kwargs, dict[str, Any])
    assert_type(plan.compiled_template, str)
    assert_type(plan.populated_prompt, str)
    assert_type(plan.messages, tuple[Message, ...])
    assert_type(plan(), int)
    assert_type(say.plan("Avengers", llm_params={"temperature": 0})(), Stream[str])
    for message in rank.compile(message="hi"):
        assert_type(message.role, str)
        assert_type(message.content, str)


def extractor(model: Model[Literal[False]], describe: Callable[[str], T]) -> Task[[str], T]:
    """Make a task of any function."""
    return model.task(describe)


def several_models(text: str) -> None:
    def describe(text: str) -> Slip:
        """Sort the letter"""
        return declarai.magic(text)

    assert_type(extractor(dry, describe)(text), Slip)
    assert_type(gpt.task(describe)(text), Slip)
    assert_type(live.task(describe)(text).result(), Slip)
    assert_type(gpt.task(streaming=True)(describe)(text), Stream[Slip])


# Streams


def streams() -> None:
    answer = say("Avengers")
    assert_type(answer, Stream[str])
    for chunk in answer:
        assert_type(chunk, LLMResponse)
        assert_type(chunk.response, str)
        assert_type(chunk.delta, str)
        assert_type(chunk.reasoning, str)
        assert_type(chunk.finish_reason, str | None)
        print(chunk.raw_response["choices"][0]["delta"], [call.arguments for call in chunk.tool_calls])
    assert_type(say.llm_stream_response, Stream[str] | None)
    assert_type(next(answer), LLMResponse)
    assert_type("".join(answer.deltas()), str)
    assert_type(answer.result(), str)
    assert_type(answer.response, str)
    assert_type(answer.usage, Usage | None)
    assert_type(answer.commitment.commit(1), bool)
    with answer as opened:
        assert_type(opened, Stream[str])
    answer.close()
    with heroes("Avengers").deltas() as deltas:
        for delta in deltas:
            assert_type(delta, str)


async def async_streams() -> None:
    async with say_later("Avengers") as answer:
        assert_type(answer, Stream[str])
        async for chunk in answer:
            assert_type(chunk, LLMResponse)
        async for text in answer.deltas():
            assert_type(text, str)
        assert_type(await anext(answer), LLMResponse)
        assert_type(await answer.aresult(), str)
    await answer.aclose()


def typed_streams() -> None:
    answer = heroes("Avengers")
    for partial in answer.partials():
        assert_type(partial, Partial[list[Hero]])
        assert_type(partial.get(lambda heroes: heroes[0].name), str | None)
        assert_type(partial.get(lambda heroes: heroes[-1].born), date | None)
        assert_type(len(partial), int)
        try:
            print(stream.as_json(partial), partial[0].name)
        except stream.Missing as error:
            print(error)
    value: object = None
    for operations in answer.patches(early=True):
        assert_type(operations, list[stream.Operation])
        assert_type(operations[0], stream.Operation)
        value = stream.apply_patch(value, operations)
    for hero in answer.items():
        assert_type(hero, Hero)
    found = answer.items(on_error="collect")
    assert_type(found, Items[Hero])
    assert_type(next(found), Hero)
    assert_type(found.errors, list[errors.InvalidElement])
    assert_type(answer.result(), list[Hero])
    assert_type(anywhere_live("Avengers").items(), Items[str])
    for leaf in pages("heroes").items():
        assert_type(leaf, Page[Hero])
        assert_type(leaf.entries, list[Hero])


async def elements() -> None:
    for hero in each("Avengers"):
        assert_type(hero, Hero)
    async for hero in each("Avengers"):
        assert_type(hero, Hero)
    async for hero in each_later("Avengers"):
        assert_type(hero, Hero)
    assert_type(each_later("Avengers"), Items[Hero])
    for hero in each_of_them("Avengers"):
        assert_type(hero, Hero)
    assert_type(each("Avengers").stream.usage, Usage | None)
    async with each_later("Avengers") as found:
        assert_type(await anext(found), Hero)
    async for partial in heroes("Avengers").partials(early=True):
        assert_type(partial.get(lambda heroes: heroes[0].powers), list[str] | None)


def field_events() -> Hero | None:
    @gpt.task(streaming=True)
    def hero(movie: str) -> Hero:
        """Name the hero of the movie"""
        return declarai.magic(movie)

    for event in hero("Avengers").events():
        match event:
            case stream.TextDelta(delta) | stream.ReasoningDelta(delta):
                assert_type(delta, str)
            case stream.FieldStarted(path):
                assert_type(path, tuple[str | int, ...])
            case stream.FieldGrew(path, delta):
                assert_type(delta, str)
            case stream.FieldCompleted(path) | stream.ElementCompleted(path):
                assert_type(path, tuple[str | int, ...])
            case stream.ToolCalled(call):
                assert_type(call.name, str)
            case stream.UsageReported(usage):
                assert_type(usage, Usage)
            case stream.Restarted(reason, attempt):
                assert_type(reason, str)
                assert_type(attempt, int)
            case stream.Finished():
                assert_type(event.value, Hero)
                assert_type(event.finish_reason, str | None)
                return event.value
    return None


@stream.done
class Money(BaseModel):
    amount: Decimal


class Order(BaseModel):
    number: Annotated[str, stream.done, stream.not_null]
    note: Annotated[str, stream.with_state]
    price: Money


def marked(order: Order, noted: stream.StreamState[str]) -> None:
    assert_type(order.number, str)
    assert_type(order.note, str)
    assert_type(order.price.amount, Decimal)
    assert_type(noted.value, str | None)
    assert_type(noted.state, Literal["pending", "incomplete", "complete"])


def watched() -> None:
    with Watch() as watch:
        assert_type(watch, Watch)
        for _ in say("Avengers"):
            watch.stop()
    assert_type(watch.usage, Usage | None)
    assert_type(watch.is_stopped, bool)
    if watch.usage is not None:
        assert_type(watch.usage.estimated, bool)


async def watched_later() -> None:
    with Watch() as watch:
        async for _ in say_later("Avengers"):
            await watch.astop()


def plain_json() -> None:
    so_far = PartialJSON()
    so_far.feed('{"a": [1, 2')
    assert_type(so_far.complete, bool)


# Chats


@gpt.chat(streaming=True, window=window.Messages(40), keep_partial=True)
class SQLBot(Chat[Stream[str]]):
    """You are a SQL assistant for {{ dialect }}."""

    greeting = "Hello! Which data do you need?"
    dialect: str = "PostgreSQL"


@gpt.chat
class Tidy(Chat):
    """You are neat."""

    def send(self, message: str, *, llm_params: Mapping[str, Any] | None = None, **values: Any) -> str:
        return super().send(" ".join(message.split()), llm_params=llm_params, **values)


class Query(BaseModel):
    sql: str
    tables: list[str]


@gpt.chat(retries=1, output="tool")
class Typed(Chat[Query]):
    """You write SQL."""


@gpt.experimental.chat
class Numbers(Chat[Items[int]]):
    """You count."""


@declarai.chat(window=window.Summary(window.Tokens(8000)))
class Guide(Chat):
    """You show {audience} around {place}. Speak {{ self.tone() }}."""

    audience = "families"

    def __init__(self, city: str, memory: memory.Memory | None = None) -> None:
        super().__init__(memory=memory)
        self.place = f"the old town of {city}"

    def tone(self) -> str:
        return "slowly" if self.audience == "families" else "freely"


class NightGuide(Guide):
    audience = "grown-ups"


@declarai.experimental.chat
class Plain:
    """To a type checker, this chat has the type of its class."""

    topic = "cats"


class Archive:
    """A memory written by a user."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def load(self) -> list[Message]:
        return [memory.message_from_dict(each) for each in json.loads(self.path.read_text())]

    async def append(self, messages: Sequence[Message]) -> None:
        self.path.write_text(json.dumps([memory.message_to_dict(each) for each in messages]))

    def clear(self) -> None:
        self.path.unlink()


class LastTwo:
    """A window written by a user."""

    def select(self, messages: Sequence[Message]) -> Sequence[Message]:
        return messages[-2:]


def chats() -> None:
    bot = SQLBot(dialect="SQLite", memory=memory.SQLite("chats.db", session="42"))
    answer = bot.send("How many orders are late?")
    assert_type(answer, Stream[str])
    for chunk in answer:
        assert_type(chunk, LLMResponse)
    assert_type(bot.conversation, list[Message])
    assert_type(bot.system, str)
    assert_type(bot.greeting, str)
    assert_type(bot.dialect, str)
    assert_type(bot.compile("more"), list[Message])
    bot.add_message("be brief", role="system")
    assert_type(bot.llm_response, LLMResponse | None)
    assert_type(bot.llm_stream_response, Stream[str] | None)
    assert_type(bot.memory, memory.Memory)
    assert_type(len(bot), int)
    for message in bot:
        assert_type(message.created, datetime | None)
        assert_type(message.tool_calls, tuple[ToolCall, ...])
    bot.clear()
    assert_type(Tidy(system="Be brief.", greeting="Hi", window=LastTwo()).send("so   many   spaces"), str)
    assert_type(Typed(memory=Archive(Path("chat.json"))).send("orders").tables, list[str])
    for number in Numbers().send("to three"):
        assert_type(number, int)
    assert_type(NightGuide("Bern", memory=memory.InMemory()).send("Hi", place="the cellars"), str)
    assert_type(Guide("Bern").tone(), str)
    assert_type(Plain().topic, str)


async def chats_later() -> None:
    bot = SQLBot()
    async for chunk in bot.asend("again", llm_params={"temperature": 0}):
        assert_type(chunk, LLMResponse)
    assert_type(await Tidy().asend("hi"), str)
    assert_type(await Typed().asend("orders"), Query)
    async for number in Numbers().asend("to three"):
        assert_type(number, int)
    assert_type(await bot.aconversation(), list[Message])
    assert_type(await bot.acompile("more"), list[Message])
    await bot.aadd_message("hi", role="user")
    await bot.aclear()


def memories() -> None:
    with memory.SQLite("chats.db") as kept:
        assert_type(kept, memory.SQLite)
        alice = kept.at("alice")
        assert_type(alice, memory.SQLite)
        alice.append([Message("user", "hi"), Message("assistant", "Hello!", usage=Usage(9, 2, 11))])
        assert_type(alice.load(), list[Message])
    stores: list[memory.Memory] = [
        memory.InMemory(),
        memory.File("chats", session="42"),
        memory.PostgreSQL("dbname=chats", table="messages"),
        memory.Redis("redis://localhost", prefix="chats:"),
        Archive(Path("chat.json")),
    ]
    del stores
    assert_type(window.count_tokens("how many"), int)


# Applications


@action(reads=[], writes=["prompt", "safe"])
def prompt(state: State, prompt: str) -> State:
    return state.update(prompt=prompt, safe="unsafe" not in prompt)


@action(reads=["prompt"], writes=["urgency"], tags=["model"])
async def judge(state: State) -> tuple[dict[str, Any], State]:
    when_ = await sort_mail(state["prompt"], [])
    return {"urgency": when_}, state.update(urgency=when_)


Given = tuple[dict[str, Any], State | None]


@streaming_action(reads=["prompt"], writes=["answer"])
async def answer(state: State) -> AsyncIterator[Given]:
    text = ""
    async for chunk in say_later(state["prompt"]):
        text = chunk.response
        yield {"delta": chunk.delta}, None
    yield {"answer": text}, state.update(answer=text).append(history=text)


@streaming_action(reads=["prompt"], writes=["answer"])
def answer_returned(state: State, how: str = "") -> Generator[dict[str, Any], None, tuple[dict[str, Any], State]]:
    text = "".join(say(state["prompt"]).deltas())
    yield {"delta": text}
    return {"answer": text}, state.update(answer=text)


@streaming_action(reads=["prompt"], writes=["answer"])
def answer_passed_on(state: State) -> Generator[Stream[str] | Given, str, None]:
    text = yield say(state["prompt"])
    assert_type(text, str)
    yield {"answer": text}, state.update(answer=text)


@streaming_action(reads=["prompt"], writes=["answer"])
async def answer_final(state: State, **run_kwargs: Any) -> AsyncGenerator[dict[str, Any] | Final, None]:
    yield {"delta": "No."}
    yield Final({"answer": "No."}, state.update(answer="No."))


@action(reads=[], writes=["answer"])
def refuse(state: State, *, __context: ApplicationContext) -> State:
    assert_type(__context.application.state, State)
    assert_type(__context.sequence_id, int)
    inside = ApplicationContext.get()
    assert_type(inside, ApplicationContext | None)
    return state.update(answer=f"I am afraid I cannot do that, {__context.app_id}.")


class Count(Action):
    reads = ["text"]
    writes = ["words"]

    def run(self, state: State) -> dict[str, int]:
        return {"words": len(state["text"].split())}

    def update(self, result: dict[str, int], state: State) -> State:
        return state.update(**result)


class Repeat(Action):
    """An action with inputs, whose reads and writes are computed."""

    def __init__(self, key: str) -> None:
        self.key = key

    @property
    def reads(self) -> list[str]:
        return [self.key]

    @property
    def writes(self) -> list[str]:
        return [self.key]

    async def run(self, state: State, times: int, *, between: str = " ") -> dict[str, str]:
        return {self.key: between.join([state[self.key]] * times)}

    def update(self, result: dict[str, str], state: State) -> State:
        return state.update(**result)


class Shout(StreamingAction):
    reads = ["text"]
    writes = ["shouted"]

    async def stream_run(self, state: State, loudly: bool = True) -> AsyncIterator[dict[str, str] | Final]:
        for word in state["text"].split():
            yield {"word": word.upper()}
        yield Final({"shouted": state["text"].upper()})

    def update(self, result: dict[str, str], state: State) -> State:
        return state.update(**result)


class Whisper(StreamingAction):
    reads: Sequence[str] = ("text",)
    writes: Sequence[str] = ("whispered",)

    def stream_run(self, state: State, **run_kwargs: Any) -> Generator[dict[str, str], None, dict[str, str]]:
        yield {"word": state["text"].lower()}
        return {"whispered": state["text"].lower()}

    def update(self, result: Mapping[str, str], state: State) -> State:
        return state.update(**result)


app = (
    ApplicationBuilder()
    .with_actions(prompt, answer, refuse, judge=judge, answer_kindly=answer_returned.bind(how="kindly"))
    .with_actions(count=Count, shout=Shout(), repeat=Repeat("text"), whisper=create_action(Whisper, "whisper"))
    .with_actions(ask=Input("text"), show=Result("answer"))
    .with_transitions(
        ("prompt", "refuse", when(safe=False) | expr("len(prompt) > 1000")),
        ("prompt", "answer", default),
        (["answer", "refuse"], "prompt", ~lmda(lambda state: state["safe"], ["safe"])),
    )
    .with_entrypoint("prompt")
    .with_state(history=[], safe=True)
    .with_overlap("refuse")
    .build()
)


def applications() -> None:
    assert_type(app, Application)
    ran, items = app.stream_result(halt_after=["answer", "refuse"], inputs={"prompt": "hello"})
    assert_type(ran, Action)
    assert_type(ran.name, str)
    assert_type(items, StreamingResultContainer)
    for item in items:
        print(item["delta"], end="")
    result, state = items.get()
    print(result)
    assert_type(state, State)
    for _, container in app.stream_iterate(halt_after="answer"):
        with container:
            assert_type(container, StreamingResultContainer)
    if (step := app.step(inputs={"prompt": "hi"})) is not None:
        done, _, state = step
        assert_type(done, Action)
        assert_type(state, State)
    for done, _, _ in app.iterate(halt_before="answer", inputs={"prompt": "hi"}):
        assert_type(done.name, str)
    last, _, state = app.run(halt_after=["@tag:model"], inputs={"prompt": "hi"})
    assert_type(last, Action | None)
    assert_type(app.get_next_action(), Action | None)
    assert_type(app.visualize().mermaid, str)
    app.visualize(include_conditions=False).save("app.md")
    assert_type(app.graph, Graph)
    assert_type(app.sequence_id, int)


async def applications_later() -> None:
    ran, items = await app.astream_result(halt_after=["answer"], inputs={"prompt": "hello"})
    assert_type(ran, Action)
    assert_type(items, AsyncStreamingResultContainer)
    async with items:
        async for item in items:
            print(item["delta"], end="")
    _, state = await items.get()
    assert_type(state, State)
    async for done, container in app.astream_iterate():
        assert_type(done.name, str)
        await container.aclose()
    async for _, _, state in app.aiterate(halt_after="answer"):
        assert_type(state, State)
    last, _, state = await app.arun(halt_after="answer")
    assert_type(last, Action | None)
    assert_type((await app.astep()) is None, bool)


def an_action_is_a_function() -> None:
    assert_type(prompt(State(), prompt="hi"), State)
    assert_type(next(answer_returned(State({"prompt": "hi"}), how="kindly")), dict[str, Any])
    assert_type(answer(State({"prompt": "hi"})), AsyncIterator[Given])
    assert_type(prompt.bind(prompt="hi")(State()), State)
    assert_type(prompt.with_name("question"), Action)


class Chatting(BaseModel):
    question: str = ""
    answers: list[str] = []


class Token(BaseModel):
    text: str


@action.pydantic(reads=["question"], writes=["question"])
def tidy(state: Chatting) -> Chatting:
    state.question = state.question.strip()
    return state


@streaming_action.pydantic(["question"], ["answers"], Chatting, Chatting, Token)
def reply(state: Chatting) -> Iterator[tuple[Token, Chatting | None]]:
    for text in say(state.question).deltas():
        yield Token(text=text), None
    yield Token(text=""), state


def typed_state() -> None:
    typed = (
        ApplicationBuilder()
        .with_actions(tidy, reply)
        .with_transitions(("tidy", "reply"), ("reply", "tidy"))
        .with_state(Chatting(question="Why?"))
        .with_entrypoint("tidy")
        .build()
    )
    assert_type(typed, Application[Chatting])
    assert_type(typed.state.data, Chatting)
    assert_type(typed.state.data.answers, list[str])
    _, items = typed.stream_result(halt_after="reply")
    _, state = items.get()
    assert_type(state.data, Chatting)
    if (step := typed.step()) is not None:
        assert_type(step[2].data.question, str)
    assert_type(tidy(Chatting()), Chatting)
    system = PydanticTypingSystem(Chatting)
    assert_type(State({"question": "Why?"}).with_typing_system(system).data, Chatting)
    assert_type(ApplicationBuilder().with_typing(system).with_state(question="Why?"), ApplicationBuilder[Chatting])


def path_to_json(path: Path, **_: Any) -> dict[str, str]:
    return {"path": str(path)}


def path_from_json(value: dict[str, str], **_: Any) -> Path:
    return Path(value["path"])


def states() -> None:
    state = State({"history": ["a"], "turns": 1})
    later = state.append(history="b").increment(turns=1).extend(history=["c", "d"])
    assert_type(later, State)
    assert_type(later.wipe(keep=["history"]).subset("history").merge({"turns": 3}), State)
    assert_type(state.get_all(), dict[str, Any])
    assert_type(State.deserialize(later.serialize()) == later, bool)
    assert_type(register_class(Chatting), type[Chatting])
    register_field_serde("where", path_to_json, path_from_json)


def note_event(event: ApplicationEvent) -> None:
    if isinstance(event, StreamItem):
        assert_type(event.item_index, int)
    elif isinstance(event, StepEnded):
        assert_type(event.exception, BaseException | None)
        assert_type(event.state, State)


class Failures:
    async def post_run_step(self, *, action: Action, exception: BaseException | None, **_: Any) -> None:
        print(f"{action.name} {'failed' if exception else 'ran'}")


class Kept:
    """A persister written by a user."""

    async def save(
        self, partition_key: str, app_id: str, sequence_id: int, position: str, state: State, status: Status
    ) -> None:
        print(json.dumps(state.serialize()), status)

    def load(
        self, partition_key: str, app_id: str | None = None, sequence_id: int | None = None
    ) -> PersistedState | None:
        return None

    async def list_app_ids(self, partition_key: str) -> list[str]:
        return []


def saved(persister: Persister) -> Application:
    return (
        ApplicationBuilder()
        .with_graph(GraphBuilder().with_actions(prompt, answer).with_transitions(("prompt", "answer")).build())
        .with_identifiers(app_id="chat", partition_key="ann")
        .initialize_from(persister, default_state={"history": []}, default_entrypoint="prompt")
        .with_state_persister(persister)
        .with_hooks(note_event, Failures(), Timeline(), on_error="log")
        .strict()
        .build()
    )


def persisters() -> None:
    for persister in (
        InMemoryPersister(),
        SQLitePersister("apps.db"),
        PostgreSQLPersister("dbname=apps"),
        RedisPersister("redis://localhost"),
    ):
        assert_type(saved(persister), Application)
    assert_type(saved(Kept()), Application)
    with SQLitePersister("apps.db") as kept:
        assert_type(kept.list_app_ids("ann"), list[str])
        assert_type(kept.load("ann", "chat"), PersistedState | None)


def conditions() -> list[Condition]:
    return [when(mode="poem", count__gt=3), expr("count > 3 and not safe"), default & ~when(safe=True)]


# Typed streams


class Audio(BaseModel):
    name: str


class Segment(BaseModel):
    text: str
    samples: streaming.FloatArray
    marks: streaming.IntArray
    raw: bytes = b""
    picture: Annotated[memoryview, streaming.Numbers()] | None = None


class Totals(BaseModel):
    seconds: float


ITEMS = streaming.stream_types(Totals)
HEADED = streaming.stream_types(Totals, header_type=Audio)
FOOTED = streaming.stream_types(Segment, footer_type=Totals)
WHOLE = streaming.stream_types(Segment, header_type=Audio, footer_type=Totals)


def frames(name: str) -> Iterator[bytes]:
    writer = streaming.stream_writer(WHOLE)
    assert_type(writer, streaming.StreamWriter[Segment, Audio, Totals])
    yield writer.yield_header(Audio(name=name))
    yield writer.yield_item(Segment(text="to", samples=array.array("f", [0.5]), marks=array.array("q", [1])))
    yield writer.yield_footer(Totals(seconds=1))
    yield writer.close()


async def frames_later() -> AsyncIterator[bytes]:
    writer = streaming.stream_writer(HEADED, encoding="ndjson", end=False, binary=False)
    assert_type(writer.media_type, str)
    yield writer.yield_header(Audio(name="a"))
    try:
        yield writer.yield_item(Totals(seconds=1))
    except ValueError as error:
        yield writer.error(error, details={"at": 3})


def declared(types: streaming.StreamTypes[Segment, Audio, Totals]) -> type[Segment]:
    return types.item_type


assert_type(declared(WHOLE), type[Segment])


def produce(writer: streaming.StreamWriter[Totals, None, None]) -> Iterator[bytes]:
    yield writer.yield_item(Totals(seconds=1))


def four_readers(pieces: Iterable[bytes]) -> None:
    assert_type(streaming.stream_reader(ITEMS, pieces), streaming.StreamReader[Totals, None, None])
    headed = streaming.stream_reader(HEADED, pieces, encoding="sse", end="optional")
    assert_type(headed.read_header(), Audio)
    footed = streaming.stream_reader(FOOTED, pieces, errors=[KeyError], max_frame_size=1000)
    assert_type(footed.read_footer(), Totals)
    with streaming.stream_reader(WHOLE, frames("letter.wav")) as reader:
        assert_type(reader, streaming.StreamReader[Segment, Audio, Totals])
        assert_type(reader.read_header(), Audio)
        for segment in reader.read_items():
            assert_type(segment, Segment)
            assert_type(segment.samples, array.array[float])
        assert_type(reader.read_footer(), Totals)
    writer = streaming.stream_writer(ITEMS)
    guarded = writer.guard(produce(writer))
    assert_type(guarded, Generator[bytes, None, None])
    for text in streaming.text_reader(pieces):
        assert_type(text, str)


async def four_async_readers(pieces: AsyncIterator[bytes]) -> None:
    assert_type(streaming.stream_reader(ITEMS, pieces), streaming.AsyncStreamReader[Totals, None, None])
    async with streaming.stream_reader(HEADED, frames_later(), encoding="ndjson", end="optional") as headed:
        assert_type(await headed.read_header(), Audio)
        async for item in headed.read_items():
            assert_type(item, Totals)
    footed = streaming.stream_reader(FOOTED, pieces)
    assert_type(await footed.read_footer(), Totals)
    whole = streaming.stream_reader(WHOLE, pieces)
    assert_type(await whole.read_header(), Audio)
    assert_type(await whole.read_footer(), Totals)
    async for text in streaming.text_reader(pieces):
        assert_type(text, str)


# Remote streams


class NoSuchAudio(Exception): ...


@remote.stream
async def spell(word: str) -> AsyncIterator[str]:
    for letter in word:
        yield letter


@remote.stream
def count_to(to: int, *, start: int = 0) -> Iterator[Totals]:
    for seconds in range(start, to):
        yield Totals(seconds=seconds)


@remote.stream(WHOLE)
async def transcribe(name: str) -> AsyncIterator[Audio | Segment | Totals]:
    yield Audio(name=name)
    yield Totals(seconds=4)


def remote_servers() -> FastAPI:
    web = FastAPI()
    web.include_router(remote.router(spell, transcribe, buffer=2, tags=["streams"]), prefix="/streams")
    web.mount("/others", remote.asgi(count_to, max_body=10_000))
    return web


def remote_clients(url: str) -> None:
    for total in count_to(3):
        assert_type(total, Totals)
    try:
        with transcribe.at(url, timeout=30, errors=[NoSuchAudio]).stream("letter.wav") as reader:
            assert_type(reader.read_header(), Audio)
            for segment in reader.read_items():
                assert_type(segment, Segment)
            assert_type(reader.read_footer(), Totals)
    except NoSuchAudio as error:
        if isinstance(error.__cause__, streaming.RemoteError):
            assert_type(error.__cause__.type, str)
            assert_type(error.__cause__.details, dict[str, Any])
    except remote.RequestRefused as error:
        assert_type(error.status, int)
    except remote.RemoteTimeout as error:
        assert_type(error.limit, float)
    except (remote.ServerUnreachable, streaming.StreamTruncated) as error:
        assert_type(error.frame, int | None)
    call = count_to.at(url).stream(to=3)
    assert_type(
        call,
        remote.RemoteCall[streaming.StreamReader[Totals, None, None], streaming.AsyncStreamReader[Totals, None, None]],
    )
    with spell.at(url).stream("naïve") as letters:
        assert_type(letters, remote.ValueReader[str])
        assert_type("".join(letters.read_items()), str)
    with count_to.at(url) as client, client.stream(3, start=1) as totals:
        for total in totals.read_items():
            assert_type(total, Totals)
    elsewhere = remote.client(
        f"{url}/count_to", ITEMS, headers={"Authorization": "Bearer ..."}, timeout=Timeouts(connect=2)
    )
    with elsewhere.stream(to=3) as totals:
        assert_type(list(totals.read_items()), list[Totals])


async def remote_clients_later(url: str) -> None:
    async with spell.at(url, encoding="sse").stream("naïve") as letters:
        async for letter in letters.read_items():
            assert_type(letter, str)
    async with transcribe.at(url).stream(name="letter.wav") as reader:
        assert_type(await reader.read_header(), Audio)
    async with remote.client(f"{url}/spell", str).stream(word="a") as letters:
        assert_type([letter async for letter in letters.read_items()], list[str])


# Serving


def serve_count(to: int) -> Iterator[int]:
    """Count up to a number."""
    yield from range(1, to + 1)


def who(x_user: Annotated[str, Header()]) -> str:
    return x_user


def application_of(session: str) -> Application:
    return app.copy(session)


async def application_of_later(session: str) -> Application:
    return await ApplicationBuilder().with_actions(prompt).with_entrypoint("prompt").abuild()


def served() -> FastAPI:
    router = serve.router(
        say,
        serve.task(rank, name="urgency", adapter=lambda text: {"message": text, "scale": 5}),
        serve.chat(SQLBot, memory=memory.SQLite("chats.db"), values={"dialect": "PostgreSQL"}),
        serve.chat(Typed, name="typed", memory=lambda session: memory.File("chats", session=session)),
        serve.application(app, name="chatbot", halt_after=["answer", "refuse"], shows=["history"]),
        serve.application(application_of, name="another", prompt="prompt"),
        serve.application(application_of_later, name="later", adapter=False),
        serve.function(serve_count, name="count"),
        heroes,
        Numbers,
        auth=who,
        limits=serve.Limits(message=1000),
        streams=serve.RedisStreams("redis://localhost:6379/0", beat=1.0),
        grace=30.0,
        heartbeat=15.0,
        keep=60.0,
        expose_errors=True,
        front_ends=False,
    )
    assert_type(router, APIRouter)
    web = FastAPI()
    web.include_router(router, prefix="/api")
    return web


# Testing


def a_script_plays() -> None:
    script = Script({"server is down": Reply("5", first_delay=0.01)}, strict=True)
    scripted = declarai.offline(script).task(rank.__wrapped__)
    assert_type(scripted("The server is down!"), int)
    assert_type(script.calls, list[Mapping[str, Any]])
    script.assert_complete()
    faults = [Fault(429, "slow down", headers={"retry-after": "0"}), Raw([b"data: ", 0.1, b"{}"], cut=True)]
    for text in declarai.offline(faults).task(streaming=True)(say.__wrapped__)("Avengers").deltas():
        assert_type(text, str)
    for hero in dry.task(each.__wrapped__)("Avengers"):
        assert_type(hero, Hero)
    bot = declarai.offline(lambda messages: messages[-1]["content"]).chat(streaming=True)(SQLBot)(dialect="SQLite")
    assert_type(bot, SQLBot)


async def a_script_plays_later() -> None:
    assert_type(await dry.task(sort_mail.__wrapped__)("Help!", []), Literal["now", "today", "later"])
    async for chunk in dry.task(streaming=True)(say_later.__wrapped__)("Avengers"):
        assert_type(chunk, LLMResponse)


def a_server_fails() -> None:
    with LoopbackServer(["one two three"], api_key="k") as server, FaultProxy(server.address) as proxy:
        far = declarai.openai("m", base_url=f"{proxy.address}/v1", api_key="k")
        assert_type(far.task(rank.__wrapped__)("hi"), int)
        proxy.split(1)
        proxy.cut(after=600, times=1)
        proxy.stall(after=10, seconds=0.1)
        proxy.drop()
        exchange = server.exchanges[0]
        assert_type(exchange, Exchange)
        assert_type(exchange.headers["authorization"], str)
        assert_type(exchange.left.wait(5), bool)
        server.script = Script([["one", "two"]], delay=0.01)


def answers_are_recorded() -> None:
    recorded = record(live, "movies.jsonl")
    assert_type(recorded, Model[Literal[True]])
    again = replay("movies.jsonl", model=live, timing=True)
    assert_type(again.task(rank.__wrapped__)("hi"), Stream[int])
    try:
        assert_type(replay(Path("movies.jsonl")).task(rank.__wrapped__)("hi"), int)
    except TapeMiss as error:
        print(error)


# Errors


def all_that_fails() -> None:
    try:
        rank("hi")
    except errors.RateLimited as error:
        assert_type(error.retry_after, float | None)
    except errors.ProviderError as error:
        assert_type(error.status, int | None)
        assert_type(error.code, str | None)
        assert_type(error.request_id, str | None)
    except errors.Timeout as error:
        assert_type(error.limit, float)
    except errors.InvalidElement as error:
        assert_type(error.index, int)
    except errors.OutputError as error:
        assert_type([attempt.text for attempt in error.attempts], list[str])
        assert_type(error.reason, str)
    except errors.Refused as error:
        assert_type(error.refusal, str)
    except errors.GraphError as error:
        assert_type(error.problems, tuple[str, ...])
    except errors.MemoryFailed as error:
        if isinstance(error.response, LLMResponse):
            assert_type(error.response.response, str)
    except declarai.DeclaraiError as error:
        assert_type(error.partial, str)
        assert_type(error.transient, bool)


# A provider


class LoudProvider:
    def request(self, question: Question) -> Request:
        said = [{"who": each.role, "what": each.content} for each in question.messages]
        return Request("say", {"voice": question.model, "said": said, "stream": question.stream, **question.params})

    def deltas(self, event: ServerSentEvent) -> Iterable[Delta]:
        try:
            body = json.loads(event.data)
        except ValueError as error:
            raise errors.InvalidJSON(f"the service sent no JSON: {error}") from None
        return [Delta(event.data, body["text"], finish_reason="stop", usage=Usage(0, 1, 1))]


def service(request: Request) -> Iterator[bytes]:
    yield json.dumps({"text": request.body["said"][0]["what"].upper()}).encode()


def loud() -> None:
    provider: Provider = LoudProvider()
    llm = LLM("alto", provider, InProcessTransport(service), timeouts=Timeouts(), max_retries=2)
    model = declarai.Model(llm, output="prompt")
    assert_type(model, Model[Literal[False]])
    assert_type(model.task(say.__wrapped__)("good morning"), str)
    assert_type(declarai.Model(llm, stream=True).task(rank.__wrapped__)("good morning"), Stream[int])
