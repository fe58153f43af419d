"""Items that are no models, such as text: each travels in a model of its own, and comes out of it again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, Generic, TypeVar, cast

from pydantic import BaseModel, RootModel

from ..streaming import AsyncStreamReader, StreamReader, StreamTypes, stream_types

Value_co = TypeVar("Value_co", covariant=True)
_Wrapped = RootModel[Any]


class ValueReader(Generic[Value_co]):
    """Reads items that are plain values. It raises what a `StreamReader` raises."""

    def __init__(self, reader: StreamReader[_Wrapped, None, None]) -> None:
        self._reader = reader

    def read_items(self) -> Iterator[Value_co]:
        """Give the items that are left, each as soon as it has come; again after a ``break``, from the next one on."""
        for item in self._reader.read_items():
            yield item.root


class AsyncValueReader(Generic[Value_co]):
    """Reads items that are plain values, async. It raises what a `StreamReader` raises."""

    def __init__(self, reader: AsyncStreamReader[_Wrapped, None, None]) -> None:
        self._reader = reader

    def read_items(self) -> AsyncIterator[Value_co]:
        """Give the items that are left, each as soon as it has come; again after a ``break``, from the next one on."""
        return _Values(self._reader.read_items())


class _Values(AsyncIterator[Any]):
    """The values of wrapped items. No async generator: those must be closed by who leaves them early."""

    def __init__(self, items: AsyncIterator[_Wrapped]) -> None:
        self._items = items

    async def __anext__(self) -> Any:
        return (await anext(self._items)).root


def types_of(item: Any) -> tuple[StreamTypes[Any, Any, Any], bool]:
    """Give the types of a stream of such items, and whether they are values, which travel in models.

    Raises:
        PydanticUserError: items of this type cannot be read from JSON.
        NameError: the type has a name in it that is not known.
    """
    if isinstance(item, type) and issubclass(item, BaseModel):
        return stream_types(item), False
    model = cast("type[BaseModel]", RootModel[item])
    model.model_rebuild()  # does nothing, but where a name in the type is not known
    return stream_types(model), True
