"""What a return type asks of an answer, and how the answer is read into it."""

from __future__ import annotations

import collections.abc
import inspect
import json
import re
import typing
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, get_args, get_origin

from ..errors import DeclarationError
from .jsontext import candidates, flaw
from .type_text import type_text
from .typed_dict import portable, typed_dict

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError

R = TypeVar("R")

_BY_ELEMENT = (
    collections.abc.Iterator,
    collections.abc.Iterable,
    collections.abc.AsyncIterator,
    collections.abc.AsyncIterable,
)
_GENERATORS = (collections.abc.Generator, collections.abc.AsyncGenerator)
_NO_LIMITS = frozenset({"type", "title", "description"})
_SAID = re.compile(r".*(?:\bis|[:=])[*_]*\s+(\S.*)")  # The answer is 5. Answer: 5
_MARKS = " \t\r\n\"'`*_"
_MAX_PROBLEMS = 10
_SHOWN = 80


class OutputMismatch(Exception):
    """A text does not fit a shape; the message says why, in words for the model."""


class OutputType(Generic[R]):
    """The form of an answer.

    Text (``str``, or no return type) is taken as it is. Everything else is asked for as JSON and
    validated by pydantic. Providers want an object at the top, so another type is asked for as
    ``{"value": ...}``; both forms are read.

    An ``Iterator[T]`` is a list whose elements are handed out one by one; `read` gives the whole list.

    Attributes:
        text: the type, as its author would write it.
        by_element: it is such an iterator.
        is_text: nothing is asked of the answer.
        limits: what a constrained ``str`` allows, in words; else empty.
        schema: the JSON Schema to ask for, with an object at the top; empty for text.

    Raises:
        DeclarationError: pydantic knows no schema for the type.
    """

    def __init__(self, annotation: Any, local: Mapping[str, Any] | None = None) -> None:
        """``local`` has names that the type's parts may use and that are not in their modules."""
        base = _unannotated(annotation)
        self.by_element = (get_origin(base) or base) in _BY_ELEMENT
        if self.by_element:
            base = annotation = _list_of(base)
        self.annotation = annotation
        self.text = "str" if annotation is inspect.Signature.empty else type_text(annotation)
        self.is_text = base in (str, inspect.Signature.empty, Any, object)
        self.limits = ""
        self.schema: Mapping[str, Any] = {}
        self._adapter: TypeAdapter[R] | None = None
        self._wrapped: TypeAdapter[dict[str, R]] | None = None
        if self.is_text and base is annotation:
            return  # a constrained str, Annotated[str, ...], is text that is validated
        if (get_origin(base) or base) in _GENERATORS:
            raise DeclarationError(
                f"its return type is {self.text}; for elements one by one, say Iterator[...] or AsyncIterator[...]"
            )
        self._compile(annotation, dict(local or {}))

    def _compile(self, annotation: Any, local: dict[str, Any]) -> None:
        from pydantic.errors import PydanticUserError

        try:
            annotation = portable(annotation, local)
            self._adapter = _adapter(annotation, local)
            schema = self._adapter.json_schema()
            if self.is_text:
                self.limits = ", ".join(f"{name} {limit}" for name, limit in schema.items() if name not in _NO_LIMITS)
                return
            if schema.get("type") != "object":
                definitions = {"$defs": schema.pop("$defs")} if "$defs" in schema else {}
                schema = {"type": "object", "properties": {"value": schema}, "required": ["value"], **definitions}
                self._wrapped = _adapter(typed_dict("Answer", {"value": annotation}), local)
        except (PydanticUserError, TypeError, NameError) as error:
            reason = str(error).partition("\n")[0]
            raise DeclarationError(f"its return type {self.text} cannot be read from an answer: {reason}") from None
        self.schema = schema

    @property
    def is_wrapped(self) -> bool:
        """Whether the answer is asked for as ``{"value": ...}``."""
        return self._wrapped is not None

    @property
    def core_schema(self) -> Mapping[str, Any]:
        """What pydantic makes of the type (`pydantic_core.core_schema`)."""
        return cast("Mapping[str, Any]", self._adapter.core_schema if self._adapter else {"type": "str"})

    def described(self, returns: str) -> str:
        """Write the part of a prompt that says what to give; empty where any text will do."""
        if not (returns or self.limits or not self.is_text):
            return ""
        kind = ", ".join(filter(None, (self.text, self.limits)))
        return f"## Answer ({kind})" + (f"\n{returns}" if returns else "")

    def read(self, text: str) -> R:
        """Read an answer: the JSON in it, whatever stands around it, validated.

        Raises:
            Unfit: there is none, or none that fits.
        """
        if self._adapter is None:
            return cast("R", text)
        from pydantic import ValidationError

        if self.is_text:
            try:
                return self._adapter.validate_python(text)
            except ValidationError as error:
                raise OutputMismatch(explain(error)) from None
        likeliest = reason = ""
        for found in self._readings(text):
            try:
                return self._validate(found)
            except ValidationError as error:
                if not reason or (found[0] in "[{" and len(found) > len(likeliest)):
                    likeliest, reason = found, explain(error)
        raise OutputMismatch(reason or f"{flaw(text) or 'there is no JSON in it'} (it was {_shown(text)})")

    def _readings(self, text: str) -> Iterator[str]:
        """Give the JSON texts that an answer may mean, the likeliest first."""
        structured = False
        for found in candidates(text):
            structured = structured or found[0] in "{["
            yield found
        is_single = self._wrapped is not None and self.schema["properties"]["value"].get("type") != "array"
        if not is_single or structured or flaw(text):
            return
        # A small model says `5`, or "The answer is 5.", or just `positive`
        text = text.strip()
        yield json.dumps(text)
        bare = _bare(re.sub(r"\A```\w*\n", "", text))
        yield json.dumps(bare)
        if said := _SAID.fullmatch(bare.rpartition("\n")[2]):
            yield from candidates(said[1])
            yield json.dumps(_bare(said[1]))

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
                # Tell of the value that was meant, or else of the wrapper that was asked for
                is_meant = _lacks_value(error) and all(problem["loc"] for problem in unwrapped.errors())
                raise (unwrapped if is_meant else error) from None


