"""A function yields the same items from a server: in each world, in each encoding, with exact errors."""

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


@pytest.mark.slow
def test_the_items_come_from_the_server(world: Any, url: str) -> None:
    assert read(world, functions.count.at(url).stream(to=3)) == numbers(3)


def test_an_empty_stream_is_complete(world: Any, one_url: str) -> None:
    assert read(world, functions.count.at(one_url).stream(0)) == []


def test_header_items_and_footer(world: Any, url: str) -> None:
    expected = [Audio(name="a"), Segment(text="to"), Segment(text="whom"), Totals(segments=2)]
    assert read(world, functions.transcribe.at(url).stream("a", ["to", "whom"]), with_ends=True) == expected
    assert read(world, functions.transcribe_blocking.at(url).stream("a", ["to", "whom"]), with_ends=True) == expected


@pytest.mark.parametrize("encoding", ["frames", "ndjson", "sse"])
def test_each_encoding_yields_the_same(world: Any, one_url: str, encoding: Any) -> None:
    assert read(world, functions.count.at(one_url, encoding=encoding).stream(to=3)) == numbers(3)


def test_a_blocking_function_is_served_as_well(world: Any, url: str) -> None:
    assert read(world, functions.count_blocking.at(url).stream(to=50)) == numbers(50)


def test_text_and_other_values_round_trip(world: Any, one_url: str) -> None:
    text = "naïve 日本 👋\n"
    assert read(world, functions.spell.at(one_url).stream(text)) == list(text)
    call = functions.pairs.at(one_url).stream(date(2026, 1, 1), names=["a", "b"])
    assert read(world, call) == [("a", 2026), ("b", 2026)]


def test_a_function_can_be_called_by_url_and_types(world: Any, one_url: str) -> None:
    client = remote.client(f"{one_url}/transcribe", functions.TRANSCRIPT)
    assert read(world, client.stream(name="a", words=[]), with_ends=True) == [Audio(name="a"), Totals(segments=0)]
    assert read(world, remote.client(f"{one_url}/spell", str).stream(text="ab")) == ["a", "b"]
    with pytest.raises(TypeError):
        client.stream("a")


def test_the_decorated_function_can_be_called_locally() -> None:
    assert list(functions.count_blocking(to=2)) == numbers(2)
    assert functions.count.__name__ == "count"
    assert functions.count.__doc__ == "Count up."


def test_a_call_cannot_be_started_twice(one_url: str) -> None:
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
    items: list[Any] = []
    with pytest.raises(type(expected)) as caught:
        read(world, functions.fail.at(one_url).stream(after, kind), items)
    assert type(caught.value) is type(expected)
    assert caught.value.args == expected.args
    assert str(caught.value) == str(expected)
    assert items == numbers(after)


@pytest.mark.parametrize("after", [0, 2])
def test_an_unknown_error_is_a_remote_error_unless_its_class_is_passed(world: Any, one_url: str, after: int) -> None:
    with pytest.raises(streaming.RemoteError) as caught:
        read(world, functions.fail.at(one_url).stream(after, "other"))
    assert caught.value.type == "tests.remote.remote_streams.Hidden.Unknown"
    assert caught.value.message == "secret detail"
    with pytest.raises(functions.Hidden.Unknown, match="secret detail"):
        read(world, functions.fail.at(one_url, errors=[functions.Hidden.Unknown]).stream(after, "other"))
    client = remote.client(f"{one_url}/fail", streaming.stream_types(Number), errors=[OutOfPaper])
    with pytest.raises(OutOfPaper, match="no paper"):
        read(world, client.stream(after=after, kind="ours"))


@pytest.mark.parametrize("after", [0, 2])
def test_no_traceback_is_sent(one_url: str, after: int) -> None:
    answer = httpx2.post(f"{one_url}/fail", json={"after": after, "kind": "other"})
    assert answer.status_code == (200 if after else 500)
    assert b"secret detail" in answer.content
    assert b"Traceback" not in answer.content
    assert b".py" not in answer.content


def test_a_function_that_fails_when_it_is_called_raises_its_error(world: Any, one_url: str) -> None:
    with pytest.raises(OutOfPaper, match="jam"):
        read(world, functions.fail_at_the_call.at(one_url).stream("jam"))


