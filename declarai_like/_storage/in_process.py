"""A snapshot store in this process."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from .stores import Snapshot

T = TypeVar("T")


class InProcessSnapshots:
    """A `SnapshotStore` in dicts, each of which has the newest item at its end."""

    secrets: Sequence[str] = ()

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._partitions: dict[str, dict[str, dict[int, Snapshot]]] = {}

    def save(self, partition_key: str, app_id: str, sequence_id: int, snapshot: Snapshot) -> None:
        with self._lock:
            apps = self._partitions.setdefault(partition_key, {})
            snapshots = apps[app_id] = apps.pop(app_id, {})  # an assignment alone would leave the key where it was
            snapshots.pop(sequence_id, None)
            snapshots[sequence_id] = snapshot

    def load(self, partition_key: str, app_id: str | None, sequence_id: int | None) -> Snapshot | None:
        with self._lock:
            apps = self._partitions.get(partition_key, {})
            snapshots = (apps.get(app_id) if app_id is not None else _last(apps)) or {}
            return snapshots.get(sequence_id) if sequence_id is not None else _last(snapshots)

    def list_app_ids(self, partition_key: str) -> list[str]:
        with self._lock:
            return list(reversed(self._partitions.get(partition_key, {})))

    def close(self) -> None:
        pass


def _last(values: Mapping[Any, T]) -> T | None:
    return next((values[key] for key in reversed(values)), None)
