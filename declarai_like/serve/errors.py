"""Errors between a client and a router, and the little that clients are shown of an error."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import HTTPException

from ..errors import (
    AnswerError,
    ApplicationBusy,
    ConnectionFailed,
    ContentFiltered,
    DeclaraiError,
    MemoryFailed,
    MissingInputs,
    PersistenceFailed,
    PromptError,
    RateLimited,
    Refused,
    ServerError,
    StreamError,
    Timeout,
)

log = logging.getLogger("declarai_like")


class ServeError(DeclaraiError):
    """A request cannot be answered. The client gets the message, so it must not contain anything secret.

    Attributes:
        status: the HTTP status.
        about: further fields of the response's ``detail``.
    """

    status = 400

    def __init__(self, message: str, **about: Any) -> None:
        super().__init__(message)
        self.about = about

    @property
    def detail(self) -> dict[str, Any]:
        """The ``detail`` of the HTTP response."""
        return {"type": type(self).__name__, "message": str(self), **self.about}


class UnknownStream(ServeError):
    """The stream does not exist, belongs to another owner, or ended and is no longer kept."""

    status = 404


class EventsGone(ServeError):
    """The events that a reader needs next are no longer kept."""

    status = 410


class SessionBusy(ServeError):
    """Another answer runs in the session; ``stream`` is its id."""

    status = 409


class InvalidRequest(ServeError):
    """The request is well-formed, but cannot be answered; the message says why."""

    status = 422


class BodyTooLarge(ServeError):
    """The body of a request is larger than the limit."""

    status = 413


class TooManyStreams(ServeError):
    """The maximum number of answers is running."""

    status = 503


class TooManyReaders(ServeError):
    """The maximum number of connections reads this answer."""

    status = 429


class SharingFailed(ServeError):
    """Redis, which the workers share, is not reachable or failed."""

    status = 503


class WorkerLost(DeclaraiError):
    """The worker that ran the answer died; the rest of the answer is lost."""

    transient = True


class Abandoned(DeclaraiError):
    """The answer was cancelled, because no client was reading it."""

    transient = True


_CLIENT_MESSAGES: tuple[tuple[type[DeclaraiError], str], ...] = (
    (Abandoned, "The answer was cancelled, because no client was reading it."),
    (WorkerLost, "The server process that ran this answer died. Try again."),
    (RateLimited, "The model is busy. Try again in a moment."),
    (ServerError, "The model is not available now. Try again in a moment."),
    (ConnectionFailed, "The model could not be reached."),
    (Timeout, "The model took too long."),
    (StreamError, "The answer was interrupted."),
    (Refused, "The model refused to answer."),
    (ContentFiltered, "The answer was stopped by a content filter."),
    (AnswerError, "The model's answer did not have the expected form."),
    (MissingInputs, "An input is missing."),
    (ApplicationBusy, "The session is busy."),
    (MemoryFailed, "The conversation could not be loaded or saved."),
    (PersistenceFailed, "The session could not be loaded or saved."),
    (PromptError, "These values cannot be sent to the model."),
)
"""Messages for clients by error class; the first match counts, so subclasses come first.

The error's own message is not sent: it may contain prompts, addresses or parts of a provider's response.
"""


def error_payload(error: BaseException, *, expose: bool) -> dict[str, Any]:
    """Return the data of an ``error`` event; with ``expose``, it has the error's own message."""
    known = next((message for kind, message in _CLIENT_MESSAGES if isinstance(error, kind)), None)
    retryable = bool(getattr(error, "transient", False) or isinstance(error, Timeout))
    if expose:
        return {"type": type(error).__name__, "message": str(error), "retryable": retryable}
    if known is None:
        # Not even the class is sent: its name may say which library or database is behind the endpoint
        return {"type": "InternalError", "message": "Something went wrong.", "retryable": False}
    return {"type": type(error).__name__, "message": known, "retryable": retryable}


def http_error(error: DeclaraiError, *, expose: bool) -> HTTPException:
    """Return the HTTP response for an error that is raised before an answer starts."""
    if isinstance(error, ServeError):
        headers = {"Retry-After": "1"} if error.status == 503 else None
        return HTTPException(error.status, error.detail, headers)
    log.error("a request failed", exc_info=error)
    status = 422 if isinstance(error, PromptError) else 500
    return HTTPException(status, error_payload(error, expose=expose))
