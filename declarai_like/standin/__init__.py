"""The embedded stand-in for a model: it plays what it is given, and makes up the rest from its form."""

from __future__ import annotations

from .script import Fault, Raw, Replies, Reply, Script

__all__ = ["Fault", "Raw", "Replies", "Reply", "Script"]
