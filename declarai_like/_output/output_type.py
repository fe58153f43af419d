"""The output type of a task: the JSON Schema for the model, and how an answer is parsed and validated."""

from __future__ import annotations

import collections.abc
import inspect
import json
import re
import typing
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, get_args, get_origin

from ..errors import DeclarationError
from .jsontext import candidates, json_error
from .type_text import type_text
from .typed_dict import typed_dict, with_portable_typed_dicts

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError

R = TypeVar("R")

_ITERATORS = (
    collections.abc.Iterator,
    collections.abc.Iterable,
    collections.abc.AsyncIterator,
    collections.abc.AsyncIterable,
)
_GENERATORS = (collections.abc.Generator, collections.abc.AsyncGenerator)
_NOT_CONSTRAINTS = frozenset({"type", "title", "description"})
_SENTENCE = re.compile(r".*(?:\bis|[:=])[*_]*\s+(\S.*)")  # "The answer is 5." and "Answer: 5"
_QUOTES = " \t\r\n\"'`*_"
_MAX_PROBLEMS = 10
_MAX_SHOWN = 80


class OutputMismatch(Exception):
    """An answer is not valid for an output type; the message says why, for the model and for logs."""


class OutputType(Generic[R]):
    """The type of an answer, and how its text is read.

    Plain text (``str``, or no return type) is returned unchanged. Any other type is requested as JSON, and validated
    by pydantic. Providers require an object at the root, so other types are requested as ``{"value": ...}``. An answer
    is accepted with and without this wrapper.

    An ``Iterator[T]`` is a list whose elements are yielded one by one; `read` returns the complete list.

    Attributes:
        annotation: the type; `inspect.Signature.empty` for a function without a return type.
        text: the type, as its author would write it.
        by_element: True for such an iterator.
        is_text: True for plain text.
        constraints: those of a constrained ``str``, as text for the prompt; else empty.
        schema: the JSON Schema of the answer, with an object at the root; empty for plain text.

    Raises:
        DeclarationError: pydantic cannot make a schema for the type.
    """

    def __init__(self, annotation: Any, localns: Mapping[str, Any] | None = None) -> None:
        """``localns`` holds the names that forward references in the type may use besides those of its module."""
        base = _unannotated(annotation)
        self.by_element = (get_origin(base) or base) in _ITERATORS
        if self.by_element:
            base = annotation = _list_of(base)
        self.annotation = annotation
        self.text = "str" if annotation is inspect.Signature.empty else type_text(annotation)
        self.is_text = base in (str, inspect.Signature.empty, Any, object)
        self.constraints = ""
        self.schema: Mapping[str, Any] = {}
        self._adapter: TypeAdapter[R] | None = None
        self._wrapped: TypeAdapter[dict[str, R]] | None = None
        if self.is_text and base is annotation:
            return  # a constrained str, Annotated[str, ...], is text that is validated
        if (get_origin(base) or base) in _GENERATORS:
            raise DeclarationError(
                f"its return type {self.text} is not supported; to read elements one by one, use Iterator[...] or "
                "AsyncIterator[...]"
            )
        self._compile(annotation, dict(localns or {}))

    def _compile(self, annotation: Any, localns: dict[str, Any]) -> None:
        from pydantic.errors import PydanticUserError

        try:
            annotation = with_portable_typed_dicts(annotation, localns)
            self._adapter = _adapter(annotation, localns)
            schema = self._adapter.json_schema()
            if self.is_text:
                self.constraints = ", ".join(
                    f"{name} {limit}" for name, limit in schema.items() if name not in _NOT_CONSTRAINTS
                )
                return
            if schema.get("type") != "object":
                definitions = {"$defs": schema.pop("$defs")} if "$defs" in schema else {}
                schema = {"type": "object", "properties": {"value": schema}, "required": ["value"], **definitions}
                self._wrapped = _adapter(typed_dict("Answer", {"value": annotation}), localns)
        except (PydanticUserError, TypeError, NameError) as error:
            reason = str(error).partition("\n")[0]
            raise DeclarationError(f"its return type {self.text} cannot be read from an answer: {reason}") from None
        self.schema = schema

    @property
    def is_wrapped(self) -> bool:
        """True if the answer is requested as ``{"value": ...}``."""
        return self._wrapped is not None

    @property
    def core_schema(self) -> Mapping[str, Any]:
        """The core schema of the type (`pydantic_core.core_schema`)."""
        return cast("Mapping[str, Any]", self._adapter.core_schema if self._adapter else {"type": "str"})

    def prompt_section(self, returns: str) -> str:
        """Return the section of a prompt that describes the answer; empty if any text is allowed."""
        if not (returns or self.constraints or not self.is_text):
            return ""
        kind = ", ".join(filter(None, (self.text, self.constraints)))
        return f"## Answer ({kind})" + (f"\n{returns}" if returns else "")

    def read(self, text: str) -> R:
        """Return the value of an answer: the first JSON in it that is valid, with any text around it.

        Raises:
            OutputMismatch: the answer has no JSON, or none that is valid.
        """
        if self._adapter is None:
            return cast("R", text)
        from pydantic import ValidationError

        if self.is_text:
            try:
                return self._adapter.validate_python(text)
            except ValidationError as error:
                raise OutputMismatch(explain(error)) from None
        longest = reason = ""
        for found in self._readings(text):
            try:
                return self._validate(found)
            except ValidationError as error:
                # The longest is most likely the answer; a short one may be a citation, [1].
                if not reason or (found[0] in "[{" and len(found) > len(longest)):
                    longest, reason = found, explain(error)
        raise OutputMismatch(reason or f"{json_error(text) or 'no JSON found'} (got {_shown(text)})")

    def _readings(self, text: str) -> Iterator[str]:
        """Yield the JSON texts that an answer may mean, the most likely first."""
        structured = False
        for found in candidates(text):
            structured = structured or found[0] in "{["
            yield found
        is_single = self._wrapped is not None and self.schema["properties"]["value"].get("type") != "array"
        if not is_single or structured or json_error(text):
            return
        # Small models write `5`, or "The answer is 5.", or just `positive`, also if JSON was requested.
        text = text.strip()
        yield json.dumps(text)
        bare = _bare(re.sub(r"\A```\w*\n", "", text))
        yield json.dumps(bare)
        if sentence := _SENTENCE.fullmatch(bare.rpartition("\n")[2]):
            yield from candidates(sentence[1])
            yield json.dumps(_bare(sentence[1]))

    def _validate(self, found: str) -> R:
        from pydantic import ValidationError

        assert self._adapter is not None
        if self._wrapped is None or not found.startswith("{"):
            return self._adapter.validate_json(found)
        try:
            return self._wrapped.validate_json(found)["value"]
        except ValidationError as error:
            try:
                return self._adapter.validate_json(found)
            except ValidationError as unwrapped:
                # The error for the model: about the value if the wrapper was left out, else about the wrapper.
                is_unwrapped = _lacks_value(error) and all(problem["loc"] for problem in unwrapped.errors())
                raise (unwrapped if is_unwrapped else error) from None


