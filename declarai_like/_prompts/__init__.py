"""Prompts: a function's signature and docstring, compiled once and filled in at each call."""

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
from .docstring import DocstringParts, parse_docstring
from .formatting import format_value
from .magic import Magic, evaluate_body, magic
from .signature import Parameter, annotated_description, local_names, read_signature
from .template import Template

__all__ = ["ChatPrompt", "Magic", "Prompt", "SendMethod", "ask_for_json", "magic", "read_send"]

R = TypeVar("R")


class Prompt(Generic[R]):
    """The compiled form of one function.

    Attributes:
        name: the function's name.
        signature: its parameters; binds the arguments of a call to them.
        output_type: its return type, with the schema to ask for and the way to read an answer.
        template: the prompt with ``{name}`` in place of each value.

    Raises:
        DeclarationError: the function cannot become a prompt; the message names it and the reason.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        # Without the enclosing functions, whose names say nothing to the model
        self.name = getattr(function, "__qualname__", repr(function)).rpartition("<locals>.")[2]
        self._function = function
        try:
            _check_function(function)
            localns = local_names(function)
            self.signature = read_signature(function, self.name, localns)
            self.output_type: OutputType[R] = OutputType(self.signature.returns, localns)
            self._compile(function)
        except DeclarationError as error:  # replaced, not chained: the new message contains this one
            raise DeclarationError(f"{self.name!r} cannot become a task: {error}") from error.__cause__

    def _compile(self, function: Callable[..., Any]) -> None:
        signature = self.signature
        names = signature.names
        docstring = parse_docstring(function.__doc__, names, self.output_type.text)
        if docstring.unknown:
            raise DeclarationError(
                f"its docstring describes {', '.join(map(repr, docstring.unknown))}, but its parameters are "
                f"{', '.join(map(repr, names)) or 'none'}"
            )
        self._parameters = tuple(
            replace(p, type=p.type or docstring.types.get(p.name, "")) for p in signature.parameters
        )
        self._instruction = Template(docstring.instruction, names)
        self._returns = Template(docstring.returns or annotated_description(signature.returns), names)
        self._params = {
            parameter.name: Template(docstring.params.get(parameter.name) or parameter.description, names)
            for parameter in self._parameters
        }

    @property
    def template(self) -> str:
        """The prompt with ``{name}`` in place of each value."""
        params = {name: template.source for name, template in self._params.items()}
        parts = DocstringParts(self._instruction.source, params, self._returns.source)
        return self._assemble(parts, self._names_used(Magic()), lambda name: f"{{{name}}}")

    def fill(self, arguments: Mapping[str, Any]) -> str:
        """Return the prompt for these arguments.

        Raises:
            PromptError: a template fails with them, one of them cannot be written as JSON or encoded, or
                the prompt has neither an instruction nor a description of the return.
        """
        # BoundArguments splits the names into positional and keyword arguments, by the kinds of the parameters
        call = inspect.BoundArguments(self.signature.python, OrderedDict(arguments))
        body = evaluate_body(lambda: self._function(*call.args, **call.kwargs), self.name)
        instruction = self._instruction.source if body.description is None else body.description
        returns = self._returns.source if body.returns is None else body.returns
        if not (instruction.strip() or returns.strip()):
            raise PromptError(
                f"the prompt of {self.name!r} is empty; write a docstring, "
                "or return declarai.magic(description=...) from the body of the task"
            )
        try:
            parts = self._fill_parts(body, arguments)
            text = self._assemble(parts, self._names_used(body), lambda name: format_value(arguments[name], name))
            text.encode()  # lone surrogates cannot be encoded as UTF-8
        except (PromptError, UnicodeEncodeError) as error:
            raise PromptError(f"the prompt of {self.name!r} cannot be filled: {error}") from error.__cause__
        return text

    def _fill_parts(self, body: Magic, arguments: Mapping[str, Any]) -> DocstringParts:
        """Return the docstring's parts, filled in; a part that the body returns replaces the docstring's."""
        overrides = body.params or {}
        if unknown := sorted(set(overrides) - set(self._params)):
            raise PromptError(
                f"magic(params=...) describes {', '.join(map(repr, unknown))}, but its parameters are "
                f"{', '.join(map(repr, self._params)) or 'none'}"
            )
        # A template that is replaced is not filled: it may fail with these very arguments
        params = {name: template.fill(arguments) for name, template in self._params.items() if name not in overrides}
        return DocstringParts(
            self._instruction.fill(arguments) if body.description is None else body.description,
            {**params, **overrides},
            self._returns.fill(arguments) if body.returns is None else body.returns,
        )

    def _names_used(self, body: Magic) -> frozenset[str]:
        """Return the parameters whose values already occur in the parts that are sent."""
        used = frozenset[str]() if body.description is not None else self._instruction.used
        used = used if body.returns is not None else used | self._returns.used
        overrides = body.params or {}
        return used.union(*(t.used for name, t in self._params.items() if name not in overrides))

    def _assemble(self, parts: DocstringParts, used: Collection[str], value: Callable[[str], str]) -> str:
        """Join the instruction, the descriptions of used parameters, the other inputs, and the answer's type."""
        paragraphs = [parts.instruction]
        parameters = self._parameters
        # A value that the text contains is not repeated. Its description is, and so is any type but str
        explained = [p for p in parameters if p.name in used and (parts.params[p.name] or p.type not in ("", "str"))]
        if explained:
            paragraphs.append("\n".join(f"- {_heading(p, parts.params[p.name])}" for p in explained))
        paragraphs += [
            f"## {_heading(p, parts.params[p.name])}\n{value(p.name)}" for p in parameters if p.name not in used
        ]
        paragraphs.append(self.output_type.prompt_section(parts.returns))
        return "\n\n".join(filter(None, paragraphs))


def ask_for_json(output_type: OutputType[Any]) -> str:
    """Return the instruction to answer in JSON, for a provider that does not enforce a schema.

    The offline model finds the schema by the words before it.
    """
    schema = json.dumps(output_type.schema, ensure_ascii=False)
    return f"Answer with JSON only, without any other words. It must fit this JSON Schema:\n{schema}"


def _heading(parameter: Parameter, description: str) -> str:
    kind = f" ({parameter.type})" if parameter.type else ""
    return f"{parameter.name}{kind}" + (f": {description}" if description else "")


def _check_function(function: Callable[..., Any]) -> None:
    kind = type(function).__name__
    if kind in ("staticmethod", "classmethod"):
        raise DeclarationError(f"it is a {kind}; put @{kind} above the decorator that makes the task")
    if not inspect.isfunction(function):
        raise DeclarationError(f"it is a {kind}; a task must be a function")
    if function.__name__ == "<lambda>":
        raise DeclarationError("it is a lambda, which has neither a name nor a docstring; use def")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise DeclarationError(
            "its body yields; the body of a task may only return magic(...), use streaming=True to stream the answer"
        )
