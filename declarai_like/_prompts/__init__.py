"""A function's signature and words, compiled once into a prompt, and filled at each call."""

from __future__ import annotations

import inspect
import json
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any, Generic, TypeVar

from .._output.output_type import OutputType
from ..errors import DeclarationError, PromptError
from .chat import ChatPrompt, SendMethod, read_send
from .docstring import Described, describe
from .magic import Magic, evaluate_body, magic
from .signature import Parameter, annotated_description, local_names, read_signature
from .template import Template
from .values import written

__all__ = ["ChatPrompt", "Magic", "Prompt", "SendMethod", "ask_for_json", "magic", "read_send"]

R = TypeVar("R")


class Prompt(Generic[R]):
    """The compiled form of one function.

    Attributes:
        name: the function's name.
        signature: its parameters; binds the arguments of a call to them.
        shape: what its return type asks of an answer.
        template: the prompt with ``{name}`` where values go.

    Raises:
        DeclarationError: the function cannot become a prompt; the message names it and says why.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.name = getattr(function, "__qualname__", repr(function)).rpartition("<locals>.")[2]
        self._function = function
        try:
            _refuse(function)
            local = local_names(function)
            self.signature = read_signature(function, self.name, local)
            self.output_type: OutputType[R] = OutputType(self.signature.returns, local)
            self._compile(function)
        except DeclarationError as error:
            raise DeclarationError(f"{self.name!r} cannot become a task: {error}") from error.__cause__

    def _compile(self, function: Callable[..., Any]) -> None:
        signature = self.signature
        names = signature.names
        said = describe(function.__doc__, names, self.output_type.text)
        if said.unknown:
            raise DeclarationError(
                f"its docstring describes {', '.join(map(repr, said.unknown))}, but its parameters are "
                f"{', '.join(map(repr, names)) or 'none'}"
            )
        self._parameters = tuple(replace(p, type=p.type or said.types.get(p.name, "")) for p in signature.parameters)
        self._instruction = Template(said.instruction, names)
        self._returns = Template(said.returns or annotated_description(signature.returns), names)
        self._params = {
            parameter.name: Template(said.params.get(parameter.name) or parameter.description, names)
            for parameter in self._parameters
        }

    @property
    def template(self) -> str:
        """The prompt with ``{name}`` in the places of the values."""
        described = {name: template.source for name, template in self._params.items()}
        said = Described(self._instruction.source, described, self._returns.source)
        return self._lay_out(said, self._used(Magic()), lambda name: f"{{{name}}}")

    def fill(self, arguments: Mapping[str, Any]) -> str:
        """Write the prompt for these arguments.

        Raises:
            PromptError: a template fails with them, one of them cannot be written or sent, or
                there is nothing to say.
        """
        call = inspect.BoundArguments(self.signature.python, OrderedDict(arguments))
        body = evaluate_body(lambda: self._function(*call.args, **call.kwargs), self.name)
        instruction = self._instruction.source if body.description is None else body.description
        returns = self._returns.source if body.returns is None else body.returns
        if not (instruction.strip() or returns.strip()):
            raise PromptError(
                f"the task {self.name!r} has nothing to say: write a docstring, "
                "or return declarai.magic(description=...) from its body"
            )
        try:
            said = self._said(body, arguments)
            text = self._lay_out(said, self._used(body), lambda name: written(arguments[name], name))
            text.encode()
        except (PromptError, UnicodeEncodeError) as error:  # half a surrogate pair is no text that can be sent
            raise PromptError(f"the prompt of {self.name!r} cannot be filled: {error}") from error.__cause__
        return text

    def _said(self, body: Magic, arguments: Mapping[str, Any]) -> Described:
        """Fill the docstring's words, with what the body says in place of them."""
        instead = body.params or {}
        if unknown := sorted(set(instead) - set(self._params)):
            raise PromptError(f"magic(params=...) names {', '.join(map(repr, unknown))}, which is no parameter of it")
        params = {name: template.fill(arguments) for name, template in self._params.items() if name not in instead}
        return Described(
            self._instruction.fill(arguments) if body.description is None else body.description,
            {**params, **instead},
            self._returns.fill(arguments) if body.returns is None else body.returns,
        )

    def _used(self, body: Magic) -> frozenset[str]:
        """The names whose values stand in the words already."""
        used = frozenset[str]() if body.description is not None else self._instruction.used
        used = used if body.returns is not None else used | self._returns.used
        spoken_for = body.params or {}
        return used.union(*(t.used for name, t in self._params.items() if name not in spoken_for))

    def _lay_out(self, said: Described, used: Collection[str], value: Callable[[str], str]) -> str:
        """Put the parts under each other: the instruction, what the names in it mean, the inputs, what to give."""
        parts = [said.instruction]
        parameters = self._parameters
        # A value that stands in the text is not repeated; its description is, and a type that says something
        explained = [p for p in parameters if p.name in used and (said.params[p.name] or p.type not in ("", "str"))]
        if explained:
            parts.append("\n".join(f"- {_heading(p, said.params[p.name])}" for p in explained))
        parts += [f"## {_heading(p, said.params[p.name])}\n{value(p.name)}" for p in parameters if p.name not in used]
        parts.append(self.output_type.described(said.returns))
        return "\n\n".join(filter(None, parts))


def ask_for_json(output_type: OutputType[Any]) -> str:
    """Write the words that ask for JSON, for a provider that is not asked to enforce it."""
    schema = json.dumps(output_type.schema, ensure_ascii=False)
    return f"Answer with JSON only, without any other words. It must fit this JSON Schema:\n{schema}"


def _heading(parameter: Parameter, description: str) -> str:
    kind = f" ({parameter.type})" if parameter.type else ""
    return f"{parameter.name}{kind}" + (f": {description}" if description else "")


def _refuse(function: Callable[..., Any]) -> None:
    kind = type(function).__name__
    if kind in ("staticmethod", "classmethod"):
        raise DeclarationError(f"it is a {kind}; put @{kind} above the decorator that makes the task")
    if not inspect.isfunction(function):
        raise DeclarationError(f"it is a {kind}; a task is made from a function")
    if function.__name__ == "<lambda>":
        raise DeclarationError("it is a lambda, which has no name, docstring or types to ask with; use def")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise DeclarationError(
            "its body yields; a task's body only returns magic(...), and streaming=True makes its answer stream"
        )
