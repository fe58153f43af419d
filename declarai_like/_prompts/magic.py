"""``magic(...)``: what the body of a task may return, as a placeholder or in place of the docstring."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from ..errors import PromptError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Magic:
    """The words that a task's body gives for one call. See `magic`."""

    description: str | None = None
    params: Mapping[str, str] | None = None
    returns: str | None = None


# T stands in no parameter, by intent: so the result fits whatever the task is declared to return
def magic(
    *_arguments: object,
    description: str | None = None,
    params: Mapping[str, str] | None = None,
    returns: str | None = None,
) -> T:  # type: ignore[type-var]  # pyright: ignore[reportInvalidTypeVarUse]
    """Stand in for what a task's body would compute; return it from the body.

    ``return magic(movie)`` only fills the place: it makes the body whole for readers, linters and type
    checkers. With keywords it takes the docstring's part, for this call: ``description`` for its
    text, ``params`` for what it says of parameters (those that are not named keep theirs), ``returns``
    for its return.

    The body runs at each call, with the arguments, so it may choose its words by them. What it gives
    is plain text, sent to the letter and never read as a template: to use an argument, write an f-string.

    Raises:
        TypeError: one of the keywords is not text.
    """
    for words in cast("list[object]", [description, returns, *(params or {}).values()]):
        if not isinstance(words, str | None):
            raise TypeError(f"magic() takes text for its keywords, not {type(words).__name__}: {words!r}")
    return cast("T", Magic(description, params, returns))


def evaluate_body(body: Callable[[], Any], name: str) -> Magic:
    """Run the body of the task with this name, and give what it says.

    Raises:
        PromptError: it returned something that is not ``magic(...)``, or it awaited something.
    """
    said = body()
    if inspect.iscoroutine(said):
        said = _finish(said, name)
    if said is None or said is ...:
        return Magic()
    if isinstance(said, Magic):
        return said
    raise PromptError(
        f"the body of the task {name!r} returned {said!r}, but the model gives the answer: "
        "leave the body empty, or return declarai.magic(...)"
    )


def _finish(body: Any, name: str) -> Any:
    """Run an async body. It only says things, so it has nothing to wait for."""
    try:
        body.send(None)
    except StopIteration as stop:
        return stop.value
    body.close()
    raise PromptError(f"the body of the task {name!r} awaits something; a task's body can only return magic(...)")
