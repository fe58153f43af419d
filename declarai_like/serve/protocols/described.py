"""How the events of a stream are described in OpenAPI: each with its id, its name and the model of its data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Union

from pydantic import BaseModel, RootModel, create_model
from pydantic.errors import PydanticUserError

from ..adapters.served import NOTHING, Served, model_name
from ..events import (
    DeltaData,
    DoneData,
    ErrorData,
    EventName,
    ItemData,
    PartialData,
    StartData,
    StateData,
    StoppedData,
    UsageData,
)

_DATA: Mapping[EventName, type[BaseModel]] = {
    "start": StartData,
    "delta": DeltaData,
    "partial": PartialData,
    "item": ItemData,
    "state": StateData,
    "usage": UsageData,
    "done": DoneData,
    "stopped": StoppedData,
    "error": ErrorData,
}


def events_of(served: Served) -> Any:
    """Give the type of the events of what is served: a union of models."""
    names: list[EventName] = ["start", *served.events, "usage", "done", "stopped", "error"]
    union: Any = Union[tuple(_event(served, name) for name in names)]  # noqa: UP007  (they are made here)
    return create_model(f"{model_name(served.name)}Events", __base__=RootModel[union])


def _event(served: Served, name: EventName) -> type[BaseModel]:
    fields: dict[str, Any] = {"id": (int, ...), "event": (Literal[name], ...), "data": (_data(served, name), ...)}
    return create_model(f"{model_name(served.name)}{name.title()}Event", **fields)


def _data(served: Served, name: EventName) -> type[BaseModel]:
    data = _DATA[name]
    if name != "done" or served.result in (NOTHING, Any):
        return data
    try:
        fields: dict[str, Any] = {"result": (served.result, ...)}
        return create_model(f"{model_name(served.name)}Done", __base__=data, **fields)
    except PydanticUserError:  # a function may give what has no schema
        return data
