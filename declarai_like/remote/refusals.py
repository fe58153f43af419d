"""What an answer with an error status means: one pure function of the status and the body."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from pydantic import ValidationError
from pydantic_core import from_json

from ..streaming.failures import Failure, known_errors, raised
from .errors import InvalidArguments, RequestRefused

_MAX_QUOTE_LENGTH = 200  # characters


def status_error(url: str, status: int, body: bytes, errors: Iterable[type[Exception]]) -> Exception:
    """Give the error for an answer with this status; a function's own error is the one that it would be in a stream.

    Args:
        errors: classes of errors that the function may raise here.
    """
    try:
        detail: Any = cast("dict[str, Any]", from_json(body))["detail"]
    except (ValueError, KeyError, TypeError):
        detail = body.decode("utf-8", "replace").strip()[:_MAX_QUOTE_LENGTH]
    try:
        failure = Failure.model_validate(detail)
    except ValidationError:  # not a server of ours, or something before it
        said = f"{url} answered with HTTP {status}: {detail or 'no further word'}"
        return RequestRefused(said, status=status)
    if status == 500:
        return raised(failure, known_errors(errors), frame=0, offset=0)
    kind = InvalidArguments if status == 422 else RequestRefused
    return kind(f"{failure.message} (HTTP {status})", status=status, details=failure.details)
