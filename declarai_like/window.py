"""How much of a long conversation is sent: the last messages, as many tokens as fit, or a summary of the rest."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, Protocol

from ._llm.usage import PER_MESSAGE, estimate_tokens, texts_of
from .errors import ConfigurationError
from .messages import Message


class Window(Protocol):
    """Chooses what is sent of a conversation; what is remembered stays as it is."""

    def select(self, messages: Sequence[Message], /) -> Sequence[Message]:
        """Give the messages to send, of all that there are: first the system prompt, last what the user says now."""
        ...


class Messages:
    """A window of the last messages. Those of the system are always sent, and are not counted.

    A tool call is sent with its results, or not at all.

    Args:
        limit: how many messages, what the user says now included; from 1.

    Raises:
        ConfigurationError: the limit is no whole number from 1.
    """

    def __init__(self, limit: int) -> None:
        self.limit = _checked("Messages", limit)

    def select(self, messages: Sequence[Message], /) -> Sequence[Message]:
        """Give the messages to send: those of the system, and the last of the others."""
        return _last(messages, self.limit, len)

    def __repr__(self) -> str:
        return f"Messages({self.limit})"


class Tokens:
    """A window of the last messages that have together at most so many tokens, those of the system included.

    Messages of the system are always sent, and so is what the user says now. A tool call is sent with its
    results, or not at all.

    Args:
        limit: how many tokens; from 1.
        count: gives the tokens of a text. By default `count_tokens`.

    Raises:
        ConfigurationError: the limit is no whole number from 1, or ``count`` no function.
    """

    def __init__(self, limit: int, count: Callable[[str], int] | None = None) -> None:
        self.limit = _checked("Tokens", limit)
        if count is not None and not callable(count):
            raise ConfigurationError(f"count of Tokens is {count!r}; it is a function that counts the tokens of a text")
        self._count = count

    def select(self, messages: Sequence[Message], /) -> Sequence[Message]:
        """Give the messages to send: those of the system, and the last of the others that there is room for."""
        fixed = self.tokens([message for message in messages if message.role == "system"])
        return _last(messages, self.limit - fixed, self.tokens)

    def tokens(self, messages: Sequence[Message]) -> int:
        """Count the tokens of these messages."""
        count = self._count or count_tokens
        texts = (text for message in messages for text in texts_of(message))
        return PER_MESSAGE * len(messages) + sum(map(count, texts))

    def __repr__(self) -> str:
        return f"Tokens({self.limit})"


class Summary:
    """A window that leaves nothing out: what another one would leave out, the model puts into a summary.

    The summary is remembered with the next answer, and carried on from there: each message is read for
    it once. To have room for some time, half of what the other window holds is summarised at a time.

    Args:
        window: says how much is sent as it is: `Messages` or `Tokens`, or one of your own.
        instruction: what the model is told to do, in place of `INSTRUCTION`.

    Raises:
        ConfigurationError: the window is none, or is a summary itself.
    """

    INSTRUCTION = (
        "Summarise the conversation below for yourself, so that you can go on with it without having it before you. "
        "Keep what the user wants, what was decided, and all names, numbers and facts that may matter later. "
        "Answer with the summary only."
    )
    """What the model is told by default."""

    def __init__(self, window: Window, instruction: str = INSTRUCTION) -> None:
        if isinstance(window, Summary) or not callable(getattr(window, "select", None)):
            raise ConfigurationError(
                f"window of Summary is {window!r}; it is another window that says how much is sent as it is, "
                "as in Summary(Messages(20))"
            )
        self._window = window
        self.instruction = instruction

    def select(self, messages: Sequence[Message], /) -> Sequence[Message]:
        """Give the messages that the other window would send."""
        return self._window.select(messages)

    def outgrown(self, before: Sequence[Message], fresh: Sequence[Message], now: Message, /) -> int:
        """Say how many of the ``fresh`` messages, the first ones, are to be put into a summary; 0 where all fit.

        ``before`` has what is sent before them, ``now`` is what the user says.
        """
        everything = [*before, *fresh, now]
        kept = self._window.select(everything)
        if len(kept) == len(everything):
            return 0
        room = sum(message.role != "system" for message in kept) // 2 - 1
        units = list(_units(fresh))
        rest = len(units)
        while rest and len(units[rest - 1]) <= room:
            rest -= 1
            room -= len(units[rest])
        while rest < len(units) and units[rest][0].role != "user":  # an answer stays with its question
            rest += 1
        last = units[rest - 1][-1] if rest else None
        return max((place for place, message in enumerate(fresh, 1) if message is last), default=0)

    def __repr__(self) -> str:
        return f"Summary({self._window!r})"


def count_tokens(text: str) -> int:
    """Count the tokens of a text: with tiktoken where it is installed (``o200k_base``), else as `estimate_tokens`."""
    return _counter()(text)


@cache
def _counter() -> Callable[[str], int]:
    try:
        tiktoken: Any = importlib.import_module("tiktoken")
    except ImportError:
        return estimate_tokens
    try:
        encoding = tiktoken.get_encoding("o200k_base")  # loads a file at its first use
    except Exception as error:  # whatever may be wrong with a network
        warnings.warn(
            f"tiktoken could not load its encoding, so tokens are estimated ({type(error).__name__}: {error})",
            RuntimeWarning,
            stacklevel=2,
        )
        return estimate_tokens
    return lambda text: len(encoding.encode_ordinary(text))


def _checked(window: str, limit: object) -> int:
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise ConfigurationError(f"{window}({limit!r}) is no window: its limit is a whole number, from 1")
    return limit


def _last(messages: Sequence[Message], room: int, size: Callable[[Sequence[Message]], int]) -> list[Message]:
    """Give the system's messages, and of the others the last that there is room for, at least the very last."""
    units = list(_units(messages))
    first = len(units)
    for unit in reversed(units):
        room -= size(unit)
        if room < 0 and first < len(units):
            break
        first -= 1
    kept = {id(message) for unit in units[first:] for message in unit}
    return [message for message in messages if message.role == "system" or id(message) in kept]


def _units(messages: Sequence[Message]) -> Iterator[list[Message]]:
    """Give the messages in what must not be torn apart: a tool call and its results. The system's are left out."""
    unit: list[Message] = []
    for message in messages:
        if message.role == "system":
            continue
        if unit and message.role == "tool":
            unit.append(message)
            continue
        if unit:
            yield unit
        unit = [message]
    if unit:
        yield unit
