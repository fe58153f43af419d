"""Checks of settings, with one form of errors: ``<what> must be <expected>, got <value>; <what to do>``.

Each check takes an `object`, since users without a type checker pass anything, and returns it typed. ``what`` names the
setting as the user wrote it, for instance ``retries of task 'rank'``. If a value has a wrong type, only the type is
shown: the value may be a secret in the wrong place. ``error`` replaces the class of the error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from ..errors import ConfigurationError, DeclaraiError

T = TypeVar("T")

_SHOWN = 80
"""The number of characters of a value that an error shows."""


def shown(value: object) -> str:
    """Return the form in which an error shows a value: its ``repr``, cut at 80 characters."""
    try:
        text = repr(value)
    except Exception:  # a user's __repr__ may raise anything
        return f"a {type(value).__name__}"
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def type_name(value: object) -> str:
    """Return the name of a value's type in an error: ``int``, ``None``, ``the class Film``."""
    if value is None:
        return "None"
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__


def wrong_value(
    what: str, expected: str, value: object, hint: str = "", *, error: type[DeclaraiError] = ConfigurationError
) -> DeclaraiError:
    """Return the error for a value of the right type that is not allowed; it shows the value."""
    return _error(what, expected, shown(value), hint, error)


def wrong_type(
    what: str, expected: str, value: object, hint: str = "", *, error: type[DeclaraiError] = ConfigurationError
) -> DeclaraiError:
    """Return the error for a value of a wrong type; it shows the type only."""
    return _error(what, expected, type_name(value), hint, error)


def integer(what: str, value: object, *, minimum: int, unit: str = "") -> int:
    """Return an integer of at least ``minimum``; a bool is not accepted.

    Raises:
        ConfigurationError: it is something else.
    """
    expected = f"an integer >= {minimum}{f' ({unit})' if unit else ''}"
    if not isinstance(value, int) or isinstance(value, bool):
        raise wrong_type(what, expected, value)
    if value < minimum:
        raise wrong_value(what, expected, value)
    return value


def seconds(what: str, value: object, *, above_zero: bool = False, hint: str = "") -> float:
    """Return a finite number of seconds: >= 0, or > 0 with ``above_zero``.

    Raises:
        ConfigurationError: it is something else.
    """
    expected = f"a number of seconds {'> 0' if above_zero else '>= 0'}"
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise wrong_type(what, expected, value, hint)
    if not math.isfinite(value) or value < 0 or (above_zero and value == 0):
        raise wrong_value(what, expected, value, hint)
    return value


def string(what: str, value: object, *, hint: str = "", error: type[DeclaraiError] = ConfigurationError) -> str:
    """Return a `str`.

    Raises:
        ConfigurationError: it is something else.
    """
    if not isinstance(value, str):
        raise wrong_type(what, "a str", value, hint, error=error)
    return value


def mapping(
    what: str, value: object, *, of: str = "", hint: str = "", error: type[DeclaraiError] = ConfigurationError
) -> Mapping[Any, Any]:
    """Return a mapping. ``of`` describes its items in the error, for instance ``str to str``.

    Raises:
        ConfigurationError: it is something else.
    """
    if not isinstance(value, Mapping):
        raise wrong_type(what, f"a mapping of {of}" if of else "a mapping", value, hint, error=error)
    return value  # pyright: ignore[reportUnknownVariableType]  (of any items)


def function(what: str, value: object, *, of: str = "") -> Callable[..., Any]:
    """Return a callable. ``of`` describes its parameters and result in the error.

    Raises:
        ConfigurationError: it is not callable.
    """
    if not callable(value):
        raise wrong_type(what, f"a function {of}" if of else "a function", value)
    return value


def one_of(
    what: str, value: object, choices: Collection[str], *, error: type[DeclaraiError] = ConfigurationError
) -> str:
    """Return one of the choices.

    Raises:
        ConfigurationError: it is something else.
    """
    expected = f"one of {', '.join(map(repr, choices))}"
    if not isinstance(value, str):
        raise wrong_type(what, expected, value, error=error)
    if value not in choices:
        raise wrong_value(what, expected, value, error=error)
    return value


def instance(
    what: str,
    value: object,
    kind: type[T],
    expected: str,
    *,
    hint: str = "",
    error: type[DeclaraiError] = ConfigurationError,
) -> T:
    """Return an instance of a class.

    Raises:
        ConfigurationError: it is something else, for instance the class itself.
    """
    if not isinstance(value, kind):
        raise wrong_type(what, expected, value, hint, error=error)
    return value


def _error(what: str, expected: str, got: str, hint: str, error: type[DeclaraiError]) -> DeclaraiError:
    return error(f"{what} must be {expected}, got {got}" + (f"; {hint}" if hint else ""))
