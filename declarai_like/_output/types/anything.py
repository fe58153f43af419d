"""The place of values of any type: what pydantic's own parser makes of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ..incremental import ABSENT
from ..incremental.plain import Plain, PlainArray, PlainObject
from .values import InvalidPart

_HALF = re.compile("[\ud800-\udfff]")
_MAY_BE_HALF = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")


def is_text(string: str) -> bool:
    """Whether a string has no half of a surrogate pair alone: that is JSON, and no text."""
    return string.isascii() or not _HALF.search(string)


class AnyHandler(Plain):
    """A place for any value. Unlike Python's own parser, pydantic's refuses half of a surrogate pair."""

    def open(self, first: str) -> PlainObject | PlainArray:
        return _Object() if first == "{" else _Array()

    def string(self, text: str) -> Any:
        return text if is_text(text) else ABSENT


ANY = AnyHandler()


class _Object(PlainObject):
    def close(self, text: Callable[[], str]) -> Any:
        return _checked(super().close(text), text())


class _Array(PlainArray):
    def close(self, text: Callable[[], str]) -> Any:
        return _checked(super().close(text), text())


def _checked(value: Any, text: str) -> Any:
    from pydantic_core import from_json

    if _MAY_BE_HALF.search(text):
        try:
            from_json(text)
        except ValueError:
            return InvalidPart(value)
    return value
