"""The runtime of a chat instance: its conversation, its values and its texts."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from .._calls.output_call import params_of
from .._calls.runner import CallRunner, FlowFactory
from .._core.flow import Flow
from ..memory import Memory
from ..messages import LLMResponse, Message
from ..stream import Commitment, Stream
from ..window import Window
from .conversation import Conversation
from .definition import ChatDefinition, check_memory, check_text, check_window, is_code

_MISSING: Any = object()


class ChatRuntime:
    """The state of one chat instance. It is a separate object, as the attributes of the instance are the user's.

    Attributes:
        definition: the definition of the class.
        runner: runs the calls, and keeps the last response of each context.
        conversation: the flows of the conversation.
    """

    def __init__(self, chat: Any, definition: ChatDefinition) -> None:
        declaration = definition.declaration
        self.definition = definition
        self.runner = CallRunner(
            definition.prompt.output_type, streaming=definition.streaming, replay=declaration.replay
        )
        self.conversation = Conversation(definition, self.greeting)
        self._chat = chat
        self._values: dict[str, Any] = {}
        self._texts: dict[str, str] = {}  # assigned to the instance in place of the class's templates

    def configure(
        self,
        memory: Memory | None,
        system: str | None,
        greeting: str | None,
        window: Window | None,
        values: Mapping[str, Any],
    ) -> None:
        """Set the arguments of the constructor.

        Raises:
            ConfigurationError: a setting is wrong.
        """
        name = self.definition.prompt.name
        check_memory(name, memory)
        check_window(name, window)
        if memory is not None:
            self.conversation.memory = memory
        if window is not None:
            self.conversation.window = window
        for setting, text in (("system", system), ("greeting", greeting)):
            if text is not None:
                self.set_text(setting, text)
        self._values.update(values)

    def set_text(self, name: str, text: str) -> None:
        """Set the system prompt or the greeting to a str that is not a template.

        Raises:
            ConfigurationError: it is not a str, or cannot be encoded as UTF-8.
        """
        check_text(f"{name} of chat {self.definition.prompt.name!r}", text)
        self._texts[name] = text

    def send(self, args: tuple[Any, ...], values: Mapping[str, Any], params: Any, *, is_async: bool) -> Any:
        """Send a message; return the answer in the form that the class declares."""
        return self.runner.call(self._flow_of(args, values, params), is_async=is_async)

    def stream(self, message: str, values: Mapping[str, Any], params: Any = None) -> Stream[Any]:
        """Send a message; return the answer as a stream, also if the class declares another form."""
        return self.runner.stream(self._flow_of((message,), values, params))

    def compile(self, message: str | None, values: Mapping[str, Any]) -> Flow[Any, list[Message]]:
        """Return the flow that returns the messages which `send` would send."""
        self.definition.prompt.check_values(values)
        if message is not None:
            self.definition.prompt.check_message(message)
        return self.conversation.compile(message, self._with_format_instructions(values))

    def text(self, name: str) -> str:
        """Return the filled system prompt or greeting."""
        return self.system({}) if name == "system" else self.greeting()

    def system(self, values: Mapping[str, Any]) -> str:
        """Return the system prompt, with the description of the answer."""
        return self.definition.prompt.fill_system(self._known_values(values), self._fixed_text("system"))

    def greeting(self) -> str:
        """Return the greeting; empty without one."""
        fixed = self._fixed_text("greeting")
        return self.definition.prompt.fill_greeting(self._known_values({})) if fixed is None else fixed

    def _flow_of(self, args: tuple[Any, ...], values: Mapping[str, Any], params: Any) -> FlowFactory[Any]:
        # Arguments and templates are checked now, in the call of send; the flow of a stream starts when it is read.
        message, own_values = self.definition.prompt.bind(args, values)
        system = self._with_format_instructions(own_values)
        own_params = params_of(repr(self.definition.prompt.name), params)

        def start(commitment: Commitment | None) -> Flow[list[LLMResponse], tuple[Any, LLMResponse]]:
            return self.conversation.exchange(message, system, own_params, commitment)

        return start

    def _fixed_text(self, name: str) -> str | None:
        """Return the text that is not filled: the instance's, or the one that the class's code returns; or None."""
        if name in self._texts:
            return self._texts[name]
        return getattr(self._chat, name) if is_code(self._chat.__class__, name) else None

    def _with_format_instructions(self, values: Mapping[str, Any]) -> str:
        return self.definition.output_call().with_format_instructions(self.system(values))

    def _known_values(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values for the templates: of the call, or else of the instance, or else its attributes."""
        known: dict[str, Any] = {"self": self._chat}
        for name in self.definition.prompt.names:
            value = values.get(name, self._values.get(name, _MISSING))
            if value is _MISSING:
                value = getattr(self._chat, name, _MISSING)
            # A method is not a value: a name that has one only is missing.
            if value is not _MISSING and not inspect.ismethod(value):
                known[name] = value
        return known
