"""From figures to tables: CPU for each chunk or call, and its ratio to the floor's."""

from __future__ import annotations

from process import ABSENT
from rounds import Figures, Workload
from table import Table

FLOOR = "contenders:Floor"
OURS = "contenders:Ours"
UNKEPT = "contenders:OursUnkept"
TWICE = "contenders:OursTwice"
WITH_TEXT = "contenders:OursWithText"
CLIENT = "contenders:Client"
CLIENT_KEPT = "contenders:ClientKept"
PEERS = ["peers:Magentic", "peers:Mirascope", "peers:PydanticAI", "peers:LangChain"]
NAMES = {
    FLOOR: "the floor",
    OURS: "declarai_like",
    UNKEPT: "declarai_like, cache=False",
    TWICE: "declarai_like, two readers",
    WITH_TEXT: "declarai_like, reading all the text at each chunk",
    CLIENT: "openai",
    CLIENT_KEPT: "openai, its chunks kept in a list",
    **dict(zip(PEERS, ["magentic", "mirascope", "pydantic-ai", "langchain-openai"], strict=True)),
}


def ratios(figures: Figures, name: str, workload: Workload) -> tuple[float, float]:
    """Give the ratios of a contender's median and minimum to the floor's."""
    figure, floor = figures[name, workload], figures[FLOOR, workload]
    return figure.median / floor.median, figure.minimum / floor.minimum


def spread(figures: Figures, name: str, opening: Workload, sizes: list[Workload]) -> float:
    """Give how far the dearest size is above the cheapest, for each chunk, without the opening of the stream.

    Of the minima, which say more about growth than medians do: a busy machine only ever adds.
    """
    once = figures[name, opening].minimum
    net = [(figures[name, size].minimum - once) / size.chunks for size in sizes]
    return max(net) / min(net) - 1


def streams(title: str, figures: Figures, names: list[str], opening: Workload, sizes: list[Workload]) -> Table:
    """Compare whole streams of several sizes."""
    head = ["CPU us per chunk"]
    for size in sizes:
        head += [f"{size.chunks:,} chunks", "to the floor"]
    table = Table(title, [*head, "spread", "opening"], [])
    for name in names:
        row, errors = [], []
        for size in sizes:
            row += _cells(figures, name, size, size.chunks, errors)
        if errors or (name, opening) not in figures:
            row += ["-", "-"]
        else:
            row += [f"{spread(figures, name, opening, sizes):.0%}", f"{figures[name, opening].median:.0f}"]
        table.rows.append([NAMES[name], *row])
        table.notes += [f"{NAMES[name]} failed: {error}" for error in dict.fromkeys(errors)]
    table.notes.append(_about_the_server(figures, sizes[-1]))
    return table


def answers(title: str, figures: Figures, names: list[str], workloads: dict[str, tuple[Workload, int]]) -> Table:
    """Compare workloads, each with its title and what one of its answers is divided by."""
    table = Table(title, ["CPU us"], [])
    for column in workloads:
        table.head += [column, "to the floor"]
    for name in names:
        row, errors = [NAMES[name]], []
        for workload, parts in workloads.values():
            row += _cells(figures, name, workload, parts, errors)
        table.rows.append(row)
        table.notes += [f"{NAMES[name]} failed: {error}" for error in dict.fromkeys(errors)]
    return table


def memory(peaks: dict[tuple[str, int], float], names: list[str], sizes: list[int]) -> Table:
    """Compare by how much the memory grows at most, for each chunk, while a stream is read."""
    table = Table("Memory", ["peak growth, bytes per chunk", *(f"{size:,} chunks" for size in sizes)], [])
    for name in names:
        table.rows.append([NAMES[name], *(_bytes(peaks[name, size], size) for size in sizes)])
    return table


def _cells(figures: Figures, name: str, workload: Workload, parts: int, errors: list[str]) -> list[str]:
    """Give the median with the minimum, and their ratios to the floor's."""
    figure = figures.get((name, workload))
    if figure is None:
        return [ABSENT, "-"]
    if figure.error:
        errors.append(figure.error)
        return ["failed", "-"]
    taken = f"{figure.median / parts:.1f} ({figure.minimum / parts:.1f})"
    of_medians, of_minima = ratios(figures, name, workload)
    return [taken, f"{of_medians:.2f} ({of_minima:.2f})"]


def _bytes(peak: float, chunks: int) -> str:
    return f"{peak / chunks:,.0f} ({peak / 1e6:.2f} MB in all)"


def _about_the_server(figures: Figures, workload: Workload) -> str:
    server = min(figures[FLOOR, workload].servers) / workload.chunks
    return f"The server took {server:.1f} us of its own CPU for each chunk that it sent to the floor."
