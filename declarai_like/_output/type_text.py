"""Types as source text, as their author would write them."""

from __future__ import annotations

import enum
import inspect
import types
import typing
from typing import Annotated, Any, Literal, get_args, get_origin


def type_text(annotation: Any) -> str:
    """Return a type as its author would write it: ``list[Hero]``, ``int | None``, ``Literal['a', 'b']``."""
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
    if origin is tuple and annotation == tuple[()]:  # it has no args either, so it would become "tuple"
        return "tuple[()]"
    if origin is not None:
        return type_text(origin) + (f"[{', '.join(map(type_text, args))}]" if args else "")
    if inspect.isclass(annotation) and issubclass(annotation, enum.Enum):
        return f"one of {', '.join(repr(member.value) for member in annotation)}"
    name: str | None = getattr(annotation, "__name__", None)
    return name or str(annotation).removeprefix("typing.")


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, enum.Enum) else value
