"""A language model, and its decorators: they make tasks of functions, and chats of classes."""

from __future__ import annotations

import copy
import functools
from collections.abc import AsyncIterable, Callable, Collection, Coroutine, Iterator, Mapping
from typing import (
    TYPE_CHECKING,
    Any,
    Generic,
    Literal,
    ParamSpec,
    Protocol,
    TypeAlias,
    TypedDict,
    TypeVar,
    Unpack,
    overload,
)

from .._calls.output_call import Output, OutputCall, Restartable, params_of
from .._llm.llm import LLM
from .._llm.transport import Transport
from .._output.output_type import OutputType
from .._prompts import Prompt
from ..providers import Provider
from ..stream import Items, Stream
from ..tasks import Task
from ..window import Window

if TYPE_CHECKING:
    from typing import Self

    from tenacity import BaseRetrying

P = ParamSpec("P")
K = TypeVar("K")
R = TypeVar("R")
T = TypeVar("T")
S = TypeVar("S", bound=bool, covariant=True)
"""Whether tasks stream where their decorator does not say."""

Auto = Literal["auto"] | Output

ByElement: TypeAlias = (
    Callable[P, Iterator[T]] | Callable[P, AsyncIterable[T]] | Callable[P, Coroutine[Any, Any, AsyncIterable[T]]]
)
"""A function whose answer is handed out element by element."""


class OutputSettings(TypedDict, total=False):
    """How a task asks: see `Model.task`."""

    llm_params: Mapping[str, Any] | None
    output: Auto
    retries: int | BaseRetrying
    restart_on: Collection[Restartable]


class TaskSettings(OutputSettings, total=False):
    """The settings of a task, but for ``streaming``, which says what its calls give: see `Model.task`."""

    replay: bool


class ChatSettings(OutputSettings, total=False):
    """The settings of a chat: see `Model.chat`."""

    streaming: bool | None
    replay: bool
    keep_partial: bool
    window: Window | None


class Decorator(Protocol):
    """Makes a task whose calls give the value, or an awaitable of it."""

    @overload
    def __call__(  # type: ignore[overload-overlap]  # the narrower one comes first
        self, function: ByElement[P, T]
    ) -> Task[P, Items[T]]: ...
    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]]) -> Task[P, Coroutine[Any, Any, R]]: ...
    @overload
    def __call__(self, function: Callable[P, R]) -> Task[P, R]: ...


class StreamingDecorator(Protocol):
    """Makes a task whose calls give a stream."""

    @overload
    def __call__(self, function: ByElement[P, T]) -> Task[P, Stream[list[T]]]: ...
    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]]) -> Task[P, Stream[R]]: ...
    @overload
    def __call__(self, function: Callable[P, R]) -> Task[P, Stream[R]]: ...


