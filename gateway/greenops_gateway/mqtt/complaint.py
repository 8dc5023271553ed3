"""A fault that lasts is one line in the log, not one with each message. Pure: time is an argument."""

from __future__ import annotations

from typing import Any

KEPT = "mqtt: told"
AGAIN = 60.0
"""Seconds; what comes and goes is told again no sooner."""

Told = dict[str, float]
"""What was told, by its kind, and when."""


def told(kept: dict[str, Any]) -> Told:
    """What was told about a device, over connections and reloads; *kept* as in Desk."""
    found: Told = kept.setdefault(KEPT, {})
    return found


def is_new(told: Told, kind: str, at: float) -> bool:
    """Whether to tell what is of *kind*; from then on it is told.

    >>> told = {}
    >>> is_new(told, "time", 0), is_new(told, "time", 1)
    (True, False)
    """
    if kind in told:
        return False
    told[kind] = at
    return True


def mended(told: Told, kind: str, at: float) -> None:
    """What is of *kind* is well: the next fault is a new one.

    >>> told = {"time": 0.0}
    >>> mended(told, "time", 30); is_new(told, "time", 31)
    False
    >>> mended(told, "time", 60); is_new(told, "time", 61)
    True
    """
    if kind in told and at - told[kind] >= AGAIN:
        del told[kind]
