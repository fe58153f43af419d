"""Where the JSON is in what a model wrote, with code fences and chatter around it."""

from __future__ import annotations

import json
import re
from bisect import bisect
from collections.abc import Iterator

_FENCE = re.compile(r"^[ \t]*+(```|~~~).*\n[ \t\r\n]*+((?:.*\n)*?)[ \t]*+\1", re.MULTILINE)
_FENCE_MARKS = re.compile(r"^[ \t]*+(?:```|~~~)", re.MULTILINE)
_OPENING = re.compile(r'\{[ \t\r\n]*+(?=["}])|\[[ \t\r\n]*+(?=[\]\[{"\d\-tfnNI])')  # other brackets are chatter
_NESTING = re.compile(r'"(?:[^"\\]++|\\.?)*+(?:"|\Z)|[\[{]|[\]}]', re.DOTALL)
_MAX_BROKEN = 1000  # telling the place of an error takes the decoder as long as there is text before it
_decoder = json.JSONDecoder(parse_int=str)  # a number may be longer than Python's own limit


def candidates(text: str) -> Iterator[str]:
    """Give the JSON texts in ``text``, the likeliest first.

    That is the text itself, if it is JSON. Else what stands in code fences, then each object and array
    in turn. One that lies inside another is not given apart, and of a broken one no part is given; it ends
    at a fence at the latest. After a thousand broken ones the search ends. So the work grows with the text, whatever is in it.
    """
    whole = text.strip()
    if _is_json(whole):
        yield whole
        return
    fenced = dict(_fenced(text))
    fences = [marks.start() for marks in _FENCE_MARKS.finditer(text)]
    for start, end in fenced.items():
        yield text[start:end]
    place = broken = 0
    while (opening := _OPENING.search(text, place)) and broken < _MAX_BROKEN:
        start = opening.start()
        if start in fenced:
            place = fenced[start]
            continue
        try:
            place = _decoder.raw_decode(text, start)[1]
        except (json.JSONDecodeError, RecursionError) as error:
            broken += 1
            is_word = isinstance(error, json.JSONDecodeError) and error.pos == opening.end() and text[error.pos] != '"'
            place = opening.end() if is_word else _end_of_broken(text, start, fences)
        else:
            yield text[start:place]


def flaw(text: str) -> str | None:
    """Say what is wrong with the JSON in a text, in which there is no whole one; None where nothing begins as JSON."""
    opening = _OPENING.search(text)
    if opening is None:
        return None
    try:
        _decoder.raw_decode(text, opening.start())
    except json.JSONDecodeError as error:
        return f"{error.msg} at line {error.lineno}, column {error.colno}"
    except RecursionError:
        return "it is nested too deeply"
    return None


def _fenced(text: str) -> Iterator[tuple[int, int]]:
    """Give where the JSON in each code fence starts and ends, if nothing else does so in the line that opens it."""
    for fence in _FENCE.finditer(text):
        body = fence[2].rstrip()
        if _is_json(body) and not _OPENING.search(text, fence.start(), fence.start(2) + 1):
            yield fence.start(2), fence.start(2) + len(body)


def _is_json(text: str) -> bool:
    try:
        return _decoder.raw_decode(text)[1] == len(text)
    except (ValueError, RecursionError):
        return False


def _end_of_broken(text: str, start: int, fences: list[int]) -> int:
    """Give where the bracket that opens here is closed, by counting only: at the latest where a fence begins or ends."""
    following = bisect(fences, start)
    limit = fences[following] if following < len(fences) else len(text)
    depth = 0
    for sign in _NESTING.finditer(text, start, limit):
        depth += (sign[0] in "[{") - (sign[0] in "]}")
        if not depth:
            return sign.end()
    return limit
