"""A producer's error on its way: its type, its message, and what else is told of it.

At the other end it becomes an error of the same class only where that is safe. No module is imported because its name
came with the stream: the classes are those that Python itself has, those of this package, and those that the reader
was given. Any other is a `RemoteError`.
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
_NOT_RAISED = (StopIteration, StopAsyncIteration)  # in a generator, these mean something else


class Failure(BaseModel):
    """The content of an ERROR frame."""

    type: str
    message: str
    args: list[str | int | float | bool | None] | None = None
    details: dict[str, JsonValue] = {}


def written(error: BaseException, details: Mapping[str, Any] | None) -> bytes:
    """Give the content of the frame that tells of an error.

    Its ``details`` are those given, or else what the error has under that name. An error that came from another stream
    is told of as it was there.
    """
    if isinstance(error, RemoteError):
        known: dict[str, Any] = {"type": error.type, "message": error.message}
    else:
        known = {"type": name_of(type(error)), "message": _message(error)}
        if all(isinstance(arg, _PLAIN) for arg in error.args):
            known["args"] = list(error.args)
    try:
        more = getattr(error, "details", None) if details is None else details
        return _json({**known, "details": dict(more)} if isinstance(more, Mapping) else known)  # pyright: ignore[reportUnknownArgumentType]
    except Exception:  # no reason not to tell of the error itself
        return _json(known)


def name_of(error: type[BaseException]) -> str:
    """Give the name by which a class of errors is known at both ends."""
    if error.__module__ == own.__name__:
        return f"streaming.{error.__qualname__}"  # wherever this package lies
    return error.__qualname__ if error.__module__ == "builtins" else f"{error.__module__}.{error.__qualname__}"


def known_errors(given: Iterable[type[Exception]]) -> dict[str, type[Exception]]:
    """Give the classes that may be raised because a stream says so, by their names."""
    classes = [*_exceptions(vars(builtins)), *_exceptions(vars(own)), *given]
    return {name_of(known): known for known in classes if not issubclass(known, _NOT_RAISED)}


def raised(failure: Failure, known: Mapping[str, type[Exception]], *, frame: int, offset: int) -> Exception:
    """Give the error that the reader raises for the producer's; its cause is the `RemoteError`, which tells all."""
    remote = RemoteError(failure.message, type=failure.type, details=failure.details, frame=frame, offset=offset)
    cls = known.get(failure.type)
    args = [failure.message] if failure.args is None else failure.args
    error = None if cls is None else _made(cls, args, failure.details) or _made(cls, args, {})
    if error is None:
        return remote
    error.__cause__ = remote
    return error


def _made(cls: type[Exception], args: list[Any], keywords: dict[str, Any]) -> Exception | None:
    try:
        return cls(*args, **keywords)
    except Exception:  # it wants other arguments: only its own module knows which
        return None


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # an error in telling of an error
        return ""


def _json(known: dict[str, Any]) -> bytes:
    return json.dumps(known, default=str, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _exceptions(names: Mapping[str, Any]) -> list[type[Exception]]:
    return [cls for cls in names.values() if isinstance(cls, type) and issubclass(cls, Exception)]
