"""JSON texts of all kinds, near misses, ways to cut them, and the visible part of an incomplete one."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from declarai_like._output.incremental import ABSENT

BLANKS = st.sampled_from(["", "", "", " ", "\n", "\r\n", "\t", "  \n    "])
CHARACTERS = st.sampled_from(
    ["a", "é", "日", "😀", "\x7f", "\u2028", "\ufeff", " ", *"/{}[],:`~'1", "```"]
    + ["\ud83d", "\ude00"]  # lone surrogates, not escaped
    + ['\\"', "\\\\", "\\/", "\\b", "\\f", "\\n", "\\r", "\\t", "\\u0000", "\\u00e9", "\\u20AC", "\\uffff", "\\u0022"]
    + ["\\ud83d\\ude00", "\\uD83D\\uDE00", "\\ud83d", "\\uDBFF", "\\ude00", "\\udc00", "\\ud7ff", "\\ue000"]
)
STRINGS = st.lists(CHARACTERS, max_size=6).map("".join).map('"{}"'.format)
KEYS = (
    st.sampled_from(['"a"', '"b"', '"c"', '""', '"\\u0061"', '"a b"', '"\\ud83d\\ude00"', '"\\ud83d"', '"{"']) | STRINGS
)
NUMBERS = (
    st.sampled_from("0 -0 7 12 1250 -3 0.5 -0.0 12.50 1e5 1E+22 0.1e-7 1e400 -1E400".split())
    | st.sampled_from(["1" * 40, "-" + "9" * 500, "0." + "1" * 60, "3." + "7" * 500, "1" + "0" * 400 + "e-400"])
    | st.integers().map(str)
    | st.floats().map(json.dumps)
)
WORDS = st.sampled_from(["true", "false", "null", "NaN", "Infinity", "-Infinity"])


def _array(parts: list[tuple[str, str, str]]) -> str:
    return "[" + ",".join(before + value + after for before, value, after in parts) + "]"


def _object(parts: list[tuple[str, str, str, str]]) -> str:
    return "{" + ",".join(f"{first}{key}{second}:{second}{value}{first}" for key, first, value, second in parts) + "}"


def _containers(values: st.SearchStrategy[str], unique: bool) -> st.SearchStrategy[str]:
    member = st.tuples(KEYS, BLANKS, values, BLANKS)
    members = st.lists(member, max_size=4, unique_by=(lambda parts: json.loads(parts[0])) if unique else None)
    return (
        st.lists(st.tuples(BLANKS, values, BLANKS), max_size=4).map(_array)
        | members.map(_object)
        | BLANKS.map("[{}]".format)
        | BLANKS.map("{{{}}}".format)
    )


def _texts(unique: bool) -> st.SearchStrategy[str]:
    values = st.recursive(STRINGS | NUMBERS | WORDS, lambda values: _containers(values, unique), max_leaves=8)
    return st.tuples(BLANKS, values, BLANKS).map("".join)


TEXTS = _texts(unique=False)
"""JSON texts: all escapes, lone surrogates, odd blanks, repeated keys, numbers of any size."""

UNIQUE = _texts(unique=True)
"""The same, without repeated keys."""

_SLIPS = st.sampled_from(
    list("\"\\{}[],:-+.0159eEtrufalsnNIy/'`~ \n\t\r\x00\x0b\x1f\x7f\xa0\ufeff٣x")
    + ["\\x", "\\u12", "\\u12g4", "\\u+123", "\\ud83d\\u", "\\ud83d\\u12", "\\ud83d\\x", "\\'", "\\U0041", "\\\n"]
    + ',] ,} ,, 01 1. .5 1e +1 --1 1_0 0x1 tru True nul None nan Inf -Inf -NaN // /**/ # "" {} [] 1'.split()
)


@st.composite
def near_misses(draw: st.DrawFn) -> str:
    """Return a JSON text in which a few characters were removed, inserted, changed or exchanged."""
    text = draw(TEXTS)
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.sampled_from([0, 0, 1, 1, 2, 5])))
        with_what = draw(_SLIPS | st.just("") | st.just(text[start:end][::-1]))
        text = text[:start] + with_what + text[end:]
    return text


NEAR_MISSES = near_misses() | st.text(alphabet='[]{}",:1 \n\\utrefalsn-.0eE+', max_size=12) | st.text(max_size=6)
"""Texts of which most are not JSON, some only just."""

CUTS = st.lists(st.integers(0, 10_000), max_size=5) | st.none()


def cut(text: str, cuts: list[int] | None) -> list[str]:
    """Cut text at these positions, modulo its length; with None, into its characters."""
    if cuts is None:
        return list(text)
    edges = [0, *sorted(position % (len(text) + 1) for position in cuts), len(text)]
    return [text[start:end] for start, end in pairwise(edges)]


# The visible part of an incomplete text, found in another way than the package does: open containers are closed,
# incomplete scalars are left out, and `json.loads` reads the rest.

_TOKEN = re.compile(
    r'(?P<blank>[ \t\n\r]+)|(?P<punctuation>[{}\[\],:])|(?P<string>"(?:[^"\\]|\\.)*("?)\\?)|(?P<scalar>[^ \t\n\r{}\[\],:"]+)',
    re.DOTALL,
)
_INCOMPLETE_ESCAPE = re.compile(
    r"(?:\\u[dD][89abAB][0-9a-fA-F]{2})?(?:\\(?:u[0-9a-fA-F]{0,3})?)?$"
)  # more may belong to it
_LITERALS = ["true", "false", "null", "NaN", "Infinity", "-Infinity"]
_SHOWN_EARLY = 400


def visible_part(text: str, *, early: bool = False) -> Any:
    """Return the value of the first part of a JSON text; `ABSENT` before there is one."""
    tokens: list[str] = []
    closing: list[str] = []
    for token in _TOKEN.finditer(text):
        piece, kind = token[0], token.lastgroup
        is_last = token.end() == len(text)
        if kind == "punctuation":
            if piece in "{[":
                closing.append("}" if piece == "{" else "]")
            elif piece in "}]":
                closing.pop()
            tokens.append(piece)
        elif kind == "scalar" and is_last:
            tokens += _early(piece) if early else []
        elif kind == "string" and token[4] != '"':
            if not _is_key(tokens, closing):
                tokens.append(_open_string(piece))
        elif kind != "blank":
            tokens.append(piece)
    while tokens and (tokens[-1] in ",:" or _is_key(tokens[:-1], closing, tokens[-1])):
        tokens.pop()
    return json.loads("".join(tokens + closing[::-1])) if tokens else ABSENT


def _is_key(before: list[str], closing: list[str], token: str = '"') -> bool:
    return token[0] == '"' and closing[-1:] == ["}"] and before[-1] in "{,"


def _open_string(text: str) -> str:
    body, index = text[1:], 0
    while index < len(body) and not _INCOMPLETE_ESCAPE.fullmatch(body, index):
        index += 2 if body[index] == "\\" else 1
    return f'"{body[:index]}"'


def _early(scalar: str) -> list[str]:
    for literal in _LITERALS:
        if literal.startswith(scalar) and scalar != "-":
            return [literal]
    for end in range(min(len(scalar), _SHOWN_EARLY), 0, -1):
        try:
            json.loads(scalar[:end])
        except ValueError:
            continue
        return [scalar[:end]]
    return []


def is_beginning(before: Any, after: Any) -> bool:
    """Return True if a value may be an earlier state of another: only strings and last parts are incomplete."""
    if before is ABSENT:
        return True
    if type(before) is not type(after):
        return False
    if isinstance(before, str):
        return bool(after.startswith(before))
    if isinstance(before, list):
        return not before or (
            len(before) <= len(after)
            and repr(before[:-1]) == repr(after[: len(before) - 1])
            and is_beginning(before[-1], after[len(before) - 1])
        )
    if isinstance(before, dict):
        keys = list(before)
        known = dict(list(after.items())[: len(keys)])
        return list(known) == keys and is_beginning(list(before.values()), list(known.values()))
    return repr(before) == repr(after)
