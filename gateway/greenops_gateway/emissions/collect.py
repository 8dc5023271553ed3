"""The readings of an hour, out of the journal: by the time of measurement, in decimals, in the plan's unit.

What a sample counts as comes from the quality and the reason that the journal has of it.
"""

from __future__ import annotations

import hashlib
import struct
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import chain
from math import inf
from operator import itemgetter
from typing import NamedTuple

from greenops_core.catalogue import POINT_METRICS
from greenops_core.sample import Quality, Reason
from greenops_gateway.acquisition import AHEAD
from greenops_gateway.cems.hour import Hour, StandardTime
from greenops_gateway.cems.parameter import MOST
from greenops_gateway.cems.reading import Reading, Status, in_order
from greenops_gateway.emissions.entry import Inputs, Sequences
from greenops_gateway.emissions.unit import Sources, from_base, quantity
from greenops_telemetry.journal.columns import Columns
from greenops_telemetry.journal.reader import Reader, Run
from greenops_telemetry.journal.series import Series

AT_ONCE = 5000
AT_HAND = 200_000
"""Samples; 6 MB."""


Raw = tuple[float, float, int]
"""Time, value in the base unit and state of a sample."""


class Collected(NamedTuple):
    """The readings of an hour by parameter, each in the order of time, and what identifies them."""

    readings: Mapping[str, Sequence[Reading]]
    inputs: Inputs


class Sampled(NamedTuple):
    """A reading with the sequence of its sample."""

    sequence: int
    reading: Reading


def status(quality: Quality, reason: Reason) -> Status:
    """What a sample counts as.

    >>> status(Quality.BAD, Reason.CALIBRATION), status(Quality.UNCERTAIN, Reason.SPIKE)
    (<Status.CALIBRATION: 'calibration'>, <Status.VALID: 'valid'>)
    """
    if quality is Quality.BAD:
        return _BAD[reason]
    return _WHATEVER.get(reason, Status.VALID)


_WHATEVER: Mapping[Reason, Status] = {
    Reason.MAINTENANCE: Status.MAINTENANCE,
    Reason.CALIBRATION: Status.CALIBRATION,
    Reason.BLOWBACK: Status.MAINTENANCE,
    Reason.OUT_OF_CONTROL: Status.FAULT,
    Reason.FORCED: Status.MAINTENANCE,
    Reason.WARM_UP: Status.WARM_UP,
    Reason.CLOCK: Status.LOST,
}
"""What no quality makes a measurement of the stack; a time that cannot be trusted belongs to no hour."""
_BAD: Mapping[Reason, Status] = {
    **dict.fromkeys(Reason, Status.LOST),
    Reason.DEVICE_EXCEPTION: Status.FAULT,
    Reason.DEVICE_FAULT: Status.FAULT,
    Reason.DEVICE_UNCERTAIN: Status.FAULT,
    Reason.RATE: Status.FAULT,
    Reason.SPIKE: Status.FAULT,
    Reason.FLAT_LINE: Status.FAULT,
    Reason.RANGE: Status.OUT_OF_RANGE,
    **_WHATEVER,
}


