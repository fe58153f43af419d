"""Handler for values of any type: it accepts what pydantic's parser accepts."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ..incremental import ABSENT
from ..incremental.plain import PlainArrayBuilder, PlainHandler, PlainObjectBuilder
from .partials import InvalidPart

_SURROGATE = re.compile("[\ud800-\udfff]")
_MAY_BE_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")


def is_encodable(string: str) -> bool:
    """Return True if a string has no lone surrogate. With one it is valid JSON, but cannot be encoded as UTF-8."""
    return string.isascii() or not _SURROGATE.search(string)


class AnyHandler(PlainHandler):
    """Handler for values of any type. Like pydantic's parser, and unlike `json.loads`, it refuses lone surrogates."""

    def open(self, bracket: str) -> PlainObjectBuilder | PlainArrayBuilder:
        return _ObjectBuilder() if bracket == "{" else _ArrayBuilder()

    def string(self, text: str) -> Any:
        return text if is_encodable(text) else ABSENT


ANY = AnyHandler()


class _ObjectBuilder(PlainObjectBuilder):
    def close(self, text: Callable[[], str]) -> Any:
        return _checked(super().close(text), text())


class _ArrayBuilder(PlainArrayBuilder):
    def close(self, text: Callable[[], str]) -> Any:
        return _checked(super().close(text), text())


def _checked(value: Any, text: str) -> Any:
    from pydantic_core import from_json

    if _MAY_BE_SURROGATE.search(text):  # else the text need not be parsed a second time
        try:
            from_json(text)
        except ValueError:
            return InvalidPart(value)
    return value
