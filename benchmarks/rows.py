"""Everything that is measured, one row for each contender: as ratio to what, with which targets, and how it is printed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from answers import PIECE
from applications import APPENDED
from table import Column, Row, Table, Unit

floor, other, peer = (partial(Row, kind) for kind in ("floor", "other", "peer"))
ours, own = (partial(Row, kind, "declarai_like") for kind in ("ours", "own"))

SIZES = "install:sizes"
"""The place of a contender for installed sizes, which are measured only with ``--install``."""
AT_ONCE, PER_SECOND = 1000, 20
SMALL, LARGE = 200, 20_000
WHOLE = [57 * 1024 // PIECE // shorter for shorter in (8, 4, 2, 1)]
LONG = [1024 * 1024 // PIECE // shorter for shorter in (16, 8, 4, 2, 1)]

_CHUNK = Unit("CPU us per chunk", lambda us, chunks: us / chunks)
_CHUNK_AT_ONCE = Unit("CPU us per chunk", lambda us, chunks: us / chunks / AT_ONCE)
_OPENING = Unit("CPU us", lambda us, _: us, compared=False)
_CALL = Unit("CPU us per call", lambda us, _: us)
_PEAK = Unit("peak growth, bytes per chunk", lambda peak, chunks: peak / chunks)
_ANSWER = Unit("CPU us per answer", lambda us, _: us)
_SECONDS = Unit("CPU s per answer", lambda us, _: us / 1e6)
_QUOTES = Unit("CPU s", lambda us, _: us / 1e6, compared=False)
_THOUSANDS = Unit("1,000 items/s", lambda us, items: items / us * 1000, more=True)
_STEPS = Unit("steps/s", lambda us, steps: steps / us * 1e6, more=True)
_APPEND = Unit("CPU us per message", lambda us, _: us / APPENDED)
_SPEED = Unit("MB/s", lambda us, megabytes: megabytes * 1e6 / us, more=True)
_TIMES_SIZE = Unit("times its size", lambda peak, megabytes: round(peak / megabytes / 1e6, 2))
_IMPORT = Unit("CPU ms", lambda us, _: us / 1000)
_INSTALLED = Unit("MB", lambda size, _: size / 1e6)


@dataclass(frozen=True)
class Part:
    """Tables that are measured in one run.

    Attributes:
        rounds: the rounds of a full run.
        longest: the seconds of the longest work that is tried.
    """

    title: str
    tables: tuple[Table, ...]
    rounds: int = 5
    longest: float = math.inf


def parts(*, quick: bool = False) -> dict[str, Part]:
    """Return all parts by their names. A quick run has smaller sizes."""
    sizes = (1_000, 10_000) if quick else (1_000, 10_000, 50_000)
    long = LONG[:3] if quick else LONG
    return {
        "text": Part("Streams of text", _text(sizes)),
        "typed": Part("Typed answers while they arrive", _typed(long), longest=10 if quick else 60),
        "app": Part("Applications", _app(sizes)),
        "frames": Part("Typed streams", _frames(5_000 if quick else 20_000)),
        "serving": Part("Serving", _serving(3 if quick else 10), rounds=3),
        "install": Part("Installing and importing", _install()),
    }


def _sized(sizes: Iterable[int], of: str, unit: Unit, work: str = "{}") -> tuple[Column, ...]:
    return tuple(Column(f"{size:,} {of}", size, unit, work) for size in sizes)


def _kib(sizes: Iterable[int], work: str = "{}") -> tuple[Column, ...]:
    titles = {size: f"{size * PIECE / 1024:.1f} KiB".replace(".0 ", " ") for size in sizes}
    return tuple(Column(title, size, _SECONDS, work) for size, title in titles.items())


def _text(sizes: tuple[int, ...]) -> tuple[Table, ...]:
    def streams(title: str, work: str, near: str) -> Table:
        rows = (
            floor("the server, its own CPU", "text:Server"),
            floor("the floor", "text:Floor"),
            ours("text:Ours", targets=f"ratio <= {near}; spread <= 0.1"),
            own("text:OursWithoutReplay", also=", replay=False", targets=f"ratio <= {near}; spread <= 0.1"),
            own("text:OursTwice", also=", two readers", targets="spread <= 0.1"),
            own("text:OursWithText", also=", reading all the text at each chunk"),
            other("openai", "text:Client"),
            peer("magentic", "text:Magentic"),
            peer("mirascope", "text:Mirascope"),
            peer("pydantic-ai", "text:PydanticAI"),
            peer("langchain-openai", "text:LangChain"),
        )
        columns = (*_sized(sizes, "chunks", _CHUNK, work), Column("opening", 1, _OPENING, work))
        return to_floor(title, columns, rows, extra="spread", each=True, in_page=True)

    to_floor = partial(Table, base="text:Floor", to="the floor")
    basic = (floor("the floor", "text:Floor"), ours("text:Ours"), other("openai", "text:Client"))
    together = (*basic[::2], ours("text:Ours", targets="failures <= 0"))
    memory = (
        ours("text:Ours", targets="spread <= 0.1"),
        own("text:OursWithoutReplay", also=", replay=False"),
        other("openai", "text:ClientKept", also=", its chunks kept in a list"),
    )
    calls = (Column("blocking", 10, _CALL, "whole"), Column("async", 10, _CALL, "awhole"))
    return (
        streams("Streaming text, sync", "stream", "1.3"),
        streams("Streaming text, async over aiohttp", "astream", "2"),
        to_floor(
            "A thousand streams at once", _sized([50], "chunks each", _CHUNK_AT_ONCE, f"together {AT_ONCE}"), together
        ),
        to_floor("A whole answer", calls, basic, each=True),
        Table("Memory of a stream", _sized(sizes[-2:], "chunks", _PEAK, "peak stream"), memory, in_page=True),
    )


def _typed(long: list[int]) -> tuple[Table, ...]:
    def snapshots(read: str, targets: str = "") -> tuple[Row, ...]:
        return (
            ours("typed:Ours", "snapshots", targets=targets),
            ours("typed:Ours", "read", read, targets=targets),
            other("jiter, then pydantic", "typed:JiterAndPydantic", "snapshots"),
            other("pydantic alone", "typed:Pydantic", "snapshots"),
            peer("mirascope", "typed:Mirascope", "snapshots"),
            peer("pydantic-ai, through its agent", "typed:PydanticAI", "snapshots"),
            peer("instructor", "typed:Instructor", "snapshots"),
            peer("langchain-core", "typed:LangChain", "snapshots"),
        )

    def elements(work: str, also: str = "") -> tuple[Row, ...]:
        return (
            ours("typed:Ours", work, also, work, targets="value <= 0.1"),
            peer("instructor", "typed:Instructor", work, also, work),
            peer("magentic", "typed:Magentic", work, also, work),
        )

    growing = (
        own("typed:Ours", "snapshots report", ", snapshots of a report", targets="growth <= 2.2"),
        own("typed:Ours", "read report", ", the same, reading a field", targets="growth <= 2.2"),
        own("typed:Ours", "elements list", ", elements of a list", targets="growth <= 2.2"),
        own("typed:Ours", "elements wrapped", ', elements in {"value": ...}', targets="growth <= 2.2"),
        own("typed:Ours", "snapshots note", ", snapshots of one long string", targets="growth <= 2.2"),
    )
    field = ", reading the last element's last field"
    quotes = Column("quotes in strings", SMALL, _QUOTES, "elements quoted", flaw="elements lost")
    lists = (*elements("elements list"), *elements("elements wrapped", ', in {"value": ...}'))
    by_size = partial(Table, extra="growth")
    by_piece = partial(Table, base="typed:JiterAndPydantic", to="jiter, then pydantic")
    small, large = (_sized([number], "pieces", _ANSWER, "{} report") for number in (SMALL, LARGE))
    return (
        by_size("Snapshots of a report", _kib(WHOLE, "{} report"), snapshots(field, "value <= 0.5"), in_page=True),
        by_size("Elements of a list", (*_kib(WHOLE), quotes), lists),
        by_size("Snapshots of one long string", _kib(WHOLE, "{} note"), snapshots(", reading it")),
        by_size("All sizes", _kib(sorted([*WHOLE, *long])), growing),
        by_piece("Snapshots of a small report", small, snapshots(field, "ratio <= 1")),
        by_piece("Snapshots of a large report", large, snapshots(field)),
    )


def _app(sizes: tuple[int, ...]) -> tuple[Table, ...]:
    to_burr = partial(Table, base="applications:Burr", to="burr", speed=True)

    def streams(title: str, work: str, hooks: str) -> Table:
        rows = (
            floor("the generator alone", "applications:Floor", "plain"),
            ours("applications:Ours", "plain", targets="ratio >= 1.5"),
            peer("burr", "applications:Burr", "plain"),
            ours("applications:Ours", "hook", ", a hook with a method for items", "hook", hooks),
            ours("applications:Ours", "events", ", a hook as a function of events", "hook", hooks),
            peer("burr", "applications:Burr", "hook", ", a hook", "hook"),
        )
        return to_burr(title, _sized(sizes, "items", _THOUSANDS, work), rows)

    def both(work: str, also: str, targets: str) -> tuple[Row, Row]:
        return (
            ours("applications:Ours", work, also, work, targets),
            peer("burr", "applications:Burr", work, also, work),
        )

    steps = (*both("step", ", sync", "ratio >= 1.5"), *both("astep", ", async", "ratio >= 1.5"))
    read = ", and reading the last"
    appends = (*both("append", "", "last_ratio >= 100"), *both("append_and_read", read, "last_ratio >= 100"))
    after = (Column("after 1", 1, _APPEND), Column("after 10,000", 10_000, _APPEND))
    return (
        streams("Streaming steps, sync", "stream {}", "ratio >= 1.5"),
        streams("Streaming steps, async", "astream {}", "ratio >= 1.5; value >= 100"),
        to_burr("Steps that do next to nothing", _sized([2_000], "steps", _STEPS), steps),
        to_burr("Appending to a history", after, appends),
    )


def _frames(number: int) -> tuple[Table, ...]:
    def cut(work: str, title: str) -> tuple[Row, ...]:
        return (
            ours("frames:Ours", f"adecode {work}", f", async, {title}", work, "ratio >= 2.5"),
            ours("frames:Ours", f"decode {work}", f", sync, {title}", work, "ratio >= 2.5"),
            peer("truss, async", "frames:Truss", f"adecode {work}", f", {title}", work),
        )

    kinds = {"token": "a text", "words": "a list of two words", "segment": "a text and three numbers"}
    columns = tuple(Column(title, number, _THOUSANDS, f"{{}} {kind}") for kind, title in kinds.items())
    writers = (
        floor("pydantic's to_json alone", "frames:Floor", "encode"),
        ours("frames:Ours", "encode", targets="ratio >= 5"),
        peer("truss", "frames:Truss", "encode"),
    )
    readers = (
        floor("pydantic's validate_json alone", "frames:Floor", "decode", group="blocks"),
        *cut("blocks", "64 KiB pieces"),
        *cut("frames", "a frame in each piece"),
        *cut("whole", "one big piece"),
        *cut("bits", "16-byte pieces"),
    )
    large = (
        floor("pydantic alone", "frames:Floor", "decode"),
        ours("frames:Ours", "adecode blocks", targets="last_value <= 2"),
        peer("truss", "frames:Truss", "adecode blocks"),
    )
    of_large = (
        Column("written", 64, _SPEED, "encode large"),
        Column("read", 64, _SPEED, "{} large"),
        Column("memory to read it", 64, _TIMES_SIZE, "peak {} large"),
    )
    to_truss = partial(Table, base="frames:Truss", to="truss", speed=True)
    return (
        to_truss("Writing small items", columns, writers),
        to_truss("Reading small items", columns, readers),
        Table("An item of 64 MB", of_large, large, each=True),
    )


def _serving(seconds: int) -> tuple[Table, ...]:
    def rows(targets: str = "") -> tuple[Row, ...]:
        return (
            other("a bare Starlette endpoint", "serving:Bare"),
            other("fastapi.sse", "serving:FastAPIEvents"),
            ours("serving:Ours", targets=targets),
        )

    event = Unit("CPU us per event", lambda us, clients: us / clients / (seconds * PER_SECOND + 2))
    late = Unit("s", lambda us, _: us / 1e6 - seconds, wall=True)
    costs, delays = (_sized((100, 1_000), "clients", unit, f"serve {seconds} {PER_SECOND}") for unit in (event, late))
    apart = partial(Table, each=True, apart=True)
    return (
        apart("Serving", costs, rows("failures <= 0"), base="serving:Bare", to="bare"),
        apart("Serving, delay of the last client", delays, rows()),
    )


def _install() -> tuple[Table, ...]:
    requirements = (
        *("openai", "instructor", "langchain-openai", "magentic", "mirascope[openai]", "pydantic-ai-slim[openai]"),
        *("apache-burr", "truss"),
    )
    sizes = (
        ours(SIZES, "declarai-like"),
        own(SIZES, "declarai-like[aiohttp,serve]", "[aiohttp,serve]"),
        *(peer(requirement, SIZES, requirement) for requirement in requirements),
    )
    modules = ("openai", "instructor", "langchain_openai", "magentic", "mirascope.llm", "pydantic_ai", "burr.core")
    imports = (
        ours("install:Import:declarai_like", targets="value <= 100; imports_of_openai <= 0"),
        ours("install:Import:declarai_like, openai, pydantic", also=", with openai and pydantic"),
        *(peer(module, f"install:Import:{module}") for module in (*modules, "truss_chains")),
    )
    size, time = Column("size", 1, _INSTALLED), Column("time", 1, _IMPORT, "run")
    return (
        Table("Installed, with dependencies", (size,), sizes, extra="packages, version"),
        Table("Import", (time,), imports, extra="openai is imported"),
    )
