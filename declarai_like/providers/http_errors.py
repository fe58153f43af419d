"""What an error status means: one pure function of the status, the headers and the body."""

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


def status_error(status: int, headers: Mapping[str, str], body: str) -> ProviderError:
    """Give the named error for an answer with this status."""
    said, code = _read(body)
    kind = _kind(status, code, said)
    after = _seconds(headers)
    wait = "" if after is None else f" (it asks to wait {after:g} s)"
    return kind(
        f"{_WHAT[kind]} (HTTP {status}){wait}: {said or 'no further word'}",
        status=status,
        code=code,
        request_id=headers.get("x-request-id"),
        retry_after=after,
    )


_WHAT: dict[type[ProviderError], str] = {
    AuthenticationError: "the provider did not accept the API key",
    ModelNotFound: "the provider does not know this model",
    NotFoundError: "the provider does not know this address; check base_url",
    BadRequestError: "the provider did not accept the request",
    RateLimited: "the provider's rate limit is reached",
    ServerError: "the provider failed",
}


def _kind(status: int, code: str | None, said: str) -> type[ProviderError]:
    if status in (401, 403):
        return AuthenticationError
    if status == 404:
        return ModelNotFound if code == "model_not_found" or "model" in said.lower() else NotFoundError
    if status == 429:
        return RateLimited
    # 408 and 409 say "not now", as a 5xx does
    return ServerError if status >= 500 or status in (408, 409) else BadRequestError


def error_in(body: Any) -> tuple[str, str | None] | None:
    """Find the message and the code of the error in a body, in the forms in which servers write it; None without one."""
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
    """Read an error body; one in no known form is quoted."""
    try:
        found = error_in(json.loads(body))
    except ValueError:
        found = None
    return found or (body.strip()[:_MAX_MESSAGE_LENGTH], None)


def _seconds(headers: Mapping[str, str]) -> float | None:
    """Read ``Retry-After`` in its two forms (RFC 9110, 10.2.3), and OpenAI's in milliseconds."""
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
