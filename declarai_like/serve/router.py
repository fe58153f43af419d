"""The router: it puts tasks, chats, applications and functions behind addresses."""

from __future__ import annotations

import functools
import math
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Response
from pydantic import create_model

from ..errors import ConfigurationError
from .adapters.configured import served as make_served
from .adapters.served import (
    AnswerOptions,
    OptionalSessionId,
    Served,
    ServedSessions,
    SessionId,
    model_name,
    new_session,
)
from .answers import Partials
from .bodies import limited
from .delivery.redis import RedisStreams
from .delivery.registry import StreamRegistry
from .delivery.responses import EventStream, NativeEncoder
from .errors import InvalidRequest
from .events import written
from .limits import Limits
from .protocols.described import events_of
from .protocols.front_ends import add_completions, add_ui, offered
from .settings import RouterSettings, StreamKey


def router(
    *things: Any,
    auth: Callable[..., Any] | None = None,
    limits: Limits | None = None,
    grace: float = 30.0,
    heartbeat: float = 15.0,
    keep: float = 60.0,
    streams: RedisStreams | None = None,
    expose_errors: bool = False,
    front_ends: bool = True,
) -> APIRouter:
    """Give the routes by which clients use tasks, chat classes, applications and functions.

    Each is served under its name, and answers with server-sent events; see the page on serving for what these are.

    Args:
        things: tasks, chat classes, applications, functions; or with settings of their own: `task`, `chat`,
            `application`, `function`.
        auth: a dependency of FastAPI's that gives who asks, as text, or raises. Sessions and streams belong to whoever
            has begun them. Without it they belong to whoever knows their names.
        limits: what is taken and kept at most.
        grace: seconds that an answer goes on when its reader has left; 0 to end it at once.
        heartbeat: seconds without an event after which a sign of life is sent.
        keep: seconds that an answer can be read again after its end.
        streams: what several workers share of them, so that a client can come back to any; by default each worker
            has its own.
        expose_errors: whether clients are told errors in their own words, which may hold prompts and addresses.
        front_ends: whether there are routes for front ends that speak the AI SDK's protocol or OpenAI's, which send
            a text. It is given to the only parameter that is required; a task that has more needs an ``adapter``.

    Raises:
        ConfigurationError: something cannot be served, or a setting is wrong.
        GraphError: the actions and transitions of a builder do not fit together.
    """
    limits = Limits() if limits is None else limits
    _check_kind(Limits, "serve.Limits(...)", limits=limits)
    _check_kind(RedisStreams | None, "serve.RedisStreams(...)", streams=streams)
    _check_kind(Callable | None, "a dependency of FastAPI's, a function", auth=auth)
    _check_kind(bool, "True or False", expose_errors=expose_errors, front_ends=front_ends)
    _check(grace=grace, heartbeat=heartbeat, keep=keep)
    if not heartbeat:
        raise ConfigurationError("heartbeat is 0; it is a number of seconds, above 0")
    if streams is not None and grace <= streams.beat:
        raise ConfigurationError(
            f"grace is {grace} s; with streams={streams!r} it is more than its beat, {streams.beat} s"
        )
    registry = StreamRegistry(RouterSettings(limits, grace, heartbeat, keep, expose_errors), streams)

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncGenerator[None, None]:
        yield
        await registry.close()

    routes = APIRouter(route_class=limited(limits.body, expose_errors=expose_errors), lifespan=lifespan)
    owner = _owner_by(auth)
    all_served = [make_served(thing, limits) for thing in things]
    names = [served.name for served in all_served]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ConfigurationError(f"two things are served as {twice[0]!r}; give one another name: name=...")
    _add_streams(routes, registry, owner)
    if front_ends:
        texts = offered(all_served)
        add_completions(routes, texts, registry, owner)
        for served in texts:
            add_ui(routes, served, registry, owner)
    for served in all_served:
        _add_answer(routes, served, registry, owner)
        if isinstance(served, ServedSessions):
            served.active_stream = functools.partial(registry.is_active, served.name)
            _add_session(routes, served, registry, owner)
    return routes


