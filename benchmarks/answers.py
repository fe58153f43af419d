"""The typed answers that are read: JSON of an exact length, cut into small pieces."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from pydantic import BaseModel

PIECE = 4  # characters; about the length of a token


class Item(BaseModel):
    name: str
    price: float
    amount: int
    ready: bool
    tags: list[str]
    note: str


class Report(BaseModel):
    title: str
    items: list[Item]


class Note(BaseModel):
    text: str


def answer(kind: str, pieces: int) -> Any:
    """Return an answer of so many pieces: a report, its items alone or in a wrapper, or a note with one long string."""
    room = pieces * PIECE - len(json.dumps(_around(kind, [])))
    if kind == "note":
        line = "Etude, twelve bars.\n"
        lines, rest = divmod(room, _length(line))
        return {"text": line * lines + "." * rest}
    items: list[dict[str, Any]] = []
    while (needed := _length(item := _item(kind, len(items))) + len(", ") * bool(items)) <= room:
        items.append(item)
        room -= needed
    items[-1]["note"] += "." * room
    return _around(kind, items)


@cache
def cut(kind: str, pieces: int) -> list[str]:
    """Return the text of an answer in its pieces."""
    text = json.dumps(answer(kind, pieces))
    cuts = [text[place : place + PIECE] for place in range(0, len(text), PIECE)]
    assert len(cuts) == pieces
    return cuts


def plain(value: Any, like: Any) -> Any:
    """Return the entries and elements of `value` that `like` has too, in dicts and lists."""
    if isinstance(like, dict):
        read = value.__getitem__ if isinstance(value, dict) else lambda key: getattr(value, key)
        return {key: plain(read(key), entry) for key, entry in like.items()}
    if isinstance(like, list):
        return [plain(element, other) for element, other in zip(value, like, strict=True)]
    return value


def _item(kind: str, number: int) -> dict[str, Any]:
    quoted, unquoted = 'Ann said "yes", and left.', f"In row {number},\nto be sent by noon; ask Ann first."
    return {
        "name": f"Etude {number}",
        "price": number + 0.25,
        "amount": number,
        "ready": number % 3 == 0,
        "tags": ["red", "small"],
        "note": quoted if kind == "quoted" else unquoted,
    }


def _around(kind: str, items: list[dict[str, Any]]) -> Any:
    if kind == "report":
        return {"title": "All that is kept", "items": items}
    return {"note": {"text": ""}, "wrapped": {"value": items}}.get(kind, items)


def _length(value: Any) -> int:
    """Return the characters of a value in JSON; of a string, without its quotes."""
    return len(json.dumps(value)) - 2 * isinstance(value, str)
