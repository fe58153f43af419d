"""The error of a producer on its way to the consumer: its type, its message, its arguments and its details.

The consumer raises an error of the same class only if that is safe. A stream comes from another process, so a name in it
never causes an import. It can only select an exception class that is known already: those of Python and of this package,
and the classes that the reader was created with. For any other class, a `RemoteError` is raised.
"""

from __future__ import annotations

import builtins
import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, JsonValue

from . import errors as own
from .errors import RemoteError

_PLAIN = (str, int, float, bool, type(None))
_NOT_RAISED = (StopIteration, StopAsyncIteration)  # raised in a generator, they become a RuntimeError


class Failure(BaseModel):
    """The content of an ERROR frame."""

    type: str
    message: str
    args: list[str | int | float | bool | None] | None = None
    details: dict[str, JsonValue] = {}


def encode_error(error: BaseException, details: Mapping[str, Any] | None) -> bytes:
    """Return the content of the ERROR frame for an error.

    Args:
        error: the error of the producer. A `RemoteError`, from another stream, is sent as the original error.
        details: None for those of the error: its attribute ``details``, if it has one.
    """
    if isinstance(error, RemoteError):
        fields: dict[str, Any] = {"type": error.type, "message": error.message}
    else:
        fields = {"type": error_name(type(error)), "message": _message(error)}
        # Arguments of other types cannot be restored from JSON; the class is then called with the message alone
        if all(isinstance(arg, _PLAIN) for arg in error.args):
            fields["args"] = list(error.args)
    try:
        more = getattr(error, "details", None) if details is None else details
        return _json({**fields, "details": dict(more)} if isinstance(more, Mapping) else fields)  # pyright: ignore[reportUnknownArgumentType]
    except Exception:  # an error in the details must not hide the error itself
        return _json(fields)


def error_name(error: type[BaseException]) -> str:
    """Return the name by which both ends identify an exception class."""
    if error.__module__ == own.__name__:
        return f"streaming.{error.__qualname__}"  # the same name for a copy of this package under another name
    return error.__qualname__ if error.__module__ == "builtins" else f"{error.__module__}.{error.__qualname__}"


def known_errors(errors: Iterable[type[Exception]]) -> dict[str, type[Exception]]:
    """Return the exception classes that a stream may raise, by their names.

    Args:
        errors: the classes that the reader was created with.
    """
    # Subclasses of Exception only: a KeyboardInterrupt of the producer must not stop the consumer
    classes = [*_exceptions(vars(builtins)), *_exceptions(vars(own)), *errors]
    return {error_name(known): known for known in classes if not issubclass(known, _NOT_RAISED)}


def decode_error(failure: Failure, known: Mapping[str, type[Exception]], *, frame: int, offset: int) -> Exception:
    """Return the error to raise for that of the producer. If it is of a known class, its cause is the `RemoteError`."""
    remote = RemoteError(failure.message, type=failure.type, details=failure.details, frame=frame, offset=offset)
    cls = known.get(failure.type)
    args = [failure.message] if failure.args is None else failure.args
    error = None if cls is None else _create(cls, args, failure.details) or _create(cls, args, {})
    if error is None:
        return remote
    error.__cause__ = remote
    return error


def _create(cls: type[Exception], args: list[Any], keywords: dict[str, Any]) -> Exception | None:
    try:
        return cls(*args, **keywords)
    except Exception:  # the constructor takes other arguments
        return None


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # a user's __str__ may raise anything
        return ""


def _json(fields: dict[str, Any]) -> bytes:
    # "replace" is for lone surrogates, which cannot be encoded as UTF-8
    return json.dumps(fields, default=str, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _exceptions(names: Mapping[str, Any]) -> list[type[Exception]]:
    return [cls for cls in names.values() if isinstance(cls, type) and issubclass(cls, Exception)]
