"""The nodes and edges of a graph's drawing, in a form that does not depend on the program that draws it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..conditions.conditions import default

if TYPE_CHECKING:
    from ..actions.actions import Action
    from ..graph import Graph


@dataclass(frozen=True)
class SketchNode:
    """A node; ``kind`` is ``"action"``, ``"streaming"``, ``"input"`` or ``"start"``."""

    id: str
    lines: list[str]
    kind: str


@dataclass(frozen=True)
class SketchEdge:
    from_: str
    to: str
    label: str = ""
    dashed: bool = False


@dataclass
class Sketch:
    """The nodes and edges of a drawing."""

    nodes: list[SketchNode] = field(default_factory=list[SketchNode])
    edges: list[SketchEdge] = field(default_factory=list[SketchEdge])


def make_sketch(graph: Graph, entrypoint: str | None, *, include_conditions: bool, include_state: bool) -> Sketch:
    """Return the sketch of a graph."""
    # Not the names: a name may contain characters that Mermaid or Graphviz would not accept in an id.
    ids = {action.name: f"a{number}" for number, action in enumerate(graph.actions)}
    sketch = Sketch()
    if entrypoint in ids:
        sketch.nodes.append(SketchNode("start", [], "start"))
        sketch.edges.append(SketchEdge("start", ids[entrypoint]))
    for action in graph.actions:
        kind = "streaming" if action.streaming else "action"
        sketch.nodes.append(SketchNode(ids[action.name], list(_lines(action, include_state=include_state)), kind))
    inputs: dict[str, str] = {}
    for action in graph.actions:
        for names, label in ((action.takes.required, ""), (action.takes.optional, "optional")):
            for name in names:
                if name not in inputs:
                    inputs[name] = f"i{len(inputs)}"
                    sketch.nodes.append(SketchNode(inputs[name], [name], "input"))
                sketch.edges.append(SketchEdge(inputs[name], ids[action.name], label))
    for transition in graph.transitions:
        is_default = transition.condition is default
        label = "" if is_default or not include_conditions else transition.condition.name
        sketch.edges.append(SketchEdge(ids[transition.from_], ids[transition.to], label, dashed=not is_default))
    return sketch


def _lines(action: Action, *, include_state: bool) -> Iterator[str]:
    yield action.name
    if action.streaming:
        yield "(streams)"
    if include_state:
        yield f"reads: {', '.join(action.reads) or 'nothing'}"
        yield f"writes: {', '.join(action.writes) or 'nothing'}"
