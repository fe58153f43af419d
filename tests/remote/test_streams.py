"""A function that gives a stream gives the same from a server: in each world, in each form, with exact errors."""

from __future__ import annotations

import functools
import json
import typing
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import date
from typing import Any

import httpx2
import pytest
from fastapi import Depends, FastAPI, Header, HTTPException

from declarai_like import Timeouts, remote, streaming
from declarai_like.errors import ConfigurationError, DeclarationError
from tests.remote import remote_streams as functions
from tests.remote.remote_streams import Audio, Number, OutOfPaper, Segment, Totals, numbers, read, served


@pytest.fixture(scope="module", params=["router", "asgi", "mounted"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    app: Any = FastAPI()
    if request.param == "router":
        app.include_router(remote.router(*functions.FUNCTIONS), prefix="/streams")
    elif request.param == "mounted":
        app.mount("/streams", remote.asgi(*functions.FUNCTIONS))
    else:
        app = remote.asgi(*functions.FUNCTIONS)
    with served(app) as address:
        yield address if request.param == "asgi" else f"{address}/streams"


@pytest.fixture(scope="module")
def one_url() -> Iterator[str]:
    with served(remote.asgi(*functions.FUNCTIONS)) as address:
        yield address


def test_the_items_come_from_the_server(world: Any, url: str) -> None:
    assert read(world, functions.count.at(url).stream(to=3)) == numbers(3)


def test_a_stream_of_nothing_is_whole(world: Any, one_url: str) -> None:
    assert read(world, functions.count.at(one_url).stream(0)) == []


def test_header_items_and_footer(world: Any, url: str) -> None:
    whole = [Audio(name="a"), Segment(text="to"), Segment(text="whom"), Totals(segments=2)]
    assert read(world, functions.transcribe.at(url).stream("a", ["to", "whom"]), whole=True) == whole
    assert read(world, functions.transcribe_blocking.at(url).stream("a", ["to", "whom"]), whole=True) == whole


@pytest.mark.parametrize("encoding", ["frames", "ndjson", "sse"])
def test_each_form_gives_the_same(world: Any, one_url: str, encoding: Any) -> None:
    assert read(world, functions.count.at(one_url, encoding=encoding).stream(to=3)) == numbers(3)


def test_a_blocking_function_is_served_as_well(world: Any, url: str) -> None:
    assert read(world, functions.count_blocking.at(url).stream(to=50)) == numbers(50)


def test_text_and_other_values_come_as_what_they_were(world: Any, one_url: str) -> None:
    text = "naïve 日本 👋\n"
    assert read(world, functions.spell.at(one_url).stream(text)) == list(text)
    call = functions.pairs.at(one_url).stream(date(2026, 1, 1), names=["a", "b"])
    assert read(world, call) == [("a", 2026), ("b", 2026)]


def test_who_has_not_the_function_calls_it_by_address_and_types(world: Any, one_url: str) -> None:
    client = remote.client(f"{one_url}/transcribe", functions.TRANSCRIPT)
    assert read(world, client.stream(name="a", words=[]), whole=True) == [Audio(name="a"), Totals(segments=0)]
    assert read(world, remote.client(f"{one_url}/spell", str).stream(text="ab")) == ["a", "b"]
    with pytest.raises(TypeError):
        client.stream("a")


def test_the_function_stays_what_it_was() -> None:
    assert list(functions.count_blocking(to=2)) == numbers(2)
    assert functions.count.__name__ == "count"
    assert functions.count.__doc__ == "Count up."


def test_a_stream_that_has_been_begun_cannot_be_begun_again(one_url: str) -> None:
    call = functions.count.at(one_url).stream(to=3)
    with call:
        pass
    with pytest.raises(streaming.OutOfOrder), call:
        pass


# Errors


@pytest.mark.parametrize("after", [0, 2])
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("builtin", KeyError("key", 3)),
        ("ours", OutOfPaper("no paper")),
        ("stream", streaming.StreamTruncated("cut", frame=7, offset=8)),
    ],
)
def test_an_error_is_the_same_at_the_beginning_and_in_the_middle(
    world: Any, one_url: str, after: int, kind: str, expected: Exception
) -> None:
    seen: list[Any] = []
    with pytest.raises(type(expected)) as caught:
        read(world, functions.fail.at(one_url).stream(after, kind), seen)
    assert type(caught.value) is type(expected)
    assert caught.value.args == expected.args
    assert str(caught.value) == str(expected)
    assert seen == numbers(after)


