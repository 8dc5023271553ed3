"""What an OPC UA status code says of a value (part 4, 7.39 and part 8, 6.3). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from greenops_core.sample import Quality, Reason

GOOD = 0
CODE = 0xFFFF0000
"""The bits that name the code; below them stand flags."""
SEVERITY = 0xC0000000
UNCERTAIN_BIT, BAD_BIT = 0x40000000, 0x80000000
QUEUE_OVERFLOW = 0x0480
"""Info type *data value* with the flag *overflow*: the server's queue for this node was full."""

TOO_MUCH: Mapping[int, str] = {
    0x80080000: "BadEncodingLimitsExceeded",
    0x80100000: "BadTooManyOperations",
    0x80800000: "BadTcpMessageTooLarge",
    0x80B80000: "BadRequestTooLarge",
    0x80B90000: "BadResponseTooLarge",
}
"""The request, or its answer, was larger than the server likes."""
NO_FILTER: Mapping[int, str] = {0x80440000: "BadMonitoredItemFilterUnsupported", 0x80450000: "BadFilterNotAllowed"}


class Judgement(NamedTuple):
    """A status code's name, and what it makes of the value."""

    name: str
    quality: Quality
    reason: Reason


def _bad(reason: Reason, codes: Mapping[int, str]) -> dict[int, Judgement]:
    return {code: Judgement(name, Quality.BAD, reason) for code, name in codes.items()}


def _uncertain(reason: Reason, codes: Mapping[int, str]) -> dict[int, Judgement]:
    return {code: Judgement(name, Quality.UNCERTAIN, reason) for code, name in codes.items()}


TABLE: Mapping[int, Judgement] = {
    0x00000000: Judgement("Good", Quality.GOOD, Reason.NONE),
    **_uncertain(
        Reason.FORCED,
        {
            0x00960000: "GoodLocalOverride",
            0x00DC0000: "GoodEdited",
            0x01160000: "GoodEdited_DependentValueChanged",
            0x01170000: "GoodEdited_DominantValueChanged",
            0x01180000: "GoodEdited_DominantValueChanged_DependentValueChanged",
        },
    ),
    **_uncertain(Reason.DEVICE_UNCERTAIN, {0x00EB0000: "GoodSubNormal", 0x04070000: "GoodFaultStateActive"}),
    **_uncertain(
        Reason.STALE, {0x408F0000: "UncertainNoCommunicationLastUsableValue", 0x40900000: "UncertainLastUsableValue"}
    ),
    **_uncertain(
        Reason.FORCED,
        {
            0x40910000: "UncertainSubstituteValue",
            0x40920000: "UncertainInitialValue",
            0x42080000: "UncertainTransducerInManual",
            0x42090000: "UncertainSimulatedValue",
        },
    ),
    **_uncertain(
        Reason.RANGE,
        {
            0x40940000: "UncertainEngineeringUnitsExceeded",
            0x40F20000: "UncertainOverRange",
            0x40F30000: "UncertainUnderRange",
        },
    ),
    **_uncertain(
        Reason.DEVICE_UNCERTAIN,
        {
            0x40000000: "Uncertain",
            0x40930000: "UncertainSensorNotAccurate",
            0x40950000: "UncertainSubNormal",
            0x40A40000: "UncertainDataSubNormal",
        },
    ),
    **_bad(Reason.CALIBRATION, {0x420A0000: "UncertainSensorCalibration"}),
    **_bad(
        Reason.COMMUNICATION,
        {
            0x80050000: "BadCommunicationError",
            0x800A0000: "BadTimeout",
            0x800D0000: "BadServerNotConnected",
            0x80310000: "BadNoCommunication",
            0x80850000: "BadRequestTimeout",
            0x808A0000: "BadNotConnected",
        },
    ),
    **_bad(
        Reason.DEVICE_FAULT,
        {0x80890000: "BadConfigurationError", 0x808B0000: "BadDeviceFailure", 0x808C0000: "BadSensorFailure"},
    ),
    **_bad(Reason.MAINTENANCE, {0x808D0000: "BadOutOfService"}),
    **_bad(Reason.WARM_UP, {0x80320000: "BadWaitingForInitialData"}),
    **_bad(Reason.RANGE, {0x803C0000: "BadOutOfRange"}),
    **_bad(Reason.DECODE, {0x80360000: "BadIndexRangeInvalid", 0x80370000: "BadIndexRangeNoData"}),
}
"""The codes that say why. Every other bad code is ``device_exception``: the server answered that it cannot."""

_UNKNOWN: Mapping[int, Judgement] = {
    0: Judgement("another good code", Quality.GOOD, Reason.NONE),
    UNCERTAIN_BIT: Judgement("another uncertain code", Quality.UNCERTAIN, Reason.DEVICE_UNCERTAIN),
    BAD_BIT: Judgement("another bad code", Quality.BAD, Reason.DEVICE_EXCEPTION),
    SEVERITY: Judgement("a code that is none", Quality.BAD, Reason.DECODE),
}


def judgement(status: int) -> Judgement:
    """What *status* makes of the value it came with.

    >>> judgement(0x80310000).reason.value, judgement(0x40900000).reason.value, judgement(0x0480).quality.name
    ('communication', 'stale', 'GOOD')
    """
    return TABLE.get(status & CODE) or _UNKNOWN[status & SEVERITY]


def overflowed(status: int) -> bool:
    """Whether the server says that values before this one were lost.

    >>> overflowed(0x0480), overflowed(0x0400)
    (True, False)
    """
    return status & QUEUE_OVERFLOW == QUEUE_OVERFLOW


CODES: Mapping[Reason, int] = {
    Reason.NONE: GOOD,
    Reason.COMMUNICATION: 0x80310000,
    Reason.DEVICE_EXCEPTION: 0x803A0000,
    Reason.DEVICE_FAULT: 0x808B0000,
    Reason.MAINTENANCE: 0x808D0000,
    Reason.CALIBRATION: 0x420A0000,
    Reason.WARM_UP: 0x80320000,
    Reason.FORCED: 0x00960000,
    Reason.RANGE: 0x40940000,
    Reason.STALE: 0x40900000,
    Reason.DEVICE_UNCERTAIN: 0x40000000,
}
"""What a device in such a state reports; by any other, it is in maintenance."""


def code(state: Reason) -> int:
    """The status code by which a device tells of its *state*."""
    return CODES.get(state, CODES[Reason.MAINTENANCE])
