"""The definition of a chat class: its templates, the type of its answers and its settings, read from the class."""

from __future__ import annotations

import dis
import functools
import inspect
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from .._calls.output_call import OutputCall
from .._core import checks
from .._output.output_type import OutputType
from .._prompts import ChatPrompt, SendMethod, read_send
from ..errors import ConfigurationError, DeclarationError
from ..stream import Items, Stream
from ..window import Window

NO_TYPE: Any = inspect.Signature.empty


@dataclass(frozen=True, slots=True)
class ChatDeclaration:
    """The settings of a chat decorator.

    Attributes:
        output_call: returns, for a name and an output type, a function that returns the call of the model. The model may
            thus be looked up as late as the first message.
        summariser: the same for summaries, but at once.
        streaming: True if answers stream; None if their type, or else the model, decides.
        model_streams: the model's ``stream``, which applies if neither ``streaming`` nor the type of answers decides.
    """

    output_call: Callable[[str, OutputType[Any]], Callable[[], OutputCall[Any]]]
    summariser: Callable[[str, OutputType[str]], OutputCall[str]]
    streaming: bool | None
    model_streams: bool
    replay: bool
    keep_partial: bool
    window: Window | None


class ChatDefinition:
    """A chat class, read when the class is created.

    Attributes:
        declaration: the settings of its decorator.
        prompt: its templates, and the type of its answers.
        output_call: returns the call of the model.
        streaming: True if answers stream.
        is_async: True if its ``send`` is declared with ``async def``.

    Raises:
        DeclarationError: the class cannot become a chat; the message names the class and the reason.
        ConfigurationError: its window is not a window.
    """

    def __init__(self, cls: type, send: SendMethod | None, returns: Any, declaration: ChatDeclaration) -> None:
        """``returns`` is the type of the answers if ``send`` does not declare one."""
        name = class_name(cls)
        declared = send.signature.returns if send else NO_TYPE
        returns, has_stream = _answer_type(returns if declared is NO_TYPE else declared)
        check_window(name, declaration.window)
        self.declaration = declaration
        self.is_async = send is not None and send.is_async
        try:
            self.prompt = ChatPrompt[Any](name, template_of(cls, "system"), template_of(cls, "greeting"), send, returns)
        except DeclarationError as error:
            raise not_a_chat(name, error) from error.__cause__
        self.output_call = declaration.output_call(name, self.prompt.output_type)
        by_model = declaration.model_streams and not self.prompt.output_type.by_element
        self.streaming = (has_stream or by_model) if declaration.streaming is None else declaration.streaming

    @functools.cached_property
    def summariser(self) -> OutputCall[str]:
        """The call of the model for summaries."""
        return self.declaration.summariser(f"the summary of {self.prompt.name}", OutputType(str))


class TemplateAttribute:
    """The attribute ``system`` or ``greeting``: a class's template, an instance's filled text.

    An instance can be assigned another text, which is not a template.
    """

    def __init__(self, name: str, template: str) -> None:
        self.template = template
        self._name = name

    def __get__(self, instance: Any, owner: type | None = None) -> str:
        return self.template if instance is None else instance._chat_runtime.text(self._name)  # noqa: SLF001  (of Chat)

    def __set__(self, instance: Any, text: str) -> None:
        instance._chat_runtime.set_text(self._name, text)  # noqa: SLF001  (of Chat)


def template_of(cls: type, name: str) -> str:
    """Return the template of a class for its ``system`` prompt or its ``greeting``.

    It is the attribute of that name, or, for the system prompt, the docstring, of the nearest class in the MRO that has
    one. An attribute that is neither a str nor a `TemplateAttribute` is code, such as a property, and has no template.
    """
    for base in cls.__mro__:
        own = base.__dict__.get(name)
        if own is not None:
            return own.template if isinstance(own, TemplateAttribute) else own if isinstance(own, str) else ""
        docstring = base.__dict__.get("__doc__") if name == "system" else None
        # A dataclass without a docstring gets its signature as one.
        if docstring and not docstring.startswith(f"{base.__name__}("):
            return inspect.cleandoc(docstring)
    return ""


