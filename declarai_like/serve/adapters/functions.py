"""Endpoint of a function of any kind: its items are sent as they are yielded."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any, get_args, get_origin, get_type_hints

from ..._core import checks
from ..._core.threads import in_thread, items_in_threads
from ...errors import ConfigurationError
from ...stream import Items, Stream
from ..answers import AnswerEvent, EventBuilder, PartialFormat, StreamAnswer
from ..events import EventName
from .base import (
    NO_RESULT,
    AnswerOptions,
    Endpoint,
    TextAdapter,
    checked_name,
    first_paragraph,
    request_model,
    text_input_of,
    with_adapter,
)


class FunctionEndpoint(Endpoint):
    """Answers requests with a function: a sync or async generator, or one that returns a value or a `Stream`.

    Each str that it yields is new text of the answer; everything else is an item.

    Raises:
        ConfigurationError: the function cannot be served; the message says why.
    """

    def __init__(self, function: Callable[..., Any], name: str | None = None, adapter: TextAdapter = None) -> None:
        try:
            parameters = inspect.signature(function).parameters
        except (TypeError, ValueError) as error:
            what = "the argument of serve.function()"
            raise checks.wrong_type(what, "a function with a known signature", function, "write a `def`") from error
        self.name = checked_name(str(getattr(function, "__name__", "")) if name is None else name)
        self.description = first_paragraph(function)
        for each in parameters.values():
            if each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD, each.POSITIONAL_ONLY):
                raise ConfigurationError(
                    f"{self.name!r} cannot be served: its parameters must be passed by name, which {each} cannot"
                )
        try:
            types = get_type_hints(function, include_extras=True)
        except Exception as error:  # evaluating an annotation runs user code, which may raise anything
            raise ConfigurationError(
                f"{self.name!r} cannot be served: its type hints cannot be resolved: {error}"
            ) from error
        returns = types.get("return", NO_RESULT)
        self.request = request_model(self.name, parameters, types)
        # Unlike for a task, several required parameters are not an error: then it has no routes for front ends
        self.text_input = with_adapter(replace(text_input_of(parameters), problem=""), adapter)
        # Only Iterator[str] and the like rule out other events; any other annotation allows all of them
        self.events: tuple[EventName, ...] = ("delta",) if str in get_args(returns) else ("delta", "item", "partial")
        yields = get_origin(returns) is not None and issubclass(get_origin(returns) or object, AsyncIterator | Iterator)
        self.result = NO_RESULT if yields or returns is str else returns
        self._function = function

    async def answer(self, request: Mapping[str, Any], session: str, options: AnswerOptions) -> FunctionAnswer:
        """Return the answer to a request."""
        return FunctionAnswer(self._function, request, options.partials)


class FunctionAnswer:
    """One call of a function."""

    def __init__(self, function: Callable[..., Any], arguments: Mapping[str, Any], partials: PartialFormat) -> None:
        self._function = function
        self._arguments = arguments
        self._partials: PartialFormat = partials
        self._builder = EventBuilder()

    @property
    def response(self) -> str:
        return self._builder.response

    def stop(self) -> None:
        """Do nothing: the texts so far are already kept."""

    async def events(self) -> AsyncGenerator[AnswerEvent, None]:
        returned = await _call(self._function, self._arguments)
        if isinstance(returned, Stream):
            stream: Stream[Any] = returned  # pyright: ignore[reportUnknownVariableType]  (it may be of anything)
            answer = StreamAnswer(lambda: stream, self._partials)
            async with aclosing(answer.events()) as events:
                async for each in events:
                    yield each
            return
        result: Mapping[str, Any] = {}
        # Streams of some libraries are both; then the async side is used, which needs no thread
        if isinstance(returned, Iterator) and not isinstance(returned, AsyncIterator):
            blocking: Iterator[Any] = returned  # pyright: ignore[reportUnknownVariableType]  (as above)
            returned = items_in_threads(lambda: blocking)
        if isinstance(returned, AsyncIterator):
            items: AsyncIterator[Any] = returned  # pyright: ignore[reportUnknownVariableType]  (as above)
            async with _closing(items):
                async for item in items:  # pyright: ignore[reportUnknownVariableType]  (as above)
                    if event := self._builder.add(item):
                        yield event
        elif isinstance(returned, str):
            if event := self._builder.add(returned):
                yield event
        else:
            result = {"result": returned}
        yield "done", {"response": self.response, "finish_reason": "stop", **result}


async def _call(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """Call a function; one that may block runs in a thread."""
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        returned: Any = function(**arguments)
    else:
        returned = await in_thread(lambda: function(**arguments))
    returned = await returned if inspect.isawaitable(returned) else returned
    # `Items` is a view of a stream; the stream has the result and the usage as well
    return returned.stream if isinstance(returned, Items) else returned


@asynccontextmanager
async def _closing(items: AsyncIterator[Any]) -> AsyncGenerator[None, None]:
    """Close an async generator at the end of the block; other async iterators cannot be closed."""
    try:
        yield
    finally:
        if isinstance(items, AsyncGenerator):
            await items.aclose()
