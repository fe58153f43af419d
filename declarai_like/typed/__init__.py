"""Typed answers that fill in as they arrive."""

from __future__ import annotations

from .readers import ElementReader, FieldReader, PartialReader, Plan
from .values import Partial, StreamState, as_json

__all__ = ["ElementReader", "FieldReader", "Partial", "PartialReader", "Plan", "StreamState", "as_json"]
