"""A DNP3 link and its outstation in gateway.yml."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from greenops_core.duration import Duration
from greenops_core.errors import ConfigError, within
from greenops_core.sample import Reason
from greenops_gateway.dnp3.flags import OBJECTS, Kind
from greenops_gateway.meaning import Meaning
from greenops_gateway.number import Number
from greenops_gateway.point import SHORTEST_STALE_AFTER, STALE_AFTER_POLLS, Device, Link
from greenops_gateway.tcp import Port, check_host, place
from greenops_telemetry.configuration import lasting
from greenops_telemetry.tls import Tls

PORT = 20000
LAST_ADDRESS = 65519
"""Higher ones are reserved (IEEE 1815-2012, 9.2.4.1.3.2)."""
DEFAULT_STATIC: Mapping[Kind, int] = {"analog": 5, "analog_output": 3}
"""As 32-bit floats; other kinds come as the device likes."""
MOST_RANGES = 100
"""With more of them the requests are longer than an answer with everything."""
REQUEST = 249
"""Octets of a request, which every outstation can take: with the transport octet, one link frame (9.2.4.1.1)."""
ONE_OCTET = 255
CONTROL_AND_FUNCTION = 2
"""Octets with which a request begins."""
# A double-bit input has no number: between its states, and where it cannot tell, there is no value.
DOUBLE_BIT = {1: 0.0, 2: 1.0}

Address = Annotated[int, Meta(ge=0, le=LAST_ADDRESS)]
EventClass = Annotated[int, Meta(ge=1, le=3)]


class Dnp3Link(Link, frozen=True, kw_only=True):
    """A TCP connection to one outstation. *address* is the gateway's own as a master. *tls* is as in IEC 62351-3."""

    host: str
    port: Port = PORT
    address: Address = 1
    timeout: Duration = lasting("5s")
    keep_alive: Duration = lasting("60s")
    tls: Tls | None = None

    def check(self) -> None:
        super().check()
        check_host(self.host, PORT)
        if self.tls is not None:
            with within("tls"):
                self.tls.check("ca")

    @property
    def where(self) -> str:
        """The far end, for a message."""
        return place(self.host, self.port)

    def check_devices(self, devices: tuple[Any, ...]) -> None:
        """Raises ConfigError: more than one device."""
        super().check_devices(devices)
        if len(devices) > 1:
            raise ConfigError(
                f"{devices[0].name} and {devices[1].name} share a DNP3 link; a silent outstation would hold up the "
                f"others on its connection, so write a link for each"
            )

    def destination(self, devices: tuple[Any, ...]) -> str:
        return ", ".join([self.where, *(f"outstation {device.address}" for device in devices)])

    def explain(self, devices: tuple[Any, ...]) -> Iterator[str]:
        yield f"host {self.host}, port {self.port}{'' if self.tls is None else ' (TLS)'}, master address {self.address}"
        yield from super().explain(devices)


class Dnp3Point(Number[int], frozen=True, kw_only=True):
    """A point by its kind and index."""

    kind: Kind = "analog"
    index: Annotated[int, Meta(ge=0, le=65535)]

    def meaning(self) -> Meaning:
        found = super().meaning()
        return replace(found, enum=DOUBLE_BIT) if self.kind == "double_bit" and self.enum is None else found


class Read(NamedTuple):
    """One object header of a read request: a range of indexes, or all objects where there is none."""

    group: int
    variation: int
    indexes: tuple[int, int] | None = None

    def __str__(self) -> str:
        """As it is written in device profiles.

        >>> str(Read(30, 5, (0, 9))), str(Read(60, 2))
        ('g30v5 0-9', 'class 1')
        """
        if self.group == 60:
            return f"class {self.variation - 1}"
        return f"g{self.group}v{self.variation}" + ("" if self.indexes is None else " {}-{}".format(*self.indexes))

    @property
    def octets(self) -> int:
        """How long it is in a request: group, variation and qualifier, and the range in one or two octets each."""
        if self.indexes is None:
            return 3
        return 5 if self.indexes[1] <= ONE_OCTET else 7


