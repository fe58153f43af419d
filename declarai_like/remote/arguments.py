"""The arguments of a function as JSON: written by who calls it from elsewhere, validated where it is."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, to_json

from ..errors import DeclarationError
from ..streaming import NotSerializable

Bound: TypeAlias = "tuple[tuple[Any, ...], dict[str, Any]]"


class Arguments:
    """What a function takes, by names and types.

    Attributes:
        schema: the JSON Schema of the arguments, an object.
    """

    def __init__(self, function: Callable[..., Any], hints: Mapping[str, Any]) -> None:
        self._name = function.__name__
        self._signature = inspect.signature(function)
        for parameter in self._signature.parameters.values():
            if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                raise DeclarationError(f"{self._name}: its arguments travel by their names, and {parameter} has none")
        annotations = {name: hints.get(name, Any) for name in self._signature.parameters}
        self._types = {name: TypeAdapter[Any](annotation) for name, annotation in annotations.items()}
        binding: Any = _binding(function, annotations)
        self._binding = TypeAdapter[Bound](binding)
        self.schema = self._binding.json_schema()

    def written(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bytes:
        """Give the JSON of a call.

        Raises:
            TypeError: the arguments do not fit the signature.
        """
        try:
            given = self._signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise TypeError(f"{self._name}() {error}") from None
        return json_of(
            {
                name: self._types[name].dump_python(value, mode="json", by_alias=True, warnings=False)
                for name, value in given.items()
            }
        )

    def read(self, body: bytes) -> Bound:
        """Give the arguments of a call, validated, from their JSON.

        Raises:
            ValidationError: they do not fit; see `told`.
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


def json_of(arguments: Mapping[str, Any]) -> bytes:
    """Give the JSON of arguments by their names.

    Raises:
        NotSerializable: they cannot be written.
    """
    try:
        return to_json(dict(arguments))
    except PydanticSerializationError as error:
        raise NotSerializable(f"the arguments cannot be written: {error}") from error


def _binding(function: Callable[..., Any], annotations: Mapping[str, Any]) -> Callable[..., Bound]:
    """Give a function that takes what the other takes, and gives it back."""

    @functools.wraps(function)
    def binding(*args: Any, **kwargs: Any) -> Bound:
        return args, kwargs

    binding.__annotations__ = dict(annotations)
    return binding
