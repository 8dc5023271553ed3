"""What a number that a device gave stands for. Pure, and the same for every protocol."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from greenops_core.sample import Reason

SMALLEST = 1e-20
"""No instrument gives less but zero; the words of a float in the wrong order often spell such a number."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a decoded number stands for: one of its bits, a listed state, or a linear scale; and which numbers are none.

    *sentinels* are numbers, as decoded, by which the device says that it has no value.
    """

    scale: float = 1.0
    offset: float = 0.0
    bit: int | None = None
    enum: Mapping[int, float] | None = None
    sentinels: frozenset[int | float] = frozenset()

    def of(self, number: float) -> tuple[float, Reason]:
        """The value in the point's unit and ``Reason.NONE``, or no number and why.

        >>> Meaning(scale=0.1, sentinels=frozenset({-32768})).of(215)
        (21.5, <Reason.NONE: 'none'>)
        >>> Meaning(sentinels=frozenset({-32768})).of(-32768)
        (nan, <Reason.SENTINEL: 'sentinel'>)
        """
        if number in self.sentinels or not math.isfinite(number):
            return math.nan, Reason.SENTINEL
        if 0 < abs(number) < SMALLEST:
            return math.nan, Reason.DECODE
        if self.bit is not None:
            number = int(number) >> self.bit & 1
        if self.enum is not None:
            listed = self.enum.get(int(number)) if number == int(number) else None
            return (math.nan, Reason.DECODE) if listed is None else (listed, Reason.NONE)
        value = float(number) if self.scale == 1 and self.offset == 0 else number * self.scale + self.offset
        return (value, Reason.NONE) if math.isfinite(value) else (math.nan, Reason.DECODE)