def _unannotated(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is typing.Annotated else annotation


def _list_of(iterator: Any) -> Any:
    """Give the list that an iterator goes through."""
    elements = get_args(iterator)
    if not elements:
        raise DeclarationError(
            f"its return type is {type_text(iterator)}, which does not say what its elements are; say Iterator[...]"
        )
    return list[elements[0]]  # type: ignore[valid-type]


def _adapter(annotation: Any, local: dict[str, Any]) -> TypeAdapter[Any]:
    """Make pydantic's adapter for a type."""
    from pydantic import TypeAdapter

    adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    adapter.rebuild(_types_namespace=local)  # does nothing where all names were found
    return adapter


def _bare(text: str) -> str:
    """Take quotation marks, Markdown and the full stop off a value."""
    return text.lstrip(_MARKS).rstrip(_MARKS + ".")


def _lacks_value(error: ValidationError) -> bool:
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    return [(problem["type"], problem["loc"]) for problem in problems] == [("missing", ("value",))]


def explain(error: ValidationError) -> str:
    """Say what does not fit, in words for the model and for a log."""
    problems = error.errors(include_url=False, include_context=False)
    lines: list[str] = []
    for problem in problems[:_MAX_PROBLEMS]:
        place = ".".join(map(str, problem["loc"]))
        lines.append(f"{place + ': ' if place else ''}{problem['msg']} (it was {_shown(problem['input'])})")
    if len(problems) > _MAX_PROBLEMS:
        lines.append(f"and {len(problems) - _MAX_PROBLEMS} more")
    return "\n".join(lines)


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= _SHOWN else shown[: _SHOWN - 3] + "..."
