"""JSON Patch (RFC 6902) for values that grow: operations that say what has changed, and how to apply them."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Literal, NotRequired, TypedDict, TypeGuard

from ...errors import ProtocolError
from ..incremental import ABSENT, resolve_text
from ..types.partials import as_json


class Operation(TypedDict):
    """One change of a JSON value.

    ``add``, ``replace`` and ``remove`` are those of RFC 6902. ``append`` is an extension: the string at ``path`` grows
    by ``value``. The path is a JSON pointer (RFC 6901); the empty path is the value itself.
    """

    op: Literal["add", "replace", "remove", "append"]
    path: str
    value: NotRequired[Any]


def difference(before: Any, now: Any, path: str) -> Iterator[Operation]:
    """Yield the operations that turn one JSON value into another."""
    before = resolve_text(before)
    if is_dict(before) and is_dict(now):
        yield from _object_difference(before, now, path)
    elif is_list(before) and is_list(now):
        yield from _array_difference(before, now, path)
    # NaN != NaN, but their repr is equal. 1 == 1.0 and 1 == True, so the types are compared as well.
    elif type(before) is not type(now) or (before != now and repr(before) != repr(now)):
        if type(before) is type(now) is str and before and now.startswith(before):
            yield make_operation("append", path, now[len(before) :])
        else:
            yield make_operation("replace", path, now)


def _object_difference(before: dict[str, Any], now: dict[str, Any], path: str) -> Iterator[Operation]:
    for key in before:
        if key not in now:
            yield make_operation("remove", child_path(path, key))
    for key, value in now.items():
        if key in before:
            yield from difference(before[key], value, child_path(path, key))
        else:
            yield make_operation("add", child_path(path, key), value)


def _array_difference(before: list[Any], now: list[Any], path: str) -> Iterator[Operation]:
    for index, (old, value) in enumerate(zip(before, now, strict=False)):
        yield from difference(old, value, child_path(path, index))
    for index in reversed(range(len(now), len(before))):  # from the end: a removal shifts the indices after it
        yield make_operation("remove", child_path(path, index))
    for index in range(len(before), len(now)):
        yield make_operation("add", child_path(path, index), now[index])


def make_operation(op: Literal["add", "replace", "remove", "append"], path: str, value: Any = ABSENT) -> Operation:
    """Return an operation with its own copy of the value, since the value may grow after it was yielded."""
    return {"op": op, "path": path} if value is ABSENT else {"op": op, "path": path, "value": as_json(value)}


def child_path(path: str, key: str | int) -> str:
    """Return the JSON pointer of a child."""
    return f"{path}/{key}" if type(key) is int else f"{path}/{str(key).replace('~', '~0').replace('/', '~1')}"


def shorter(changes: list[Operation], replacement: list[Operation]) -> list[Operation]:
    """Return the changes, unless they are far longer than the replacement of the value."""
    return changes if len(changes) == 1 or len(json.dumps(changes)) <= 2 * len(json.dumps(replacement)) else replacement


def is_dict(value: Any) -> TypeGuard[dict[str, Any]]:
    """Return True for a JSON object."""
    return isinstance(value, dict)


def is_list(value: Any) -> TypeGuard[list[Any]]:
    """Return True for a JSON array."""
    return isinstance(value, list)


# Applying operations

_INDEX = re.compile("0|[1-9][0-9]{0,17}")
_WRONG_TILDE = re.compile("~(?![01])")


def apply_patch(value: Any, operations: Iterable[Operation]) -> Any:
    """Apply operations of `Stream.patches`, and return the new value.

    Lists and dicts are changed in place. The operations are not changed, and can be applied again elsewhere.

    Raises:
        ProtocolError: an operation is not valid, or its path does not exist. The operations before it were applied.
    """
    root = {"": value}
    for operation in operations:
        _apply(root, operation)
    return root[""]


def _apply(root: dict[str, Any], operation: Any) -> None:
    match operation:
        case {"op": "remove", "path": str(path)} if path:
            parent, key = _resolve(root, path)
            del parent[key]
        case {"op": "add", "path": str(path), "value": value}:
            parent, key = _resolve(root, path, is_new=True)
            if is_list(parent):
                parent.insert(key, copy.deepcopy(value))
            else:
                parent[key] = copy.deepcopy(value)
        case {"op": "replace", "path": str(path), "value": value}:
            parent, key = _resolve(root, path)
            parent[key] = copy.deepcopy(value)
        case {"op": "append", "path": str(path), "value": str(value)}:
            parent, key = _resolve(root, path)
            if not isinstance(parent[key], str):
                raise ProtocolError(f"the value at path {path!r} is not a string, so nothing can be appended")
            parent[key] += value
        case _:
            raise ProtocolError(f"not a valid operation on a JSON value: {str(operation)[:200]}")


def _resolve(root: dict[str, Any], path: str, *, is_new: bool = False) -> tuple[Any, Any]:
    """Return the list or dict that a path leads to, and the key or index in it."""
    if path[:1] not in ("", "/"):
        raise ProtocolError(f"path {path!r} is not a JSON pointer")
    *parents, last = path.split("/")  # the first token is empty: it is the key of the value in ``root``
    parent: Any = root
    for token in parents:
        parent = parent[_key(parent, token, path)]
    return parent, _key(parent, last, path, is_new=is_new)


def _key(parent: Any, token: str, path: str, *, is_new: bool = False) -> Any:
    """Return the key or index that a token of a JSON pointer stands for."""
    if _WRONG_TILDE.search(token):
        raise ProtocolError(f"path {path!r} is not a JSON pointer")
    if is_dict(parent):
        key = token.replace("~1", "/").replace("~0", "~")  # in this order: "~01" is "~1" (RFC 6901, section 4)
        if is_new or key in parent:
            return key
    elif is_list(parent):
        length = len(parent) + is_new
        if is_new and token == "-":  # after the last element (RFC 6901, section 4)
            return length - 1
        if _INDEX.fullmatch(token) and int(token) < length:
            return int(token)
    raise ProtocolError(f"path {path!r} does not exist in the value")
