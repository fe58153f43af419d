"""What a docstring says: the instruction, what each parameter is, and what shall come back."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Described:
    """The parts of a docstring that reach the model."""

    instruction: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    returns: str = ""
    unknown: tuple[str, ...] = ()
    """Parameters that are described but that the function does not have."""


def describe(docstring: str | None, names: Collection[str]) -> Described:
    """Read a docstring in reST, Google, NumPy or Epydoc style.

    The style is the one in which most of the function's parameters and its return are described. A
    docstring that describes neither is all instruction: nothing in it is taken for a field.
    """
    text = inspect.cleandoc(docstring or "")
    if not any(sign in text for sign in (":", "@", "---")):  # no style can describe a field without these
        return Described(text)
    return max((_read(text, style, names) for style in _styles()), key=_weight, default=Described(text))


def _styles() -> list[object]:
    from docstring_parser import DocstringStyle

    return [DocstringStyle.REST, DocstringStyle.GOOGLE, DocstringStyle.NUMPYDOC, DocstringStyle.EPYDOC]


def _weight(described: Described) -> int:
    known = len(described.params) - len(described.unknown)
    return 2 * (known + bool(described.returns)) + bool(described.unknown)


def _read(text: str, style: object, names: Collection[str]) -> Described:
    from docstring_parser import DocstringParam, DocstringRaises, DocstringReturns, ParseError, parse

    try:
        found = parse(text, style)  # type: ignore[arg-type]
    except ParseError:
        return Described(text)
    params: dict[str, str] = {}
    returns: list[str] = []
    rest = [found.short_description or "", found.long_description or ""]
    for part in found.meta:
        said = (part.description or "").strip()
        if isinstance(part, DocstringParam):
            if part.args[0].startswith("param") or part.args[0] in ("arg", "argument", "key", "keyword"):
                params[part.arg_name.lstrip("*")] = said
        elif isinstance(part, DocstringReturns):
            returns.append(said or part.type_name or "")
        elif not isinstance(part, DocstringRaises):  # examples, notes and the like are for the model as well
            rest.append(f"{part.args[0].title()}:\n{said}" if part.args else said)
    described = Described(
        "\n\n".join(filter(None, rest)),
        params,
        "\n".join(filter(None, returns)),
        tuple(name for name in params if name not in names),
    )
    return described if params or returns else Described(text)
