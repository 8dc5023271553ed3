"""Budgets: how much mass a calendar month may cost, in the organisation's own time zone, hour by hour."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo

from greenops_core.errors import ConfigError

_GRAMS = {"g": 1.0, "kg": 1e3, "t": 1e6}
MASS_PATTERN = r"^[0-9]{1,12}(?:\.[0-9]+)?(?:g|kg|t)$"
HOUR = 3600.0


class Mass(float):
    """Grams, written like ``500g``, ``2000kg`` or ``1.5t``."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Period:
    """A half-open span of Unix time, ``start <= t < end``."""

    start: float
    end: float


def month(at: datetime) -> Period:
    """The calendar month around *at*, which must know its time zone; DST and month lengths are the calendar's.

    >>> from datetime import UTC
    >>> span = month(datetime(2026, 2, 11, 12, tzinfo=UTC))
    >>> (span.end - span.start) / 86400
    28.0

    Raises:
        ValueError: *at* has no time zone.
    """
    zone: tzinfo | None = at.tzinfo
    if zone is None:
        raise ValueError("a month needs a time zone")
    first = datetime(at.year, at.month, 1, tzinfo=zone)
    following = datetime(at.year + at.month // 12, at.month % 12 + 1, 1, tzinfo=zone)
    return Period(first.timestamp(), following.timestamp())


def hours(span: Period) -> Iterator[Period]:
    """*span* cut at every clock hour of UTC; where it begins or ends inside an hour, the piece is shorter.

    A month of a zone that is half an hour off UTC begins and ends with half an hour, so the pieces add up to the month.

    >>> [(piece.start, piece.end) for piece in hours(Period(1800, 9000))]
    [(1800, 3600.0), (3600.0, 7200.0), (7200.0, 9000)]
    """
    start = span.start
    while start < span.end:
        end = min((start // HOUR + 1) * HOUR, span.end)
        yield Period(start, end)
        start = end


def mass(text: str) -> Mass:
    """Grams from ``500g``, ``2000kg``, ``1.5t``.

    >>> mass("1.5t")
    1500000.0

    Raises:
        ConfigError: not a number with a unit, or no mass at all.
    """
    if not re.fullmatch(MASS_PATTERN, text):
        raise ConfigError(f"'{text}' is not a mass; write a number with a unit, like 500g, 2000kg or 1.5t")
    unit = text.lstrip("0123456789.")
    grams = float(text.removesuffix(unit)) * _GRAMS[unit]
    if grams <= 0:
        raise ConfigError(f"'{text}' is no mass at all; a budget must be more than 0g")
    return Mass(grams)
