"""The UI message stream of the AI SDK, which its ``useChat`` reads: its requests, and answers in its form.

What each part does to the message that the page shows is decided in the browser; the parts are those of the
versions 6 and 7 of the npm package ``ai``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from ..errors import InvalidRequest
from ..events import Event, written
from .user_text import MAX_PARTS, ContentPart, Short

_UIPart: TypeAlias = dict[str, Any]

_REASONS = {
    None: "stop",
    "stop": "stop",
    "length": "length",
    "content_filter": "content-filter",
    "tool_calls": "tool-calls",
    "function_call": "tool-calls",
}
_END = b"data: [DONE]\n\n"


class UIMessage(BaseModel):
    """One message of the page's. What is in its parts is read only where it is the last one."""

    model_config = ConfigDict(extra="allow")

    id: Short = ""
    role: Literal["system", "user", "assistant"]
    parts: Annotated[list[ContentPart], Field(max_length=MAX_PARTS)]


class UIRequest(BaseModel):
    """What a page sends for an answer.

    The conversation that counts is the one that is kept here: of the messages, only the last one is read.

    Attributes:
        id: the page's name for the conversation.
        messages: the conversation as the page shows it.
        trigger: whether there is a new message, or the last one shall be answered anew.
        message_id: the message that is replaced: a user's that was edited, or the answer that is not wanted.
        resumable: the answer goes on when the page hangs up, for it may come back; a page that does not say so stops
            an answer in no other way.
    """

    model_config = ConfigDict(extra="allow")

    id: Annotated[str, Field(min_length=1, max_length=128)]
    messages: Annotated[list[UIMessage], Field(min_length=1, max_length=MAX_PARTS)]
    trigger: Literal["submit-message", "regenerate-message"] = "submit-message"
    message_id: Annotated[Short | None, Field(alias="messageId")] = None
    resumable: bool = False

    @property
    def regenerates(self) -> bool:
        """Whether the last message was answered already, and shall be answered anew.

        Raises:
            InvalidRequest: a message was changed that is not the last one.
        """
        if self.trigger == "submit-message" and self.message_id is not None:
            raise InvalidRequest("a message cannot be changed when it has been answered; send a new one")
        return self.trigger == "regenerate-message"


class UIEncoder:
    """Turns the events of one answer, from its first, into a UI message stream. Partial values must be snapshots.

    The message's id is that of the stream, by which it can be stopped.

    Attributes:
        media_type: what this is called.
        headers: what is said of it beside that.
        alive: what is sent as a sign of life.
    """

    media_type = "text/event-stream"
    headers: Mapping[str, str] = MappingProxyType({"X-Vercel-AI-UI-Message-Stream": "v1"})
    alive = b":\n\n"

    def __init__(self) -> None:
        self._in_step = False
        self._texts = 0
        self._in_text = False

    def feed(self, event: Event) -> bytes:
        """Give the event as parts of the stream."""
        written_parts = b"".join(b"data: %b\n\n" % written(part) for part in self._parts(event))
        return written_parts + _END if event.is_last else written_parts

    def _parts(self, event: Event) -> Iterator[_UIPart]:
        data = event.read()
        match event.name:
            case "start":
                session = {"messageMetadata": {"session": data["session"]}} if data.get("session") else {}
                yield {"type": "start", "messageId": data["stream"], **session}
            case "delta":
                yield from self._text(data["delta"])
            case "partial":
                yield from self._data("partial", data["value"], id="partial")
            case "item":
                yield from self._data("item", data, id=f"item-{event.id}")
            case "state":
                yield from self._data("state", data, id="state")
                yield from self._end_step()
            case "usage":
                yield _metadata(data)
            case "done":
                if "result" in data:
                    yield from self._data("result", data["result"], id="result")
                yield from self._end_step()
                reason = _REASONS.get(data["finish_reason"], "other")
                yield {"type": "finish", "finishReason": reason, "messageMetadata": _about(data)}
            case "stopped":
                yield from self._end_text()
                yield _metadata({**data, "stopped": True})  # a page is told nothing of the part "abort"
                yield {"type": "abort", "reason": "stopped"}
            case _:  # an error
                yield from self._end_text()
                yield _metadata({"error": {"type": data["type"], "retryable": data["retryable"]}})
                yield {"type": "error", "errorText": data["message"]}

    def _text(self, delta: str) -> Iterator[_UIPart]:
        yield from self._begin_step()
        if not self._in_text:
            self._in_text = True
            self._texts += 1
            yield {"type": "text-start", "id": self._text_id}
        yield {"type": "text-delta", "id": self._text_id, "delta": delta}

    def _data(self, name: str, data: Any, *, id: str) -> Iterator[_UIPart]:
        """A part that replaces the one with the same name and id, where there is one."""
        yield from self._begin_step()
        yield {"type": f"data-{name}", "id": id, "data": data}

    def _begin_step(self) -> Iterator[_UIPart]:
        if not self._in_step:
            self._in_step = True
            yield {"type": "start-step"}

    def _end_step(self) -> Iterator[_UIPart]:
        yield from self._end_text()
        if self._in_step:
            self._in_step = False
            yield {"type": "finish-step"}

    def _end_text(self) -> Iterator[_UIPart]:
        if self._in_text:
            self._in_text = False
            yield {"type": "text-end", "id": self._text_id}

    @property
    def _text_id(self) -> str:
        return f"text-{self._texts}"


def _metadata(data: Mapping[str, Any]) -> _UIPart:
    return {"type": "message-metadata", "messageMetadata": _about(data)}


def _about(data: Mapping[str, Any]) -> dict[str, Any]:
    """Give what is said of a message beside its parts; the tokens under the AI SDK's names for them."""
    about = {name: data[name] for name in ("stopped", "error") if name in data}
    if usage := data.get("usage"):
        about["usage"] = {
            "inputTokens": usage["prompt_tokens"],
            "outputTokens": usage["completion_tokens"],
            "totalTokens": usage["total_tokens"],
            "estimated": usage.get("estimated", False),
        }
    return about
