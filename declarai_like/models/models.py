"""Models: a language model with its settings, and the decorators that make tasks and chats of it."""

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
    get_args,
    overload,
)

from .._calls.output_call import OutputCall, OutputMode, Restartable, params_of
from .._core import checks
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
"""The literal True if tasks stream unless their decorator sets ``streaming``, else False."""

OutputModeOrAuto = Literal["auto"] | OutputMode
"""The way to request structured output; ``"auto"`` leaves it to the model."""

ByElement: TypeAlias = (
    Callable[P, Iterator[T]] | Callable[P, AsyncIterable[T]] | Callable[P, Coroutine[Any, Any, AsyncIterable[T]]]
)
"""A function whose answer is returned element by element."""


class OutputSettings(TypedDict, total=False):
    """The settings of a task's requests and attempts: see `Model.task`."""

    llm_params: Mapping[str, Any] | None
    output: OutputModeOrAuto
    retries: int | BaseRetrying
    restart_on: Collection[Restartable]


class TaskSettings(OutputSettings, total=False):
    """The settings of a task without ``streaming``, which determines its type: see `Model.task`."""

    replay: bool


class ChatSettings(OutputSettings, total=False):
    """The settings of a chat: see `Model.chat`."""

    streaming: bool | None
    replay: bool
    keep_partial: bool
    window: Window | None


class Decorator(Protocol):
    """A decorator that makes a task whose calls return the value, or an awaitable of it."""

    @overload
    def __call__(  # type: ignore[overload-overlap]  # the narrower one comes first
        self, function: ByElement[P, T]
    ) -> Task[P, Items[T]]: ...
    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]]) -> Task[P, Coroutine[Any, Any, R]]: ...
    @overload
    def __call__(self, function: Callable[P, R]) -> Task[P, R]: ...


class StreamingDecorator(Protocol):
    """A decorator that makes a task whose calls return a stream."""

    @overload
    def __call__(self, function: ByElement[P, T]) -> Task[P, Stream[list[T]]]: ...
    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]]) -> Task[P, Stream[R]]: ...
    @overload
    def __call__(self, function: Callable[P, R]) -> Task[P, Stream[R]]: ...