def test_an_item_of_another_type_is_an_error_of_the_server(world: Any, one_url: str) -> None:
    with pytest.raises(streaming.WrongModel, match="Number"):
        read(world, functions.yield_another_model.at(one_url).stream())
    items: list[Any] = []
    with pytest.raises(
        streaming.WrongModel,
        match="the items of yield_another_value must be of the declared type, got str: Input should be a valid integer",
    ):
        read(world, functions.yield_another_value.at(one_url).stream(), items)
    assert items == [1]


def test_a_missing_footer_is_an_error(world: Any, one_url: str) -> None:
    items: list[Any] = []
    with pytest.raises(streaming.OutOfOrder, match="footer"):
        read(world, functions.omit_the_footer.at(one_url).stream(), items, with_ends=True)
    assert items == [Audio(name="a"), Segment(text="b")]


# Requests


def test_arguments_are_validated_at_the_server(world: Any, url: str) -> None:
    with pytest.raises(remote.InvalidArguments, match="count: to: Input should be a valid integer") as caught:
        read(world, functions.count.at(url).stream(to="three"))
    assert isinstance(caught.value, ValueError)
    assert caught.value.status == 422
    assert [error["loc"] for error in caught.value.details["errors"]] == [["to"]]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{}", "to: Missing required argument"),
        (b'{"to": 3, "by": 2}', "by: Unexpected keyword argument"),
        (b"[3]", "count: the request body must be a JSON object"),
        (b"", "count: the request body must be a JSON object"),
        (b'{"to": ', "Invalid JSON"),
        (b'{"to": "\xff"}', "Invalid JSON"),
    ],
)
def test_a_body_that_does_not_fit_is_a_422_in_json(url: str, body: bytes, message: str) -> None:
    answer = httpx2.post(f"{url}/count", content=body)
    assert answer.status_code == 422
    detail = answer.json()["detail"]
    assert detail["type"] == "InvalidArguments"
    assert message in detail["message"]


def test_arguments_that_do_not_fit_the_signature_are_a_local_type_error() -> None:
    client = functions.count.at("http://127.0.0.1:9")
    with pytest.raises(TypeError, match=r"count\(\) missing a required argument: 'to'"):
        client.stream()  # type: ignore[call-arg]


def test_an_argument_that_cannot_be_serialized_is_a_local_error() -> None:
    with pytest.raises(streaming.NotSerializable):
        remote.client("http://127.0.0.1:9", str).stream(text=object())


@pytest.mark.parametrize("chunked", [False, True])
def test_a_request_that_is_too_large_is_rejected(chunked: bool) -> None:
    body = json.dumps({"text": "x" * 2000}).encode()
    with served(remote.asgi(functions.spell, max_body=1000)) as address:
        answer = httpx2.post(f"{address}/spell", content=iter([body[:700], body[700:]]) if chunked else body)
        assert answer.status_code == 413
        with pytest.raises(remote.RequestRefused, match="the request body must be at most 1000 bytes") as caught:
            with functions.spell.at(address).stream("x" * 2000):
                pass
        assert caught.value.status == 413


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("application/x-ndjson", "application/x-ndjson"),
        ("text/html, text/event-stream;q=0.9", "text/event-stream; charset=utf-8"),
        ("Text/Event-Stream", "text/event-stream; charset=utf-8"),  # names of media types have no case (RFC 9110)
        ("*/*;q=0.1,  APPLICATION/X-NDJSON ;q=1", "application/x-ndjson"),
        ("*/*", "application/octet-stream"),
    ],
)
def test_the_accept_header_selects_the_encoding(url: str, accept: str, media_type: str) -> None:
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


@pytest.mark.slow
def test_dependencies_protect_the_routes_and_headers_are_sent(world: Any) -> None:
    def check(authorization: str = Header("")) -> None:
        if authorization != "Bearer key":
            raise HTTPException(401, "wrong key")

    app = FastAPI()
    app.include_router(remote.router(functions.count, dependencies=[Depends(check)]))
    with served(app) as address:
        with pytest.raises(remote.RequestRefused, match=r"HTTP 401.*wrong key") as caught:
            read(world, functions.count.at(address).stream(to=1))
        assert caught.value.status == 401
        client = functions.count.at(address, headers={"Authorization": "Bearer key"})
        assert read(world, client.stream(to=1)) == numbers(1)


