"""Chat classes: the methods of their instances, and how a class becomes one."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, cast, get_args, get_origin, overload

from .._core.flow import arun, run
from .._prompts import SendMethod
from ..errors import DeclarationError
from ..memory import Memory
from ..messages import LLMResponse, Message
from ..stream import Items, Stream
from ..window import Window
from .definition import (
    NO_TYPE,
    ChatDeclaration,
    ChatDefinition,
    TemplateAttribute,
    class_name,
    declared_send,
    is_code,
    not_a_chat,
    read_declared_send,
    template_of,
)
from .runtime import ChatRuntime

if TYPE_CHECKING:
    from typing_extensions import TypeVar as TypeVarWithDefault

    T = TypeVar("T")
    C = TypeVarWithDefault("C", default=str, covariant=True)
else:
    C = TypeVar("C")
"""The type that `send` returns: a value, or a stream."""


class Chat(Generic[C]):
    """The base class of chat classes: `send` continues the conversation of an instance.

    A class need not derive from it: the decorator adds it as a base. A class that does, as in
    ``class SQLBot(Chat[Stream[str]])``, shows the methods of its instances to type checkers. The type in brackets is
    the one that `send` returns.

    Each instance has its own conversation. It can be used from several threads and tasks: one answer is open at a time,
    and the next calls wait for it.

    Args:
        memory: the memory of the conversation; by default an `InMemory` of this instance.
        system: the system prompt, which is not a template; it replaces the class's docstring.
        greeting: the first message of the chat, which is not a template; it replaces the class's ``greeting``.
        window: selects the messages that are sent; it replaces the decorator's ``window``.
        values: the values for the templates, that is the docstring and the greeting.

    Raises:
        TypeError: no template uses a value.
        DeclarationError: the class was not decorated with a model's ``chat``.
        ConfigurationError: a setting is wrong.
    """

    # The prefix avoids the names of attributes of users' classes.
    _chat_declaration: ClassVar[ChatDeclaration | None] = None
    _chat_send: ClassVar[SendMethod | None] = None
    _chat_definition: ClassVar[ChatDefinition | None] = None
    _chat_runtime: ChatRuntime

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if stub := declared_send(cls):
            cls._chat_send = read_declared_send(cls, stub)
            cls.send = _sender(stub)  # type: ignore[method-assign]
        for name in ("system", "greeting"):
            if not is_code(cls, name):
                setattr(cls, name, TemplateAttribute(name, template_of(cls, name)))
        # Subclasses of a chat class come here too: they inherit the declaration, and may have other templates.
        if cls._chat_declaration is not None:
            definition = ChatDefinition(cls, cls._chat_send, _type_argument(cls), cls._chat_declaration)
            cls._chat_definition = definition
            # The value would be looked up among the attributes, and always found there.
            if taken := sorted(definition.prompt.names.intersection(_CHAT_NAMES)):
                raise not_a_chat(
                    class_name(cls),
                    f"its templates use {taken[0]!r}, the name of an attribute of every chat; rename it",
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
        definition = self._chat_definition
        if definition is None:
            raise DeclarationError(f"{class_name(type(self))!r} has no model; put @model.chat above the class")
        prompt = definition.prompt
        if unknown := [name for name in values if name not in prompt.names]:
            raise TypeError(f"{prompt.name}() got an unexpected keyword argument {unknown[0]!r}; {prompt.known_names}")
        # A user's __init__ may call super().__init__() a second time, after `_constructor` below.
        if "_chat_runtime" not in self.__dict__:
            self._chat_runtime = ChatRuntime(self, definition)
        self._chat_runtime.configure(memory, system, greeting, window, values)

    if TYPE_CHECKING:
        system: str
        """The system prompt, with its values.

        Raises:
            PromptError: a value is missing, or cannot be written as JSON.
        """
        greeting: str
        """The first message of the chat; empty without one.

        Raises:
            PromptError: a value is missing, or cannot be written as JSON.
        """
    else:
        system = TemplateAttribute("system", "")
        greeting = TemplateAttribute("greeting", "")

    def send(self, message: str, *, llm_params: Mapping[str, Any] | None = None, **values: Any) -> C:
        """Send a message and return the answer: its value, or a `Stream`, as the class declares.

        Both are remembered together, when the answer has ended. An answer that fails, or whose stream is closed early,
        is not remembered, unless the decorator has ``keep_partial=True``.

        Args:
            message: the user's message.
            llm_params: parameters of this request; they override those of the decorator.
            values: values for the system prompt; they override those of the instance.

        Raises:
            TypeError: the message is not a str, or the system prompt does not use a value.
            PromptError: a value is missing, or a str cannot be encoded as UTF-8.
            MemoryFailed: the conversation could not be loaded, or the answer could not be remembered. In the second
                case the error has the answer.
            DeclaraiError: the call failed, or its answer is not valid. A stream raises it when it is read.
        """
        is_async = self._chat_runtime.definition.is_async
        return cast("C", self._chat_runtime.send((message,), values, llm_params, is_async=is_async))

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
        """Send a message from async code, as `send`. A stream is read with ``async for``, another answer is awaited."""
        return self._chat_runtime.send(args, values, llm_params, is_async=True)

    @property
    def memory(self) -> Memory:
        """The memory of the conversation."""
        return self._chat_runtime.conversation.memory

    @property
    def conversation(self) -> list[Message]:
        """All messages, oldest first. The system prompt is not part of them.

        Raises:
            MemoryFailed: they could not be loaded.
        """
        return run(self._chat_runtime.conversation.messages())

    async def aconversation(self) -> list[Message]:
        """Return `conversation` from async code."""
        return await arun(self._chat_runtime.conversation.messages())

    def compile(self, message: str | None = None, **values: Any) -> list[Message]:
        """Return the messages that `send` would send, with or without one more; nothing is sent.

        If the window is a `Summary`, no new summary is made.

        Raises:
            TypeError: the message is not a str, or the system prompt does not use a value.
            PromptError: a value is missing, or a str cannot be encoded as UTF-8.
            MemoryFailed: the conversation could not be loaded.
        """
        return run(self._chat_runtime.compile(message, values))

    async def acompile(self, message: str | None = None, **values: Any) -> list[Message]:
        """Return what `compile` returns, from async code."""
        return await arun(self._chat_runtime.compile(message, values))

    def add_message(self, content: str, role: str) -> None:
        """Remember a message without sending it; ``role`` is ``"system"``, ``"user"`` or ``"assistant"``.

        Raises:
            ConfigurationError: the role or the content is not valid.
            MemoryFailed: the message could not be remembered.
        """
        run(self._chat_runtime.conversation.add(role, content))

    async def aadd_message(self, content: str, role: str) -> None:
        """Remember a message from async code, as `add_message`."""
        await arun(self._chat_runtime.conversation.add(role, content))

    def clear(self) -> None:
        """Forget all messages.

        Raises:
            MemoryFailed: they could not be removed.
        """
        run(self._chat_runtime.conversation.clear())

    async def aclear(self) -> None:
        """Forget all messages from async code, as `clear`."""
        await arun(self._chat_runtime.conversation.clear())

    @property
    def llm_response(self) -> LLMResponse | None:
        """The last answer of this context: of a stream, the last chunk once it has ended; else None."""
        return self._chat_runtime.runner.llm_response

    @property
    def llm_stream_response(self) -> C | None:
        """The last stream of this context, which can be read again; None if the last answer was not a stream."""
        return cast("C | None", self._chat_runtime.runner.llm_stream_response)

    def __len__(self) -> int:
        """Return the number of messages of the conversation."""
        return len(self.conversation)

    def __iter__(self) -> Iterator[Message]:
        """Iterate over the messages of the conversation."""
        return iter(self.conversation)

    def __bool__(self) -> bool:
        """True, also if the conversation is empty; without this method, ``__len__`` would decide."""
        return True

    def __repr__(self) -> str:
        definition = self._chat_runtime.definition
        streaming = ", streaming" if definition.streaming else ""
        return f"<chat {definition.prompt.name}{streaming}, remembered in {self.memory!r}>"


_CHAT_NAMES = frozenset(name for name in dir(Chat) if not name.startswith("_"))
"""The public attributes of every chat."""

_CHAT_PARAMETERS = ("memory", "system", "greeting", "window")
"""The parameters of every chat's constructor."""


