"""What a chat class declares: its words, what it answers, and how; read when the class is made."""

from __future__ import annotations

import dis
import functools
import inspect
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from .._calls.output_call import OutputCall
from .._output.output_type import OutputType
from .._prompts import ChatPrompt, SendMethod, read_send
from ..errors import DeclarationError
from ..stream import Items, Stream
from ..window import Window
from .checking import check_window

NO_TYPE: Any = inspect.Signature.empty


@dataclass(frozen=True, slots=True)
class ChatDeclaration:
    """What the decorator of a chat class says.

    Attributes:
        operator: gives what asks, for a name and a shape of answers; it may be made at the first call.
        summariser: the same, for summaries.
        streaming: whether answers stream; None where their type, or else the model, says it.
        streams: what the model says.
    """

    output_call: Callable[[str, OutputType[Any]], Callable[[], OutputCall[Any]]]
    summariser: Callable[[str, OutputType[str]], OutputCall[str]]
    streaming: bool | None
    streams: bool
    replay: bool
    keep_partial: bool
    window: Window | None


class ChatDefinition:
    """A chat class that was read, and can speak.

    Attributes:
        prompt: its words, and what it answers.
        streaming: whether answers stream.
        is_async: its ``send`` is declared with ``async def``.

    Raises:
        DeclarationError: the class cannot become a chat; the message names it and says why.
        ConfigurationError: its window is none.
    """

    def __init__(self, chat: type, send: SendMethod | None, returns: Any, settings: ChatDeclaration) -> None:
        """``returns`` is the type of the answers where ``send`` does not say it."""
        name = own_name(chat)
        declared = send.signature.returns if send else NO_TYPE
        returns, has_stream = _unwrapped(returns if declared is NO_TYPE else declared)
        check_window(name, settings.window)
        self.settings = settings
        self.is_async = send is not None and send.is_async
        try:
            self.prompt = ChatPrompt[Any](
                name, template_attribute(chat, "system"), template_attribute(chat, "greeting"), send, returns
            )
        except DeclarationError as error:
            raise cannot(name, error) from error.__cause__
        self.output_call = settings.output_call(name, self.prompt.output_type)
        by_model = settings.streams and not self.prompt.output_type.by_element
        self.streaming = (has_stream or by_model) if settings.streaming is None else settings.streaming

    @functools.cached_property
    def summariser(self) -> OutputCall[str]:
        """What asks for summaries."""
        return self.settings.summariser(f"the summary of {self.prompt.name}", OutputType(str))


class TemplateAttribute:
    """The system prompt or the greeting: of a class as it was written, of an instance as it is filled.

    An instance can be given other words, which are taken as they stand.
    """

    def __init__(self, name: str, source: str) -> None:
        self.source = source
        self._name = name

    def __get__(self, instance: Any, owner: type | None = None) -> str:
        return self.source if instance is None else instance._chat.words(self._name)  # noqa: SLF001  (a chat's own)

    def __set__(self, instance: Any, text: str) -> None:
        instance._chat.say(self._name, text)  # noqa: SLF001  (as above)


def template_attribute(chat: type, name: str) -> str:
    """Give the template that a class has for its ``system`` prompt or its ``greeting``.

    The nearest class counts that has an attribute of that name, or, for the system prompt, a docstring.
    What is neither a str nor `TemplateAttribute` is code of the class's own, which needs no template.
    """
    for base in chat.__mro__:
        own = base.__dict__.get(name)
        if own is not None:
            return own.source if isinstance(own, TemplateAttribute) else own if isinstance(own, str) else ""
        said = base.__dict__.get("__doc__") if name == "system" else None
        if said and not said.startswith(f"{base.__name__}("):  # which is what a dataclass writes there by itself
            return inspect.cleandoc(said)
    return ""


def has_own(chat: type, name: str) -> bool:
    """Whether a class makes its ``system`` prompt or ``greeting`` by code of its own, for instance a property."""
    return not isinstance(inspect.getattr_static(chat, name, ""), str | TemplateAttribute)


def declared_send(chat: type) -> Callable[..., Any] | None:
    """Give the ``send`` that only declares: the nearest one, if its body is empty."""
    own = next((base.__dict__["send"] for base in chat.__mro__ if "send" in base.__dict__), None)
    return own if isinstance(own, types.FunctionType) and _is_empty(own) else None


def read(chat: type, send: Callable[..., Any]) -> SendMethod:
    """Read such a ``send``.

    Raises:
        DeclarationError: it is none that can be called with a message; the message names the class.
    """
    try:
        return read_send(send, own_name(chat))
    except DeclarationError as error:
        raise cannot(own_name(chat), error) from error.__cause__


def cannot(name: str, reason: object) -> DeclarationError:
    return DeclarationError(f"{name!r} cannot become a chat: {reason}")


def own_name(chat: type) -> str:
    return chat.__qualname__.rpartition("<locals>.")[2]


def _unwrapped(returns: Any) -> tuple[Any, bool]:
    """Give the type of an answer, and whether ``returns`` says that it streams."""
    origin, arguments = get_origin(returns), get_args(returns)
    if origin is Stream:
        return arguments[0], True
    if origin is Items:
        return Iterator[arguments[0]], False  # type: ignore[valid-type]
    return (NO_TYPE, True) if returns is Stream else (returns, False)


def _is_empty(function: types.FunctionType) -> bool:
    """Whether a body does nothing: it is ``...``, ``pass`` or a docstring."""
    code = function.__code__
    constants = [each for each in code.co_consts if each is not None and each != function.__doc__]
    return _steps(function) in _EMPTY and not (code.co_names or constants)


def _steps(function: Callable[..., Any]) -> tuple[str, ...]:
    return tuple(step.opname for step in dis.get_instructions(function))


def _empty() -> None: ...


async def _empty_async() -> None: ...


_EMPTY = [_steps(each) for each in (_empty, _empty_async)]
