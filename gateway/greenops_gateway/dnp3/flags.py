"""What DNP3's flags say of a value, and its internal indications (IIN) of a device. Pure.

Clauses are of IEEE 1815-2012.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Literal, NamedTuple

from greenops_core.sample import Quality, Reason

Kind = Literal["analog", "binary", "double_bit", "counter", "frozen_counter", "analog_output", "binary_output"]


class Objects(NamedTuple):
    """The object groups of a kind of point (annex A): its present values, and its events."""

    static: int
    event: int
    variations: tuple[int, ...]
    """Those in which present values come; 0 is as the device likes."""


OBJECTS: Mapping[Kind, Objects] = {
    "analog": Objects(30, 32, (0, 1, 2, 3, 4, 5, 6)),
    "binary": Objects(1, 2, (0, 1, 2)),
    "double_bit": Objects(3, 4, (0, 1, 2)),
    "counter": Objects(20, 22, (0, 1, 2, 5, 6)),
    "frozen_counter": Objects(21, 23, (0, 1, 2, 5, 6, 9, 10)),
    "analog_output": Objects(40, 42, (0, 1, 2, 3, 4)),
    "binary_output": Objects(10, 11, (0, 1, 2)),
}
KINDS: Mapping[int, Kind] = {
    group: kind for kind, objects in OBJECTS.items() for group in (objects.static, objects.event)
}

# Variations that carry fractions; the others are whole numbers.
_FRACTIONS: Mapping[int, frozenset[int]] = {
    30: frozenset({5, 6}),
    32: frozenset({5, 6, 7, 8}),
    40: frozenset({3, 4}),
    42: frozenset({5, 6, 7, 8}),
}


def has_fractions(group: int, variation: int) -> bool:
    """Whether an object can say 12.75; another says 12.

    >>> has_fractions(30, 5), has_fractions(32, 1)
    (True, False)
    """
    return variation in _FRACTIONS.get(group, ())


ONLINE, RESTART, COMM_LOST, REMOTE_FORCED, LOCAL_FORCED, BIT_5, BIT_6 = (1 << bit for bit in range(7))

# The first that is set explains the others: a point is off line because its source is lost (11.6.2).
_COMMON: tuple[tuple[int, Quality, Reason], ...] = (
    (COMM_LOST, Quality.BAD, Reason.COMMUNICATION),
    (RESTART, Quality.BAD, Reason.WARM_UP),
)
_FORCED = (REMOTE_FORCED | LOCAL_FORCED, Quality.UNCERTAIN, Reason.FORCED)
# OVER_RANGE and REFERENCE_ERR; CHATTER_FILTER; ROLLOVER is obsolete and DISCONTINUITY a reset or an overflow.
_ANALOG = ((BIT_5, Quality.BAD, Reason.RANGE), _FORCED, (BIT_6, Quality.UNCERTAIN, Reason.DEVICE_UNCERTAIN))
_BINARY = (_FORCED, (BIT_5, Quality.UNCERTAIN, Reason.DEVICE_UNCERTAIN))
_COUNTER = (_FORCED, (BIT_6, Quality.UNCERTAIN, Reason.DEVICE_UNCERTAIN))
_OWN: Mapping[Kind, tuple[tuple[int, Quality, Reason], ...]] = {
    "analog": _ANALOG,
    "analog_output": _ANALOG,
    "binary": _BINARY,
    "double_bit": _BINARY,
    "binary_output": (_FORCED,),
    "counter": _COUNTER,
    "frozen_counter": _COUNTER,
}


@cache
def judged(kind: Kind, flags: int) -> tuple[Quality, Reason]:
    """What the flag octet of a point says of its value.

    >>> judged("analog", ONLINE), judged("analog", ONLINE | BIT_5)
    ((<Quality.GOOD: 0>, <Reason.NONE: 'none'>), (<Quality.BAD: 2>, <Reason.RANGE: 'range'>))
    """
    for mask, quality, reason in _COMMON:
        if flags & mask:
            return quality, reason
    if not flags & ONLINE:
        return Quality.BAD, Reason.DEVICE_FAULT
    for mask, quality, reason in _OWN[kind]:
        if flags & mask:
            return quality, reason
    return Quality.GOOD, Reason.NONE


class Indications(NamedTuple):
    """The two octets of internal indications of a response (4.5)."""

    first: int = 0
    second: int = 0

    @property
    def restart(self) -> bool:
        return bool(self.first & 0x80)

    @property
    def need_time(self) -> bool:
        """The device's clock was not set since it started."""
        return bool(self.first & 0x10)

    @property
    def refused(self) -> bool:
        """The request was not understood, or asked for what is not there (IIN2.0 to IIN2.2)."""
        return bool(self.second & 0x07)

    @property
    def overflow(self) -> bool:
        """Events were lost."""
        return bool(self.second & 0x08)

    @property
    def trouble(self) -> bool:
        """The device says that it, or its configuration, is not in order."""
        return bool(self.first & 0x40 or self.second & 0x20)

    def words(self) -> Iterator[str]:
        """Each bit that is set.

        >>> list(Indications(0x90, 0x08).words())
        ['device restart', 'need time', 'event buffer overflow']
        """
        for octet, names in zip(self, _INDICATIONS, strict=True):
            for bit, name in names.items():
                if octet & bit:
                    yield name

    @classmethod
    def union(cls, many: Iterable[Indications]) -> Indications:
        """Every bit that is set in one of them.

        >>> Indications.union([Indications(0x80), Indications(0x10, 0x08)])
        Indications(first=144, second=8)
        """
        first = second = 0
        for one in many:
            first, second = first | one.first, second | one.second
        return cls(first, second)


_INDICATIONS = (
    {
        0x80: "device restart",
        0x40: "device trouble",
        0x20: "local control",
        0x10: "need time",
        0x08: "class 3 events",
        0x04: "class 2 events",
        0x02: "class 1 events",
        0x01: "broadcast received",
    },
    {
        0x01: "function not supported",
        0x02: "object unknown",
        0x04: "parameter error",
        0x08: "event buffer overflow",
        0x10: "already executing",
        0x20: "configuration corrupt",
    },
)
