"""The declaration of a typed stream: the models of its items, its header and its footer."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, overload

from pydantic import BaseModel

from .errors import WrongModel, type_name

Item = TypeVar("Item", bound=BaseModel)
Model = TypeVar("Model", bound=BaseModel)
Model2 = TypeVar("Model2", bound=BaseModel)
Header = TypeVar("Header")
"""The model of the header; None for a stream without one."""
Footer = TypeVar("Footer")
"""The model of the footer; None for a stream without one."""

Item_co = TypeVar("Item_co", bound=BaseModel, covariant=True)
Header_co = TypeVar("Header_co", covariant=True)
Footer_co = TypeVar("Footer_co", covariant=True)


@dataclass(frozen=True)
class StreamTypes(Generic[Item, Header, Footer]):
    """The types of a stream, for its writer and its reader; created by `stream_types`.

    Raises:
        WrongModel: one of them is not a pydantic model class.
    """

    item_type: type[Item]
    header_type: type[Header] | None = None
    footer_type: type[Footer] | None = None

    def __post_init__(self) -> None:
        for name in ("item_type", "header_type", "footer_type"):
            model: object = getattr(self, name)
            if model is None and name != "item_type":
                continue
            if not inspect.isclass(model) or not issubclass(model, BaseModel):
                raise WrongModel(f"{name} must be a pydantic model class, got {type_name(model)}")


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
    """Return the types of a stream.

    Args:
        item_type: the model of all items.
        header_type: the model of the header; None for a stream without one.
        footer_type: the model of the footer; None for a stream without one.

    Raises:
        WrongModel: one of them is not a pydantic model class.
    """
    return StreamTypes(item_type, header_type, footer_type)
