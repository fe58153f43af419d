"""Routes for tasks, chats, applications and functions."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Response
from pydantic import create_model

from .._core import checks
from ..errors import ConfigurationError
from .adapters.base import (
    AnswerOptions,
    Endpoint,
    OptionalSessionId,
    SessionEndpoint,
    SessionId,
    model_name,
    new_session,
)
from .adapters.factories import create_endpoint
from .answers import PartialFormat
from .delivery.redis import RedisStreams
from .delivery.registry import StreamRegistry
from .delivery.responses import EventStream, NativeEncoder
from .errors import InvalidRequest
from .events import encode_data
from .limits import Limits
from .protocols.front_ends import add_completions, add_ui, text_endpoints
from .protocols.openapi import events_model
from .route_class import limited_route
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
    """Return a FastAPI router whose routes run tasks, chat classes, applications and functions.

    Each has a route with its name, and answers with server-sent events; the page on serving describes them.

    Args:
        things: tasks, chat classes, applications and functions; with settings as `task`, `chat`, `application` and
            `function` return them.
        auth: a FastAPI dependency that returns the caller as a str, or raises. Sessions and streams belong to the
            caller that started them. Without it they belong to any client that knows their ids.
        limits: maximum sizes and counts.
        grace: seconds that an answer continues after its reader disconnected; 0 to end it at once.
        heartbeat: seconds without an event after which a comment is sent, to keep the connection open.
        keep: seconds that an answer can be read again after its end.
        streams: shares streams between workers, so that a client can reconnect to any of them; by default each
            worker has its own.
        expose_errors: send the messages of errors to clients; they may contain prompts and addresses.
        front_ends: add the routes for clients of the AI SDK's and OpenAI's protocols, which send only text. The
            only required parameter gets it; a task that requires more needs an ``adapter``.

    Raises:
        ConfigurationError: an argument cannot be served, or a setting is wrong.
        GraphError: the actions and transitions of a builder do not fit together.
    """
    limits = checks.instance("limits of router()", Limits() if limits is None else limits, Limits, "serve.Limits(...)")
    settings = RouterSettings(limits, grace, heartbeat, keep, expose_errors)
    _check_settings(settings, auth, streams, front_ends)
    registry = StreamRegistry(settings, streams)

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncGenerator[None, None]:
        yield
        # Answers run in separate tasks, which a server that stops would leave behind
        await registry.close()

    routes = APIRouter(route_class=limited_route(limits.body, expose_errors=expose_errors), lifespan=lifespan)
    owner_type = _owner_type(auth)
    endpoints = [create_endpoint(thing, limits) for thing in things]
    names = [endpoint.name for endpoint in endpoints]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ConfigurationError(f"names of endpoints must be unique, got {twice[0]!r} twice; pass another name=...")
    # Fixed paths first, as Starlette takes the first route that matches: /streams/{stream} before /{name}/{session}
    _add_streams(routes, registry, owner_type)
    if front_ends:
        with_text = text_endpoints(endpoints)
        add_completions(routes, with_text, registry, owner_type)
        for endpoint in with_text:
            add_ui(routes, endpoint, registry, owner_type)
    for endpoint in endpoints:
        _add_answer(routes, endpoint, registry, owner_type)
        if isinstance(endpoint, SessionEndpoint):
            endpoint.active_stream = functools.partial(registry.is_active, endpoint.name)
            _add_session(routes, endpoint, registry, owner_type)
    return routes


def _check_settings(settings: RouterSettings, auth: object, streams: object, front_ends: object) -> None:
    """Check the settings of a router, except for its limits.

    Raises:
        ConfigurationError: one is wrong.
    """
    if streams is not None:
        streams = checks.instance("streams of router()", streams, RedisStreams, "serve.RedisStreams(...)")
    if auth is not None:
        checks.function("auth of router()", auth, of="that returns the caller as a str (a FastAPI dependency)")
    checks.instance("expose_errors of router()", settings.expose_errors, bool, "True or False")
    checks.instance("front_ends of router()", front_ends, bool, "True or False")
    checks.seconds("grace of router()", settings.grace)
    checks.seconds("heartbeat of router()", settings.heartbeat, above_zero=True)
    checks.seconds("keep of router()", settings.keep)
    if streams is not None and settings.grace <= streams.beat:
        # Readers at other workers are known from heartbeats: with a shorter grace they would come too late
        expected = f"longer than the beat of its streams ({streams.beat} s)"
        raise checks.wrong_value("grace of router()", expected, settings.grace)


def _add_answer(routes: APIRouter, endpoint: Endpoint, registry: StreamRegistry, owner_type: Any) -> None:
    """Add the route that starts an answer."""
    has_sessions = isinstance(endpoint, SessionEndpoint)
    fields: dict[str, Any] = {"session": (OptionalSessionId, None)} if has_sessions else {}
    body_type = create_model(f"{model_name(endpoint.name)}Body", __base__=endpoint.request, **fields)

    async def answer(body: Any, owner: str, partials: PartialFormat) -> Response:
        request = endpoint.read(body)
        key = StreamKey(owner, endpoint.name, (body.session or new_session()) if has_sessions else "")
        stream = await registry.start(lambda: endpoint.answer(request, key.session_key, AnswerOptions(partials)), key)
        return EventStream(stream, NativeEncoder(stream.id))

    # Set by hand: FastAPI reads the types of a route from its annotations, and these are made here
    answer.__annotations__ = {
        "body": body_type,
        "owner": owner_type,
        "partials": Annotated[PartialFormat, Query(description="form of typed values that are not complete")],
        "return": Response,
    }
    answer.__defaults__ = ("snapshot",)  # of the last parameter
    routes.add_api_route(
        f"/{endpoint.name}",
        answer,
        methods=["POST"],
        name=endpoint.name,
        operation_id=f"ask_{model_name(endpoint.name)}",
        description=endpoint.description,
        status_code=200,
        response_class=EventStream,
        responses={200: {"model": events_model(endpoint), "description": "the events of the answer"}},
    )


def _add_session(routes: APIRouter, endpoint: SessionEndpoint, registry: StreamRegistry, owner_type: Any) -> None:
    """Add the route that shows a session."""

    async def show(session: Any, owner: str) -> Response:
        key = StreamKey(owner, endpoint.name, session)
        recalled = await endpoint.read_session(key.session_key)
        shown = {"session": session, **recalled, "stream": await registry.active_stream(key)}
        return Response(encode_data(shown), media_type="application/json", headers={"Cache-Control": "no-store"})

    show.__annotations__ = {"session": Annotated[SessionId, Path()], "owner": owner_type, "return": Response}
    routes.add_api_route(f"/{endpoint.name}/{{session}}", show, methods=["GET"], name=f"{endpoint.name} session")


def _add_streams(routes: APIRouter, registry: StreamRegistry, owner_type: Any) -> None:
    """Add the routes that follow and stop an answer."""

    async def follow(stream: str, owner: str, last_event_id: str | None = None) -> Response:
        found = await registry.find(stream, owner)
        after = _event_id(last_event_id, found.last_id)
        found.check_reader(after)
        if found.is_over and after == found.last_id:
            # A browser's EventSource reconnects after every other end of a response
            # (https://html.spec.whatwg.org/multipage/server-sent-events.html)
            return Response(status_code=204)
        return EventStream(found, NativeEncoder(found.id), after=after)

    async def stop(stream: str, owner: str) -> Any:
        await (await registry.find(stream, owner)).stop()
        return {"stream": stream}

    follow.__annotations__ = {
        "stream": str,
        "owner": owner_type,
        "last_event_id": Annotated[str | None, Header(description="id of the last event that the client has")],
        "return": Response,
    }
    stop.__annotations__ = {"stream": str, "owner": owner_type, "return": Any}
    routes.add_api_route(
        "/streams/{stream}", follow, methods=["GET"], name="follow", status_code=200, response_class=EventStream
    )
    routes.add_api_route("/streams/{stream}/stop", stop, methods=["POST"], name="stop", status_code=202)


def _event_id(header: str | None, last_id: int) -> int:
    if not header:
        return 0
    # isascii(), as isdigit() and int() accept the digits of other scripts; the length bounds the work of int()
    if not (header.isascii() and header.isdigit() and len(header) < 20 and int(header) <= last_id):
        raise InvalidRequest(f"Last-Event-ID must be an integer from 0 to {last_id}, got {header[:40]!r}")
    return int(header)


def _owner_type(auth: Callable[..., Any] | None) -> Any:
    """Return the annotation of a parameter that gets the caller; it gets an empty str without ``auth``."""
    if auth is None:
        return Annotated[str, Depends(_no_owner)]

    def owner(caller: Any) -> str:
        what = "the result of the auth dependency of router()"
        name = checks.string(what, caller)
        if not name:  # an empty owner is that of routers without auth, whose sessions any caller may use
            raise checks.wrong_value(what, "a str that is not empty", caller)
        return name

    owner.__annotations__ = {"caller": Annotated[Any, Depends(auth)], "return": str}
    return Annotated[str, Depends(owner)]


def _no_owner() -> str:
    return ""
