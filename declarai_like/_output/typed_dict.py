"""`typing.TypedDict` as pydantic takes it: before Python 3.12 it knows only the one of typing_extensions."""

from __future__ import annotations

import sys
import types
import typing
from typing import Any, get_args, get_origin


def portable(annotation: Any, local: dict[str, Any]) -> Any:
    """Rewrite each ``typing.TypedDict`` that a type is made of.

    ``local`` has names that their fields may use. A class that contains itself does so by a new
    name, which is put there.
    """
    return annotation if sys.version_info >= (3, 12) else _Rewriting(local).rewrite(annotation)


def typed_dict(name: str, fields: dict[str, Any]) -> Any:
    """Make a TypedDict class that pydantic takes."""
    import typing_extensions

    make: Any = typing_extensions.TypedDict
    return make(name, fields)


class _Rewriting:
    def __init__(self, local: dict[str, Any]) -> None:
        self._local = local
        self._begun: dict[Any, str] = {}

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
            return typing.Union[new]  # noqa: UP007  (they may be names, which `|` does not take)
        copy_with = getattr(annotation, "copy_with", None)
        return origin[new] if copy_with is None else copy_with(new)

    def _typed_dict(self, old: Any) -> Any:
        if old in self._begun:
            return typing.ForwardRef(self._begun[old])
        name = self._begun[old] = f"_{len(self._begun)}_{old.__name__}"
        hints = typing.get_type_hints(old, localns=self._local, include_extras=True)
        fields = {key: self._field(hint, old, key) for key, hint in hints.items()}
        new = typed_dict(old.__name__, fields)
        new.__doc__ = old.__doc__
        if config := getattr(old, "__pydantic_config__", None):
            new.__pydantic_config__ = config
        self._local[name] = new
        return new

    def _field(self, hint: Any, old: Any, key: str) -> Any:
        said = get_origin(hint)
        bare = self.rewrite(get_args(hint)[0] if said in (typing.Required, typing.NotRequired) else hint)
        optional = key in old.__optional_keys__ and said is not typing.Required
        return typing.NotRequired[bare] if optional or said is typing.NotRequired else bare
