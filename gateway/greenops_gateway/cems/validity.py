"""When the average of an hour is valid: one kind of rule, of which each regulation is data.

An hour has equal parts. Each part in which the plant operated is required, and one valid point fills it. The average is
valid when enough of the required parts are filled: all four quarters, or two thirds of the minutes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction
from math import ceil
from typing import NamedTuple

SECONDS = 3600
IDLE = "the plant did not operate"


class Enough(NamedTuple):
    """What is enough in an hour with a calibration, a quality-assurance test or maintenance."""

    points: int
    apart: int
    """Seconds between the first and the last of them."""


class Rule(NamedTuple):
    """*share* of the required parts must be filled; *parts* None: as many as there are first-level values."""

    name: str
    source: str
    parts: int | None
    share: Fraction
    tested: Enough | None = None

    def divided(self, first_level: int) -> int:
        """How many parts the hour has, with a first-level value every *first_level* seconds."""
        return self.parts or SECONDS // first_level


TWO_POINTS = Enough(points=2, apart=900)

RULES: Mapping[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule("part75", "40 CFR 75.10(d)(1)", 4, Fraction(1), TWO_POINTS),
        Rule("part60", "40 CFR 60.13(h)(2)", 4, Fraction(1), TWO_POINTS),
        Rule("en17255", "EN 17255-1, short-term averages (two thirds; awaits confirmation)", None, Fraction(2, 3)),
        Rule("eu_ets", "(EU) 2018/2066 Art. 45(2) (80 %; awaits confirmation)", None, Fraction(4, 5)),
    )
}


def part_of(second: float, parts: int) -> int:
    """Which of *parts* of the hour *second* of the hour is in.

    >>> part_of(0.0, 4), part_of(899.9, 4), part_of(900.0, 4), part_of(3599.999, 60)
    (0, 0, 1, 59)
    """
    return int(second // (SECONDS // parts))


def lack(
    rule: Rule, parts: int, operating: Collection[int], points: Sequence[float], *, is_tested: bool = False
) -> str:
    """What *rule* misses of an hour of *parts*; nothing when the average is valid.

    *operating* are the parts in which the plant operated; *points* the seconds of the hour of valid points, in order.

    >>> quarters = RULES["part75"]
    >>> lack(quarters, 4, {0, 1}, [60.0, 1000.0])
    ''
    >>> lack(quarters, 4, {0, 1, 2}, [60.0, 1000.0])
    'no valid point from minute 30 to 45'
    >>> lack(quarters, 4, {0, 1, 2}, [60.0, 1000.0], is_tested=True)
    ''
    """
    if not operating:
        return IDLE
    filled = {part_of(point, parts) for point in points}.intersection(operating)
    if filled and len(filled) >= rule.share * len(operating):
        return ""
    if rule.share < 1:
        needed = ceil(rule.share * len(operating))
        return f"{len(filled)} of {len(operating)} first-level values are valid, at least {needed} are needed"
    empty, minutes = min(set(operating) - filled), 60 // parts
    missing = f"no valid point from minute {empty * minutes} to {(empty + 1) * minutes}"
    if rule.tested is None or not is_tested:
        return missing
    return _lack_of_test(rule.tested, points, missing)


def _lack_of_test(tested: Enough, points: Sequence[float], missing: str) -> str:
    if len(points) < tested.points:
        return f"{missing}, and {len(points)} in all, where {tested.points} would do in an hour with a test"
    if points[-1] - points[0] < tested.apart:
        return f"{missing}, and those in all are less than {tested.apart // 60} minutes apart"
    return ""
