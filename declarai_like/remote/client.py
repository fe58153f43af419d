"""The client of a remote function, and one call of it: a stream, read in sync or async code."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, ParamSpec, Self, TypeVar, cast, overload

from pydantic.errors import PydanticUserError

from .._core import checks
from .._core.flow import Driver
from .._net.http_clients import checked_headers
from .._net.timeouts import Timeouts
from ..streaming import AsyncStreamReader, OutOfOrder, StreamReader, StreamTypes, stream_reader
from ..streaming.declaration import Footer, Header, Item
from ..streaming.encodings import ENCODINGS, EncodingName, encoding_of
from ..streaming.reader import MAX_FRAME_SIZE
from .arguments import dump_arguments
from .clients import SHARED, HTTPClients, http_clients
from .http_stream import StreamRequest, stream_bytes
from .timer import StreamTimer
from .values import AsyncValueReader, ValueReader, types_of

P = ParamSpec("P")
Value = TypeVar("Value")
Reader_co = TypeVar("Reader_co", covariant=True)
AsyncReader_co = TypeVar("AsyncReader_co", covariant=True)


@dataclass(frozen=True)
class ClientSettings:
    """The settings of a client.

    Attributes:
        has_values: True if the items are plain values, which are wrapped in models for the stream.
        errors: returns the classes of errors that the producer may raise here. A function, so that classes that the
            function's module defines or imports later are included.

    Raises:
        ConfigurationError: a setting is wrong.
    """

    url: str
    types: StreamTypes[Any, Any, Any]
    has_values: bool
    errors: Callable[[], list[type[Exception]]]
    headers: Mapping[str, str]
    timeouts: Timeouts
    encoding: EncodingName
    max_frame_size: int

    def __post_init__(self) -> None:
        checks.string("url", self.url, hint="for instance 'https://host/streams/count'")
        checked_headers(self.headers)
        checks.one_of("encoding", self.encoding, ENCODINGS)
        checks.integer("max_frame_size", self.max_frame_size, minimum=1, unit="bytes")


def error_classes(errors: object) -> list[type[Exception]]:
    """Return the exception classes of a setting ``errors``.

    Raises:
        ConfigurationError: it is not a list of exception classes.
    """
    hint = "for instance [OSError]"
    if not isinstance(errors, Iterable):
        raise checks.wrong_type("errors", "a list of exception classes", errors, hint)
    classes: list[type[Exception]] = []
    for index, cls in enumerate(cast("Iterable[object]", errors)):
        if not inspect.isclass(cls) or not issubclass(cls, Exception):
            raise checks.wrong_type(f"errors[{index}]", "an exception class", cls, hint)
        classes.append(cls)
    return classes


class Client(Generic[P, Reader_co, AsyncReader_co]):
    """Calls a remote function; created by ``function.at(url)`` or by `client`.

    Clients share one pool of connections. As a context manager, sync or async, a client uses a private pool, which is
    closed at the end of the block.
    """

    def __init__(self, settings: ClientSettings, dump: Callable[..., bytes]) -> None:
        self._settings = settings
        self._dump = dump  # returns the JSON of the arguments
        self._clients = SHARED

    def stream(self, *args: P.args, **kwargs: P.kwargs) -> RemoteCall[Reader_co, AsyncReader_co]:
        """Return one call of the function. Its ``with`` or ``async with`` sends the request.

        Raises:
            TypeError: the arguments do not fit the function's signature.
            NotSerializable: an argument cannot be serialized.
        """
        return RemoteCall(self._settings, self._clients, self._dump(*args, **kwargs))

    def __enter__(self) -> Self:
        self._clients = http_clients()
        return self

    def __exit__(self, *_: object) -> None:
        self._clients.close()
        self._clients = SHARED

    async def __aenter__(self) -> Self:
        self._clients = http_clients()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._clients.aclose()
        self._clients = SHARED


class RemoteCall(Generic[Reader_co, AsyncReader_co]):
    """One call. ``with`` returns the reader of its stream, ``async with`` an async one; the end closes the connection.

    Raises:
        ServerUnreachable: in ``with``: the connection failed, or it broke before the response began.
        RequestRefused: in ``with``: the server responded with an error status; `InvalidArguments` if the arguments do
            not fit.
        NotAStream: in ``with``: the response is something else.
        RemoteTimeout: in ``with`` and in the reader: a time limit has passed.
        RemoteError: in ``with`` and in the reader: the function failed. An error of a known class is raised as that
            class instead.
        OutOfOrder: in ``with``: the call was already started.
    """

    def __init__(self, settings: ClientSettings, clients: HTTPClients, body: bytes) -> None:
        self._settings = settings
        self._clients = clients
        self._body = body
        self._pieces: Generator[bytes, None, None] | None = None
        self._async_pieces: AsyncGenerator[bytes, None] | None = None

    def __enter__(self) -> Reader_co:
        self._pieces = self._start().items()
        next(self._pieces)  # the empty first item: the head of the response was accepted
        reader = stream_reader(self._settings.types, self._pieces, **self._reader_settings())
        return cast("Reader_co", ValueReader[Any](reader) if self._settings.has_values else reader)

    def __exit__(self, *_: object) -> None:
        assert self._pieces is not None
        self._pieces.close()  # the driver of the flow closes the response

    async def __aenter__(self) -> AsyncReader_co:
        self._async_pieces = self._start().aitems()
        await anext(self._async_pieces)
        reader = stream_reader(self._settings.types, self._async_pieces, **self._reader_settings())
        return cast("AsyncReader_co", AsyncValueReader[Any](reader) if self._settings.has_values else reader)

    async def __aexit__(self, *_: object) -> None:
        assert self._async_pieces is not None
        await self._async_pieces.aclose()

    def _start(self) -> Driver[bytes, None]:
        if self._pieces is not None or self._async_pieces is not None:
            raise OutOfOrder("the call was already started; call stream() again for another one")
        settings = self._settings
        request = StreamRequest(
            url=settings.url,
            body=self._body,
            headers=settings.headers,
            media_type=encoding_of(settings.encoding).media_type,
            errors=settings.errors,
        )
        return Driver(stream_bytes(self._clients, request, StreamTimer(settings.timeouts)))

    def _reader_settings(self) -> dict[str, Any]:
        settings = self._settings
        return {
            "encoding": settings.encoding,
            "max_frame_size": settings.max_frame_size,
            "errors": settings.errors(),
        }


@overload
def client(
    url: str,
    types: StreamTypes[Item, Header, Footer],
    *,
    errors: Iterable[type[Exception]] = (),
    headers: Mapping[str, str] = ...,
    timeout: Timeouts | float | None = None,
    encoding: EncodingName = "frames",
    max_frame_size: int = MAX_FRAME_SIZE,
) -> Client[..., StreamReader[Item, Header, Footer], AsyncStreamReader[Item, Header, Footer]]: ...
@overload
def client(
    url: str,
    types: type[Value],
    *,
    errors: Iterable[type[Exception]] = (),
    headers: Mapping[str, str] = ...,
    timeout: Timeouts | float | None = None,
    encoding: EncodingName = "frames",
    max_frame_size: int = MAX_FRAME_SIZE,
) -> Client[..., ValueReader[Value], AsyncValueReader[Value]]: ...
def client(
    url: str,
    types: StreamTypes[Any, Any, Any] | type[Any],
    *,
    errors: Iterable[type[Exception]] = (),
    headers: Mapping[str, str] | None = None,
    timeout: Timeouts | float | None = None,
    encoding: EncodingName = "frames",
    max_frame_size: int = MAX_FRAME_SIZE,
) -> Client[..., Any, Any]:
    """Return a client of a function whose code is not available here, from its URL and the types of its stream.

    The arguments of ``stream`` are passed by name.

    Args:
        url: the URL of the function.
        types: the result of `streaming.stream_types`; or the type of items that are plain values, such as ``str``.
        errors: classes of errors that the producer may raise here, in addition to those of Python and of typed streams.
            For an error of another class, a `streaming.RemoteError` is raised.
        headers: sent with each request.
        timeout: `Timeouts`, or one number of seconds for the whole stream. Each limit has its own error.
        encoding: the encoding of the stream that is requested from the server.
        max_frame_size: in bytes. A larger item is rejected.

    Raises:
        ConfigurationError: a setting is wrong.
    """
    known = error_classes(errors)
    try:
        declared, has_values = (types, False) if isinstance(types, StreamTypes) else types_of(types)
    except (PydanticUserError, NameError) as error:  # a NameError: the type is a str, or contains one
        expected = "the result of streaming.stream_types() or a type that JSON can be read into"
        raise checks.wrong_value("types", expected, types, "for plain values, for instance str") from error
    settings = ClientSettings(
        url, declared, has_values, lambda: known, headers or {}, Timeouts.of(timeout), encoding, max_frame_size
    )

    def dump(*args: Any, **arguments: Any) -> bytes:
        if args:
            raise TypeError(f"{url}: arguments must be passed by name, since the signature is not known here")
        return dump_arguments(url, arguments)

    return Client(settings, dump)
