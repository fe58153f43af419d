"""Stand-ins to test with: a scripted model, recorded answers, a server that speaks the protocol, and a proxy that makes faults."""

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
