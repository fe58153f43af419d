"""What there is to draw of a graph, for whatever draws it."""

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
    """What there is to draw."""

    nodes: list[SketchNode] = field(default_factory=list[SketchNode])
    arrows: list[SketchEdge] = field(default_factory=list[SketchEdge])


def draft(graph: Graph, entrypoint: str | None, *, include_conditions: bool, include_state: bool) -> Sketch:
    ids = {action.name: f"a{number}" for number, action in enumerate(graph.actions)}
    sketch = Sketch()
    if entrypoint in ids:
        sketch.nodes.append(SketchNode("start", [], "start"))
        sketch.arrows.append(SketchEdge("start", ids[entrypoint]))
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
                sketch.arrows.append(SketchEdge(inputs[name], ids[action.name], label))
    for transition in graph.transitions:
        always = transition.condition is default
        label = "" if always or not include_conditions else transition.condition.name
        sketch.arrows.append(SketchEdge(ids[transition.from_], ids[transition.to], label, dashed=not always))
    return sketch


def _lines(action: Action, *, include_state: bool) -> Iterator[str]:
    yield action.name
    if action.streaming:
        yield "(streams)"
    if include_state:
        yield f"reads: {', '.join(action.reads) or 'nothing'}"
        yield f"writes: {', '.join(action.writes) or 'nothing'}"
