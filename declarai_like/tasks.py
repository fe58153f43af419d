"""A decorated function: calling it asks the model."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, cast, overload

from ._calls.calls import Calls
from ._calls.output_call import OutputCall, params_of
from ._core.flow import Flow
from ._prompts import Prompt
from .errors import DeclarationError
from .messages import LLMResponse, Message
from .stream import Commitment, Items, Stream

if TYPE_CHECKING:
    from typing import Self

P = ParamSpec("P")
Q = ParamSpec("Q")
T = TypeVar("T")
C = TypeVar("C", covariant=True)
"""What a call gives: the value, an awaitable of it, or a stream."""


if TYPE_CHECKING:

    class _Wrapped:
        """The type of a task's function, which says nothing of streams."""

        @overload
        def __get__(self, instance: Task[P, Stream[T]], owner: type, /) -> Callable[P, T]: ...
        @overload
        def __get__(self, instance: Task[P, Items[T]], owner: type, /) -> Callable[P, Iterator[T]]: ...
        @overload
        def __get__(self, instance: Task[P, T], owner: type, /) -> Callable[P, T]: ...
        def __get__(self, instance: Any, owner: type, /) -> Any: ...


class Task(Generic[P, C]):
    """A function whose answers come from a model.

    It keeps the function's name, docstring and signature, and is called as the function would be,
    with ``llm_params`` as one more keyword: parameters for this request, over those of the decorator.
    As an attribute of a class it is a method: ``self`` can be used in its template, and is otherwise
    not told to the model.

    What a call leaves here (``llm_response``, ``llm_stream_response``) belongs to the context of the
    call: another thread, or another asyncio task, sees its own.
    """

    if TYPE_CHECKING:
        __wrapped__ = _Wrapped()
        """The function that was decorated; another model can make a task of it."""

    def __init__(
        self,
        function: Callable[..., Any],
        prompt: Prompt[Any],
        output_call: Callable[[], OutputCall[Any]],
        *,
        streaming: bool,
        replay: bool,
    ) -> None:
        if "llm_params" in prompt.signature.python.parameters:
            raise DeclarationError(
                f"{prompt.name!r} cannot become a task: its parameter 'llm_params' has the name of the keyword "
                "that every task takes; rename it"
            )
        is_async = inspect.iscoroutinefunction(function)
        self._declared = _TaskDefinition(prompt, output_call, streaming=streaming, is_async=is_async, replay=replay)
        self._receiver: tuple[Any, ...] = ()
        functools.update_wrapper(self, function)

    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> C: ...
    @overload
    def __call__(self, *args: Any, llm_params: Mapping[str, Any] | None, **kwargs: Any) -> C: ...
    def __call__(self, *args: Any, llm_params: Mapping[str, Any] | None = None, **kwargs: Any) -> Any:
        """Ask the model.

        Raises:
            TypeError: the arguments do not fit the function's signature.
            DeclaraiError: there is no answer, or none that fits; see `declarai_like.errors`.
            Exception: what the function's body raises.
        """
        return self._plan(args, kwargs, llm_params)()

    @overload
    def plan(self, *args: P.args, **kwargs: P.kwargs) -> Plan[C]: ...
    @overload
    def plan(self, *args: Any, llm_params: Mapping[str, Any] | None, **kwargs: Any) -> Plan[C]: ...
    def plan(self, *args: Any, llm_params: Mapping[str, Any] | None = None, **kwargs: Any) -> Plan[Any]:
        """Write the prompt without asking; calling the plan asks.

        Raises:
            TypeError: the arguments do not fit the function's signature.
            PromptError: the prompt cannot be filled with them.
            ConfigurationError: the environment is to name the model, and names none.
            Exception: what the function's body raises.
        """
        return self._plan(args, kwargs, llm_params)

    def compile(self, *args: P.args, **kwargs: P.kwargs) -> list[Message]:
        """Give the messages that a call with these arguments would send; it raises what `plan` raises."""
        return list(self._plan(args, kwargs, None).messages)

    @property
    def prompt(self) -> Prompt[Any]:
        """The compiled form of the function: its name, its signature, its words and the shape of its answers."""
        return self._declared.prompt

    @property
    def llm_response(self) -> LLMResponse | None:
        """The last answer in this context: whole, or the last chunk of a stream that has ended; else None."""
        return self._declared.calls.llm_response

    @property
    def llm_stream_response(self) -> C | None:
        """The last stream of this context, to read again; None when there was none."""
        return cast("C | None", self._declared.calls.llm_stream_response)

    @overload
    def __get__(self, instance: None, owner: type, /) -> Self: ...
    @overload
    def __get__(self: Task[Concatenate[Any, Q], C], instance: object, owner: type | None = None, /) -> Task[Q, C]: ...
    def __get__(self, instance: object | None, owner: type | None = None, /) -> Any:
        if instance is None or self._declared.prompt.signature.receiver is None:
            return self
        return self._bound_to(instance)

    def _bound_to(self, instance: object) -> Self:
        bound = copy.copy(self)
        bound._receiver = (instance,)  # noqa: SLF001  (its own class)
        return bound

    def __repr__(self) -> str:
        streaming = ", streaming" if self._declared.calls.streaming else ""
        return f"<task {self._declared.prompt.name}{self._declared.prompt.signature.python}{streaming}>"

    def _plan(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], params: Mapping[str, Any] | None) -> Plan[Any]:
        declared = self._declared
        arguments = declared.prompt.signature.bind((*self._receiver, *args), kwargs)
        return Plan(declared, arguments, declared.messages(arguments), params_of(repr(declared.prompt.name), params))


