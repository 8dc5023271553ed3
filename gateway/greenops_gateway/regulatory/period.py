"""The time that a report covers: a month, a quarter or a year of local standard time."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import NamedTuple

from greenops_core.errors import ConfigError
from greenops_gateway.cems.hour import Hour, civil, hour_on

DAYS_TO_REPORT = 30
"""Days after its end by which a quarter is reported: 40 CFR 60.7(c) and 75.64; the second awaits confirmation."""


class Period(NamedTuple):
    """*hours* of the period that *name* writes: ``2026``, ``2026-Q1`` or ``2026-01``."""

    name: str
    hours: range

    @property
    def first(self) -> date:
        """Its first day."""
        return civil(Hour(self.hours[0]))[0]

    @property
    def last(self) -> date:
        """Its last day."""
        return civil(Hour(self.hours[-1]))[0]

    @property
    def deadline(self) -> date:
        """The day by which it is to be reported, unless another one is said."""
        return self.last + timedelta(days=DAYS_TO_REPORT)

    @property
    def is_year(self) -> bool:
        return len(self.name) == len("2026")


def period(text: str) -> Period:
    """The period that *text* writes.

    >>> period("2026-Q1").last, len(period("2024").hours), period("2026-02").deadline
    (datetime.date(2026, 3, 31), 8784, datetime.date(2026, 3, 30))

    Raises:
        ConfigError: it writes none.
    """
    found = re.fullmatch(r"(\d{4})(?:-Q([1-4])|-(0[1-9]|1[0-2]))?", text, re.ASCII)
    if not found or not 1970 <= int(found[1]) <= 9998:
        raise ConfigError(f"'{text}' is no period; write a year (2026), a quarter (2026-Q1) or a month (2026-01)")
    year = int(found[1])
    months = 3 if found[2] else 1 if found[3] else 12
    first = 3 * int(found[2]) - 2 if found[2] else int(found[3] or 1)
    after = first + months
    end = date(year + 1, 1, 1) if after > 12 else date(year, after, 1)
    return Period(text, range(hour_on(date(year, first, 1)), hour_on(end)))
