"""Colours, thresholds and words for states. Colour speaks of what is abnormal only, and never alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

NEUTRAL = "text"
"""The theme's own text colour: what numbers have that are as they should be."""
NORMAL, GOOD, NOTICE, WARNING, BAD, INVALID, ABSENT = "blue", "green", "yellow", "orange", "red", "purple", "#8e8e8e"


@dataclass(frozen=True, slots=True)
class Ladder:
    """A base colour, and the values from which another one holds. Values come from the alerts' constants."""

    base: str = NEUTRAL
    steps: Sequence[tuple[float, str]] = ()


PLAIN = Ladder()


def ladder(values: Sequence[float], colours: Sequence[str] = (NOTICE, WARNING, BAD)) -> Ladder:
    """Rising thresholds; the last value has the last colour.

    >>> ladder((0.8, 1.0)).steps
    ((0.8, 'orange'), (1.0, 'red'))
    """
    return Ladder(NEUTRAL, tuple(zip(values, colours[-len(values) :], strict=True)))


@dataclass(frozen=True, slots=True)
class State:
    """A number that stands for a state, in words and colour."""

    value: int
    word: str
    colour: str


UP = (State(0, "down", BAD), State(1, "up", GOOD))
QUALITY = (State(0, "good", GOOD), State(1, "uncertain", NOTICE), State(2, "bad", INVALID))
IDLE = (State(0, "active", NORMAL), State(1, "idle", WARNING))
VALID = (State(0, "not valid", INVALID), State(1, "valid", GOOD))
COMPLIANCE = (
    State(0, "within", GOOD),
    State(1, "near", NOTICE),
    State(2, "EXCEEDED", BAD),
    State(3, "not valid", INVALID),
    State(4, "unknown", ABSENT),
)
REPORTS = (State(0, "silent", BAD), State(1, "reports", GOOD))
FIRES = (State(0, "over", NEUTRAL), State(1, "alive", GOOD), State(2, "ticket", WARNING), State(3, "PAGE", BAD))
