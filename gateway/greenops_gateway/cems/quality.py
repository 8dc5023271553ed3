"""Why a value may not be used: which of several reasons explains the most."""

from __future__ import annotations

from collections.abc import Iterable

from greenops_core.sample import Reason

PRECEDENCE: tuple[Reason, ...] = tuple(Reason)
"""When several things are wrong, the first of these names them: what explains the most comes first."""


def foremost(reasons: Iterable[Reason]) -> Reason:
    """The reason that explains the most; of none, ``Reason.NONE``.

    >>> foremost([Reason.RANGE, Reason.CALIBRATION])
    <Reason.CALIBRATION: 'calibration'>
    """
    return min(reasons, key=PRECEDENCE.index, default=Reason.NONE)
