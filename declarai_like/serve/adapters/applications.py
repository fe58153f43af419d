"""An application, served: each session is one of it, with a state of its own."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import aclosing
from typing import Any, cast

from pydantic import BaseModel, Field, create_model

from ..._calls.watch import current_watch
from ...app import Application, ApplicationBuilder, State
from ...app.actions.actions import Action
from ...app.graph import Graph
from ...app.running.halts import Halts
from ...errors import ApplicationError, ConfigurationError
from ...messages import LLMResponse
from ..answers import EventBuilder, EventData
from ..errors import InvalidRequest
from ..events import EventName
from ..limits import Limits
from .application_sources import Making, opening
from .served import Adapter, AnswerOptions, ServedRequest, ServedSessions, TextInput, adapted, checked_name, model_name


class ServedApplication(ServedSessions):
    """An application that answers inputs.

    A request runs it until it needs inputs again, or comes to its end. What its actions stream goes out: texts, and
    what has a text under ``"delta"``, as new text of the answer, everything else as items. Without inputs, it goes
    on where it stood, as after an error.

    Args:
        source: what each session begins as a copy of, and is then kept in this process; or a builder, of which each
            session is built with its own ``app_id``, so that it is loaded from where its persister has saved it; or a
            function that gives the application of a session.
        halt_after: actions after which a request has been answered; by default, whatever comes before an action
            that requires inputs.
        shows: the keys of the state that clients may see; by default all of them.
        prompt: the input that takes a text; by default the only one that is required.

    Raises:
        ConfigurationError: it cannot be served; the message says why.
    """

    events: tuple[EventName, ...] = ("delta", "item", "state")
    result = Any

    def __init__(
        self,
        source: Application | ApplicationBuilder | Making,
        *,
        name: str,
        halt_after: Collection[str] = (),
        shows: Collection[str] | None = None,
        description: str = "",
        prompt: str | None = None,
        adapter: Adapter = None,
        limits: Limits,
    ) -> None:
        self.name = checked_name(name)
        if not isinstance(cast("object", description), str):
            raise ConfigurationError(f"description is {description!r}; it is a text")
        self.description = description
        self._open = opening(source, limits, self.is_active)
        self._halt_after = _names("halt_after", halt_after)
        self._shows = None if shows is None else frozenset(_names("shows", shows))
        graph = source.graph if isinstance(source, Application) else None
        if isinstance(source, ApplicationBuilder):
            graph = source.graph()
        if graph is not None:
            _check_halts(graph, self._halt_after)
        taken = None if graph is None else _inputs(graph)
        if prompt is not None and taken is not None and prompt not in taken:
            raise ConfigurationError(
                f"prompt is {prompt!r}, which is no input of {name!r}; its actions take {', '.join(map(repr, taken)) or 'none'}"
            )
        inputs: Any = dict[str, Any]
        if taken is not None:
            fields: dict[str, Any] = dict.fromkeys(taken, (Any, None))
            inputs = create_model(f"{model_name(name)}Inputs", __base__=ServedRequest, **fields)
        given = Field(
            default_factory=inputs, description="what its actions take; without any, it goes on where it stood"
        )
        self.request = create_model(f"{model_name(name)}Request", __base__=ServedRequest, inputs=(inputs, given))
        prompted = _taking(prompt) if prompt else _prompted(graph)
        self.prompt = adapted(prompted, adapter)

    async def answer(self, request: Mapping[str, Any], session: str, options: AnswerOptions) -> ApplicationAnswer:
        """Prepare the answer to inputs.

        Raises:
            InvalidRequest: the next action requires inputs that were not given, or there is none.
        """
        if options.regenerate:
            raise InvalidRequest("an application cannot answer anew what it has answered; send it something new")
        given: Any = request["inputs"]
        inputs: dict[str, Any] = given.model_dump(exclude_unset=True) if isinstance(given, BaseModel) else given
        app = await self._open(session, keep=options.said is None)
        following = app.get_next_action()
        begins_anew = following is not None and bool(inputs) and not any(name in following.takes for name in inputs)
        if begins_anew:  # it stood in the middle of something, which is given up for what is said now
            following = app.graph.get_action(app.entrypoint)
        if following is None:
            raise InvalidRequest("this session has come to its end; begin another one")
        if missing := [name for name in following.takes.required if name not in inputs]:
            raise InvalidRequest(
                f"what comes next, {following.name!r}, requires the inputs {', '.join(map(repr, missing))}"
            )
        if begins_anew:
            app.reset_to_entrypoint()
        return ApplicationAnswer(app, inputs, self._halt_after, self._shown, shows_all=self._shows is None)

    async def recall(self, session: str) -> Mapping[str, Any]:
        """Give the state of a session, and the action that comes next."""
        app = await self._open(session, keep=False)
        following = app.get_next_action()
        return {"state": self._shown(app.state), "next": following.name if following else None}

    def _shown(self, state: State) -> Mapping[str, Any]:
        return {key: value for key, value in state.get_all().items() if self._shows is None or key in self._shows}


class ApplicationAnswer:
    """What an application does with its inputs."""

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
        """The actions that are ended find what there is in the streams that they read."""

    async def events(self) -> AsyncGenerator[EventData, None]:
        steps = self._app.astream_iterate(self._halt_after, self._halt_before, self._inputs)
        result: Any = None
        async with aclosing(steps):
            async for action, container in steps:
                async for item in container:
                    if happening := self._event(action, item):
                        yield happening
                result, state = await container.get()
                yield "state", {"action": action.name, "state": self._shown(state)}
                if (watch := current_watch()) is not None and watch.is_stopped:
                    return
        shows_result = self._shows_all and not self.response
        whole = {"response": self.response, "finish_reason": "stop"}
        yield "done", {**whole, "result": result} if shows_result else whole

    def _event(self, action: Action, item: Any) -> EventData | None:
        delta: Any = item.get("delta") if isinstance(item, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  (it may hold anything)
        return self._builder.add(delta if isinstance(delta, str | LLMResponse) else item, action=action.name)


def _names(setting: str, given: Any) -> list[str]:
    """Give the names in a setting; a str is one of them, as it is where an application is called.

    Raises:
        ConfigurationError: it is no list of names.
    """
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, Collection) or not all(isinstance(name, str) for name in cast("Collection[Any]", names)):
        raise ConfigurationError(f"{setting} is {given!r}; it is a list of names")
    return list(cast("Collection[str]", names))


def _check_halts(graph: Graph, halt_after: Sequence[str]) -> None:
    try:
        Halts.of(graph, (), halt_after)
    except ApplicationError as error:
        raise ConfigurationError(f"halt_after: {error}") from error


def _inputs(graph: Graph) -> list[str] | None:
    """Give the names of all inputs that actions take; None where one takes any."""
    if any(action.takes.takes_all and not action.streaming for action in graph.actions):
        return None
    taken = [name for action in graph.actions for name in (*action.takes.required, *action.takes.optional)]
    return list(dict.fromkeys(taken))


def _prompted(graph: Graph | None) -> TextInput:
    """Find the only input that must be given."""
    required = {name for action in graph.actions for name in action.takes.required} if graph else set[str]()
    return _taking(required.pop()) if len(required) == 1 else TextInput()


def _taking(name: str) -> TextInput:
    return TextInput(name, adapter=lambda text: {"inputs": {name: text}})
