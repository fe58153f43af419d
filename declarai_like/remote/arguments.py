"""The arguments of a function as JSON: written by who calls it from elsewhere, validated where it is."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from pydantic_core import to_json

from ..errors import DeclarationError
from ..streaming import NotSerializable

Bound: TypeAlias = "tuple[tuple[Any, ...], dict[str, Any]]"


class Arguments:
    """What a function takes, by names and types.

    Attributes:
        schema: the JSON Schema of the arguments, an object.

    Raises:
        DeclarationError: a parameter has no name, or a type that JSON cannot be read into.
    """

    def __init__(self, function: Callable[..., Any], hints: Mapping[str, Any]) -> None:
        self._name = function.__name__
        self._signature = inspect.signature(function)
        for parameter in self._signature.parameters.values():
            if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                raise DeclarationError(f"{self._name}: its arguments travel by their names, and {parameter} has none")
        annotations = {name: hints.get(name, Any) for name in self._signature.parameters}
        self._types = {name: self._type(name, annotation) for name, annotation in annotations.items()}
        binding: Any = _binding(function, annotations)
        self._binding = TypeAdapter[Bound](binding)
        self.schema = self._binding.json_schema()

    def written(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bytes:
        """Give the JSON of a call.

        Raises:
            TypeError: the arguments do not fit the signature.
            NotSerializable: one of them cannot be written.
        """
        try:
            given = self._signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise TypeError(f"{self._name}() {error}") from None
        return json_of(self._name, given, self._plain)

    def read(self, body: bytes) -> Bound:
        """Give the arguments of a call, validated, from their JSON.

        Raises:
            ValidationError: they do not fit; see `error_payload`.
        """
        return self._binding.validate_json(body)

    def told(self, error: ValidationError) -> tuple[str, list[dict[str, Any]]]:
        """Say what is wrong with the arguments, in one line and one by one."""
        errors: list[dict[str, Any]] = [
            {key: found[key] for key in ("loc", "msg", "type")}  # what was given is not said back
            for found in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        words = (": ".join([*(str(part) for part in found["loc"]), found["msg"]]) for found in errors)
        return f"{self._name}: {'; '.join(words)}", errors

    def _type(self, name: str, annotation: Any) -> TypeAdapter[Any]:
        try:
            adapter = TypeAdapter[Any](annotation)
            adapter.json_schema()
        except PydanticUserError as error:
            raise DeclarationError(
                f"{self._name}: its parameter {name!r} is a {annotation!r}, which JSON cannot be read into; take plain data "
                "or a pydantic model"
            ) from error
        return adapter

    def _plain(self, name: str, value: Any) -> Any:
        return self._types[name].dump_python(value, mode="json", by_alias=True, warnings=False)


def json_of(
    called: str, arguments: Mapping[str, Any], plain: Callable[[str, Any], Any] = lambda _, value: value
) -> bytes:
    """Give the JSON of arguments by their names.

    Args:
        called: whose they are, for the error.
        plain: makes plain data of an argument.

    Raises:
        NotSerializable: one of them cannot be written.
    """
    fields: list[bytes] = []
    for name, value in arguments.items():
        try:
            fields.append(b"%b:%b" % (to_json(name), to_json(plain(name, value))))
        except Exception as error:  # a type may have a serializer of its own
            raise NotSerializable(
                f"{called}: the argument {name!r}, of the type {type(value).__name__}, cannot be written as JSON "
                f"({error}); give plain data, or what the type of the parameter can write"
            ) from error
    return b"{%b}" % b",".join(fields)


def _binding(function: Callable[..., Any], annotations: Mapping[str, Any]) -> Callable[..., Bound]:
    """Give a function that takes what the other takes, and gives it back."""

    @functools.wraps(function)
    def binding(*args: Any, **kwargs: Any) -> Bound:
        return args, kwargs

    binding.__annotations__ = dict(annotations)
    return binding