def test_openapi_describes_the_arguments() -> None:
    app = FastAPI()
    app.include_router(remote.router(functions.count), prefix="/streams")
    route = app.openapi()["paths"]["/streams/count"]["post"]
    schema = route["requestBody"]["content"]["application/json"]["schema"]
    assert schema["properties"].keys() == {"to", "start", "pause"}
    assert schema["required"] == ["to"]
    assert route["description"] == "Count up."


@pytest.mark.slow
def test_unknown_urls_and_other_methods_are_errors(one_url: str) -> None:
    assert httpx2.get(f"{one_url}/count").status_code == 405
    assert httpx2.post(f"{one_url}/nothing").status_code == 404
    with pytest.raises(remote.RequestRefused, match="unknown stream 'nothing'"):
        with remote.client(f"{one_url}/nothing", str).stream():
            pass


# Declarations


def test_a_function_must_annotate_its_items() -> None:
    async def nothing(): ...  # noqa: ANN202

    async def coroutine() -> AsyncIterator[Number]:
        return functions.count(3)

    def one() -> Number:
        return Number(value=1)

    for function in (nothing, coroutine, one):
        with pytest.raises(
            DeclarationError, match=rf"{function.__name__}: the return annotation must be AsyncIterator\[Item\]"
        ):
            remote.stream(function)  # type: ignore[call-overload]


def test_parameters_must_be_passed_by_name() -> None:
    def some(*values: int) -> Iterator[Number]:
        yield from ()

    def first(value: int, /) -> Iterator[Number]:
        yield from ()

    message = "parameter '{}' must be one that can be passed by name, got a {} one"
    with pytest.raises(DeclarationError, match="some: " + message.format("values", "variadic positional")):
        remote.stream(some)
    with pytest.raises(DeclarationError, match="first: " + message.format("value", "positional-only")):
        remote.stream(first)


def test_an_unknown_type_is_named() -> None:
    def give() -> Iterator[Missing]:  # noqa: F821
        yield from ()

    with pytest.raises(DeclarationError, match="give: cannot resolve the annotations: name 'Missing'"):
        remote.stream(give)


def test_types_can_be_local() -> None:
    class Local(Number): ...

    @remote.stream
    def give(first: Local) -> Iterator[Local]:
        yield first

    assert give.types.item_type is Local


def test_items_and_footer_of_the_same_type_are_rejected() -> None:
    def give() -> Iterator[Number]:
        yield from ()

    with pytest.raises(
        DeclarationError, match="give: the types of items and footer must be distinct, got Number and Number"
    ):
        remote.stream(streaming.stream_types(Number, footer_type=Number))(give)


def test_settings_are_checked() -> None:
    with pytest.raises(ConfigurationError, match="two functions are named 'count'"):
        remote.asgi(functions.count, functions.count)
    with pytest.raises(ConfigurationError, match=r"buffer must be an integer >= 1 \(items\), got 0"):
        remote.asgi(functions.count, buffer=0)
    with pytest.raises(ConfigurationError, match="Timeouts.idle must be a number of seconds > 0, got 0"):
        functions.count.at("http://127.0.0.1", timeout=Timeouts(idle=0))


class Plain:
    """A class that pydantic does not support."""


def test_an_argument_that_cannot_be_serialized_is_named_with_its_function(one_url: str) -> None:
    @remote.stream
    def give(first: int, anything: object = None) -> Iterator[int]:
        yield first

    loop: list[Any] = []
    loop.append(loop)
    for argument, kind in ((Plain(), "Plain"), (loop, "list"), (b"\xff", "bytes"), ("\ud83d", "str")):
        message = rf"give: cannot serialize argument 'anything' of type {kind} as JSON \(.+\); pass plain data"
        with pytest.raises(streaming.NotSerializable, match=message):
            give.at(one_url).stream(1, argument)
        with pytest.raises(streaming.NotSerializable, match=f"{one_url}/give: cannot serialize argument 'anything'"):
            remote.client(f"{one_url}/give", int).stream(first=1, anything=argument)


def test_a_client_of_a_url_takes_keyword_arguments_only(one_url: str) -> None:
    with pytest.raises(TypeError, match=f"{one_url}/spell: arguments must be passed by name"):
        remote.client(f"{one_url}/spell", str).stream("ab")


