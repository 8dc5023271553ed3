"""Rules that judge each value of a point, and the judge that applies them: data in, verdict out.

What the device says of its own value goes first. Then the number: finite, within its range, not faster than the process
can be, not far from its neighbours in time, not standing still for longer than a living signal does. What cannot have
been measured is bad; what is only odd is uncertain, flagged and never dropped, unless its rule says to reject it.

A real step looks like a spike at first. Odd values that agree with each other are taken for real at the third one
(``Rules.confirm``), and so is whatever comes after fifteen odd values in a row: what was flagged stays flagged.
"""

from __future__ import annotations

import sys
from array import array
from dataclasses import dataclass
from functools import lru_cache
from math import inf, isfinite

from greenops_core.sample import Quality, Reason

Verdict = tuple[Quality, Reason]

CONFIRM = 3
SMALLEST_WINDOW = 5
LARGEST_WINDOW = 15
FEWEST_STILL = 5
DEVIATIONS_PER_MAD = 1.4826
"""The median absolute deviation times this is the standard deviation, were the noise normal."""

_LARGEST = sys.float_info.max
_BAD = Quality.BAD  # by its class a member is looked up slowly, and this is done for every value there is
_GOOD: Verdict = (Quality.GOOD, Reason.NONE)
_CLOCK: Verdict = (Quality.UNCERTAIN, Reason.CLOCK)
_WARM_UP: Verdict = (Quality.UNCERTAIN, Reason.WARM_UP)


@dataclass(frozen=True, slots=True)
class Rate:
    """The fastest change that is plausible, in base units per second. A change within *step* is never too fast."""

    most: float
    step: float = 0.0
    reject: bool = False


@dataclass(frozen=True, slots=True)
class Spike:
    """How far from the median of the last *window* accepted values one may stand.

    *deviations* standard deviations (from the median absolute deviation), and always *floor* base units.
    """

    floor: float
    window: int = 9
    deviations: float = 6.0
    reject: bool = False


@dataclass(frozen=True, slots=True)
class FlatLine:
    """A value that moved no more than *tolerance* base units for *after* seconds is not alive.

    Within one of *still*, ranges in the base unit with both ends, it may stand as long as it likes.
    """

    after: float
    tolerance: float = 0.0
    still: tuple[tuple[float, float], ...] = ((0.0, 0.0),)
    reject: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """What is plausible for one point, in its base unit and in seconds."""

    within: tuple[float, float] | None = None
    rate: Rate | None = None
    spike: Spike | None = None
    flat_line: FlatLine | None = None
    warm_up: float = 0.0
    confirm: int = CONFIRM


@lru_cache(maxsize=1000)
def _shared(rules: Rules) -> Rules:
    """The first of equal rules: what thousands of points have in common is kept, and fetched into the cache, once."""
    return rules


class Judge:
    """Judges the values of one point in the order in which they come. Equal values and times give equal verdicts."""

    __slots__ = ("_bare", "_high", "_low", "_newest", "_stillness", "_track", "_warm_until", "_warm_up")

    def __init__(self, rules: Rules) -> None:
        rules = _shared(rules)
        low, high = rules.within or (-_LARGEST, _LARGEST)
        self._low, self._high = max(low, -_LARGEST), min(high, _LARGEST)
        self._track = None if rules.rate is None and rules.spike is None else _Track(rules)
        self._stillness = None if rules.flat_line is None else _Stillness(rules.flat_line)
        self._warm_up, self._warm_until, self._newest = rules.warm_up, -inf, -inf
        self._bare = self._track is None and self._stillness is None and rules.warm_up <= 0

    def assess(
        self,
        value: float,
        at: float,
        quality: Quality = Quality.GOOD,
        reason: Reason = Reason.NONE,
        *,
        clock: bool = True,
    ) -> Verdict:
        """How far *value*, in the base unit and measured *at*, may be trusted, and if not wholly, why.

        *quality* and *reason* are what the device says; what is found here counts only when it is worse. *clock* says
        whether *at* can be trusted. A value that is no newer than the last is judged by its range alone.

        >>> Judge(Rules(within=(0.0, 2000.0))).assess(2100.0, 1_700_000_000.0)
        (<Quality.BAD: 2>, <Reason.RANGE: 'range'>)
        """
        if quality is _BAD:
            if self._stillness is not None and at > self._newest:
                self._stillness.forget()
            return quality, reason
        if not self._low <= value <= self._high:
            return _BAD, (Reason.RANGE if isfinite(value) else Reason.SENTINEL)
        if self._bare and clock:
            return quality, reason
        found = self._compared(value, at) if clock else _CLOCK
        return found if found[0] > quality else (quality, reason)

    def restarted(self, at: float) -> None:
        """The device came back *at* this Unix time: what it said before is no measure, and it may have to warm up."""
        self.forget()
        self._warm_until = at + self._warm_up

    def stepped(self, by: float) -> None:
        """The clock by which values are timed was set, *by* seconds forward: only how long it warms up goes on."""
        self.forget()
        self._warm_until += by

    def forget(self) -> None:
        """Compare what comes with nothing before."""
        self._newest = -inf
        if self._track is not None:
            self._track.forget()
        if self._stillness is not None:
            self._stillness.forget()

    def _compared(self, value: float, at: float) -> Verdict:
        """What *value* is beside those before it."""
        if at < self._warm_until:
            return _WARM_UP
        if at <= self._newest:
            return _GOOD
        self._newest = at
        moved = _GOOD if self._track is None else self._track.judge(value, at)
        if self._stillness is None:
            return moved
        stood = self._stillness.judge(value, at)
        return stood if stood[0] > moved[0] else moved


