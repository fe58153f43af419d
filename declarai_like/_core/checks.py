"""Checks of settings, whose errors have one form: `<what> must be <expected>, got <given>; <what to do>`.

Each check takes an `object`, since users without a type checker pass anything, and returns it typed. ``what``
names the setting as the user wrote it, for instance ``retries of task 'rank'``. A value of a wrong type is shown
by its type only, so that a secret in a wrong place is not shown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from ..errors import ConfigurationError, DeclaraiError

T = TypeVar("T")

_SHOWN = 80
"""How many characters of a value an error shows."""


def shown(given: object) -> str:
    """Return how an error shows a value: its ``repr``, cut at 80 characters."""
    try:
        text = repr(given)
    except Exception:  # anything may be wrong in a user's __repr__
        return f"a {type(given).__name__}"
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def type_name(given: object) -> str:
    """Return how an error names the type of a value: ``int``, ``None``, ``the class Film``."""
    if given is None:
        return "None"
    return f"the class {given.__name__}" if isinstance(given, type) else type(given).__name__


def wrong_value(
    what: str, expected: str, given: object, todo: str = "", *, error: type[DeclaraiError] = ConfigurationError
) -> DeclaraiError:
    """Return the error for a value of the right type that is not allowed; it shows the value."""
    return _error(what, expected, shown(given), todo, error)


def wrong_type(
    what: str, expected: str, given: object, todo: str = "", *, error: type[DeclaraiError] = ConfigurationError
) -> DeclaraiError:
    """Return the error for a value of a wrong type; it shows the type only."""
    return _error(what, expected, type_name(given), todo, error)


def integer(what: str, given: object, *, minimum: int, unit: str = "") -> int:
    """Return an integer of at least ``minimum``; a bool is not one.

    Raises:
        ConfigurationError: it is something else.
    """
    expected = f"an integer >= {minimum}{f' ({unit})' if unit else ''}"
    if not isinstance(given, int) or isinstance(given, bool):
        raise wrong_type(what, expected, given)
    if given < minimum:
        raise wrong_value(what, expected, given)
    return given


def seconds(what: str, given: object, *, above_zero: bool = False) -> float:
    """Return a finite number of seconds, >= 0 or, where ``above_zero`` says so, > 0.

    Raises:
        ConfigurationError: it is something else.
    """
    expected = f"a number of seconds {'> 0' if above_zero else '>= 0'}"
    if not isinstance(given, int | float) or isinstance(given, bool):
        raise wrong_type(what, expected, given)
    if not math.isfinite(given) or given < 0 or (above_zero and given == 0):
        raise wrong_value(what, expected, given)
    return given


def string(what: str, given: object, *, todo: str = "") -> str:
    """Return a `str`.

    Raises:
        ConfigurationError: it is something else.
    """
    if not isinstance(given, str):
        raise wrong_type(what, "a str", given, todo)
    return given


def mapping(what: str, given: object, *, of: str = "", todo: str = "") -> Mapping[Any, Any]:
    """Return a mapping; ``of`` says what it maps, for instance ``str to str``.

    Raises:
        ConfigurationError: it is something else.
    """
    if not isinstance(given, Mapping):
        raise wrong_type(what, f"a mapping of {of}" if of else "a mapping", given, todo)
    return given  # pyright: ignore[reportUnknownVariableType]  (whatever it maps)


def function(what: str, given: object, *, of: str = "") -> Callable[..., Any]:
    """Return something that can be called; ``of`` says what it is given and returns.

    Raises:
        ConfigurationError: it cannot be called.
    """
    if not callable(given):
        raise wrong_type(what, f"a function {of}" if of else "a function", given)
    return given


def one_of(what: str, given: object, choices: Collection[str]) -> str:
    """Return one of the choices.

    Raises:
        ConfigurationError: it is something else.
    """
    expected = f"one of {', '.join(map(repr, choices))}"
    if not isinstance(given, str):
        raise wrong_type(what, expected, given)
    if given not in choices:
        raise wrong_value(what, expected, given)
    return given


def instance(what: str, given: object, kind: type[T], expected: str, *, todo: str = "") -> T:
    """Return an instance of a class.

    Raises:
        ConfigurationError: it is something else, also the class itself.
    """
    if not isinstance(given, kind):
        raise wrong_type(what, expected, given, todo)
    return given


def _error(what: str, expected: str, got: str, todo: str, error: type[DeclaraiError]) -> DeclaraiError:
    return error(f"{what} must be {expected}, got {got}" + (f"; {todo}" if todo else ""))
