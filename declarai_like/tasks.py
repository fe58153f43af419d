"""Tasks: a decorated function that asks the model when it is called."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, cast, overload

from ._calls.output_call import OutputCall, params_of
from ._calls.runner import CallRunner
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
"""The type that a call returns: the value, an awaitable of it, or a stream."""


if TYPE_CHECKING:

    class _Wrapped:
        """The type of the decorated function, whose declared return type is not a stream."""

        @overload
        def __get__(self, instance: Task[P, Stream[T]], owner: type, /) -> Callable[P, T]: ...
        @overload
        def __get__(self, instance: Task[P, Items[T]], owner: type, /) -> Callable[P, Iterator[T]]: ...
        @overload
        def __get__(self, instance: Task[P, T], owner: type, /) -> Callable[P, T]: ...
        def __get__(self, instance: Any, owner: type, /) -> Any: ...


class Task(Generic[P, C]):
    """A function whose return values come from a model.

    It keeps the name, docstring and signature of the function, and is called like it. The keyword
    ``llm_params`` sets parameters of this request, which override those of the decorator. In a class it is
    a method: its template can use ``self``, which is not sent to the model otherwise.

    The last response (``llm_response``, ``llm_stream_response``) belongs to the context of its call:
    another thread, or another asyncio task, has its own.
    """

    if TYPE_CHECKING:
        __wrapped__ = _Wrapped()
        """The decorated function, from which another model can make a task."""

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
                f"{prompt.name!r} cannot become a task: its parameter 'llm_params' has the name of a keyword "
                "of every task; rename it"
            )
        is_async = inspect.iscoroutinefunction(function)
        self._definition = _TaskDefinition(prompt, output_call, streaming=streaming, is_async=is_async, replay=replay)
        self._receiver: tuple[Any, ...] = ()
        functools.update_wrapper(self, function)  # which also sets __wrapped__

    # Two overloads, because no keyword can be added to the parameters of a ParamSpec (PEP 612): the second one, with
    # llm_params, does not check the other arguments
    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> C: ...
    @overload
    def __call__(self, *args: Any, llm_params: Mapping[str, Any] | None, **kwargs: Any) -> C: ...
    def __call__(self, *args: Any, llm_params: Mapping[str, Any] | None = None, **kwargs: Any) -> Any:
        """Call the model.

        Raises:
            TypeError: the arguments do not match the function's signature.
            DeclaraiError: the call failed, or the answer is not valid; see `declarai_like.errors`.
            Exception: any error of the function's body.
        """
        return self._plan(args, kwargs, llm_params)()

    @overload
    def plan(self, *args: P.args, **kwargs: P.kwargs) -> Plan[C]: ...
    @overload
    def plan(self, *args: Any, llm_params: Mapping[str, Any] | None, **kwargs: Any) -> Plan[C]: ...
    def plan(self, *args: Any, llm_params: Mapping[str, Any] | None = None, **kwargs: Any) -> Plan[Any]:
        """Return the call with its prompt, without sending it; calling the plan sends it.

        Raises:
            TypeError: the arguments do not match the function's signature.
            PromptError: the prompt cannot be filled with them.
            ConfigurationError: the model comes from the environment, which does not name one.
            Exception: any error of the function's body.
        """
        return self._plan(args, kwargs, llm_params)

    def compile(self, *args: P.args, **kwargs: P.kwargs) -> list[Message]:
        """Return the messages that a call with these arguments sends; raises the errors of `plan`."""
        return list(self._plan(args, kwargs, None).messages)

    @property
    def prompt(self) -> Prompt[Any]:
        """The compiled form of the function: its name, signature, templates and output type."""
        return self._definition.prompt

    @property
    def llm_response(self) -> LLMResponse | None:
        """The last response in this context; of a stream its last chunk, once it has ended; else None."""
        return self._definition.runner.llm_response

    @property
    def llm_stream_response(self) -> C | None:
        """The last stream in this context, to read again; None if the last call was not a stream."""
        return cast("C | None", self._definition.runner.llm_stream_response)

    @overload
    def __get__(self, instance: None, owner: type, /) -> Self: ...
    @overload
    def __get__(self: Task[Concatenate[Any, Q], C], instance: object, owner: type | None = None, /) -> Task[Q, C]: ...
    def __get__(self, instance: object | None, owner: type | None = None, /) -> Any:
        if instance is None or self._definition.prompt.signature.receiver is None:
            return self
        return self._bound_to(instance)

    def _bound_to(self, instance: object) -> Self:
        bound = copy.copy(self)  # it shares the definition, so the responses of a method are those of its task
        bound._receiver = (instance,)  # noqa: SLF001  (its own class)
        return bound

    def __repr__(self) -> str:
        streaming = ", streaming" if self._definition.runner.streaming else ""
        return f"<task {self._definition.prompt.name}{self._definition.prompt.signature.python}{streaming}>"

    def _plan(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], params: Mapping[str, Any] | None) -> Plan[Any]:
        declared = self._definition
        # At the call, also of an async task: wrong arguments raise here, as for any coroutine function
        arguments = declared.prompt.signature.bind((*self._receiver, *args), kwargs)
        return Plan(declared, arguments, declared.messages(arguments), params_of(repr(declared.prompt.name), params))


class Plan(Generic[C]):
    """A call that was prepared but not sent; calling the plan sends it.

    Attributes:
        messages: the messages to send.
        task_kwargs: each parameter and its argument.
    """

    def __init__(
        self,
        declared: _TaskDefinition,
        arguments: dict[str, Any],
        messages: tuple[Message, ...],
        params: dict[str, Any],
    ) -> None:
        self._definition = declared
        self._params = params
        self.task_kwargs = arguments
        self.messages = messages

    def __repr__(self) -> str:
        return f"<plan of {self._definition.prompt.name}, not sent>"

    @property
    def populated_prompt(self) -> str:
        """The prompt with the values filled in."""
        return self.messages[-1].content

    @property
    def compiled_template(self) -> str:
        """The prompt with ``{name}`` in place of each value."""
        return self._definition.prompt.template

    def __call__(self) -> C:
        """Call the model.

        Raises:
            DeclaraiError: the call failed, or the answer is not valid; a stream raises it to its reader.
        """
        declared = self._definition
        return cast("C", declared.runner.call(self._start, is_async=declared.is_async))

    def stream(self) -> Stream[Any]:
        """Call the model, and return the answer as a stream, also if a call returns a value."""
        return self._definition.runner.stream(self._start)

    def _start(self, commitment: Commitment | None) -> Flow[list[LLMResponse], tuple[Any, LLMResponse]]:
        return self._definition.output_call.answer(self.messages, self._params, commitment)


class _TaskDefinition:
    """The definition that a task shares with its bound methods."""

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
        self.runner = CallRunner(prompt.output_type, streaming=streaming, replay=replay)
        self._output_call = output_call

    @property
    def output_call(self) -> OutputCall[Any]:  # made late for the model of the environment
        return self._output_call()

    def messages(self, arguments: Mapping[str, Any]) -> tuple[Message, ...]:
        return (Message("user", self.output_call.with_format_instructions(self.prompt.fill(arguments))),)
