"""Endpoint of a task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._core import checks
from ...errors import ConfigurationError
from ...tasks import Task
from ..answers import StreamAnswer
from ..events import EventName
from .base import (
    NO_RESULT,
    AnswerOptions,
    Endpoint,
    TextAdapter,
    checked_name,
    first_paragraph,
    request_model,
    text_input_of,
    with_adapter,
)


class TaskEndpoint(Endpoint):
    """Answers each request with a call of a task; the request body has its arguments.

    The answer streams, even if calls of the task do not.

    Raises:
        ConfigurationError: the task cannot be served; the message says why.
    """

    def __init__(self, task: Task[..., Any], name: str | None = None, adapter: TextAdapter = None) -> None:
        checks.instance(
            "the argument of serve.task()", task, Task, "a task", hint="decorate a function with @model.task"
        )
        prompt = task.prompt
        if prompt.signature.receiver is not None:
            raise ConfigurationError(
                f"{prompt.name!r} cannot be served: it is a method; serve a function that calls it"
            )
        self.name = checked_name(prompt.name.rpartition(".")[2] if name is None else name)
        self.description = first_paragraph(task)
        parameters = prompt.signature.python.parameters
        types = {parameter.name: parameter.annotation for parameter in prompt.signature.parameters}
        self.request = request_model(self.name, parameters, types)
        self.text_input = with_adapter(text_input_of(parameters), adapter)
        output_type = prompt.output_type
        self.result = NO_RESULT if output_type.is_text else output_type.annotation
        self.events: tuple[EventName, ...] = (
            ("delta",) if output_type.is_text else ("item",) if output_type.by_element else ("partial",)
        )
        self._task = task
        self._positional = [each.name for each in parameters.values() if each.kind is each.POSITIONAL_ONLY]

    async def answer(self, request: Mapping[str, Any], session: str, options: AnswerOptions) -> StreamAnswer:
        """Return the answer to a request."""
        positional = [request[name] for name in self._positional]
        named = {name: value for name, value in request.items() if name not in self._positional}
        plan = self._task.plan(*positional, llm_params=options.params, **named)
        return StreamAnswer(plan.stream, options.partials)
