"""The value so far in JSON, as those have it who are told only what changes."""

from __future__ import annotations

from typing import Any

from ..incremental import ABSENT, TextSoFar
from ..types.values import as_json, changes, unwrap_root
from .patches import Operation, difference, inside, is_list, operation, shorter


class PatchState:
    """The value so far as those have it who apply the operations, from null on.

    Of a value that is open, only what has changed is looked at. One that is whole is compared once with what was
    shown of it: validation may have made something else of it.
    """

    def __init__(self) -> None:
        self._json: dict[str, Any] = {"": None}  # as if it were in an object; a text that grows is its view
        self._view: Any = ABSENT
        self._source: object = None
        self._operations: list[Operation] = []

    def become(self, view: Any, source: object) -> list[Operation]:
        """Go on to the next view of the value, and give the operations that lead there.

        Where it is read from another ``source``, it begins anew.
        """
        self._operations = []
        if source is self._source:
            self._change(self._view, view, self._json, "", "")
        else:
            self._replace(view)
        self._view, self._source = view, source
        return self._operations

    def _replace(self, view: Any) -> None:
        now = as_json(view)
        if any(difference(self._json[""], now, "")):
            self._operations.append(operation("replace", "", now))
        self._json[""] = now

    def _change(self, before: Any, now: Any, around: Any, step: Any, path: str) -> None:
        """Go from one view to the next of what is at a step in ``around``."""
        before, now = unwrap_root(before), unwrap_root(now)
        if before is now:
            return
        if type(now) is type(before) is TextSoFar and (more := now.since(before)) is not None:
            around[step] = now
            if more:
                self._operations.append(operation("append", path, more))
        elif (parts := changes(before, now)) is not None:
            for inner, was, part in parts:
                self._change_part(was, part, around[step], inner, path)
        else:
            self._settle(now, around, step, path)

    def _change_part(self, was: Any, now: Any, around: Any, step: Any, path: str) -> None:
        if not is_list(around):
            step = _name(step)
        path = inside(path, step)
        if now is ABSENT:
            del around[step]
            self._operations.append(operation("remove", path))
        elif was is not ABSENT:
            self._change(was, now, around, step, path)
        else:
            self._operations.append(operation("add", path, now))
            if is_list(around):
                around.append(as_json(now))
            else:
                around[step] = as_json(now)

    def _settle(self, value: Any, around: Any, step: Any, path: str) -> None:
        """Compare a value with what was shown of it; replace it where that is far shorter than to say what differs."""
        now = as_json(value)
        operations = list(difference(around[step], now, path))
        around[step] = now
        self._operations += shorter(operations, [operation("replace", path, now)]) if operations else ()


def _name(key: Any) -> Any:
    """Give the name that a key has in JSON."""
    return key if type(key) is str else next(iter(as_json({key: None})))
