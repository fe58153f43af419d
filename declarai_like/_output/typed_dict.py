"""Replacement of `typing.TypedDict`, which pydantic accepts only from Python 3.12 on, by typing_extensions."""

from __future__ import annotations

import sys
import types
import typing
from typing import Any, get_args, get_origin


def with_portable_typed_dicts(annotation: Any, localns: dict[str, Any]) -> Any:
    """Replace each ``typing.TypedDict`` in a type by one that pydantic accepts.

    ``localns`` holds the names that their fields may use. A new name is added to it for each class that is replaced, so
    that a recursive class can refer to its replacement.
    """
    return annotation if sys.version_info >= (3, 12) else _TypedDictRewriter(localns).rewrite(annotation)


def typed_dict(name: str, fields: dict[str, Any]) -> Any:
    """Return a new TypedDict class that pydantic accepts."""
    import typing_extensions

    make: Any = typing_extensions.TypedDict
    return make(name, fields)


class _TypedDictRewriter:
    """Replaces the TypedDicts in one type; each class is replaced once."""

    def __init__(self, localns: dict[str, Any]) -> None:
        self._localns = localns
        self._names: dict[Any, str] = {}

    def rewrite(self, annotation: Any) -> Any:
        if typing.is_typeddict(annotation) and type(annotation).__module__ == "typing":
            return self._typed_dict(annotation)
        origin, args = get_origin(annotation), get_args(annotation)
        if origin is None or not args or origin is typing.Literal:
            return annotation
        if origin is typing.Annotated:
            return typing.Annotated[(self.rewrite(args[0]), *annotation.__metadata__)]
        new = tuple(map(self.rewrite, args))
        if new == args:
            return annotation
        if origin is types.UnionType:
            return typing.Union[new]  # noqa: UP007  (`|` does not accept forward references)
        copy_with = getattr(annotation, "copy_with", None)
        return origin[new] if copy_with is None else copy_with(new)

    def _typed_dict(self, old: Any) -> Any:
        if old in self._names:
            return typing.ForwardRef(self._names[old])
        name = self._names[old] = f"_{len(self._names)}_{old.__name__}"
        hints = typing.get_type_hints(old, localns=self._localns, include_extras=True)
        fields = {key: self._field(hint, old, key) for key, hint in hints.items()}
        new = typed_dict(old.__name__, fields)
        new.__doc__ = old.__doc__
        if config := getattr(old, "__pydantic_config__", None):
            new.__pydantic_config__ = config
        self._localns[name] = new
        return new

    def _field(self, hint: Any, old: Any, key: str) -> Any:
        qualifier = get_origin(hint)
        bare = self.rewrite(get_args(hint)[0] if qualifier in (typing.Required, typing.NotRequired) else hint)
        # The qualifier of the hint wins: with postponed annotations, __optional_keys__ does not know of it.
        optional = key in old.__optional_keys__ and qualifier is not typing.Required
        return typing.NotRequired[bare] if optional or qualifier is typing.NotRequired else bare
