"""Chat prompts: the system prompt, the greeting and the ``send`` of a chat class, compiled once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from .._output.output_type import OutputType
from ..errors import DeclarationError, PromptError
from .docstring import parse_docstring
from .signature import Signature, annotated_description, local_names, read_signature
from .template import Template

R = TypeVar("R")

# The signature of ``send`` in a chat that does not declare one: the values are checked against the templates
_ANY_SEND = inspect.Signature(
    [
        inspect.Parameter("message", inspect.Parameter.POSITIONAL_OR_KEYWORD),
        inspect.Parameter("values", inspect.Parameter.VAR_KEYWORD),
    ]
)


@dataclass(frozen=True, slots=True)
class SendMethod:
    """The declaration of a chat's ``send``: the values that a message takes, and the type of its answer.

    Attributes:
        signature: its parameters: ``self``, the message, then values for the system prompt.
        is_async: it is declared with ``async def``.
        docstring: its docstring, which describes the answer.
        localns: names that its annotations may use and that are not in its module.
    """

    signature: Signature
    is_async: bool
    docstring: str | None
    localns: Mapping[str, Any]


def read_send(function: Callable[..., Any], name: str) -> SendMethod:
    """Read the ``send`` that the class with this name declares.

    Raises:
        DeclarationError: it cannot be called with a message.
    """
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise DeclarationError(
            "the body of its send yields; leave it empty, and use streaming=True to stream the answers"
        )
    localns = local_names(function)
    signature = read_signature(function, f"{name}.send", localns)
    if signature.receiver is None or not signature.parameters:
        raise DeclarationError(f"its send must take self and the message first, got send{signature.python}")
    if "llm_params" in signature.names:
        raise DeclarationError(
            "the parameter 'llm_params' of its send has the name of a keyword of every send; rename it"
        )
    return SendMethod(signature, inspect.iscoroutinefunction(function), function.__doc__, localns)


class ChatPrompt(Generic[R]):
    """The compiled form of a chat class.

    Attributes:
        name: the class's name.
        output_type: the type of its answers.
        system_names: the names that the system prompt uses.
        names: the names that the system prompt or the greeting uses.

    Raises:
        DeclarationError: the class cannot become a chat; the message names the reason.
    """

    def __init__(self, name: str, system: str, greeting: str, send: SendMethod | None, returns: Any) -> None:
        """Compile the templates ``system`` and ``greeting``; ``returns`` is the type of the answers."""
        self.name = name
        self.output_type: OutputType[R] = OutputType(returns, send.localns if send else None)
        self._signature = send.signature if send else None
        names = send.signature.names if send else ()
        docstring = parse_docstring(send.docstring if send else None, names, self.output_type.text)
        self._system = Template(system, None)
        self._greeting = Template(greeting, None)
        self._instruction = Template(docstring.instruction, None)
        self._returns = Template(docstring.returns or annotated_description(returns), None)
        self.system_names = self._system.used | self._instruction.used | self._returns.used
        self.names = self.system_names | self._greeting.used
        # From the third on, after self and the message. The greeting does not count: it is written before any message
        if unused := [name for name in names[2:] if name not in self.system_names]:
            raise DeclarationError(
                f"its send takes {', '.join(map(repr, unused))}, which the system prompt does not use; "
                "use it there, or write it into the message"
            )

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Return the message and the values of a call of ``send``.

        Raises:
            TypeError: the arguments do not fit.
            PromptError: the message cannot be encoded as UTF-8.
        """
        if self._signature is None:
            message, values = self._bind_any(args, kwargs)
        else:
            bound = self._signature.bind((None, *args), kwargs)  # None in place of self
            _, message, *_ = bound.values()
            values = {name: bound[name] for name in self._signature.names[2:]}
        self.check_values(values)
        self.check_message(message)
        return message, values

    def check_message(self, message: Any) -> None:
        """Raise if a message cannot be sent.

        Raises:
            TypeError: it is not a str.
            PromptError: it cannot be encoded as UTF-8.
        """
        if not isinstance(message, str):
            raise TypeError(f"the message of {self.name}.send() must be a str, got {type(message).__name__}")
        _check_text(message, f"the message to {self.name!r}")

    def check_values(self, values: Mapping[str, Any]) -> None:
        """Raise if there is a value that the system prompt does not use.

        Raises:
            TypeError: there is one; the message names it.
        """
        if unknown := [name for name in values if name not in self.system_names]:
            raise TypeError(f"{self.name}.send() got an unexpected keyword argument {unknown[0]!r}; {self.known_names}")

    def _bind_any(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        try:
            bound = _ANY_SEND.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise TypeError(f"{self.name}.send() {error}") from None
        return bound["message"], dict(bound.get("values", {}))

    @property
    def known_names(self) -> str:
        """The names that the templates use, as a part of an error."""
        names = sorted(self.names - {"self"})
        return f"its templates use: {', '.join(map(repr, names)) or 'no names'}"

    def fill_system(self, values: Mapping[str, Any], system: str | None = None) -> str:
        """Return the system prompt; ``system`` replaces the class's template and is not a template itself.

        Raises:
            PromptError: a value is missing, or cannot be written as JSON.
        """

        def fill() -> str:
            own = self._system.fill(values) if system is None else system
            answer = self.output_type.prompt_section(self._returns.fill(values))
            return "\n\n".join(filter(None, (own, self._instruction.fill(values), answer)))

        return self._filled("system prompt", fill)

    def fill_greeting(self, values: Mapping[str, Any]) -> str:
        """Return the greeting.

        Raises:
            PromptError: a value is missing, or cannot be written as JSON.
        """
        return self._filled("greeting", lambda: self._greeting.fill(values))

    def _filled(self, what: str, fill: Callable[[], str]) -> str:
        try:
            text = fill()
        except PromptError as error:
            raise PromptError(
                f"the {what} of {self.name!r} cannot be filled: {error}; pass values to {self.name}(...) "
                "or to send(...), or make them attributes"
            ) from error.__cause__
        _check_text(text, f"the {what} of {self.name!r}")
        return text


def _check_text(text: str, what: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:  # lone surrogates cannot be encoded as UTF-8
        raise PromptError(f"{what} cannot be sent: {error}") from None
