"""Where the JSON is in what a model wrote, with code fences and chatter around it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

_OPENING = re.compile(r"[\[{]")
_MOST_STARTS = 1000  # of brackets that begin no JSON; bounds the work for a text made of brackets
_decoder = json.JSONDecoder()


def candidates(text: str) -> Iterator[str]:
    """Give the JSON texts in ``text``: itself, if it is one, or else each object and array in turn.

    One that lies inside another is not given apart.
    """
    stripped = text.strip()
    if _end(stripped, 0) == len(stripped):
        yield stripped
        return
    place = tried = 0
    while (opening := _OPENING.search(text, place)) and tried < _MOST_STARTS:
        end = _end(text, opening.start())
        if end is None:
            place = opening.end()
            tried += 1
        else:
            yield text[opening.start() : end]
            place = end


def _end(text: str, start: int) -> int | None:
    """Give where the JSON that starts here ends; None where none does."""
    try:
        return _decoder.raw_decode(text, start)[1]
    except (ValueError, RecursionError):
        return None
