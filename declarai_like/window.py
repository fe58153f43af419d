"""Windows limit how much of a conversation is sent: the last messages, a number of tokens, or a summary of the rest."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, Protocol

from ._core import checks
from ._llm.usage import TOKENS_PER_MESSAGE, estimate_tokens, texts_of
from .messages import Message


class Window(Protocol):
    """Selects the messages of a conversation that are sent. The memory keeps all of them."""

    def select(self, messages: Sequence[Message], /) -> Sequence[Message]:
        """Return the messages to send; of ``messages``, the first is the system prompt, the last the user's new one."""
        ...


class Messages:
    """A window of the last messages. System messages are always sent, and are not counted.

    A tool call is sent with its results, or not at all.

    Args:
        limit: the number of messages, >= 1, including the user's new message.

    Raises:
        ConfigurationError: the limit is not an integer >= 1.
    """

    def __init__(self, limit: int) -> None:
        self.limit = checks.integer("Messages.limit", limit, minimum=1)

    def select(self, messages: Sequence[Message], /) -> Sequence[Message]:
        """Return the messages to send: the system messages, and the last of the others."""
        return _last(messages, self.limit, len)

    def __repr__(self) -> str:
        return f"Messages({self.limit})"


class Tokens:
    """A window of the last messages whose tokens are within a limit, including those of system messages.

    System messages and the user's new message are always sent. A tool call is sent with its results, or
    not at all.

    Args:
        limit: the number of tokens, >= 1.
        count: returns the number of tokens of a str. By default `count_tokens`.

    Raises:
        ConfigurationError: the limit is not an integer >= 1, or ``count`` is not a function.
    """

    def __init__(self, limit: int, count: Callable[[str], int] | None = None) -> None:
        self.limit = checks.integer("Tokens.limit", limit, minimum=1)
        if count is not None:
            checks.function("Tokens.count", count, of="that returns the number of tokens of a str")
        self._count = count

    def select(self, messages: Sequence[Message], /) -> Sequence[Message]:
        """Return the messages to send: the system messages, and the last of the others that are within the limit."""
        fixed = self.tokens([message for message in messages if message.role == "system"])
        return _last(messages, self.limit - fixed, self.tokens)

    def tokens(self, messages: Sequence[Message]) -> int:
        """Return the number of tokens of these messages."""
        count = self._count or count_tokens
        texts = (text for message in messages for text in texts_of(message))
        return TOKENS_PER_MESSAGE * len(messages) + sum(map(count, texts))

    def __repr__(self) -> str:
        return f"Tokens({self.limit})"


class Summary:
    """A window that leaves nothing out: the model summarises what another window would leave out.

    The summary is stored in the memory with the next answer. A later summary continues it, so each message
    is summarised once. A summary covers so much that the rest fills half of the other window; so the next
    one is not needed for some time.

    Args:
        window: decides how much is sent unchanged: `Messages`, `Tokens` or another `Window`.
        instruction: the instruction for the model, in place of `INSTRUCTION`.

    Raises:
        ConfigurationError: ``window`` is not a window, or is a `Summary` itself.
    """

    INSTRUCTION = (
        "Summarise the conversation below for yourself, so that you can go on with it without having it before you. "
        "Keep what the user wants, what was decided, and all names, numbers and facts that may matter later. "
        "Answer with the summary only."
    )
    """The default instruction for the model."""

    def __init__(self, window: Window, instruction: str = INSTRUCTION) -> None:
        if isinstance(window, Summary) or not callable(getattr(window, "select", None)):
            hint = "for instance Summary(Messages(20))"
            raise checks.wrong_type("Summary.window", "a window that is not a Summary", window, hint)
        self._window = window
        self.instruction = instruction

    def select(self, messages: Sequence[Message], /) -> Sequence[Message]:
        """Return the messages that the other window selects."""
        return self._window.select(messages)

    def outgrown(self, before: Sequence[Message], fresh: Sequence[Message], now: Message, /) -> int:
        """Return how many of the ``fresh`` messages, from the first, a summary must cover; 0 if all are within the limit.

        Args:
            before: the messages that are sent before them: the system prompt, and the summary so far.
            fresh: the messages that no summary covers yet.
            now: the user's new message.
        """
        everything = [*before, *fresh, now]
        kept = self._window.select(everything)
        if len(kept) == len(everything):
            return 0
        budget = sum(message.role != "system" for message in kept) // 2 - 1  # half of the window, `now` included
        groups = list(_groups(fresh))
        rest = len(groups)  # the groups from this index on stay as they are
        while rest and len(groups[rest - 1]) <= budget:
            rest -= 1
            budget -= len(groups[rest])
        while rest < len(groups) and groups[rest][0].role != "user":  # an answer stays with its question
            rest += 1
        last = groups[rest - 1][-1] if rest else None
        # By identity: two messages may be equal
        return max((count for count, message in enumerate(fresh, 1) if message is last), default=0)

    def __repr__(self) -> str:
        return f"Summary({self._window!r})"


def count_tokens(text: str) -> int:
    """Return the number of tokens of a str: by tiktoken (``o200k_base``) if it is installed, else by `estimate_tokens`."""
    return _counter()(text)


@cache
def _counter() -> Callable[[str], int]:
    try:
        tiktoken: Any = importlib.import_module("tiktoken")
    except ImportError:
        return estimate_tokens
    try:
        encoding = tiktoken.get_encoding("o200k_base")  # downloads a file at its first use
    except Exception as error:  # any error of its HTTP client, or of its cache
        warnings.warn(
            f"tiktoken could not load its encoding, so tokens are estimated ({type(error).__name__}: {error})",
            RuntimeWarning,
            stacklevel=2,
        )
        return estimate_tokens
    return lambda text: len(encoding.encode_ordinary(text))


def _last(messages: Sequence[Message], budget: int, size: Callable[[Sequence[Message]], int]) -> list[Message]:
    """Return the system messages, and the last of the others within the budget, at least one group."""
    groups = list(_groups(messages))
    first = len(groups)
    for group in reversed(groups):
        budget -= size(group)
        if budget < 0 and first < len(groups):
            break
        first -= 1
    kept = {id(message) for group in groups[first:] for message in group}
    return [message for message in messages if message.role == "system" or id(message) in kept]


def _groups(messages: Sequence[Message]) -> Iterator[list[Message]]:
    """Yield the messages in groups that must stay together. System messages are left out.

    A group is one message, or a tool call with its results: providers refuse one without the other.
    """
    group: list[Message] = []
    for message in messages:
        if message.role == "system":
            continue
        if group and message.role == "tool":
            group.append(message)
            continue
        if group:
            yield group
        group = [message]
    if group:
        yield group
