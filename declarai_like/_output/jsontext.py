"""Finds the JSON in a complete answer, between code fences and other text."""

from __future__ import annotations

import json
import re
from bisect import bisect
from collections.abc import Iterator

_FENCE = re.compile(r"^[ \t]*+(```|~~~).*\n[ \t\r\n]*+((?:.*\n)*?)[ \t]*+\1", re.MULTILINE)
_FENCE_MARKS = re.compile(r"^[ \t]*+(?:```|~~~)", re.MULTILINE)
_OPENING = re.compile(r'\{[ \t\r\n]*+(?=["}])|\[[ \t\r\n]*+(?=[\]\[{"\d\-tfnNI])')  # any other bracket is prose
_NESTING = re.compile(r'"(?:[^"\\]++|\\.?)*+(?:"|\Z)|[\[{]|[\]}]', re.DOTALL)
# For each error, the decoder counts the lines before it, which costs the length of the text.
_MAX_BROKEN = 1000
# Numbers stay strings, as they may be longer than sys.set_int_max_str_digits allows.
_decoder = json.JSONDecoder(parse_int=str)


def candidates(text: str) -> Iterator[str]:
    """Yield the JSON texts in ``text``, the most likely first.

    If the text itself is JSON, it is the only one. Else these are the contents of code fences, then each object and
    array in turn. Values inside another JSON text are not yielded separately. Of broken JSON no part is yielded; it
    ends at a code fence at the latest. The search stops after 1000 broken texts, so its cost is linear in the length
    of any text.
    """
    stripped = text.strip()
    if _is_json(stripped):
        yield stripped
        return
    fenced = dict(_fenced(text))
    fence_starts = [marks.start() for marks in _FENCE_MARKS.finditer(text)]
    for start, end in fenced.items():
        yield text[start:end]
    index = broken = 0
    while (opening := _OPENING.search(text, index)) and broken < _MAX_BROKEN:
        start = opening.start()
        if start in fenced:
            index = fenced[start]
            continue
        try:
            index = _decoder.raw_decode(text, start)[1]
        except (json.JSONDecodeError, RecursionError) as error:
            broken += 1
            # "[note]" fails at its first letter: prose in brackets, and JSON may follow in the same brackets.
            is_prose = isinstance(error, json.JSONDecodeError) and error.pos == opening.end() and text[error.pos] != '"'
            index = opening.end() if is_prose else _end_of_broken(text, start, fence_starts)
        else:
            yield text[start:index]


def json_error(text: str) -> str | None:
    """Return the error in the first broken JSON of ``text``; None if nothing in it begins as JSON."""
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
    """Yield the start and end of the JSON in each code fence, unless the opening line of the fence has JSON as well."""
    for fence in _FENCE.finditer(text):
        body = fence[2].rstrip()
        if _is_json(body) and not _OPENING.search(text, fence.start(), fence.start(2) + 1):
            yield fence.start(2), fence.start(2) + len(body)


def _is_json(text: str) -> bool:
    try:
        return _decoder.raw_decode(text)[1] == len(text)
    except (ValueError, RecursionError):
        return False


def _end_of_broken(text: str, start: int, fence_starts: list[int]) -> int:
    """Return the end of broken JSON, found by counting brackets: at the latest the next line with a fence."""
    following = bisect(fence_starts, start)
    limit = fence_starts[following] if following < len(fence_starts) else len(text)
    depth = 0
    for token in _NESTING.finditer(text, start, limit):
        depth += (token[0] in "[{") - (token[0] in "]}")
        if not depth:
            return token.end()
    return limit
