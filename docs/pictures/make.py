"""Draw what `make demo` shows, as it moves, and the chatbot's state machine. Run: python docs/pictures/make.py"""

from __future__ import annotations

import runpy
from html import escape
from io import StringIO
from pathlib import Path

HERE = Path(__file__).parent
LINE, LEFT, TOP, WIDTH = 21, 20, 62, 1060
PAUSE = 2.5  # seconds at the end, before the animation repeats

Shown = tuple[int, str, str, float, float]  # line, class, text, from, until (seconds; 0 is to the end)


def script() -> tuple[list[Shown], float]:
    """Run the demo's tasks; return the texts with their lines and times, and the length in seconds."""
    demo = runpy.run_path(str(HERE.parents[1] / "examples" / "movie.py"))
    stream = demo["say_something_about_movie"]("Avengers")
    shown: list[Shown] = [(0, "dim", "$ make demo", 0.2, 0), (2, "head", "The text so far: chunk.response", 0.9, 0)]
    now = 1.2
    chunks = list(stream)
    for chunk in chunks:
        last = chunk is chunks[-1]
        shown.append((3, "text", chunk.response, now, 0 if last else now + 0.13))
        now += 0.13
    shown.append((5, "head", "The new text only: chunk.delta", now + 0.4, 0))
    now += 0.7
    deltas = [repr(chunk.delta) for chunk in chunks if chunk.delta]
    for count in range(1, len(deltas) + 1):
        line = " ".join(deltas[:count])
        line = line if len(line) < 116 else "... " + line[-112:]
        shown.append((6, "text", line, now, 0 if count == len(deltas) else now + 0.1))
        now += 0.1
    shown.append((8, "head", "A typed answer", now + 0.4, 0))
    now += 0.7
    for row, (name, value) in enumerate(demo["describe"]("Avengers")):
        shown.append((9 + row, "text", f"  {name:8}{value!r}", now, 0))
        now += 0.25
    return shown, now + PAUSE


def films() -> tuple[list[Shown], float]:
    """Run the demo's table; return the texts with their lines and times, and the length in seconds."""
    from rich.console import Console

    demo = runpy.run_path(str(HERE.parents[1] / "examples" / "films.py"))
    console = Console(width=112, file=StringIO(), color_system=None)
    frames: list[list[str]] = []
    for partial in demo["films_about"]("thinking machines").partials():
        with console.capture() as capture:
            console.print(demo["table"](partial))
        frames.append([line.rstrip() for line in capture.get().splitlines()])
    shown: list[Shown] = [(0, "dim", "$ python examples/films.py", 0.2, 0)]
    begin, step = 1.0, 0.09
    for place in range(max(map(len, frames))):
        texts = [frame[place] if place < len(frame) else "" for frame in frames]
        since = 0
        for number, text in enumerate(texts):
            if number + 1 == len(texts) or texts[number + 1] != text:
                until = 0 if number + 1 == len(texts) else begin + (number + 1) * step
                if text:
                    shown.append((2 + place, "text", text, begin + since * step, until))
                since = number + 1
    return shown, begin + len(frames) * step + PAUSE


def draw(shown: list[Shown], length: float, label: str) -> str:
    """Return the SVG: each text has an animation of the length of the whole."""
    rules, texts = [], []
    for place, (line, kind, text, begin, end) in enumerate(shown):
        start, stop = 100 * begin / length, 100 * (end or length) / length
        fade = "" if not end else f"{stop:.2f}%{{opacity:0}}100%{{opacity:0}}"
        rules.append(f"@keyframes k{place}{{0%{{opacity:0}}{start:.2f}%{{opacity:1}}{fade}}}")
        rules.append(f"#t{place}{{animation:k{place} {length:.2f}s step-end infinite}}")
        y = TOP + line * LINE
        texts.append(
            f'<text id="t{place}" class="{kind}" x="{LEFT}" y="{y}" xml:space="preserve">{escape(text)}</text>'
        )
    height = TOP + (max(line for line, *_ in shown) + 1) * LINE
    dots = "".join(
        f'<circle cx="{22 + 20 * n}" cy="20" r="6" fill="{c}"/>'
        for n, c in enumerate(("#ff5f56", "#ffbd2e", "#27c93f"))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" '
        f'aria-label="{label}">'
        "<style>text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,'Liberation Mono',monospace;fill:#d8dee9}"
        f".dim{{fill:#81a1c1}}.head{{font-weight:bold;fill:#eceff4}}{''.join(rules)}</style>"
        f'<rect width="{WIDTH}" height="{height}" rx="10" fill="#22272e"/>{dots}{"".join(texts)}</svg>\n'
    )


if __name__ == "__main__":
    (HERE / "stream.svg").write_text(draw(*script(), "make demo: an answer streams in the terminal"), "utf-8")
    (HERE / "films.svg").write_text(draw(*films(), "A table of films fills in while the answer arrives"), "utf-8")
    chatbot = runpy.run_path(str(HERE.parents[1] / "examples" / "streaming_chatbot" / "application.py"))
    chatbot["application"]().visualize().save(HERE / "chatbot.svg")
