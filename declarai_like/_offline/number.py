"""A number within the bounds of a JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any


def number(schema: Mapping[str, Any], which: int, *, whole: bool) -> float:
    """Make a number that fits, a small and whole one if it may be.

    Another ``which``, from 0 on, gives another number, as long as there are some.
    """
    lows, above = _bounds(schema, "minimum", "exclusiveMinimum")
    highs, below = _bounds(schema, "maximum", "exclusiveMaximum")
    step = Fraction(str(schema.get("multipleOf", 1)))
    high = min(highs, default=None)
    low = max(lows, default=Fraction(1) if high is None or high >= 1 + step else high - 5 * step)
    first = -(-low // step)
    if first * step in above:
        first += 1
    if high is None:
        made = (first + which) * step
    else:
        last = high // step
        if last * step in below:
            last -= 1
        if first <= last:
            made = (first + which % (last - first + 1)) * step
        else:  # no step lies within: then a tenth of the way, which is never on a bound
            made = low + (high - low) * Fraction(1 + which % 9, 10)
    return int(made) if whole or made.denominator == 1 else float(made)


def _bounds(schema: Mapping[str, Any], inclusive: str, exclusive: str) -> tuple[list[Fraction], list[Fraction]]:
    """Give all bounds on one side, and those that the number must not be on."""
    strict = [Fraction(str(schema[exclusive]))] if exclusive in schema else []
    return strict + ([Fraction(str(schema[inclusive]))] if inclusive in schema else []), strict
