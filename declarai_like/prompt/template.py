"""Texts with places for values: Jinja where the text is a template, ``{name}`` for known names, else plain."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from ..errors import DeclarationError, PromptError
from .values import written

if TYPE_CHECKING:
    from jinja2 import Environment

_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_PLACE = re.compile(r"\{([^\W\d]\w*)\}")


class Template:
    """A text that is compiled once and filled often.

    A text with ``{{ }}``, ``{% %}`` or ``{# #}`` is a Jinja template, rendered in a sandbox, with the
    names in its scope. ``{name}`` is a place where ``name`` is one of the names; each other brace is
    plain text. What is filled in is never read as a template again.

    Attributes:
        source: the text as it was given.
        used: the names that have a place in it.

    Raises:
        DeclarationError: it is no valid Jinja, or uses a name that is not there.
    """

    def __init__(self, source: str, names: Collection[str]) -> None:
        self.source = source
        self.used: frozenset[str] = frozenset()
        self._fill: Callable[[Mapping[str, Any]], str]
        if _JINJA.search(source):
            self._fill = self._jinja(names)
        else:
            self.used = frozenset(name for name in _PLACE.findall(source) if name in names)
            self._fill = self._places

    def fill(self, values: Mapping[str, Any]) -> str:
        """Fill in the values.

        Raises:
            PromptError: the template fails with these values, or one of them cannot be written.
        """
        return self._fill(values)

    def _places(self, values: Mapping[str, Any]) -> str:
        if not self.used:
            return self.source
        return _PLACE.sub(lambda place: written(values[place[1]]) if place[1] in self.used else place[0], self.source)

    def _jinja(self, names: Collection[str]) -> Callable[[Mapping[str, Any]], str]:
        from jinja2 import TemplateError, meta

        environment = _environment()
        try:
            source = _places_as_jinja(environment, self.source, names)
            tree = environment.parse(source)
            compiled = environment.from_string(source)
        except TemplateError as error:
            line = getattr(error, "lineno", None)
            raise DeclarationError(
                f"its text is no valid Jinja template{f', line {line}' if line else ''}: {error}. "
                "Braces that are plain text go between {% raw %} and {% endraw %}"
            ) from None
        used = meta.find_undeclared_variables(tree) - set(environment.globals)
        if unknown := sorted(used - set(names)):
            raise DeclarationError(
                f"its template uses {', '.join(map(repr, unknown))}; it knows {', '.join(names) or 'no names'}"
            )
        self.used = frozenset(used)

        def fill(values: Mapping[str, Any]) -> str:
            try:
                return compiled.render(values)
            except PromptError:
                raise
            except Exception as error:  # a template runs the values' own code, so any error can come
                raise PromptError(f"its template fails with these values: {error}") from error

        return fill


@cache
def _environment() -> Environment:
    from jinja2 import StrictUndefined
    from jinja2.runtime import Undefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def write(value: Any) -> Any:
        # An undefined value complains when it is turned into a string, so it is passed on
        return value if isinstance(value, Undefined) else written(value)

    return ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, finalize=write, trim_blocks=True, lstrip_blocks=True
    )


def _places_as_jinja(environment: Environment, source: str, names: Collection[str]) -> str:
    """Write ``{name}`` as ``{{ name }}`` in the plain parts of a Jinja template."""

    def as_jinja(place: re.Match[str]) -> str:
        return f"{{{{ {place[1]} }}}}" if place[1] in names else place[0]

    parts: list[str] = []
    raw = False
    for _, kind, text in environment.lex(source):
        raw = kind == "raw_begin" or (raw and kind != "raw_end")
        parts.append(_PLACE.sub(as_jinja, text) if kind == "data" and not raw else text)
    return "".join(parts)
