from __future__ import annotations

import math
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_gateway.cems.averaging import BLOCKS, Average, RollingAverage

PERIOD = 60.0
LENGTH = PERIOD / BLOCKS
T0 = 1_700_000_040.0  # a multiple of the period


def averaged(samples: list[tuple[float, float]], now: float) -> Average:
    rolling, clock = RollingAverage(PERIOD), T0
    for at, value in samples:
        clock = max(clock, at)
        rolling.add(value, at, clock)
    return rolling.over(now)


@pytest.mark.parametrize(
    ("samples", "now", "expected"),
    [
        pytest.param([], T0, Average(None, 0.0), id="nothing at all"),
        pytest.param([(T0, 5.0)], T0, Average(5.0, 0.05), id="one sample fills one block"),
        pytest.param([(T0 + s, 5.0) for s in range(60)], T0 + 59, Average(5.0, 1.0), id="a whole period"),
        pytest.param([(T0 + s, 5.0) for s in range(60)], T0 + 60, Average(5.0, 1.0), id="a block that just began"),
        pytest.param([(T0 + s, 5.0) for s in range(60)], T0 + 63, Average(5.0, 0.95), id="a block without samples"),
        pytest.param([(T0 + s, 5.0) for s in range(45)], T0 + 59, Average(5.0, 0.75), id="a quarter is missing"),
        pytest.param([(T0, 0.0)] * 99 + [(T0 + 3, 10.0)], T0 + 3, Average(5.0, 0.1), id="a burst weighs one block"),
        pytest.param([(T0 + 3, 1.0), (T0, 3.0)], T0 + 4, Average(2.0, 0.1), id="out of order"),
        pytest.param([(T0 + 60, 1.0), (T0, 9.0)], T0 + 60, Average(1.0, 0.05), id="older than the period"),
        pytest.param([(T0, 1.0)], T0 + 120, Average(None, 0.0), id="long ago"),
    ],
)
def test_the_mean_of_block_means_and_their_coverage(
    samples: list[tuple[float, float]], now: float, expected: Average
) -> None:
    assert averaged(samples, now) == expected


def test_a_clock_far_ahead_does_not_poison_the_average() -> None:
    rolling = RollingAverage(PERIOD)
    rolling.add(5.0, T0, T0)
    rolling.add(9e9, T0 + 86400, T0)
    assert rolling.over(T0) == Average(5.0, 0.05)
    assert rolling.over(T0 + 86400) == Average(None, 0.0)


def filled(start: float) -> RollingAverage:
    """A whole period of samples from *start* on."""
    rolling = RollingAverage(PERIOD)
    for second in range(60):
        rolling.add(5.0, start + second, start + second)
    return rolling


@pytest.mark.parametrize("back", [60.0, 3600.0])
@pytest.mark.parametrize("heard_in_between", [False, True])
def test_a_clock_that_steps_back_leaves_nothing_for_later(back: float, heard_in_between: bool) -> None:  # noqa: FBT001  # a parameter
    rolling = filled(T0)
    stepped = T0 + 59 - back
    if heard_in_between:
        rolling.add(7.0, stepped, stepped)
    assert rolling.over(stepped) == (Average(7.0, 0.05) if heard_in_between else Average(None, 0.0))
    assert rolling.over(T0 + 59).coverage <= 0.1  # the device is dead; one block ahead of a clock is borne


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 7200)), min_size=1, max_size=100))
def test_a_clock_that_jumps_about_makes_no_window_of_what_lay_ahead(jumps: list[tuple[bool, int]]) -> None:
    rolling = RollingAverage(PERIOD)
    held: list[float] = []
    for heard, second in jumps:
        now = T0 + second
        held = [at for at in held if at // LENGTH <= now // LENGTH + 1]
        if heard:
            rolling.add(1.0, now, now)
            held.append(now)
        window = {at // LENGTH for at in held if now // LENGTH - BLOCKS <= at // LENGTH <= now // LENGTH}
        assert rolling.over(now).coverage <= len(window) / BLOCKS


def test_memory_is_bounded() -> None:
    rolling = RollingAverage(PERIOD)
    for second in range(10_000):
        rolling.add(1.0, T0 + second, T0 + second)
    assert len(vars(rolling)["_blocks"]) <= BLOCKS + 2


def plainly(samples: list[tuple[float, float]], now: float) -> Average:
    """The same from the definition, with nothing incremental."""
    blocks: dict[int, list[float]] = {}
    for at, value in samples:
        blocks.setdefault(math.floor(at / LENGTH), []).append(value)
    last = math.floor(now / LENGTH)
    if last not in blocks:
        last -= 1
    means = [fmean(blocks[block]) for block in range(last - BLOCKS + 1, last + 1) if block in blocks]
    return Average(fmean(means) if means else None, len(means) / BLOCKS)


@given(
    st.lists(st.tuples(st.integers(0, 400), st.floats(-1e6, 1e6)), max_size=200),
    st.integers(0, 30),
)
def test_incremental_is_the_same_as_plain(steps: list[tuple[int, float]], after: int) -> None:
    rolling, samples, now = RollingAverage(PERIOD), [], T0
    for tenths, value in steps:
        now = max(now, T0 + tenths)
        at = T0 + tenths
        rolling.add(value, at, now)
        if math.floor(at / LENGTH) >= math.floor(now / LENGTH) - BLOCKS:
            samples.append((at, value))
    now += after
    mean, coverage = rolling.over(now)
    expected = plainly(samples, now)
    assert coverage == expected.coverage
    assert (mean is None) == (expected.mean is None)
    assert (mean or 0.0) == pytest.approx(expected.mean or 0.0, rel=1e-9, abs=1e-6)
