"""Text of user messages in foreign protocols, whose content may be a list of parts of different types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Protocol

from pydantic import BaseModel, ConfigDict, Field

from ..errors import InvalidRequest

Short = Annotated[str, Field(max_length=256)]
"""A str of at most 256 characters: a name, an id or a type."""

MAX_PARTS = 10_000
"""Maximum number of messages of a request, and of parts of a message."""


class NoText(InvalidRequest):
    """The last message of a request has no text of the user, or something besides text."""


class ContentPart(BaseModel):
    """A part of a message: text, or something else."""

    model_config = ConfigDict(extra="allow")

    type: Short
    text: str | None = None


def text_of(parts: Sequence[ContentPart]) -> str:
    r"""Return the text of a message; parts are joined by "\n". ``data-`` parts are the application's, and skipped.

    Raises:
        NoText: there is a part of another type, or no text.
    """
    for part in parts:
        if part.type != "text" and not part.type.startswith("data-"):
            raise NoText(f"parts of a message must be text, got type {part.type!r}")
    text = "\n".join(part.text for part in parts if part.type == "text" and part.text)
    if not text.strip():
        raise NoText("the message has no text")
    return text


class ProtocolMessage(Protocol):
    """A message in a foreign protocol."""

    @property
    def role(self) -> str: ...

    @property
    def parts(self) -> Sequence[ContentPart]: ...


def last_user_text(messages: Sequence[ProtocolMessage]) -> str:
    """Return the text of the last message, which must be the user's.

    Raises:
        NoText: it is not the user's, or has no text.
    """
    last = messages[-1]
    if last.role != "user":
        raise NoText(f"the role of the last message must be 'user', got {last.role!r}")
    return text_of(last.parts)
