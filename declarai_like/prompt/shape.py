"""What a return type asks of an answer, and how the answer is read into it."""

from __future__ import annotations

import inspect
import json
import re
import types
import typing
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_args, get_origin

from ..errors import DeclarationError
from ..jsontext import candidates
from .signature import type_text

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError

R = TypeVar("R")

_SCALAR = re.compile(r"-?\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b|\b(?:true|false|null)\b")
_STREAMS = ("Iterator", "AsyncIterator", "Generator", "AsyncGenerator", "AsyncIterable")


class Unfit(Exception):
    """A text does not fit a shape; the message says why, in words for the model."""


class Shape(Generic[R]):
    """The form of an answer.

    Text (``str``, or no return type) is taken as it is. Everything else is asked for as JSON and
    validated by pydantic. Providers want an object at the top, so another type is asked for as
    ``{"value": ...}``; both forms are read.

    Attributes:
        is_text: nothing is asked of the answer.
        schema: the JSON Schema to ask for, with an object at the top; empty for text.

    Raises:
        DeclarationError: pydantic knows no schema for the type.
    """

    def __init__(self, annotation: Any) -> None:
        self.annotation = annotation
        self.text = "str" if annotation is inspect.Signature.empty else type_text(annotation)
        base = _unannotated(annotation)
        self.is_text = base in (str, inspect.Signature.empty, Any, object)
        self.schema: Mapping[str, Any] = {}
        self._adapter: TypeAdapter[R] | None = None
        self._wrapped: TypeAdapter[Any] | None = None
        if self.is_text and base is annotation:
            return  # a constrained str, Annotated[str, ...], is text that is validated
        if getattr(get_origin(base) or base, "__name__", "") in _STREAMS:
            raise DeclarationError(
                f"its return type is {self.text}; a task answers with whole values, so say list[...] instead"
            )
        self._compile(_portable(annotation))

    def _compile(self, annotation: Any) -> None:
        from pydantic import TypeAdapter, create_model
        from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError

        try:
            self._adapter = TypeAdapter(annotation)
            if self.is_text:
                return
            schema = self._adapter.json_schema()
        except (PydanticSchemaGenerationError, PydanticUserError, NameError) as error:
            reason = str(error).partition("\n")[0]
            raise DeclarationError(f"its return type {self.text} cannot be read from an answer: {reason}") from None
        if schema.get("type") != "object":
            definitions = {"$defs": schema.pop("$defs")} if "$defs" in schema else {}
            schema = {"type": "object", "properties": {"value": schema}, "required": ["value"], **definitions}
            self._wrapped = TypeAdapter(create_model("Answer", value=(annotation, ...)))
        self.schema = schema

    def read(self, text: str) -> R:
        """Read an answer: the JSON in it, whatever stands around it, validated.

        Raises:
            Unfit: there is none, or none that fits.
        """
        if self._adapter is None:
            return text  # type: ignore[return-value]
        from pydantic import ValidationError

        if self.is_text:
            try:
                return self._adapter.validate_python(text)
            except ValidationError as error:
                raise Unfit(_reason(error)) from None
        first: ValidationError | None = None
        for found in self._readings(text):
            try:
                return self._validate(found)
            except ValidationError as error:
                first = first or error
        raise Unfit(_reason(first) if first else "there is no JSON in it") from None

    def _readings(self, text: str) -> Iterator[str]:
        """Give the JSON texts that an answer may mean, the likeliest first."""
        yield from candidates(text)
        if self._wrapped is not None:  # a small model says `5`, or "The answer is 5.", or just `positive`
            scalars = _SCALAR.findall(text)
            if len(scalars) == 1:
                yield scalars[0]
            if len(text) < 1000:
                yield json.dumps(text.strip().strip("\"'`*.").strip())

    def _validate(self, found: str) -> R:
        from pydantic import ValidationError

        assert self._adapter is not None
        if self._wrapped is not None and '"value"' in found:
            try:
                return self._wrapped.validate_json(found).value  # type: ignore[no-any-return]
            except ValidationError as error:
                try:
                    return self._adapter.validate_json(found)
                except ValidationError:
                    raise error from None
        return self._adapter.validate_json(found)


def _reason(error: ValidationError) -> str:
    """Say in words for the model, and for a log, what is wrong."""
    lines = []
    for problem in error.errors(include_url=False, include_context=False):
        place = ".".join(map(str, problem["loc"]))
        found = repr(problem["input"])
        found = found if len(found) <= 80 else found[:77] + "..."
        lines.append(f"{place + ': ' if place else ''}{problem['msg']} (it was {found})")
    return "\n".join(lines)


def _unannotated(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is typing.Annotated else annotation


def _portable(annotation: Any) -> Any:
    """Rewrite ``typing.TypedDict`` classes, which pydantic takes from typing_extensions only before Python 3.12."""
    if isinstance(annotation, type) and type(annotation).__module__ == "typing" and typing.is_typeddict(annotation):
        from typing import NotRequired

        from typing_extensions import TypedDict

        hints = typing.get_type_hints(annotation, include_extras=True)
        optional = annotation.__optional_keys__  # type: ignore[attr-defined]
        fields = {key: NotRequired[_portable(t)] if key in optional else _portable(t) for key, t in hints.items()}
        return TypedDict(annotation.__name__, fields)  # type: ignore[operator]
    origin, args = get_origin(annotation), get_args(annotation)
    if not args or origin is typing.Literal:
        return annotation
    if origin is typing.Annotated:
        return typing.Annotated[(_portable(args[0]), *annotation.__metadata__)]
    portable = tuple(map(_portable, args))
    if portable == args:
        return annotation
    if origin is types.UnionType:
        return typing.Union[portable]  # noqa: UP007
    return annotation.copy_with(portable) if hasattr(annotation, "copy_with") else origin[portable]
