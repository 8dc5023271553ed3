"""Whether a value may be used, and if not, why: the device's own status first, then what the number itself says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite

from greenops_core.sample import Quality, Reason

# When several things are wrong, the first of these names them: what explains the most comes first.
PRECEDENCE: tuple[Reason, ...] = (
    Reason.COMMUNICATION,
    Reason.DEVICE_EXCEPTION,
    Reason.DECODE,
    Reason.DEVICE_FAULT,
    Reason.CALIBRATION,
    Reason.MAINTENANCE,
    Reason.SENTINEL,
    Reason.RANGE,
    Reason.STALE,
    Reason.NONE,
)


def foremost(reasons: Iterable[Reason]) -> Reason:
    """The reason that explains the most; of none, ``Reason.NONE``.

    >>> foremost([Reason.RANGE, Reason.CALIBRATION])
    <Reason.CALIBRATION: 'calibration'>
    """
    return min(reasons, key=PRECEDENCE.index, default=Reason.NONE)


def status(word: int, bits: Mapping[int, Reason]) -> Reason:
    """What a status word says: *bits* gives the meaning of each bit that makes a value unusable when set.

    >>> status(0b1000, {3: Reason.CALIBRATION, 5: Reason.DEVICE_FAULT})
    <Reason.CALIBRATION: 'calibration'>
    """
    return foremost(reason for bit, reason in bits.items() if word >> bit & 1)


def assess(value: float, reason: Reason, within: tuple[float, float] | None) -> tuple[Quality, Reason]:
    """The quality of *value*, about which *reason* is known already, measured where only *within* is plausible.

    Whatever is wrong makes a value bad: neither gas from a bottle nor a number beyond the analyser's range is what the
    stack emitted.

    >>> assess(2100.0, Reason.NONE, (0.0, 2000.0))
    (<Quality.BAD: 2>, <Reason.RANGE: 'range'>)
    """
    if reason is Reason.NONE and not isfinite(value):
        reason = Reason.SENTINEL
    if reason is Reason.NONE and within is not None and not within[0] <= value <= within[1]:
        reason = Reason.RANGE
    return (Quality.GOOD if reason is Reason.NONE else Quality.BAD), reason
