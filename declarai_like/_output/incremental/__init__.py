"""Incremental JSON: read JSON text that is still being written, each character once."""

from __future__ import annotations

from .json_finder import JSONFinder
from .open_values import (
    ABSENT,
    Change,
    Entries,
    Missing,
    PartialDict,
    PartialList,
    TextSoFar,
    ValueSnapshot,
    resolve_text,
)
from .parser import IncrementalParser
from .plain import PartialJSON
from .protocols import ContainerBuilder, ParseListener, ValueHandler

__all__ = [
    "ABSENT",
    "Change",
    "ContainerBuilder",
    "Entries",
    "IncrementalParser",
    "JSONFinder",
    "Missing",
    "ParseListener",
    "PartialDict",
    "PartialJSON",
    "PartialList",
    "TextSoFar",
    "ValueHandler",
    "ValueSnapshot",
    "resolve_text",
]
