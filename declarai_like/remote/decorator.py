"""The decorator for remote streams, which reads the types of a function's items and arguments from its annotations."""

from __future__ import annotations

import inspect
import typing
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterable, Iterator, Mapping, Sequence
from functools import partial, update_wrapper
from typing import Any, Generic, ParamSpec, TypeVar, overload

from pydantic import BaseModel
from pydantic.errors import PydanticUserError

from .._core import checks
from .._net.timeouts import Timeouts
from ..errors import DeclarationError
from ..streaming import AsyncStreamReader, StreamReader, StreamTypes
from ..streaming.declaration import Footer, Header, Item
from ..streaming.encodings import EncodingName
from ..streaming.reader import MAX_FRAME_SIZE
from .arguments import Arguments
from .client import Client, ClientSettings, error_classes
from .values import AsyncValueReader, ValueReader, types_of

P = ParamSpec("P")
Result_co = TypeVar("Result_co", covariant=True)
Reader_co = TypeVar("Reader_co", covariant=True)
AsyncReader_co = TypeVar("AsyncReader_co", covariant=True)
Model = TypeVar("Model", bound=BaseModel)
Value = TypeVar("Value", bound=str | float | bool | Sequence[Any] | Mapping[str, Any] | None)

_ASYNC: tuple[Any, ...] = (AsyncIterator, AsyncGenerator)
_BLOCKING: tuple[Any, ...] = (Iterator, Generator)


class RemoteStream(Generic[P, Result_co, Reader_co, AsyncReader_co]):
    """A function that yields items: in this process when it is called, or from a server: ``function.at(url).stream()``.

    Attributes:
        name: the name of the function, which is the last part of its URL.
        types: the types of its stream.
        has_values: True if the items are plain values, which are wrapped in models for the stream.
        is_async: True if the function returns an async iterator.
        arguments: the parameters of the function.
    """

    __name__: str

    def __init__(
        self, function: Callable[P, Result_co], *, types: StreamTypes[Any, Any, Any] | None, localns: Mapping[str, Any]
    ) -> None:
        self._function = function
        if not callable(function) or not hasattr(function, "__name__"):  # a partial() does not have a name
            hint = "put @remote.stream above a `def` that yields items"
            raise checks.wrong_type("a remote stream", "a function", function, hint, error=DeclarationError)
        self.name = function.__name__
        update_wrapper(self, function)
        hints = _hints(function, localns)
        result, items = typing.get_origin(hints.get("return")), typing.get_args(hints.get("return"))
        has_item_type = result in (*_ASYNC, *_BLOCKING) and (types or items)
        # An `async def` without `yield` returns a coroutine; its annotation is not that of the iterator
        if inspect.iscoroutinefunction(function) or not has_item_type:
            raise DeclarationError(
                f"{self.name}: the return annotation must be AsyncIterator[Item] or Iterator[Item], and an `async def` "
                "must yield its items"
            )
        self.is_async = result in _ASYNC
        try:
            self.types, self.has_values = (types, False) if types else types_of(items[0])
        except PydanticUserError as error:
            raise DeclarationError(
                f"{self.name}: the type of the items must be one that JSON can be read into, got {items[0]!r}; use plain "
                "data or a pydantic model"
            ) from error
        if (footer := self.types.footer_type) and _overlap(footer, self.types.item_type):
            # The function yields items and footer alike, so only their types tell them apart
            raise DeclarationError(
                f"{self.name}: the types of items and footer must be distinct, got {self.types.item_type.__name__} and "
                f"{footer.__name__}"
            )
        self.arguments = Arguments(function, hints)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Result_co:
        """Call the function in this process."""
        return self._function(*args, **kwargs)

    def at(
        self,
        url: str,
        *,
        errors: Iterable[type[Exception]] = (),
        headers: Mapping[str, str] | None = None,
        timeout: Timeouts | float | None = None,
        encoding: EncodingName = "frames",
        max_frame_size: int = MAX_FRAME_SIZE,
    ) -> Client[P, Reader_co, AsyncReader_co]:
        """Return a client of this function on a server.

        Args:
            url: the URL of the server's routes, without the name of the function.
            errors: classes of errors that the function may raise here, in addition to those of Python, of typed streams
                and in the namespace of its module. For an error of another class, a `streaming.RemoteError` is raised.

        The other settings are those of `client`.

        Raises:
            ConfigurationError: a setting is wrong.
        """
        classes = error_classes(errors)
        base = checks.string("url", url, hint="for instance 'https://host/streams'")
        settings = ClientSettings(
            url=f"{base.rstrip('/')}/{self.name}",
            types=self.types,
            has_values=self.has_values,
            errors=lambda: [*self._known_errors(), *classes],
            headers=headers or {},
            timeouts=Timeouts.of(timeout),
            encoding=encoding,
            max_frame_size=max_frame_size,
        )
        return Client(settings, self._dump)

    def _dump(self, *args: Any, **kwargs: Any) -> bytes:
        return self.arguments.dump(args, kwargs)

    def _known_errors(self) -> list[type[Exception]]:
        """Return the exception classes in the namespace of the function's module, which need no import."""
        names: dict[str, Any] = inspect.unwrap(self._function).__globals__  # a decorator may be of another module
        return [known for known in list(names.values()) if isinstance(known, type) and issubclass(known, Exception)]