@pytest.mark.parametrize("after", [0, 2])
def test_an_error_that_is_not_known_is_a_remote_error_unless_it_is_given(world: Any, one_url: str, after: int) -> None:
    with pytest.raises(streaming.RemoteError) as caught:
        read(world, functions.fail.at(one_url).stream(after, "other"))
    assert caught.value.type == "tests.remote.remote_streams.Elsewhere.Unknown"
    assert caught.value.message == "secret place"
    with pytest.raises(functions.Elsewhere.Unknown, match="secret place"):
        read(world, functions.fail.at(one_url, errors=[functions.Elsewhere.Unknown]).stream(after, "other"))
    client = remote.client(f"{one_url}/fail", streaming.stream_types(Number), errors=[OutOfPaper])
    with pytest.raises(OutOfPaper, match="no paper"):
        read(world, client.stream(after=after, kind="ours"))


@pytest.mark.parametrize("after", [0, 2])
def test_no_traceback_travels(one_url: str, after: int) -> None:
    answer = httpx2.post(f"{one_url}/fail", json={"after": after, "kind": "other"})
    assert answer.status_code == (200 if after else 500)
    assert b"secret place" in answer.content
    assert b"Traceback" not in answer.content
    assert b".py" not in answer.content


def test_a_function_that_fails_when_it_is_called_fails_as_any_other(world: Any, one_url: str) -> None:
    with pytest.raises(OutOfPaper, match="jam"):
        read(world, functions.fail_at_the_call.at(one_url).stream("jam"))


def test_what_is_not_of_the_declared_type_is_an_error_of_the_server(world: Any, one_url: str) -> None:
    with pytest.raises(streaming.WrongModel, match="Number"):
        read(world, functions.give_another_model.at(one_url).stream())
    seen: list[Any] = []
    with pytest.raises(streaming.WrongModel, match="give_another_value gave 'x'"):
        read(world, functions.give_another_value.at(one_url).stream(), seen)
    assert seen == [1]


def test_a_footer_that_is_not_given_is_an_error(world: Any, one_url: str) -> None:
    seen: list[Any] = []
    with pytest.raises(streaming.OutOfOrder, match="footer"):
        read(world, functions.forget_the_footer.at(one_url).stream(), seen, whole=True)
    assert seen == [Audio(name="a"), Segment(text="b")]


# Requests


def test_arguments_are_validated_at_the_server(world: Any, url: str) -> None:
    with pytest.raises(remote.InvalidArguments, match="count: to: Input should be a valid integer") as caught:
        read(world, functions.count.at(url).stream(to="three"))
    assert isinstance(caught.value, ValueError)
    assert caught.value.status == 422
    assert [error["loc"] for error in caught.value.details["errors"]] == [["to"]]


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"{}", "to: Missing required argument"),
        (b'{"to": 3, "by": 2}', "by: Unexpected keyword argument"),
        (b"[3]", "has to be a JSON object"),
        (b"", "has to be a JSON object"),
        (b'{"to": ', "Invalid JSON"),
        (b'{"to": "\xff"}', "Invalid JSON"),
    ],
)
def test_a_body_that_does_not_fit_is_a_422_in_json(url: str, body: bytes, word: str) -> None:
    answer = httpx2.post(f"{url}/count", content=body)
    assert answer.status_code == 422
    detail = answer.json()["detail"]
    assert detail["type"] == "InvalidArguments"
    assert word in detail["message"]


def test_arguments_that_fit_no_call_are_a_type_error_here() -> None:
    client = functions.count.at("http://127.0.0.1:9")
    with pytest.raises(TypeError, match=r"count\(\) missing a required argument: 'to'"):
        client.stream()  # type: ignore[call-arg]


def test_an_argument_that_cannot_be_written_is_an_error_here() -> None:
    with pytest.raises(streaming.NotSerializable):
        remote.client("http://127.0.0.1:9", str).stream(text=object())


@pytest.mark.parametrize("chunked", [False, True])
def test_a_request_that_is_too_large_is_refused(chunked: bool) -> None:
    body = json.dumps({"text": "x" * 2000}).encode()
    with served(remote.asgi(functions.spell, max_body=1000)) as address:
        answer = httpx2.post(f"{address}/spell", content=iter([body[:700], body[700:]]) if chunked else body)
        assert answer.status_code == 413
        with pytest.raises(remote.RequestRefused, match="may have 1000 bytes") as caught:
            with functions.spell.at(address).stream("x" * 2000):
                pass
        assert caught.value.status == 413


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("application/x-ndjson", "application/x-ndjson"),
        ("text/html, text/event-stream;q=0.9", "text/event-stream; charset=utf-8"),
        ("*/*", "application/octet-stream"),
    ],
)
def test_who_asks_says_which_form_it_wants(url: str, accept: str, media_type: str) -> None:
    answer = httpx2.post(f"{url}/count", json={"to": 1}, headers={"accept": accept})
    assert answer.headers["content-type"] == media_type
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-accel-buffering"] == "no"


