"""An application as it is stored after each step: two JSON texts, the step and the state."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, cast, get_args

from ..._core.checks import wrong_type, wrong_value
from ..._storage.stores import Snapshot
from ...errors import PersistenceFailed
from ..state.state import State

Status = Literal["completed", "failed", "cancelled"]


@dataclass(frozen=True)
class PersistedState:
    """An application as it was after one of its steps.

    Attributes:
        partition_key: the owner of the application; "" without an owner.
        app_id: the application.
        sequence_id: the step.
        position: the name of the step's action.
        state: the state after a completed step; after any other step, the state before it.
        created_at: the time of the save, in UTC.
        status: how the step ended.
    """

    partition_key: str
    app_id: str
    sequence_id: int
    position: str
    state: State
    created_at: datetime
    status: Status


def write_step(
    partition_key: str, app_id: str, sequence_id: int, position: str, state: State, status: Status
) -> Snapshot:
    """Return the snapshot of a step that ends now.

    Raises:
        PersistenceFailed: the snapshot could not be read back; the error names the field, or the key of the state.
    """
    if status not in get_args(Status):
        choices = ", ".join(map(repr, get_args(Status)))
        raise wrong_value("status", f"one of {choices}", status, error=PersistenceFailed)
    step = {
        "partition_key": string_of("partition_key", partition_key),
        "app_id": string_of("app_id", app_id),
        "sequence_id": integer_of("sequence_id", sequence_id),
        "position": string_of("position", position),
        "status": status,
        "created_at": datetime.now(UTC).isoformat(),
    }
    return _json(step), _state_json(state.serialize())


def read_step(snapshot: Snapshot) -> PersistedState:
    """Return the step of a snapshot.

    Raises:
        PersistenceFailed: this library did not write the snapshot.
    """
    step_json, state_json = snapshot
    step = _object("step", step_json)
    try:
        created = datetime.fromisoformat(step["created_at"]).astimezone(UTC)
        ids = string_of("partition_key", step["partition_key"]), string_of("app_id", step["app_id"])
        number, position = integer_of("sequence_id", step["sequence_id"]), string_of("position", step["position"])
        status = cast("Status", step["status"])
    except (KeyError, TypeError, ValueError) as error:
        raise PersistenceFailed(f"step is not valid: {step_json:.200} ({error!r})") from error
    return PersistedState(*ids, number, position, State.deserialize(_object("state", state_json)), created, status)


def app_id_of(step: str) -> str:
    """Return the app id of a step's JSON text.

    Raises:
        PersistenceFailed: this library did not write the step.
    """
    return string_of("app_id", _object("step", step).get("app_id"))


def string_of(name: str, value: object) -> str:
    """Return a `str`.

    Raises:
        PersistenceFailed: the value is something else; the error names the field.
    """
    if not isinstance(value, str):
        # An id often comes from a database as a number.
        hint = f"did you mean {str(value)!r}?" if isinstance(value, int) else ""
        raise wrong_type(name, "a str", value, hint, error=PersistenceFailed)
    return value


def integer_of(name: str, value: object) -> int:
    """Return an integer; a bool is not one.

    Raises:
        PersistenceFailed: the value is something else; the error names the field.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise wrong_type(name, "an integer", value, error=PersistenceFailed)
    return value


def _state_json(values: dict[str, Any]) -> str:
    # Field by field, so that an error can name the field.
    return "{" + ",".join(f"{_json(name)}:{_field_json(name, value)}" for name, value in values.items()) + "}"


def _field_json(name: str, value: Any) -> str:
    try:
        return _json(value)
    except (TypeError, ValueError, RecursionError) as error:  # ValueError: an integer with too many digits
        raise PersistenceFailed(f"the state's field {name!r} cannot be written as JSON ({error})") from error


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate: UTF-8 cannot encode it, an escape can
        return json.dumps(value, separators=(",", ":"))
    return text


def _object(name: str, text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PersistenceFailed(f"{name} must be JSON, got {text:.60} ({error})") from error
    if not isinstance(value, dict):
        raise PersistenceFailed(f"{name} must be a JSON object, got {text:.60}")
    return cast("dict[str, Any]", value)
