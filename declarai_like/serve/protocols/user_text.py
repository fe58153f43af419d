"""What a user says in the protocols of others: messages whose content may come in parts, of which text is taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Protocol

from pydantic import BaseModel, ConfigDict, Field

from ..errors import InvalidRequest

Short = Annotated[str, Field(max_length=256)]
"""A name."""

MAX_PARTS = 10_000
"""Messages of a request, and parts of a message, at most."""


class NoText(InvalidRequest):
    """A request's last message is none that can be given to a task or a chat: they take a user's text."""


class ContentPart(BaseModel):
    """A part of a message: text, or something else."""

    model_config = ConfigDict(extra="allow")

    type: Short
    text: str | None = None


def text_of(parts: Sequence[ContentPart]) -> str:
    """Give the text of a user's message, its parts on lines of their own. An application's own ``data-`` parts are its.

    Raises:
        NoText: there is something else in it, or nothing.
    """
    for part in parts:
        if part.type != "text" and not part.type.startswith("data-"):
            raise NoText(f"only text can be answered here; there is a part of the type {part.type!r}")
    text = "\n".join(part.text for part in parts if part.type == "text" and part.text)
    if not text.strip():
        raise NoText("there is no text to answer")
    return text


class ProtocolMessage(Protocol):
    """A message in such a protocol."""

    @property
    def role(self) -> str: ...

    @property
    def parts(self) -> Sequence[ContentPart]: ...


def last_user_text(messages: Sequence[ProtocolMessage]) -> str:
    """Give what the user says in a request: the text of its last message.

    Raises:
        NoText: it is not the user's, or is no text.
    """
    last = messages[-1]
    if last.role != "user":
        raise NoText(f"the last message has the role {last.role!r}; only a user's is answered")
    return text_of(last.parts)
