"""Token usage of a response: what the provider reported, or an estimate until it does."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ..messages import LLMResponse, Message, ResponseText, Usage

PER_MESSAGE = 4
"""Tokens that a message takes apart from its text: its role, and the marks around it."""


def estimate_tokens(text: str) -> int:
    """Estimate the tokens of a text: one for four characters of ASCII, and one for each other character.

    For English it is near, for code and other scripts mostly too high.
    """
    plain = len(text.encode("ascii", "ignore"))
    return math.ceil(plain / 4) + len(text) - plain


def usage_so_far(answer: LLMResponse) -> Usage:
    """Give the tokens of an answer so far, and of what was asked: told by its provider, or else estimated."""
    return answer.usage or _usage(answer.response_text, answer.response)


def usage_of_all_attempts(answer: LLMResponse) -> Usage:
    """Give what `usage_so_far` gives, with the tokens of the attempts before this one."""
    usages, response_text = [usage_so_far(answer)], answer.response_text.before
    while response_text is not None:
        usages.append(_usage(response_text, response_text.text))
        response_text = response_text.before
    return sum_of(usages)


def sum_of(usages: Sequence[Usage]) -> Usage:
    """Add up tokens; the sum is estimated where one of them is."""
    return Usage(
        sum(usage.prompt_tokens for usage in usages),
        sum(usage.completion_tokens for usage in usages),
        sum(usage.total_tokens for usage in usages),
        estimated=any(usage.estimated for usage in usages),
    )


def _usage(response_text: ResponseText, text: str) -> Usage:
    if response_text.usage is not None:
        return response_text.usage
    asked = sum(PER_MESSAGE + sum(map(estimate_tokens, texts_of(message))) for message in response_text.asked)
    said = estimate_tokens(text)
    return Usage(asked, said, asked + said, estimated=True)


def texts_of(message: Message) -> Iterator[str]:
    """Yield the texts of a message that take tokens: its content, and its tool calls."""
    yield message.content
    for call in message.tool_calls:
        yield call.name
        yield call.arguments
