"""Another name of what is stable: ``@declarai.experimental.chat`` is ``@declarai.chat``."""

from __future__ import annotations

from .models.factories import chat

__all__ = ["chat"]
