"""OpenAPI models of the events of an endpoint: each event has its id, its name and the model of its data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Union

from pydantic import BaseModel, RootModel, create_model
from pydantic.errors import PydanticUserError

from ..adapters.base import NO_RESULT, Endpoint, model_name
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


def events_model(endpoint: Endpoint) -> Any:
    """Return the model of all events of an endpoint: a union."""
    names: list[EventName] = ["start", *endpoint.events, "usage", "done", "stopped", "error"]
    # Each model has the endpoint's name in its own: the names of OpenAPI components are global
    union: Any = Union[tuple(_event_model(endpoint, name) for name in names)]  # noqa: UP007  (not known before)
    return create_model(f"{model_name(endpoint.name)}Events", __base__=RootModel[union])


def _event_model(endpoint: Endpoint, name: EventName) -> type[BaseModel]:
    fields: dict[str, Any] = {
        "id": (int, ...),
        "event": (Literal[name], ...),
        "data": (_data_model(endpoint, name), ...),
    }
    return create_model(f"{model_name(endpoint.name)}{name.title()}Event", **fields)


def _data_model(endpoint: Endpoint, name: EventName) -> type[BaseModel]:
    data = _DATA[name]
    if name != "done" or endpoint.result in (NO_RESULT, Any):
        return data
    try:
        fields: dict[str, Any] = {"result": (endpoint.result, ...)}
        return create_model(f"{model_name(endpoint.name)}DoneData", __base__=data, __doc__=data.__doc__, **fields)
    except PydanticUserError:  # a function may return what has no schema
        return data
