"""Four concurrent streams, of which one is closed early and one times out: async code, on asyncio or trio.

Runs with the offline model; with OpenAI if OPENAI_API_KEY is set (DECLARAI_DEMO_MODEL is the name of the model).
"""

from __future__ import annotations

import os
import sys

import anyio

import declarai_like as declarai
from declarai_like.testing import Reply

REPLIES = {
    "a cook": Reply("Salt is courage, said with the fingers.", delay=0.02),
    "a pilot": Reply("Salt is what the sea leaves on the glass.", delay=0.03),
    "a lawyer": Reply("Whereas salt, hereinafter the Mineral, is hereby", delay=0.02),
    "a snail": Reply("No.", first_delay=5.0),
}

if os.environ.get("OPENAI_API_KEY"):
    name = os.environ.get("DECLARAI_DEMO_MODEL", "gpt-5.5")
    model = declarai.openai(name, timeout=declarai.Timeouts(first_token=30), stream=True)
else:
    model = declarai.offline(REPLIES, timeout=declarai.Timeouts(first_token=0.5), stream=True)


@model.task
async def describe(thing: str, speaker: str) -> str:
    """Describe {thing} in one sentence, as {speaker} would."""
    return declarai.magic(thing, speaker)


async def listen(speaker: str, max_words: int | None = None) -> None:
    """Read one answer to its end, or up to a number of words."""
    try:
        async with describe("salt", speaker) as stream:
            async for chunk in stream:
                if max_words is not None and len(chunk.response.split()) >= max_words:
                    break
    except declarai.errors.Timeout as error:
        print(f"{speaker}: {type(error).__name__} after {error.limit:g} s")
        return
    end = "" if stream.finish_reason else " ... (left early)"
    print(f"{speaker}: {stream.response}{end}")


async def main() -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(listen, "a cook")
        group.start_soon(listen, "a pilot")
        group.start_soon(listen, "a lawyer", 3)
        group.start_soon(listen, "a snail")


if __name__ == "__main__":
    anyio.run(main, backend="trio" if "--trio" in sys.argv else "asyncio")
