"""What an action takes beside the state, read from its signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import MissingInputs


@dataclass(frozen=True, slots=True)
class Inputs:
    """What an action takes beside the state.

    Attributes:
        required: names without a default.
        optional: names with one.
        context: the parameter that gets the `ApplicationContext`, if there is one.
        takes_all: whether it takes any other input as well (``**run_kwargs``).
    """

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    context: str | None = None
    takes_all: bool = False

    @classmethod
    def of(cls, function: Callable[..., Any], bound: Mapping[str, Any], *, skip: int) -> Inputs:
        """Read a function's parameters after the first ones; those that are bound are no inputs."""
        required: list[str] = []
        optional: list[str] = []
        context, takes_all = None, False
        for place, (name, parameter) in enumerate(inspect.signature(function).parameters.items()):
            if parameter.kind is parameter.VAR_KEYWORD:
                takes_all = True
            elif place < skip or name in bound or parameter.kind is parameter.VAR_POSITIONAL:
                continue
            elif _is_context(name):
                context = name
            elif parameter.default is parameter.empty:
                required.append(name)
            else:
                optional.append(name)
        return cls(tuple(required), tuple(optional), context, takes_all)

    def choose(self, name: str, given: Mapping[str, Any], context: Any) -> dict[str, Any]:
        """Choose, of the inputs of a call, those of the action of this name.

        Raises:
            MissingInputs: some are missing.
        """
        if missing := [each for each in self.required if each not in given]:
            listed = ", ".join(map(repr, missing))
            raise MissingInputs(
                f"the action {name!r} is missing required inputs: {listed}; give them with "
                f"inputs={{{', '.join(f'{each!r}: ...' for each in missing)}}}, or bind them: .bind({missing[0]}=...)"
            )
        chosen = dict(given) if self.takes_all else {each: given[each] for each in given if each in self}
        if self.context is not None:
            chosen[self.context] = context
        return chosen

    def __contains__(self, name: object) -> bool:
        return name in self.required or name in self.optional


def _is_context(name: str) -> bool:
    """Whether a parameter is ``__context``, which Python renames inside of classes."""
    return name == "__context" or (name.startswith("_") and name.endswith("__context"))
