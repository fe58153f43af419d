"""What is compared with the others: where each figure stands, and whom it stands beside."""

from __future__ import annotations

from dataclasses import dataclass

LIBRARIES = r"(?!declarai|import declarai|the floor|the generator|pydantic's).+"
"""Rows of others: all that are neither ours nor a floor, which does less than any library has to."""


@dataclass(frozen=True)
class Thing:
    """A row of ours in a table of a part, and the rows that it is compared with.

    Tables, columns and other rows are told by patterns for the whole of their names; a group in one of the last two
    is what is shown of the name. Columns are compared one by one where ``each`` is set, else the one that is worst for
    us. ``more`` is better where it is said; ``flaw`` is the column that tells what a row has got wrong.
    """

    part: str
    table: str
    columns: str
    what: str
    unit: str
    ours: str = "declarai_like"
    others: str = LIBRARIES
    each: bool = False
    more: bool = False
    flaw: str = ""


_CHUNKS, _KIB, _ITEMS, _CLIENTS = r"[\d,]+ chunks", r"[\d.]+ KiB", r"[\d,]+ items", r"([\d,]+ clients)"
_KINDS = "a text|a list of two words|a text and three numbers"
_WRAPPED = ', in {"value": ...}'
_OF_PARTIALS = {
    "partials": "declarai_like",
    "partials, each read": "declarai_like, reading the last element's last field",
}
_OF_STRINGS = {"one long string": "declarai_like", "one long string, read each time": "declarai_like, reading it"}
_CUTS = ("64 KiB pieces", "a frame in each piece", "one big piece", "16-byte pieces")

_TEXT = [
    Thing("text", "Streaming text, sync", _CHUNKS, "text, sync", "CPU us for a chunk", each=True),
    Thing("text", "Streaming text, async .*", _CHUNKS, "text, async", "CPU us for a chunk", each=True),
    Thing("text", "A thousand streams at once", "per chunk.*", "a thousand streams at once", "CPU us for a chunk"),
    Thing("text", "An answer that comes whole", "(.*), per call", "a whole answer", "CPU us", each=True),
    Thing("text", "Memory", _CHUNKS, "a stream that is kept", "bytes for a chunk"),
]
_TYPED = [
    *(
        Thing("typed", f"{size} answers: .*", "an answer", what, "CPU us for an answer", ours=ours)
        for size in ("Small", "Large")
        for what, ours in _OF_PARTIALS.items()
    ),
    *(
        Thing("typed", table, _KIB, what, "CPU s for an answer", ours=ours)
        for table, rows in (
            ("A snapshot at each piece", _OF_PARTIALS),
            ("A snapshot of one long string .*", _OF_STRINGS),
        )
        for what, ours in rows.items()
    ),
    *(
        Thing(
            *("typed", "Elements as they are complete", _KIB, f"elements{form}", "CPU s for an answer"),
            ours=f"declarai_like{form}",
            others=rf"(?!declarai)([\w-]+){form.replace('{', '[{]')}",
            flaw="quotes in strings",
        )
        for form in ("", _WRAPPED)
    ),
]
_APP = [
    *(
        Thing(
            *(
                "app",
                f"Items of a streaming step, {world}",
                _ITEMS,
                f"a streaming step, {world}{told}",
                "1,000 items/s",
            ),
            ours=f"declarai_like{told}",
            others="(burr), .*" if told else "burr",
            more=True,
        )
        for world, hook in (("sync", "a hook"), ("async", "an async hook"))
        for told in ("", f", {hook} with a method for items", f", {hook} as a function of events")
    ),
    *(
        Thing(
            *("app", "Steps that do next to nothing", "steps a second", f"a step, {world}", "steps/s"),
            ours=f"declarai_like, {world}",
            others=f"(burr), {world}",
            more=True,
        )
        for world in ("sync", "async")
    ),
    *(
        Thing(
            *("app", "A message more in a history", r"after [\d,]+", f"appending to a history{read}", "CPU us"),
            ours=f"declarai_like{read}",
            others=f"(burr){read}",
        )
        for read in ("", ", and reading the last")
    ),
]
_FRAMES = [
    Thing("frames", "Writing small items", _KINDS, "writing items", "1,000 items/s", more=True),
    *(
        Thing(
            *("frames", "Reading small items", _KINDS, f"reading items, {world}, {cut}", "1,000 items/s"),
            ours=f"declarai_like, {world}, {cut}",
            others=f"(truss, async), {cut}",
            more=True,
        )
        for cut in _CUTS
        for world in ("async", "sync")
    ),
    Thing("frames", "An item of .*", "written.*", "writing a large item", "MB/s", others="truss", more=True),
    Thing("frames", "An item of .*", "read.*", "reading a large item", "MB/s", others="truss", more=True),
    Thing("frames", "An item of .*", "memory.*", "reading a large item", "memory, times its size", others="truss"),
]
_SERVING = [
    Thing("serving", table, f"{_CLIENTS}{column}", "serving", unit, others=others, each=True)
    for table, column, unit in (
        ("CPU of the server for each event", "", "CPU us for an event"),
        (".* events a second to each client", ": last one late by", "the last one is late by"),
    )
    for others in (r"fastapi[.]sse", "a bare .*")
]
_INSTALL = [
    Thing("install", "Installed size", "MB", "installed, with all that is needed", "MB", ours="declarai-like"),
    *(
        Thing("install", "Import", "CPU ms", statement, "CPU ms", ours=statement)
        for statement in ("import declarai_like", "import declarai_like, openai, pydantic")
    ),
]
THINGS = [*_TEXT, *_TYPED, *_APP, *_FRAMES, *_SERVING, *_INSTALL]
