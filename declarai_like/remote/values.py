"""Items that are not models, such as text: each is wrapped in a `RootModel` for the stream, and unwrapped by the reader."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, Generic, TypeVar, cast

from pydantic import BaseModel, RootModel

from ..streaming import AsyncStreamReader, StreamReader, StreamTypes, stream_types

Value_co = TypeVar("Value_co", covariant=True)
_Wrapped = RootModel[Any]


class ValueReader(Generic[Value_co]):
    """Reads items that are plain values. The methods raise the errors of those of `StreamReader`."""

    def __init__(self, reader: StreamReader[_Wrapped, None, None]) -> None:
        self._reader = reader

    def read_items(self) -> Iterator[Value_co]:
        """Yield the items that are left, each as soon as it arrives. After a ``break``, a second call continues."""
        for item in self._reader.read_items():
            yield item.root


class AsyncValueReader(Generic[Value_co]):
    """Reads items that are plain values, async. The methods raise the errors of those of `StreamReader`."""

    def __init__(self, reader: AsyncStreamReader[_Wrapped, None, None]) -> None:
        self._reader = reader

    def read_items(self) -> AsyncIterator[Value_co]:
        """Yield the items that are left, each as soon as it arrives. After a ``break``, a second call continues."""
        return _Values(self._reader.read_items())


class _Values(AsyncIterator[Any]):
    """The values of wrapped items. Not an async generator; for the reason, see `streaming.reader`."""

    def __init__(self, items: AsyncIterator[_Wrapped]) -> None:
        self._items = items

    async def __anext__(self) -> Any:
        return (await anext(self._items)).root


def types_of(item: Any) -> tuple[StreamTypes[Any, Any, Any], bool]:
    """Return the stream types for items of this type, and True if they are values, which are wrapped.

    Raises:
        PydanticUserError: items of this type cannot be read from JSON.
        NameError: the type contains an unknown name.
    """
    if isinstance(item, type) and issubclass(item, BaseModel):
        return stream_types(item), False
    model = cast("type[BaseModel]", RootModel[item])
    model.model_rebuild()  # does nothing, unless the type has a name that is unknown: then it raises
    return stream_types(model), True