def _unannotated(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is typing.Annotated else annotation


def _list_of(iterator: Any) -> Any:
    """Return the list type for an iterator type."""
    elements = get_args(iterator)
    if not elements:
        raise DeclarationError(
            f"its return type {type_text(iterator)} does not have an element type; write Iterator[...]"
        )
    return list[elements[0]]  # type: ignore[valid-type]


def _adapter(annotation: Any, localns: dict[str, Any]) -> TypeAdapter[Any]:
    """Return pydantic's adapter for a type."""
    from pydantic import TypeAdapter

    adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    adapter.rebuild(_types_namespace=localns)  # does nothing if all names were resolved
    return adapter


def _bare(text: str) -> str:
    """Remove quotation marks, Markdown and the full stop around a value."""
    return text.lstrip(_QUOTES).rstrip(_QUOTES + ".")


def _lacks_value(error: ValidationError) -> bool:
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    return [(problem["type"], problem["loc"]) for problem in problems] == [("missing", ("value",))]


def explain(error: ValidationError) -> str:
    """Return what is not valid and why, for the model and for logs."""
    problems = error.errors(include_url=False, include_context=False)
    lines: list[str] = []
    for problem in problems[:_MAX_PROBLEMS]:
        path = ".".join(map(str, problem["loc"]))
        lines.append(f"{path + ': ' if path else ''}{problem['msg']} (got {_shown(problem['input'])})")
    if len(problems) > _MAX_PROBLEMS:
        lines.append(f"and {len(problems) - _MAX_PROBLEMS} more")
    return "\n".join(lines)


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= _MAX_SHOWN else shown[: _MAX_SHOWN - 3] + "..."
