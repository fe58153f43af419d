"""What a function's signature says: its parameters, their types, and its return type."""

from __future__ import annotations

import enum
import inspect
import sys
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

from ..errors import DeclarationError

_PACKAGE = __name__.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: its name, its type as text, and what ``Annotated`` says of it."""

    name: str
    type: str
    description: str


@dataclass(frozen=True, slots=True)
class Signature:
    """A function's signature, read once.

    Attributes:
        receiver: the name of a method's first parameter (``self`` or ``cls``), or None.
        returns: the return type, `inspect.Signature.empty` where there is none.
    """

    name: str
    python: inspect.Signature
    parameters: tuple[Parameter, ...]
    receiver: str | None
    returns: Any

    @property
    def names(self) -> tuple[str, ...]:
        """The names that a template may use."""
        own = tuple(parameter.name for parameter in self.parameters)
        return (self.receiver, *own) if self.receiver else own

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Give each parameter its argument or default, as a call would.

        Raises:
            TypeError: the arguments do not fit.
        """
        try:
            bound = self.python.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self.name}() {error}") from None
        bound.apply_defaults()
        return bound.arguments


def read_signature(function: Callable[..., Any], name: str) -> Signature:
    """Read a function's signature.

    Raises:
        DeclarationError: it has ``*args`` or ``**kwargs``, or its return type cannot be resolved.
    """
    python = inspect.signature(function)
    namespace = _namespace_of_caller()
    found = list(python.parameters.values())
    for parameter in found:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise DeclarationError(
                f"it takes {str(parameter)!r}, but each input of a task needs a name that the model can be told; "
                "take a list or a dict instead"
            )
    receiver = found[0].name if found and found[0].name in ("self", "cls") else None
    inputs = found[1:] if receiver else found
    return Signature(
        name=name,
        python=python,
        parameters=tuple(_parameter(parameter, function, namespace) for parameter in inputs),
        receiver=receiver,
        returns=_returns(python, function, namespace),
    )


def _parameter(parameter: inspect.Parameter, function: Callable[..., Any], namespace: Mapping[str, Any]) -> Parameter:
    annotation = parameter.annotation
    if annotation is parameter.empty:
        return Parameter(parameter.name, "", "")
    try:
        annotation = _resolve(annotation, function, namespace)
    except Exception:  # only the text of a parameter's type is needed, and that is there
        return Parameter(parameter.name, str(annotation), "")
    return Parameter(parameter.name, type_text(annotation), annotated_words(annotation))


def _returns(python: inspect.Signature, function: Callable[..., Any], namespace: Mapping[str, Any]) -> Any:
    annotation = python.return_annotation
    if annotation is python.empty:
        return annotation
    try:
        return _resolve(annotation, function, namespace)
    except Exception as error:
        raise DeclarationError(
            f"its return type {annotation!r} cannot be resolved ({error}); "
            "define or import what it names before the function"
        ) from None


def _resolve(annotation: Any, function: Callable[..., Any], namespace: Mapping[str, Any]) -> Any:
    """Resolve an annotation and all the names in it, which may be strings."""
    holder = types.SimpleNamespace(__annotations__={"it": annotation})
    scope = {**getattr(inspect.unwrap(function), "__globals__", {}), **namespace}
    return typing.get_type_hints(holder, scope, include_extras=True)["it"]


def _namespace_of_caller() -> Mapping[str, Any]:
    """Give the local names where the decorator stands, in which a nested function's types may live."""
    frame = sys._getframe(1)  # noqa: SLF001  (as typing and pydantic do)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE:
        frame = frame.f_back
    names: dict[str, Any] = {}
    while frame is not None and frame.f_locals is not frame.f_globals:
        names = {**frame.f_locals, **names}  # a class body's own names first, then the function around it
        if frame.f_back is None or frame.f_back.f_code.co_filename != frame.f_code.co_filename:
            break
        frame = frame.f_back
    return names


def annotated_words(annotation: Any) -> str:
    """Find the words in ``Annotated``: a string, pydantic's ``Field(description=...)`` or ``Doc(...)``."""
    for extra in getattr(annotation, "__metadata__", ()):
        said = extra if isinstance(extra, str) else getattr(extra, "description", getattr(extra, "documentation", None))
        if isinstance(said, str):
            return said
    return ""


def type_text(annotation: Any) -> str:
    """Write a type as its author would: ``list[Hero]``, ``int | None``, ``Literal['a', 'b']``."""
    origin, args = get_origin(annotation), get_args(annotation)
    if annotation is type(None):
        return "None"
    if annotation is ...:
        return "..."
    if origin is Annotated:
        return type_text(args[0])
    if origin is Literal:
        return f"Literal[{', '.join(repr(_plain(arg)) for arg in args)}]"
    if origin in (typing.Union, types.UnionType):
        return " | ".join(map(type_text, args))
    if origin is not None:
        return f"{type_text(origin)}[{', '.join(map(type_text, args))}]"
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return f"one of {', '.join(repr(member.value) for member in annotation)}"
    if isinstance(annotation, list):  # the parameters of a Callable
        return f"[{', '.join(map(type_text, annotation))}]"
    return getattr(annotation, "__name__", None) or str(annotation).removeprefix("typing.")


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, enum.Enum) else value
