"""What a chat class becomes: what its instances can do."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, cast, get_args, get_origin, overload

from .._core.flow import arun, run
from .._prompts import SendMethod
from ..errors import DeclarationError
from ..memory import Memory
from ..messages import LLMResponse, Message
from ..stream import Items, Stream
from ..window import Window
from .declared import (
    NO_TYPE,
    ChatDeclaration,
    ChatDefinition,
    TemplateAttribute,
    cannot,
    declared_send,
    has_own,
    own_name,
    read,
    template_attribute,
)
from .runtime import ChatRuntime

if TYPE_CHECKING:
    from typing_extensions import TypeVar as TypeVarWithDefault

    T = TypeVar("T")
    C = TypeVarWithDefault("C", default=str, covariant=True)
else:
    C = TypeVar("C")
"""What a `send` gives: a value, or a stream."""


class Chat(Generic[C]):
    """What a chat class becomes: `send` a message, and the conversation goes on.

    A class need not derive from it; the decorator sees to that. One that does, as in
    ``class SQLBot(Chat[Stream[str]])``, tells type checkers what its instances can do. What stands in
    the brackets is what `send` gives.

    Each instance has a conversation of its own. It can be used from several threads and tasks: one answer
    is under way at a time, and the others wait for their turn.

    Args:
        memory: where the conversation is remembered; by default in this instance only (`InMemory`).
        system: the system prompt, as it stands, in place of the class's docstring.
        greeting: what the chat says first, as it stands, in place of the class's ``greeting``.
        window: how much of the conversation is sent, in place of the decorator's ``window``.
        values: for the places in the docstring and the greeting.

    Raises:
        TypeError: there is no place for a value.
        DeclarationError: the class was not decorated with a model's ``chat``.
    """

    _chat_settings: ClassVar[ChatDeclaration | None] = None
    _chat_send: ClassVar[SendMethod | None] = None
    _chat_declared: ClassVar[ChatDefinition | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if stub := declared_send(cls):
            cls._chat_send = read(cls, stub)
            cls.send = _sender(stub)  # type: ignore[method-assign]
        for name in ("system", "greeting"):
            if not has_own(cls, name):
                setattr(cls, name, TemplateAttribute(name, template_attribute(cls, name)))
        if cls._chat_settings is not None:
            cls._chat_declared = declared = ChatDefinition(cls, cls._chat_send, _argument(cls), cls._chat_settings)
            if taken := sorted(declared.prompt.places.intersection(OWN_NAMES)):
                raise cannot(
                    own_name(cls), f"its words have a place for {taken[0]!r}, a name of every chat's; rename it"
                )

    def __init__(
        self,
        *,
        memory: Memory | None = None,
        system: str | None = None,
        greeting: str | None = None,
        window: Window | None = None,
        **values: Any,
    ) -> None:
        declared = self._chat_declared
        if declared is None:
            raise DeclarationError(f"{own_name(type(self))!r} has no model: put @model.chat above the class")
        prompt = declared.prompt
        if unknown := [name for name in values if name not in prompt.places]:
            raise TypeError(f"{prompt.name}() got an unexpected keyword argument {unknown[0]!r}; {prompt.takes}")
        if "_chat" not in self.__dict__:
            self._chat = ChatRuntime(self, declared)
        self._chat.configure(memory, system, greeting, window, values)

    if TYPE_CHECKING:
        system: str
        """The system prompt, with the values filled in.

        Raises:
            PromptError: a value is missing, or cannot be written.
        """
        greeting: str
        """What the chat says first; empty where it says nothing.

        Raises:
            PromptError: a value is missing, or cannot be written.
        """
    else:
        system = TemplateAttribute("system", "")
        greeting = TemplateAttribute("greeting", "")

    def send(self, message: str, *, llm_params: Mapping[str, Any] | None = None, **values: Any) -> C:
        """Send a message, and give the answer: its value, or a `Stream`, as the class says.

        Both are remembered together, when the answer has ended. An answer that fails, or whose stream is
        left early, is not remembered, unless the class says ``keep_partial=True``.

        Args:
            message: what the user says.
            llm_params: parameters for this request, over those of the decorator.
            values: for the places in the system prompt, over those of the instance.

        Raises:
            TypeError: the message is no text, or there is no place for a value.
            PromptError: a value is missing, or something cannot be sent.
            MemoryFailed: the conversation could not be loaded; or the answer could not be remembered, and
                then it is on the error.
            DeclaraiError: there is no answer, or none that fits; of a stream it comes to who reads it.
        """
        is_async = self._chat.declared.is_async
        return cast("C", self._chat.send((message,), values, llm_params, is_async=is_async))

    @overload
    def asend(
        self: Chat[Stream[T]], message: str, *, llm_params: Mapping[str, Any] | None = None, **values: Any
    ) -> Stream[T]: ...
    @overload
    def asend(
        self: Chat[Items[T]], message: str, *, llm_params: Mapping[str, Any] | None = None, **values: Any
    ) -> Items[T]: ...
    @overload
    def asend(
        self, message: str, *, llm_params: Mapping[str, Any] | None = None, **values: Any
    ) -> Coroutine[Any, Any, C]: ...
    def asend(self, *args: Any, llm_params: Mapping[str, Any] | None = None, **values: Any) -> Any:
        """Send a message from async code, as `send`: what streams is read with ``async for``, all else is awaited."""
        return self._chat.send(args, values, llm_params, is_async=True)

    @property
    def memory(self) -> Memory:
        """Where the conversation is remembered."""
        return self._chat.conversation.memory

    @property
    def conversation(self) -> list[Message]:
        """All that was said, the oldest first. The system prompt is no part of it.

        Raises:
            MemoryFailed: it could not be loaded.
        """
        return run(self._chat.conversation.messages())

    async def aconversation(self) -> list[Message]:
        """Give what `conversation` is, from async code."""
        return await arun(self._chat.conversation.messages())

    def compile(self, message: str | None = None, **values: Any) -> list[Message]:
        """Give what would be sent, with or without one more message; nothing is sent.

        Where a window is a `Summary`, no new one is made.

        Raises:
            TypeError: there is no place for a value.
            PromptError: a value is missing, or cannot be written.
            MemoryFailed: the conversation could not be loaded.
        """
        return run(self._chat.compile(message, values))

    async def acompile(self, message: str | None = None, **values: Any) -> list[Message]:
        """Give what `compile` gives, from async code."""
        return await arun(self._chat.compile(message, values))

    def add_message(self, content: str, role: str) -> None:
        """Remember a message that was not sent: ``role`` is ``"system"``, ``"user"`` or ``"assistant"``.

        Raises:
            ConfigurationError: the role is another one.
            MemoryFailed: it could not be remembered.
        """
        run(self._chat.conversation.add(role, content))

    async def aadd_message(self, content: str, role: str) -> None:
        """Do what `add_message` does, from async code."""
        await arun(self._chat.conversation.add(role, content))

    def clear(self) -> None:
        """Forget all that was said.

        Raises:
            MemoryFailed: it could not be forgotten.
        """
        run(self._chat.conversation.clear())

    async def aclear(self) -> None:
        """Do what `clear` does, from async code."""
        await arun(self._chat.conversation.clear())

    @property
    def llm_response(self) -> LLMResponse | None:
        """The last answer in this context: whole, or the last chunk of a stream that has ended; else None."""
        return self._chat.calls.llm_response

    @property
    def llm_stream_response(self) -> C | None:
        """The last stream of this context, to read again; None when there was none."""
        return cast("C | None", self._chat.calls.llm_stream_response)

    def __len__(self) -> int:
        """Count the messages of the conversation."""
        return len(self.conversation)

    def __iter__(self) -> Iterator[Message]:
        """Give the messages of the conversation."""
        return iter(self.conversation)

    def __bool__(self) -> bool:
        """A chat is true, also one in which nothing has been said."""
        return True

    def __repr__(self) -> str:
        declared = self._chat.declared
        streaming = ", streaming" if declared.streaming else ""
        return f"<chat {declared.prompt.name}{streaming}, remembered in {self.memory!r}>"


def runtime_of(chat: Chat[Any]) -> ChatRuntime:
    """Give what a chat is made of: its conversation, and what it declares."""
    return chat._chat  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  (its users see none of it)


OWN_NAMES = frozenset(name for name in dir(Chat) if not name.startswith("_"))
"""The names that every chat has."""


def _argument(cls: type) -> Any:
    """Give what stands in the brackets of ``Chat[...]``, of this class or the nearest that it derives from."""
    for base in cls.__mro__:
        for written in base.__dict__.get("__orig_bases__", ()):
            if get_origin(written) is Chat and not isinstance(get_args(written)[0], TypeVar):
                return get_args(written)[0]
    return NO_TYPE


def _sender(stub: Callable[..., Any]) -> Callable[..., Any]:
    """Make the `send` that a class declares."""

    @functools.wraps(stub)
    def send(self: Chat[Any], *args: Any, llm_params: Mapping[str, Any] | None = None, **values: Any) -> Any:
        chat = runtime_of(self)
        return chat.send(args, values, llm_params, is_async=chat.declared.is_async)

    return send
