"""What an hour is closed from: readings with their status, calibrations, averages given by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from operator import itemgetter
from typing import NamedTuple

from greenops_gateway.cems.hour import Hour

OPERATING, LOAD, STARTUP = "OPERATING", "LOAD", "STARTUP"
STATES = frozenset({OPERATING, LOAD, STARTUP})
"""What else than parameters has readings."""


class Status(StrEnum):
    """What a reading is. Of several that are not valid, the first here explains the most."""

    LOST = "lost"
    FAULT = "fault"
    MAINTENANCE = "maintenance"
    CALIBRATION = "calibration"
    OVER_RANGE = "over range"
    OUT_OF_RANGE = "out of range"
    WARM_UP = "warm-up"
    VALID = "valid"


_RANK = {status: rank for rank, status in enumerate(Status)}


class Reading(NamedTuple):
    """*value* in the plan's unit, a finite number, measured at the Unix time *at*."""

    at: float
    value: Decimal
    status: Status = Status.VALID


class Calibration(NamedTuple):
    """A calibration error test that ended at the Unix time *at*."""

    at: float
    passed: bool


class HourInputs(NamedTuple):
    """All that is known of *hour*: *readings* by parameter, and of OPERATING, LOAD and STARTUP.

    *out_of_control* are the parameters whose analyser is (40 CFR 75 Appendix B, 2.1.4). *given* are averages that are
    made already, by parameter; of OPERATING the share of the hour, of STARTUP 1 or 0. *calibrations* are those of the
    hour, by parameter.
    """

    hour: Hour
    readings: Mapping[str, Sequence[Reading]] = {}
    out_of_control: frozenset[str] = frozenset()
    given: Mapping[str, Decimal] = {}
    calibrations: Mapping[str, Sequence[Calibration]] = {}


def in_order(readings: Iterable[Reading]) -> list[Reading]:
    """*readings* by time, one for each instant: the same in whatever order, and however often, they came.

    Of several that differ for one instant, the one that is worst, and of those the greatest, stands.

    >>> a, b = Reading(1.0, Decimal(5)), Reading(1.0, Decimal(4), Status.FAULT)
    >>> in_order([Reading(2.0, Decimal(1)), a, b, a]) == in_order([b, a, Reading(2.0, Decimal(1))])
    True
    >>> [reading.status.name for reading in in_order([a, b])]
    ['FAULT']
    """
    ordered = sorted(readings, key=itemgetter(0))
    if len({reading.at for reading in ordered}) == len(ordered):
        return ordered
    standing: dict[float, Reading] = {}
    for reading in sorted(ordered, key=lambda each: (each.at, _RANK[each.status], each.value.copy_negate())):
        standing.setdefault(reading.at, reading)
    return list(standing.values())


def foremost(statuses: Iterable[Status]) -> Status:
    """What explains the most; of none, ``Status.LOST``: nobody answered.

    >>> foremost([Status.WARM_UP, Status.CALIBRATION]), foremost([])
    (<Status.CALIBRATION: 'calibration'>, <Status.LOST: 'lost'>)
    """
    return min(statuses, key=_RANK.__getitem__, default=Status.LOST)


def fingerprint(readings: Iterable[Reading]) -> str:
    """SHA-256 over *readings* as they are ordered, so that lineage changes with any of them."""
    text = "".join([f"{at!r} {value} {status}\n" for at, value, status in readings])
    return hashlib.sha256(text.encode()).hexdigest()
