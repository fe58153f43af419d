"""Lost connections, and readers that disconnect, are late or slow: no event is lost, and none comes twice."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

import declarai_like as declarai
from declarai_like import serve
from declarai_like.testing import FaultProxy
from tests.serve.serving import (
    Answer,
    Client,
    Gate,
    ReceivedEvent,
    Serving,
    Speaker,
    Start,
    names,
    read,
    run_concurrently,
    text,
    wait_until,
    wait_until_stable,
)
from tests.serve.serving import serving as serving
from tests.serve.serving import speaker as speaker

WORDS = ["Great", " — 日本", "\nall"]


def say_task(model: Any) -> Any:
    @model.task
    def say(movie: str) -> str:
        """Describe the movie"""

    return say


async def story() -> AsyncIterator[str]:
    for word in WORDS:
        yield word


@contextmanager
def proxied(server: Serving) -> Iterator[tuple[FaultProxy, Client]]:
    """Return a proxy in front of the server, and a client of the proxy."""
    with FaultProxy(server.address) as proxy:
        client = Client(proxy.address, {"Connection": "close"})
        yield proxy, client
        client.close()


def head_of(answer: Answer) -> int:
    """Return the number of bytes before the body of a response."""
    return len(b"HTTP/1.1 200 OK\r\n\r\n") + sum(len(name) + len(value) + 4 for name, value in answer.headers.raw)


def bare(body: bytes) -> bytes:
    """Return the events of a body, without the reconnection time and the heartbeats."""
    return body.removeprefix(b"retry: 1000\n").replace(b":\n\n", b"")


# Cut connections


def test_at_every_cut_both_parts_joined_are_the_uncut_answer(serving: Start) -> None:
    server = serving(story)
    with proxied(server) as (proxy, client):
        complete = client.answer("story")
        stream = complete.stream
        head = head_of(client.followed(stream))
        cuts = 0
        for cut in range(head, head + len(complete.body) + 100):
            proxy.cut(after=cut, times=1)
            first = client.followed(stream)
            if not first.was_cut:
                break
            cuts += 1
            after = first.events[-1].id if first.events else None
            rest = client.followed(stream, after)
            kept = b"".join(event + b"\n\n" for event in complete.body.split(b"\n\n")[: after or 0])
            assert first.body.startswith(kept)
            assert bare(kept) + bare(rest.body) == bare(complete.body), f"cut after {cut} bytes"
            assert first.events + rest.events == complete.events
        assert cuts >= len(complete.body)


def test_an_answer_that_is_cut_while_it_runs_continues_and_is_complete(serving: Start, speaker: Speaker) -> None:
    server = serving(say_task(speaker.model))
    with proxied(server) as (proxy, client):
        with client.ask("say", {"movie": "Hulk"}) as answer:
            speaker.say("one")
            answer.until("delta")
            proxy.drop()
            assert "done" not in names(answer.read())
            assert answer.was_cut
        speaker.say(" two")
        with client.follow(answer.stream, answer.events[-1].id) as rest:
            assert rest.until("delta")[-1].data == {"delta": " two"}
            speaker.end()
            rest.read()
    events = answer.events + rest.events
    assert names(events) == ["start", "delta", "delta", "done"]
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert events[-1].data["response"] == "one two"
    assert len(speaker.server.exchanges) == 1, "the model was called once"


def test_an_answer_that_is_cut_many_times_is_complete_in_the_end(serving: Start) -> None:
    server = serving(story)
    with proxied(server) as (proxy, client):
        complete = client.answer("story")
        longest = max(map(len, complete.body.split(b"\n\n")))
        proxy.cut(after=head_of(complete) + len("retry: 1000\n") + longest + 20)  # so that at least one arrives
        proxy.split(7)
        received: list[Any] = []
        connections = 0
        while not received or received[-1].name != "done":
            connections += 1
            assert connections < 20
            received += client.followed(complete.stream, received[-1].id if received else None).events
        assert connections > 1
        assert names(received) == ["start", *["delta"] * len(WORDS), "done"]
        assert [event.id for event in received] == list(range(1, len(received) + 1))
        assert text(received) == "".join(WORDS)


def test_a_connection_that_stalls_loses_nothing(serving: Start) -> None:
    server = serving(story)
    with proxied(server) as (proxy, client):
        proxy.stall(after=300, seconds=0.1)
        assert text(client.answer("story").events) == "".join(WORDS)


# Readers that disconnect


def test_within_the_grace_an_answer_continues_without_a_reader(serving: Start, speaker: Speaker) -> None:
    server = serving(say_task(speaker.model), grace=20)
    with server.ask("say", {"movie": "Hulk"}) as answer:
        speaker.say("one")
        answer.until("delta")
    speaker.say(" two")
    speaker.end()
    assert speaker.last.done.wait(5)
    rest = server.followed(answer.stream, 2)
    assert names(rest.events) == ["delta", "done"]
    assert rest.events[0].id == 3
    assert not speaker.last.left.is_set()


def test_after_the_grace_the_models_request_is_cancelled(serving: Start, speaker: Speaker) -> None:
    server = serving(say_task(speaker.model), grace=0.05)
    with server.ask("say", {"movie": "Hulk"}) as answer:
        speaker.say("one")
        answer.until("delta")
        time.sleep(0.15)  # as long as there is a reader, it goes on
        assert not speaker.last.left.is_set()
    assert speaker.last.left.wait(5)
    after = server.followed(answer.stream)
    assert names(after.events) == ["start", "delta", "error"]
    assert after.events[-1].data["type"] == "Abandoned"
    assert after.events[-1].data["retryable"] is True


def test_with_a_grace_of_0_the_models_request_is_cancelled_at_once(serving: Start, speaker: Speaker) -> None:
    server = serving(say_task(speaker.model), grace=0)
    with server.ask("say", {"movie": "Hulk"}) as answer:
        speaker.say("one")
        answer.until("delta")
    assert speaker.last.left.wait(5)


def test_a_client_that_disconnects_before_the_first_text_cancels_the_request_too(
    serving: Start, speaker: Speaker
) -> None:
    server = serving(say_task(speaker.model), grace=0)
    with server.ask("say", {"movie": "Hulk"}) as answer:
        answer.until("start")
        assert speaker.last
    assert speaker.last.left.wait(5)


def test_a_client_that_resets_its_connection_is_noticed_while_there_are_no_events(
    serving: Start, speaker: Speaker
) -> None:
    server = serving(say_task(speaker.model), grace=0)
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        body = b'{"movie": "Hulk"}'
        client.sendall(
            b"POST /api/say HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        assert client.recv(1000)
        assert speaker.last
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert speaker.last.left.wait(5)


def with_a_function(app: FastAPI) -> None:
    @app.middleware("http")
    async def pass_on(request: Any, call_next: Any) -> Any:
        return await call_next(request)


def with_compression(app: FastAPI) -> None:
    app.add_middleware(GZipMiddleware, minimum_size=1)


@pytest.mark.parametrize("grace", [0, 0.3])
@pytest.mark.parametrize("add", [with_a_function, with_compression])
def test_middleware_delays_no_event_and_hides_no_disconnect(
    serving: Start, speaker: Speaker, add: Callable[[FastAPI], None], grace: float
) -> None:
    app = FastAPI()
    add(app)
    server = serving(say_task(speaker.model), app=app, grace=grace)
    with server.ask("say", {"movie": "Hulk"}) as answer:
        speaker.say("one")
        assert answer.until("delta")[-1].data == {"delta": "one"}
        assert "content-encoding" not in answer.headers
        assert not speaker.last.left.is_set()
    assert speaker.last.left.wait(5)


def test_an_http_1_0_client_without_chunked_encoding_gets_the_answer(serving: Start) -> None:
    server = serving(story)
    with socket.create_connection(("127.0.0.1", server.port), 5) as client:
        client.sendall(b"POST /api/story HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
        received = b""
        while piece := client.recv(10_000):
            received += piece
    assert text(read(received.partition(b"\r\n\r\n")[2])) == "".join(WORDS)


def test_the_grace_starts_again_each_time_that_the_last_reader_disconnects(serving: Start, speaker: Speaker) -> None:
    server = serving(say_task(speaker.model), grace=0.8)
    with server.ask("say", {"movie": "Hulk"}) as answer:
        speaker.say("one")
        answer.until("delta")
    for _ in range(3):
        time.sleep(0.3)
        with server.follow(answer.stream) as again:
            assert names(again.until("delta")) == ["start", "delta"]
    assert not speaker.last.left.is_set()
    assert speaker.last.left.wait(5)


def test_a_reader_that_disconnects_ends_nothing_for_the_others(serving: Start, speaker: Speaker) -> None:
    server = serving(say_task(speaker.model), grace=0)
    with server.ask("say", {"movie": "Hulk"}) as answer:
        with server.follow(answer.stream) as other:
            other.until("start")
        speaker.say("one")
        speaker.end()
        assert names(answer.read()) == ["start", "delta", "done"]


def test_a_disconnect_is_not_a_stop_and_a_stop_is_not_a_disconnect(serving: Start, speaker: Speaker) -> None:
    server = serving(say_task(speaker.model), grace=0)
    with server.ask("say", {"movie": "Hulk"}) as left:
        left.until("start")
    wait_until(lambda: names(server.followed(left.stream).events)[-1] == "error")
    with server.ask("say", {"movie": "Hulk"}) as stopped:
        stopped.until("start")
        server.stop(stopped.stream)
        assert names(stopped.read()) == ["start", "stopped"]


def test_a_function_whose_reader_has_disconnected_is_closed(serving: Start) -> None:
    closed = Gate()

    async def wait() -> AsyncIterator[str]:
        try:
            yield "one"
            await Gate().passed()
        finally:
            closed.open()

    with serving(wait, grace=0).ask("wait") as answer:
        answer.until("delta")
    wait_until(lambda: closed.is_open)


# Late readers, and several readers


def test_two_concurrent_readers_get_the_same_bytes(serving: Start, speaker: Speaker) -> None:
    server = serving(say_task(speaker.model))
    with server.ask("say", {"movie": "Hulk"}) as first, server.follow(first.stream) as second:
        speaker.say("one")
        assert second.until("delta")[-1] == first.until("delta")[-1]
        speaker.say(" two")
        speaker.end()
        first.read()
        second.read()
    assert first.body == second.body
    assert names(first.events) == ["start", "delta", "delta", "done"]


def test_many_concurrent_readers_get_the_same_bytes(serving: Start) -> None:
    go = Gate()

    async def wait() -> AsyncIterator[str]:
        await go.passed()
        for word in WORDS * 20:
            yield word

    server = serving(wait)
    with server.ask("wait") as first:
        stream = first.stream

        def follow(number: int) -> bytes:
            if number == 9:
                go.open()
            return server.followed(stream).body

        bodies = run_concurrently(10, follow)
        first.read()
    assert set(bodies) == {first.body}


def test_a_follower_of_an_answer_gets_heartbeats_as_well(serving: Start, speaker: Speaker) -> None:
    server = serving(say_task(speaker.model), heartbeat=0.03)
    with server.ask("say", {"movie": "Hulk"}) as first, server.follow(first.stream) as second:
        second.until("start")
        time.sleep(0.1)
        speaker.end()
        second.read()
    assert b"\n\n:\n\n" in second.body
    assert second.events == server.followed(first.stream).events


def test_a_late_reader_gets_all_events_from_the_first(serving: Start, speaker: Speaker) -> None:
    server = serving(say_task(speaker.model))
    with server.ask("say", {"movie": "Hulk"}) as first:
        speaker.say("one", " two")
        first.until("delta", 2)
        with server.follow(first.stream) as late:
            assert names(late.until("delta", 2)) == ["start", "delta", "delta"]
            speaker.end()
            assert late.read() == first.read()


def test_a_finished_answer_can_be_read_again_from_any_event(serving: Start) -> None:
    server = serving(story)
    complete = server.answer("story")
    assert server.followed(complete.stream).body == complete.body
    for event in complete.events[:-1]:
        rest = server.followed(complete.stream, event.id)
        assert rest.events == complete.events[event.id :]
        assert bare(complete.body).endswith(bare(rest.body))
        assert not rest.was_cut


def test_a_reader_that_has_the_last_event_gets_a_204(serving: Start) -> None:
    server = serving(story)
    complete = server.answer("story")
    nothing = server.followed(complete.stream, complete.events[-1].id)
    assert nothing.status == 204
    assert nothing.events == []
    assert not nothing.was_cut


def test_a_followed_answer_has_the_same_headers(serving: Start) -> None:
    server = serving(story)
    complete = server.answer("story")
    again = server.followed(complete.stream, 2)
    for header in ("content-type", "cache-control", "x-accel-buffering"):
        assert again.headers[header] == complete.headers[header]


def test_an_answer_is_kept_for_the_set_time_after_its_end(serving: Start) -> None:
    server = serving(story, keep=0.6)
    stream = server.answer("story").stream
    assert server.followed(stream).status == 200
    wait_until(lambda: server.get(f"/streams/{stream}").status_code == 404)
    gone = server.get(f"/streams/{stream}")
    detail = {"type": "UnknownStream", "message": "the stream does not exist, or is no longer kept"}
    assert gone.json()["detail"] == detail
    assert server.stop(stream).status_code == 404


def test_at_most_the_set_number_of_finished_answers_is_kept(serving: Start) -> None:
    server = serving(story, limits=serve.Limits(kept=2))
    streams = [server.answer("story").stream for _ in range(4)]
    assert [server.get(f"/streams/{stream}").status_code for stream in streams] == [404, 404, 200, 200]


def test_an_unknown_stream_is_not_found(serving: Start) -> None:
    server = serving(story)
    for name in ("nothing", "x" * 500, "%00", "é"):
        assert server.get(f"/streams/{name}").status_code == 404


def test_ids_of_streams_are_long_and_unique(serving: Start) -> None:
    server = serving(story)
    streams = {server.answer("story").stream for _ in range(5)}
    assert len(streams) == 5
    assert min(map(len, streams)) >= 20


def test_an_event_id_that_the_stream_does_not_have_is_refused(serving: Start) -> None:
    server = serving(story)
    complete = server.answer("story")
    assert len(complete.events) == 5
    for wrong in ("-1", "x", "1.5", "6", "9" * 30, "1 2", "%31", "+1", "0x1", "\u0661".encode()):
        refused = server.get(f"/streams/{complete.stream}", headers={"Last-Event-ID": wrong})
        assert refused.status_code == 422, wrong
        assert refused.headers["content-type"] == "application/json"
        assert refused.json()["detail"]["type"] == "InvalidRequest"
        assert refused.json()["detail"]["message"].startswith("Last-Event-ID must be an integer from 0 to 5, got '")


def test_an_empty_event_id_or_0_is_the_beginning(serving: Start) -> None:
    server = serving(story)
    complete = server.answer("story")
    for nothing in ("", "0"):
        assert server.followed(complete.stream, nothing).body == complete.body


# Buffers


def counting(count: int, size: int = 1) -> tuple[Any, list[int]]:
    made: list[int] = []

    async def count_up() -> AsyncIterator[str]:
        for number in range(count):
            made.append(number)
            yield f"{number} ".ljust(size)

    return count_up, made


def test_a_client_that_needs_dropped_events_gets_a_410(serving: Start) -> None:
    count_up, _ = counting(50)
    server = serving(count_up, limits=serve.Limits(events=10))
    complete = server.answer("count_up")
    assert names(complete.events) == ["start", *["delta"] * 50, "done"]
    gone = server.get(f"/streams/{complete.stream}")
    assert gone.status_code == 410
    detail = gone.json()["detail"]
    assert detail["type"] == "EventsGone"
    assert re.fullmatch(r"events after id 0 are no longer kept; the first one kept has id \d+", detail["message"])
    assert server.get(f"/streams/{complete.stream}", headers={"Last-Event-ID": "3"}).status_code == 410
    last = server.followed(complete.stream, len(complete.events) - 1)
    assert last.events == complete.events[-1:]


def test_the_limit_of_bytes_is_kept(serving: Start) -> None:
    count_up, _ = counting(50, size=100)
    server = serving(count_up, limits=serve.Limits(event_bytes=1000))
    complete = server.answer("count_up")
    assert len(complete.events) == 52
    assert server.get(f"/streams/{complete.stream}").status_code == 410
    assert server.followed(complete.stream, 51).events == complete.events[-1:]


def test_an_event_that_is_larger_than_the_limit_still_arrives(serving: Start) -> None:
    count_up, _ = counting(3, size=5000)
    server = serving(count_up, limits=serve.Limits(event_bytes=1000))
    assert len(text(server.answer("count_up").events)) == 15000


@pytest.mark.parametrize("events", [1, 2, 3])
def test_the_smallest_limits_still_deliver_all_events(serving: Start, events: int) -> None:
    count_up, _ = counting(20)
    server = serving(count_up, limits=serve.Limits(events=events))
    assert len(server.answer("count_up").events) == 22


def test_without_a_reader_an_answer_runs_ahead_up_to_the_limit_and_nothing_is_lost(serving: Start) -> None:
    go = Gate()
    made: list[int] = []

    async def count_up() -> AsyncIterator[str]:
        await go.passed()
        for number in range(200):
            made.append(number)
            yield f"{number} "

    server = serving(count_up, limits=serve.Limits(events=20))
    with server.ask("count_up") as answer:
        answer.until("start")
    with server.ask("count_up") as other:  # its start shows that the server has handled the first disconnect
        other.until("start")
    go.open()
    wait_until(lambda: made)
    assert wait_until_stable(lambda: len(made)) <= 40
    rest = server.followed(answer.stream)
    assert text(rest.events) == "".join(f"{number} " for number in range(200))
    assert [event.id for event in rest.events] == list(range(1, 203))


def test_a_slow_reader_holds_back_the_function(serving: Start) -> None:
    made: list[int] = []

    async def flood() -> AsyncIterator[str]:
        for number in range(2000):
            made.append(number)
            yield "x" * 100_000

    server = serving(flood, limits=serve.Limits(events=8), grace=0)
    with slow_socket(server, "flood", {}):
        wait_until(lambda: made)
        assert wait_until_stable(lambda: len(made)) < 300  # most of it is in the buffers of the machine


def test_a_slow_reader_holds_back_the_provider(serving: Start, speaker: Speaker) -> None:
    server = serving(say_task(speaker.model), limits=serve.Limits(event_bytes=500_000), grace=0)
    pieces = 2000
    speaker.say(*["x" * 50_000] * pieces)
    with slow_socket(server, "say", {"movie": "Hulk"}):
        wait_until(lambda: speaker.waiting < pieces)
        assert wait_until_stable(lambda: pieces - speaker.waiting) < pieces - 500
    assert speaker.last.left.wait(5)


def test_a_slow_reader_gets_all_events(serving: Start) -> None:
    items = [{"number": number, "text": "x" * 200_000} for number in range(60)]

    async def flood() -> AsyncIterator[Any]:
        for item in items:
            yield item

    server = serving(flood, limits=serve.Limits(events=8), grace=0)
    with slow_socket(server, "flood", {}) as client:
        time.sleep(0.1)
        received = read_quickly(client)
    assert [event.data["value"] for event in received if event.name == "item"] == items
    assert received[-1].name == "done"


def test_an_answer_that_waits_for_a_reader_can_be_stopped(serving: Start) -> None:
    go = Gate()
    made: list[int] = []

    async def count_up() -> AsyncIterator[str]:
        await go.passed()
        for number in range(1000):
            made.append(number)
            yield f"{number} "

    server = serving(count_up, limits=serve.Limits(events=20))
    with server.ask("count_up") as answer:
        answer.until("start")
    with server.ask("count_up") as other:
        other.until("start")
    go.open()
    wait_until(lambda: made)
    assert wait_until_stable(lambda: len(made)) < 1000
    assert server.stop(answer.stream).status_code == 202
    received = server.followed(answer.stream).events
    assert received[-1].name == "stopped"
    assert received[-1].data["response"].startswith(text(received))
    assert [event.id for event in received] == list(range(1, len(received) + 1))


def test_a_slow_reader_holds_back_no_other_and_can_reconnect(serving: Start) -> None:
    go = Gate()

    async def flood() -> AsyncIterator[Any]:
        await go.passed()
        for number in range(150):
            yield {"number": number, "text": "x" * 200_000}

    server = serving(flood, limits=serve.Limits(events=8), grace=0)
    with server.ask("flood") as quick:
        with slow_socket(server, f"streams/{quick.stream}") as slow:
            assert slow.recv(16, socket.MSG_PEEK)
            go.open()
            assert names(quick.read())[-1] == "done"
            received = read_quickly(slow)
    assert received == quick.events[: len(received)]
    if len(received) < len(quick.events):  # it was too slow, and must not take this for the end
        assert "done" not in names(received)
        assert server.get(f"/streams/{quick.stream}", headers={"Last-Event-ID": str(len(received))}).status_code == 410


@contextmanager
def slow_socket(server: Serving, path: str, body: Any = None) -> Iterator[socket.socket]:
    """Send a request over a socket with a small receive buffer, and do not read the response."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        client.settimeout(5)
        client.connect(("127.0.0.1", server.port))
        written = b"" if body is None else json.dumps(body).encode()
        method = "GET" if body is None else "POST"
        client.sendall(
            f"{method} /api/{path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(written)}\r\n\r\n".encode()
            + written
        )
        yield client