def test_types_that_json_cannot_be_read_into_are_named_with_their_function() -> None:
    def give() -> Iterator[Plain]:
        yield Plain()

    def take(thing: Plain) -> Iterator[int]:
        yield 1

    def call(back: Callable[[int], int]) -> Iterator[int]:
        yield 1

    def divide(thing: 1 / 0) -> Iterator[int]:  # type: ignore[valid-type]
        yield 1

    with pytest.raises(
        DeclarationError,
        match=r"give: the type of the items must be one .*, got .*Plain.*; use plain data or a pydantic",
    ):
        remote.stream(give)  # type: ignore[type-var]
    with pytest.raises(
        DeclarationError,
        match=r"take: the type of parameter 'thing' must be one .*, got .*Plain.*; use plain data or a pydantic",
    ):
        remote.stream(take)
    with pytest.raises(
        DeclarationError,
        match="call: the type of parameter 'back' must be one that JSON can be read into, got .*Callable",
    ):
        remote.stream(call)
    with pytest.raises(DeclarationError, match="divide: cannot resolve the annotations: division by zero"):
        remote.stream(divide)


@pytest.mark.parametrize("value", [5, Plain(), functools.partial(print)])
def test_only_functions_can_be_streams(value: Any) -> None:
    with pytest.raises(
        DeclarationError, match=rf"must be a function, got {type(value).__name__}; put @remote\.stream above a `def`"
    ):
        remote.stream(value)


def test_an_iterator_without_an_item_type_is_rejected() -> None:
    def give() -> typing.Iterator:  # type: ignore[type-arg]  # noqa: UP006
        yield Number(value=1)

    with pytest.raises(DeclarationError, match="give: the return annotation must be"):
        remote.stream(give)
    assert remote.stream(streaming.stream_types(Number))(give).types.item_type is Number


@pytest.mark.parametrize("types", [Plain, list[Plain], 5, "Missing"])
def test_a_client_of_types_that_json_cannot_be_read_into_is_rejected(types: Any) -> None:
    with pytest.raises(
        ConfigurationError,
        match=r"types must be the result of streaming.stream_types\(\) or a type that JSON can be read into, got ",
    ):
        remote.client("http://127.0.0.1:9", types)


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("url", 5, "url must be a str, got int; for instance 'https://"),
        ("url", b"http://a", "url must be a str, got bytes; for instance 'https://"),
        ("headers", ["Bearer key"], "headers must be a mapping of str to str, got list"),
        (
            "headers",
            {"Authorization": "schlüssel"},
            "the value of header 'Authorization' must be printable ASCII on one line",
        ),
        ("headers", {"Two": "a\r\nb: c"}, "the value of header 'Two' must be printable ASCII on one line"),
        ("headers", {"Count": 1}, "header 'Count' must be a str, got int"),
        ("errors", OSError, "errors must be a list of exception classes, got the class OSError"),
        ("errors", [5], r"errors\[0\] must be an exception class, got int"),
        ("errors", [int], r"errors\[0\] must be an exception class, got the class int"),
        ("encoding", ["sse"], "encoding must be one of 'frames', 'ndjson', 'sse', got list"),
        ("max_frame_size", 1.5, r"max_frame_size must be an integer >= 1 \(bytes\), got float"),
    ],
)
def test_a_wrong_setting_of_a_client_is_named_before_anything_is_sent(setting: str, value: Any, message: str) -> None:
    settings = {"url": "http://127.0.0.1:9", setting: value}
    for make in (functions.count.at, functools.partial(remote.client, types=Number)):
        with pytest.raises(ConfigurationError, match=message):
            make(**settings)  # type: ignore[operator]


@pytest.mark.parametrize("serve", [remote.router, remote.asgi])
def test_a_wrong_setting_of_a_server_is_named(serve: Any) -> None:
    def plain() -> Iterator[int]:
        yield 1

    with pytest.raises(
        ConfigurationError, match=r"plain must be a remote stream, got function; put @remote\.stream above it"
    ):
        serve(functions.count, plain)
    for value, got in (("x", "str"), (None, "None"), (1.5, "float"), (True, "bool"), (0, "0"), (-1, "-1")):
        with pytest.raises(ConfigurationError, match=rf"buffer must be an integer >= 1 \(items\), got {got}"):
            serve(functions.count, buffer=value)
        with pytest.raises(ConfigurationError, match=rf"max_body must be an integer >= 1 \(bytes\), got {got}"):
            serve(functions.count, max_body=value)
