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

_PLACE = re.compile(r"\{([^\W\d]\w*)\}")
_JINJA = re.compile(
    r"\{%[-+]?\s*raw\s*[-+]?%\}.*?\{%[-+]?\s*endraw\s*[-+]?%\}|\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL
)
_JINJA_OR_PLACE = re.compile(f"{_JINJA.pattern}|{_PLACE.pattern}", re.DOTALL)
_RECEIVER = "__self__"


class Template:
    """A text that is compiled once and filled often.

    A text with ``{{ }}``, ``{% %}`` or ``{# #}`` is a Jinja template, rendered in a sandbox, with the
    names in its scope. ``{name}`` is a place where ``name`` is one of the names; each other brace is
    plain text. Where there are no names, each name is one. What is filled in is never read as a template
    again.

    Attributes:
        source: the text as it was given.
        used: the names that have a place in it.

    Raises:
        DeclarationError: it is no valid Jinja, or uses a name that is not there.
    """

    def __init__(self, source: str, names: Collection[str] | None) -> None:
        self.source = source
        self.used: frozenset[str] = frozenset()
        self._fill: Callable[[Mapping[str, Any]], str]
        if _JINJA.search(source):
            self._fill = self._jinja(names)
        else:
            self.used = frozenset(name for name in _PLACE.findall(source) if names is None or name in names)
            self._fill = self._places

    def fill(self, values: Mapping[str, Any]) -> str:
        """Fill in the values.

        Raises:
            PromptError: the template fails with these values, or one of them is missing or cannot be written.
        """
        return self._fill(values)

    def _places(self, values: Mapping[str, Any]) -> str:
        if not self.used:
            return self.source

        def value(place: re.Match[str]) -> str:
            name = place[1]
            if name not in self.used:
                return place[0]
            if name not in values:
                raise PromptError(f"there is no value for {name!r}")
            return written(values[name], name)

        return _PLACE.sub(value, self.source)

    def _jinja(self, names: Collection[str] | None) -> Callable[[Mapping[str, Any]], str]:
        from jinja2 import TemplateError, meta, nodes

        environment = _environment()
        try:
            tree = environment.parse(_places_as_jinja(self.source, names))
            for node in tree.find_all(nodes.Name):
                if node.name == "self":  # has a meaning of its own in Jinja; here it is the method's
                    node.name = _RECEIVER
            used = {"self" if name == _RECEIVER else name for name in meta.find_undeclared_variables(tree)}
            others = list(meta.find_referenced_templates(tree))
            compiled = environment.from_string(tree, _functions())
        except TemplateError as error:
            line = getattr(error, "lineno", None)
            raise DeclarationError(
                f"its text is no valid Jinja template{f', line {line}' if line else ''}: {(error.message or '').rstrip('.')}. "
                "Braces that are plain text go between {% raw %} and {% endraw %}"
            ) from None
        if others:
            raise DeclarationError(
                "its template includes or imports another one, and there is none: put all words in it"
            )
        known = used.difference(_functions()) if names is None else names
        if unknown := sorted(used.difference(known, _functions())):
            raise DeclarationError(
                f"its template uses {', '.join(map(repr, unknown))}; it knows {', '.join(known) or 'no names'}"
            )
        self.used = frozenset(used.intersection(known))

        def fill(values: Mapping[str, Any]) -> str:
            try:
                scope = {name: values[name] for name in self.used if name in values}
                return compiled.render({_RECEIVER if name == "self" else name: scope[name] for name in scope})
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

    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, finalize=write, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.globals = {}  # given to each template, so that a parameter may have the name of one of them
    return environment


@cache
def _functions() -> dict[str, Any]:
    """Give the functions that a template can call."""
    from jinja2.sandbox import safe_range
    from jinja2.utils import Cycler, Joiner, Namespace

    return {"range": safe_range, "dict": dict, "cycler": Cycler, "joiner": Joiner, "namespace": Namespace}


def _places_as_jinja(source: str, names: Collection[str] | None) -> str:
    """Write ``{name}`` as ``{{ name }}`` in the plain parts of a Jinja template."""

    def as_jinja(part: re.Match[str]) -> str:
        is_place = part[1] is not None and (names is None or part[1] in names)
        return f"{{{{ {part[1]} }}}}" if is_place else part[0]

    return _JINJA_OR_PLACE.sub(as_jinja, source)
