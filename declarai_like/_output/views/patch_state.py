"""The value so far as JSON, as a client has it after all patches, and how it changes to the next value."""

from __future__ import annotations

from typing import Any

from ..incremental import ABSENT, TextSoFar
from ..types.partials import as_json, changes, unwrap_root
from .patches import Operation, child_path, difference, is_list, make_operation, shorter


class PatchState:
    """The value so far as JSON, to which each update returns the operations. It starts with null.

    Of an open value, only what has changed is compared. A value that closes is compared once with what was shown of
    it, since validation may have changed it.
    """

    def __init__(self) -> None:
        # The value is under "", so that the root is replaced like any other child. A growing text is kept as its
        # view: comparing the text itself would take the square of its length.
        self._json: dict[str, Any] = {"": None}
        self._view: Any = ABSENT
        self._source: object = None
        self._operations: list[Operation] = []

    def update(self, view: Any, source: object) -> list[Operation]:
        """Change to the next view of the value, and return the operations that lead there.

        If the view has another ``source``, the value is replaced: it has nothing in common with the one before.
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
            self._operations.append(make_operation("replace", "", now))
        self._json[""] = now

    def _change(self, before: Any, now: Any, parent: Any, key: Any, path: str) -> None:
        """Change ``parent[key]`` from one view to the next."""
        before, now = unwrap_root(before), unwrap_root(now)
        if before is now:
            return
        if type(now) is type(before) is TextSoFar and (more := now.since(before)) is not None:
            parent[key] = now
            if more:
                self._operations.append(make_operation("append", path, more))
        elif (parts := changes(before, now)) is not None:
            for part_key, part_before, part in parts:
                self._change_part(part_before, part, parent[key], part_key, path)
        else:
            self._close(now, parent, key, path)

    def _change_part(self, before: Any, now: Any, parent: Any, key: Any, path: str) -> None:
        if not is_list(parent):
            key = _json_key(key)
        path = child_path(path, key)
        if now is ABSENT:
            del parent[key]
            self._operations.append(make_operation("remove", path))
        elif before is not ABSENT:
            self._change(before, now, parent, key, path)
        else:
            self._operations.append(make_operation("add", path, now))
            if is_list(parent):
                parent.append(as_json(now))
            else:
                parent[key] = as_json(now)

    def _close(self, value: Any, parent: Any, key: Any, path: str) -> None:
        """Compare a complete value with what was shown of it, and add the shorter of the changes and a replacement."""
        now = as_json(value)
        operations = list(difference(parent[key], now, path))
        parent[key] = now
        self._operations += shorter(operations, [make_operation("replace", path, now)]) if operations else ()


def _json_key(key: Any) -> Any:
    """Return the name that a dict key has in JSON."""
    return key if type(key) is str else next(iter(as_json({key: None})))
