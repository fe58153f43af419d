"""Endpoint of a chat class: each session is a conversation."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias, cast

from pydantic import Field, create_model

from ..._core import checks
from ..._core.flow import arun
from ...chats import Chat, runtime_of
from ...errors import ConfigurationError
from ...memory import InMemory, Memory
from ...messages import Message
from ..answers import StreamAnswer
from ..events import EventName
from ..limits import Limits
from .base import (
    NO_RESULT,
    AnswerOptions,
    RequestBody,
    SessionEndpoint,
    TextInput,
    checked_name,
    first_paragraph,
    model_name,
)
from .sessions import Sessions

MemorySource: TypeAlias = Memory | Callable[[str], Memory]
"""A memory that has sessions (``memory.at(session)``), or a function that returns the memory of a session."""


class ChatEndpoint(SessionEndpoint):
    """Answers messages with a chat.

    Args:
        memory: the memory of the conversations; by default they are kept in this process.
        values: values for the templates of the system prompt and the greeting.

    Raises:
        ConfigurationError: the chat cannot be served; the message says why.
    """

    def __init__(
        self,
        chat: type[Any],
        *,
        name: str | None = None,
        memory: MemorySource | None = None,
        values: Mapping[str, Any] | None = None,
        limits: Limits,
    ) -> None:
        if not _is_chat_class(chat):
            what = "the argument of serve.chat()"
            raise checks.wrong_type(what, "a chat class", chat, "decorate a class with @model.chat")
        self.name = checked_name(chat.__name__ if name is None else name)
        if values is not None:
            checks.mapping(f"values of chat {self.name!r}", values, of="str to values for its templates")
        self.description = first_paragraph(chat)
        message = (str, Field(min_length=1, max_length=limits.message, description="the user's message"))
        self.request = create_model(
            f"{model_name(self.name)}Request", __base__=RequestBody, message=cast("Any", message)
        )
        self.text_input = TextInput("message")
        self._chat: type[Chat[Any]] = chat
        self._values = dict(values or {})
        self._memories = self._memories_of(memory, limits)
        # A chat is created now, so that missing values are an error when the router is built, not for the first user
        output_type = runtime_of(self._create(InMemory())).definition.prompt.output_type
        self.result = NO_RESULT if output_type.is_text else output_type.annotation
        self.events: tuple[EventName, ...] = (
            ("delta",) if output_type.is_text else ("item",) if output_type.by_element else ("partial",)
        )

    async def answer(self, request: Mapping[str, Any], session: str, options: AnswerOptions) -> ChatAnswer:
        """Return the answer to a message."""
        memory = InMemory() if options.history is not None else self._memories.get(session)
        chat = self._create(memory)
        if options.history:
            memory.append(options.history)
        if options.regenerate:  # the last exchange is removed first, as the model must not see its old answer
            await arun(runtime_of(chat).conversation.remove_last_exchange(request["message"]))
        return ChatAnswer(chat, request["message"], options)

    async def read_session(self, session: str) -> Mapping[str, Any]:
        """Return the conversation so far, without system messages."""
        messages = await self._create(self._memories.peek(session)).aconversation()
        return {"messages": [_shown(message) for message in messages if message.role in ("user", "assistant")]}

    def _memories_of(self, memory: MemorySource | None, limits: Limits) -> _Memories:
        if memory is None:
            return Sessions(InMemory, limits.sessions, self.is_active)
        at: Any = getattr(memory, "at", memory)
        if not callable(at):
            raise checks.wrong_type(
                f"memory of chat {self.name!r}",
                "a memory with a method at(session), or a function that returns the memory of a session",
                memory,
                "those of declarai_like.memory have at()",
            )
        return _StoredMemories(cast("Callable[[str], Memory]", at))

    def _create(self, memory: Memory) -> Chat[Any]:
        try:
            chat = self._chat(memory=memory, **self._values)
            chat.system  # noqa: B018  (raises if a value is missing)
        except Exception as error:
            raise ConfigurationError(
                f"chat {self.name!r} cannot be served: {error}; pass its values: serve.chat({self.name}, values=...)"
            ) from error
        return chat


class ChatAnswer(StreamAnswer):
    """The answer to a message. The chat remembers what there is of it when it is stopped."""

    def __init__(self, chat: Chat[Any], message: str, options: AnswerOptions) -> None:
        self._runtime = runtime_of(chat)
        super().__init__(lambda: self._runtime.stream(message, {}, options.params), options.partials)

    def stop(self) -> None:
        """Make the conversation keep a partial answer."""
        self._runtime.conversation.keep_partial = True


class _Memories(Protocol):
    """Returns the memory of each session."""

    def get(self, session: str, /) -> Memory: ...

    def peek(self, session: str, /) -> Memory: ...


class _StoredMemories:
    """Memories of sessions in a database: nothing is kept in this process, so ``get`` and ``peek`` are the same."""

    def __init__(self, at: Callable[[str], Memory]) -> None:
        self.get = self.peek = at


def _is_chat_class(given: object) -> bool:
    return inspect.isclass(given) and issubclass(given, Chat)


def _shown(message: Message) -> Mapping[str, Any]:
    created = message.created.isoformat() if message.created else None
    return {
        "id": message.id,
        "role": message.role,
        "content": message.content,
        "created": created,
        "finish_reason": message.finish_reason,
    }
