"""Several functions behind URLs: as a FastAPI router, or as a plain ASGI application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from .._core import checks
from ..errors import ConfigurationError
from ..streaming.encodings import ENCODINGS
from .decorator import RemoteStream
from .producer import AnyStream
from .server import ASGIEndpoint, Receive, RequestRejected, Scope, Send, reject

if TYPE_CHECKING:
    from fastapi import APIRouter

ASGI: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY = 1024 * 1024  # bytes
BUFFER = 8  # items


def router(*functions: AnyStream, buffer: int = BUFFER, max_body: int = MAX_BODY, **settings: Any) -> APIRouter:
    """Return a router with a route for each function: ``app.include_router(remote.router(count), prefix="/streams")``.

    Args:
        functions: the remote streams.
        buffer: the number of items that a function may be ahead of the connection.
        max_body: the maximal size of a request body, in bytes.
        settings: passed to FastAPI's `APIRouter`, for instance ``dependencies``.

    Raises:
        ConfigurationError: an argument is not a remote stream, two have the same name, or a setting is wrong.
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
            openapi_extra=_openapi(endpoint.function),
        )
    return routes


def _route_of(endpoint: ASGIEndpoint) -> Callable[[], Awaitable[Any]]:
    from fastapi import Response

    # The endpoint is an ASGI application and sends its own response. A route whose function returns a Response calls
    # that with the request's ASGI arguments; FastAPI has run the dependencies before.
    class Streamed(Response):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await endpoint(scope, receive, send)

    async def answer() -> Any:
        return Streamed()

    return answer


def _openapi(function: AnyStream) -> dict[str, Any]:
    """Return the OpenAPI description of a function's request and response."""
    schema = function.arguments.schema
    if "$defs" in schema:  # its references begin at its own root, which in an OpenAPI document is another one
        schema = {"type": "object"}
    content: dict[str, Any] = {encoding.media_type: {} for encoding in ENCODINGS.values()}
    return {
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {"200": {"description": "A typed stream", "content": content}},
    }


def asgi(*functions: AnyStream, buffer: int = BUFFER, max_body: int = MAX_BODY) -> ASGI:
    """Return an ASGI application with a route for each function: ``app.mount("/streams", remote.asgi(count))``.

    ``buffer`` and ``max_body`` are as for `router`.

    Raises:
        ConfigurationError: an argument is not a remote stream, two have the same name, or a setting is wrong.
    """
    endpoints = _endpoints(functions, buffer, max_body)

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # "lifespan": there is nothing to start, and servers accept that it returns
            return
        name = scope["path"].removeprefix(scope.get("root_path", "")).removeprefix("/")
        if name not in endpoints:
            await reject(send, RequestRejected(404, "NotFound", f"unknown stream {name!r}"))
        elif scope["method"] != "POST":
            await reject(
                send,
                RequestRejected(405, "MethodNotAllowed", f"{name}: the method must be POST, got {scope['method']}"),
            )
        else:
            await endpoints[name](scope, receive, send)

    return application


def _endpoints(functions: Sequence[Any], buffer: int, max_body: int) -> dict[str, ASGIEndpoint]:
    for function in functions:
        if not isinstance(function, RemoteStream):
            name = getattr(function, "__name__", None) or "each argument"
            raise checks.wrong_type(name, "a remote stream", function, "put @remote.stream above it")
    endpoints = {function.name: ASGIEndpoint(function, buffer=buffer, max_body=max_body) for function in functions}
    names = [function.name for function in functions]
    if duplicates := [name for name in names if names.count(name) > 1]:
        raise ConfigurationError(
            f"two functions are named {duplicates[0]!r}, which is the name of their route; rename one, or use two routers"
        )
    return endpoints
