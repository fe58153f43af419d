"""Token usage of a response: the numbers of the provider, or an estimate until it sends them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ..messages import LLMResponse, Message, ResponseText, Usage

TOKENS_PER_MESSAGE = 4
"""The estimated tokens of a message besides its text: its role, and the delimiters around it."""


def estimate_tokens(text: str) -> int:
    """Estimate the tokens of a str: one for four ASCII characters, and one for each other character.

    The estimate is close for English; for code and other scripts it is mostly too high.
    """
    ascii_count = len(text.encode("ascii", "ignore"))
    return math.ceil(ascii_count / 4) + len(text) - ascii_count


def current_usage(answer: LLMResponse) -> Usage:
    """Return the tokens of an answer so far and of its prompt: those of the provider, or else an estimate."""
    return answer.usage or _usage(answer.response_text, answer.response)


def usage_of_attempts(answer: LLMResponse) -> Usage:
    """Return the tokens of an answer so far, with those of the attempts before this one."""
    usages, response_text = [current_usage(answer)], answer.response_text.previous
    while response_text is not None:
        usages.append(_usage(response_text, response_text.text))
        response_text = response_text.previous
    return sum_usages(usages)


def sum_usages(usages: Sequence[Usage]) -> Usage:
    """Return the sum of usages; it is estimated if one of them is."""
    return Usage(
        sum(usage.prompt_tokens for usage in usages),
        sum(usage.completion_tokens for usage in usages),
        sum(usage.total_tokens for usage in usages),
        estimated=any(usage.estimated for usage in usages),
    )


def _usage(response_text: ResponseText, text: str) -> Usage:
    if response_text.usage is not None:
        return response_text.usage
    prompt = sum(
        TOKENS_PER_MESSAGE + sum(map(estimate_tokens, texts_of(message))) for message in response_text.messages
    )
    completion = estimate_tokens(text)
    return Usage(prompt, completion, prompt + completion, estimated=True)


def texts_of(message: Message) -> Iterator[str]:
    """Yield the texts of a message that count as tokens: its content and its tool calls."""
    yield message.content
    for call in message.tool_calls:
        yield call.name
        yield call.arguments
