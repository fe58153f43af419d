"""The errors for responses with an error status: one pure function of the status and the body."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from pydantic import ValidationError
from pydantic_core import from_json

from ..streaming.failures import Failure, decode_error, known_errors
from .errors import InvalidArguments, RequestRefused

_MAX_QUOTE_LENGTH = 200  # characters


def status_error(url: str, status: int, body: bytes, errors: Iterable[type[Exception]]) -> Exception:
    """Return the error for a response with this status.

    If the function failed before its first item (500), this is the error that the stream would have ended with later.

    Args:
        url: the URL of the request.
        status: the HTTP status.
        body: the body of the response, or its beginning.
        errors: classes of errors that the function may raise here.
    """
    try:
        detail: Any = cast("dict[str, Any]", from_json(body))["detail"]
    except (ValueError, KeyError, TypeError):
        detail = body.decode("utf-8", "replace").strip()[:_MAX_QUOTE_LENGTH]
    try:
        failure = Failure.model_validate(detail)
    except ValidationError:  # another server, or a proxy or middleware in front of this one
        return RequestRefused(f"{url} responded with HTTP {status}: {detail or 'the body is empty'}", status=status)
    if status == 500:  # the only status with an error of the function; see server._send_frames
        return decode_error(failure, known_errors(errors), frame=0, offset=0)
    cls = InvalidArguments if status == 422 else RequestRefused
    return cls(f"{failure.message} (HTTP {status})", status=status, details=failure.details)
