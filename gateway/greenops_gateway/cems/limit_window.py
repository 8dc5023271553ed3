"""Over which hours a permit averages: what is complete, and what falls due next.

A window is *complete* when its last hour is closed: that average is judged. What is *due* is every average that will be
judged within one length of the window from now on, with the hours of it that are closed already. ``now`` is the first
hour that is not closed. Days and months are those of local standard time, as the hours are.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple, Protocol

from greenops_gateway.cems.hour import Hour, civil, hour_on

DAY = 24
YEAR = 366 * DAY

Spans = tuple[range, ...]
"""Clock hours, oldest first."""


class Due(NamedTuple):
    """An average that falls due in *remaining* hours; those of it in *spans* are closed."""

    spans: Spans
    remaining: int


class Window(Protocol):
    """*operating* are the closed operating hours, oldest first."""

    @property
    def reach(self) -> int:
        """How many clock hours back are needed, at most."""
        ...

    def complete(self, now: Hour, operating: Sequence[Hour]) -> Spans | None:
        """The last complete window; none while there is no whole one."""
        ...

    def due(self, now: Hour, operating: Sequence[Hour]) -> Iterator[Due]:
        """What falls due next, the nearest first."""
        ...


class RollingHours(NamedTuple):
    """The last *number* clock hours, judged each hour."""

    number: int

    @property
    def reach(self) -> int:
        return self.number

    def complete(self, now: Hour, operating: Sequence[Hour]) -> Spans | None:
        del operating
        return (range(now - self.number, now),)

    def due(self, now: Hour, operating: Sequence[Hour]) -> Iterator[Due]:
        del operating
        for ahead in range(1, self.number + 1):
            yield Due((range(now - self.number + ahead, now),), ahead)


class OperatingHours(NamedTuple):
    """The last *number* operating hours, judged each operating hour (40 CFR 60.4380(b)(1))."""

    number: int

    @property
    def reach(self) -> int:
        return YEAR

    def complete(self, now: Hour, operating: Sequence[Hour]) -> Spans | None:
        del now
        return _each(operating[-self.number :], 1) if len(operating) >= self.number else None

    def due(self, now: Hour, operating: Sequence[Hour]) -> Iterator[Due]:
        del now
        for ahead in range(1, self.number + 1):
            yield Due(_each(_newest(operating, self.number - ahead), 1), ahead)


class Block(NamedTuple):
    """*number* clock hours from midnight on, again and again; judged at the end of each. 24 is a calendar day."""

    number: int

    @property
    def reach(self) -> int:
        return 2 * self.number

    def complete(self, now: Hour, operating: Sequence[Hour]) -> Spans | None:
        del operating
        start = now // self.number * self.number
        return (range(start - self.number, start),)

    def due(self, now: Hour, operating: Sequence[Hour]) -> Iterator[Due]:
        del operating
        start = now // self.number * self.number
        yield Due((range(start, now),), start + self.number - now)


class OperatingDays(NamedTuple):
    """The last *number* days with an operating hour in them, judged once for each such day when it ends."""

    number: int

    @property
    def reach(self) -> int:
        return YEAR

    def complete(self, now: Hour, operating: Sequence[Hour]) -> Spans | None:
        past = _days(operating, now)
        return _each(past[-self.number :], DAY) if len(past) >= self.number else None

    def due(self, now: Hour, operating: Sequence[Hour]) -> Iterator[Due]:
        past, today = _days(operating, now), now // DAY * DAY
        for ahead in range(1, self.number + 1):
            spans = (*_each(_newest(past, self.number - ahead), DAY), range(today, now))
            yield Due(spans, today + DAY * ahead - now)


class Months(NamedTuple):
    """*number* calendar months, judged at the end of each month."""

    number: int

    @property
    def reach(self) -> int:
        return (self.number + 1) * 31 * DAY

    def complete(self, now: Hour, operating: Sequence[Hour]) -> Spans | None:
        del operating
        this = _month(now)
        return (range(_begins(this - self.number), _begins(this)),)

    def due(self, now: Hour, operating: Sequence[Hour]) -> Iterator[Due]:
        del operating
        this = _month(now)
        for ahead in range(1, self.number + 1):
            yield Due((range(_begins(this - self.number + ahead), now),), _begins(this + ahead) - now)


class Years(NamedTuple):
    """Calendar years, judged at the end of each."""

    @property
    def reach(self) -> int:
        return 2 * YEAR

    def complete(self, now: Hour, operating: Sequence[Hour]) -> Spans | None:
        del operating
        this = civil(now)[0].year
        return (range(hour_on(date(this - 1, 1, 1)), hour_on(date(this, 1, 1))),)

    def due(self, now: Hour, operating: Sequence[Hour]) -> Iterator[Due]:
        del operating
        this = civil(now)[0].year
        start, end = hour_on(date(this, 1, 1)), hour_on(date(this + 1, 1, 1))
        yield Due((range(start, now),), end - now)


class Averaging(NamedTuple):
    """*window* and what is looked at in it: the mean, or whether *share* (0 to 1) of the hours or days are within."""

    text: str
    window: Window
    share: Decimal | None = None
    of_days: bool = False

    def __str__(self) -> str:
        return self.text


def read(text: str) -> Averaging:
    """The averaging that a permit's words name.

    >>> read("30 operating days").window, str(read("30  operating days"))
    (OperatingDays(number=30), '30 operating days')

    Raises:
        ValueError: they name none; the message says which there are.
    """
    words = " ".join(text.split())
    for pattern, made in _READERS.items():
        if found := re.fullmatch(pattern, words):
            return made(words, *found.groups())
    raise ValueError(f"'{text}' is no averaging of hours; write {', '.join(EXAMPLES[:-1])} or {EXAMPLES[-1]}")


EXAMPLES = (
    "1h",
    "3h",
    "24h",
    "24h block",
    "4 operating hours",
    "30 operating days",
    "calendar month",
    "12 months",
    "calendar year",
    "95 % of hours in a year",
    "97 % of days in a year",
)
"""One of each kind."""


def _rolling(text: str, count: str) -> Averaging:
    return Averaging(text, RollingHours(_within(text, count, 1, YEAR)))


def _block(text: str, count: str) -> Averaging:
    hours = _within(text, count, 1, DAY)
    if DAY % hours:
        raise ValueError(f"'{text}' does not divide a day; write 1h, 2h, 3h, 4h, 6h, 8h, 12h or 24h block")
    return Averaging(text, Block(hours))


def _operating(text: str, count: str, what: str) -> Averaging:
    number = _within(text, count, 1, 366)
    return Averaging(text, OperatingHours(number) if what == "hours" else OperatingDays(number))


def _months(text: str, count: str) -> Averaging:
    return Averaging(text, Months(_within(text, count, 1, 36)))


def _share(text: str, percent: str, what: str) -> Averaging:
    share = Decimal(percent).scaleb(-2)
    if not 0 < share < 1:
        raise ValueError(f"'{text}': a share lies between 0 and 100 %")
    return Averaging(text, Years(), share, of_days=what == "days")


def _within(text: str, count: str, least: int, most: int) -> int:
    if not least <= int(count) <= most:
        raise ValueError(f"'{text}': the number lies between {least} and {most}")
    return int(count)


_READERS: Mapping[str, Callable[..., Averaging]] = {
    r"(\d{1,4})h": _rolling,
    r"(\d{1,4})h block": _block,
    r"(\d{1,4}) operating (hours|days)": _operating,
    r"calendar month": lambda text: Averaging(text, Months(1)),
    r"(\d{1,4}) months": _months,
    r"calendar year": lambda text: Averaging(text, Years()),
    r"(\d{1,3}(?:\.\d+)?) ?% of (hours|days) in a year": _share,
}


def _each(starts: Sequence[int], length: int) -> Spans:
    return tuple(range(start, start + length) for start in starts)


def _newest(of: Sequence[int], count: int) -> Sequence[int]:
    """The last *number*, of which there may be none."""
    return of[len(of) - min(count, len(of)) :]


def _days(operating: Sequence[Hour], now: Hour) -> list[int]:
    """The first hours of the operating days that are over."""
    over = operating[: bisect_left(operating, now // DAY * DAY)]
    return sorted({hour // DAY * DAY for hour in over})


def _month(hour: Hour) -> int:
    """Months since the year 0."""
    day = civil(hour)[0]
    return day.year * 12 + day.month - 1


def _begins(month: int) -> Hour:
    return hour_on(date(month // 12, month % 12 + 1, 1))
