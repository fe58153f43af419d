"""``magic(...)``: the return value of a task's body, as a placeholder or in place of the docstring."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from ..errors import PromptError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Magic:
    """The parts of a prompt that a task's body returns for one call. See `magic`."""

    description: str | None = None
    params: Mapping[str, str] | None = None
    returns: str | None = None


# T occurs in no parameter, so that a type checker takes the result for whatever the task is declared to return
def magic(
    *_arguments: object,
    description: str | None = None,
    params: Mapping[str, str] | None = None,
    returns: str | None = None,
) -> T:  # type: ignore[type-var]  # pyright: ignore[reportInvalidTypeVarUse]
    """Return a placeholder for the answer; return it from the body of a task.

    ``return magic(movie)`` is only a placeholder: it shows readers, linters and type checkers a complete
    body. Keywords replace parts of the docstring for this call: ``description`` its text, ``params`` the
    descriptions of the parameters that it names, ``returns`` the description of the return.

    The body runs at each call, with the arguments, so the keywords may depend on them. Their values are
    plain text: they are sent unchanged and never read as templates. To use an argument, write an f-string.

    Raises:
        TypeError: a value of a keyword is not a str.
    """
    described = {f"params[{name!r}]": text for name, text in (params or {}).items()}
    given: dict[str, object] = {"description": description, "returns": returns, **described}
    for keyword, text in given.items():
        if not isinstance(text, str | None):
            raise TypeError(f"{keyword} of magic() must be a str, got {type(text).__name__}")
    return cast("T", Magic(description, params, returns))


def evaluate_body(body: Callable[[], Any], name: str) -> Magic:
    """Run the body of the task with this name, and return the parts of the prompt that it returns.

    Raises:
        PromptError: it returned something other than ``magic(...)``, or it awaited something.
    """
    returned = body()
    if inspect.iscoroutine(returned):
        returned = _run_coroutine(returned, name)
    if returned is None or returned is ...:
        return Magic()
    if isinstance(returned, Magic):
        return returned
    raise PromptError(
        f"the body of the task {name!r} must be empty or return declarai.magic(...), "
        f"got {type(returned).__name__}; the model writes the answer"
    )


def _run_coroutine(body: Any, name: str) -> Any:
    """Run an async body without an event loop, which it does not need: it only returns ``magic(...)``."""
    try:
        body.send(None)
    except StopIteration as stop:
        return stop.value
    body.close()  # runs its finally blocks, and avoids the warning about a coroutine that was never awaited
    raise PromptError(f"the body of the task {name!r} awaits something; the body of a task may only return magic(...)")
