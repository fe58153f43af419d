"""Tapes: recorded responses are played back piece by piece, and nothing else is on the tape."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import declarai_like as declarai
from declarai_like import errors
from declarai_like._core.flow import Open
from declarai_like._llm.llm import LLM
from declarai_like._llm.transport import CallTimer, Connection, Transport
from declarai_like._llm.transport.inprocess import InProcessTransport
from declarai_like._net.sse import ServerSentEvent
from declarai_like._offline import Tape
from declarai_like.messages import Delta
from declarai_like.providers import Question, Request
from declarai_like.testing import Fault, Raw, Reply, Script, TapeMiss, record, replay

END = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"


def event(text: str) -> bytes:
    return b'data: {"choices":[{"index":0,"delta":{"content":"%b"},"finish_reason":null}]}\n\n' % text.encode()


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    return tmp_path / "tape.jsonl"


def lines(tape: Path) -> list[Any]:
    return [json.loads(line) for line in tape.read_bytes().split(b"\n") if line]


def streaming(model: Any, question: str = "why?") -> Any:
    @model.task(streaming=True)
    def echo(text: str) -> str:
        """{text}"""

    return echo(question)


def ask(model: Any, question: str = "why?") -> str:
    @model.task(streaming=False)
    def echo(text: str) -> str:
        """{text}"""

    return echo(question)


def chunks_of(world: Any, stream: Any) -> list[Any]:
    chunks: list[Any] = []
    world.read(stream, chunks)
    return chunks


class Spy:
    """Records the pieces that a model reads."""

    def __init__(self, connection: type[SpyingConnection] | None = None) -> None:
        self.pieces: list[bytes] = []
        self._connection = connection or SpyingConnection

    def __call__(self, transport: Transport, provider: object) -> Transport:
        self._transport = transport
        return self

    def open(self, request: Request, timer: CallTimer) -> Open[Connection]:
        return SpyingOpen(
            self._transport.open(request, timer), lambda connection: self._connection(connection, self.pieces)
        )


class SpyingOpen(Open[Connection]):
    def __init__(self, opening: Open[Connection], wrap: Callable[[Connection], Connection]) -> None:
        self._opening = opening
        self._wrap = wrap

    def run(self) -> Connection:
        return self._wrap(self._opening.run())

    async def arun(self) -> Connection:
        return self._wrap(await self._opening.arun())


class SpyingConnection(Connection):
    def __init__(self, connection: Connection, pieces: list[bytes]) -> None:
        self.content_type = connection.content_type
        self._wrapped = connection
        self._pieces = pieces
        self.close, self.aclose, self.abort = connection.close, connection.aclose, connection.abort

    def run(self) -> bytes:
        self._pieces.append(self._wrapped.run())
        return self._pieces[-1]

    async def arun(self) -> bytes:
        self._pieces.append(await self._wrapped.arun())
        return self._pieces[-1]


# Recording and playing


def test_a_stream_is_played_back_chunk_for_chunk_in_the_same_pieces(serve: Any, world: Any, tape: Path) -> None:
    live, played = Spy(), Spy()
    server = serve([Reply("the answer is 日本語, \u2028 finally", delay=0.002, reasoning="hm")])
    model = declarai.openai("m", base_url=server.url)
    recorded = chunks_of(world, streaming(record(model.with_transport(live), tape)))
    server.stop()
    again = chunks_of(world, streaming(replay(tape, model=model).with_transport(played)))
    assert [chunk.raw_response for chunk in again] == [chunk.raw_response for chunk in recorded]
    assert [chunk.response for chunk in again] == [chunk.response for chunk in recorded]
    assert again[-1].usage == recorded[-1].usage is not None
    assert list(filter(None, played.pieces)) == list(filter(None, live.pieces))
    assert len(live.pieces) > 5


def test_a_response_that_is_not_streamed_is_played_back(serve: Any, world: Any, tape: Path) -> None:
    server = serve([Reply("the answer")])
    model = declarai.openai("m", base_url=server.url)
    assert world.ask(record(model, tape)) == "the answer"
    server.stop()
    assert world.ask(replay(tape, model=model)) == "the answer"
    assert world.ask(replay(tape)) == "the answer"


def test_a_tape_recorded_in_blocking_code_is_played_in_async_code(serve: Any, world: Any, tape: Path) -> None:
    model = declarai.openai("m", base_url=serve(["the answer"]).url)
    recorded = list(streaming(record(model, tape)))
    again = chunks_of(world, streaming(replay(tape)))
    assert [chunk.raw_response for chunk in again] == [chunk.raw_response for chunk in recorded]


def test_typed_tasks_and_their_settings_are_played_back_by_the_recorded_model(serve: Any, tape: Path) -> None:
    model = declarai.openai("m", base_url=serve([[1, 2], [3]]).url, llm_params={"temperature": 0})

    def numbers(of: Any, output: Any = "auto") -> Any:
        @of.task(output=output)
        def some(which: str) -> list[int]:
            """List numbers"""

        return some

    assert numbers(record(model, tape))("even") == [1, 2]
    assert numbers(record(model, tape), "tool")("even") == [3]
    player = replay(tape, model=model)
    assert numbers(player, "tool")("even") == [3]
    assert numbers(player)("even") == [1, 2]


def test_a_replaying_model_streams_if_the_recorded_one_does(tape: Path) -> None:
    ask(record(declarai.offline(["one"]), tape))

    @replay(tape, model=declarai.openai("m", api_key="x", stream=True)).task
    def stream() -> str:
        """Answer"""

    assert isinstance(stream(), declarai.Stream)


def test_replaying_needs_no_key_and_no_network(tape: Path) -> None:
    ask(record(declarai.offline(["one"]), tape))
    text = tape.read_text("utf-8").replace('"offline"', '"gpt-5.5"')
    tape.write_text(text, "utf-8")
    assert ask(replay(tape, model=declarai.openai("gpt-5.5"))) == "one"


def test_the_same_request_is_answered_in_the_recorded_order_and_the_last_response_repeats(tape: Path) -> None:
    model = record(declarai.offline(["one", "other", "two"]), tape)
    assert [ask(model, question) for question in ("a", "b", "a")] == ["one", "other", "two"]
    player = replay(tape)
    assert [ask(player, question) for question in ("a", "a", "a", "b", "b")] == [
        "one",
        "two",
        "two",
        "other",
        "other",
    ]


def test_each_recorded_model_has_its_own_responses(serve: Any, tape: Path) -> None:
    url = serve(["by one", "by two"]).url
    one, two = (declarai.openai(name, base_url=url) for name in ("one", "two"))
    assert [ask(record(model, tape)) for model in (one, two)] == ["by one", "by two"]
    assert ask(replay(tape, model=two)) == "by two"
    assert ask(replay(tape, model=one)) == "by one"
    with pytest.raises(TapeMiss, match="differs in model"):
        ask(replay(tape, model=declarai.openai("three", base_url=url)))
    assert ask(replay(tape)) == "by one"  # the offline model matches any name


def test_with_timing_the_pace_is_the_recorded_one(tape: Path) -> None:
    ask(record(declarai.offline([Reply("late", first_delay=0.05)]), tape))
    streaming(record(declarai.offline([Reply(chunks=["a", "b"], delay=0.02)]), tape)).result()
    began = time.monotonic()
    assert ask(replay(tape, timing=True)) == "late"
    assert streaming(replay(tape, timing=True)).result() == "ab"
    assert time.monotonic() - began >= 0.1
    pieces = [pause for line in lines(tape) for pause, _ in line["pieces"]]
    assert pieces[0] >= 0.05


def test_threads_that_share_a_replay_get_each_recorded_response_once(tape: Path) -> None:
    model = record(declarai.offline([str(number) for number in range(60)]), tape)
    for _ in range(60):
        ask(model)
    player = replay(tape)
    answers: list[str] = []
    threads = [threading.Thread(target=lambda: answers.extend(ask(player) for _ in range(10))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(int, answers)) == list(range(60))


# Misses and errors


@pytest.mark.parametrize("call", [ask, lambda model, question: streaming(model, question).result()])
def test_a_request_that_is_not_on_the_tape_fails_and_the_error_names_the_nearest(call: Any, tape: Path) -> None:
    call(record(declarai.offline(["one"]), tape), "why?")
    with pytest.raises(
        TapeMiss, match=r"tape\.jsonl has no answer.*the nearest is line 1, which differs in messages.*how\?"
    ):
        call(replay(tape), "how?")


def test_a_stream_that_is_not_on_the_tape_fails_and_is_not_retried(world: Any, tape: Path) -> None:
    tape.touch()
    script = Script(Tape(tape))
    with pytest.raises(TapeMiss, match="the tape is empty"):
        chunks_of(world, streaming(declarai.offline(script)))
    assert len(script.calls) == 1


def test_a_tape_miss_is_a_declarai_error_and_a_lookup_error() -> None:
    assert issubclass(TapeMiss, errors.DeclaraiError)
    assert issubclass(TapeMiss, LookupError)


def test_a_response_of_a_server_that_does_not_stream_is_played_back(serve: Any, world: Any, tape: Path) -> None:
    answer = b'{"choices":[{"index":0,"message":{"role":"assistant","content":"all at once"},"finish_reason":"stop"}]}'
    model = declarai.openai("m", base_url=serve([Raw([answer[:40], 0.01, answer[40:]], "application/json")]).url)
    recorded = chunks_of(world, streaming(record(model, tape)))
    played = chunks_of(world, streaming(replay(tape)))
    assert (
        [chunk.raw_response for chunk in played] == [chunk.raw_response for chunk in recorded] == [json.loads(answer)]
    )


def test_a_response_that_was_not_streamed_does_not_match_a_stream(tape: Path) -> None:
    ask(record(declarai.offline(["one"]), tape))
    with pytest.raises(TapeMiss, match="differs in stream"):
        list(streaming(replay(tape)))


@pytest.mark.parametrize(("model", "got"), [(5, "int"), ("gpt", "str"), (LLM, "the class LLM")])
def test_only_models_are_recorded_and_replayed(model: Any, got: str, tape: Path) -> None:
    problem = rf"must be a Model, got {got}; for instance openai\(\.\.\.\)$"
    with pytest.raises(errors.ConfigurationError, match=rf"^model of record\(\) {problem}"):
        record(model, tape)
    with pytest.raises(errors.ConfigurationError, match=rf"^model of replay\(\) {problem}"):
        replay(tape, model=model)


def test_the_tape_must_exist(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        replay(tmp_path / "none.jsonl")


GOOD = '{"request": {"messages": []}, "content_type": "text/event-stream", "pieces": [[0.1, "x"]]}'


@pytest.mark.parametrize(
    "broken",
    [
        GOOD[:40],
        "7",
        "[]",
        "null",
        '{"request": {}}',
        GOOD.replace('{"messages": []}', "7"),
        GOOD.replace("[0.1, ", "["),
        GOOD.replace("0.1", '"soon"'),
        GOOD.replace('"x"', "7"),
        GOOD.replace('"x"', '{"base64": "n!o=="}'),
        GOOD.replace('"x"', '"\\ud800"'),
        GOOD.replace("x", "\udcff"),  # a byte that is not UTF-8
    ],
)
def test_a_broken_line_is_named(broken: str, tape: Path) -> None:
    tape.write_text(f"{GOOD}\n\n{broken}\n", "utf-8", "surrogateescape")
    with pytest.raises(errors.ConfigurationError, match=r"tape\.jsonl, line 3: not a valid line of a tape"):
        replay(tape)


def test_a_tape_may_have_empty_lines_and_windows_line_endings(tape: Path) -> None:
    ask(record(declarai.offline(["one"]), tape))
    tape.write_bytes(b"\r\n" + tape.read_bytes().replace(b"\n", b"\r\n") + b"\r\n")
    assert ask(replay(tape)) == "one"


# Recording


def test_keys_and_headers_are_never_on_the_tape(serve: Any, world: Any, tape: Path) -> None:
    server = serve(["one", "two"], api_key="sk-secret-of-mine")
    model = record(
        declarai.openai("m", base_url=server.url, api_key="sk-secret-of-mine", headers={"X-Team": "team-of-mine"}), tape
    )
    chunks_of(world, streaming(model))
    world.ask(model)
    written = tape.read_text("utf-8")
    assert "of-mine" not in written
    assert server.address not in written
    assert len(lines(tape)) == 2
    assert all(line.keys() == {"request", "content_type", "pieces"} for line in lines(tape))


@pytest.mark.slow
@pytest.mark.parametrize(
    "broken",
    [
        Raw([event("half")], cut=True),
        Raw([event("half")]),
        Raw([event("half"), END], cut=True),
        Raw([event("half"), b'data: {"error": {"message": "down"}}\n\n']),
        Raw([event("half"), b"data: no JSON\n\n"]),
        Raw([event("half"), 30.0]),
        Fault(500, headers={"retry-after": "0"}),
    ],
)
def test_a_broken_stream_is_not_recorded(broken: Any, serve: Any, world: Any, tape: Path) -> None:
    model = declarai.openai("m", base_url=serve([broken]).url, max_retries=0, timeout=declarai.Timeouts(idle=0.2))
    chunks: list[Any] = []
    with contextlib.suppress(errors.DeclaraiError):
        world.read(streaming(record(model, tape)), chunks)
    assert [chunk.response for chunk in chunks[:1]] == ([] if isinstance(broken, Fault) else ["half"])
    assert not tape.exists()


@pytest.mark.parametrize(
    "broken", [Raw([b'{"choices": ['], "application/json", cut=True), Raw([b"{}"], "application/json")]
)
def test_a_broken_response_is_not_recorded(broken: Any, serve: Any, world: Any, tape: Path) -> None:
    model = declarai.openai("m", base_url=serve([broken]).url, max_retries=0)
    with pytest.raises(errors.DeclaraiError):
        world.ask(record(model, tape))
    assert not tape.exists()


def test_a_stream_that_is_closed_early_is_not_recorded(serve: Any, tape: Path) -> None:
    model = record(declarai.openai("m", base_url=serve([Raw([event("half"), 30.0, END])]).url), tape)
    with streaming(model) as stream:
        assert next(stream).response == "half"
    assert not tape.exists()


def test_a_stream_that_another_thread_closes_ends_at_once_and_is_not_recorded(serve: Any, tape: Path) -> None:
    server = serve([Raw([event("half"), 30.0])])
    stream = streaming(record(declarai.openai("m", base_url=server.url), tape))
    assert next(stream).response == "half"
    closer = threading.Timer(0.05, stream.close)
    closer.start()
    assert list(stream) == []
    closer.join()
    assert server.exchanges[0].left.wait(5)
    assert not tape.exists()


@pytest.mark.slow
def test_a_complete_response_is_recorded_even_if_its_connection_does_not_end(
    serve: Any, world: Any, tape: Path
) -> None:
    model = declarai.openai("m", base_url=serve([Raw([event("all"), END, DONE, 30.0])]).url)
    assert chunks_of(world, streaming(record(model, tape)))[-1].response == "all"
    assert streaming(replay(tape)).result() == "all"


def test_a_response_with_only_a_finish_reason_is_recorded(serve: Any, world: Any, tape: Path) -> None:
    model = declarai.openai("m", base_url=serve([Raw([event("all"), END])]).url)
    assert chunks_of(world, streaming(record(model, tape)))[-1].response == "all"
    assert streaming(replay(tape)).result() == "all"


def test_of_a_retried_request_only_the_response_is_recorded(serve: Any, tape: Path) -> None:
    server = serve([Fault(503, headers={"retry-after": "0"}), "fine"])
    assert ask(record(declarai.openai("m", base_url=server.url), tape)) == "fine"
    assert len(lines(tape)) == 1


def test_a_character_that_is_split_between_two_pieces_is_played_back_in_the_same_pieces(tape: Path) -> None:
    pieces = [bytes([byte]) for byte in event("日本\u2028語")] + [END + DONE]
    played = Spy()
    recorded = list(streaming(record(declarai.offline([Raw(pieces)]), tape)))
    again = list(streaming(replay(tape).with_transport(played)))
    assert [chunk.raw_response for chunk in again] == [chunk.raw_response for chunk in recorded]
    assert again[-1].response == "日本\u2028語"
    assert played.pieces[: len(pieces)] == pieces


class Twice(SpyingConnection):
    def __init__(self, connection: Connection, pieces: list[bytes]) -> None:
        super().__init__(connection, pieces)
        self.close = lambda: (connection.close(), connection.close())


def test_a_response_whose_connection_is_closed_twice_is_recorded_once(tape: Path) -> None:
    streaming(record(declarai.offline(["one"]), tape).with_transport(Spy(Twice))).result()
    assert len(lines(tape)) == 1


def test_bytes_that_are_not_utf_8_are_recorded_unchanged(tape: Path) -> None:
    odd = b": \xff\xfe\n\n"
    played = Spy()
    streaming(record(declarai.offline([Raw([event("x"), odd, END, DONE])]), tape)).result()
    streaming(replay(tape).with_transport(played)).result()
    assert played.pieces[1] == odd
    assert "�" not in tape.read_text("utf-8")


def test_the_folder_of_a_tape_is_created_and_its_lines_are_kept(tmp_path: Path) -> None:
    tape = tmp_path / "new" / "folder" / "tape.jsonl"
    ask(record(declarai.offline(["one"]), tape), "a")
    ask(record(declarai.offline(["two"]), tape), "b")
    assert [ask(replay(str(tape)), question) for question in "ab"] == ["one", "two"]


WRITER = """
import sys
import declarai_like as declarai
from declarai_like.testing import record