def runtime_of(chat: Chat[Any]) -> ChatRuntime:
    """Return the runtime of a chat: its conversation, and the definition of its class."""
    return chat._chat_runtime  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  (not for users, so not public)


def make_chat(cls: type, declaration: ChatDeclaration) -> type[Chat[Any]]:
    """Return a chat class that derives from a class and from `Chat`.

    Raises:
        DeclarationError: the class cannot become a chat; the message names the class and the reason.
    """
    if not inspect.isclass(cls):
        raise DeclarationError(f"{cls!r} cannot become a chat: it is not a class")
    is_chat = issubclass(cls, Chat)

    def fill(names: dict[str, Any]) -> None:
        names.update(__module__=cls.__module__, __qualname__=cls.__qualname__, _chat_declaration=declaration)
        if not is_chat:
            _check_attributes(cls)
            if cls.__init__ is not object.__init__:
                names["__init__"] = _constructor(cls)

    parameters = getattr(cls, "__parameters__", ())
    base: Any = cast("Any", cls)[parameters] if parameters else cls  # a generic class stays generic
    # new_class finds the metaclass of the bases, and resolves generic ones.
    chat_class = types.new_class(cls.__name__, (base,) if is_chat else (base, Chat), {}, fill)
    chat_class.__doc__ = cls.__doc__
    return chat_class


