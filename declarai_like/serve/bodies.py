"""Routes that take no larger body than they may, and tell clients what was wrong with a request."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.types import Message, Receive

from ..errors import DeclaraiError
from .errors import BodyTooLarge, http_error


def limited(most: int, *, expose_errors: bool) -> type[APIRoute]:
    """Give the class of routes that take no larger body, and tell clients what went wrong."""

    class Limited(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def limited(request: Request) -> Response:
                try:
                    length = request.headers.get("content-length", "0")
                    if length.isdigit() and int(length) > most:
                        raise BodyTooLarge(f"the body has {length} bytes; the limit is {most}")
                    return await handle(Request(request.scope, _counted(request.receive, most)))
                except RequestValidationError as error:
                    # In FastAPI's form, but for what was sent: that may be large, and may be no JSON that can be written
                    wrong = [{name: each[name] for name in ("type", "loc", "msg")} for each in error.errors()]
                    raise HTTPException(422, wrong) from None
                except DeclaraiError as error:
                    raise http_error(error, expose=expose_errors) from error

            return limited

    return Limited


def _counted(receive: Receive, most: int) -> Receive:
    size = 0

    async def counted() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > most:  # in the form that goes through FastAPI's own reading of bodies
            raise http_error(BodyTooLarge(f"the body is larger than the limit of {most} bytes"), expose=False)
        return message

    return counted
