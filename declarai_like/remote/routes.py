"""Functions behind addresses: as a router of FastAPI, or as an application of their own, which needs no framework."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from ..errors import ConfigurationError
from ..streaming.encodings import ENCODINGS
from .declared import RemoteStream
from .producing import AnyStream
from .server import Endpoint, Receive, RequestRejected, Scope, Send, reject

if TYPE_CHECKING:
    from fastapi import APIRouter

ASGI: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY = 1024 * 1024
BUFFER = 8


def router(*functions: AnyStream, buffer: int = BUFFER, max_body: int = MAX_BODY, **settings: Any) -> APIRouter:
    """Give a router with a route for each function: ``app.include_router(remote.router(count), prefix="/streams")``.

    Args:
        buffer: how many items a function may be ahead of the connection.
        max_body: how large a request may be, in bytes.
        settings: those of FastAPI's router, such as ``dependencies``.

    Raises:
        ConfigurationError: something is no remote stream, two have the same name, or a setting is wrong.
        ImportError: FastAPI is not installed.
    """
    from fastapi import APIRouter

    routes = APIRouter(**settings)
    for name, endpoint in _endpoints(functions, buffer, max_body).items():
        routes.add_api_route(
            f"/{name}",
            _route_of(endpoint),
            methods=["POST"],
            name=name,
            description=endpoint.function.__doc__ or "",
            openapi_extra=_described(endpoint.function),
        )
    return routes


def _route_of(endpoint: Endpoint) -> Callable[[], Awaitable[Any]]:
    from fastapi import Response

    class Streamed(Response):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await endpoint(scope, receive, send)

    async def answer() -> Any:
        return Streamed()

    return answer


def _described(function: AnyStream) -> dict[str, Any]:
    """Say in the words of OpenAPI what a function takes and gives."""
    schema = function.arguments.schema
    if "$defs" in schema:  # in a page of OpenAPI they would be looked for elsewhere
        schema = {"type": "object"}
    content: dict[str, Any] = {encoding.media_type: {} for encoding in ENCODINGS.values()}
    return {
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {"200": {"description": "A typed stream", "content": content}},
    }


def asgi(*functions: AnyStream, buffer: int = BUFFER, max_body: int = MAX_BODY) -> ASGI:
    """Give an ASGI application with a route for each function: ``app.mount("/streams", remote.asgi(count))``.

    ``buffer`` and ``max_body`` are as for `router`.

    Raises:
        ConfigurationError: something is no remote stream, two have the same name, or a setting is wrong.
    """
    endpoints = _endpoints(functions, buffer, max_body)

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        name = scope["path"].removeprefix(scope.get("root_path", "")).removeprefix("/")
        if name not in endpoints:
            await reject(send, RequestRejected(404, "NotFound", f"there is no stream {name!r}"))
        elif scope["method"] != "POST":
            await reject(send, RequestRejected(405, "MethodNotAllowed", f"{name} is asked for with POST"))
        else:
            await endpoints[name](scope, receive, send)

    return application


def _endpoints(functions: Sequence[Any], buffer: int, max_body: int) -> dict[str, Endpoint]:
    for function in functions:
        if not isinstance(function, RemoteStream):
            name = getattr(function, "__name__", repr(function))
            raise ConfigurationError(f"{name} is no remote stream; put @remote.stream above it")
    endpoints = {function.name: Endpoint(function, buffer=buffer, max_body=max_body) for function in functions}
    names = [function.name for function in functions]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ConfigurationError(
            f"two functions are called {twice[0]!r}, and it is the name of their route; rename one, or use two routers"
        )
    return endpoints