class Model(Generic[S]):
    """A language model, from which tasks are made: ``@model.task``.

    Make one with `openai`, `azure_openai`, `offline` or `model`.

    Attributes:
        name: what the provider calls it.
    """

    @overload
    def __init__(
        self: Model[Literal[True]],
        llm: LLM,
        *,
        stream: Literal[True],
        output: Output = "prompt",
        params: Mapping[str, Any] | None = None,
        shown: str = "",
    ) -> None: ...
    @overload
    def __init__(
        self: Model[Literal[False]],
        llm: LLM,
        *,
        stream: Literal[False] = False,
        output: Output = "prompt",
        params: Mapping[str, Any] | None = None,
        shown: str = "",
    ) -> None: ...
    @overload
    def __init__(
        self, llm: LLM, *, stream: bool, output: Output, params: Mapping[str, Any] | None, shown: str
    ) -> None: ...
    def __init__(
        self,
        llm: LLM,
        *,
        stream: bool = False,
        output: Output = "prompt",
        params: Mapping[str, Any] | None = None,
        shown: str = "",
    ) -> None:
        self.name = llm.name
        self._llm = llm
        self._stream = stream
        self._output: Output = output
        self._shown = shown or llm.name
        self._params = params_of(self._shown, params)

    @overload
    def task(  # type: ignore[overload-overlap]  # the narrower one comes first
        self, function: ByElement[P, T]
    ) -> Task[P, Items[T]]: ...
    @overload
    def task(self: Model[Literal[True]], function: Callable[P, Coroutine[Any, Any, R]]) -> Task[P, Stream[R]]: ...
    @overload
    def task(self: Model[Literal[True]], function: Callable[P, R]) -> Task[P, Stream[R]]: ...
    @overload
    def task(
        self: Model[Literal[False]], function: Callable[P, Coroutine[Any, Any, R]]
    ) -> Task[P, Coroutine[Any, Any, R]]: ...
    @overload
    def task(self: Model[Literal[False]], function: Callable[P, R]) -> Task[P, R]: ...
    @overload
    def task(self, *, streaming: Literal[True], **settings: Unpack[TaskSettings]) -> StreamingDecorator: ...
    @overload
    def task(self, *, streaming: Literal[False], **settings: Unpack[TaskSettings]) -> Decorator: ...
    @overload
    def task(self: Model[Literal[True]], **settings: Unpack[TaskSettings]) -> StreamingDecorator: ...
    @overload
    def task(self: Model[Literal[False]], **settings: Unpack[TaskSettings]) -> Decorator: ...
    def task(
        self,
        function: Callable[..., Any] | None = None,
        *,
        streaming: bool | None = None,
        llm_params: Mapping[str, Any] | None = None,
        output: Auto = "auto",
        retries: int | BaseRetrying = 2,
        restart_on: Collection[Restartable] = (),
        replay: bool = True,
    ) -> Any:
        """Make a task of a function: its signature and docstring are the prompt.

        Args:
            function: what becomes the task, where the decorator has no settings.
            streaming: whether a call gives a `Stream`; where it is not said, as the model's ``stream``.
            llm_params: parameters of each request, as the provider names them (``temperature``, ...).
            output: how a structured answer is asked for: ``"schema"`` (the provider enforces the form
                of the reply), ``"tool"`` (as the arguments of a forced tool call), ``"prompt"`` (in
                words), or ``"auto"``, as fits the provider.
            retries: how often an answer that does not fit is sent back to the model with the reason;
                or a ``tenacity.Retrying``, whose stop and wait are used.
            restart_on: errors in the middle of an answer after which the same is asked anew, as often
                as ``retries`` says: classes of `StreamError` and `Timeout` in `declarai_like.errors`.
            replay: whether a stream keeps its chunks, so that it can be read again.

        Raises:
            DeclarationError: the function cannot become a task; the message says why.
            ConfigurationError: a setting is wrong.
        """

        def decorate(function: Callable[..., Any]) -> Task[Any, Any]:
            prompt: Prompt[Any] = Prompt(function)
            made = self.output_call(
                prompt.name,
                prompt.output_type,
                llm_params=llm_params,
                output=output,
                retries=retries,
                restart_on=restart_on,
            )
            streams = (self._stream and not prompt.output_type.by_element) if streaming is None else streaming
            return Task(function, prompt, lambda: made, streaming=streams, replay=replay)

        return decorate if function is None else decorate(function)

    @overload
    def chat(self, cls: type[K]) -> type[K]: ...
    @overload
    def chat(self, **settings: Unpack[ChatSettings]) -> Callable[[type[K]], type[K]]: ...
    def chat(
        self,
        cls: type | None = None,
        *,
        streaming: bool | None = None,
        replay: bool = True,
        keep_partial: bool = False,
        window: Window | None = None,
        **settings: Unpack[OutputSettings],
    ) -> Any:
        """Make a chat of a class: its docstring is the system prompt, and each instance is a conversation (`Chat`).

        ``llm_params``, ``output``, ``retries`` and ``restart_on`` are as for `task`.

        Args:
            cls: what becomes the chat, where the decorator has no settings.
            streaming: whether ``send`` gives a `Stream`; where it is not said, as the model's ``stream``.
            replay: whether a stream keeps its chunks, so that it can be read again.
            keep_partial: whether an answer that fails, or whose stream is left early, is remembered as far
                as it came, with the ``finish_reason`` ``"failed"`` or ``"closed"``.
            window: how much of a long conversation is sent: `Messages`, `Tokens` or `Summary` of
                `declarai_like.window`, or one of your own; by default all of it.

        Raises:
            DeclarationError: the class cannot become a chat; the message says why.
            ConfigurationError: a setting is wrong.
        """

        def output_call(name: str, output_type: OutputType[Any]) -> Callable[[], OutputCall[Any]]:
            made = self.output_call(name, output_type, **settings)
            return lambda: made

        from ..chats import ChatDeclaration, make_chat  # with the first chat, so that importing the package stays fast

        said = ChatDeclaration(
            output_call,
            self.output_call,
            streaming,
            self._stream,
            replay=replay,
            keep_partial=keep_partial,
            window=window,
        )
        return functools.partial(make_chat, settings=said) if cls is None else make_chat(cls, said)

    @property
    def experimental(self) -> Self:
        """The model itself: ``@model.experimental.chat`` is another name of ``@model.chat``."""
        return self

    def output_call(
        self,
        name: str,
        output_type: OutputType[R],
        *,
        llm_params: Mapping[str, Any] | None = None,
        output: Auto = "auto",
        retries: int | BaseRetrying = 2,
        restart_on: Collection[Restartable] = (),
    ) -> OutputCall[R]:
        """Put a shape of answers and this model together; ``name`` says in errors what asks.

        Raises:
            ConfigurationError: a setting is wrong.
        """
        return OutputCall(
            name,
            output_type,
            self._llm,
            output=self._output if output == "auto" else output,
            retries=retries,
            restart_on=restart_on,
            params={**self._params, **params_of(repr(name), llm_params)},
        )

    def with_transport(self, wrap: Callable[[Transport, Provider], Transport]) -> Model[S]:
        """Give the same model with another way to its provider, for instance one that records."""
        other = copy.copy(self)
        other._llm = self._llm.with_transport(wrap)  # noqa: SLF001  (its own class)
        return other

    def __repr__(self) -> str:
        return f"<model {self._shown}{', stream=True' if self._stream else ''}>"
