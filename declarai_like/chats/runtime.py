"""What a chat keeps in one of its instances: its conversation, its values, and the words it was given."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from .._calls.output_call import params_of
from .._calls.runner import CallRunner, FlowFactory
from .._core.flow import Flow
from ..memory import InMemory, Memory
from ..messages import LLMResponse, Message
from ..stream import Commitment, Stream
from ..window import Window
from .checking import check_memory, check_text, check_window
from .conversation import Conversation
from .declared import ChatDefinition, has_own

_NOTHING: Any = object()


class ChatRuntime:
    """What a chat keeps in one of its instances.

    Attributes:
        said: the words that it was given in place of the class's own.
    """

    def __init__(self, chat: Any, declared: ChatDefinition) -> None:
        self.declared = declared
        self.said: dict[str, str] = {}
        self.calls = CallRunner(
            declared.prompt.output_type, streaming=declared.streaming, replay=declared.settings.replay
        )
        self.conversation: Conversation[Any] = Conversation(
            InMemory(),
            declared.settings.window,
            greet=self.greeting,
            output_call=declared.output_call,
            summariser=lambda: declared.summariser,
            keep_partial=declared.settings.keep_partial,
        )
        self._chat = chat
        self._values: dict[str, Any] = {}

    def configure(
        self,
        memory: Memory | None,
        system: str | None,
        greeting: str | None,
        window: Window | None,
        values: Mapping[str, Any],
    ) -> None:
        """Take what the constructor was given.

        Raises:
            ConfigurationError: a setting is wrong.
        """
        name = self.declared.prompt.name
        check_memory(name, memory)
        check_window(name, window)
        if memory is not None:
            self.conversation.memory = memory
        if window is not None:
            self.conversation.window = window
        for setting, text in (("system", system), ("greeting", greeting)):
            if text is not None:
                self.say(setting, text)
        self._values.update(values)

    def say(self, name: str, text: str) -> None:
        """Take words that stand as they are, for the system prompt or the greeting.

        Raises:
            ConfigurationError: they are no text.
        """
        check_text(f"{name} of {self.declared.prompt.name!r}", text)
        self.said[name] = text

    def send(self, args: tuple[Any, ...], values: Mapping[str, Any], params: Any, *, is_async: bool) -> Any:
        return self.calls.call(self._answering(args, values, params), is_async=is_async)

    def stream(self, message: str, values: Mapping[str, Any], params: Any = None) -> Stream[Any]:
        """Send a message, and give the answer as a stream, whatever `send` gives."""
        return self.calls.stream(self._answering((message,), values, params))

    def _answering(self, args: tuple[Any, ...], values: Mapping[str, Any], params: Any) -> FlowFactory[Any]:
        message, given = self.declared.prompt.bind(args, values)
        system = self._with_format_instructions(given)
        request = params_of(repr(self.declared.prompt.name), params)

        def answering(commitment: Commitment | None) -> Flow[list[LLMResponse], tuple[Any, LLMResponse]]:
            return self.conversation.exchange(message, system, request, commitment)

        return answering

    def compile(self, message: str | None, values: Mapping[str, Any]) -> Flow[Any, list[Message]]:
        self.declared.prompt.check(values)
        if message is not None:
            self.declared.prompt.check_message(message)
        return self.conversation.compile(message, self._with_format_instructions(values))

    def system(self, values: Mapping[str, Any]) -> str:
        """Write the system prompt, with what is said of the answer."""
        return self.declared.prompt.instruct(self._known(values), self.own("system"))

    def greeting(self) -> str:
        own = self.own("greeting")
        return self.declared.prompt.greet(self._known({})) if own is None else own

    def words(self, name: str) -> str:
        """Give the system prompt or the greeting, with the values filled in."""
        return self.system({}) if name == "system" else self.greeting()

    def own(self, name: str) -> str | None:
        """Give the words that stand as they are, if there are any: the instance's, or what the class's code makes."""
        made = getattr(self._chat, name) if has_own(self._chat.__class__, name) else None
        return self.said.get(name, made)

    def _with_format_instructions(self, values: Mapping[str, Any]) -> str:
        return self.declared.output_call().with_format_instructions(self.system(values))

    def _known(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Give the values that there are places for: of the call, of the instance, or among its attributes."""
        prompt = self.declared.prompt
        known: dict[str, Any] = {"self": self._chat}
        for name in prompt.places:
            value = given.get(name, self._values.get(name, _NOTHING))
            if value is _NOTHING:
                value = getattr(self._chat, name, _NOTHING)
            if value is not _NOTHING and not inspect.ismethod(value):
                known[name] = value
        return known