def is_code(cls: type, name: str) -> bool:
    """True if a class's ``system`` or ``greeting`` is code, for instance a property, and not a template."""
    return not isinstance(inspect.getattr_static(cls, name, ""), str | TemplateAttribute)


def declared_send(cls: type) -> Callable[..., Any] | None:
    """Return the nearest ``send`` of a class if its body is empty, so that it only declares types."""
    own = next((base.__dict__["send"] for base in cls.__mro__ if "send" in base.__dict__), None)
    return own if isinstance(own, types.FunctionType) and _is_empty(own) else None


def read_declared_send(cls: type, send: Callable[..., Any]) -> SendMethod:
    """Read a ``send`` that only declares types.

    Raises:
        DeclarationError: it cannot be called with a message; the error names the class.
    """
    try:
        return read_send(send, class_name(cls))
    except DeclarationError as error:
        raise not_a_chat(class_name(cls), error) from error.__cause__


def not_a_chat(name: str, reason: object) -> DeclarationError:
    """Return the error for a class that cannot become a chat."""
    return DeclarationError(f"{name!r} cannot become a chat: {reason}")


def class_name(cls: type) -> str:
    """Return a class's qualified name, without the function that it is defined in."""
    return cls.__qualname__.rpartition("<locals>.")[2]


def check_memory(name: str, memory: object) -> None:
    """Raise if the memory of a chat is not a memory; None is allowed.

    Raises:
        ConfigurationError: the message names the chat.
    """
    methods = ("load", "append", "clear")
    _check_methods(f"memory of chat {name!r}", memory, methods, "a memory of declarai_like.memory")


def check_window(name: str, window: object) -> None:
    """Raise if the window of a chat is not a window; None is allowed.

    Raises:
        ConfigurationError: the message names the chat.
    """
    _check_methods(f"window of chat {name!r}", window, ("select",), "Messages, Tokens or Summary")


def check_text(what: str, text: object) -> None:
    """Raise if text cannot be sent.

    Raises:
        ConfigurationError: it is not a str, or cannot be encoded as UTF-8.
    """
    try:
        checks.string(what, text).encode()
    except UnicodeEncodeError as error:  # lone surrogates cannot be encoded as UTF-8
        raise ConfigurationError(f"{what} cannot be sent: {error}") from None


def _check_methods(what: str, value: object, methods: tuple[str, ...], expected: str) -> None:
    if value is None:
        return
    if inspect.isclass(value):  # it has the methods, but cannot be used
        raise checks.wrong_type(what, "an instance", value, f"use {value.__name__}(...)")
    if not all(callable(getattr(value, name, None)) for name in methods):
        raise checks.wrong_type(
            what, f"{expected}, or an object with {', '.join(f'{name}()' for name in methods)}", value
        )


def _answer_type(returns: Any) -> tuple[Any, bool]:
    """Return the type of an answer, and True if ``returns`` is a stream of it."""
    origin, arguments = get_origin(returns), get_args(returns)
    if origin is Stream:
        return arguments[0], True
    if origin is Items:
        return Iterator[arguments[0]], False  # type: ignore[valid-type]
    return (NO_TYPE, True) if returns is Stream else (returns, False)


def _is_empty(function: types.FunctionType) -> bool:
    """True if a body is ``...``, ``pass`` or a docstring.

    The bytecode tells it also where the source is not available. Constants and names are compared too, as a body that
    is another constant has the same instructions.
    """
    code = function.__code__
    constants = [each for each in code.co_consts if each is not None and each != function.__doc__]
    return _instructions(function) in _EMPTY and not (code.co_names or constants)


def _instructions(function: Callable[..., Any]) -> tuple[str, ...]:
    return tuple(instruction.opname for instruction in dis.get_instructions(function))


def _empty() -> None: ...


async def _empty_async() -> None: ...


_EMPTY = [_instructions(each) for each in (_empty, _empty_async)]
