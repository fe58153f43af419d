"""Making a chat of a class."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable
from typing import Any, cast

from ..errors import DeclarationError
from .chat import OWN_NAMES, Chat
from .declared import ChatDeclaration, cannot, own_name

_TAKEN = ("memory", "system", "greeting", "window")
"""What the constructor of every chat takes."""


def make_chat(cls: type, settings: ChatDeclaration) -> type[Chat[Any]]:
    """Make a chat of a class: a class that derives from it, and from `Chat`.

    Raises:
        DeclarationError: the class cannot become a chat; the message names it and says why.
    """
    if not inspect.isclass(cls):
        raise DeclarationError(f"{cls!r} cannot become a chat: it is no class")
    is_chat = issubclass(cls, Chat)

    def fill(names: dict[str, Any]) -> None:
        names.update(__module__=cls.__module__, __qualname__=cls.__qualname__, _chat_settings=settings)
        if not is_chat:
            _refuse_taken(cls)
            if cls.__init__ is not object.__init__:
                names["__init__"] = _constructor(cls)

    parameters = getattr(cls, "__parameters__", ())
    base: Any = cast("Any", cls)[parameters] if parameters else cls  # what is generic stays so
    made = types.new_class(cls.__name__, (base,) if is_chat else (base, Chat), {}, fill)
    made.__doc__ = cls.__doc__
    return made


def _refuse_taken(cls: type) -> None:
    """Refuse a class with a method or an attribute that has the name of one of a chat's own."""
    if taken := sorted((OWN_NAMES - {"send", "system", "greeting"}).intersection(dir(cls))):
        raise cannot(own_name(cls), f"its {taken[0]!r} has the name of what every chat has; rename it")


def _constructor(cls: type) -> Callable[..., None]:
    """Make a constructor that gives a class what its own one takes, and the chat the rest."""
    own = cast("Callable[..., None]", cls.__init__)  # type: ignore[misc]
    parameters = inspect.signature(own).parameters
    if taken := [name for name in _TAKEN if name in parameters]:
        raise cannot(own_name(cls), f"its __init__ takes {taken[0]!r}, which every chat takes; rename it")
    takes_all = any(each.kind is each.VAR_KEYWORD for each in parameters.values())

    @functools.wraps(own)
    def __init__(self: Chat[Any], *args: Any, **kwargs: Any) -> None:  # noqa: N807
        mine = {
            name: kwargs.pop(name) for name in list(kwargs) if name not in _TAKEN and (takes_all or name in parameters)
        }
        Chat.__init__(self, **kwargs)
        own(self, *args, **mine)

    return __init__