class _Decorator(typing.Protocol[Item, Header, Footer]):
    @overload
    def __call__(
        self, function: Callable[P, AsyncIterator[Item | Header | Footer]], /
    ) -> RemoteStream[
        P,
        AsyncIterator[Item | Header | Footer],
        StreamReader[Item, Header, Footer],
        AsyncStreamReader[Item, Header, Footer],
    ]: ...
    @overload
    def __call__(
        self, function: Callable[P, Iterator[Item | Header | Footer]], /
    ) -> RemoteStream[
        P,
        Iterator[Item | Header | Footer],
        StreamReader[Item, Header, Footer],
        AsyncStreamReader[Item, Header, Footer],
    ]: ...


@overload
def stream(
    target: Callable[P, AsyncIterator[Model]], /
) -> RemoteStream[P, AsyncIterator[Model], StreamReader[Model, None, None], AsyncStreamReader[Model, None, None]]: ...
@overload
def stream(
    target: Callable[P, Iterator[Model]], /
) -> RemoteStream[P, Iterator[Model], StreamReader[Model, None, None], AsyncStreamReader[Model, None, None]]: ...
@overload
def stream(
    target: Callable[P, AsyncIterator[Value]], /
) -> RemoteStream[P, AsyncIterator[Value], ValueReader[Value], AsyncValueReader[Value]]: ...
@overload
def stream(
    target: Callable[P, Iterator[Value]], /
) -> RemoteStream[P, Iterator[Value], ValueReader[Value], AsyncValueReader[Value]]: ...
@overload
def stream(target: StreamTypes[Item, Header, Footer], /) -> _Decorator[Item, Header, Footer]: ...
def stream(target: Callable[..., Any] | StreamTypes[Any, Any, Any], /) -> Any:
    """Decorate a function that yields items, so that it can be served and called from another process.

    ``@remote.stream`` takes the type of the items from the return annotation. ``@remote.stream(types)`` is for a stream
    with a header or a footer, which the function yields as its first and its last item.

    Raises:
        DeclarationError: the return annotation is wrong, a parameter cannot be passed by name, or JSON cannot be read
            into a type.
    """
    frame = inspect.currentframe()
    # For a function inside of another one, annotations may use the local names of the outer one
    localns = frame.f_back.f_locals if frame and frame.f_back else {}
    if isinstance(target, StreamTypes):
        return partial(RemoteStream[..., Any, Any, Any], types=target, localns=localns)
    return RemoteStream[..., Any, Any, Any](target, types=None, localns=localns)


def _hints(function: Callable[..., Any], localns: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, localns=dict(localns), include_extras=True)
    except Exception as error:  # an annotation is evaluated, and may raise anything
        raise DeclarationError(f"{function.__name__}: cannot resolve the annotations: {error}") from error


def _overlap(one: type, other: type) -> bool:
    return issubclass(one, other) or issubclass(other, one)
