"""A function whose stream can be had from elsewhere: what it gives is in its annotation, or is said beside it."""

from __future__ import annotations

import inspect
import typing
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterable, Iterator, Mapping, Sequence
from functools import partial, update_wrapper
from typing import Any, Generic, ParamSpec, TypeVar, cast, overload

from pydantic import BaseModel
from pydantic.errors import PydanticUserError

from .._net.timeouts import Timeouts
from ..errors import DeclarationError
from ..streaming import AsyncStreamReader, StreamReader, StreamTypes
from ..streaming.declared import Footer, Header, Item
from ..streaming.encodings import EncodingName
from ..streaming.reader import MAX_FRAME_SIZE
from .arguments import Arguments
from .client import Client, ClientSettings, error_classes
from .values import AsyncValueReader, ValueReader, types_of

P = ParamSpec("P")
Given_co = TypeVar("Given_co", covariant=True)
Reader_co = TypeVar("Reader_co", covariant=True)
AsyncReader_co = TypeVar("AsyncReader_co", covariant=True)
Model = TypeVar("Model", bound=BaseModel)
Value = TypeVar("Value", bound=str | float | bool | Sequence[Any] | Mapping[str, Any] | None)

_ASYNC: tuple[Any, ...] = (AsyncIterator, AsyncGenerator)
_BLOCKING: tuple[Any, ...] = (Iterator, Generator)


class RemoteStream(Generic[P, Given_co, Reader_co, AsyncReader_co]):
    """A function that gives a stream, here when it is called, or from a server: ``function.at(url).stream(...)``.

    Attributes:
        name: its name, which is the last part of its address.
        types: the types of its stream.
    """

    __name__: str

    def __init__(
        self, function: Callable[P, Given_co], *, types: StreamTypes[Any, Any, Any] | None, local: Mapping[str, Any]
    ) -> None:
        self._function = function
        if not callable(function) or not hasattr(function, "__name__"):
            raise DeclarationError(f"{function!r} is no function; put @remote.stream above a `def` that gives items")
        self.name = function.__name__
        update_wrapper(self, function)
        hints = _hints(function, local)
        given, items = typing.get_origin(hints.get("return")), typing.get_args(hints.get("return"))
        says_what = given in (*_ASYNC, *_BLOCKING) and (types or items)
        if inspect.iscoroutinefunction(function) or not says_what:
            raise DeclarationError(
                f"{self.name}: its annotation has to say what it gives, -> AsyncIterator[Item] or -> Iterator[Item], and "
                "it has to give it by `yield`, or be no `async def`"
            )
        self.is_async = given in _ASYNC
        try:
            self.types, self.has_values = (types, False) if types else types_of(items[0])
        except PydanticUserError as error:
            raise DeclarationError(
                f"{self.name}: its items are of the type {items[0]!r}, which does not travel as JSON; give plain data or a "
                "pydantic model"
            ) from error
        if (footer := self.types.footer_type) and _overlap(footer, self.types.item_type):
            raise DeclarationError(f"{self.name}: a {footer.__name__} could be an item as well as the footer")
        self.arguments = Arguments(function, hints)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Given_co:
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
        """Give a client of this function where a server has it.

        Args:
            url: of the server's routes; the function's name follows on it.
            errors: classes of errors that the function may raise here, beside Python's own, those of typed streams, and
                those that its module knows. An error of another class is a `streaming.RemoteError`.

        The others are those of `client`.

        Raises:
            ConfigurationError: a setting is wrong.
        """
        given = error_classes(errors)
        settings = ClientSettings(
            url=f"{url.rstrip('/')}/{self.name}" if isinstance(cast("object", url), str) else url,
            types=self.types,
            has_values=self.has_values,
            errors=lambda: [*self._known_errors(), *given],
            headers=headers or {},
            timeouts=Timeouts.of(timeout),
            encoding=encoding,
            max_frame_size=max_frame_size,
        )
        return Client(settings, self._written)

    def _written(self, *args: Any, **kwargs: Any) -> bytes:
        return self.arguments.written(args, kwargs)

    def _known_errors(self) -> list[type[Exception]]:
        """Give the errors that the function's module knows: nothing has to be imported for them."""
        names: dict[str, Any] = inspect.unwrap(self._function).__globals__
        return [known for known in list(names.values()) if isinstance(known, type) and issubclass(known, Exception)]


class _Declares(typing.Protocol[Item, Header, Footer]):
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
    given: Callable[P, AsyncIterator[Model]], /
) -> RemoteStream[P, AsyncIterator[Model], StreamReader[Model, None, None], AsyncStreamReader[Model, None, None]]: ...
@overload
def stream(
    given: Callable[P, Iterator[Model]], /
) -> RemoteStream[P, Iterator[Model], StreamReader[Model, None, None], AsyncStreamReader[Model, None, None]]: ...
@overload
def stream(
    given: Callable[P, AsyncIterator[Value]], /
) -> RemoteStream[P, AsyncIterator[Value], ValueReader[Value], AsyncValueReader[Value]]: ...
@overload
def stream(
    given: Callable[P, Iterator[Value]], /
) -> RemoteStream[P, Iterator[Value], ValueReader[Value], AsyncValueReader[Value]]: ...
@overload
def stream(given: StreamTypes[Item, Header, Footer], /) -> _Declares[Item, Header, Footer]: ...
def stream(given: Callable[..., Any] | StreamTypes[Any, Any, Any], /) -> Any:
    """Make a function that gives items into one that can be called from elsewhere, and gives them there.

    Without arguments the annotation says what the items are; `streaming.stream_types` say it where the stream has a
    header or a footer, which the function gives as the first and the last.

    Raises:
        DeclarationError: the function does not say what it gives, has parameters without a name, or a type does not travel
            as JSON.
    """
    around = inspect.currentframe()
    # Annotations may use the names around the function.
    local = around.f_back.f_locals if around and around.f_back else {}
    if isinstance(given, StreamTypes):
        return partial(RemoteStream[..., Any, Any, Any], types=given, local=local)
    return RemoteStream[..., Any, Any, Any](given, types=None, local=local)


def _hints(function: Callable[..., Any], local: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, localns=dict(local), include_extras=True)
    except Exception as error:  # a name in an annotation may be anything
        raise DeclarationError(f"{function.__name__}: its annotations cannot be resolved: {error}") from error


def _overlap(one: type, other: type) -> bool:
    return issubclass(one, other) or issubclass(other, one)
