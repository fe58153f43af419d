"""A graph as a picture: as Mermaid text, which needs no other program, and with Graphviz as SVG and PNG.

Both draw what `sketch.Sketch` says: actions, what they take, and what comes after what.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import ApplicationError
from .sketch import draft

if TYPE_CHECKING:
    import os

    from ..graph import Graph


SHAPES = {"action": '{}["{}"]', "streaming": '{}(["{}"])', "input": '{}("{}")', "start": "{}(( ))"}


def mermaid(
    graph: Graph, entrypoint: str | None, *, include_conditions: bool = True, include_state: bool = False
) -> str:
    """Give the graph as Mermaid text.

    Args:
        include_conditions: whether the arrows say their conditions.
        include_state: whether the actions say what they read and write.
    """
    sketch = draft(graph, entrypoint, include_conditions=include_conditions, include_state=include_state)
    text = ["flowchart TD"]
    text += (
        f"    {SHAPES[node.kind].format(node.id, '<br/>'.join(map(_escaped, node.lines)))}" for node in sketch.nodes
    )
    for arrow in sketch.arrows:
        line = "-.->" if arrow.dashed else "-->"
        label = f'|"{_escaped(arrow.label)}"|' if arrow.label else ""
        text.append(f"    {arrow.from_} {line}{label} {arrow.to}")
    inputs = [node.id for node in sketch.nodes if node.kind == "input"]
    if inputs:
        text += ["    classDef input stroke-dasharray: 4 4", f"    class {','.join(inputs)} input"]
    return "\n".join(text) + "\n"


PLAIN = re.compile(
    r"""
    (?: [^\W_] | [ ,='] | (?<=[^\W_])_(?=[^\W_]) | (?<=.)[?>()\]] | (?<=[^\]])\[ )   # nothing that Mermaid or Markdown marks
    | (?<=.):(?=[ ])
    | (?<=\d)\.(?=\d)
    """,
    re.VERBOSE,
)
"""A character that stands for itself where it is."""


PAIRS = re.compile(r"(?<=\$)(?=\$)|(?<=\])(?=\()|(?<=ﬂ)(?=°)|(?<=¶)(?=ß)")
"""Where two characters that mean something together, even as codes: formulas, links, and Mermaid's own codes."""


def _escaped(text: str) -> str:
    """Give a text that is shown as it is: what Mermaid or Markdown might read as a mark becomes a code."""
    text = _printable(text) or " "
    text = PAIRS.sub("\u200b", text)
    plain = {found.start() for found in PLAIN.finditer(text)}
    numbered = re.match(r"\d+\)", text)  # the beginning of a list
    if numbered:
        plain.discard(numbered.end() - 1)
    return "".join(char if place in plain else f"#{ord(char)};" for place, char in enumerate(text))


def _printable(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _entities(text: str) -> str:
    return _printable(text).replace("&", "&amp;")  # Graphviz shows entities as what they stand for


def digraph(
    graph: Graph, entrypoint: str | None, *, include_conditions: bool = True, include_state: bool = False
) -> Any:
    """Give the graph as a ``graphviz.Digraph``.

    Raises:
        ApplicationError: the package graphviz is not there.
    """
    try:
        graphviz: Any = importlib.import_module("graphviz")
    except ImportError as error:
        raise ApplicationError(
            "this drawing needs the package graphviz: pip install graphviz. Mermaid text needs nothing: "
            "save it as .mmd or .md"
        ) from error
    looks = {
        "action": {"shape": "box", "style": "rounded"},
        "streaming": {"shape": "box", "style": "rounded,bold"},
        "input": {"shape": "box", "style": "rounded,dashed"},
        "start": {"shape": "point", "width": "0.15"},
    }
    sketch = draft(graph, entrypoint, include_conditions=include_conditions, include_state=include_state)
    drawing = graphviz.Digraph(node_attr={"fontname": "Helvetica"}, edge_attr={"fontname": "Helvetica"})
    for node in sketch.nodes:
        label = "\\n".join(graphviz.escape(_entities(line)) for line in node.lines)
        drawing.node(node.id, graphviz.nohtml(label), **looks[node.kind])
    for arrow in sketch.arrows:
        style = "dashed" if arrow.dashed else "solid"
        drawing.edge(arrow.from_, arrow.to, graphviz.escape(_entities(arrow.label)), style=style)
    return drawing


class Drawing:
    """A picture of a graph: shown by Jupyter, printed as Mermaid text, or saved.

    Attributes:
        mermaid: the Mermaid text.
    """

    def __init__(
        self, graph: Graph, entrypoint: str | None, *, include_conditions: bool = True, include_state: bool = False
    ) -> None:
        self._graph = graph
        self._entrypoint = entrypoint
        self._include = {"include_conditions": include_conditions, "include_state": include_state}
        self.mermaid = mermaid(graph, entrypoint, **self._include)

    @property
    def markdown(self) -> str:
        """The Mermaid text in a fence, as pages and notebooks have it."""
        return f"```mermaid\n{self.mermaid}```\n"

    def digraph(self) -> Any:
        """Give it as a ``graphviz.Digraph``, to be styled further.

        Raises:
            ApplicationError: the package graphviz is not there.
        """
        return digraph(self._graph, self._entrypoint, **self._include)

    def svg(self) -> str:
        """Give it as SVG, drawn with Graphviz.

        Raises:
            ApplicationError: Graphviz is not there, or cannot draw it.
        """
        return self._drawn("svg").decode()

    def png(self) -> bytes:
        """Give it as PNG, drawn with Graphviz.

        Raises:
            ApplicationError: Graphviz is not there, or cannot draw it.
        """
        return self._drawn("png")

    def _drawn(self, form: str) -> bytes:
        drawing = self.digraph()
        graphviz: Any = importlib.import_module("graphviz")
        try:
            drawn: bytes = drawing.pipe(format=form, quiet=True)
        except graphviz.ExecutableNotFound as error:
            raise ApplicationError(
                f"to draw {form}, the program `dot` is needed, which is not on the PATH: install Graphviz (apt install "
                "graphviz, brew install graphviz, or https://graphviz.org/download). Mermaid text needs nothing: "
                "save it as .mmd or .md"
            ) from error
        except graphviz.CalledProcessError as error:
            reason = bytes(error.stderr or b"").decode(errors="replace").strip()
            raise ApplicationError(f"the program `dot` could not draw {form}: {reason}") from error
        return drawn

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it to a file: ``.mmd`` and ``.md`` as Mermaid text, ``.svg`` and ``.png`` drawn by Graphviz.

        Raises:
            ApplicationError: the name ends otherwise, or Graphviz is needed and not there, or cannot draw it.
            OSError: the file cannot be written.
        """
        path = Path(path)
        makes: dict[str, Callable[[], bytes]] = {
            ".mmd": self.mermaid.encode,
            ".md": self.markdown.encode,
            ".svg": lambda: self._drawn("svg"),
            ".png": self.png,
        }
        make = makes.get(path.suffix.lower())
        if make is None:
            raise ApplicationError(f"{path.name!r} does not say what to save: it ends in .mmd, .md, .svg or .png")
        path.write_bytes(make())
        return path

    def __str__(self) -> str:
        return self.mermaid

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, str]:
        return {"text/markdown": self.markdown, "text/vnd.mermaid": self.mermaid, "text/plain": self.mermaid}
