"""What a typed stream is made of: the models of its items, its header and its footer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar, overload

from pydantic import BaseModel

from .errors import WrongModel

Item = TypeVar("Item", bound=BaseModel)
Model = TypeVar("Model", bound=BaseModel)
Model2 = TypeVar("Model2", bound=BaseModel)
Header = TypeVar("Header")
"""The header's model; None where there is no header."""
Footer = TypeVar("Footer")
"""The footer's model; None where there is no footer."""

Item_co = TypeVar("Item_co", bound=BaseModel, covariant=True)
Header_co = TypeVar("Header_co", covariant=True)
Footer_co = TypeVar("Footer_co", covariant=True)


@dataclass(frozen=True)
class StreamTypes(Generic[Item, Header, Footer]):
    """The types of a stream, for those who write it and those who read it; made by `stream_types`.

    Raises:
        WrongModel: one of them is no pydantic model.
    """

    item_type: type[Item]
    header_type: type[Header] | None = None
    footer_type: type[Footer] | None = None

    def __post_init__(self) -> None:
        for name in ("item_type", "header_type", "footer_type"):
            model: Any = getattr(self, name)
            is_missing = model is None and name != "item_type"
            if not is_missing and not (isinstance(model, type) and issubclass(model, BaseModel)):
                raise WrongModel(f"{name} has to be a pydantic model, and is {model!r}")


@overload
def stream_types(item_type: type[Item]) -> StreamTypes[Item, None, None]: ...
@overload
def stream_types(item_type: type[Item], *, header_type: type[Model]) -> StreamTypes[Item, Model, None]: ...
@overload
def stream_types(item_type: type[Item], *, footer_type: type[Model]) -> StreamTypes[Item, None, Model]: ...
@overload
def stream_types(
    item_type: type[Item], *, header_type: type[Model], footer_type: type[Model2]
) -> StreamTypes[Item, Model, Model2]: ...
def stream_types(
    item_type: type[Any], *, header_type: type[Any] | None = None, footer_type: type[Any] | None = None
) -> StreamTypes[Any, Any, Any]:
    """Give the types of a stream: its items' model, and where it has them those of a header and a footer.

    Raises:
        WrongModel: one of them is no pydantic model.
    """
    return StreamTypes(item_type, header_type, footer_type)
