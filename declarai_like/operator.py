"""A prompt and a model together: one typed answer, or a stream of the answer so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, Literal, Never, TypeVar

from .errors import Attempt, ConfigurationError, OutputError, Truncated
from .flow import Flow
from .llm import LLM
from .messages import LLMResponse, Message
from .prompt import Prompt, Unfit, ask_for_json
from .providers import AnswerFormat, Question
from .retry import retrying

if TYPE_CHECKING:
    from tenacity import BaseRetrying

R = TypeVar("R")

Output = Literal["schema", "tool", "prompt"]
"""How structure is asked for: of the provider, as the reply's form; as a forced tool call; in words."""

_OURS = {"messages": "the prompt", "stream": "streaming=True", "n": "calling several times"}


class Operator(Generic[R]):
    """Asks a model with a prompt, and reads the answer into the prompt's shape.

    ``retries`` counts how often an answer that does not fit is sent back to the model with the
    reason; a tenacity policy in its place says when to stop and how long to wait.

    Raises:
        ConfigurationError: a setting is wrong; the message names the task and the setting.
    """

    def __init__(
        self,
        prompt: Prompt[R],
        llm: LLM,
        *,
        output: Output,
        retries: int | BaseRetrying,
        params: Mapping[str, Any],
    ) -> None:
        self._prompt = prompt
        self._llm = llm
        self._params = params
        self._check(params)
        self._policy = self._read_policy(retries)
        self._by = output
        self._format = self._read_format(output)

    def messages(self, arguments: Mapping[str, Any]) -> list[Message]:
        """Write the messages for these arguments."""
        text = self._prompt.fill(arguments)
        if self._format is None and self._prompt.shape.schema:
            text += "\n\n" + ask_for_json(self._prompt.shape)
        return [Message("user", text)]

    def answer(self, messages: Sequence[Message], params: Mapping[str, Any]) -> Flow[Never, tuple[R, LLMResponse]]:
        """Ask until an answer fits, and give its value and the answer itself.

        Raises:
            OutputError: none did; it holds each attempt.
            Truncated: an answer was cut at the token limit.
        """
        said = list(messages)
        attempts: list[Attempt] = []

        def attempt() -> Flow[Any, tuple[R, LLMResponse]]:
            response = yield from self._llm.answer(self._question(said, params, stream=False))
            try:
                return self._read(response), response
            except Unfit as unfit:
                attempts.append(Attempt(response.response, str(unfit)))
                said.extend(_send_back(attempts[-1]))
                raise self._unfit(attempts) from None

        return (yield from retrying(self._policy, attempt))

    def stream(self, messages: Sequence[Message], params: Mapping[str, Any]) -> Flow[list[LLMResponse], LLMResponse]:
        """Ask once, and emit the answer so far as it comes."""
        return self._llm.answer(self._question(messages, params, stream=True))

    def read(self, response: LLMResponse) -> R:
        """Read a whole answer.

        Raises:
            OutputError: it does not fit the return type.
            Truncated: it was cut at the token limit.
        """
        try:
            return self._read(response)
        except Unfit as unfit:
            raise self._unfit([Attempt(response.response, str(unfit))]) from None

    def _read(self, response: LLMResponse) -> R:
        if response.finish_reason == "length" and not self._prompt.shape.is_text:
            error = Truncated(
                f"the answer to {self._prompt.name!r} was cut at the token limit, so it is no whole "
                f"{self._prompt.shape.text}; raise max_tokens (llm_params), or ask for less"
            )
            error.partial = response.response
            raise error
        return self._prompt.shape.read(response.response)

    def _unfit(self, attempts: list[Attempt]) -> OutputError:
        times = "" if len(attempts) == 1 else f" (the last of {len(attempts)} attempts)"
        return OutputError(
            f"the answer to {self._prompt.name!r} is no {self._prompt.shape.text}{times}:\n{attempts[-1].reason}",
            attempts=tuple(attempts),
        )

    def _question(self, messages: Sequence[Message], params: Mapping[str, Any], *, stream: bool) -> Question:
        self._check(params)
        merged = {**self._params, **params}
        model = str(merged.pop("model", self._llm.name))
        return Question(model, tuple(messages), merged, stream, self._format)

    def _check(self, params: Mapping[str, Any]) -> None:
        for name, instead in _OURS.items():
            if name in params:
                raise ConfigurationError(
                    f"llm_params of {self._prompt.name!r} set {name!r}, which is done by {instead}; take it out"
                )

    def _read_format(self, output: Output) -> AnswerFormat | None:
        shape = self._prompt.shape
        if output not in ("schema", "tool", "prompt"):
            raise ConfigurationError(
                f"output of {self._prompt.name!r} is {output!r}; it is one of 'auto', 'schema', 'tool' or 'prompt'"
            )
        if output == "prompt" or not shape.schema:
            return None
        name = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in self._prompt.name)
        return AnswerFormat(name[-64:], f"Give the answer, a {shape.text}.", shape.schema, output)

    def _read_policy(self, retries: int | BaseRetrying) -> BaseRetrying:
        from tenacity import AsyncRetrying, BaseRetrying, Retrying, retry_if_exception_type, stop_after_attempt

        unfit = retry_if_exception_type(OutputError)
        if isinstance(retries, int) and not isinstance(retries, bool) and retries >= 0:
            return Retrying(stop=stop_after_attempt(retries + 1), retry=unfit, reraise=True)
        if isinstance(retries, BaseRetrying) and not isinstance(retries, AsyncRetrying):
            return retries.copy(retry=unfit, reraise=True)
        raise ConfigurationError(
            f"retries of {self._prompt.name!r} is {retries!r}; it takes a number from 0, "
            "or a tenacity.Retrying, which serves async tasks as well"
        )


def _send_back(attempt: Attempt) -> list[Message]:
    """What the model is told after an answer that does not fit."""
    return [
        Message("assistant", attempt.text),
        Message(
            "user", f"This answer does not fit:\n{attempt.reason}\n\nGive the whole answer again, so that it fits."
        ),
    ]
