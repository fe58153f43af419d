"""Tools for tests: a scripted model, recorded responses, an OpenAI server on the loopback address, and a faulty proxy."""

from __future__ import annotations

from .._offline import Fault, Raw, Reply, Script, TapeMiss
from .listener import Exchange
from .proxy import FaultProxy
from .server import LoopbackServer
from .tape import record, replay

__all__ = [
    "Exchange",
    "Fault",
    "FaultProxy",
    "LoopbackServer",
    "Raw",
    "Reply",
    "Script",
    "TapeMiss",
    "record",
    "replay",
]
