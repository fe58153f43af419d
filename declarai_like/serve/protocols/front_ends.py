"""Routes for clients of other protocols, the AI SDK's and OpenAI's. Both send only text."""

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
from ..adapters.base import SESSION_ID, AnswerOptions, Endpoint, SessionEndpoint, new_session
from ..delivery.registry import StreamRegistry
from ..delivery.responses import HEADERS, EventStream
from ..delivery.stream_task import StreamTask
from ..errors import InvalidRequest, http_error
from ..events import Event
from ..settings import StreamKey
from .completion_request import CompletionRequest
from .completions import ChunkEncoder, completion, error_body, model, models, validation_error_body
from .ui import UIEncoder, UIRequest
from .user_text import last_user_text

_CLIENT_CLOSED_REQUEST = 499  # nginx's status, for logs; the client is gone
_BAD_REQUEST = 400  # OpenAI's status for requests that cannot be answered, where the router's own routes have 422


def text_endpoints(endpoints: Sequence[Endpoint]) -> list[Endpoint]:
    """Return the endpoints that take plain text.

    Raises:
        ConfigurationError: a task requires more than text, and has no ``adapter=``.
    """
    for endpoint in endpoints:
        if endpoint.text_input.problem:
            raise ConfigurationError(
                f"{endpoint.name!r} cannot be served to front ends, which send only text: "
                f"{endpoint.text_input.problem}; "
                "pass serve.task(..., adapter=...), or exclude it with adapter=False or router(..., front_ends=False)"
            )
    return [endpoint for endpoint in endpoints if endpoint.text_input.name or endpoint.text_input.adapter]


def add_ui(routes: APIRouter, endpoint: Endpoint, registry: StreamRegistry, owner_type: Any) -> None:
    """Add the routes of the AI SDK's UI message stream. ``owner_type`` is the annotation that injects the owner."""

    def key_of(owner: str, id: str) -> StreamKey:
        if not isinstance(endpoint, SessionEndpoint):
            return StreamKey(owner, endpoint.name, "")
        if not SESSION_ID.fullmatch(id):
            raise InvalidRequest(f"the id of a conversation must be 1 to 128 letters, digits and ._~-, got {id[:40]!r}")
        return StreamKey(owner, endpoint.name, id)

    async def answer(body: UIRequest, owner: str) -> Response:
        key, request = key_of(owner, body.id), endpoint.request_for_text(last_user_text(body.messages))
        stream = await registry.start(
            lambda: endpoint.answer(request, key.session_key, AnswerOptions(regenerate=body.regenerates)), key
        )
        return EventStream(stream, UIEncoder(), stop_on_disconnect=not body.resumable)

    async def resume(session: str, owner: str) -> Response:
        id = await registry.active_stream(key_of(owner, session))
        if id is None:
            return Response(status_code=204)
        stream = await registry.find(id, owner)
        stream.check_reader(0)
        return EventStream(stream, UIEncoder())

    # Set by hand: FastAPI cannot resolve a local variable such as owner_type in annotations that are strings
    answer.__annotations__ = {"body": UIRequest, "owner": owner_type, "return": Response}
    resume.__annotations__ = {"session": str, "owner": owner_type, "return": Response}
    name = f"{endpoint.name} for the AI SDK"
    routes.add_api_route(
        f"/{endpoint.name}/ui", answer, methods=["POST"], name=name, status_code=200, response_class=EventStream
    )
    if isinstance(endpoint, SessionEndpoint):
        routes.add_api_route(
            f"/{endpoint.name}/ui/{{session}}/stream",
            resume,
            methods=["GET"],
            name=f"{name}, resumed",
            status_code=200,
            response_class=EventStream,
        )