def _add_answer(routes: APIRouter, served: Served, registry: StreamRegistry, owner: Any) -> None:
    """Add the route that asks."""
    has_sessions = isinstance(served, ServedSessions)
    fields: dict[str, Any] = {"session": (OptionalSessionId, None)} if has_sessions else {}
    body_type = create_model(f"{model_name(served.name)}Body", __base__=served.request, **fields)

    async def answer(body: Any, who: str, partials: Partials) -> Response:
        request = served.read(body)
        place = StreamKey(who, served.name, (body.session or new_session()) if has_sessions else "")
        stream = await registry.start(lambda: served.answer(request, place.key, AnswerOptions(partials)), place)
        return EventStream(stream, NativeEncoder(stream.id))

    answer.__annotations__ = {
        "body": body_type,
        "who": owner,
        "partials": Annotated[Partials, Query(description="the form of typed values that are not whole")],
        "return": Response,
    }
    answer.__defaults__ = ("snapshot",)
    routes.add_api_route(
        f"/{served.name}",
        answer,
        methods=["POST"],
        name=served.name,
        operation_id=f"ask_{model_name(served.name)}",
        description=served.description,
        status_code=200,
        response_class=EventStream,
        responses={200: {"model": events_of(served), "description": "what happens in the answer, as it happens"}},
    )


def _add_session(routes: APIRouter, served: ServedSessions, registry: StreamRegistry, owner: Any) -> None:
    """Add the route that shows a session."""

    async def show(session: Any, who: str) -> Response:
        place = StreamKey(who, served.name, session)
        shown = {"session": session, **await served.recall(place.key), "stream": await registry.active_stream(place)}
        return Response(written(shown), media_type="application/json", headers={"Cache-Control": "no-store"})

    show.__annotations__ = {"session": Annotated[SessionId, Path()], "who": owner, "return": Response}
    routes.add_api_route(f"/{served.name}/{{session}}", show, methods=["GET"], name=f"{served.name} session")


def _add_streams(routes: APIRouter, registry: StreamRegistry, owner: Any) -> None:
    """Add the routes that follow an answer, and that stop it."""

    async def follow(stream: str, who: str, last_event_id: str | None = None) -> Response:
        found = await registry.find(stream, who)
        after = _event_id(last_event_id, found.last_id)
        found.check_reader(after)
        if found.is_over and after == found.last_id:
            return Response(status_code=204)  # which keeps an EventSource from coming back again and again
        return EventStream(found, NativeEncoder(found.id), after=after)

    async def stop(stream: str, who: str) -> Any:
        await (await registry.find(stream, who)).stop()
        return {"stream": stream}

    follow.__annotations__ = {
        "stream": str,
        "who": owner,
        "last_event_id": Annotated[str | None, Header(description="the id of the last event that the client has")],
        "return": Response,
    }
    stop.__annotations__ = {"stream": str, "who": owner, "return": Any}
    routes.add_api_route(
        "/streams/{stream}", follow, methods=["GET"], name="follow", status_code=200, response_class=EventStream
    )
    routes.add_api_route("/streams/{stream}/stop", stop, methods=["POST"], name="stop", status_code=202)


def _event_id(given: str | None, last: int) -> int:
    if not given:
        return 0
    if not (given.isascii() and given.isdigit() and len(given) < 20 and int(given) <= last):
        raise InvalidRequest(
            f"Last-Event-ID is {given[:40]!r}; it is the id of an event of this stream, from 1 to {last}"
        )
    return int(given)


def _owner_by(auth: Callable[..., Any] | None) -> Any:
    """Give the type of a parameter that gets who asks; empty where nobody is asked."""
    if auth is None:
        return Annotated[str, Depends(_nobody)]

    def owner(who: Any) -> str:
        if not isinstance(who, str) or not who:
            raise ConfigurationError(
                f"the auth dependency of a router gives who asks, as text; it gave {type(who).__name__}"
            )
        return who

    owner.__annotations__ = {"who": Annotated[Any, Depends(auth)], "return": str}
    return Annotated[str, Depends(owner)]


def _nobody() -> str:
    return ""


def _check_kind(kind: Any, words: str, **settings: Any) -> None:
    for name, value in settings.items():
        if not isinstance(value, kind):  # which is not shown: there may be a password in it
            raise ConfigurationError(f"{name} is of the type {type(value).__name__}; it is {words}")


def _check(**seconds: Any) -> None:
    for name, value in seconds.items():
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < math.inf:
            raise ConfigurationError(f"{name} is {value!r}; it is a number of seconds, from 0")
