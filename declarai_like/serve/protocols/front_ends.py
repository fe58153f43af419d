"""Routes for front ends that speak a protocol of their own: the AI SDK's, and OpenAI's. Both send a text."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ValidationError

from ...errors import ConfigurationError, DeclaraiError
from ..adapters.served import SESSION, AnswerOptions, Served, ServedSessions, new_session
from ..delivery.registry import StreamRegistry
from ..delivery.responses import HEADERS, EventStream
from ..delivery.stream_task import StreamTask
from ..errors import InvalidRequest, http_error
from ..events import Event
from ..settings import StreamKey
from .completion_request import CompletionRequest
from .completions import ChunkEncoder, completion, error_body, explained, model, models
from .ui import UIEncoder, UIRequest
from .user_text import last_user_text

_CLIENT_GONE = 499  # which nobody reads
_REFUSED = 400  # what OpenAI says of a request that cannot be answered


def offered(things: Sequence[Served]) -> list[Served]:
    """Give those of the things that take a text.

    Raises:
        ConfigurationError: a task takes more, and nobody has said what to do with a text.
    """
    for served in things:
        if served.prompt.problem:
            raise ConfigurationError(
                f"{served.name!r} cannot be asked by front ends that send a text: {served.prompt.problem}; say how with "
                "serve.task(..., adapter=...), or that it shall not be with adapter=False or router(..., front_ends=False)"
            )
    return [served for served in things if served.prompt.name or served.prompt.adapter]


def add_ui(routes: APIRouter, served: Served, registry: StreamRegistry, owner: Any) -> None:
    """Add the route of the AI SDK's UI message stream."""

    def place_of(who: str, id: str) -> StreamKey:
        if not isinstance(served, ServedSessions):
            return StreamKey(who, served.name, "")
        if not SESSION.fullmatch(id):
            raise InvalidRequest(
                f"a conversation cannot be kept under the id {id[:40]!r}: letters, digits and ._~- can"
            )
        return StreamKey(who, served.name, id)

    async def answer(body: UIRequest, who: str) -> Response:
        place, request = place_of(who, body.id), served.request_for_text(last_user_text(body.messages))
        stream = await registry.start(
            lambda: served.answer(request, place.key, AnswerOptions(regenerate=body.regenerates)), place
        )
        return EventStream(stream, UIEncoder(), stops=not body.resumable)

    async def resume(session: str, who: str) -> Response:
        id = await registry.active_stream(place_of(who, session))
        if id is None:
            return Response(status_code=204)
        stream = await registry.find(id, who)
        stream.check_reader(0)
        return EventStream(stream, UIEncoder())

    answer.__annotations__ = {"body": UIRequest, "who": owner, "return": Response}
    resume.__annotations__ = {"session": str, "who": owner, "return": Response}
    name = f"{served.name} for the AI SDK"
    routes.add_api_route(
        f"/{served.name}/ui", answer, methods=["POST"], name=name, status_code=200, response_class=EventStream
    )
    if isinstance(served, ServedSessions):
        routes.add_api_route(
            f"/{served.name}/ui/{{session}}/stream",
            resume,
            methods=["GET"],
            name=f"{name}, again",
            status_code=200,
            response_class=EventStream,
        )


def add_completions(routes: APIRouter, things: Sequence[Served], registry: StreamRegistry, owner: Any) -> None:
    """Add the routes of OpenAI's Chat Completions, in which each thing is a model."""
    known: Mapping[str, Served] = {served.name: served for served in things}

    async def complete(request: Request, who: str) -> Response:
        try:
            asked = CompletionRequest.model_validate_json(await request.body())
        except ValidationError as error:
            return JSONResponse(explained(error), 400)
        served = known.get(asked.model)
        if served is None:
            return _unknown(asked.model, known)
        try:
            stream = await _begin(served, asked, registry, who)
        except DeclaraiError as error:
            failed = http_error(error, expose=registry.settings.expose_errors)
            detail: Any = failed.detail
            status = _REFUSED if failed.status_code == InvalidRequest.status else failed.status_code
            body = error_body(status, detail["message"], code=detail["type"])
            return JSONResponse(body, status, failed.headers)
        about = (f"chatcmpl-{stream.id}", asked.model, int(time.time()))
        if asked.stream:
            return EventStream(stream, ChunkEncoder(*about, include_usage=asked.include_usage), stops=True)
        last = await _last(stream, request)
        if last is None:
            return Response(status_code=_CLIENT_GONE)
        whole = completion(*about, [last])
        return JSONResponse(whole.body, whole.status, {**HEADERS, **whole.headers})

    complete.__annotations__ = {"request": Request, "who": owner, "return": Response}
    routes.add_api_route(
        "/v1/chat/completions",
        complete,
        methods=["POST"],
        name="OpenAI's chat completions",
        status_code=200,
        response_class=JSONResponse,
        openapi_extra=_described(CompletionRequest),
    )
    _add_models(routes, known, owner)


def _add_models(routes: APIRouter, known: Mapping[str, Served], owner: Any) -> None:
    """Add the routes that tell which models there are."""
    created = int(time.time())

    async def show_all(who: str) -> Response:
        return JSONResponse(models(known, created))

    async def show(name: str, who: str) -> Response:
        return JSONResponse(model(name, created)) if name in known else _unknown(name, known)

    show_all.__annotations__ = {"who": owner, "return": Response}
    show.__annotations__ = {"name": str, "who": owner, "return": Response}
    routes.add_api_route("/v1/models", show_all, methods=["GET"], name="OpenAI's models")
    routes.add_api_route("/v1/models/{name}", show, methods=["GET"], name="one of OpenAI's models")


def _unknown(name: str, known: Mapping[str, Served]) -> Response:
    problem = f"there is no model {name!r} here; there are {', '.join(map(repr, known)) or 'none'}"
    return JSONResponse(error_body(404, problem, code="model_not_found", param="model"), 404)


async def _begin(served: Served, asked: CompletionRequest, registry: StreamRegistry, who: str) -> StreamTask:
    """Begin the answer. Clients of this protocol bring the conversation along, so nothing of it is kept."""
    request = served.request_for_text(last_user_text(asked.messages))
    options = AnswerOptions(params=asked.llm_params, said=asked.history)
    place = StreamKey(who, served.name, new_session() if isinstance(served, ServedSessions) else "")
    return await registry.start(lambda: served.answer(request, place.key, options), place)


async def _last(stream: StreamTask, request: Request) -> Event | None:
    """Wait for the last event. When the client leaves, the answer is stopped, and there is none."""

    async def read() -> Event | None:
        last = None
        async with aclosing(stream.follow(0, stops=True)) as following:
            async for events in following:
                last = events[-1] if events else last
        return last

    async def leave() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    reading, leaving = asyncio.create_task(read()), asyncio.create_task(leave())
    try:
        await asyncio.wait({reading, leaving}, return_when=asyncio.FIRST_COMPLETED)
        return reading.result() if reading.done() else None
    finally:
        reading.cancel()
        leaving.cancel()


def _described(body: type[BaseModel]) -> dict[str, Any]:
    schema = body.model_json_schema()
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
