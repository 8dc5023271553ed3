"""What became of samples for one receiver, in integers that must add up. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from greenops_telemetry.journal.columns import Columns
from greenops_telemetry.journal.ranges import Range, Ranges


class Quarantined(NamedTuple):
    """Samples that a receiver refused for good, with its *answer*; *columns* is a copy, the lowest sequence first."""

    sink: str
    at: float
    answer: str
    sequences: Ranges
    columns: Columns
    id: int = 0


class Held(NamedTuple):
    """Samples that are still to be sent, but not from the segments: *columns* is a copy, the lowest sequence first."""

    sequences: Ranges
    columns: Columns
    due: float
    """The source time of the first that may be sent, in Unix seconds; zero for what was released."""
    id: int = 0


class Lost(NamedTuple):
    """What of one series went with an eviction; times are source times, Unix seconds."""

    series: int
    start_at: float
    end_at: float
    samples: int


_DAY = 86400.0
UNREADABLE, MISSING = "damaged", "not in the journal any more"
"""Why samples are gone that this program did not delete: a file with them that is there after all stays."""


class Eviction(NamedTuple):
    """Samples *first* to before *stop* that are no longer there, since *at* and because of *why*."""

    first: int
    stop: int
    at: float
    why: str
    parts: tuple[Lost, ...] = ()


def merged(parts: Iterable[Lost]) -> tuple[Lost, ...]:
    """One for each series of all *parts*, in their order.

    >>> merged([Lost(2, 5.0, 6.0, 2), Lost(1, 5.0, 5.0, 1), Lost(2, 4.0, 5.5, 3)])
    (Lost(series=1, start_at=5.0, end_at=5.0, samples=1), Lost(series=2, start_at=4.0, end_at=6.0, samples=5))
    """
    known: dict[int, Lost] = {}
    for part in parts:
        one = known.get(part.series)
        if one is not None:
            start, end = min(one.start_at, part.start_at), max(one.end_at, part.end_at)
            part = Lost(part.series, start, end, one.samples + part.samples)  # noqa: PLW2901  # the same, added up
        known[part.series] = part
    return tuple(known[series] for series in sorted(known))


def joined(one: Eviction, other: Eviction) -> Eviction | None:
    """Both as one, if *other* follows on *one* for the same reason on the same UTC day."""
    if one.first == one.stop or (one.stop, one.why, one.at // _DAY) != (other.first, other.why, other.at // _DAY):
        return None
    return Eviction(one.first, other.stop, other.at, one.why, merged([*one.parts, *other.parts]))


@dataclass(slots=True)
class Account:
    """What became of each sample for one sink. *done* is what need not be read from the segments any more."""

    sink: str
    start: int
    done: Ranges = field(default_factory=Ranges)
    delivered: int = 0
    quarantined: int = 0
    evicted: int = 0
    aside: int = 0
    """Samples that are in *done* but still to be sent: held until their time comes, or released from quarantine."""

    def pending(self, following: int) -> int:
        """How many are still to be sent, when *following* is the sequence after the last committed one."""
        return following - self.start - len(self.done) + self.aside

    def closes(self) -> bool:
        """Whether everything that is done is accounted for, exactly once."""
        return self.delivered + self.quarantined + self.evicted + self.aside == len(self.done)


def without(ranges: Ranges, taken: Ranges) -> Ranges:
    """*ranges* less those that are *taken*.

    >>> list(without(Ranges([(1, 9)]), Ranges([(3, 4), (7, 12)])))
    [(1, 3), (4, 7)]
    """
    return Ranges(one for start, stop in ranges for one in taken.missing(start, stop))


def left(sequences: Ranges, done: Ranges) -> tuple[Ranges, list[int]]:
    """Which of *sequences* are not *done*, and at which places among them they stand.

    >>> ranges, places = left(Ranges([(1, 3), (7, 9)]), Ranges([(2, 8)]))
    >>> list(ranges), places
    ([(1, 2), (8, 9)], [0, 3])
    """
    open_: list[Range] = []
    places: list[int] = []
    place = 0
    for start, stop in sequences:
        for since, to in done.missing(start, stop):
            open_.append((since, to))
            places += range(place + since - start, place + to - start)
        place += stop - start
    return Ranges(open_), places
