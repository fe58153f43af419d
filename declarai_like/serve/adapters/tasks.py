"""A task, served."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import ConfigurationError
from ...tasks import Task
from ..answers import StreamAnswer
from ..events import EventName
from .served import NOTHING, Adapter, AnswerOptions, Served, adapted, checked_name, described, request_of, text_input_of


class ServedTask(Served):
    """A task that answers requests: each is a call, and its arguments are the body.

    The answer streams, also where a call of the task does not.

    Raises:
        ConfigurationError: it cannot be served; the message says why.
    """

    def __init__(self, task: Task[..., Any], name: str | None = None, adapter: Adapter = None) -> None:
        given: Any = task
        if not isinstance(given, Task):
            raise ConfigurationError(f"serve.task() takes a task, and not {given!r}; put @model.task above a function")
        prompt = task.prompt
        if prompt.signature.receiver is not None:
            raise ConfigurationError(
                f"{prompt.name!r} cannot be served: it is a method; serve a function that calls it"
            )
        self.name = checked_name(prompt.name.rpartition(".")[2] if name is None else name)
        self.description = described(task)
        parameters = prompt.signature.python.parameters
        types = {parameter.name: parameter.annotation for parameter in prompt.signature.parameters}
        self.request = request_of(self.name, parameters, types)
        self.prompt = adapted(text_input_of(parameters), adapter)
        output_type = prompt.output_type
        self.result = NOTHING if output_type.is_text else output_type.annotation
        self.events: tuple[EventName, ...] = (
            ("delta",) if output_type.is_text else ("item",) if output_type.by_element else ("partial",)
        )
        self._task = task
        self._positional = [each.name for each in parameters.values() if each.kind is each.POSITIONAL_ONLY]

    async def answer(self, request: Mapping[str, Any], session: str, options: AnswerOptions) -> StreamAnswer:
        """Prepare the answer to a request."""
        positional = [request[name] for name in self._positional]
        named = {name: value for name, value in request.items() if name not in self._positional}
        plan = self._task.plan(*positional, llm_params=options.params, **named)
        return StreamAnswer(plan.stream, options.partials)
