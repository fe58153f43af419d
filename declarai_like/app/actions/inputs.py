"""The inputs of an action: its parameters besides the state, read from its signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import MissingInputs


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs of an action.

    Attributes:
        required: the names without a default.
        optional: the names with a default.
        context: the name of the parameter for the `ApplicationContext`; None without one.
        takes_all: True if it takes any other input as well (``**run_kwargs``).
    """

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    context: str | None = None
    takes_all: bool = False

    @classmethod
    def of(cls, function: Callable[..., Any], bound: Mapping[str, Any], *, skip: int) -> Inputs:
        """Return the inputs of a function: its parameters after the first ``skip`` ones, without the bound ones."""
        required: list[str] = []
        optional: list[str] = []
        context, takes_all = None, False
        for index, (name, parameter) in enumerate(inspect.signature(function).parameters.items()):
            if parameter.kind is parameter.VAR_KEYWORD:
                takes_all = True
            elif index < skip or name in bound or parameter.kind is parameter.VAR_POSITIONAL:
                continue
            elif _is_context(name):
                context = name
            elif parameter.default is parameter.empty:
                required.append(name)
            else:
                optional.append(name)
        return cls(tuple(required), tuple(optional), context, takes_all)

    def choose(self, name: str, inputs: Mapping[str, Any], context: Any) -> dict[str, Any]:
        """Return those inputs of a call that the action of this name takes.

        Raises:
            MissingInputs: some are missing.
        """
        if missing := [each for each in self.required if each not in inputs]:
            listed = ", ".join(map(repr, missing))
            raise MissingInputs(
                f"the action {name!r} is missing required inputs: {listed}; pass them with "
                f"inputs={{{', '.join(f'{each!r}: ...' for each in missing)}}}, or bind them: .bind({missing[0]}=...)"
            )
        # A call passes its inputs to each action that it runs, so an action is not given those of the others.
        chosen = dict(inputs) if self.takes_all else {each: inputs[each] for each in inputs if each in self}
        if self.context is not None:
            chosen[self.context] = context
        return chosen

    def __contains__(self, name: object) -> bool:
        return name in self.required or name in self.optional


def _is_context(name: str) -> bool:
    """True if a parameter is ``__context``, which Python mangles to ``_Class__context`` in a class."""
    return name == "__context" or (name.startswith("_") and name.endswith("__context"))