class Window:
    """A reader that has the last samples at hand: the stretches of two hours overlap, and files are read forwards."""

    def __init__(self, reader: Reader) -> None:
        self._reader, self._held = reader, deque[Run](maxlen=AT_HAND // AT_ONCE)

    def read(self, start: int, stop: int, most: int) -> Run | None:
        """As ``Reader.read``. Raises OSError: the disk does not let us."""
        for first, columns in self._held:
            if first <= start < first + len(columns):
                return start, columns.part(start - first, min(stop, start + most) - first)
        run = self._reader.read(start, stop, most)
        if run is not None:
            self._held.append(run)
        return run

    def close(self) -> None:
        """Give the file back."""
        self._held.clear()
        self._reader.close()


class Collector:
    """Finds the samples of *sources* in a journal, of which ``series`` gives what a number means."""

    def __init__(self, sources: Sources, series: Callable[[int], Series]) -> None:
        """Raises ConfigError: a unit that nobody knows."""
        self.sources, self._series = sources, series
        self._convert = {name: from_base(source.unit) for name, source in sources.items()}
        self._metrics = {name: POINT_METRICS[quantity(source.unit)].name for name, source in sources.items()}
        self._names: dict[int, tuple[str, ...]] = {}
        self._status: dict[int, Status] = {}

    def wanted(self, columns: Columns) -> list[int]:
        """The places in *columns* of samples that are of a source, and of a time that can be."""
        for number in set(columns.series).difference(self._names):
            self._names[number] = self._parameters(number)
        some = {number for number, names in self._names.items() if names}
        if some.isdisjoint(columns.series):
            return []
        at, received = columns.at, columns.received
        return [
            place
            for place, number in enumerate(columns.series)
            if number in some and at[place] <= received[place] + AHEAD
        ]

    def parameters(self, number: int) -> tuple[str, ...]:
        """What is read from the series *number*, which ``wanted`` has seen."""
        return self._names[number]

    def sampled(self, reader: Window, sequences: Sequences, zone: StandardTime, hour: Hour) -> dict[str, list[Sampled]]:
        """The samples of *hour* in *sequences*, by parameter, in the order in which they came. Raises OSError."""
        found: dict[str, list[Sampled]] = {name: [] for name in self.sources}
        for first, columns in _runs(reader, sequences):
            for name, places in self._places(columns, zone, hour):
                read = self._reader(name)
                found[name] += [Sampled(first + place, read(*_raw(columns, place))) for place in places]
        return {name: sorted(some, key=itemgetter(0)) for name, some in found.items()}

    def collected(self, reader: Window, sequences: Sequences, zone: StandardTime, hour: Hour) -> Collected:
        """The readings of *hour* in *sequences* of the journal. Raises OSError: it cannot be read."""
        raw: dict[str, set[Raw]] = {name: set() for name in self.sources}
        for _, columns in _runs(reader, sequences):
            for name, places in self._places(columns, zone, hour):
                raw[name].update([_raw(columns, place) for place in places])
        whole, readings = hashlib.sha256(), dict[str, list[Reading]]()
        for name in sorted(raw):
            ordered = sorted(raw[name])
            whole.update(f"{name} {len(ordered)}\n".encode())
            whole.update(struct.pack(f"<{3 * len(ordered)}d", *chain.from_iterable(ordered)))
            read = self._reader(name)
            readings[name] = in_order([read(*each) for each in ordered])
        return Collected(readings, Inputs(whole.hexdigest(), sum(map(len, raw.values())), sequences))

    def _places(self, columns: Columns, zone: StandardTime, hour: Hour) -> Iterator[tuple[str, list[int]]]:
        """Where in *columns* the samples of each parameter and of *hour* are."""
        begin, end = zone.begins(hour), zone.begins(Hour(hour + 1))
        at, series, by_series = columns.at, columns.series, dict[int, list[int]]()
        for state in set(columns.states).difference(self._status):
            self._status[state] = status(*columns.verdict(columns.states.index(state)))
        for place in self.wanted(columns):
            if begin <= at[place] < end:
                by_series.setdefault(series[place], []).append(place)
        for number, places in by_series.items():
            for name in self._names[number]:
                yield name, places

    def _parameters(self, number: int) -> tuple[str, ...]:
        """What the series with *number* is the source of; of one that the journal lost the name of, nothing."""
        try:
            series = self._series(number)
        except KeyError:
            return ()
        labels = dict(series.labels)
        point = f"{labels.get('device')}/{labels.get('point')}"
        return tuple(
            name
            for name, source in self.sources.items()
            if source.point == point and self._metrics[name] == series.name
        )

    def _reader(self, name: str) -> Callable[[float, float, int], Reading]:
        """What makes a reading of *name* of a sample's time, value and state."""
        convert, full, statuses = self._convert[name], self.sources[name].full_scale, self._status

        def read(at: float, value: float, state: int) -> Reading:
            what = statuses[state]
            if value == inf:  # there is none, whatever else is said
                return Reading(at, Decimal(0), Status.LOST if what is Status.VALID else what)
            number = convert(value)
            if not -MOST < number < MOST:
                return Reading(at, Decimal(0), Status.FAULT if what is Status.VALID else what)
            if what is Status.OUT_OF_RANGE and full is not None and number >= full:
                what = Status.OVER_RANGE
            return Reading(at, number, what)

        return read


def _raw(columns: Columns, place: int) -> Raw:
    """Time, value and state of a sample; a value that is no number is infinite, so that it equals itself."""
    value = columns.values[place]
    return columns.at[place], value if value - value == 0 else inf, columns.states[place]


def merged(*sequences: tuple[int, int]) -> Sequences:
    """Stretches in their order, without overlap.

    >>> merged((5, 9), (1, 3), (3, 4), (8, 12), (20, 20))
    ((1, 4), (5, 12))
    """
    found: list[tuple[int, int]] = []
    for first, stop in sorted(each for each in sequences if each[0] < each[1]):
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(stop, found[-1][1]))
        else:
            found.append((first, stop))
    return tuple(found)


def _runs(reader: Window, sequences: Sequences) -> Iterator[Run]:
    for first, stop in sequences:
        at = first
        while (run := reader.read(at, stop, AT_ONCE)) is not None:
            yield run
            at = run[0] + len(run[1])