model = record(declarai.offline(lambda messages: messages[0]["content"] * 20_000), sys.argv[1])

@model.task
def echo(text: str) -> str:
    '''{text}'''

print("ready", flush=True)
sys.stdin.readline()
for number in range(20):
    echo(f"{sys.argv[2]}{number} ")
"""


@pytest.mark.slow
def test_processes_that_write_to_one_tape_do_not_mix_its_lines(tape: Path) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, tape, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for name in ("a", "b")
    ]
    for writer in writers:
        assert writer.stdout
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.communicate("go\n", timeout=60)
        assert writer.returncode == 0
    assert len(lines(tape)) == 40
    assert ask(replay(tape), "b19 ") == "b19 " * 20_000


def test_threads_that_write_to_one_tape_do_not_mix_its_lines(tape: Path) -> None:
    model = record(declarai.offline(lambda messages: messages[0]["content"] * 20_000), tape)
    threads = [threading.Thread(target=ask, args=(model, f"{number} ")) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lines(tape)) == 16
    assert ask(replay(tape), "7 ") == "7 " * 20_000


class Shouting:
    """A provider of another protocol: each event is a JSON string."""

    def request(self, question: Question) -> Request:
        return Request("shout", {"stream": question.stream, "what": question.messages[-1].content})

    def deltas(self, event: ServerSentEvent) -> list[Delta]:
        text = json.loads(event.data)
        return [Delta(event.data, end=True, shown=False)] if text is None else [Delta(event.data, text)]


def test_the_responses_of_any_provider_are_recorded(tape: Path) -> None:
    def service(request: Request) -> Iterator[bytes]:
        yield from [b'data: "ONE"\n\n', b'data: " TWO"\n\n', b"data: null\n\n"]

    llm = LLM("loud", Shouting(), InProcessTransport(service), timeouts=declarai.Timeouts(), max_retries=0)
    model = declarai.Model(llm)
    recorded = list(streaming(record(model, tape)))
    played = list(streaming(replay(tape, model=model)))
    assert [chunk.response for chunk in recorded] == [chunk.response for chunk in played] == ["ONE", "ONE TWO"]
