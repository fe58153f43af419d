"""The errors of tasks, streams, chats and applications, in one tree.

```text
DeclaraiError
├── DeclarationError      a function cannot become a task (at decoration; also a TypeError)
├── ConfigurationError    a setting is missing or wrong (also a ValueError)
├── PromptError           the prompt cannot be filled for this call
├── ProviderError         the provider responded with an error
│   ├── AuthenticationError   401, 403
│   ├── NotFoundError         404
│   │   └── ModelNotFound         the provider does not know the model
│   ├── BadRequestError       any other 4xx
│   ├── RateLimited           429
│   └── ServerError           5xx, 408, 409
├── ConnectionFailed      no connection, or it broke before the answer began (also a ConnectionError)
├── Timeout               a time limit has passed (also a TimeoutError)
│   ├── ConnectTimeout        no connection in time
│   ├── FirstTokenTimeout     no content in time
│   ├── IdleTimeout           no new content in time
│   └── TotalTimeout          the whole call took too long
├── ProtocolError         the response does not follow the protocol
│   ├── InvalidJSON           it is not JSON
│   │   └── NestingTooDeep        its nesting is deeper than the limit
│   ├── InvalidUTF8           it is not UTF-8
│   ├── UnexpectedContent     it is something else, for instance an HTML page
│   └── EventTooLarge         one event is larger than the limit
├── StreamError           a stream ended before its answer was complete
│   ├── StreamInterrupted     the connection ended too early
│   ├── StreamFailed          the provider sent an error in the middle
│   ├── StreamClosed          the caller closed the stream, and then requested its result
│   └── StreamInUse           the stream is read by another kind of reader, or was read and not kept
├── ApplicationError      an application cannot do what was requested (also a ValueError)
│   ├── StateError            a state operation is not possible
│   │   └── MissingKey            the state does not have the key (also a KeyError)
│   ├── GraphError            actions, transitions or settings do not fit together; lists all problems
│   ├── ActionError           an action read, wrote or returned something that is not allowed
│   │   └── MissingInputs         the inputs of an action are missing
│   ├── ApplicationBusy       another call is running
│   ├── Cancelled             a step was cancelled or closed before its end
│   └── PersistenceFailed     the state could not be saved or loaded
├── MemoryFailed          a chat's memory could not be read or written
│   └── InvalidMessage        a stored or passed object is not a message
└── AnswerError           the answer is complete, but cannot be used
    ├── Refused               the model refused to answer
    ├── ContentFiltered       the content filter stopped the answer
    ├── Truncated             the answer was cut at the token limit
    └── OutputError           the answer does not fit the return type
        └── InvalidElement        one element does not, if they are read one by one
```

Three modules define more errors. `serve.errors` has the errors between a client and a router, and `testing.TapeMiss` is
raised for a request that is not on a tape; both derive from `DeclaraiError`. Typed streams can be installed without
this library, so they have a separate tree: `streaming.errors` and, in it, `remote.errors`.

If part of an answer has arrived before the error, the error has that text in ``partial``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class DeclaraiError(Exception):
    """The base class of all errors of this library, except those of typed streams (`streaming.TypedStreamError`)."""

    partial: str = ""
    """The text of the answer that arrived before the error."""

    transient: bool = False
    """True if the same request may succeed a moment later."""


class DeclarationError(DeclaraiError, TypeError):
    """Raised at decoration if a function cannot become a task; the message names the function and the reason."""


class ConfigurationError(DeclaraiError, ValueError):
    """Raised if a setting is missing or wrong; the message names it and the accepted values."""


class PromptError(DeclaraiError):
    """Raised if the prompt cannot be filled with the arguments of the call."""


class ProviderError(DeclaraiError):
    """Raised if the provider responds with an error.

    Attributes:
        status: the HTTP status; None if the error came in the body of a response with status 200.
        code: the provider's error code, for instance ``"rate_limit_exceeded"``.
        request_id: the provider's ID of the request, for its support.
        retry_after: the seconds after which the provider wants the request to be sent again.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.request_id = request_id
        self.retry_after = retry_after


class AuthenticationError(ProviderError):
    """Raised if the provider does not accept the key (401), or the key has no permission (403)."""


class NotFoundError(ProviderError):
    """Raised if the provider does not have the endpoint (404)."""


class ModelNotFound(NotFoundError):
    """Raised if the provider does not know the model (404)."""


class BadRequestError(ProviderError):
    """Raised if the provider does not accept the request (any other 4xx)."""


class RateLimited(ProviderError):
    """Raised if the rate limit is exceeded (429); ``retry_after`` is set if the provider sent it."""

    transient = True


class ServerError(ProviderError):
    """Raised if the provider fails or is temporarily not available (5xx, 408, 409)."""

    transient = True


class ConnectionFailed(DeclaraiError, ConnectionError):
    """Raised if the provider cannot be reached, or the connection breaks before the answer begins."""

    transient = True


class Timeout(DeclaraiError, TimeoutError):
    """Raised if a time limit has passed; ``limit`` is in seconds."""

    def __init__(self, message: str, *, limit: float) -> None:
        super().__init__(message)
        self.limit = limit