def add_completions(
    routes: APIRouter, endpoints: Sequence[Endpoint], registry: StreamRegistry, owner_type: Any
) -> None:
    """Add the routes of OpenAI's Chat Completions; each endpoint is a model."""
    known: Mapping[str, Endpoint] = {endpoint.name: endpoint for endpoint in endpoints}

    async def complete(request: Request, owner: str) -> Response:
        # Validated here and not by FastAPI, so that errors have OpenAI's form
        try:
            body = CompletionRequest.model_validate_json(await request.body())
        except ValidationError as error:
            return JSONResponse(validation_error_body(error), 400)
        endpoint = known.get(body.model)
        if endpoint is None:
            return _unknown_model(body.model, known)
        try:
            stream = await _start(endpoint, body, registry, owner)
        except DeclaraiError as error:
            failed = http_error(error, expose=registry.settings.expose_errors)
            detail: Any = failed.detail
            status = _BAD_REQUEST if failed.status_code == InvalidRequest.status else failed.status_code
            return JSONResponse(
                error_body(status, detail["message"], code=detail["type"]), status, headers=failed.headers
            )
        head = (f"chatcmpl-{stream.id}", body.model, int(time.time()))
        if body.stream:
            encoder = ChunkEncoder(*head, include_usage=body.include_usage)
            return EventStream(stream, encoder, stop_on_disconnect=True)
        last = await _last_event(stream, request)
        if last is None:
            return Response(status_code=_CLIENT_CLOSED_REQUEST)
        response = completion(*head, [last])
        return JSONResponse(response.body, response.status, {**HEADERS, **response.headers})

    complete.__annotations__ = {"request": Request, "owner": owner_type, "return": Response}
    routes.add_api_route(
        "/v1/chat/completions",
        complete,
        methods=["POST"],
        name="OpenAI's chat completions",
        status_code=200,
        response_class=JSONResponse,
        openapi_extra=_request_body(CompletionRequest),
    )
    _add_models(routes, known, owner_type)


def _add_models(routes: APIRouter, known: Mapping[str, Endpoint], owner_type: Any) -> None:
    """Add the routes that list the models."""
    created = int(time.time())

    async def show_all(owner: str) -> Response:
        return JSONResponse(models(known, created))

    async def show(name: str, owner: str) -> Response:
        return JSONResponse(model(name, created)) if name in known else _unknown_model(name, known)

    show_all.__annotations__ = {"owner": owner_type, "return": Response}
    show.__annotations__ = {"name": str, "owner": owner_type, "return": Response}
    routes.add_api_route("/v1/models", show_all, methods=["GET"], name="OpenAI's models")
    routes.add_api_route("/v1/models/{name}", show, methods=["GET"], name="one of OpenAI's models")


def _unknown_model(name: str, known: Mapping[str, Endpoint]) -> Response:
    message = f"model {name!r} not found; available models: {', '.join(map(repr, known)) or 'none'}"
    return JSONResponse(error_body(404, message, code="model_not_found", param="model"), 404)


async def _start(endpoint: Endpoint, body: CompletionRequest, registry: StreamRegistry, owner: str) -> StreamTask:
    """Start the answer. The protocol sends the conversation with each request, so nothing of it is saved."""
    request = endpoint.request_for_text(last_user_text(body.messages))
    options = AnswerOptions(params=body.llm_params, history=body.history)
    key = StreamKey(owner, endpoint.name, new_session() if isinstance(endpoint, SessionEndpoint) else "")
    return await registry.start(lambda: endpoint.answer(request, key.session_key, options), key)


async def _last_event(stream: StreamTask, request: Request) -> Event | None:
    """Return the last event; if the client disconnects before it, stop the answer and return None."""

    async def read() -> Event | None:
        last = None
        async with aclosing(stream.follow(0, stop_on_disconnect=True)) as batches:
            async for events in batches:
                last = events[-1] if events else last
        return last

    # Starlette notices a disconnect only for streaming responses
    async def wait_for_disconnect() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    reading, disconnected = asyncio.create_task(read()), asyncio.create_task(wait_for_disconnect())
    try:
        await asyncio.wait({reading, disconnected}, return_when=asyncio.FIRST_COMPLETED)
        return reading.result() if reading.done() else None
    finally:
        reading.cancel()
        disconnected.cancel()


def _request_body(body: type[BaseModel]) -> dict[str, Any]:
    schema = body.model_json_schema()
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