class _Track:
    """Where the value has been: the last one taken for real, and a window of them for the median.

    All of the window lies between *lowest* and *highest*, and so does its median.
    """

    __slots__ = (
        "_at",
        "_confirm",
        "_doubts",
        "_floor",
        "_highest",
        "_judged",
        "_last",
        "_lowest",
        "_most",
        "_spike",
        "_step",
        "_suspects",
        "_times",
        "_too_fast",
        "_values",
    )

    def __init__(self, rules: Rules) -> None:
        rate, spike = rules.rate, rules.spike
        self._most, self._step = (0.0, inf) if rate is None else (rate.most, rate.step)
        self._spike, self._floor = spike, inf if spike is None else spike.floor
        self._confirm = rules.confirm
        self._too_fast = _flagged(Reason.RATE, reject=rate is not None and rate.reject)
        self._judged = _flagged(Reason.SPIKE, reject=spike is not None and spike.reject)
        self.forget()

    def forget(self) -> None:
        self._last, self._at = 0.0, -inf
        self._suspects: tuple[tuple[float, float], ...] = ()
        self._doubts = 0
        self._empty()

    def judge(self, value: float, at: float) -> Verdict:
        change = abs(value - self._last)
        if change > self._step and change > self._most * (at - self._at):
            return self._doubted(value, at, self._too_fast)
        # Who is near the lowest and the highest is near the median too: seldom must the window be put in order.
        if (value - self._lowest > self._floor or self._highest - value > self._floor) and self._is_spike(value, at):
            return self._doubted(value, at, self._judged)
        if self._doubts:
            self._doubts, self._suspects = 0, ()
        self._take(value, at)
        return _GOOD

    def _doubted(self, value: float, at: float, found: Verdict) -> Verdict:
        """What is *found*, unless there were enough such values to believe them."""
        self._doubts += 1
        suspects = self._suspects
        if suspects and 2 * abs(value - suspects[-1][0]) > abs(value - self._last):
            suspects = ()
        suspects = self._suspects = (*suspects, (value, at))
        if len(suspects) < self._confirm and self._doubts <= LARGEST_WINDOW:
            return found
        self._doubts, self._suspects = 0, ()
        self._empty()
        for each in suspects:
            self._take(*each)
        return _GOOD

    def _is_spike(self, value: float, at: float) -> bool:
        spike, count = self._spike, len(self._values)
        if spike is None or count < SMALLEST_WINDOW:
            return False
        ordered = sorted(self._values)
        self._lowest, self._highest = ordered[0], ordered[-1]
        median = ordered[count // 2]
        away = abs(value - median)
        if away <= spike.floor:
            return False
        if at - self._at > self._at - self._times[0]:
            # Nothing was taken for as long as the window spans: it says nothing about now.
            self._empty()
            return False
        spread = sorted([abs(each - median) for each in ordered])[count // 2]
        return away > spike.deviations * DEVIATIONS_PER_MAD * spread

    def _empty(self) -> None:
        """Begin a new window."""
        self._values = array("d")
        self._times = array("d")
        self._lowest, self._highest = inf, -inf

    def _take(self, value: float, at: float) -> None:
        self._last, self._at = value, at
        if self._spike is None:
            return
        values = self._values
        if len(values) == self._spike.window:
            del values[0], self._times[0]
        values.append(value)
        self._times.append(at)
        # No narrower when a value leaves the window: who is not near both is looked at closely, and so are they.
        if value < self._lowest:  # noqa: PLR1730  # min() takes five times as long, for every value there is
            self._lowest = value
        if value > self._highest:  # noqa: PLR1730  # same
            self._highest = value


class _Stillness:
    """Since when the value has not moved."""

    __slots__ = ("_count", "_dead", "_rule", "_since", "_value")

    def __init__(self, rule: FlatLine) -> None:
        self._rule, self._dead = rule, _flagged(Reason.FLAT_LINE, reject=rule.reject)
        self.forget()

    def forget(self) -> None:
        self._value, self._since, self._count = inf, inf, 0

    def judge(self, value: float, at: float) -> Verdict:
        rule = self._rule
        if abs(value - self._value) > rule.tolerance:
            self._value, self._since, self._count = value, at, 1
            return _GOOD
        self._count += 1
        if at - self._since < rule.after or self._count < FEWEST_STILL:
            return _GOOD
        for low, high in rule.still:
            if low <= value <= high:
                return _GOOD
        return self._dead


def _flagged(reason: Reason, *, reject: bool) -> Verdict:
    return (Quality.BAD if reject else Quality.UNCERTAIN), reason
