"""What says which application it is: its id, whose it is, and the number of its next step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def wrong_identifiers(app_id: Any, partition_key: Any = None, sequence_id: Any = None) -> Iterator[str]:
    """Say which of them cannot be one, and why; None is none that was given."""
    for name, value in (("app_id", app_id), ("partition_key", partition_key)):
        if value is not None and not isinstance(value, str):
            yield f"{name} is {value!r:.60}; it is a text, for instance {str(value)[:60]!r}"
    if sequence_id is not None and (not isinstance(sequence_id, int) or isinstance(sequence_id, bool)):
        yield f"sequence_id is {sequence_id!r:.60}; it is a whole number"