def read_quickly(client: socket.socket) -> list[ReceivedEvent]:
    """Read up to the end of the connection, which the server closes after the response."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_000_000)
    received = b"".join(iter(lambda: client.recv(1_000_000), b""))
    return read(b"".join(chunks_of(received.partition(b"\r\n\r\n")[2])))


def chunks_of(body: bytes) -> Iterator[bytes]:
    """Yield the complete chunks of a body in chunked encoding (RFC 9112, 7.1)."""
    start = 0
    while (end := body.find(b"\r\n", start)) > 0 and (size := int(body[start:end], 16)):
        yield body[end + 2 : end + 2 + size]
        start = end + 2 + size + 2


# Shutdown and restart


def test_a_server_that_shuts_down_leaves_no_reader_waiting(serving: Start, speaker: Speaker) -> None:
    server = serving(say_task(speaker.model))
    with server.ask("say", {"movie": "Hulk"}) as answer:
        speaker.say("one")
        answer.until("delta")
        server.begin_to_stop()
        events = answer.read()
    assert "done" not in names(events)
    assert answer.was_cut or names(events)[-1] == "error"
    assert speaker.last.left.wait(5), "and the request to the model is cancelled"


def test_a_server_that_shuts_down_ends_answers_without_a_reader(serving: Start, speaker: Speaker) -> None:
    server = serving(say_task(speaker.model))
    with server.ask("say", {"movie": "Hulk"}) as answer:
        speaker.say("one")
        answer.until("delta")
    server.begin_to_stop()
    assert speaker.last.left.wait(5)


def test_after_a_restart_earlier_streams_are_unknown(serving: Start) -> None:
    first = serving(story)
    stream = first.answer("story").stream
    assert serving(story).get(f"/streams/{stream}").status_code == 404


def test_an_answer_of_the_offline_model_can_be_followed_as_well(serving: Start) -> None:
    server = serving(say_task(declarai.offline(["one two three"], delay=0.02)))
    with server.ask("say", {"movie": "Hulk"}) as answer:
        answer.until("delta")
    assert text(server.followed(answer.stream).events) == "one two three"
