"""Signatures: a function's parameters, their types and descriptions, and its return type."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .._output.type_text import type_text
from ..errors import DeclarationError

_Scope = tuple[dict[str, Any], Mapping[str, Any]]
"""The global and the local names that annotations may use."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a function.

    Attributes:
        name: its name.
        type: its type as text; empty without an annotation.
        description: the description in its ``Annotated``; else empty.
        annotation: the type; `inspect.Parameter.empty` without an annotation, or if it cannot be resolved.
    """

    name: str
    type: str
    description: str
    annotation: Any = inspect.Parameter.empty


@dataclass(frozen=True, slots=True)
class Signature:
    """A function's signature, read once.

    Attributes:
        name: the function's name.
        python: the signature as `inspect` reads it.
        parameters: the inputs; without the receiver.
        receiver: the name of a method's first parameter (``self`` or ``cls``), or None.
        returns: the return type; `inspect.Signature.empty` without an annotation.
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
        """Return the argument or the default of each parameter, as a call binds them.

        Raises:
            TypeError: the arguments do not fit.
        """
        try:
            bound = self.python.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self.name}() {error}") from None
        bound.apply_defaults()
        return bound.arguments


def read_signature(function: Callable[..., Any], name: str, localns: Mapping[str, Any]) -> Signature:
    """Read a function's signature; ``localns`` holds the `local_names` that its annotations may use.

    Raises:
        DeclarationError: it has ``*args`` or ``**kwargs``, or its return type cannot be resolved.
    """
    python = inspect.signature(function)
    # A wrapper has the annotations of the wrapped function, whose names are in that function's module
    scope = (inspect.unwrap(function).__globals__, localns)
    found = list(python.parameters.values())
    for parameter in found:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise DeclarationError(
                f"it takes {str(parameter)!r}, but each input of a task needs a name for the prompt; "
                "take a list or a dict instead"
            )
    receiver = found[0].name if found and found[0].name in ("self", "cls") else None
    inputs = found[1:] if receiver else found
    return Signature(
        name=name,
        python=python,
        parameters=tuple(_parameter(parameter, scope) for parameter in inputs),
        receiver=receiver,
        returns=_returns(python, scope),
    )


def local_names(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the local names of the functions and classes that enclose a function being decorated.

    A nested function has no closure cells for names that only its annotations use. But the frames of the
    enclosing functions are still on the stack while it is decorated, and hold them.
    """
    code = inspect.unwrap(function).__code__
    names: dict[str, Any] = {}
    frame = inspect.currentframe()
    while frame is not None:
        enclosing = frame.f_code
        if enclosing.co_filename == code.co_filename and code.co_qualname.startswith(f"{enclosing.co_qualname}."):
            names = {**frame.f_locals, **names}  # the innermost frame comes first, so its names win
        frame = frame.f_back
    return names


def _parameter(parameter: inspect.Parameter, scope: _Scope) -> Parameter:
    annotation = parameter.annotation
    if annotation is parameter.empty:
        return Parameter(parameter.name, "", "")
    try:
        annotation = _resolve(annotation, scope)
    except Exception:  # the prompt needs only the text of a parameter's type, which the annotation itself is
        return Parameter(parameter.name, str(annotation), "")
    return Parameter(parameter.name, type_text(annotation), annotated_description(annotation), annotation)


def _returns(python: inspect.Signature, scope: _Scope) -> Any:
    annotation = python.return_annotation
    if annotation is python.empty:
        return annotation
    try:
        return _resolve(annotation, scope)
    except Exception as error:
        raise DeclarationError(
            f"its return type {annotation!r} cannot be resolved ({error}); "
            "define or import what it names before the function"
        ) from None


def _resolve(annotation: Any, scope: _Scope) -> Any:
    """Resolve an annotation and all names in it, which may be strings (PEP 563)."""
    # get_type_hints resolves the annotations of an object, so this one is put on an object
    holder = types.SimpleNamespace(__annotations__={"it": annotation})
    return typing.get_type_hints(holder, *scope, include_extras=True)["it"]


def annotated_description(annotation: Any) -> str:
    """Return the description in ``Annotated``: a str, pydantic's ``Field(description=...)``, or ``Doc(...)``."""
    # By attribute, to import neither pydantic nor typing_extensions
    for extra in getattr(annotation, "__metadata__", ()):
        text = extra if isinstance(extra, str) else getattr(extra, "description", getattr(extra, "documentation", None))
        if isinstance(text, str):
            return text
    return ""
