"""Docstrings: the instruction, and the descriptions of the parameters and of the return.

``docstring_parser`` is made for documentation: it drops sections that it does not know, and changes the
text around fields. So it gets the fields only, and all other text is kept unchanged for the model.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from docstring_parser import DocstringMeta, DocstringStyle


@dataclass(frozen=True, slots=True)
class DocstringParts:
    """The parts of a docstring that are sent to the model.

    Attributes:
        instruction: the text without the fields.
        params: the description of each parameter.
        returns: the description of the return.
        types: the types of parameters, for those without an annotation.
        unknown: described parameters that the function does not have.
    """

    instruction: str = ""
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    returns: str = ""
    types: Mapping[str, str] = field(default_factory=dict[str, str])
    unknown: tuple[str, ...] = ()


def parse_docstring(docstring: str | None, names: Collection[str], answer: str = "str") -> DocstringParts:
    """Parse a docstring in reST, Google, NumPy or Epydoc style.

    The style is the one in which the docstring describes most of the function's parameters and its return.
    A docstring without such fields is all instruction, also if parts of it look like fields. ``answer`` is
    the return type; the description of the return need not repeat it.
    """
    text = inspect.cleandoc(docstring or "")
    candidates = [DocstringParts(text)]
    if re.search(r"^(?:[:@]\w|\w.*:[ ]*$|---)", text, re.MULTILINE):  # a field begins with one of these
        styles = (_tags(_REST, text), _google(text), _numpy(text), _tags(_EPYDOC, text))
        candidates += [_split(text, fields, names, answer) for fields in styles]
    return max(candidates, key=_score)


def _score(parts: DocstringParts) -> int:
    # A style that only describes unknown parameters still wins over plain text, so that a typo is an error
    known = len(parts.params) - len(parts.unknown)
    return 2 * (known + bool(parts.returns)) + bool(parts.unknown)


_Fields = Iterable[tuple[re.Match[str], "list[DocstringMeta]"]]
"""The spans of fields in the docstring, and the fields that docstring_parser finds in each."""


def _split(text: str, fields: _Fields, names: Collection[str], answer: str) -> DocstringParts:
    """Split the docstring into its fields and the instruction, which is all the rest."""
    from docstring_parser import DocstringParam, DocstringReturns

    params: dict[str, str] = {}
    types: dict[str, str] = {}
    returns: list[str] = []
    kept: list[str] = []
    position = 0
    for match, found in fields:
        kept.append(text[position : match.start()])
        position = match.end()
        for one in found:  # the errors that a function raises concern its callers, not the model: they are dropped
            description = (one.description or "").strip()
            if isinstance(one, DocstringParam):
                for name in _names(one.arg_name):
                    params[name] = "\n".join(filter(None, (params.get(name), description)))
                    types[name] = one.type_name or types.get(name, "")
            elif isinstance(one, DocstringReturns):
                returns.append(_without_type(": ".join(filter(None, (one.type_name, description))), answer))
    kept.append(text[position:])
    return DocstringParts(
        "\n\n".join(filter(None, (part.rstrip().lstrip("\n") for part in kept))),
        params,
        "\n".join(filter(None, returns)),
        types,
        tuple(name for name in params if name not in names),
    )


def _names(field: str) -> list[str]:
    """Return the parameters that a field describes; NumPy allows several, as in ``x, y``."""
    return [name.strip(" *") for name in field.split(",")]


def _without_type(description: str, answer: str) -> str:
    """Remove the type at the start of a description of the return, if it repeats the annotation."""
    kind, _, rest = re.sub(r"\s*[:\n]", "\n", description, count=1).partition("\n")
    words = set(re.findall(r"\w+", kind))
    if words and words <= set(re.findall(r"\w+", answer)):
        return inspect.cleandoc(rest)
    return description


def _tagged(sign: str) -> re.Pattern[str]:
    """Return a pattern for runs of fields that start a line with a sign, with their continuation lines."""
    kind = r"[^\s:,|]+(?:[ ]*[,|][ ]*[^\s:,|]+)*"
    return re.compile(
        rf"""
        (?:^{sign}(?:
            (?:param|parameter|arg|argument|key|keyword)[ ]+(?:{kind}[ ]+)?\*{{0,2}}\w+
          | type[ ]+\w+
          | (?:return|returns|rtype|yield|yields|raise|raises|except|exception)(?:[ ]+{kind})?
        ):.*
        (?:\n(?![:@])\S.*)*             # the lines right below continue it,
        (?:\n(?:[ ]*\n)*[ ]+\S.*)*      # and so do indented ones, after blank lines too
        \n*)+
        """,
        re.MULTILINE | re.VERBOSE,
    )


_INDENTED = r"(?:[ ]+\S.*(?:\n(?:[ ]*\n)*|\Z))"
_REST = _tagged(":")
_EPYDOC = _tagged("@")
_GOOGLE = re.compile(
    rf"""
    ^(?:(?P<params>Args|Arguments|Parameters|Params)|(?P<returns>Returns|Yields)|Raises|Exceptions|Except):[ ]*\n
    (?P<body>{_INDENTED}+)
    """,
    re.MULTILINE | re.VERBOSE,
)
_NUMPY = re.compile(
    rf"""
    ^(?:Other[ ])?(?P<params>Parameters|Params|Arguments|Args)[ ]*\n-{{3,}}[ ]*\n
    (?P<items>(?:
        (?!.*\n---)                                     # the next section
        \*{{0,2}}\w+(?:[ ]*,[ ]*\*{{0,2}}\w+)*          # names
        (?:[ ]+:.*|(?::[ ]*\S.*)?(?=\n[ ]+\S))(?:\n+|\Z)      # with a type, or a description below
        {_INDENTED}*
    )+)
  | ^(?:(?P<returns>Returns?|Yields?)|Raises?|Warns?)[ ]*\n-{{3,}}[ ]*\n
    (?P<body>(?:(?!.*\n---).*\n|.+\Z)*)
    """,
    re.MULTILINE | re.VERBOSE,
)


def _tags(fields: re.Pattern[str], text: str) -> _Fields:
    from docstring_parser import DocstringStyle

    runs = list(fields.finditer(text))
    # Both styles have the same fields. All are parsed at once, because the type of a parameter may be in another run.
    # Spaces within a type are removed, because the parser splits a field at its spaces.
    tags = re.sub(r"^@", ":", "\n".join(run[0] for run in runs), flags=re.MULTILINE)
    tags = re.sub(r"^:[^:]*", lambda head: re.sub(r" *([,|]) *", r"\1", head[0]), tags, flags=re.MULTILINE)
    typed = re.findall(r"^:type +(\w+):", tags, flags=re.MULTILINE)  # the parser drops a type alone
    found = _parse("\n".join([tags, *(f":param {name}:" for name in typed)]), DocstringStyle.REST)
    return [(run, [] if index else found) for index, run in enumerate(runs)]


def _google(text: str) -> Iterator[tuple[re.Match[str], list[DocstringMeta]]]:
    from docstring_parser import DocstringParam, DocstringStyle, ParseError

    for section in _GOOGLE.finditer(text):
        if not section["params"]:
            yield section, _returned(section)
            continue
        try:
            found = _parse(section[0], DocstringStyle.GOOGLE)
        except ParseError:  # not a list of parameters: it stays in the instruction
            continue
        if all(isinstance(one, DocstringParam) and all(map(str.isidentifier, _names(one.arg_name))) for one in found):
            yield section, found


def _numpy(text: str) -> Iterator[tuple[re.Match[str], list[DocstringMeta]]]:
    from docstring_parser import DocstringStyle

    for section in _NUMPY.finditer(text):
        if section["params"]:
            yield section, _parse(f"Parameters\n----------\n{section['items']}", DocstringStyle.NUMPYDOC)
        else:
            yield section, _returned(section)


def _parse(fields: str, style: DocstringStyle) -> list[DocstringMeta]:
    from docstring_parser import parse

    return parse("\n" + fields, style).meta  # the parser dedents the lines after the first one, so it must be empty


def _returned(section: re.Match[str]) -> list[DocstringMeta]:
    """Return the text of a section about the return as one field: it may be a list of values as well as prose."""
    from docstring_parser import DocstringReturns

    if not section["returns"]:
        return []
    body = textwrap.dedent(section["body"]).strip()
    return [DocstringReturns([], body, None, is_generator=False)]
