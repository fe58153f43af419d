"""The errors of tasks, streams, chats and applications, in one tree.

```text
DeclaraiError
├── DeclarationError      a function cannot become a task (raised at decoration, also a TypeError)
├── ConfigurationError    a setting is missing or wrong (also a ValueError)
├── PromptError           the prompt could not be filled for this call
├── ProviderError         the provider answered with an error
│   ├── AuthenticationError   401, 403
│   ├── NotFoundError         404
│   │   └── ModelNotFound         the provider does not know this model
│   ├── BadRequestError       any other 4xx
│   ├── RateLimited           429
│   └── ServerError           5xx, 408, 409
├── ConnectionFailed      no connection, or it broke before the answer began (also a ConnectionError)
├── Timeout               a time limit passed (also a TimeoutError)
│   ├── ConnectTimeout
│   ├── FirstTokenTimeout
│   ├── IdleTimeout
│   └── TotalTimeout
├── ProtocolError         what came is not what the protocol says
│   ├── InvalidJSON
│   │   └── NestingTooDeep
│   ├── InvalidUTF8
│   ├── UnexpectedContent     for instance an HTML page
│   └── EventTooLarge
├── StreamError           a stream ended before its answer did
│   ├── StreamInterrupted     the connection ended, the answer had not
│   ├── StreamFailed          the provider sent an error in the middle
│   ├── StreamClosed          the caller closed it and then asked for the whole
│   └── StreamInUse           it was begun in the other world, or is not kept for a second reader
├── ApplicationError      an application cannot do what it was asked to (also a ValueError)
│   ├── StateError            a state does not have this key, or its value cannot do this
│   │   └── MissingKey            (also a KeyError)
│   ├── GraphError            actions and transitions do not fit together; lists all problems
│   ├── ActionError           an action took or gave what it may not
│   │   └── MissingInputs         it was not given all inputs that it needs
│   ├── ApplicationBusy       it is at work for somebody else
│   ├── Cancelled             its step was left before its end
│   └── PersistenceFailed     its state could not be saved or loaded
├── MemoryFailed          a chat's memory could not be read or written
│   └── InvalidMessage        what it holds, or was given, is no message
└── AnswerError           the answer is whole, but is not what was asked for
    ├── Refused
    ├── ContentFiltered
    ├── Truncated             cut at the token limit
    └── OutputError           does not fit the return type
        └── InvalidElement        one element does not, when they are read one by one
```

Three rooms have more. `serve.errors` has what goes wrong between a client and a router, and `testing.TapeMiss` is a
request that is not on a tape; both derive from `DeclaraiError`. Typed streams, which can be had without this library,
have a tree of their own: `streaming.errors`, and `remote.errors` in it.

An error that comes when part of an answer is already there carries that text as ``partial``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class DeclaraiError(Exception):
    """The base of all errors of this library but those of typed streams (`streaming.TypedStreamError`)."""

    partial: str = ""
    """The text that had arrived when the error came."""

    transient: bool = False
    """Whether the same request may well succeed a moment later."""


class DeclarationError(DeclaraiError, TypeError):
    """A function cannot become a task; the message names the function and says why."""


class ConfigurationError(DeclaraiError, ValueError):
    """A setting is missing or wrong; the message names it and lists what would do."""


class PromptError(DeclaraiError):
    """The prompt could not be filled with this call's arguments."""


