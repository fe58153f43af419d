"""How long an answer is waited for: the limit of each read, seen by a connection that measures no time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, cast

from declarai_like import Message, Timeouts
from declarai_like._core.flow import Effect, Flow, Open, Sleep, run
from declarai_like._llm.llm import LLM
from declarai_like._llm.transport import CallTimer, Connection
from declarai_like.messages import LLMResponse
from declarai_like.providers import Question, Request
from declarai_like.providers.openai import OpenAIProvider

LIMITS = Timeouts(first_token=60, idle=40)
STILL_THERE = b": keep-alive\n\n"
SECONDS = 4.0
"""The seconds for which each piece seems to be waited for."""


def piece(text: str = "", finish: str | None = None) -> bytes:
    body = {"choices": [{"index": 0, "delta": {"content": text} if text else {}, "finish_reason": finish}]}
    return f"data: {json.dumps(body)}\n\n".encode()


class Scripted(Connection, Open[Connection]):
    """A connection with the given pieces, which logs the limit of each read."""

    content_type = "text/event-stream"
    tracked = False

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self.limits: list[float | None] = []
        self.closed = 0
        self._pieces: Iterator[bytes] = iter(pieces)
        self._timer: CallTimer

    def open(self, request: Request, timer: CallTimer) -> Opened:
        self._timer = timer
        return Opened(self)

    def run(self) -> bytes:
        self.limits.append(self._timer.start())
        self._timer.stop()
        self._timer.waited = round(self._timer.waited) + SECONDS
        return next(self._pieces, b"")

    def close(self) -> None:
        self.closed += 1


class Opened(Open[Connection]):
    def __init__(self, connection: Scripted) -> None:
        self._connection = connection

    def run(self) -> Connection:
        return self._connection


def ask(*pieces: bytes) -> tuple[LLMResponse, list[float | None]]:
    connection = Scripted(pieces)
    model = LLM("m", OpenAIProvider(), connection, timeouts=LIMITS, max_retries=0)
    answer = run(model.answer(Question("m", [Message("user", "Hi")], stream=True)))
    assert connection.closed == 1
    return answer, connection.limits


def test_a_connection_without_an_answer_is_closed_before_the_request_is_sent_again() -> None:
    first, second = Scripted([]), Scripted([piece("Well"), piece(finish="stop"), b""])
    connections = iter([first, second])
    closed_before: list[int] = []

    class Transport:
        def open(self, request: Request, timer: CallTimer) -> Open[Connection]:
            closed_before.append(first.closed)
            return next(connections).open(request, timer)

    model = LLM("m", OpenAIProvider(), Transport(), timeouts=LIMITS, max_retries=1)
    flow = model.answer(Question("m", [Message("user", "Hi")], stream=True))
    assert without_pauses(flow).response == "Well"
    assert closed_before == [0, 1]


def without_pauses(flow: Flow[Any, LLMResponse]) -> LLMResponse:
    """Run a flow to its result, and pass over its pauses."""
    result: Any = None
    while True:
        try:
            yielded: Any = flow.send(result)
        except StopIteration as stop:
            return cast("LLMResponse", stop.value)
        result = yielded.run() if isinstance(yielded, Effect) and not isinstance(yielded, Sleep) else None


def test_after_the_last_word_the_usage_is_waited_for_ten_seconds_and_not_for_the_idle_limit() -> None:
    answer, limits = ask(piece("Well"), piece(" done"), piece(finish="stop"), b"")
    assert answer.response == "Well done"
    assert limits == [60, 40, 40, 10]


def test_keep_alive_comments_after_the_last_word_do_not_prolong_the_wait() -> None:
    answer, limits = ask(piece("Well"), piece(finish="stop"), *[STILL_THERE] * 20)
    assert (answer.response, answer.finish_reason) == ("Well", "stop")
    assert limits == [60, 40, 10, 6, 2]


def test_keep_alive_comments_in_the_middle_use_up_the_idle_limit_and_text_restores_it() -> None:
    _, limits = ask(piece("a"), STILL_THERE, STILL_THERE, piece("b"), piece(finish="stop"), b"")
    assert limits == [60, 40, 36, 32, 40, 10]
