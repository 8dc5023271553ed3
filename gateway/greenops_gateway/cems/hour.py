"""The regulatory hour: local standard time all year, no daylight saving, named by its beginning (0 to 23).

ECMPS emissions reporting instructions, hourly operating data. An hour is a number here, so that hours can be counted,
ordered and kept without a time zone: hours of local standard time since 1970-01-01 00:00.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import NewType

Hour = NewType("Hour", int)

_EPOCH = date(1970, 1, 1)
_SECONDS = 3600
_FURTHEST = 14 * 60


class StandardTime(int):
    """Minutes that local standard time is ahead of UTC; written ``-06:00``."""

    @classmethod
    def of(cls, text: str) -> StandardTime:
        """The offset that *text* writes.

        >>> StandardTime.of("-06:00"), StandardTime.of("+05:30")
        (StandardTime.of('-06:00'), StandardTime.of('+05:30'))

        Raises:
            ValueError: it writes none.
        """
        found = re.fullmatch(r"([+-])(\d\d):(00|15|30|45)", text)
        minutes = int(found[2]) * 60 + int(found[3]) if found else _FURTHEST + 1
        if not found or minutes > _FURTHEST:
            raise ValueError(f"'{text}' is no offset from UTC; write the standard one, such as -06:00 or +01:00")
        return cls(-minutes if found[1] == "-" else minutes)

    def __str__(self) -> str:
        sign, minutes = "-" if self < 0 else "+", abs(int(self))
        return f"{sign}{minutes // 60:02}:{minutes % 60:02}"

    def __repr__(self) -> str:
        return f"StandardTime.of('{self}')"

    def hour(self, at: float) -> Hour:
        """The hour that the Unix time *at* is in.

        >>> StandardTime.of("-06:00").hour(6 * 3600.0)
        0
        """
        return Hour(int((at + 60 * int(self)) // _SECONDS))

    def begins(self, hour: Hour) -> int:
        """The Unix time at which *hour* begins."""
        return hour * _SECONDS - 60 * int(self)


def hour_on(day: date, hour: int = 0) -> Hour:
    """The hour *hour* of *day*.

    >>> hour_on(date(1970, 1, 2), 3)
    27
    """
    return Hour((day - _EPOCH).days * 24 + hour)


def civil(hour: Hour) -> tuple[date, int]:
    """The day and the hour of the day.

    >>> civil(Hour(27))
    (datetime.date(1970, 1, 2), 3)
    """
    days, of_day = divmod(hour, 24)
    return _EPOCH + timedelta(days=days), of_day


def written(hour: Hour) -> str:
    """*hour* as people and reports write it.

    >>> written(Hour(27))
    '1970-01-02T03'
    """
    day, of_day = civil(hour)
    return f"{day.isoformat()}T{of_day:02}"


def read(text: str) -> Hour:
    """The hour that ``written`` wrote.

    >>> read("1970-01-02T03")
    27

    Raises:
        ValueError: it is none.
    """
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d)T([01]\d|2[0-3])", text)
    if not found:
        raise ValueError(f"'{text}' is no hour; write it as 2026-01-31T09, in local standard time")
    try:
        return hour_on(date.fromisoformat(found[1]), int(found[2]))
    except ValueError as error:
        raise ValueError(f"'{text}' is no hour: {error}") from None


def quarter(year: int, number: int) -> range:
    """The hours of a calendar quarter (1 to 4).

    >>> len(quarter(2021, 4)), written(Hour(quarter(2021, 4)[0]))
    (2208, '2021-10-01T00')
    """
    first = date(year, 3 * number - 2, 1)
    after = date(year + 1, 1, 1) if number == 4 else date(year, 3 * number + 1, 1)  # of four quarters
    return range(hour_on(first), hour_on(after))
