"""A table that is filled in while the answer arrives.

Runs with the offline model; with OpenAI if OPENAI_API_KEY is set (DECLARAI_DEMO_MODEL is the name of the model).
Needs rich.
"""

from __future__ import annotations

import os
import sys

from pydantic import BaseModel, Field
from rich.console import Console
from rich.live import Live
from rich.table import Table

import declarai_like as declarai
from declarai_like.stream import Partial

REPLY = [
    {"title": "Modern Times", "year": 1936, "director": "Charlie Chaplin", "why": "A man is swallowed by a machine."},
    {"title": "Alien", "year": 1979, "director": "Ridley Scott", "why": "The ship's computer knew, and said nothing."},
    {"title": "WarGames", "year": 1983, "director": "John Badham", "why": "It learns that not playing wins."},
    {"title": "Ghost in the Shell", "year": 1995, "director": "Mamoru Oshii", "why": "Who is it that remembers?"},
    {"title": "Her", "year": 2013, "director": "Spike Jonze", "why": "She reads the whole library in a breath."},
]

if os.environ.get("OPENAI_API_KEY"):
    model = declarai.openai(os.environ.get("DECLARAI_DEMO_MODEL", "gpt-5.5"))
else:
    model = declarai.offline([{"value": REPLY}], delay=0.02 if sys.stdout.isatty() else 0.0)


class Film(BaseModel):
    title: str
    year: int = Field(ge=1888)
    director: str
    why: str


@model.task(streaming=True)
def films_about(subject: str, count: int = 5) -> list[Film]:
    """List films about the subject, oldest first.

    :param subject: what they are about
    :param count: how many
    :return: for each, in one short sentence, why one should see it
    """
    return declarai.magic(subject, count)


def table(partial: Partial[list[Film]]) -> Table:
    """Draw the partial answer: a str as far as it has arrived, a year once it is complete."""
    drawn = Table(title="Films about thinking machines", expand=True)
    for heading, width in (("Title", 18), ("Year", 4), ("Director", 15), ("Why", None)):
        drawn.add_column(heading, width=width)
    for index in range(len(partial)):
        drawn.add_row(*row(partial, index))
    return drawn


def row(partial: Partial[list[Film]], index: int) -> list[str]:
    year = partial.get(lambda films: films[index].year)  # an int or None: the type checker knows it
    return [
        partial.get(lambda films: films[index].title) or "",
        "" if year is None else str(year),
        partial.get(lambda films: films[index].director) or "",
        partial.get(lambda films: films[index].why) or "",
    ]


def main() -> None:
    stream = films_about("thinking machines")
    with Live(console=Console(width=None if sys.stdout.isatty() else 80), refresh_per_second=30) as live:
        for partial in stream.partials():
            live.update(table(partial))
    oldest = stream.result()[0]
    print(f"\n{len(stream.result())} films, the oldest of {oldest.year}. {stream.usage}")


if __name__ == "__main__":
    main()