class Dnp3Device(Device, frozen=True, kw_only=True):
    """An outstation at *address*.

    Each *poll* reads the events of *classes*, and each *refresh* (as often, when not given) the present values of the
    points too. *integrity* is how often all classes and present values are read; that is also done at the start and
    when the device was restarted or lost events. *static* and *events* are the variations to ask for by kind of point,
    0 for what the device likes. With *trust_time* an event has the device's time when its clock is set.
    """

    points: tuple[Dnp3Point, ...]
    address: Address
    classes: tuple[EventClass, ...] = (1, 2, 3)
    unsolicited: bool = True
    integrity: Duration = lasting("1h")
    refresh: Duration | None = None
    static: dict[Kind, int] = msgspec.field(default_factory=dict)
    events: dict[Kind, Annotated[int, Meta(ge=1, le=10)]] = msgspec.field(default_factory=dict)
    trust_time: bool = True

    def check(self) -> None:
        super().check()
        for kind, variation in self.static.items():
            objects = OBJECTS[kind]
            if variation not in objects.variations:
                known = ", ".join(str(one) for one in objects.variations)
                raise ConfigError(f"g{objects.static}v{variation} does not exist; known: {known}", ("static", kind))
        if not self.classes and not self.events and self.refreshing() > self.poll:
            raise ConfigError("nothing is read at a poll; name classes, or leave refresh out", ("classes",))
        for key in ("refresh", "integrity"):
            every = getattr(self, key)
            if every is not None and every < self.poll:
                raise ConfigError(f"{every} is shorter than poll ({self.poll})", (key,))
        if self.stale_after is not None and self.refresh is not None and self.stale_after < self.refresh:
            raise ConfigError(f"{self.stale_after} is shorter than refresh ({self.refresh})", ("stale_after",))

    def freshness(self) -> float:
        """As of any device, but by *refresh*: between two of them a value that does not change is not sent."""
        return float(self.stale_after or max(STALE_AFTER_POLLS * self.refreshing(), SHORTEST_STALE_AFTER))

    def refreshing(self) -> float:
        """Seconds between two readings of the present values."""
        return float(self.poll if self.refresh is None else self.refresh)

    def variation(self, kind: Kind) -> int:
        """In which variation present values are asked for."""
        return self.static.get(kind, DEFAULT_STATIC.get(kind, 0))

    def present(self) -> tuple[Read, ...]:
        """What reads the present values of all points: neighbours together, and no index that is not asked for."""
        reads: list[Read] = []
        for kind, objects in OBJECTS.items():
            group, variation = objects.static, self.variation(kind)
            found = tuple(runs(point.index for point in self.points if point.kind == kind))
            if len(found) > MOST_RANGES:
                reads.append(Read(group, variation))
            else:
                reads.extend(Read(group, variation, run) for run in found)
        return tuple(reads)

    def changes(self, classes: Iterable[int]) -> tuple[Read, ...]:
        """What reads the events of *classes*; those of kinds in *events* are asked for by variation, of any class."""
        explicit = tuple(Read(OBJECTS[kind].event, variation) for kind, variation in self.events.items())
        return (*explicit, *(Read(60, 1 + number) for number in classes))

    def explain(self) -> Iterator[str]:
        yield f"outstation address {self.address}"
        yield f"every {self.poll}: {_listed(self.changes(self.classes)) or 'nothing'}"
        count = len(list(requests(self.present())))
        together = f" (in {count} requests)" if count > 1 else ""
        yield f"every {Duration(self.refreshing())}: {_listed(self.present())}{together}"
        yield f"every {self.integrity}, after a restart and after lost events: all classes and present values"
        yield "unsolicited events are " + ("welcome" if self.unsolicited else "turned off")
        for point in self.points:
            yield ", ".join([f"{point.name}: {point.unit} from {point.kind} {point.index}", *point.settings()])

    def hint(self, point: str, reason: Reason) -> str:
        kinds: dict[str, Kind] = {known.name: known.kind for known in self.points}
        kind = kinds[point]
        group, variation = OBJECTS[kind].static, self.variation(kind)
        if reason is Reason.DEVICE_EXCEPTION:
            other = f", or try static: {{{kind}: 0}}" if variation else ""
            return f"the device gives no such point as g{group}v{variation}; look for its index by scan{other}"
        if reason is Reason.DEVICE_UNCERTAIN and kind not in self.events:
            return (
                f"events may come as whole numbers or without flags; try events: {{{kind}: 7}}"
                if kind == "analog"
                else "the device gives it without flags, or says that it is in trouble"
            )
        if reason is Reason.CLOCK:
            return "the device's clock is not set, or its events have no time; set it there, or trust_time: false"
        return super().hint(point, reason)


def runs(indexes: Iterable[int]) -> Iterator[tuple[int, int]]:
    """The first and the last of each run of neighbours.

    >>> list(runs([3, 1, 2, 7, 7]))
    [(1, 3), (7, 7)]
    """
    start = stop = None
    for index in sorted(set(indexes)):
        if start is None or stop is None:
            start = index
        elif index != stop + 1:
            yield start, stop
            start = index
        stop = index
    if start is not None and stop is not None:
        yield start, stop


def requests(reads: Iterable[Read]) -> Iterator[tuple[Read, ...]]:
    """*reads* in their order, so many together as go into one request.

    >>> [len(part) for part in requests([Read(30, 5, (index, index)) for index in range(0, 200, 2)])]
    [49, 49, 2]
    """
    part: list[Read] = []
    octets = CONTROL_AND_FUNCTION
    for read in reads:
        if part and octets + read.octets > REQUEST:
            yield tuple(part)
            part, octets = [], CONTROL_AND_FUNCTION
        part.append(read)
        octets += read.octets
    if part:
        yield tuple(part)


def _listed(reads: Sequence[Read]) -> str:
    return ", ".join(str(read) for read in reads)
