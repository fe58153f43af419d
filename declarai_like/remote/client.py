"""The consumer's end: a client of one function elsewhere, and one stream from it, in both worlds."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, ParamSpec, Self, TypeVar, cast, overload

from pydantic.errors import PydanticUserError

from .._core.flow import Driver
from .._net.http_clients import checked_headers
from .._net.timeouts import Timeouts
from ..errors import ConfigurationError
from ..streaming import AsyncStreamReader, OutOfOrder, StreamReader, StreamTypes, stream_reader
from ..streaming.declared import Footer, Header, Item
from ..streaming.encodings import ENCODINGS, EncodingName, encoding_of
from ..streaming.reader import MAX_FRAME_SIZE
from .answer import StreamRequest, stream_of
from .arguments import json_of
from .clients import SHARED, HTTPClients, http_clients
from .timer import StreamTimer
from .values import AsyncValueReader, ValueReader, types_of

P = ParamSpec("P")
Value = TypeVar("Value")
Reader_co = TypeVar("Reader_co", covariant=True)
AsyncReader_co = TypeVar("AsyncReader_co", covariant=True)


@dataclass(frozen=True)
class ClientSettings:
    """How a client reads the streams of a function.

    Attributes:
        has_values: whether the items are values, which travel in models.
        errors: gives the classes of errors that the producer may raise here.
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
        if not isinstance(cast("object", self.url), str):
            raise ConfigurationError(f"url is {self.url!r}; it is a text that begins with http:// or https://")
        checked_headers(self.headers)
        if self.encoding not in list(ENCODINGS):
            known = ", ".join(map(repr, ENCODINGS))
            raise ConfigurationError(f"encoding is {self.encoding!r}; it is one of {known}")
        size: Any = self.max_frame_size
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            raise ConfigurationError(f"max_frame_size is {size!r}; it is a whole number of bytes, from 1")


def error_classes(errors: Iterable[Any]) -> list[type[Exception]]:
    """Give the classes of errors in a setting.

    Raises:
        ConfigurationError: it is no list of such.
    """
    given = list(errors) if isinstance(cast("object", errors), Iterable) else None
    if given is None or not all(isinstance(each, type) and issubclass(each, Exception) for each in given):
        raise ConfigurationError(
            f"errors is {errors if given is None else given!r}; it is a list of classes of exceptions, such as [OSError]"
        )
    return given


class Client(Generic[P, Reader_co, AsyncReader_co]):
    """Calls a function that is served elsewhere; made by ``function.at(url)`` or by `client`.

    As a context manager, async or not, it has connections of its own, which are closed at its end; else it shares them
    with other clients.
    """

    def __init__(self, settings: ClientSettings, written: Callable[..., bytes]) -> None:
        self._settings = settings
        self._written = written
        self._clients = SHARED

    def stream(self, *args: P.args, **kwargs: P.kwargs) -> RemoteCall[Reader_co, AsyncReader_co]:
        """Give the stream of one call, to be read in a ``with`` or an ``async with``, which sends the request.

        Raises:
            TypeError: the arguments do not fit the function's signature.
            NotSerializable: they cannot be written.
        """
        return RemoteCall(self._settings, self._clients, self._written(*args, **kwargs))

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
    """One stream. A ``with`` gives its reader, an ``async with`` its async reader; leaving it closes the connection.

    Raises:
        ServerUnreachable: of ``with``: there is no connection, or it broke before the answer began.
        RequestRefused: of ``with``: the server answered with an error; it is an `InvalidArguments` where the arguments
            do not fit.
        NotAStream: of ``with``: something else came.
        RemoteTimeout: of ``with`` and of the reader: a time limit passed.
        RemoteError: of ``with`` and of the reader: the function failed. An error of a class that is known here is
            raised as it is.
        OutOfOrder: of ``with``: the stream has been begun before.
    """

    def __init__(self, settings: ClientSettings, clients: HTTPClients, body: bytes) -> None:
        self._settings = settings
        self._clients = clients
        self._body = body
        self._pieces: Generator[bytes, None, None] | None = None
        self._async_pieces: AsyncGenerator[bytes, None] | None = None

    def __enter__(self) -> Reader_co:
        self._pieces = self._begun().items()
        next(self._pieces)
        reader = stream_reader(self._settings.types, self._pieces, **self._how())
        return cast("Reader_co", ValueReader[Any](reader) if self._settings.has_values else reader)

    def __exit__(self, *_: object) -> None:
        assert self._pieces is not None
        self._pieces.close()

    async def __aenter__(self) -> AsyncReader_co:
        self._async_pieces = self._begun().aitems()
        await anext(self._async_pieces)
        reader = stream_reader(self._settings.types, self._async_pieces, **self._how())
        return cast("AsyncReader_co", AsyncValueReader[Any](reader) if self._settings.has_values else reader)

    async def __aexit__(self, *_: object) -> None:
        assert self._async_pieces is not None
        await self._async_pieces.aclose()

    def _begun(self) -> Driver[bytes, None]:
        if self._pieces is not None or self._async_pieces is not None:
            raise OutOfOrder("this stream has been begun before; call stream() again for another")
        settings = self._settings
        request = StreamRequest(
            url=settings.url,
            body=self._body,
            headers=settings.headers,
            media_type=encoding_of(settings.encoding).media_type,
            errors=settings.errors,
        )
        return Driver(stream_of(self._clients, request, StreamTimer(settings.timeouts)))

    def _how(self) -> dict[str, Any]:
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
    """Give a client of a function whose code is not here: by its address, and the types of its stream.

    The arguments are given to ``stream`` by their names.

    Args:
        types: as `streaming.stream_types` gives them; or the type of items that are plain values, such as ``str``.
        errors: classes of errors that the producer may raise here, beside Python's own and those of typed streams. An
            error of another class is a `streaming.RemoteError`.
        headers: are sent with each request.
        timeout: `Timeouts`, or one number of seconds for the whole stream. Each limit has its own error.
        encoding: the form in which the server is asked to write the stream.
        max_frame_size: in bytes; an item that is larger is refused.

    Raises:
        ConfigurationError: a setting is wrong.
    """
    known = error_classes(errors)
    try:
        declared, has_values = (types, False) if isinstance(types, StreamTypes) else types_of(types)
    except (PydanticUserError, NameError) as error:  # a NameError, where a type is only a name
        raise ConfigurationError(
            f"types is {types!r}, which JSON cannot be read into; it is what streaming.stream_types gives, or the type of "
            "items that are plain values, such as str"
        ) from error
    settings = ClientSettings(
        url, declared, has_values, lambda: known, headers or {}, Timeouts.of(timeout), encoding, max_frame_size
    )

    def written(*args: Any, **arguments: Any) -> bytes:
        if args:
            raise TypeError(f"{url}: its arguments are given by their names, as its signature is not known here")
        return json_of(url, arguments)

    return Client(settings, written)
