"""One typed answer: requests to a model, the validation of its answer, and further attempts.

An `OutputCall` joins an output type and a model. Its flow returns the typed value with the complete response. As a
stream it also yields the response so far, chunk by chunk. Wrong answers are sent back to the model, and broken streams
are restarted, as the task's settings allow.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, TypeVar

from .._core import checks
from .._core.flow import Flow
from .._core.retry import Retry
from .._llm.llm import LLM
from .._output.output_type import OutputMismatch, OutputType
from .._prompts import ask_for_json
from ..errors import Attempt, ConfigurationError, OutputError, StreamError, Timeout, Truncated
from ..messages import LLMResponse, Message, ResponseText
from ..providers import AnswerFormat, Question
from ..stream import Commitment

if TYPE_CHECKING:
    from tenacity import BaseRetrying

R = TypeVar("R")

OutputMode = Literal["schema", "tool", "prompt"]
"""The way to request structured output: a schema that the provider enforces, a forced tool call, or the prompt."""

Restartable: TypeAlias = type[StreamError | Timeout]
"""A class of errors after which the same request may be sent again."""

# Parameters of a request that ``llm_params`` must not contain, with the way to set them
_RESERVED_PARAMS = {"messages": "write it into the prompt", "stream": "use streaming=True", "n": "make several calls"}


def params_of(name: str, given: object) -> dict[str, Any]:
    """Return a copy of request parameters, or of None; ``name`` names their owner in an error.

    Raises:
        ConfigurationError: they are not a mapping.
    """
    if given is None:
        return {}
    hint = "for instance {'temperature': 0}"
    return dict(checks.mapping(f"llm_params of {name}", given, of="parameter names to values", hint=hint))


class OutputCall(Generic[R]):
    """Joins a model and an output type: sends a question, and parses the answer.

    A wrong answer is sent back to the model with the reason. After an error of ``restart_on``, the same request is sent
    again. ``retries`` is the number of such further attempts; a tenacity policy in its place decides when to stop and
    how long to wait.

    Raises:
        ConfigurationError: a setting is wrong; the message names the task or chat, and the setting.
    """

    def __init__(
        self,
        name: str,
        output_type: OutputType[R],
        llm: LLM,
        *,
        output: OutputMode,
        retries: int | BaseRetrying,
        restart_on: Collection[Restartable],
        params: Mapping[str, Any],
    ) -> None:
        self._name = name
        self._output_type = output_type
        self._llm = llm
        self._params = params
        self._check_params(params)
        self._restart_on = self._checked_restart_on(restart_on)
        self._policy = self._retry_policy(retries)
        self._format = self._answer_format(output)

    def with_format_instructions(self, text: str) -> str:
        """Return a prompt with the instruction to answer in JSON, if the provider does not enforce the schema."""
        if self._format is not None or not self._output_type.schema:
            return text
        return "\n\n".join(filter(None, (text, ask_for_json(self._output_type))))

    def answer(
        self, messages: Sequence[Message], params: Mapping[str, Any], commitment: Commitment | None = None
    ) -> Flow[list[LLMResponse], tuple[R, LLMResponse]]:
        """Send the messages until an answer is valid, and return its value and the response.

        With a ``commitment``, the flow yields the chunks of each attempt. No other attempt follows one to which a
        reader has committed.

        Raises:
            OutputError: no answer was valid; it holds each attempt.
            Truncated: an answer was cut off at the token limit.
        """
        question = self._question(messages, params, stream=commitment is not None)
        return self._answer(question, _always if commitment is None else commitment.try_abandon)

    def _answer(
        self, question: Question, try_abandon: Callable[[int], bool]
    ) -> Flow[list[LLMResponse], tuple[R, LLMResponse]]:
        retry = Retry(self._policy)
        timer = self._llm.timer()  # one for all attempts: `total` limits the call, not an attempt
        attempts: list[Attempt] = []
        response_text: ResponseText | None = None
        while True:
            reason = attempts[-1].reason if attempts else ""
            response_text = ResponseText(attempt=retry.start_attempt(), restart_reason=reason, previous=response_text)
            failure: OutputError | StreamError | Timeout
            try:
                response = yield from self._llm.answer(question, response_text, timer)
                return self.read(response), response
            except OutputMismatch as mismatch:
                attempts.append(Attempt(response_text.text, str(mismatch)))
                question = replace(question, messages=(*question.messages, *_correction(attempts[-1])))
                failure = self._invalid_answer(attempts)
            except (StreamError, Timeout) as error:
                if not isinstance(error, self._restart_on):
                    raise
                attempts.append(Attempt(response_text.text, str(error)))
                failure = error
            # A pause that would end after the total limit is not begun. `try_abandon` is last, as it decides for good
            # that readers no longer get the text of this attempt.
            exhausted = retry.is_exhausted(failure) or not timer.has_time_for(retry.seconds)
            if exhausted or not try_abandon(len(attempts)):
                raise failure
            yield retry.pause()

    def read(self, response: LLMResponse) -> R:
        """Return the value of a complete response.

        Raises:
            OutputMismatch: it is not valid.
            Truncated: it was cut off at the token limit.
        """
        # Text that was cut off is still text; of anything else a part would be mistaken for a wrong answer
        if response.finish_reason == "length" and not self._output_type.is_text:
            error = Truncated(
                f"the answer of {self._name!r} was cut off at the token limit and is not a complete "
                f"{self._output_type.text}; raise max_tokens in llm_params, or ask for less"
            )
            error.partial = response.response
            raise error
        return self._output_type.read(response.response)

    def _invalid_answer(self, attempts: list[Attempt]) -> OutputError:
        count = "" if len(attempts) == 1 else f" (the last of {len(attempts)} attempts)"
        return OutputError(
            f"the answer of {self._name!r} is not a valid {self._output_type.text}{count}:\n{attempts[-1].reason}",
            attempts=tuple(attempts),
        )

    def _question(self, messages: Sequence[Message], params: Mapping[str, Any], *, stream: bool) -> Question:
        self._check_params(params)
        merged = {**self._params, **params}
        model = str(merged.pop("model", self._llm.name))
        return Question(model, tuple(messages), merged, stream, self._format)

    def _check_params(self, params: Mapping[str, Any]) -> None:
        for param, hint in _RESERVED_PARAMS.items():
            if param in params:
                raise ConfigurationError(f"llm_params of {self._name!r} must not contain {param!r}; {hint}")

    def _answer_format(self, output: OutputMode) -> AnswerFormat | None:
        output_type = self._output_type
        if output == "prompt" or not output_type.schema:
            return None
        # OpenAI takes names of at most 64 ASCII letters, digits, _ and -, for schemas and for functions
        name = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in self._name)
        return AnswerFormat(name[-64:], f"Give the answer, a {output_type.text}.", output_type.schema, output)

    def _checked_restart_on(self, kinds: Collection[Restartable]) -> tuple[Restartable, ...]:
        wrong: list[object]
        try:
            wrong = [kind for kind in kinds if not _is_restartable(kind)]
        except TypeError:  # it cannot be iterated: a single class, for instance
            wrong = [kinds]
        if wrong:
            raise checks.wrong_type(
                f"restart_on of {self._name!r}",
                "a collection of subclasses of StreamError or Timeout",
                wrong[0],
                "for instance {errors.StreamInterrupted, errors.IdleTimeout}",
            )
        return tuple(kinds)

    def _retry_policy(self, retries: object) -> BaseRetrying:
        from tenacity import AsyncRetrying, BaseRetrying, Retrying, stop_after_attempt

        what = f"retries of {self._name!r}"
        if isinstance(retries, int):
            return Retrying(stop=stop_after_attempt(checks.integer(what, retries, minimum=0) + 1))
        # Of a policy only its conditions are used, so a Retrying is right in async code too. The hooks of an
        # AsyncRetrying may be coroutine functions, which a flow does not await.
        if not isinstance(retries, BaseRetrying) or isinstance(retries, AsyncRetrying):
            hint = "a Retrying is for async tasks as well"
            raise checks.wrong_type(what, "an integer >= 0 or a tenacity.Retrying", retries, hint)
        return retries


def _always(attempt: int) -> bool:
    """Abandon an attempt that does not stream: it has no reader."""
    return True


def _is_restartable(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, StreamError | Timeout)


def _correction(attempt: Attempt) -> list[Message]:
    """Return the messages that send a wrong answer back to the model."""
    return [
        Message("assistant", attempt.text),
        Message(
            "user", f"This answer does not fit:\n{attempt.reason}\n\nGive the whole answer again, so that it fits."
        ),
    ]
