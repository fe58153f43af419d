"""What is measured of typed streams: this library, and the way of the others in its plainest form.

A contender's methods are the workloads. Each reads an answer of so many pieces, one piece after another,
and gives what it had at the last one; that this is the whole answer is checked after the clock has stopped.
"""

from __future__ import annotations

from typing import Any

from jiter import from_json
from pydantic import TypeAdapter
from typed_answers import Item, Note, Report, answer, cut, plain
from typing_extensions import TypedDict

KINDS = {
    **dict.fromkeys(("partials", "partials_read"), "report"),
    **dict.fromkeys(("string", "string_read"), "note"),
    "items": "list",
    "wrapped_items": "wrapped",
    "quoted_items": "quoted",
}
"""Which answer each workload reads."""


class Contender:
    def verify(self, workload: str, pieces: int, last: Any) -> None:
        expected = answer(KINDS[workload], pieces)
        if workload == "wrapped_items":
            expected = expected["value"]
        assert plain(last, expected) == expected, f"this is not the answer: {last!r:.200}"


class Ours(Contender):
    """This library: a partial is taken at each piece, and something of it is read or not.

    How a type is read is found out once, as by a task, and as the others do with their adapters.
    """

    def __init__(self) -> None:
        from declarai_like._output.types.root import AnswerSpec
        from declarai_like._output.views.readers import ElementReader, PartialReader

        self._report, self._note, self._items = AnswerSpec(Report), AnswerSpec(Note), AnswerSpec(list[Item])
        self._partial, self._elements = PartialReader, ElementReader

    def partials(self, pieces: int) -> Any:
        reader = self._partial(self._report)
        for piece in cut("report", pieces):
            partial = reader.feed(piece)
        return partial

    def partials_read(self, pieces: int) -> Any:
        reader = self._partial(self._report)
        for piece in cut("report", pieces):
            partial = reader.feed(piece)
            try:
                note = partial.items[-1].note
            except (AttributeError, IndexError):  # it is not there yet
                note = None
        assert note == partial.items[-1].note
        return partial

    def string(self, pieces: int) -> Any:
        reader = self._partial(self._note)
        for piece in cut("note", pieces):
            partial = reader.feed(piece)
        return partial

    def string_read(self, pieces: int) -> Any:
        reader = self._partial(self._note)
        for piece in cut("note", pieces):
            partial = reader.feed(piece)
            try:
                text = partial.text
            except AttributeError:
                text = None
        assert text == partial.text
        return partial

    def items(self, pieces: int) -> Any:
        return self._all("list", pieces)

    def wrapped_items(self, pieces: int) -> Any:
        return self._all("wrapped", pieces)

    def quoted_items(self, pieces: int) -> Any:
        return self._all("quoted", pieces)

    def _all(self, kind: str, pieces: int) -> list[Item]:
        reader = self._elements(self._items)
        found: list[Item] = []
        for piece in cut(kind, pieces):
            found += reader.feed(piece)
        return found


class PartialItem(TypedDict, total=False):
    name: str
    price: float
    amount: int
    ready: bool
    tags: list[str]
    note: str


class PartialReport(TypedDict, total=False):
    title: str
    items: list[PartialItem]


class PartialNote(TypedDict, total=False):
    text: str


class _Again(Contender):
    """Reads the whole text so far again at each piece. Partial validation is for typed dicts; models it refuses."""

    def __init__(self) -> None:
        self._report = TypeAdapter(PartialReport)
        self._note = TypeAdapter(PartialNote)

    def partials(self, pieces: int) -> Any:
        return self._read(self._report, cut("report", pieces))

    def string(self, pieces: int) -> Any:
        return self._read(self._note, cut("note", pieces))

    def _read(self, adapter: TypeAdapter[Any], pieces: list[str]) -> Any:
        raise NotImplementedError


class JiterAndPydantic(_Again):
    """jiter's partial mode, and pydantic's partial validation of what it gives."""

    def _read(self, adapter: TypeAdapter[Any], pieces: list[str]) -> Any:
        text, partial, validate = "", None, adapter.validate_python
        for piece in pieces:
            text += piece
            so_far = from_json(text.encode(), partial_mode="trailing-strings")
            partial = validate(so_far, experimental_allow_partial="trailing-strings")
        return partial


class Pydantic(_Again):
    """pydantic alone, which parses and validates in one step."""

    def _read(self, adapter: TypeAdapter[Any], pieces: list[str]) -> Any:
        text, partial, validate = "", None, adapter.validate_json
        for piece in pieces:
            text += piece
            partial = validate(text, experimental_allow_partial="trailing-strings")
        return partial