class ConnectTimeout(Timeout):
    """Raised if the connection is not established within ``Timeouts.connect``."""

    transient = True


class FirstTokenTimeout(Timeout):
    """Raised if the answer does not begin within ``Timeouts.first_token`` of the request."""


class IdleTimeout(Timeout):
    """Raised if no new content arrives within ``Timeouts.idle`` in the middle of an answer."""


class TotalTimeout(Timeout):
    """Raised if the whole call with its retries takes longer than ``Timeouts.total``."""


class ProtocolError(DeclaraiError):
    """Raised if a response does not follow the protocol."""


class InvalidJSON(ProtocolError):
    """Raised if a body, an event or an answer is not JSON."""


class NestingTooDeep(InvalidJSON):
    """Raised if objects and arrays are nested deeper than the limit."""


class InvalidUTF8(ProtocolError):
    """Raised if a body or an event is not UTF-8."""


class UnexpectedContent(ProtocolError):
    """Raised if the response is of another kind, for instance an HTML page; usually ``base_url`` is wrong."""


class EventTooLarge(ProtocolError):
    """Raised if one server-sent event is larger than the limit."""


class StreamError(DeclaraiError):
    """Raised if a stream ends before its answer is complete; ``partial`` has the text so far."""


class StreamInterrupted(StreamError):
    """Raised if the connection ends before the provider marks the answer as complete."""

    transient = True


class StreamFailed(StreamError):
    """Raised if the provider sends an error in the middle of a stream; ``code`` is the provider's error code."""

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code

    transient = True


class StreamClosed(StreamError):
    """Raised if the result of a stream is requested after the stream was closed early."""


class StreamInUse(StreamError):
    """Raised if a stream cannot be read now: it is read in sync (or async) code already, its chunks were not kept for
    another reader, or the previous stream of the chat is still open. The message says what to do.
    """


class ApplicationError(DeclaraiError, ValueError):
    """Raised if an application or a part of it cannot do what was requested."""


class StateError(ApplicationError):
    """Raised if a state operation is not possible with the value of a key; the message names the key."""


class MissingKey(StateError, KeyError):
    """Raised if a state does not have a key; the message names the keys that it has."""

    __str__ = Exception.__str__  # KeyError.__str__ returns the repr of the message


class GraphError(ApplicationError):
    """Raised if actions and transitions do not fit together, or settings of an application are wrong.

    Attributes:
        problems: the messages of all problems.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class ActionError(ApplicationError):
    """Raised if an action reads, writes or returns something that is not allowed; the message names the action."""


class MissingInputs(ActionError):
    """Raised if required inputs of an action are missing; the message names them."""


class ApplicationBusy(ApplicationError):
    """Raised if an application is busy with another call that it does not wait for, or that is not being read."""


class Cancelled(ApplicationError):
    """Passed to hooks if a step is left before its end: its stream was closed, or its task was cancelled."""


class PersistenceFailed(ApplicationError):
    """Raised if the state of an application cannot be saved or loaded; the message names the store and the reason."""


class MemoryFailed(DeclaraiError):
    """Raised if a memory cannot be read or written; the message names the memory and the reason of its database.

    It is not ``transient``: if a connection broke, it is unknown whether the database executed the statement.

    Attributes:
        response: the answer that could not be stored, an `LLMResponse`; None without an answer.
        result: its value, as `send` would have returned it.
    """

    response: Any = None
    result: Any = None


class InvalidMessage(MemoryFailed):
    """Raised if an object that a memory stores, or is passed to it, is not a message; the message names the field."""


class AnswerError(DeclaraiError):
    """Raised if the answer is complete but cannot be used; ``partial`` has its text."""


class Refused(AnswerError):
    """Raised if the model refuses to answer; ``refusal`` has its text."""

    def __init__(self, message: str, *, refusal: str) -> None:
        super().__init__(message)
        self.refusal = refusal


class ContentFiltered(AnswerError):
    """Raised if the provider's content filter stops the answer."""


class Truncated(AnswerError):
    """Raised if the answer is cut at the token limit before its value is complete."""


@dataclass(frozen=True)
class Attempt:
    """A failed attempt.

    Attributes:
        text: the text of the answer, as far as it arrived.
        reason: why it failed. If the answer did not fit the return type, this is the text that was sent to the model.
    """

    text: str
    reason: str


class OutputError(AnswerError):
    """Raised if the answer does not fit the return type.

    Attributes:
        attempts: all attempts.
        text: the text of the last one.
        reason: the reason of the last one.
    """

    def __init__(self, message: str, *, attempts: tuple[Attempt, ...]) -> None:
        super().__init__(message)
        self.attempts = attempts
        self.text = attempts[-1].text
        self.reason = attempts[-1].reason
        self.partial = self.text


class InvalidElement(OutputError):
    """Raised if one element of an answer that is read by elements does not fit. Those before it were returned already.

    Attributes:
        index: the index of the element, from 0.
    """

    def __init__(self, message: str, *, index: int, attempts: tuple[Attempt, ...]) -> None:
        super().__init__(message, attempts=attempts)
        self.index = index
