"""Applications in this process, for as long as it runs."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, TypeVar

from .persisted import Row
from .stored import StoredPersister

T = TypeVar("T")


class InMemoryPersister(StoredPersister):
    """A persister that ends with the process. What it gives back has been written as JSON and read again, too."""

    instant = True

    def __init__(self) -> None:
        super().__init__(_StepDicts())


class _StepDicts:
    secrets = ()

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # In each dict the newest is the last
        self._partitions: dict[str, dict[str, dict[int, Row]]] = {}

    def save(self, partition_key: str, app_id: str, sequence_id: int, row: Row) -> None:
        with self._lock:
            apps = self._partitions.setdefault(partition_key, {})
            rows = apps[app_id] = apps.pop(app_id, {})
            rows.pop(sequence_id, None)
            rows[sequence_id] = row

    def load(self, partition_key: str, app_id: str | None, sequence_id: int | None) -> Row | None:
        with self._lock:
            apps = self._partitions.get(partition_key, {})
            rows = (apps.get(app_id) if app_id is not None else _last(apps)) or {}
            return rows.get(sequence_id) if sequence_id is not None else _last(rows)

    def list_app_ids(self, partition_key: str) -> list[str]:
        with self._lock:
            return list(reversed(self._partitions.get(partition_key, {})))

    def close(self) -> None:
        """There is nothing to close."""


def _last(values: Mapping[Any, T]) -> T | None:
    return next((values[key] for key in reversed(values)), None)
