"""What can go wrong between a client and a router; and what is said to the client of an error, which is little."""

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
    """A request cannot be answered; the client is told so, in these words.

    Attributes:
        status: the HTTP status.
        about: what else is said.
    """

    status = 400

    def __init__(self, message: str, **about: Any) -> None:
        super().__init__(message)
        self.about = about

    @property
    def detail(self) -> dict[str, Any]:
        """What the client is told."""
        return {"type": type(self).__name__, "message": str(self), **self.about}


class UnknownStream(ServeError):
    """There is no such stream, or it is somebody else's, or it is over and no longer kept."""

    status = 404


class EventsGone(ServeError):
    """What a reader has missed is no longer kept."""

    status = 410


class SessionBusy(ServeError):
    """The session is at work on another answer; ``stream`` is its id."""

    status = 409


class InvalidRequest(ServeError):
    """What was asked cannot be done; the message says what is wrong with the request."""

    status = 422


class BodyTooLarge(ServeError):
    """The body of a request is larger than the limit."""

    status = 413


class TooManyStreams(ServeError):
    """As many answers are under way as may be."""

    status = 503


class TooManyReaders(ServeError):
    """As many connections follow this answer as may."""

    status = 429


class SharingFailed(ServeError):
    """What several workers share cannot be reached."""

    status = 503


class WorkerLost(DeclaraiError):
    """The worker that answered is gone, and its answer with it."""

    transient = True


class Abandoned(DeclaraiError):
    """Nobody followed the answer any more, so it was given up."""

    transient = True


_SAID: tuple[tuple[type[DeclaraiError], str], ...] = (
    (Abandoned, "Nobody followed this answer any more, so it was given up."),
    (WorkerLost, "The server that answered is gone. Try again."),
    (RateLimited, "The model is busy. Try again in a moment."),
    (ServerError, "The model is not available now. Try again in a moment."),
    (ConnectionFailed, "The model could not be reached."),
    (Timeout, "The model took too long."),
    (StreamError, "The answer broke off."),
    (Refused, "The model refused to answer."),
    (ContentFiltered, "The answer was stopped by a content filter."),
    (AnswerError, "The model's answer was not what was asked for."),
    (MissingInputs, "An input is missing."),
    (ApplicationBusy, "This session is at work already."),
    (MemoryFailed, "The conversation could not be loaded or kept."),
    (PersistenceFailed, "The session could not be loaded or kept."),
    (PromptError, "These values cannot be sent to the model."),
)
"""What a client is told of an error. The first that fits counts; the message itself may hold what is not its business."""


def error_payload(error: BaseException, *, expose: bool) -> dict[str, Any]:
    """Say to a client what went wrong; with ``expose``, in the error's own words."""
    known = next((said for kind, said in _SAID if isinstance(error, kind)), None)
    retryable = bool(getattr(error, "transient", False) or isinstance(error, Timeout))
    if expose:
        return {"type": type(error).__name__, "message": str(error), "retryable": retryable}
    if known is None:
        return {"type": "InternalError", "message": "Something went wrong.", "retryable": False}
    return {"type": type(error).__name__, "message": known, "retryable": retryable}


def http_error(error: DeclaraiError, *, expose: bool) -> HTTPException:
    """Give the response for an error that came before an answer began."""
    if isinstance(error, ServeError):
        headers = {"Retry-After": "1"} if error.status == 503 else None
        return HTTPException(error.status, error.detail, headers)
    log.error("a request failed", exc_info=error)
    status = 422 if isinstance(error, PromptError) else 500
    return HTTPException(status, error_payload(error, expose=expose))
