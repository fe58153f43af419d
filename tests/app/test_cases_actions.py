"""Actions: their parameters, inputs, results and writes, in sync and async code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from declarai_like.app import (
    Action,
    ApplicationBuilder,
    ApplicationContext,
    AsyncStreamingAction,
    Final,
    Input,
    Result,
    State,
    StreamingAction,
    action,
    create_action,
    streaming_action,
)
from declarai_like.errors import ActionError, ApplicationError, GraphError, MissingInputs
from tests.app.worlds import AppWorld, EventRecorder, builder, counter, in_each_loop, in_each_world, later

# 10: the return values of a function


@in_each_world
async def test_case_10_a_state_alone_leaves_the_result_empty(world: AppWorld) -> None:
    @world.action(writes=["name"])
    def greet(state: State) -> State:
        return state.update(name="Tony")

    app = builder(greet).build()
    ran, result, state = await world.step(app)
    assert (ran.name, result, state["name"], app.state["name"]) == ("greet", {}, "Tony", "Tony")


@in_each_world
async def test_case_10_a_result_and_a_state_are_both_kept(world: AppWorld) -> None:
    app = builder(counter(world)).build()
    _, result, state = await world.step(app)
    assert (result, dict(state)) == ({"count": 1}, {"count": 1})


@pytest.mark.parametrize("given", ["a str", (State(), "bar"), None, (State(),), ({}, State(), 1)], ids=repr)
@in_each_world
async def test_case_10_any_other_value_is_refused_with_the_expected_form(world: AppWorld, given: Any) -> None:
    @world.action()
    def wrong(state: State) -> Any:
        return given

    app = builder(wrong).build()
    with pytest.raises(ActionError, match=r"'wrong' must return the next State or a tuple \(result, State\), got "):
        await world.step(app)
    assert dict(app.state) == {}


@in_each_world
async def test_case_10_a_result_of_a_function_is_a_dict(world: AppWorld) -> None:
    @world.action()
    def wrong(state: State) -> Any:
        return "text", state

    with pytest.raises(
        ActionError, match="the result of the action 'wrong' must be a mapping of str to values, got str"
    ):
        await world.step(builder(wrong).build())


# 11, 12: inputs, bound and not


def test_case_11_one_function_is_bound_twice_and_stays_as_it_is() -> None:
    @action(reads=[], writes=["name"])
    def call(state: State, name: str) -> State:
        return state.update(name=name)

    tony, thor = call.bind(name="Tony"), call.bind(name="Thor")
    app = builder(tony=tony, thor=thor, call=call).build()
    assert [state["name"] for _, _, state in app.iterate(inputs={"name": "Hulk"})] == ["Tony", "Thor", "Hulk"]
    assert create_action(call).inputs == (["name"], [])
    assert create_action(tony).inputs == ([], [])


def test_case_11_bind_adds_to_earlier_bound_values() -> None:
    @action(reads=[], writes=["name"])
    def call(state: State, first: str, last: str) -> State:
        return state.update(name=f"{first} {last}")

    tony = call.bind(first="Tony").bind(last="Stark")
    assert builder(call=tony).build().run()[2]["name"] == "Tony Stark"
    assert builder(call=tony.bind(first="Howard")).build().run()[2]["name"] == "Howard Stark"


@in_each_world
async def test_case_11_a_streaming_function_is_bound_too(world: AppWorld) -> None:
    @world.streaming(writes=["said"])
    def say(state: State, words: str) -> Iterator[Any]:
        for word in words.split():
            yield {"word": word}, None
        yield {"said": words}, state.update(said=words)

    app = builder(say=say.bind(words="I am")).build()
    _, items = await world.stream(app, "say")
    assert await items.read() == [{"word": "I"}, {"word": "am"}]


def test_case_11_a_declared_function_can_still_be_called() -> None:
    @action(reads=[], writes=["name"])
    def call(state: State, name: str = "Tony") -> State:
        """Call somebody."""
        return state.update(name=name)

    assert call(State())["name"] == "Tony"
    assert call(State(), name="Thor")["name"] == "Thor"
    assert call.bind(name="Hulk")(State())["name"] == "Hulk"
    assert (call.__name__, call.__doc__) == ("call", "Call somebody.")


@in_each_world
async def test_case_12_inputs_without_a_default_are_required_and_all_that_are_missing_are_named(
    world: AppWorld,
) -> None:
    recorder = EventRecorder()

    @world.action(writes=["name"])
    def call(state: State, first: str, last: str, title: str = "Mr") -> State:
        return state.update(name=f"{title} {first} {last}")

    app = builder(call, recorder=recorder).build()
    assert create_action(call).inputs == (["first", "last"], ["title"])
    with pytest.raises(
        MissingInputs, match="'call' is missing required inputs: 'first', 'last'; pass them with inputs="
    ):
        await world.step(app, inputs={"title": "Dr"})
    assert recorder.lines == [
        "RunStarted",
        "StepStarted call",
        "StepEnded call MissingInputs",
        "RunEnded MissingInputs",
    ]
    _, _, state = await world.step(app, inputs={"first": "Tony", "last": "Stark", "unknown": 1})
    assert state["name"] == "Mr Tony Stark"


@in_each_world
async def test_case_12_a_streamed_action_without_its_inputs_yields_no_item(world: AppWorld) -> None:
    @world.streaming(writes=["said"])
    def say(state: State, words: str) -> Iterator[Any]:
        yield {"said": words}, state.update(said=words)

    app = builder(say).build()
    with pytest.raises(MissingInputs, match="'words'"):
        await (await world.stream(app, "say"))[1].get()
    _, items = await world.stream(app, "say", inputs={"words": "hello"})
    assert (await items.get())[0] == {"said": "hello"}


def test_case_12_a_class_says_its_inputs_itself_or_by_its_signature() -> None:
    class Greet(Action):
        reads: Any = []
        writes: Any = ["name"]

        def run(self, state: State, name: str, title: str = "Mr") -> dict[str, Any]:
            return {"name": f"{title} {name}"}

        def update(self, result: Any, state: State) -> State:
            return state.update(**result)

    class Old(Greet):
        inputs: Any = ["name"]

        def run(self, state: State, **run_kwargs: Any) -> dict[str, Any]:  # type: ignore[override]  # the form of older code
            return dict(run_kwargs)

    assert builder(greet=Greet()).build().run(inputs={"name": "Tony"})[1] == {"name": "Mr Tony"}
    assert builder(greet=Old).build().run(inputs={"name": "Tony", "title": "Dr"})[1] == {"name": "Tony"}
    with pytest.raises(MissingInputs, match="'greet' is missing required inputs: 'name'"):
        builder(greet=Old()).build().run()


# 13: values that are not actions


def undecorated(state: State) -> State:
    return state


@pytest.mark.parametrize("thing", [undecorated, 17, "text", None, object], ids=lambda thing: type(thing).__name__)
def test_case_13_a_value_that_is_not_an_action_is_refused_by_name_or_without_one(thing: Any) -> None:
    shown = {17: "got int", "text": "got str", None: "got None"}.get(thing, f"got {re.escape(repr(thing))}")
    expected = f"must be a function with @action or @streaming_action, or an Action, {shown}"
    with pytest.raises(ActionError, match=f"^the action 'it' {expected}$"):
        create_action(thing, "it")
    with pytest.raises(GraphError, match=f"^the action 'it' {expected}"):
        ApplicationBuilder().with_actions(it=thing).with_entrypoint("it").build()
    with pytest.raises(GraphError, match=f"^an action {expected}"):
        ApplicationBuilder().with_actions(thing).with_entrypoint("it").build()


class NeedsText(Action):
    reads: Any = []
    writes: Any = []

    def __init__(self, text: str) -> None:
        self.text = text

    def run(self, state: State) -> Any:
        return {}

    def update(self, result: Any, state: State) -> State:
        return state


class HasNoUpdate(Action):
    reads: Any = []

    def run(self, state: State) -> Any:
        return {}


class HasNoRun(Action):
    reads: Any = []
    writes: Any = []

    def update(self, result: Any, state: State) -> State:
        return state


class ReadsText(NeedsText):
    reads = "text"

    def __init__(self) -> None:
        super().__init__("hello")


WRONG_CLASSES = [
    (
        NeedsText,
        (
            "the class NeedsText cannot be the action 'it': missing a required argument: 'text'; use an instance of it, "
            "NeedsText(...)"
        ),
    ),
    (HasNoUpdate, "the class HasNoUpdate cannot be the action 'it': it does not define update, writes"),
    (StreamingAction, "the class StreamingAction cannot be the action 'it': it does not define"),
    (HasNoRun, "'it' cannot run: its class must define run(self, state), which returns the result"),
    (HasNoRun(), "'it' cannot run: its class must define run(self, state), which returns the result"),
    (ReadsText, "reads of 'it' must be a list of str, got str; did you mean ['text']?"),
    (Result(["a"]), "each of the reads of 'it' must be a str, got list"),  # type: ignore[arg-type]  # the mistake
]


@pytest.mark.parametrize(("thing", "message"), WRONG_CLASSES)
def test_case_13_a_class_that_cannot_be_an_action_is_refused_with_the_missing_parts(thing: Any, message: str) -> None:
    with pytest.raises(ActionError, match=re.escape(message)):
        create_action(thing, "it")


def test_case_13_all_classes_that_cannot_be_actions_are_listed_by_build() -> None:
    made = (
        ApplicationBuilder().with_actions(it=WRONG_CLASSES[0][0]).with_actions(it=WRONG_CLASSES[1][0], name=undecorated)
    )
    with pytest.raises(GraphError) as raised:
        made.with_entrypoint("it").build()
    assert raised.value.problems[:2] == tuple(message for _, message in WRONG_CLASSES[:2])
    assert raised.value.problems[2].startswith("the action 'name' must be a function with @action")


def test_case_13_an_error_of_a_classs_own_is_not_hidden() -> None:
    class Broken(NeedsText):
        def __init__(self) -> None:
            super().__init__(*[])

    with pytest.raises(TypeError, match=r"NeedsText.__init__\(\) missing 1 required positional argument"):
        create_action(Broken, "it")


def test_case_13_an_action_without_a_name_is_refused() -> None:
    with pytest.raises(GraphError, match=r"Result does not have a name; use with_actions\(name=...\)"):
        ApplicationBuilder().with_actions(Result("a")).with_entrypoint("result").build()


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: action(reads=[], writes=[])(lambda: None), "must have a first parameter, which is the state"),
        (
            lambda: action(reads="name", writes=[])(undecorated),
            r"reads of 'undecorated' must be a list of str, got str; did you mean \['name'\]\?",
        ),
        (
            lambda: streaming_action(reads=[], writes="name")(undecorated),
            "writes of 'undecorated' must be a list of str, got str",
        ),
        (
            lambda: action([], [], tags="loud")(undecorated),
            r"tags of 'undecorated' must be a list of str, got str; did you mean \['loud'\]\?",
        ),
        (lambda: action(reads=None, writes=[])(undecorated), "reads of 'undecorated' must be a list of str, got None"),  # type: ignore[arg-type]  # the mistake
        (
            lambda: action(reads=[], writes=["a", 5])(undecorated),
            "each of the writes of 'undecorated' must be a str, got int",
        ),  # type: ignore[list-item]  # the mistake
        (
            lambda: create_action(action([], [])(undecorated), 5),
            "the name of <action undecorated> must be a str, got int",
        ),  # type: ignore[arg-type]  # the mistake
        (
            lambda: action(reads=[], writes=[])(17),
            "a decorated action must be a function, got int; derive a class from Action",
        ),  # type: ignore[type-var]  # the mistake
        (
            lambda: action(reads=[], writes=[])(_generator),
            "'_generator' is a generator function; declare it with @streaming_action",
        ),
    ],
)
def test_case_13_a_wrong_declaration_is_refused_when_it_is_made(declare: Any, message: str) -> None:
    with pytest.raises(ActionError, match=message):
        declare()


def _generator(state: State) -> Iterator[Any]:
    yield {}, state


@in_each_world
async def test_case_13_a_streaming_function_without_a_yield_is_refused(world: AppWorld) -> None:
    @streaming_action([], [])
    def plain(state: State) -> State:
        return state

    with pytest.raises(ActionError, match="'plain' returns must be a generator of items, got State; yield the items"):
        await world.step(builder(plain).build())


# 14, 15: writes


class Sets(Action):
    """An action that declares writes of a and b, and sets the values of its constructor."""

    reads: Any = []
    writes: Any = ["a", "b"]

    def __init__(self, **values: Any) -> None:
        self.values = values

    def run(self, state: State, **run_kwargs: Any) -> dict[str, Any]:
        return {}

    def update(self, result: Any, state: State) -> State:
        return state.update(**self.values)


class AsyncSets(Sets):
    async def run(self, state: State, **run_kwargs: Any) -> dict[str, Any]:  # type: ignore[override]  # is async
        return {}


class StreamSets(StreamingAction):
    reads: Any = []
    writes: Any = ["a", "b"]

    def __init__(self, **values: Any) -> None:
        self.values = values

    def stream_run(self, state: State, **run_kwargs: Any) -> Any:
        yield {"item": 1}
        yield Final({"final": 1})

    def update(self, result: Any, state: State) -> State:
        return state.update(**self.values)


class AsyncStreamSets(StreamSets):
    async def stream_run(self, state: State, **run_kwargs: Any) -> Any:
        yield {"item": 1}
        yield Final({"final": 1})


def setting(world: AppWorld, kind: str, **values: Any) -> Any:
    """Return an action of a kind that declares writes of a and b, and sets these values."""
    if kind == "class":
        return (AsyncSets if world.actions_are_async else Sets)(**values)
    if kind == "streaming class":
        return (AsyncStreamSets if world.actions_are_async else StreamSets)(**values)
    if kind == "function":
        return world.action(writes=["a", "b"])(lambda state: state.update(**values))

    def stream(state: State) -> Iterator[Any]:
        yield {"item": 1}, None
        yield {"final": 1}, state.update(**values)

    return world.streaming(writes=["a", "b"])(stream)


KINDS = ["class", "function", "streaming class", "streaming function"]


@pytest.mark.parametrize("kind", KINDS)
@in_each_world
async def test_case_14_a_key_that_is_declared_and_not_written_is_named(world: AppWorld, kind: str) -> None:
    app = builder(sets=setting(world, kind, a=1)).with_state(c=0).build()
    for call in ("step", "stream"):
        with pytest.raises(ActionError, match="'sets' has missing write keys: it declares 'b' in writes"):
            await (world.step(app) if call == "step" else read(world, app))
        assert dict(app.state) == {"c": 0}


async def read(world: AppWorld, app: Any) -> Any:
    return await (await world.stream(app, "sets"))[1].get()


@pytest.mark.parametrize("kind", KINDS)
@in_each_world
async def test_case_14_a_key_that_is_not_declared_may_be_written_unless_the_application_is_strict(
    world: AppWorld, kind: str
) -> None:
    sets = setting(world, kind, a=1, b=2, extra=3)
    assert dict((await world.step(builder(sets=sets).build()))[2]) == {"a": 1, "b": 2, "extra": 3}
    assert dict((await read(world, builder(sets=sets).build()))[1]) == {"a": 1, "b": 2, "extra": 3}
    strict = builder(sets=sets).with_state(c=0, extra=0).strict().build()
    for call in ("step", "stream"):
        with pytest.raises(
            ActionError, match="'sets' wrote 'extra', which it does not declare; its writes are 'a', 'b'"
        ):
            await (world.step(strict) if call == "step" else read(world, strict))
        assert dict(strict.state) == {"c": 0, "extra": 0}


@pytest.mark.parametrize("kind", KINDS)
@in_each_world
async def test_case_14_a_strict_application_keeps_the_keys_that_an_action_does_not_see(
    world: AppWorld, kind: str
) -> None:
    sets = setting(world, kind, a=1, b=2)
    assert dict((await world.step(builder(sets=sets).with_state(c=0).strict().build()))[2]) == {"a": 1, "b": 2, "c": 0}
    app = builder(sets=sets).with_state(c=0).strict().build()
    assert dict((await read(world, app))[1]) == dict(app.state) == {"a": 1, "b": 2, "c": 0}


@in_each_world
async def test_case_14_a_strict_action_sees_only_the_keys_that_it_reads_and_writes(world: AppWorld) -> None:
    seen: list[Any] = []

    @world.streaming(reads=["a"], writes=["b"])
    def look(state: State) -> Iterator[Any]:
        seen.append(sorted(state))
        yield {}, state.update(b=1)

    for streams in (True, False):
        app = builder(look).with_state(a=1, b=0, c=3).strict().build()
        await ((await world.stream(app, "look"))[1].get() if streams else world.step(app))
    assert seen == [["a", "b"], ["a", "b"]]


@pytest.mark.parametrize("strict", [False, True])
@in_each_world
async def test_case_15_a_key_that_update_leaves_out_is_gone(world: AppWorld, strict: bool) -> None:
    class Forget(Action):
        reads: Any = ["secret"]
        writes: Any = ["known"]

        def run(self, state: State, **run_kwargs: Any) -> dict[str, Any]:
            return {"known": state["secret"]}

        def update(self, result: Any, state: State) -> State:
            return state.update(**result).wipe(delete=["secret"])

    made = builder(forget=Forget()).with_state(secret=1, other=2)
    app = (made.strict() if strict else made).build()
    await world.step(app)
    assert dict(app.state) == {"known": 1, "other": 2}
    assert (app.sequence_id, app.prior_step) == (1, "forget")


@in_each_world
async def test_case_15_a_state_of_its_own_replaces_all_also_on_the_streaming_path(world: AppWorld) -> None:
    @world.streaming(writes=["new"])
    def begin_again(state: State) -> Iterator[Any]:
        yield {}, State({"new": 1})

    for streams in (True, False):
        app = builder(begin_again).with_state(old=1).build()
        await ((await world.stream(app, "begin_again"))[1].get() if streams else world.step(app))
        assert dict(app.state) == {"new": 1}
        assert (app.sequence_id, app.prior_step) == (1, "begin_again")


# 16: names


def test_case_16_an_action_is_named_once_and_the_name_is_a_copys() -> None:
    class Tagged(Sets):
        tags: Any = ["chatty"]

    unnamed = Tagged()
    named = unnamed.with_name("sets")
    assert (named.name, named.tags, named.reads, named.writes) == ("sets", ["chatty"], [], ["a", "b"])
    assert not unnamed.has_name
    with pytest.raises(ActionError, match="does not have a name"):
        _ = unnamed.name
    with pytest.raises(ActionError, match="'sets' already has a name, and cannot be renamed to 'other'"):
        named.with_name("other")
    with pytest.raises(GraphError, match="'sets' already has a name, and cannot be renamed to 'other'"):
        ApplicationBuilder().with_actions(other=named).with_entrypoint("other").build()


def test_case_16_a_functions_action_carries_its_tags_reads_and_writes_under_any_name() -> None:
    @action(reads=["a"], writes=["b"], tags=["chatty"])
    def one(state: State) -> State:
        return state

    for name, made in (
        ("one", create_action(one)),
        ("two", create_action(one, "two")),
        ("three", one.with_name("three")),
    ):
        assert (made.name, made.reads, made.writes, made.tags) == (name, ["a"], ["b"], ["chatty"])


def test_case_16_results_and_inputs_need_no_class() -> None:
    app = builder(ask=Input("name"), tell=Result("name")).build()
    last, result, state = app.run(inputs={"name": "Tony"})
    assert (last.name if last else "", result, dict(state)) == ("tell", {"name": "Tony"}, {"name": "Tony"})
    with pytest.raises(MissingInputs, match="'ask' is missing required inputs: 'name'"):
        builder(ask=Input("name")).build().run()
    with pytest.raises(ApplicationError, match="name"):
        builder(tell=Result("name")).build().run()


# 17: any inputs


@in_each_world
async def test_case_17_a_function_with_run_kwargs_takes_all_inputs(world: AppWorld) -> None:
    @world.streaming(writes=["given"])
    def prompt_and_answer(state: State, **run_kwargs: Any) -> Iterator[Any]:
        yield {"response": "..."}, None
        yield {"response": "done"}, state.update(given=run_kwargs)

    app = builder(prompt_and_answer).build()
    assert create_action(prompt_and_answer).inputs == ([], [])
    _, items = await world.stream(app, ["prompt_and_answer"], inputs={"prompt": "hi", "size": 3})
    assert (await items.get())[1]["given"] == {"prompt": "hi", "size": 3}
    assert (await world.step(builder(prompt_and_answer).build()))[2]["given"] == {}


@in_each_world
async def test_case_17_a_class_with_run_kwargs_and_no_inputs_takes_all_inputs(world: AppWorld) -> None:
    class Take(Action):
        reads: Any = []
        writes: Any = ["given"]

        def run(self, state: State, **run_kwargs: Any) -> dict[str, Any]:
            return {"given": run_kwargs}

        def update(self, result: Any, state: State) -> State:
            return state.update(**result)

    assert (await world.step(builder(take=Take()).build(), inputs={"a": 1}))[1] == {"given": {"a": 1}}


# 30: the context


@pytest.mark.parametrize("name", ["__context", "__tracer", "__mine"])
@in_each_world
async def test_case_30_inputs_with_a_double_underscore_are_refused(world: AppWorld, name: str) -> None:
    app = builder(counter(world)).build()
    with pytest.raises(ActionError, match=f"the input '{name}' begins with a double underscore"):
        await world.step(app, inputs={name: 1})
    with pytest.raises(ActionError, match=f"the input '{name}' begins with a double underscore"):
        await world.stream(app, "count", inputs={name: 1})
    assert app.sequence_id == 0


class Contexts(Action):
    """An action that keeps the context of its parameter, and the one of `ApplicationContext.get`."""

    reads: Any = []
    writes: Any = []

    def __init__(self, seen: list[Any]) -> None:
        self.seen = seen

    def run(self, state: State, __context: ApplicationContext) -> dict[str, Any]:
        self.seen += [__context, ApplicationContext.get()]
        return {}

    def update(self, result: Any, state: State) -> State:
        return state


class StreamContexts(StreamingAction):
    reads: Any = []
    writes: Any = []

    def __init__(self, seen: list[Any]) -> None:
        self.seen = seen

    def stream_run(self, state: State, __context: ApplicationContext) -> Any:
        self.seen += [__context, ApplicationContext.get()]
        yield {"item": 1}
        self.seen.append(ApplicationContext.get())
        yield Final({})

    def update(self, result: Any, state: State) -> State:
        return state


class AsyncStreamContexts(AsyncStreamingAction):
    reads: Any = []
    writes: Any = []

    def __init__(self, seen: list[Any]) -> None:
        self.seen = seen

    async def stream_run(self, state: State, __context: ApplicationContext) -> Any:
        self.seen += [__context, ApplicationContext.get()]
        yield {"item": 1}
        self.seen.append(ApplicationContext.get())
        yield Final({})

    def update(self, result: Any, state: State) -> State:
        return state


def context_action(world: AppWorld, kind: str, seen: list[Any]) -> Any:
    if kind == "class":
        return Contexts(seen)
    if kind == "streaming class":
        return (AsyncStreamContexts if world.actions_are_async else StreamContexts)(seen)
    if kind == "function":

        def whole(state: State, __context: ApplicationContext) -> State:
            seen.extend([__context, ApplicationContext.get()])
            return state

        return world.action()(whole)

    def stream(state: State, __context: ApplicationContext | None = None) -> Iterator[Any]:
        seen.extend([__context, ApplicationContext.get()])
        yield {"item": 1}
        seen.append(ApplicationContext.get())
        yield {}, state

    return world.streaming()(stream)


@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize("kind", KINDS)
@in_each_world
async def test_case_30_the_context_is_passed_to_and_found_in_each_kind_of_action(
    world: AppWorld, kind: str, streams: bool
) -> None:
    seen: list[Any] = []
    made = builder(counter(world), look=context_action(world, kind, seen))
    app = made.with_identifiers(app_id="chat", partition_key="tony").build()
    if streams:
        await (await world.stream(app, "look"))[1].get()
    else:
        await world.run(app)
    assert len(seen) >= 2
    for found in seen:
        assert (found.app_id, found.partition_key, found.sequence_id) == ("chat", "tony", 1)
        assert (found.action_name, found.application) == ("look", app)
    assert ApplicationContext.get() is None


@pytest.mark.parametrize("base", [Contexts, StreamContexts])
@in_each_world
async def test_case_30_the_context_is_found_in_update_as_well(world: AppWorld, base: Any) -> None:
    found: list[Any] = []

    class Look(base):  # type: ignore[misc]  # the base is a parameter
        def update(self, result: Any, state: State) -> State:
            found.append(ApplicationContext.get())
            return state

    await world.step(builder(look=Look([])).build())
    assert [context and context.action_name for context in found] == ["look"]


@in_each_world
async def test_case_30_between_the_items_the_reader_has_no_context(world: AppWorld) -> None:
    app = builder(look=context_action(world, "streaming function", [])).build()
    _, items = await world.stream(app, "look")
    assert await items.next() == {"item": 1}
    assert ApplicationContext.get() is None
    await items.close()


@in_each_loop
async def test_case_30_an_awaited_function_finds_the_context_too(world: AppWorld) -> None:
    import anyio.lowlevel

    seen: list[Any] = []

    async def deep() -> None:
        await anyio.lowlevel.checkpoint()
        seen.append(ApplicationContext.get())

    @streaming_action([], [])
    async def look(state: State) -> Any:
        await deep()
        yield {"item": 1}
        await deep()
        yield {}, state

    app = builder(look).build()
    await (await world.stream(app, "look"))[1].get()
    assert [found.action_name for found in seen] == ["look", "look"]


# 57, 58: actions of models


class Chat(BaseModel):
    prompt: str
    answer: str | None = None
    history: list[str] = []


class Answered(BaseModel):
    answer: str
    history: list[str]


class Part(BaseModel):
    text: str


def typed_stream(world: AppWorld, output: type[Any] = Chat) -> Any:
    def stream(state: Any) -> Iterator[Any]:
        for word in state.prompt.split():
            yield Part(text=word), None
        if output is Chat:
            state.answer = state.prompt.upper()
            state.history.append(state.prompt)
            yield Part(text="."), state
        else:
            yield Part(text="."), Answered(answer=state.prompt.upper(), history=[*state.history, state.prompt])

    return streaming_action.pydantic(
        reads=["prompt", "history"] if output is not Chat else ["prompt"],
        writes=["answer", "history"],
        state_input_type=Chat,
        state_output_type=output,
        stream_type=Part,
    )(world.made(stream))


@pytest.mark.parametrize("output", [Chat, Answered])
@in_each_world
async def test_case_57_a_typed_stream_yields_models_and_writes_the_declared_keys(
    world: AppWorld, output: type[Any]
) -> None:
    app = builder(say=typed_stream(world, output)).with_state(Chat(prompt="I am", history=["hi"])).build()
    _, items = await world.stream(app, "say")
    assert await items.read() == [Part(text="I"), Part(text="am")]
    result, state = await items.get()
    assert result == Part(text=".")
    assert state.data == app.state.data == Chat(prompt="I am", answer="I AM", history=["hi", "I am"])


@in_each_world
async def test_case_57_run_returns_the_same_for_a_typed_stream(world: AppWorld) -> None:
    app = builder(say=typed_stream(world)).with_state(Chat(prompt="I am")).build()
    _, result, state = await world.step(app)
    assert (result, state.data) == (Part(text="."), Chat(prompt="I am", answer="I AM", history=["I am"]))


@in_each_world
async def test_case_57_an_undeclared_change_of_a_typed_action_is_discarded(world: AppWorld) -> None:
    def shout(state: Chat) -> Chat:
        state.answer, state.prompt = state.prompt.upper(), "changed"
        return state

    declared = action.pydantic(["prompt"], ["answer"], Chat, Chat)(world.made(shout))
    app = builder(shout=declared).with_state(Chat(prompt="hi")).build()
    await world.step(app)
    assert app.state.data == Chat(prompt="hi", answer="HI")


def test_case_57_the_types_of_a_typed_action_are_those_of_its_annotations() -> None:
    @action.pydantic(reads=["prompt"], writes=["answer"])
    def shout(state: Chat) -> Answered:
        return Answered(answer=state.prompt.upper(), history=[])

    assert builder(shout).with_state(Chat(prompt="hi")).build().run()[2].data == Chat(prompt="hi", answer="HI")


def unannotated(state):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201  # that is what is refused
    return state


def typed(**given: Any) -> Any:
    settings = {
        "reads": ["prompt"],
        "writes": ["answer"],
        "state_input_type": Chat,
        "state_output_type": Chat,
        "stream_type": Part,
        **given,
    }
    return streaming_action.pydantic(**{key: value for key, value in settings.items() if value != "missing"})


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: typed(reads=["nothing"])(_generator), "nothing"),
        (lambda: typed(writes=["nothing"])(_generator), "nothing"),
        (lambda: action.pydantic(["nothing"], ["answer"], Chat, Chat)(undecorated), "nothing"),
        (lambda: action.pydantic(["prompt"], ["prompt"], Chat, Answered)(undecorated), "prompt"),
        (lambda: typed(stream_type=None), "stream_type must be a class, such as a pydantic model or dict, got None"),
        (
            lambda: typed(state_input_type=None)(_generator),
            "state_input_type of '_generator' must be a pydantic model, got None",
        ),
        (
            lambda: typed(state_output_type=dict)(_generator),
            "state_output_type of '_generator' must be a pydantic model, got the class dict",
        ),
        (lambda: action.pydantic(["prompt"], ["answer"], Chat)(undecorated), "must be set together, or not at all"),
        (
            lambda: action.pydantic(["prompt"], ["answer"])(unannotated),
            "must have annotations for its state and its result",
        ),
    ],
)
def test_case_57_wrong_types_are_refused_where_the_action_is_declared(declare: Any, message: str) -> None:
    with pytest.raises(ActionError, match=message):
        declare()


@pytest.mark.parametrize("missing", ["state_input_type", "state_output_type", "stream_type"])
def test_case_57_a_typed_stream_needs_all_three_types(missing: str) -> None:
    with pytest.raises((TypeError, ActionError), match=missing):
        typed(**{missing: "missing"})


@in_each_world
async def test_case_57_a_value_that_does_not_fit_the_model_is_refused_and_nothing_is_written(world: AppWorld) -> None:
    def wrong(state: Chat) -> Any:
        return {"answer": "a dict"}

    app = builder(wrong=action.pydantic(["prompt"], ["answer"], Chat, Chat)(world.made(wrong)))
    made = app.with_state(prompt="hi").build()
    with pytest.raises(ActionError, match="wrong"):
        await world.step(made)
    assert dict(made.state) == {"prompt": "hi"}


@pytest.mark.parametrize("streams", [True, False])
@in_each_world
async def test_case_58_an_item_of_another_type_is_refused_with_its_number_and_type(
    world: AppWorld, streams: bool
) -> None:
    def say(state: Chat) -> Iterator[Any]:
        yield Part(text="I"), None
        yield {"text": "am"}, None
        yield Part(text="."), state

    app = builder(say=typed(writes=["prompt"])(world.made(say))).with_state(Chat(prompt="hi")).build()
    with pytest.raises(ActionError, match="item 1 of the streaming action .*say' must be a Part, got dict"):
        await ((await world.stream(app, "say"))[1].read() if streams else world.step(app))
    assert app.state.data == Chat(prompt="hi")


@in_each_world
async def test_case_58_the_result_is_of_that_type_as_well(world: AppWorld) -> None:
    def say(state: Chat) -> Iterator[Any]:
        yield {"text": "."}, state

    app = builder(say=typed(writes=["prompt"])(world.made(say))).with_state(Chat(prompt="hi")).build()
    with pytest.raises(ActionError, match="the result of the action 'say' must be a Part, got dict"):
        await (await world.stream(app, "say"))[1].get()


@in_each_world
async def test_case_58_the_items_of_a_typed_stream_may_be_dicts(world: AppWorld) -> None:
    def say(state: Chat) -> Iterator[Any]:
        yield {"text": "I"}
        yield {"text": "am"}, None
        yield {"text": "."}, state

    app = builder(say=typed(writes=["prompt"], stream_type=dict)(world.made(say))).with_state(Chat(prompt="hi")).build()
    assert await (await world.stream(app, "say"))[1].read() == [{"text": "I"}, {"text": "am"}]


def test_later_returns_an_async_twin() -> None:
    """The async twins of the helpers are async, so the tests in event loops test async actions."""
    assert create_action(action([], [])(later(undecorated))).is_async
    assert create_action(streaming_action([], [])(later(_generator))).is_async
