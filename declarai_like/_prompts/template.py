"""Templates: ``{name}`` for known names, Jinja in a sandbox, and plain text everywhere else."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from ..errors import DeclarationError, PromptError
from .formatting import format_value

if TYPE_CHECKING:
    from jinja2 import Environment

_PLACEHOLDER = re.compile(r"\{([^\W\d]\w*)\}")
# A raw block comes first: what is in it is not Jinja, so no other alternative may match there
_JINJA = re.compile(
    r"\{%[-+]?\s*raw\s*[-+]?%\}.*?\{%[-+]?\s*endraw\s*[-+]?%\}|\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL
)
_JINJA_OR_PLACEHOLDER = re.compile(f"{_JINJA.pattern}|{_PLACEHOLDER.pattern}", re.DOTALL)
_RECEIVER = "__self__"
"""The name of a method's ``self`` in Jinja, where ``self`` is the template itself."""


class Template:
    """A template that is compiled once and filled often.

    Text with ``{{ }}``, ``{% %}`` or ``{# #}`` is a Jinja template, rendered in a sandbox, with the
    names in its scope. ``{name}`` is a placeholder if ``name`` is one of the names; each other brace is
    plain text, so JSON and code need no escaping. If the names are None, every name is known. A value is
    never read as a template.

    Attributes:
        source: the text of the template.
        used: the names that it uses.

    Raises:
        DeclarationError: it is not valid Jinja, or uses an unknown name.
    """

    def __init__(self, source: str, names: Collection[str] | None) -> None:
        self.source = source
        self.used: frozenset[str] = frozenset()
        self._fill: Callable[[Mapping[str, Any]], str]
        if _JINJA.search(source):
            self._fill = self._compile_jinja(names)
        else:
            found = _PLACEHOLDER.findall(source)
            self.used = frozenset(name for name in found if names is None or name in names)
            self._fill = self._fill_placeholders

    def fill(self, values: Mapping[str, Any]) -> str:
        """Return the text with the values in place of their names.

        Raises:
            PromptError: the template fails with these values, or one of them is missing or cannot be written as JSON.
        """
        return self._fill(values)

    def _fill_placeholders(self, values: Mapping[str, Any]) -> str:
        if not self.used:
            return self.source

        def value(placeholder: re.Match[str]) -> str:
            name = placeholder[1]
            if name not in self.used:
                return placeholder[0]
            if name not in values:
                raise PromptError(f"the value of {name!r} is missing")
            return format_value(values[name], name)

        # One pass over the source, so that a value with braces is not filled again
        return _PLACEHOLDER.sub(value, self.source)

    def _compile_jinja(self, names: Collection[str] | None) -> Callable[[Mapping[str, Any]], str]:
        from jinja2 import TemplateError, meta, nodes

        environment = _environment()
        try:
            tree = environment.parse(_placeholders_as_jinja(self.source, names))
            for node in tree.find_all(nodes.Name):
                if node.name == "self":  # Jinja's `self` is the template; here it must be the method's object
                    node.name = _RECEIVER
            # jinja2.meta finds names that no `set` or `for` of the template defines
            used = {"self" if name == _RECEIVER else name for name in meta.find_undeclared_variables(tree)}
            others = list(meta.find_referenced_templates(tree))
            compiled = environment.from_string(tree, _functions())  # the tree, because a name in it was replaced
        except TemplateError as error:
            line = getattr(error, "lineno", None)
            raise DeclarationError(
                f"its text is not a valid Jinja template{f', line {line}' if line else ''}: "
                f"{(error.message or '').rstrip('.')}; put plain braces between {{% raw %}} and {{% endraw %}}"
            ) from None
        if others:
            raise DeclarationError(
                "its template includes or imports another template, which is not supported; write all text into it"
            )
        known = used.difference(_functions()) if names is None else names
        if unknown := sorted(used.difference(known, _functions())):
            raise DeclarationError(
                f"its template uses {', '.join(map(repr, unknown))}, but its parameters are "
                f"{', '.join(map(repr, known)) or 'none'}"
            )
        self.used = frozenset(used.intersection(known))

        def fill(values: Mapping[str, Any]) -> str:
            try:
                scope = {name: values[name] for name in self.used if name in values}
                return compiled.render({_RECEIVER if name == "self" else name: scope[name] for name in scope})
            except PromptError:
                raise
            except Exception as error:  # a template runs the code of the values, which may raise anything
                raise PromptError(f"its template fails with these values: {error}") from error

        return fill


@cache
def _environment() -> Environment:
    from jinja2 import StrictUndefined
    from jinja2.runtime import Undefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def write(value: Any) -> Any:
        # A StrictUndefined raises when Jinja turns it into a str, with a better message than JSON's
        return value if isinstance(value, Undefined) else format_value(value)

    # Immutable, because a template must not change the caller's arguments. White space is kept as in the docstring,
    # but for the lines that hold only a block.
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, finalize=write, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.globals = {}  # passed to each template instead, so that a parameter may be named `range`
    return environment


@cache
def _functions() -> dict[str, Any]:
    """Return the functions that a template may call: Jinja's globals without ``lipsum``."""
    from jinja2.sandbox import safe_range
    from jinja2.utils import Cycler, Joiner, Namespace

    return {"range": safe_range, "dict": dict, "cycler": Cycler, "joiner": Joiner, "namespace": Namespace}


def _placeholders_as_jinja(source: str, names: Collection[str] | None) -> str:
    """Replace ``{name}`` by ``{{ name }}`` in the plain parts of a Jinja template."""

    def as_jinja(part: re.Match[str]) -> str:
        is_placeholder = part[1] is not None and (names is None or part[1] in names)
        return f"{{{{ {part[1]} }}}}" if is_placeholder else part[0]

    return _JINJA_OR_PLACEHOLDER.sub(as_jinja, source)
