"""Deprecated alias of ``declarai.chat``: ``@declarai.experimental.chat``, as an older library names it.

It stays for one release.
"""

from __future__ import annotations

from .models.factories import chat

__all__ = ["chat"]
