"""A movie in three ways: the accumulated text, the deltas, and a typed answer.

Runs with the offline model; with OpenAI if OPENAI_API_KEY is set (DECLARAI_DEMO_MODEL is the name of the model).
"""

from __future__ import annotations

import os
import shutil
import sys
import time

from pydantic import BaseModel, Field

import declarai_like as declarai
from declarai_like.testing import Reply

REPLIES = {
    "Say something short": Reply(
        chunks=[
            '"',
            "Av",
            "engers",
            " is",
            " an",
            " action",
            "-packed",
            " superhero",
            " extrav",
            "agan",
            "za",
            " that",
            " brings",
            " together",
            " Earth",
            "'s",
            " might",
            "iest",
            " heroes",
            " to",
            " save",
            " the",
            " world",
            '."',
        ]
    ),
    "Describe": {"title": "The Avengers", "year": 2012, "heroes": ["Iron Man", "Thor", "Black Widow"], "rating": 8.0},
}

if os.environ.get("OPENAI_API_KEY"):
    model = declarai.openai(os.environ.get("DECLARAI_DEMO_MODEL", "gpt-5.5"))
else:
    model = declarai.offline(REPLIES, delay=0.06 if sys.stdout.isatty() else 0.0)


class Movie(BaseModel):
    title: str
    year: int
    heroes: list[str] = Field(min_length=1)
    rating: float = Field(ge=0, le=10)


@model.task(streaming=True)
def say_something_about_movie(movie: str) -> str:
    """
    Say something short about the following movie
    :param movie: The movie name
    """
    return declarai.magic(movie)


@model.task
def describe(movie: str) -> Movie:
    """Describe the movie.

    :param movie: The movie name
    :return: its facts, with the three most important heroes
    """
    return declarai.magic(movie)


def heading(text: str) -> None:
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}")


def main() -> None:
    print(f"Asking {model!r}" + ("" if os.environ.get("OPENAI_API_KEY") else ", which plays a script"))
    live = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns

    heading("The text so far: chunk.response")
    stream = say_something_about_movie("Avengers")
    for chunk in stream:
        if live:  # one line, overwritten by each chunk; of long text it shows the end
            print(f"\r\033[K{chunk.response[-width + 1 :]}", end="", flush=True)
        else:
            print(chunk.response)
    print("\n" if live else "", end="")

    heading('The new text only: chunk.raw_response["choices"][0]["delta"], replayed from the buffer')
    for chunk in stream:
        print(chunk.raw_response["choices"][0]["delta"])
        time.sleep(0.03 if live else 0)

    heading("A typed answer")
    movie = describe("Avengers")
    for name, value in movie:
        print(f"  {name:8}{value!r}")
    print(f"\n{stream.usage}")


if __name__ == "__main__":
    main()
