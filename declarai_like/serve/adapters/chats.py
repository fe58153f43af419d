"""A chat class, served: each session is a conversation."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias, cast

from pydantic import Field, create_model

from ..._core.flow import arun
from ...chats import Chat, runtime_of
from ...errors import ConfigurationError
from ...memory import InMemory, Memory
from ...messages import Message
from ..answers import StreamAnswer
from ..events import EventName
from ..limits import Limits
from .served import (
    NOTHING,
    AnswerOptions,
    ServedRequest,
    ServedSessions,
    TextInput,
    checked_name,
    described,
    model_name,
)
from .sessions import Sessions

Remembering: TypeAlias = Memory | Callable[[str], Memory]
"""Where conversations are kept: a memory that has sessions (``memory.at(session)``), or what gives one for a session."""


class ServedChat(ServedSessions):
    """A chat class that answers messages.

    Args:
        memory: where conversations are kept; by default in this process.
        values: for the places in the system prompt and the greeting.

    Raises:
        ConfigurationError: it cannot be served; the message says why.
    """

    def __init__(
        self,
        chat: type[Chat[Any]],
        *,
        name: str | None = None,
        memory: Remembering | None = None,
        values: Mapping[str, Any] | None = None,
        limits: Limits,
    ) -> None:
        given: Any = chat
        if not (inspect.isclass(given) and issubclass(given, Chat)):
            raise ConfigurationError(
                f"serve.chat() takes a chat class, and not {given!r}; put @model.chat above a class"
            )
        if not isinstance(cast("Any", values), Mapping | None):
            raise ConfigurationError(f"values is {values!r}; it is a dict of the names and values for the chat's words")
        self.name = checked_name(chat.__name__ if name is None else name)
        self.description = described(chat)
        message = (str, Field(min_length=1, max_length=limits.message, description="what the user says"))
        self.request = create_model(
            f"{model_name(self.name)}Request", __base__=ServedRequest, message=cast("Any", message)
        )
        self.prompt = TextInput("message")
        self._chat = chat
        self._values = dict(values or {})
        self._memory = self._memories(memory, limits)
        output_type = runtime_of(self._begin(InMemory())).declared.prompt.output_type
        self.result = NOTHING if output_type.is_text else output_type.annotation
        self.events: tuple[EventName, ...] = (
            ("delta",) if output_type.is_text else ("item",) if output_type.by_element else ("partial",)
        )

    async def answer(self, request: Mapping[str, Any], session: str, options: AnswerOptions) -> ChatAnswer:
        """Prepare the answer to a message."""
        memory = InMemory() if options.said is not None else self._memory.get(session)
        chat = self._begin(memory)
        if options.said:
            memory.append(options.said)
        if options.regenerate:
            await arun(runtime_of(chat).conversation.take_back(request["message"]))
        return ChatAnswer(chat, request["message"], options)

    async def recall(self, session: str) -> Mapping[str, Any]:
        """Give the conversation so far; what the system says in it stays inside."""
        said = await self._begin(self._memory.peek(session)).aconversation()
        return {"messages": [_shown(message) for message in said if message.role in ("user", "assistant")]}

    def _memories(self, memory: Remembering | None, limits: Limits) -> _Memories:
        if memory is None:
            return Sessions(InMemory, limits.sessions, self.is_active)
        at: Any = getattr(memory, "at", memory)
        if not callable(at):
            raise ConfigurationError(
                f"the memory of {self.name!r} is {memory!r}, which is for one session: give one that has a method "
                "at(session), as those of declarai_like.memory have, or a function that gives a memory for a session"
            )
        return _Kept(cast("Callable[[str], Memory]", at))

    def _begin(self, memory: Memory) -> Chat[Any]:
        try:
            chat = self._chat(memory=memory, **self._values)
            chat.system  # noqa: B018  (it raises where a value is missing)
        except Exception as error:
            raise ConfigurationError(
                f"{self.name!r} cannot be served: {error}; give it what it needs: serve.chat({self.name}, values={{...}})"
            ) from error
        return chat


class ChatAnswer(StreamAnswer):
    """The answer to a message. When it is stopped, what there is of it is remembered."""

    def __init__(self, chat: Chat[Any], message: str, options: AnswerOptions) -> None:
        self._instance = runtime_of(chat)
        super().__init__(lambda: self._instance.stream(message, {}, options.params), options.partials)

    def stop(self) -> None:
        """Let the conversation remember what there is."""
        self._instance.conversation.keep_partial = True


class _Memories(Protocol):
    """Gives the memory of each session."""

    def get(self, session: str, /) -> Memory: ...

    def peek(self, session: str, /) -> Memory: ...


class _Kept:
    """The memories of sessions that are kept elsewhere."""

    def __init__(self, at: Callable[[str], Memory]) -> None:
        self.get = self.peek = at


def _shown(message: Message) -> Mapping[str, Any]:
    created = message.created.isoformat() if message.created else None
    return {
        "id": message.id,
        "role": message.role,
        "content": message.content,
        "created": created,
        "finish_reason": message.finish_reason,
    }
