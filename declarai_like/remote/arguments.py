"""The arguments of a function as JSON: serialized by the client, validated by the server."""

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

BoundArguments: TypeAlias = "tuple[tuple[Any, ...], dict[str, Any]]"
"""The positional and the keyword arguments of a call."""


class Arguments:
    """The parameters of a function, by name and type.

    Attributes:
        schema: the JSON Schema of the arguments, an object.

    Raises:
        DeclarationError: a parameter cannot be passed by name, or has a type that JSON cannot be validated as.
    """

    def __init__(self, function: Callable[..., Any], hints: Mapping[str, Any]) -> None:
        self._name = function.__name__
        self._signature = inspect.signature(function)
        for parameter in self._signature.parameters.values():
            if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                raise DeclarationError(
                    f"{self._name}: parameter {parameter.name!r} must be one that can be passed by name, got a "
                    f"{parameter.kind.description} one"
                )
        annotations = {name: hints.get(name, Any) for name in self._signature.parameters}
        self._types = {name: self._adapter(name, annotation) for name, annotation in annotations.items()}
        binding: Any = _binding(function, annotations)
        self._binding = TypeAdapter[BoundArguments](binding)
        self.schema = self._binding.json_schema()

    def dump(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bytes:
        """Return the JSON of the arguments of a call.

        Raises:
            TypeError: the arguments do not fit the signature.
            NotSerializable: an argument cannot be serialized.
        """
        try:
            arguments = self._signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise TypeError(f"{self._name}() {error}") from None
        return dump_arguments(self._name, arguments, self._to_plain)

    def load(self, body: bytes) -> BoundArguments:
        """Return the arguments of a call, validated, from their JSON.

        Raises:
            ValidationError: they do not fit; see `error_payload`.
        """
        return self._binding.validate_json(body)

    def error_payload(self, error: ValidationError) -> tuple[str, list[dict[str, Any]]]:
        """Return a message of one line for invalid arguments, and a list with one dict for each problem."""
        errors: list[dict[str, Any]] = [
            {key: problem[key] for key in ("loc", "msg", "type")}  # not the input, which may be secret or large
            for problem in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        problems = (": ".join([*(str(part) for part in problem["loc"]), problem["msg"]]) for problem in errors)
        return f"{self._name}: {'; '.join(problems)}", errors

    def _adapter(self, name: str, annotation: Any) -> TypeAdapter[Any]:
        try:
            adapter = TypeAdapter[Any](annotation)
            adapter.json_schema()  # fails for types that only exist in Python, such as a Callable
        except PydanticUserError as error:
            raise DeclarationError(
                f"{self._name}: the type of parameter {name!r} must be one that JSON can be read into, got "
                f"{annotation!r}; use plain data or a pydantic model"
            ) from error
        return adapter

    def _to_plain(self, name: str, value: Any) -> Any:
        # No warnings for values of another type: the server validates them
        return self._types[name].dump_python(value, mode="json", by_alias=True, warnings=False)


def dump_arguments(
    owner: str, arguments: Mapping[str, Any], to_plain: Callable[[str, Any], Any] = lambda _, value: value
) -> bytes:
    """Return the JSON of arguments by their names.

    Args:
        owner: the name of the function, or its URL, for the error.
        arguments: the arguments.
        to_plain: returns plain data for the name and the value of an argument.

    Raises:
        NotSerializable: an argument cannot be serialized.
    """
    fields: list[bytes] = []
    for name, value in arguments.items():
        try:
            # One by one, so that the error can name the argument
            fields.append(b"%b:%b" % (to_json(name), to_json(to_plain(name, value))))
        except Exception as error:  # a custom serializer may raise anything
            raise NotSerializable(
                f"{owner}: cannot serialize argument {name!r} of type {type(value).__name__} as JSON ({error}); pass "
                "plain data, or a value that fits the type of the parameter"
            ) from error
    return b"{%b}" % b",".join(fields)


def _binding(function: Callable[..., Any], annotations: Mapping[str, Any]) -> Callable[..., BoundArguments]:
    """Return a function with the signature of ``function`` that returns its arguments.

    pydantic validates the call of a function, not its signature alone. With this one it returns the validated arguments
    and does not call the user's function.
    """

    @functools.wraps(function)
    def binding(*args: Any, **kwargs: Any) -> BoundArguments:
        return args, kwargs

    binding.__annotations__ = dict(annotations)  # resolved, where those of the function may be strings
    return binding
