"""A chat class's words, compiled once: the system prompt, the greeting, and what a message comes with."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from .._output.output_type import OutputType
from ..errors import DeclarationError, PromptError
from .docstring import describe
from .signature import Signature, annotated_description, local_names, read_signature
from .template import Template

R = TypeVar("R")

_ANY_SEND = inspect.Signature(
    [
        inspect.Parameter("message", inspect.Parameter.POSITIONAL_OR_KEYWORD),
        inspect.Parameter("values", inspect.Parameter.VAR_KEYWORD),
    ]
)


@dataclass(frozen=True, slots=True)
class SendMethod:
    """What a ``send`` declares: what a message comes with, and what is answered.

    Attributes:
        signature: its parameters; after ``self`` comes the message, then values for the system prompt.
        is_async: it is declared with ``async def``.
        docstring: what it says of the answer.
        local: names that its annotations may use and that are not in its module.
    """

    signature: Signature
    is_async: bool
    docstring: str | None
    local: Mapping[str, Any]


def read_send(function: Callable[..., Any], name: str) -> SendMethod:
    """Read the ``send`` that the class of this name declares.

    Raises:
        DeclarationError: it is none that can be called with a message.
    """
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise DeclarationError("the body of its send yields; it stays empty, and streaming=True makes answers stream")
    local = local_names(function)
    signature = read_signature(function, f"{name}.send", local)
    if signature.receiver is None or not signature.parameters:
        raise DeclarationError(f"its send is send{signature.python}; it begins with self and the message")
    if "llm_params" in signature.names:
        raise DeclarationError("its send takes 'llm_params', the keyword that every send takes; rename it")
    return SendMethod(signature, inspect.iscoroutinefunction(function), function.__doc__, local)


class ChatPrompt(Generic[R]):
    """The compiled form of a chat class.

    Attributes:
        name: the class's name.
        shape: what an answer has to be.
        uses: the names of the values that the system prompt has places for.
        places: those that the greeting has places for as well.

    Raises:
        DeclarationError: the class cannot become a chat; the message says why.
    """

    def __init__(self, name: str, system: str, greeting: str, send: SendMethod | None, returns: Any) -> None:
        """``system`` and ``greeting`` are templates, ``returns`` is the type of the answers."""
        self.name = name
        self.output_type: OutputType[R] = OutputType(returns, send.local if send else None)
        self._signature = send.signature if send else None
        names = send.signature.names if send else ()
        said = describe(send.docstring if send else None, names, self.output_type.text)
        self._system = Template(system, None)
        self._greeting = Template(greeting, None)
        self._instruction = Template(said.instruction, None)
        self._returns = Template(said.returns or annotated_description(returns), None)
        self.uses = self._system.used | self._instruction.used | self._returns.used
        self.places = self.uses | self._greeting.used
        if unused := [name for name in names[2:] if name not in self.uses]:
            raise DeclarationError(
                f"its send takes {', '.join(map(repr, unused))}, for which the system prompt has no place; "
                "what the model is told otherwise goes into the message"
            )

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Give the message and the values of a call of ``send``.

        Raises:
            TypeError: the arguments do not fit.
            PromptError: the message is no text that can be sent.
        """
        if self._signature is None:
            message, values = self._bind_any(args, kwargs)
        else:
            bound = self._signature.bind((None, *args), kwargs)
            _, message, *_ = bound.values()
            values = {name: bound[name] for name in self._signature.names[2:]}
        self.check(values)
        self.check_message(message)
        return message, values

    def check_message(self, message: Any) -> None:
        """Refuse a message that cannot be sent.

        Raises:
            TypeError: it is no text.
            PromptError: it is no text that can be sent.
        """
        if not isinstance(message, str):
            raise TypeError(f"{self.name}.send() takes a message, which is a str, not {type(message).__name__}")
        _check_text(message, f"the message to {self.name!r}")

    def check(self, values: Mapping[str, Any]) -> None:
        """Refuse values that the system prompt has no place for.

        Raises:
            TypeError: there is one.
        """
        if unknown := [name for name in values if name not in self.uses]:
            raise TypeError(f"{self.name}.send() got an unexpected keyword argument {unknown[0]!r}; {self.takes}")

    def _bind_any(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        try:
            bound = _ANY_SEND.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise TypeError(f"{self.name}.send() {error}") from None
        return bound["message"], dict(bound.get("values", {}))

    @property
    def takes(self) -> str:
        """The values that there are places for, in words."""
        names = sorted(self.places - {"self"})
        return f"its words have places for {', '.join(map(repr, names))}" if names else "its words have no places"

    def instruct(self, values: Mapping[str, Any], system: str | None = None) -> str:
        """Write the system prompt; ``system`` takes the place of the class's own words, as it stands.

        Raises:
            PromptError: a value is missing, or cannot be written.
        """

        def write() -> str:
            own = self._system.fill(values) if system is None else system
            answer = self.output_type.described(self._returns.fill(values))
            return "\n\n".join(filter(None, (own, self._instruction.fill(values), answer)))

        return self._written("system prompt", write)

    def greet(self, values: Mapping[str, Any]) -> str:
        """Write the greeting.

        Raises:
            PromptError: a value is missing, or cannot be written.
        """
        return self._written("greeting", lambda: self._greeting.fill(values))

    def _written(self, what: str, write: Callable[[], str]) -> str:
        try:
            text = write()
        except PromptError as error:
            raise PromptError(
                f"the {what} of {self.name!r} cannot be filled: {error}. Values are given to {self.name}(...), "
                "or to send(...), or are attributes"
            ) from error.__cause__
        _check_text(text, f"the {what} of {self.name!r}")
        return text


def _check_text(text: str, what: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:  # half a surrogate pair is no text that can be sent
        raise PromptError(f"{what} cannot be sent: {error}") from None
