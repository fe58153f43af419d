"""JSON that is still being written: read as far as it goes, each character once."""

from __future__ import annotations

from .nodes import Node, Place, Watcher
from .plain import PartialJSON
from .search import Search
from .views import ABSENT, Change, Entries, Missing, PartialDict, PartialList, Snapshot, TextSoFar, seen
from .walker import Walker

__all__ = [
    "ABSENT",
    "Change",
    "Entries",
    "Missing",
    "Node",
    "PartialDict",
    "PartialJSON",
    "PartialList",
    "Place",
    "Search",
    "Snapshot",
    "TextSoFar",
    "Walker",
    "Watcher",
    "seen",
]
