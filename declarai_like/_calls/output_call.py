"""A shape and a model together: one typed answer, or a stream of the answer so far."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, TypeVar, cast

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

Output = Literal["schema", "tool", "prompt"]
"""How structure is asked for: of the provider, as the reply's form; as a forced tool call; in words."""

Restartable: TypeAlias = type[StreamError | Timeout]
"""A kind of error after which the same question may be asked anew."""

_OURS = {"messages": "the prompt", "stream": "streaming=True", "n": "calling several times"}


def params_of(name: str, given: Any) -> dict[str, Any]:
    """Give the parameters of a request that somebody has set, or None; ``name`` says whose they are.

    Raises:
        ConfigurationError: they are no dict.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise ConfigurationError(
            f"llm_params of {name} is {given!r:.80}; it is a dict of parameters, such as {{'temperature': 0}}"
        )
    return dict(cast("Mapping[str, Any]", given))


class OutputCall(Generic[R]):
    """Asks a model, and reads the answer into a shape.

    ``retries`` counts how often another attempt follows one that came to nothing: an answer that does
    not fit is sent back to the model with the reason; after an error of ``restart_on`` the same is asked
    anew. A tenacity policy in its place says when to stop and how long to wait.

    Raises:
        ConfigurationError: a setting is wrong; the message names what asks, and the setting.
    """

    def __init__(
        self,
        name: str,
        output_type: OutputType[R],
        llm: LLM,
        *,
        output: Output,
        retries: int | BaseRetrying,
        restart_on: Collection[Restartable],
        params: Mapping[str, Any],
    ) -> None:
        self._name = name
        self._output_type = output_type
        self._llm = llm
        self._params = params
        self._check(params)
        self._restart_on = self._read_restart_on(restart_on)
        self._policy = self._read_policy(retries)
        self._format = self._read_format(output)

    def with_format_instructions(self, text: str) -> str:
        """Add to a prompt what asks for the answer's form, where the provider is not asked to enforce it."""
        if self._format is not None or not self._output_type.schema:
            return text
        return "\n\n".join(filter(None, (text, ask_for_json(self._output_type))))

    def answer(
        self,
        messages: Sequence[Message],
        params: Mapping[str, Any],
        commitment: Commitment | None = None,
    ) -> Flow[list[LLMResponse], tuple[R, LLMResponse]]:
        """Ask until an answer fits, and give its value and the answer itself.

        With a ``commitment``, each attempt is emitted as it grows, and no other attempt follows one to which a
        reader has made it.

        Raises:
            OutputError: no answer fitted; it holds each attempt.
            Truncated: an answer was cut at the token limit.
        """
        question = self._question(messages, params, stream=commitment is not None)
        return self._answer(question, _always if commitment is None else commitment.try_abandon)

    def _answer(
        self, question: Question, give_up: Callable[[int], bool]
    ) -> Flow[list[LLMResponse], tuple[R, LLMResponse]]:
        retry = Retry(self._policy)
        timer = self._llm.timer()
        attempts: list[Attempt] = []
        response_text: ResponseText | None = None
        while True:
            reason = attempts[-1].reason if attempts else ""
            response_text = ResponseText(attempt=retry.begin(), restart_reason=reason, before=response_text)
            failure: OutputError | StreamError | Timeout
            try:
                response = yield from self._llm.answer(question, response_text, timer)
                return self.read(response), response
            except OutputMismatch as unfit:
                attempts.append(Attempt(response_text.text, str(unfit)))
                question = replace(question, messages=(*question.messages, *_send_back(attempts[-1])))
                failure = self._unfit(attempts)
            except (StreamError, Timeout) as dropped:
                if not isinstance(dropped, self._restart_on):
                    raise
                attempts.append(Attempt(response_text.text, str(dropped)))
                failure = dropped
            over = retry.is_exhausted(failure) or not timer.has_time_for(retry.seconds)  # as after a `TotalTimeout`
            if over or not give_up(len(attempts)):
                raise failure
            yield retry.pause()
            if not give_up(len(attempts)):  # the stream was closed meanwhile
                raise failure

    def read(self, response: LLMResponse) -> R:
        """Read a whole answer.

        Raises:
            Unfit: it does not fit.
            Truncated: it was cut at the token limit.
        """
        if response.finish_reason == "length" and not self._output_type.is_text:
            error = Truncated(
                f"the answer to {self._name!r} was cut at the token limit, so it is no whole "
                f"{self._output_type.text}; raise max_tokens (llm_params), or ask for less"
            )
            error.partial = response.response
            raise error
        return self._output_type.read(response.response)

    def _unfit(self, attempts: list[Attempt]) -> OutputError:
        times = "" if len(attempts) == 1 else f" (the last of {len(attempts)} attempts)"
        return OutputError(
            f"the answer to {self._name!r} is no {self._output_type.text}{times}:\n{attempts[-1].reason}",
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
                    f"llm_params of {self._name!r} set {name!r}, which is done by {instead}; take it out"
                )

    def _read_format(self, output: Output) -> AnswerFormat | None:
        output_type = self._output_type
        if output not in ("schema", "tool", "prompt"):
            raise ConfigurationError(
                f"output of {self._name!r} is {output!r}; it is one of 'auto', 'schema', 'tool' or 'prompt'"
            )
        if output == "prompt" or not output_type.schema:
            return None
        name = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in self._name)
        return AnswerFormat(name[-64:], f"Give the answer, a {output_type.text}.", output_type.schema, output)

    def _read_restart_on(self, kinds: Collection[Restartable]) -> tuple[Restartable, ...]:
        wrong: list[object]
        try:
            wrong = [kind for kind in kinds if not _is_restartable(kind)]
        except TypeError:  # it is a single class, for instance
            wrong = [kinds]
        if wrong:
            raise ConfigurationError(
                f"restart_on of {self._name!r} has {wrong[0]!r}; it takes a collection of errors that derive "
                "from StreamError or Timeout, as {errors.StreamInterrupted, errors.IdleTimeout}"
            )
        return tuple(kinds)

    def _read_policy(self, retries: int | BaseRetrying) -> BaseRetrying:
        from tenacity import AsyncRetrying, BaseRetrying, Retrying, stop_after_attempt

        if isinstance(retries, int) and not isinstance(retries, bool) and retries >= 0:
            return Retrying(stop=stop_after_attempt(retries + 1))
        if isinstance(retries, BaseRetrying) and not isinstance(retries, AsyncRetrying):
            return retries
        raise ConfigurationError(
            f"retries of {self._name!r} is {retries!r}; it takes a number from 0, "
            "or a tenacity.Retrying, which serves async tasks as well"
        )


def _always(attempt: int) -> bool:
    """Nobody sees an attempt that does not stream, so each may be given up."""
    return True


def _is_restartable(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, StreamError | Timeout)


def _send_back(attempt: Attempt) -> list[Message]:
    """What the model is told after an answer that does not fit."""
    return [
        Message("assistant", attempt.text),
        Message(
            "user", f"This answer does not fit:\n{attempt.reason}\n\nGive the whole answer again, so that it fits."
        ),
    ]
