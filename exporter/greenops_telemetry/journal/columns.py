"""Samples side by side, and their bytes on disk.

A column of doubles is written plane by plane (all first bytes, then all second bytes …) and then deflated: of samples
that were taken together, times and the upper bytes of values hardly differ, so most planes vanish.
"""

from __future__ import annotations

import sys
import zlib
from array import array
from collections.abc import Iterator
from operator import itemgetter
from typing import NamedTuple

from greenops_core.sample import Quality, Reason

# The place of a reason here is on disk: new ones are added at the end, and none is ever removed.
_REASONS = (
    Reason.NONE,
    Reason.COMMUNICATION,
    Reason.DEVICE_EXCEPTION,
    Reason.DECODE,
    Reason.DEVICE_FAULT,
    Reason.MAINTENANCE,
    Reason.CALIBRATION,
    Reason.BLOWBACK,
    Reason.OUT_OF_CONTROL,
    Reason.SENTINEL,
    Reason.RANGE,
    Reason.RATE,
    Reason.SPIKE,
    Reason.FLAT_LINE,
    Reason.STALE,
    Reason.FORCED,
    Reason.WARM_UP,
    Reason.CLOCK,
    Reason.DEVICE_UNCERTAIN,
)
_QUALITIES = tuple(Quality)
_STATES = {(quality, reason): quality << 6 | number for number, reason in enumerate(_REASONS) for quality in _QUALITIES}
_VERDICTS = {code: verdict for verdict, code in _STATES.items()}
_FASTEST = 1  # of deflate; what more work saves here is 2 %


class Row(NamedTuple):
    """One sample of the journal; times are Unix seconds.

    *at* is when it was measured, *received* when it came here, *series* the number of its series in this journal.
    """

    sequence: int
    series: int
    value: float
    at: float
    received: float
    quality: Quality
    reason: Reason


class Columns:
    """Samples in the order in which they came, column by column."""

    __slots__ = ("at", "received", "series", "states", "values")

    def __init__(self) -> None:
        self.series = array("I")
        self.values, self.at, self.received = array("d"), array("d"), array("d")
        self.states = bytearray()

    def __len__(self) -> int:
        return len(self.states)

    def __eq__(self, other: object) -> bool:
        """Whether all bits are the same, those of values that are no numbers too."""
        return isinstance(other, Columns) and self._bytes() == other._bytes()

    __hash__ = None  # type: ignore[assignment]  # it grows

    def add(  # noqa: PLR0917  # thousands of times a second: names would cost as much as the work
        self, series: int, value: float, at: float, received: float, quality: Quality, reason: Reason
    ) -> None:
        """One more sample, in the meaning of ``Row``."""
        self.series.append(series)
        self.values.append(value)
        self.at.append(at)
        self.received.append(received)
        self.states.append(_STATES[quality, reason])

    def extend(self, other: Columns) -> None:
        """The samples of *other* behind these."""
        self.series.extend(other.series)
        self.values.extend(other.values)
        self.at.extend(other.at)
        self.received.extend(other.received)
        self.states.extend(other.states)

    def part(self, start: int, stop: int) -> Columns:
        """Those from place *start* to before *stop*."""
        part = Columns()
        part.series = self.series[start:stop]
        part.values, part.at = self.values[start:stop], self.at[start:stop]
        part.received, part.states = self.received[start:stop], self.states[start:stop]
        return part

    def pick(self, places: list[int]) -> Columns:
        """Those at *places*, in that order."""
        if len(places) < 2:  # a getter of one gives no tuple
            return self.part(places[0], places[0] + 1) if places else Columns()
        of = itemgetter(*places)
        some = Columns()
        some.series = array("I", of(self.series))
        some.values, some.at = array("d", of(self.values)), array("d", of(self.at))
        some.received, some.states = array("d", of(self.received)), bytearray(of(self.states))
        return some

    def rows(self, first: int) -> Iterator[Row]:
        """Each sample, when the first of them has the sequence *first*."""
        for place, state in enumerate(self.states):
            yield Row(
                first + place,
                self.series[place],
                self.values[place],
                self.at[place],
                self.received[place],
                *_VERDICTS[state],
            )

    def verdict(self, place: int) -> tuple[Quality, Reason]:
        """Quality and reason of the sample at *place*."""
        return _VERDICTS[self.states[place]]

    def _bytes(self) -> bytes:
        doubles = (self.values, self.at, self.received)
        return b"".join((self.series.tobytes(), *(column.tobytes() for column in doubles), bytes(self.states)))


def pack(columns: Columns) -> bytes:
    """*columns* as bytes that ``unpack`` makes into the same, bit for bit."""
    doubles = (columns.values, columns.at, columns.received)
    parts = [_planes(columns.series, 4), *(_planes(column, 8) for column in doubles), bytes(columns.states)]
    return zlib.compress(b"".join(parts), _FASTEST)


def unpack(data: bytes, count: int) -> Columns:
    """The *count* samples that ``pack`` made into *data*.

    Raises:
        ValueError: it did not.
    """
    try:
        raw = zlib.decompress(data)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if len(raw) != 29 * count:
        raise ValueError(f"{len(raw)} bytes are not {count} samples")
    columns = Columns()
    columns.series.frombytes(_joined(raw[: 4 * count], 4))
    for place, column in enumerate((columns.values, columns.at, columns.received)):
        start = (4 + 8 * place) * count
        column.frombytes(_joined(raw[start : start + 8 * count], 8))
    columns.states = bytearray(raw[28 * count :])
    if not _VERDICTS.keys() >= set(columns.states):
        raise ValueError("a sample has a quality or reason that this version does not know")
    return columns


def _planes(column: array[int] | array[float], width: int) -> bytes:
    """The bytes of a column, the lowest of each item first."""
    data = column.tobytes()
    planes = [data[place::width] for place in range(width)]
    return b"".join(planes if sys.byteorder == "little" else reversed(planes))


def _joined(planes: bytes, width: int) -> bytes:
    """The column whose planes these are."""
    size = len(planes) // width
    data = bytearray(len(planes))
    for place in range(width):
        at = place if sys.byteorder == "little" else width - 1 - place
        data[at::width] = planes[place * size : (place + 1) * size]
    return bytes(data)
