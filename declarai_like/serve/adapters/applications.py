"""Endpoint of an application: each session is a copy of it that has its own state."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import aclosing
from typing import Any, cast

from pydantic import BaseModel, Field, create_model

from ..._calls.watch import current_watch
from ..._core import checks
from ...app import Application, ApplicationBuilder, State
from ...app.actions.actions import Action
from ...app.graph import Graph
from ...app.running.halts import Halts
from ...errors import ApplicationError, ConfigurationError
from ...messages import LLMResponse
from ..answers import AnswerEvent, EventBuilder
from ..errors import InvalidRequest
from ..events import EventName
from ..limits import Limits
from .application_loaders import ApplicationFactory, loader_of
from .base import (
    AnswerOptions,
    RequestBody,
    SessionEndpoint,
    TextAdapter,
    TextInput,
    checked_name,
    model_name,
    with_adapter,
)


class ApplicationEndpoint(SessionEndpoint):
    """Answers inputs with an application.

    A request runs the application until it needs inputs again, or ends. What its actions stream is sent: a str, and
    an item that has a str under ``"delta"``, as new text of the answer; everything else as items. A request without
    inputs continues at the next action, for instance after an error.

    Args:
        source: an application, of which each session is a copy that is kept in this process; or a builder, with which
            each session is built with its own ``app_id``, and so loaded from its persister; or a function that
            returns the application of a session.
        halt_after: actions after which a request ends; by default it ends before an action that requires inputs.
        shows: the keys of the state that clients may see; by default all of them.
        prompt: the input for plain text; by default the only required one.

    Raises:
        ConfigurationError: the application cannot be served; the message says why.
    """

    events: tuple[EventName, ...] = ("delta", "item", "state")
    result = Any

    def __init__(
        self,
        source: Application | ApplicationBuilder | ApplicationFactory,
        *,
        name: str,
        halt_after: Collection[str] = (),
        shows: Collection[str] | None = None,
        description: str = "",
        prompt: str | None = None,
        adapter: TextAdapter = None,
        limits: Limits,
    ) -> None:
        self.name = checked_name(name)
        self.description = checks.string(f"description of application {name!r}", description)
        self._load = loader_of(source, limits, self.is_active)
        self._halt_after = _names(f"halt_after of application {name!r}", halt_after)
        self._shows = None if shows is None else frozenset(_names(f"shows of application {name!r}", shows))
        graph = source.graph if isinstance(source, Application) else None
        if isinstance(source, ApplicationBuilder):
            graph = source.graph()
        if graph is not None:
            _check_halts(graph, self._halt_after)
        known = None if graph is None else _inputs(graph)
        if prompt is not None and known is not None:
            _check_prompt(f"prompt of application {name!r}", prompt, known)
        inputs: Any = dict[str, Any]
        if known is not None:
            fields: dict[str, Any] = dict.fromkeys(known, (Any, None))
            inputs = create_model(f"{model_name(name)}Inputs", __base__=RequestBody, **fields)
        inputs_field = Field(
            default_factory=inputs,
            description="inputs of its actions; without any, the application continues at its next action",
        )
        self.request = create_model(f"{model_name(name)}Request", __base__=RequestBody, inputs=(inputs, inputs_field))
        self.text_input = with_adapter(_text_input(prompt) if prompt else _required_text_input(graph), adapter)

    async def answer(self, request: Mapping[str, Any], session: str, options: AnswerOptions) -> ApplicationAnswer:
        """Return the answer to inputs.

        Raises:
            InvalidRequest: the inputs of the next action are missing, or the application has ended.
        """
        if options.regenerate:
            raise InvalidRequest("an application cannot regenerate an answer; send a new message")
        sent: Any = request["inputs"]
        inputs: dict[str, Any] = sent.model_dump(exclude_unset=True) if isinstance(sent, BaseModel) else sent
        app = await self._load(session, keep=options.history is None)
        next_action = app.get_next_action()
        # New inputs that the next action does not take are for the entrypoint: an unfinished run is abandoned for them
        restarts = next_action is not None and bool(inputs) and not any(name in next_action.takes for name in inputs)
        if restarts:
            next_action = app.graph.get_action(app.entrypoint)
        if next_action is None:
            raise InvalidRequest("the application of this session has ended; start a new session")
        if missing := [name for name in next_action.takes.required if name not in inputs]:
            names = ", ".join(map(repr, missing))
            raise InvalidRequest(f"the next action {next_action.name!r} requires the inputs {names}")
        if restarts:  # only now: a request that is refused changes nothing
            app.reset_to_entrypoint()
        return ApplicationAnswer(app, inputs, self._halt_after, self._shown, shows_all=self._shows is None)

    async def read_session(self, session: str) -> Mapping[str, Any]:
        """Return the state of a session, and the name of its next action."""
        app = await self._load(session, keep=False)
        next_action = app.get_next_action()
        return {"state": self._shown(app.state), "next": next_action.name if next_action else None}

    def _shown(self, state: State) -> Mapping[str, Any]:
        return {key: value for key, value in state.get_all().items() if self._shows is None or key in self._shows}


class ApplicationAnswer:
    """One run of an application with inputs."""

    def __init__(
        self,
        app: Application,
        inputs: Mapping[str, Any],
        halt_after: Sequence[str],
        shown: Callable[[State], Mapping[str, Any]],
        *,
        shows_all: bool,
    ) -> None:
        self._app = app
        self._inputs = inputs
        self._halt_after = halt_after
        self._halt_before = [] if halt_after else [action.name for action in app.graph.actions if action.takes.required]
        self._shown = shown
        self._shows_all = shows_all
        self._builder = EventBuilder()

    @property
    def response(self) -> str:
        return self._builder.response

    def stop(self) -> None:
        """Do nothing: the actions see the end of the streams that they read, and put the text so far into the state."""

    async def events(self) -> AsyncGenerator[AnswerEvent, None]:
        steps = self._app.astream_iterate(self._halt_after, self._halt_before, self._inputs)
        result: Any = None
        async with aclosing(steps):
            async for action, container in steps:
                async for item in container:
                    if event := self._event(action, item):
                        yield event
                result, state = await container.get()
                yield "state", {"action": action.name, "state": self._shown(state)}
                # Stopping ends the streams of this step only; without this check the next step would start new ones
                if (watch := current_watch()) is not None and watch.is_stopped:
                    return
        # The result of an action may repeat keys of the state that clients may not see
        shows_result = self._shows_all and not self.response
        done = {"response": self.response, "finish_reason": "stop"}
        yield "done", {**done, "result": result} if shows_result else done

    def _event(self, action: Action, item: Any) -> AnswerEvent | None:
        delta: Any = item.get("delta") if isinstance(item, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  (it may hold anything)
        return self._builder.add(delta if isinstance(delta, str | LLMResponse) else item, action=action.name)


def _names(what: str, given: object) -> list[str]:
    """Return the names in a setting; a str is one name, as where an application is called.

    Raises:
        ConfigurationError: it is not a list of str.
    """
    if isinstance(given, str):
        return [given]
    if not isinstance(given, Collection):
        raise checks.wrong_type(what, "a list of str", given)
    return [checks.string(f"each name in {what}", name) for name in cast("Collection[object]", given)]


def _check_halts(graph: Graph, halt_after: Sequence[str]) -> None:
    try:
        Halts.of(graph, (), halt_after)
    except ApplicationError as error:
        raise ConfigurationError(f"halt_after: {error}") from error


def _check_prompt(what: str, prompt: str, known: Sequence[str]) -> None:
    if checks.string(what, prompt) not in known:
        raise checks.wrong_value(what, f"an input of its actions ({', '.join(map(repr, known)) or 'none'})", prompt)


def _inputs(graph: Graph) -> list[str] | None:
    """Return the names of all inputs that actions take; None if one takes any."""
    if any(action.takes.takes_all and not action.streaming for action in graph.actions):
        return None
    taken = [name for action in graph.actions for name in (*action.takes.required, *action.takes.optional)]
    return list(dict.fromkeys(taken))


def _required_text_input(graph: Graph | None) -> TextInput:
    """Return the only required input as the one for plain text."""
    required = {name for action in graph.actions for name in action.takes.required} if graph else set[str]()
    return _text_input(required.pop()) if len(required) == 1 else TextInput()


def _text_input(name: str) -> TextInput:
    return TextInput(name, adapter=lambda text: {"inputs": {name: text}})