class Plan(Generic[C]):
    """One call that has been written but not sent; calling it sends it.

    Attributes:
        messages: what will be sent.
        task_kwargs: each parameter and its argument.
    """

    def __init__(
        self,
        declared: _TaskDefinition,
        arguments: dict[str, Any],
        messages: tuple[Message, ...],
        params: dict[str, Any],
    ) -> None:
        self._declared = declared
        self._params = params
        self.task_kwargs = arguments
        self.messages = messages

    def __repr__(self) -> str:
        return f"<plan of {self._declared.prompt.name}, not sent>"

    @property
    def populated_prompt(self) -> str:
        """The prompt with the values filled in."""
        return self.messages[-1].content

    @property
    def compiled_template(self) -> str:
        """The prompt with ``{name}`` in the places of the values."""
        return self._declared.prompt.template

    def __call__(self) -> C:
        """Ask the model.

        Raises:
            DeclaraiError: there is no answer, or none that fits; of a stream it comes to who reads it.
        """
        declared = self._declared
        return cast("C", declared.calls.answer(self._answering, is_async=declared.is_async))

    def stream(self) -> Stream[Any]:
        """Ask the model, and give the answer as a stream, whatever a call gives."""
        return self._declared.calls.stream(self._answering)

    def _answering(self, commitment: Commitment | None) -> Flow[list[LLMResponse], tuple[Any, LLMResponse]]:
        return self._declared.output_call.answer(self.messages, self._params, commitment)


class _TaskDefinition:
    """What a task and its bound methods share."""

    def __init__(
        self,
        prompt: Prompt[Any],
        output_call: Callable[[], OutputCall[Any]],
        *,
        streaming: bool,
        is_async: bool,
        replay: bool,
    ) -> None:
        self.prompt = prompt
        self.is_async = is_async
        self.calls = Calls(prompt.output_type, streaming=streaming, replay=replay)
        self._output_call = output_call

    @property
    def output_call(self) -> OutputCall[Any]:
        return self._output_call()

    def messages(self, arguments: Mapping[str, Any]) -> tuple[Message, ...]:
        return (Message("user", self.output_call.with_format_instructions(self.prompt.fill(arguments))),)
