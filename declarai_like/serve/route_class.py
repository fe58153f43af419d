"""Route class of a router: limits the size of request bodies, and turns errors into HTTP responses."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.types import Message, Receive

from ..errors import DeclaraiError
from .errors import BodyTooLarge, http_error


def limited_route(max_bytes: int, *, expose_errors: bool) -> type[APIRoute]:
    """Return a route class that refuses larger bodies and reports errors to clients."""

    class LimitedRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def limited(request: Request) -> Response:
                try:
                    # Refuse an honest client before its body is read; a body without a length is counted below
                    length = request.headers.get("content-length", "0")
                    if length.isdigit() and int(length) > max_bytes:
                        raise BodyTooLarge(f"the body must be at most {max_bytes} bytes, got {length}")
                    return await handle(Request(request.scope, _counted(request.receive, max_bytes)))
                except RequestValidationError as error:
                    # FastAPI's form without its `input`, which may be large or not encodable as JSON
                    problems = [{name: each[name] for name in ("type", "loc", "msg")} for each in error.errors()]
                    raise HTTPException(422, problems) from None
                except DeclaraiError as error:
                    raise http_error(error, expose=expose_errors) from error

            return limited

    return LimitedRoute


def _counted(receive: Receive, max_bytes: int) -> Receive:
    """Return a ``receive`` that raises when the body is larger."""
    size = 0

    async def counted() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > max_bytes:
            # An HTTPException: FastAPI turns all other errors while it reads a body into a 400
            raise http_error(BodyTooLarge(f"the body must be at most {max_bytes} bytes"), expose=False)
        return message

    return counted
