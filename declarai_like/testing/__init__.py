"""Stand-ins to test tasks with: a scripted model, recorded answers, and a server that speaks the protocol."""

from __future__ import annotations

from ..standin import Fault, Raw, Reply, Script, TapeMiss
from .listener import Exchange
from .server import LoopbackServer
from .tape import record, replay

__all__ = ["Exchange", "Fault", "LoopbackServer", "Raw", "Reply", "Script", "TapeMiss", "record", "replay"]