def test_lines_can_be_read_without_this_library(one_url: str) -> None:
    answer = httpx2.post(f"{one_url}/spell", json={"text": "hé"}, headers={"accept": "application/x-ndjson"})
    assert [json.loads(line) for line in answer.text.splitlines()] == [
        {"item": "h"},
        {"item": "é"},
        {"end": {"items": 2}},
    ]


def test_dependencies_guard_the_routes_and_headers_are_sent(world: Any) -> None:
    def check(authorization: str = Header("")) -> None:
        if authorization != "Bearer key":
            raise HTTPException(401, "who are you?")

    app = FastAPI()
    app.include_router(remote.router(functions.count, dependencies=[Depends(check)]))
    with served(app) as address:
        with pytest.raises(remote.RequestRefused, match=r"HTTP 401.*who are you\?") as caught:
            read(world, functions.count.at(address).stream(to=1))
        assert caught.value.status == 401
        client = functions.count.at(address, headers={"Authorization": "Bearer key"})
        assert read(world, client.stream(to=1)) == numbers(1)


def test_openapi_tells_of_the_arguments() -> None:
    app = FastAPI()
    app.include_router(remote.router(functions.count), prefix="/streams")
    route = app.openapi()["paths"]["/streams/count"]["post"]
    schema = route["requestBody"]["content"]["application/json"]["schema"]
    assert schema["properties"].keys() == {"to", "start", "pause"}
    assert schema["required"] == ["to"]
    assert route["description"] == "Count up."


def test_other_addresses_and_methods_are_errors_that_say_so(one_url: str) -> None:
    assert httpx2.get(f"{one_url}/count").status_code == 405
    assert httpx2.post(f"{one_url}/nothing").status_code == 404
    with pytest.raises(remote.RequestRefused, match="there is no stream 'nothing'"):
        with remote.client(f"{one_url}/nothing", str).stream():
            pass


# Declarations


def test_a_function_has_to_say_what_it_gives() -> None:
    async def nothing(): ...  # noqa: ANN202

    async def coroutine() -> AsyncIterator[Number]:
        return functions.count(3)

    def one() -> Number:
        return Number(value=1)

    for function in (nothing, coroutine, one):
        with pytest.raises(DeclarationError, match=rf"{function.__name__}: its annotation has to say what it gives"):
            remote.stream(function)  # type: ignore[call-overload]


def test_arguments_need_names() -> None:
    def some(*values: int) -> Iterator[Number]:
        yield from ()

    def first(value: int, /) -> Iterator[Number]:
        yield from ()

    for function in (some, first):
        with pytest.raises(DeclarationError, match="travel by their names"):
            remote.stream(function)


def test_a_type_that_is_not_there_is_named() -> None:
    def give() -> Iterator[Missing]:  # noqa: F821
        yield from ()

    with pytest.raises(DeclarationError, match="give: its annotations cannot be resolved: name 'Missing'"):
        remote.stream(give)


def test_types_may_be_local() -> None:
    class Local(Number): ...

    @remote.stream
    def give(first: Local) -> Iterator[Local]:
        yield first

    assert give.types.item_type is Local


def test_an_item_that_could_be_the_footer_is_refused() -> None:
    def give() -> Iterator[Number]:
        yield from ()

    with pytest.raises(DeclarationError, match="a Number could be an item as well as the footer"):
        remote.stream(streaming.stream_types(Number, footer_type=Number))(give)


def test_settings_are_checked() -> None:
    with pytest.raises(ConfigurationError, match="two functions are called 'count'"):
        remote.asgi(functions.count, functions.count)
    with pytest.raises(ConfigurationError, match="buffer"):
        remote.asgi(functions.count, buffer=0)
    with pytest.raises(ConfigurationError, match="Timeouts.idle must be a number of seconds > 0, got 0"):
        functions.count.at("http://127.0.0.1", timeout=Timeouts(idle=0))


class Plain:
    """A class that pydantic knows nothing of."""


def test_an_argument_that_cannot_be_written_is_named_with_its_function(one_url: str) -> None:
    @remote.stream
    def give(first: int, anything: object = None) -> Iterator[int]:
        yield first

    loop: list[Any] = []
    loop.append(loop)
    for argument, kind in ((Plain(), "Plain"), (loop, "list"), (b"\xff", "bytes"), ("\ud83d", "str")):
        message = (
            rf"give: the argument 'anything', of the type {kind}, cannot be written as JSON \(.+\); give plain data"
        )
        with pytest.raises(streaming.NotSerializable, match=message):
            give.at(one_url).stream(1, argument)
        with pytest.raises(streaming.NotSerializable, match=f"{one_url}/give: the argument 'anything'"):
            remote.client(f"{one_url}/give", int).stream(first=1, anything=argument)


