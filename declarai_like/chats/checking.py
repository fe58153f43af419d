"""What is said where a chat's setting is none that it can take."""

from __future__ import annotations

import inspect
from typing import Any

from ..errors import ConfigurationError

_MEMORY = "one of those of declarai_like.memory, or an object with the methods load(), append(messages) and clear()"
_WINDOW = "Messages, Tokens or Summary of declarai_like.window, or an object with a method select(messages)"


def check_memory(chat: str, memory: Any) -> None:
    """Refuse what cannot remember; None is no memory.

    Raises:
        ConfigurationError: the message names the chat and the setting.
    """
    _check(f"memory of {chat!r}", memory, ("load", "append", "clear"), _MEMORY)


def check_window(chat: str, window: Any) -> None:
    """Refuse what cannot choose messages; None is no window.

    Raises:
        ConfigurationError: the message names the chat and the setting.
    """
    _check(f"window of {chat!r}", window, ("select",), _WINDOW)


def check_text(setting: str, text: Any) -> None:
    """Refuse what is no text that can be sent.

    Raises:
        ConfigurationError: the message names the setting.
    """
    if not isinstance(text, str):
        raise ConfigurationError(f"{setting} is {text!r:.80}; it is a text")
    try:
        text.encode()
    except UnicodeEncodeError as error:  # half a surrogate pair
        raise ConfigurationError(f"{setting} cannot be sent: {error}") from None


def _check(setting: str, given: Any, methods: tuple[str, ...], takes: str) -> None:
    if given is None:
        return
    if inspect.isclass(given):
        raise ConfigurationError(f"{setting} is the class {given.__name__}; make one: {given.__name__}(...)")
    if missing := [name for name in methods if not callable(getattr(given, name, None))]:
        raise ConfigurationError(f"{setting} is {given!r:.80}, which has no method {missing[0]}(); give {takes}")
