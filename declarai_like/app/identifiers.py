"""Checks of what identifies an application and its next step: the id, the key of its owner, and the step's number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .._core.checks import wrong_type


def wrong_identifiers(app_id: Any, partition_key: Any = None, sequence_id: Any = None) -> Iterator[str]:
    """Yield a message for each identifier of a wrong type; None means that it is not set."""
    for name, value in (("app_id", app_id), ("partition_key", partition_key)):
        if value is not None and not isinstance(value, str):
            hint = f"did you mean '{value}'?" if isinstance(value, int) else ""
            yield str(wrong_type(name, "a str", value, hint))
    if sequence_id is not None and (not isinstance(sequence_id, int) or isinstance(sequence_id, bool)):
        yield str(wrong_type("sequence_id", "an integer", sequence_id))