def test_a_client_of_an_address_takes_arguments_by_their_names(one_url: str) -> None:
    with pytest.raises(TypeError, match=f"{one_url}/spell: its arguments are given by their names"):
        remote.client(f"{one_url}/spell", str).stream("ab")


def test_types_that_do_not_travel_are_named_with_their_function() -> None:
    def give() -> Iterator[Plain]:
        yield Plain()

    def take(thing: Plain) -> Iterator[int]:
        yield 1

    def call(back: Callable[[int], int]) -> Iterator[int]:
        yield 1

    def divide(thing: 1 / 0) -> Iterator[int]:  # type: ignore[valid-type]
        yield 1

    with pytest.raises(
        DeclarationError, match=r"give: its items are of the type .*Plain.*; give plain data or a pydantic"
    ):
        remote.stream(give)  # type: ignore[type-var]
    with pytest.raises(
        DeclarationError, match=r"take: its parameter 'thing' is a .*Plain.*; take plain data or a pydantic"
    ):
        remote.stream(take)
    with pytest.raises(DeclarationError, match="call: its parameter 'back' is a .*Callable.*JSON cannot be read into"):
        remote.stream(call)
    with pytest.raises(DeclarationError, match="divide: its annotations cannot be resolved: division by zero"):
        remote.stream(divide)


@pytest.mark.parametrize("given", [5, Plain(), functools.partial(print)])
def test_only_functions_are_streams(given: Any) -> None:
    with pytest.raises(DeclarationError, match=r"is no function; put @remote\.stream above a `def`"):
        remote.stream(given)


def test_an_iterator_of_nothing_in_particular_does_not_say_what_it_gives() -> None:
    def give() -> typing.Iterator:  # type: ignore[type-arg]  # noqa: UP006
        yield Number(value=1)

    with pytest.raises(DeclarationError, match="give: its annotation has to say what it gives"):
        remote.stream(give)
    assert remote.stream(streaming.stream_types(Number))(give).types.item_type is Number


@pytest.mark.parametrize("types", [Plain, list[Plain], 5, "Missing"])
def test_a_client_of_types_that_do_not_travel_is_refused(types: Any) -> None:
    with pytest.raises(
        ConfigurationError, match="types is .*, which JSON cannot be read into; it is what streaming.stream"
    ):
        remote.client("http://127.0.0.1:9", types)


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("url", 5, "url is 5; it is a text that begins with http:// or https://"),
        ("url", b"http://a", "url is b'http://a'; it is a text that begins with http:// or https://"),
        ("headers", ["Bearer key"], "headers must be a mapping of str to str, got list"),
        (
            "headers",
            {"Authorization": "schlüssel"},
            "header 'Authorization': value must be printable ASCII on one line",
        ),
        ("headers", {"Two": "a\r\nb: c"}, "header 'Two': value must be printable ASCII on one line"),
        ("headers", {"Count": 1}, "header 'Count' must be a str, got int"),
        ("errors", OSError, "errors is <class 'OSError'>; it is a list of classes of exceptions"),
        ("errors", [5], r"errors is \[5\]; it is a list of classes of exceptions"),
        ("errors", [int], r"errors is \[<class 'int'>\]; it is a list of classes of exceptions"),
        ("encoding", ["sse"], r"encoding is \['sse'\]; it is one of 'frames'"),
        ("max_frame_size", 1.5, "max_frame_size is 1.5; it is a whole number of bytes, from 1"),
    ],
)
def test_a_setting_of_a_client_that_is_wrong_is_named_before_anything_is_sent(
    setting: str, value: Any, message: str
) -> None:
    settings = {"url": "http://127.0.0.1:9", setting: value}
    for make in (functions.count.at, functools.partial(remote.client, types=Number)):
        with pytest.raises(ConfigurationError, match=message):
            make(**settings)  # type: ignore[operator]


@pytest.mark.parametrize("serve", [remote.router, remote.asgi])
def test_a_setting_of_a_server_that_is_wrong_is_named(serve: Any) -> None:
    def plain() -> Iterator[int]:
        yield 1

    with pytest.raises(ConfigurationError, match=r"plain is no remote stream; put @remote\.stream above it"):
        serve(functions.count, plain)
    for value in ("x", None, 1.5, True, 0, -1):
        with pytest.raises(ConfigurationError, match=f"buffer is {value!r}; it is a whole number of items, from 1"):
            serve(functions.count, buffer=value)
        with pytest.raises(ConfigurationError, match=f"max_body is {value!r}; it is a whole number of bytes, from 1"):
            serve(functions.count, max_body=value)
