"""A function of any kind, served: what it yields goes out as it comes."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any, get_args, get_origin, get_type_hints

from ..._core.threads import in_thread, items_in_threads
from ...errors import ConfigurationError
from ...stream import Items, Stream
from ..answers import EventBuilder, EventData, Partials, StreamAnswer
from ..events import EventName
from .served import NOTHING, Adapter, AnswerOptions, Served, adapted, checked_name, described, request_of, text_input_of


class ServedFunction(Served):
    """A function that answers requests: a generator, async or not, or one that gives a value or a `Stream`.

    Texts that it yields are new text of its answer; everything else is an item.

    Raises:
        ConfigurationError: it cannot be served; the message says why.
    """

    def __init__(self, function: Callable[..., Any], name: str | None = None, adapter: Adapter = None) -> None:
        try:
            parameters = inspect.signature(function).parameters
        except (TypeError, ValueError) as error:
            raise ConfigurationError(
                f"serve.function() takes a function whose parameters are known, and not {function!r}; write a `def`"
            ) from error
        self.name = checked_name(str(getattr(function, "__name__", "")) if name is None else name)
        self.description = described(function)
        for each in parameters.values():
            if each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD, each.POSITIONAL_ONLY):
                raise ConfigurationError(f"{self.name!r} cannot be served: each parameter needs a name, unlike {each}")
        try:
            types = get_type_hints(function, include_extras=True)
        except Exception as error:  # a name in an annotation may be anything
            raise ConfigurationError(
                f"{self.name!r} cannot be served: its types cannot be resolved: {error}"
            ) from error
        returns = types.get("return", NOTHING)
        self.request = request_of(self.name, parameters, types)
        self.prompt = adapted(replace(text_input_of(parameters), problem=""), adapter)
        self.events: tuple[EventName, ...] = ("delta",) if str in get_args(returns) else ("delta", "item", "partial")
        yields = get_origin(returns) is not None and issubclass(get_origin(returns) or object, AsyncIterator | Iterator)
        self.result = NOTHING if yields or returns is str else returns
        self._function = function

    async def answer(self, request: Mapping[str, Any], session: str, options: AnswerOptions) -> FunctionAnswer:
        """Prepare the answer to a request."""
        return FunctionAnswer(self._function, request, options.partials)


class FunctionAnswer:
    """What a function gives."""

    def __init__(self, function: Callable[..., Any], arguments: Mapping[str, Any], partials: Partials) -> None:
        self._function = function
        self._arguments = arguments
        self._partials: Partials = partials
        self._builder = EventBuilder()

    @property
    def response(self) -> str:
        return self._builder.response

    def stop(self) -> None:
        """What it has given is all that there is."""

    async def events(self) -> AsyncGenerator[EventData, None]:
        given = await _called(self._function, self._arguments)
        if isinstance(given, Stream):
            stream: Stream[Any] = given  # pyright: ignore[reportUnknownVariableType]  (it may be of anything)
            answer = StreamAnswer(lambda: stream, self._partials)
            async with aclosing(answer.events()) as happenings:
                async for each in happenings:
                    yield each
            return
        whole: Mapping[str, Any] = {}
        if isinstance(given, Iterator) and not isinstance(given, AsyncIterator):
            blocking: Iterator[Any] = given  # pyright: ignore[reportUnknownVariableType]  (as above)
            given = items_in_threads(lambda: blocking)
        if isinstance(given, AsyncIterator):
            items: AsyncIterator[Any] = given  # pyright: ignore[reportUnknownVariableType]  (as above)
            async with _closed(items):
                async for item in items:  # pyright: ignore[reportUnknownVariableType]  (as above)
                    if happening := self._builder.add(item):
                        yield happening
        elif isinstance(given, str):
            if happening := self._builder.add(given):
                yield happening
        else:
            whole = {"result": given}
        yield "done", {"response": self.response, "finish_reason": "stop", **whole}


async def _called(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """Call a function; one that blocks does so in a thread."""
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        given: Any = function(**arguments)
    else:
        given = await in_thread(lambda: function(**arguments))
    given = await given if inspect.isawaitable(given) else given
    return given.stream if isinstance(given, Items) else given


@asynccontextmanager
async def _closed(items: AsyncIterator[Any]) -> AsyncGenerator[None, None]:
    """Close what gives items, where it can be closed, when they are no longer read."""
    try:
        yield
    finally:
        if isinstance(items, AsyncGenerator):
            await items.aclose()