# S is a literal bool, so that the type of `@model.task` depends on the model's `stream`: each overload of `task` that
# differs in it annotates `self`
class Model(Generic[S]):
    """A language model, which makes tasks and chats: ``@model.task``, ``@model.chat``.

    `openai`, `azure_openai`, `offline` and `model` return one.

    Attributes:
        name: its name at the provider.

    Raises:
        ConfigurationError: a setting is wrong.
    """

    @overload
    def __init__(
        self: Model[Literal[True]],
        llm: LLM,
        *,
        stream: Literal[True],
        output: OutputMode = "prompt",
        params: Mapping[str, Any] | None = None,
        shown: str = "",
    ) -> None: ...
    @overload
    def __init__(
        self: Model[Literal[False]],
        llm: LLM,
        *,
        stream: Literal[False] = False,
        output: OutputMode = "prompt",
        params: Mapping[str, Any] | None = None,
        shown: str = "",
    ) -> None: ...
    @overload
    def __init__(
        self, llm: LLM, *, stream: bool, output: OutputMode, params: Mapping[str, Any] | None, shown: str
    ) -> None: ...
    def __init__(
        self,
        llm: LLM,
        *,
        stream: bool = False,
        output: OutputMode = "prompt",
        params: Mapping[str, Any] | None = None,
        shown: str = "",
    ) -> None:
        self.name = llm.name
        self._llm = llm
        self._stream = stream
        checks.one_of("Model.output", output, get_args(OutputMode))
        self._output: OutputMode = output
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
        replay: bool = True,
        llm_params: Mapping[str, Any] | None = None,
        output: OutputModeOrAuto = "auto",
        retries: int | BaseRetrying = 2,
        restart_on: Collection[Restartable] = (),
    ) -> Any:
        """Make a task of a function: its signature and docstring are the prompt.

        Args:
            function: the function, if the decorator has no settings.
            streaming: a call returns a `Stream`; by default as the model's ``stream``.
            replay: a stream keeps its chunks, so that it can be read again.
            llm_params: parameters of each request, by the provider's names (``temperature``, ...).
            output: how structured output is requested: ``"schema"`` (the provider enforces the schema
                of the reply), ``"tool"`` (as the arguments of a forced tool call), ``"prompt"`` (in the
                text of the prompt), or ``"auto"``, which depends on the provider.
            retries: how often a wrong answer is sent back to the model with the reason; or a
                ``tenacity.Retrying``, of which the stop and wait conditions are used.
            restart_on: errors in the middle of an answer after which the same request is sent again, as
                often as ``retries`` allows: subclasses of `StreamError` and `Timeout` in
                `declarai_like.errors`.

        Raises:
            DeclarationError: the function cannot become a task; the message names the reason.
            ConfigurationError: a setting is wrong.
        """
        settings = OutputSettings(llm_params=llm_params, output=output, retries=retries, restart_on=restart_on)

        def decorate(function: Callable[..., Any]) -> Task[Any, Any]:
            prompt: Prompt[Any] = Prompt(function)
            output_call = self._output_call_factory(prompt.name, prompt.output_type, settings)
            # An iterator over elements is a form of streaming itself, so it takes an explicit `streaming=True`
            streams = (self._stream and not prompt.output_type.by_element) if streaming is None else streaming
            return Task(function, prompt, output_call, streaming=streams, replay=replay)

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
            cls: the class, if the decorator has no settings.
            streaming: ``send`` returns a `Stream`; by default as the model's ``stream``.
            replay: a stream keeps its chunks, so that it can be read again.
            keep_partial: an incomplete answer is remembered, if it fails or its stream is closed early;
                its ``finish_reason`` is then ``"failed"`` or ``"closed"``.
            window: how much of a long conversation is sent: `Messages`, `Tokens` or `Summary` of
                `declarai_like.window`, or another `Window`; by default all of it.

        Raises:
            DeclarationError: the class cannot become a chat; the message names the reason.
            ConfigurationError: a setting is wrong.
        """

        def output_call(name: str, output_type: OutputType[Any]) -> Callable[[], OutputCall[Any]]:
            return self._output_call_factory(name, output_type, settings)

        from ..chats import ChatDeclaration, make_chat  # not at the top, so that importing the package stays fast

        declaration = ChatDeclaration(
            output_call,
            self.output_call,
            streaming,
            self._stream,
            replay=replay,
            keep_partial=keep_partial,
            window=window,
        )
        return functools.partial(make_chat, declaration=declaration) if cls is None else make_chat(cls, declaration)

    @property
    def experimental(self) -> Self:
        """Deprecated alias of the model itself, for ``@model.experimental.chat``. It stays for one release."""
        return self

    def output_call(
        self,
        name: str,
        output_type: OutputType[R],
        *,
        llm_params: Mapping[str, Any] | None = None,
        output: OutputModeOrAuto = "auto",
        retries: int | BaseRetrying = 2,
        restart_on: Collection[Restartable] = (),
    ) -> OutputCall[R]:
        """Return the `OutputCall` of this model and an output type; ``name`` names the caller in errors.

        Raises:
            ConfigurationError: a setting is wrong.
        """
        return OutputCall(
            name,
            output_type,
            self._llm,
            output=resolve_output(f"output of {name!r}", output, self._output),
            retries=retries,
            restart_on=restart_on,
            params={**self._params, **params_of(repr(name), llm_params)},
        )

    def with_transport(self, wrap: Callable[[Transport, Provider], Transport]) -> Model[S]:
        """Return the same model with its transport wrapped, for instance by one that records."""
        other = copy.copy(self)  # shallow: the settings are never changed
        other._llm = self._llm.with_transport(wrap)  # noqa: SLF001  (its own class)
        return other

    def _output_call_factory(
        self, name: str, output_type: OutputType[R], settings: OutputSettings
    ) -> Callable[[], OutputCall[R]]:
        """Return a function that returns the `OutputCall` of a task or chat; wrong settings raise here."""
        output_call = self.output_call(name, output_type, **settings)
        return lambda: output_call

    def __repr__(self) -> str:
        return f"<model {self._shown}{', stream=True' if self._stream else ''}>"


def resolve_output(what: str, given: OutputModeOrAuto, auto: OutputMode) -> OutputMode:
    """Return an ``output`` setting, with ``auto`` for ``"auto"``.

    Raises:
        ConfigurationError: it is not one of the choices; the message names it by ``what``.
    """
    checks.one_of(what, given, ("auto", *get_args(OutputMode)))
    return auto if given == "auto" else given
