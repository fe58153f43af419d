"""The offline model: it plays scripted replies, and samples all other answers from the schema of the request."""

from __future__ import annotations

from .replies import Fault, Raw, Reply
from .script import Replies, Script
from .tape import Tape, TapeMiss

__all__ = ["Fault", "Raw", "Replies", "Reply", "Script", "Tape", "TapeMiss"]