def _check_attributes(cls: type) -> None:
    """Raise if an attribute of a class has the name of one of every chat."""
    if taken := sorted((_CHAT_NAMES - {"send", "system", "greeting"}).intersection(dir(cls))):
        raise not_a_chat(class_name(cls), f"its {taken[0]!r} has the name of an attribute of every chat; rename it")


def _constructor(cls: type) -> Callable[..., None]:
    """Return a constructor that passes a class's own arguments to its own constructor, and the rest to `Chat`."""
    own = cast("Callable[..., None]", cls.__init__)  # type: ignore[misc]
    parameters = inspect.signature(own).parameters
    if taken := [name for name in _CHAT_PARAMETERS if name in parameters]:
        raise not_a_chat(
            class_name(cls), f"its __init__ has the parameter {taken[0]!r}, which every chat has; rename it"
        )
    takes_all = any(each.kind is each.VAR_KEYWORD for each in parameters.values())

    @functools.wraps(own)
    def __init__(self: Chat[Any], *args: Any, **kwargs: Any) -> None:  # noqa: N807
        own_kwargs = {
            name: kwargs.pop(name)
            for name in list(kwargs)
            if name not in _CHAT_PARAMETERS and (takes_all or name in parameters)
        }
        # First, as the class's own constructor may assign the system prompt or send a message.
        Chat.__init__(self, **kwargs)
        own(self, *args, **own_kwargs)

    return __init__


def _type_argument(cls: type) -> Any:
    """Return the argument of ``Chat[...]``, of this class or the nearest base that has one."""
    for base in cls.__mro__:
        for generic in base.__dict__.get("__orig_bases__", ()):
            if get_origin(generic) is Chat and not isinstance(get_args(generic)[0], TypeVar):
                return get_args(generic)[0]
    return NO_TYPE


def _sender(stub: Callable[..., Any]) -> Callable[..., Any]:
    """Return the implementation of a `send` that only declares types; it has the signature of the declaration."""

    @functools.wraps(stub)
    def send(self: Chat[Any], *args: Any, llm_params: Mapping[str, Any] | None = None, **values: Any) -> Any:
        runtime = runtime_of(self)
        return runtime.send(args, values, llm_params, is_async=runtime.definition.is_async)

    return send
