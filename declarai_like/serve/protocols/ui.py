"""UI message stream of the AI SDK, as its ``useChat`` sends requests and reads answers.

https://ai-sdk.dev/docs/ai-sdk-ui/stream-protocol

The parts are those of the versions 6 and 7 of the npm package ``ai``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from ..errors import InvalidRequest
from ..events import Event, encode_data
from .user_text import MAX_PARTS, ContentPart, Short

_UIPart: TypeAlias = dict[str, Any]

_FINISH_REASONS = {
    None: "stop",
    "stop": "stop",
    "length": "length",
    "content_filter": "content-filter",
    "tool_calls": "tool-calls",
    "function_call": "tool-calls",
}
_END = b"data: [DONE]\n\n"


class UIMessage(BaseModel):
    """One message of the page. Its parts are read only if it is the last message."""

    model_config = ConfigDict(extra="allow")

    id: Short = ""
    role: Literal["system", "user", "assistant"]
    parts: Annotated[list[ContentPart], Field(max_length=MAX_PARTS)]


class UIRequest(BaseModel):
    """Request of a page for an answer.

    The server has the conversation: only the last of the messages is read.

    Attributes:
        id: the page's id of the conversation; it is the session id.
        messages: the conversation as the page shows it.
        trigger: ``"submit-message"`` for a new message; ``"regenerate-message"`` to answer the last one again.
        message_id: the message that is replaced: an edited message of the user, or the answer to regenerate.
        resumable: True if the answer continues when the page disconnects, because the page reconnects. By default a
            disconnect stops the answer: ``useChat`` has no other way to stop one.
    """

    model_config = ConfigDict(extra="allow")

    id: Annotated[str, Field(min_length=1, max_length=128)]
    messages: Annotated[list[UIMessage], Field(min_length=1, max_length=MAX_PARTS)]
    trigger: Literal["submit-message", "regenerate-message"] = "submit-message"
    message_id: Annotated[Short | None, Field(alias="messageId")] = None
    resumable: bool = False

    @property
    def regenerates(self) -> bool:
        """True if the last message is to be answered again.

        Raises:
            InvalidRequest: the page edited an earlier message.
        """
        if self.trigger == "submit-message" and self.message_id is not None:
            raise InvalidRequest("an answered message cannot be edited; send a new message")
        return self.trigger == "regenerate-message"


class UIEncoder:
    """Encodes all events of one answer, from the first, as a UI message stream. Partial values must be snapshots.

    The message's id is the id of the stream, with which the page can stop it.

    Attributes:
        media_type: the media type of the response.
        headers: headers of the response.
        heartbeat: the bytes of a heartbeat.
    """

    media_type = "text/event-stream"
    headers: Mapping[str, str] = MappingProxyType({"X-Vercel-AI-UI-Message-Stream": "v1"})
    heartbeat = b":\n\n"  # a comment

    def __init__(self) -> None:
        self._in_step = False
        self._texts = 0
        self._in_text = False

    def feed(self, event: Event) -> bytes:
        """Return the event as parts of the stream."""
        encoded = b"".join(b"data: %b\n\n" % encode_data(part) for part in self._parts(event))
        return encoded + _END if event.is_last else encoded

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
                yield _metadata_part(data)
            case "done":
                if "result" in data:
                    yield from self._data("result", data["result"], id="result")
                yield from self._end_step()
                reason = _FINISH_REASONS.get(data["finish_reason"], "other")
                yield {"type": "finish", "finishReason": reason, "messageMetadata": _metadata(data)}
            case "stopped":
                yield from self._end_text()
                # useChat does not show an "abort" part to the page, so the metadata says it
                yield _metadata_part({**data, "stopped": True})
                yield {"type": "abort", "reason": "stopped"}
            case _:  # an error
                yield from self._end_text()
                yield _metadata_part({"error": {"type": data["type"], "retryable": data["retryable"]}})
                yield {"type": "error", "errorText": data["message"]}

    def _text(self, delta: str) -> Iterator[_UIPart]:
        yield from self._start_step()
        if not self._in_text:
            self._in_text = True
            self._texts += 1
            yield {"type": "text-start", "id": self._text_id}
        yield {"type": "text-delta", "id": self._text_id, "delta": delta}

    def _data(self, name: str, data: Any, *, id: str) -> Iterator[_UIPart]:
        """Yield a data part; the page replaces an earlier part with the same name and id."""
        yield from self._start_step()
        yield {"type": f"data-{name}", "id": id, "data": data}

    def _start_step(self) -> Iterator[_UIPart]:
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


def _metadata_part(data: Mapping[str, Any]) -> _UIPart:
    return {"type": "message-metadata", "messageMetadata": _metadata(data)}


def _metadata(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata of a message; the token counts have the AI SDK's names."""
    metadata = {name: data[name] for name in ("stopped", "error") if name in data}
    if usage := data.get("usage"):
        metadata["usage"] = {
            "inputTokens": usage["prompt_tokens"],
            "outputTokens": usage["completion_tokens"],
            "totalTokens": usage["total_tokens"],
            "estimated": usage.get("estimated", False),
        }
    return metadata
