"""The embedded stand-in for a model: it plays what it is given, and makes up the rest from its form."""

from __future__ import annotations

from .replies import Fault, Raw, Reply
from .script import Replies, Script
from .tape import Tape, TapeMiss

__all__ = ["Fault", "Raw", "Replies", "Reply", "Script", "Tape", "TapeMiss"]
