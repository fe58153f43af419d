"""Errors of providers over HTTP: one pure function of the status, the headers and the body."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC
from typing import Any, cast

from ..errors import (
    AuthenticationError,
    BadRequestError,
    ModelNotFound,
    NotFoundError,
    ProviderError,
    RateLimited,
    ServerError,
)

_MAX_MESSAGE_LENGTH = 500
"""The number of characters of a provider's message that an error shows."""


def status_error(status: int, headers: Mapping[str, str], body: str) -> ProviderError:
    """Return the error for a response with this status."""
    message, code = _read(body)
    kind = _kind(status, code, message)
    retry_after = _retry_after(headers)
    wait = "" if retry_after is None else f", retry after {retry_after:g} s"
    return kind(
        f"{_SUMMARIES[kind]} (HTTP {status}{wait}): {message or 'without a message'}",
        status=status,
        code=code,
        request_id=headers.get("x-request-id"),
        retry_after=retry_after,
    )


_SUMMARIES: dict[type[ProviderError], str] = {
    AuthenticationError: "the provider did not accept the API key",
    ModelNotFound: "the provider does not know this model",
    NotFoundError: "the provider does not have this endpoint; check base_url",
    BadRequestError: "the provider did not accept the request",
    RateLimited: "the provider's rate limit was exceeded",
    ServerError: "the provider failed",
}


def _kind(status: int, code: str | None, message: str) -> type[ProviderError]:
    if status in (401, 403):
        return AuthenticationError
    if status == 404:
        # OpenAI sends the code; other servers only mention the model in the message
        return ModelNotFound if code == "model_not_found" or "model" in message.lower() else NotFoundError
    if status == 429:
        return RateLimited
    # 408 (timeout) and 409 (conflict) are transient like a 5xx; OpenAI's own client retries them as well
    return ServerError if status >= 500 or status in (408, 409) else BadRequestError


def error_in(body: Any) -> tuple[str, str | None] | None:
    """Return the message and the code of the error in a body, in the formats of various servers; None without one."""
    if not isinstance(body, dict):
        return None
    error: Any = cast("dict[str, Any]", body).get("error")
    if not isinstance(error, dict):
        return None if error is None else (str(error)[:_MAX_MESSAGE_LENGTH], None)
    parts = cast("dict[str, Any]", error)
    code = parts.get("code") or parts.get("type")
    message = str(parts.get("message") or parts)
    return message[:_MAX_MESSAGE_LENGTH], None if code is None else str(code)


def _read(body: str) -> tuple[str, str | None]:
    """Read an error body. A body in an unknown format is the message itself."""
    try:
        found = error_in(json.loads(body))
    except ValueError:
        found = None
    return found or (body.strip()[:_MAX_MESSAGE_LENGTH], None)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Read ``Retry-After``, in seconds or as a date (RFC 9110, 10.2.3), and OpenAI's ``retry-after-ms``."""
    try:
        if in_ms := headers.get("retry-after-ms"):
            return max(0.0, float(in_ms) / 1000)
        after = headers.get("retry-after")
        if not after:
            return None
        if after.strip().replace(".", "", 1).isdigit():
            return float(after)
        from datetime import datetime
        from email.utils import parsedate_to_datetime

        return max(0.0, (parsedate_to_datetime(after) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None