class ProviderError(DeclaraiError):
    """The provider answered with an error instead of an answer.

    Attributes:
        status: the HTTP status; None where the error came in an answer with status 200.
        code: the provider's own word for the error, for instance ``"rate_limit_exceeded"``.
        request_id: the provider's name for the request, for its support.
        retry_after: the seconds after which the provider wants to be asked again.
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
    """The provider did not accept the key (401), or the key may not do this (403)."""


class NotFoundError(ProviderError):
    """The provider does not know the address that was asked (404)."""


class ModelNotFound(NotFoundError):
    """The provider does not know the model."""


class BadRequestError(ProviderError):
    """The provider did not accept the request (4xx)."""


class RateLimited(ProviderError):
    """Too many requests (429); ``retry_after`` is in seconds where the provider says it."""

    transient = True


class ServerError(ProviderError):
    """The provider failed, or says "not now" (5xx, 408, 409)."""

    transient = True


class ConnectionFailed(DeclaraiError, ConnectionError):
    """The provider could not be reached, or the connection broke before its answer began."""

    transient = True


class Timeout(DeclaraiError, TimeoutError):
    """A time limit passed; ``limit`` is in seconds."""

    def __init__(self, message: str, *, limit: float) -> None:
        super().__init__(message)
        self.limit = limit


class ConnectTimeout(Timeout):
    """No connection within ``Timeouts.connect``."""

    transient = True


class FirstTokenTimeout(Timeout):
    """Nothing of the answer within ``Timeouts.first_token``, counted from the sending of the request."""


class IdleTimeout(Timeout):
    """No new content within ``Timeouts.idle``, in the middle of an answer."""


class TotalTimeout(Timeout):
    """The whole call, with its retries, took longer than ``Timeouts.total``."""


class ProtocolError(DeclaraiError):
    """What the server sent is not what the protocol says."""


class InvalidJSON(ProtocolError):
    """A body, an event or an answer is not JSON."""


class NestingTooDeep(InvalidJSON):
    """There are more objects and arrays in each other than the limit allows."""


class InvalidUTF8(ProtocolError):
    """A body or an event is not UTF-8."""


class UnexpectedContent(ProtocolError):
    """Something else came, for instance an HTML page; mostly a wrong ``base_url``."""


class EventTooLarge(ProtocolError):
    """One server-sent event is larger than the limit."""


class StreamError(DeclaraiError):
    """A stream ended before its answer did; ``partial`` holds the text so far."""


class StreamInterrupted(StreamError):
    """The connection ended without the provider saying that the answer had."""

    transient = True


class StreamFailed(StreamError):
    """The provider sent an error in the middle of a stream; ``code`` is its own word for it."""

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code

    transient = True


class StreamClosed(StreamError):
    """The caller left the stream early, so there is no whole answer."""


class StreamInUse(StreamError):
    """The stream cannot be read in this way now; the message says what can be done."""


class ApplicationError(DeclaraiError, ValueError):
    """An application, or a part of one, cannot do what it was asked to."""


class StateError(ApplicationError):
    """A state cannot do this with its value; the message names the key."""


class MissingKey(StateError, KeyError):
    """A state does not have this key; the message names those that it has."""

    __str__ = Exception.__str__  # a KeyError would show its message in quotes


class GraphError(ApplicationError):
    """Actions and transitions do not fit together, or settings of an application are wrong.

    Attributes:
        problems: all that is wrong, in words.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class ActionError(ApplicationError):
    """An action took or gave what it may not; the message names the action."""


class MissingInputs(ActionError):
    """An action was not given all inputs that it needs; the message names them."""


class ApplicationBusy(ApplicationError):
    """An application is at work for another call, and was built to refuse a second one."""


class Cancelled(ApplicationError):
    """A step was left before its end: its stream was closed, or its task was cancelled. Hooks are told so."""


class PersistenceFailed(ApplicationError):
    """An application's state could not be saved or loaded; the message names where, and gives the reason."""


class MemoryFailed(DeclaraiError):
    """A memory could not be read or written; the message names the memory and gives its database's reason.

    Not ``transient``: where a connection broke, nobody knows whether what was sent on it was done.

    Attributes:
        response: the answer that could not be remembered, an `LLMResponse`; None where there was none.
        result: its value, as `send` would have given it.
    """

    response: Any = None
    result: Any = None


class InvalidMessage(MemoryFailed):
    """What a memory holds, or was given to keep, is no message; the error names the field."""


class AnswerError(DeclaraiError):
    """The answer is whole, but is not what was asked for; ``partial`` holds its text."""


class Refused(AnswerError):
    """The model refused to answer; ``refusal`` holds its words."""

    def __init__(self, message: str, *, refusal: str) -> None:
        super().__init__(message)
        self.refusal = refusal


class ContentFiltered(AnswerError):
    """The provider's content filter stopped the answer."""


class Truncated(AnswerError):
    """The answer was cut at the token limit before its value was whole."""


@dataclass(frozen=True)
class Attempt:
    """One attempt that came to nothing: its ``text``, as far as it came, and the ``reason``.

    For an answer that did not fit, the reason is in the words that the model was told.
    """

    text: str
    reason: str


class OutputError(AnswerError):
    """The answer does not fit the return type; ``attempts`` holds each one, the last also in ``text`` and ``reason``."""

    def __init__(self, message: str, *, attempts: tuple[Attempt, ...]) -> None:
        super().__init__(message)
        self.attempts = attempts
        self.text = attempts[-1].text
        self.reason = attempts[-1].reason
        self.partial = self.text


class InvalidElement(OutputError):
    """One element of an answer that is read element by element does not fit; those before it were handed out.

    Attributes:
        index: which one, from 0.
    """

    def __init__(self, message: str, *, index: int, attempts: tuple[Attempt, ...]) -> None:
        super().__init__(message, attempts=attempts)
        self.index = index
