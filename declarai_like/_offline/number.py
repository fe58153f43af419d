"""Sampling of numbers within the bounds of a JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any


def sample_number(schema: Mapping[str, Any], variant: int, *, integer: bool) -> float:
    """Return a number that is valid for the schema, a small integer if possible.

    Different variants, from 0 on, are different numbers, as long as there are enough of them.
    """
    # Fractions are exact: with floats, a multiple of 0.1 may be beyond its bound
    lows, above = _bounds(schema, "minimum", "exclusiveMinimum")
    highs, below = _bounds(schema, "maximum", "exclusiveMaximum")
    step = Fraction(str(schema.get("multipleOf", 1)))
    high = min(highs, default=None)
    low = max(lows, default=Fraction(1) if high is None or high >= 1 + step else high - 5 * step)
    first = -(-low // step)
    if first * step in above:
        first += 1
    if high is None:
        number = (first + variant) * step
    else:
        last = high // step
        if last * step in below:
            last -= 1
        if first <= last:
            number = (first + variant % (last - first + 1)) * step
        else:  # no multiple of the step is within the bounds: take a tenth of the range, which is never a bound
            number = low + (high - low) * Fraction(1 + variant % 9, 10)
    return int(number) if integer or number.denominator == 1 else float(number)


def _bounds(schema: Mapping[str, Any], inclusive: str, exclusive: str) -> tuple[list[Fraction], list[Fraction]]:
    """Return all bounds on one side, and those that are exclusive."""
    strict = [Fraction(str(schema[exclusive]))] if exclusive in schema else []
    return strict + ([Fraction(str(schema[inclusive]))] if inclusive in schema else []), strict
