"""What is kept of an application after each step, and how it is written down: as two texts of JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, cast, get_args

from ...errors import PersistenceFailed
from ..state.state import State

Status = Literal["completed", "failed", "cancelled"]


@dataclass(frozen=True)
class PersistedState:
    """An application as it was after one of its steps.

    Attributes:
        partition_key: whose application it is; "" where nobody was named.
        app_id: which of theirs.
        sequence_id: which step.
        position: the name of its action.
        state: the state after a step that was completed, and before any other.
        created_at: when it was saved, in UTC.
        status: how the step ended.
    """

    partition_key: str
    app_id: str
    sequence_id: int
    position: str
    state: State
    created_at: datetime
    status: Status


class Row(NamedTuple):
    """A step as it is kept: what it was, and its state. Both are JSON, which has no line ends."""

    step: str
    state: str


def write_row(partition_key: str, app_id: str, sequence_id: int, position: str, state: State, status: Status) -> Row:
    """Give the row of a step that ends now.

    Raises:
        PersistenceFailed: it could not be read again; the error names the field, or the key of the state.
    """
    if status not in get_args(Status):
        raise PersistenceFailed(f"status is {status!r}; it is one of {', '.join(map(repr, get_args(Status)))}")
    step = {
        "partition_key": text_of("partition_key", partition_key),
        "app_id": text_of("app_id", app_id),
        "sequence_id": number_of("sequence_id", sequence_id),
        "position": text_of("position", position),
        "status": status,
        "created_at": datetime.now(UTC).isoformat(),
    }
    return Row(_json(step), _state_json(state.serialize()))


def read_row(row: Row) -> PersistedState:
    """Read a row.

    Raises:
        PersistenceFailed: it is no row that was written here.
    """
    step = _object("step", row.step)
    try:
        created = datetime.fromisoformat(step["created_at"]).astimezone(UTC)
        names = text_of("partition_key", step["partition_key"]), text_of("app_id", step["app_id"])
        number, position = number_of("sequence_id", step["sequence_id"]), text_of("position", step["position"])
        status = cast("Status", step["status"])
    except (KeyError, TypeError, ValueError) as error:
        raise PersistenceFailed(f"step is {row.step:.200}, which was not written here ({error!r})") from error
    return PersistedState(*names, number, position, State.deserialize(_object("state", row.state)), created, status)


def app_id_of(step: str) -> str:
    """Give the id of a step's application.

    Raises:
        PersistenceFailed: it is no step that was written here.
    """
    return text_of("app_id", _object("step", step).get("app_id"))


def text_of(name: str, value: Any) -> str:
    """Give the value, which must be a text.

    Raises:
        PersistenceFailed: it is none; a number comes easily from a database.
    """
    if not isinstance(value, str):
        raise PersistenceFailed(f"{name} is {value!r:.60}; it is a text, for instance {str(value)[:60]!r}")
    return value


def number_of(name: str, value: Any) -> int:
    """Give the value, which must be a whole number.

    Raises:
        PersistenceFailed: it is none.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise PersistenceFailed(f"{name} is {value!r:.60}; it is a whole number")
    return value


def _state_json(values: dict[str, Any]) -> str:
    return "{" + ",".join(f"{_json(name)}:{_field_json(name, value)}" for name, value in values.items()) + "}"


def _field_json(name: str, value: Any) -> str:
    try:
        return _json(value)
    except (TypeError, ValueError, RecursionError) as error:  # for instance of a number with too many digits
        raise PersistenceFailed(f"the state's field {name!r} cannot be written as JSON ({error})") from error


def _json(value: Any) -> str:
    written = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        written.encode()
    except UnicodeEncodeError:  # half a character, which only an escape can hold
        return json.dumps(value, separators=(",", ":"))
    return written


def _object(name: str, text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PersistenceFailed(f"{name} is {text:.60}, which is not JSON ({error})") from error
    if not isinstance(value, dict):
        raise PersistenceFailed(f"{name} is {text:.60}; it is an object of JSON")
    return cast("dict[str, Any]", value)
