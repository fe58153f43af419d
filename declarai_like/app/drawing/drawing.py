"""Drawings of a graph: as Mermaid text, which needs no other program, and as SVG and PNG made by Graphviz.

Both draw a `Sketch`: the actions, their inputs, and the transitions.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import ApplicationError
from .sketch import make_sketch

if TYPE_CHECKING:
    import os

    from ..graph import Graph


SHAPES = {"action": '{}["{}"]', "streaming": '{}(["{}"])', "input": '{}("{}")', "start": "{}(( ))"}


def mermaid(
    graph: Graph, entrypoint: str | None, *, include_conditions: bool = True, include_state: bool = False
) -> str:
    """Return the graph as Mermaid text.

    Args:
        graph: the graph.
        entrypoint: the action that runs first; None draws no start.
        include_conditions: label the transitions with their conditions.
        include_state: list the keys that each action reads and writes.
    """
    sketch = make_sketch(graph, entrypoint, include_conditions=include_conditions, include_state=include_state)
    text = ["flowchart TD"]
    text += (
        f"    {SHAPES[node.kind].format(node.id, '<br/>'.join(map(_escaped, node.lines)))}" for node in sketch.nodes
    )
    for edge in sketch.edges:
        line = "-.->" if edge.dashed else "-->"
        label = f'|"{_escaped(edge.label)}"|' if edge.label else ""
        text.append(f"    {edge.from_} {line}{label} {edge.to}")
    inputs = [node.id for node in sketch.nodes if node.kind == "input"]
    if inputs:
        text += ["    classDef input stroke-dasharray: 4 4", f"    class {','.join(inputs)} input"]
    return "\n".join(text) + "\n"


NOT_MARKUP = re.compile(
    r"""
    (?: [^\W_] | [ ,='] | (?<=[^\W_])_(?=[^\W_]) | (?<=.)[?>()\]] | (?<=[^\]])\[ )   # not markup of Mermaid or Markdown
    | (?<=.):(?=[ ])
    | (?<=\d)\.(?=\d)
    """,
    re.VERBOSE,
)
"""A character that is not markup at its position, and so is not escaped."""


PAIRS = re.compile(r"(?<=\$)(?=\$)|(?<=\])(?=\()|(?<=ﬂ)(?=°)|(?<=¶)(?=ß)")
"""The position between two characters that are markup together, even when escaped: formulas, links, Mermaid's codes."""


def _escaped(text: str) -> str:
    """Return text that is shown literally: characters that Mermaid or Markdown may read as markup become codes."""
    text = _printable(text) or " "
    text = PAIRS.sub("\u200b", text)  # a zero-width space: Mermaid decodes the codes before it looks for these pairs
    plain = {match.start() for match in NOT_MARKUP.finditer(text)}
    numbered = re.match(r"\d+\)", text)  # Markdown reads it as the start of a list
    if numbered:
        plain.discard(numbered.end() - 1)
    return "".join(char if index in plain else f"#{ord(char)};" for index, char in enumerate(text))


def _printable(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _entities(text: str) -> str:
    return _printable(text).replace("&", "&amp;")  # Graphviz decodes HTML entities in labels


def digraph(
    graph: Graph, entrypoint: str | None, *, include_conditions: bool = True, include_state: bool = False
) -> Any:
    """Return the graph as a ``graphviz.Digraph``.

    Raises:
        ApplicationError: the package graphviz is not installed.
    """
    try:
        graphviz: Any = importlib.import_module("graphviz")
    except ImportError as error:
        raise ApplicationError(
            "this drawing needs the package graphviz: pip install graphviz. Mermaid text does not need it: save it as "
            ".mmd or .md"
        ) from error
    styles = {
        "action": {"shape": "box", "style": "rounded"},
        "streaming": {"shape": "box", "style": "rounded,bold"},
        "input": {"shape": "box", "style": "rounded,dashed"},
        "start": {"shape": "point", "width": "0.15"},
    }
    sketch = make_sketch(graph, entrypoint, include_conditions=include_conditions, include_state=include_state)
    drawing = graphviz.Digraph(node_attr={"fontname": "Helvetica"}, edge_attr={"fontname": "Helvetica"})
    for node in sketch.nodes:
        label = "\\n".join(graphviz.escape(_entities(line)) for line in node.lines)
        drawing.node(node.id, graphviz.nohtml(label), **styles[node.kind])  # nohtml: "<...>" would be read as HTML
    for edge in sketch.edges:
        style = "dashed" if edge.dashed else "solid"
        drawing.edge(edge.from_, edge.to, graphviz.escape(_entities(edge.label)), style=style)
    return drawing


class Drawing:
    """A drawing of a graph, which Jupyter shows; it can be printed as Mermaid text, and saved.

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
        """The Mermaid text as a fenced code block of Markdown."""
        return f"```mermaid\n{self.mermaid}```\n"

    def digraph(self) -> Any:
        """Return the drawing as a ``graphviz.Digraph``, for further styling.

        Raises:
            ApplicationError: the package graphviz is not installed.
        """
        return digraph(self._graph, self._entrypoint, **self._include)

    def svg(self) -> str:
        """Return the drawing as SVG, made by Graphviz.

        Raises:
            ApplicationError: Graphviz is not installed, or cannot draw it.
        """
        return self._render("svg").decode()

    def png(self) -> bytes:
        """Return the drawing as PNG, made by Graphviz.

        Raises:
            ApplicationError: Graphviz is not installed, or cannot draw it.
        """
        return self._render("png")

    def _render(self, file_format: str) -> bytes:
        drawing = self.digraph()
        graphviz: Any = importlib.import_module("graphviz")
        try:
            rendered: bytes = drawing.pipe(format=file_format, quiet=True)
        except graphviz.ExecutableNotFound as error:
            raise ApplicationError(
                f"to draw {file_format}, the program `dot` must be on the PATH; install Graphviz (apt install graphviz, "
                "brew install graphviz, or https://graphviz.org/download). Mermaid text does not need it: save it as "
                ".mmd or .md"
            ) from error
        except graphviz.CalledProcessError as error:
            reason = bytes(error.stderr or b"").decode(errors="replace").strip()
            raise ApplicationError(f"the program `dot` could not draw {file_format}: {reason}") from error
        return rendered

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the drawing to a file: ``.mmd`` and ``.md`` are Mermaid text, ``.svg`` and ``.png`` made by Graphviz.

        Raises:
            ApplicationError: the file name has another ending; or Graphviz is needed and not installed, or cannot draw
                it.
            OSError: the file cannot be written.
        """
        path = Path(path)
        renderers: dict[str, Callable[[], bytes]] = {
            ".mmd": self.mermaid.encode,
            ".md": self.markdown.encode,
            ".svg": lambda: self._render("svg"),
            ".png": self.png,
        }
        render = renderers.get(path.suffix.lower())
        if render is None:
            raise ApplicationError(f"the file name of a drawing must end in .mmd, .md, .svg or .png, got {path.name!r}")
        path.write_bytes(render())
        return path

    def __str__(self) -> str:
        return self.mermaid

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, str]:
        return {"text/markdown": self.markdown, "text/vnd.mermaid": self.mermaid, "text/plain": self.mermaid}
