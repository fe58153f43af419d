"""What a docstring says: the instruction, what each parameter is, and what shall come back.

The parser that reads the fields is made for documentation: it drops sections that it does not know, and
changes the text around them. So it is shown the fields only, and all other text is kept to the letter.
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
class Described:
    """The parts of a docstring that reach the model."""

    instruction: str = ""
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    returns: str = ""
    types: Mapping[str, str] = field(default_factory=dict[str, str])
    """What it says of the parameters' types, for those without an annotation."""
    unknown: tuple[str, ...] = ()
    """Parameters that are described but that the function does not have."""


def describe(docstring: str | None, names: Collection[str], answer: str = "str") -> Described:
    """Read a docstring in reST, Google, NumPy or Epydoc style.

    The style is the one in which most of the function's parameters and its return are described. A
    docstring that describes neither is all instruction: nothing in it is taken for a field. ``answer``
    is the return type, which the words about the return need not repeat.
    """
    text = inspect.cleandoc(docstring or "")
    readings = [Described(text)]
    if re.search(r"^(?:[:@]\w|\w.*:[ ]*$|---)", text, re.MULTILINE):  # no field begins without one of these
        styles = (_tags(_REST, text), _google(text), _numpy(text), _tags(_EPYDOC, text))
        readings += [_read(text, fields, names, answer) for fields in styles]
    return max(readings, key=_weight)


def _weight(described: Described) -> int:
    known = len(described.params) - len(described.unknown)
    return 2 * (known + bool(described.returns)) + bool(described.unknown)


# The places of the fields in a text, and what the parser finds in each.
_Fields = Iterable[tuple[re.Match[str], "list[DocstringMeta]"]]


def _read(text: str, fields: _Fields, names: Collection[str], answer: str) -> Described:
    from docstring_parser import DocstringParam, DocstringReturns

    params: dict[str, str] = {}
    types: dict[str, str] = {}
    returns: list[str] = []
    kept: list[str] = []
    place = 0
    for match, found in fields:
        kept.append(text[place : match.start()])
        place = match.end()
        for one in found:  # what a function raises is for its callers, not for the model
            said = (one.description or "").strip()
            if isinstance(one, DocstringParam):
                for name in _names(one.arg_name):
                    params[name] = "\n".join(filter(None, (params.get(name), said)))
                    types[name] = one.type_name or types.get(name, "")
            elif isinstance(one, DocstringReturns):
                returns.append(_without_type(": ".join(filter(None, (one.type_name, said))), answer))
    kept.append(text[place:])
    return Described(
        "\n\n".join(filter(None, (part.rstrip().lstrip("\n") for part in kept))),
        params,
        "\n".join(filter(None, returns)),
        types,
        tuple(name for name in params if name not in names),
    )


def _names(written: str) -> list[str]:
    return [name.strip(" *") for name in written.split(",")]


def _without_type(said: str, answer: str) -> str:
    """Take the type off the front of what is said of the return, where it repeats the annotation."""
    kind, _, rest = re.sub(r"\s*[:\n]", "\n", said, count=1).partition("\n")
    words = set(re.findall(r"\w+", kind))
    if words and words <= set(re.findall(r"\w+", answer)):
        return inspect.cleandoc(rest)
    return said


def _tagged(sign: str) -> re.Pattern[str]:
    """Match runs of fields that begin with a sign at the start of a line, with the lines that go on with them."""
    kind = r"[^\s:,|]+(?:[ ]*[,|][ ]*[^\s:,|]+)*"
    return re.compile(
        rf"""
        (?:^{sign}(?:
            (?:param|parameter|arg|argument|key|keyword)[ ]+(?:{kind}[ ]+)?\*{{0,2}}\w+
          | type[ ]+\w+
          | (?:return|returns|rtype|yield|yields|raise|raises|except|exception)(?:[ ]+{kind})?
        ):.*
        (?:\n(?![:@])\S.*)*             # the lines right below go on with it,
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
    # Both styles have the same fields. All are read at once, as a type may stand apart from its parameter;
    # and a type without its spaces, at which the parser would take it apart.
    tags = re.sub(r"^@", ":", "\n".join(run[0] for run in runs), flags=re.MULTILINE)
    tags = re.sub(r"^:[^:]*", lambda head: re.sub(r" *([,|]) *", r"\1", head[0]), tags, flags=re.MULTILINE)
    typed = re.findall(r"^:type +(\w+):", tags, flags=re.MULTILINE)  # also those that have no description
    found = _parse("\n".join([tags, *(f":param {name}:" for name in typed)]), DocstringStyle.REST)
    return [(run, [] if place else found) for place, run in enumerate(runs)]


def _google(text: str) -> Iterator[tuple[re.Match[str], list[DocstringMeta]]]:
    from docstring_parser import DocstringParam, DocstringStyle, ParseError

    for section in _GOOGLE.finditer(text):
        if not section["params"]:
            yield section, _returned(section)
            continue
        try:
            found = _parse(section[0], DocstringStyle.GOOGLE)
        except ParseError:  # no list of parameters, so it is text
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

    return parse("\n" + fields, style).meta  # the parser changes the indentation below a first line


def _returned(section: re.Match[str]) -> list[DocstringMeta]:
    """Give the whole text of a section about the return: it may be a list of values as well as prose."""
    from docstring_parser import DocstringReturns

    if not section["returns"]:
        return []
    body = textwrap.dedent(section["body"]).strip()
    return [DocstringReturns([], body, None, is_generator=False)]
