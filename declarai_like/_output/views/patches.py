"""The value so far as JSON Patch operations (RFC 6902): what is sent is what has changed, and not all of it again."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Literal, NotRequired, TypedDict, TypeGuard

from ...errors import ProtocolError
from ..incremental import ABSENT, resolve_text
from ..types.values import as_json


class Operation(TypedDict):
    """One change of a JSON value.

    ``add``, ``replace`` and ``remove`` are those of RFC 6902, ``append`` is an own one: the text at ``path`` grows
    by ``value``. The path is a JSON pointer (RFC 6901); the empty one is the whole value.
    """

    op: Literal["add", "replace", "remove", "append"]
    path: str
    value: NotRequired[Any]


def difference(was: Any, now: Any, path: str) -> Iterator[Operation]:
    """Give the operations that make one JSON value of another."""
    was = resolve_text(was)
    if is_dict(was) and is_dict(now):
        yield from _difference_of_objects(was, now, path)
    elif is_list(was) and is_list(now):
        yield from _difference_of_arrays(was, now, path)
    elif type(was) is not type(now) or (was != now and repr(was) != repr(now)):  # NaN is the same as NaN
        if type(was) is type(now) is str and was and now.startswith(was):
            yield operation("append", path, now[len(was) :])
        else:
            yield operation("replace", path, now)


def _difference_of_objects(was: dict[str, Any], now: dict[str, Any], path: str) -> Iterator[Operation]:
    for key in was:
        if key not in now:
            yield operation("remove", inside(path, key))
    for key, value in now.items():
        if key in was:
            yield from difference(was[key], value, inside(path, key))
        else:
            yield operation("add", inside(path, key), value)


def _difference_of_arrays(was: list[Any], now: list[Any], path: str) -> Iterator[Operation]:
    for place, (before, value) in enumerate(zip(was, now, strict=False)):
        yield from difference(before, value, inside(path, place))
    for place in reversed(range(len(now), len(was))):
        yield operation("remove", inside(path, place))
    for place in range(len(was), len(now)):
        yield operation("add", inside(path, place), now[place])


def operation(op: Literal["add", "replace", "remove", "append"], path: str, value: Any = ABSENT) -> Operation:
    """Give an operation whose value is nobody else's: what it is applied to goes on to change."""
    return {"op": op, "path": path} if value is ABSENT else {"op": op, "path": path, "value": as_json(value)}


def inside(path: str, step: str | int) -> str:
    """Give the path one step further in."""
    return f"{path}/{step}" if type(step) is int else f"{path}/{str(step).replace('~', '~0').replace('/', '~1')}"


def shorter(parts: list[Operation], whole: list[Operation]) -> list[Operation]:
    """Give the operations for the parts of a value, unless they are far longer than the one that replaces it."""
    return parts if len(parts) == 1 or len(json.dumps(parts)) <= 2 * len(json.dumps(whole)) else whole


def is_dict(value: Any) -> TypeGuard[dict[str, Any]]:
    """Whether it is a JSON object."""
    return isinstance(value, dict)


def is_list(value: Any) -> TypeGuard[list[Any]]:
    """Whether it is a JSON array."""
    return isinstance(value, list)


# Applying them

_INDEX = re.compile("0|[1-9][0-9]{0,17}")
_WRONG_TILDE = re.compile("~(?![01])")


def apply_patch(value: Any, operations: Iterable[Operation]) -> Any:
    """Apply the operations that `Stream.patches` gives, and give the new value.

    Lists and dicts are changed in place. The operations stay as they are, and can be applied again elsewhere.

    Raises:
        ProtocolError: something is no operation, or its path leads nowhere. Those before it have been applied.
    """
    whole = {"": value}
    for operation in operations:
        _apply(whole, operation)
    return whole[""]


def _apply(whole: dict[str, Any], operation: Any) -> None:
    match operation:
        case {"op": "remove", "path": str(path)} if path:
            place, step = _found(whole, path)
            del place[step]
        case {"op": "add", "path": str(path), "value": value}:
            place, step = _found(whole, path, is_new=True)
            if is_list(place):
                place.insert(step, copy.deepcopy(value))
            else:
                place[step] = copy.deepcopy(value)
        case {"op": "replace", "path": str(path), "value": value}:
            place, step = _found(whole, path)
            place[step] = copy.deepcopy(value)
        case {"op": "append", "path": str(path), "value": str(value)}:
            place, step = _found(whole, path)
            if not isinstance(place[step], str):
                raise ProtocolError(f"there is no text at {path!r} that could grow")
            place[step] += value
        case _:
            raise ProtocolError(f"this is no operation on a JSON value: {str(operation)[:200]}")


def _found(whole: dict[str, Any], path: str, *, is_new: bool = False) -> tuple[Any, Any]:
    """Give the list or dict that a path leads to, and the key or index in it."""
    if path[:1] not in ("", "/"):
        raise ProtocolError(f"{path!r} is no JSON pointer")
    *outer, last = path.split("/")  # the first is empty, which is the key of the whole
    place: Any = whole
    for step in outer:
        place = place[_step(place, step, path)]
    return place, _step(place, last, path, is_new=is_new)


def _step(place: Any, step: str, path: str, *, is_new: bool = False) -> Any:
    if _WRONG_TILDE.search(step):
        raise ProtocolError(f"{path!r} is no JSON pointer")
    if is_dict(place):
        key = step.replace("~1", "/").replace("~0", "~")
        if is_new or key in place:
            return key
    elif is_list(place):
        length = len(place) + is_new
        if is_new and step == "-":
            return length - 1
        if _INDEX.fullmatch(step) and int(step) < length:
            return int(step)
    raise ProtocolError(f"{path!r} leads nowhere")
