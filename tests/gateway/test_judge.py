from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from statistics import median_high

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_core.sample import Quality, Reason
from greenops_gateway.cems.judge import DEVIATIONS_PER_MAD, LARGEST_WINDOW, FlatLine, Judge, Rate, Rules, Spike

T0 = 1_700_000_000.0

RANGE = Rules(within=(0.0, 100.0))
RATE = Rules(rate=Rate(10.0, step=2.0))
SPIKE = Rules(spike=Spike(floor=2.0))
FLAT = Rules(flat_line=FlatLine(after=10.0, still=((0.0, 0.0), (-math.inf, -5.0))))
WARM = Rules(within=(0.0, 100.0), warm_up=30.0)
ALL = Rules((0.0, 100.0), Rate(10.0, 2.0), Spike(2.0), FlatLine(10.0), 30.0)

STEADY = (50.0, 50.5, 49.5, 50.2, 49.8, 50.1)


def told(rules: Rules, values: Sequence[float], every: float = 1.0) -> str:
    """A letter for each value: . good, else the first of its reason, in capitals when bad."""
    judge = Judge(rules)
    letters = []
    for index, value in enumerate(values):
        quality, reason = judge.assess(value, T0 + index * every)
        letter = "." if reason is Reason.NONE else reason.value[0]
        letters.append(letter.upper() if quality is Quality.BAD else letter)
    return "".join(letters)


@pytest.mark.parametrize(
    ("rules", "value", "known", "verdict"),
    [
        pytest.param(RANGE, 50.0, "good none", "good none", id="in range"),
        pytest.param(RANGE, 0.0, "good none", "good none", id="at the low end"),
        pytest.param(RANGE, 100.0, "good none", "good none", id="at the high end"),
        pytest.param(RANGE, -0.1, "good none", "bad range", id="below"),
        pytest.param(RANGE, 100.1, "good none", "bad range", id="above"),
        pytest.param(Rules(), 1e9, "good none", "good none", id="no rule"),
        pytest.param(Rules(), math.nan, "good none", "bad sentinel", id="not a number"),
        pytest.param(RANGE, math.nan, "good none", "bad sentinel", id="not a number with a range"),
        pytest.param(Rules(within=(0.0, math.inf)), math.inf, "good none", "bad sentinel", id="infinite, and no end"),
        pytest.param(Rules(), sys.float_info.max, "good none", "good none", id="the largest number"),
        pytest.param(RANGE, -5.0, "bad calibration", "bad calibration", id="the device goes first"),
        pytest.param(RANGE, math.nan, "bad communication", "bad communication", id="no number, and a reason"),
        pytest.param(RANGE, 5.0, "uncertain forced", "uncertain forced", id="what the device doubts stays doubtful"),
        pytest.param(RANGE, 500.0, "uncertain forced", "bad range", id="bad is worse than doubtful"),
    ],
)
def test_one_value_alone_is_good_uncertain_or_bad_for_a_reason(
    rules: Rules, value: float, known: str, verdict: str
) -> None:
    quality, reason = known.split()
    level, why = Judge(rules).assess(value, T0, Quality[quality.upper()], Reason(reason))
    assert f"{level.name.lower()} {why.value}" == verdict


@pytest.mark.parametrize(
    ("rules", "values", "verdicts"),
    [
        pytest.param(RATE, [0, 10, 20, 30], "....", id="as fast as it may"),
        pytest.param(RATE, [0, 11, 0], ".r.", id="too fast, and back to where it was"),
        pytest.param(RATE, [0, 11, 19], ".r.", id="slow enough since the last value that was taken"),
        pytest.param(RATE, [0, 50, 51, 52, 53], ".rr..", id="a step is taken for real at the third value"),
        pytest.param(RATE, [0, 50, 110, 111, 112], ".rrr.", id="only what is near each other agrees"),
        pytest.param(RATE, [0, 50, 0, 50, 0, 50], ".r.r.r", id="values between which it jumps never agree"),
        pytest.param(RATE, [50, 0, 99, 5, 52], ".rrr.", id="odd values that disagree"),
        pytest.param(Rules(rate=Rate(10.0, reject=True)), [0, 50, 0], ".R.", id="rejected"),
        pytest.param(Rules(rate=Rate(10.0), confirm=2), [0, 50, 51], ".r.", id="taken for real at the second"),
        pytest.param(SPIKE, [*STEADY, 60, 50], "......s.", id="one spike"),
        pytest.param(SPIKE, [*STEADY, 60, 60.2, 50], "......ss.", id="two"),
        pytest.param(SPIKE, [*STEADY, 60, 60.2, 59.9, 60, 60], "......ss...", id="a step is real at the third"),
        pytest.param(SPIKE, [*STEADY, *[60, 50] * 17], "......" + "s." * 17, id="single ones, however many"),
        pytest.param(SPIKE, [*STEADY, 51.9, 48.2], "........", id="within the floor"),
        pytest.param(SPIKE, [50, 60, 40, 55, 45, 50, 62], ".......", id="within the scatter of a lively signal"),
        pytest.param(SPIKE, [50, 99], "..", id="too few neighbours to say"),
        pytest.param(
            SPIKE, [*STEADY, 60, 40, 60, 40, 60, 40, 60, 40], "......sssss...", id="doubt ends with its window"
        ),
        pytest.param(SPIKE, [50 + i for i in range(30)], "." * 30, id="a ramp is no spike"),
        pytest.param(Rules(spike=Spike(2.0, reject=True)), [*STEADY, 60, 50], "......S.", id="a rejected spike"),
        pytest.param(Rules(RATE.within, Rate(5.0), Spike(2.0)), [*STEADY, 60], "......r", id="rate goes before spike"),
        pytest.param(FLAT, [7] * 13, "..........fff", id="ten seconds without a move"),
        pytest.param(FLAT, [7] * 12 + [8, 7], "..........ff..", id="it lives again"),
        pytest.param(FLAT, [0] * 15, "." * 15, id="zero may last"),
        pytest.param(FLAT, [-6] * 15, "." * 15, id="a range in which it may stand"),
        pytest.param(Rules(flat_line=FlatLine(10.0, 0.5)), [7, 7.4] * 7, "." * 10 + "ffff", id="it moves too little"),
        pytest.param(
            Rules(flat_line=FlatLine(10.0, 0.5)), [i / 10 for i in range(30)], "." * 30, id="slowly, but it moves"
        ),
        pytest.param(Rules(flat_line=FlatLine(10.0, reject=True)), [7] * 12, "." * 10 + "FF", id="a rejected one"),
        pytest.param(ALL, [7] * 11 + [300], "." * 10 + "fR", id="beyond its range, a value says nothing of life"),
    ],
)
def test_a_value_is_judged_by_those_before_it(rules: Rules, values: list[float], verdicts: str) -> None:
    assert told(rules, values) == verdicts


def test_a_small_step_is_never_too_fast() -> None:
    assert told(RATE, [0, 1.9, 0, 2.1, 0], every=0.01) == "...r."


def test_a_slow_poll_needs_five_values_for_a_flat_line() -> None:
    assert told(FLAT, [7] * 6, every=60.0) == "....ff"


def test_after_a_pause_the_neighbours_of_before_say_nothing() -> None:
    judge = Judge(SPIKE)
    for index, value in enumerate(STEADY):
        judge.assess(value, T0 + index)
    assert judge.assess(80.0, T0 + 60) == (Quality.GOOD, Reason.NONE)


def test_values_no_newer_than_the_last_are_judged_by_range_alone_and_change_nothing() -> None:
    judge, undisturbed = Judge(ALL), Judge(ALL)
    for index, value in enumerate((*STEADY, 95.0, *STEADY)):
        verdict = judge.assess(value, T0 + index)
        assert verdict == undisturbed.assess(value, T0 + index)
        for old in (0.0, 1.0, 60.0):
            assert judge.assess(90.0, T0 + index - old) == (Quality.GOOD, Reason.NONE)
        assert judge.assess(101.0, T0 - 10) == (Quality.BAD, Reason.RANGE)


def test_gas_from_a_bottle_neither_proves_nor_hides_a_flat_line() -> None:
    judge = Judge(FLAT)
    verdicts = [judge.assess(7.0, T0 + second)[1] for second in range(8)]
    judge.assess(0.0, T0 + 8, Quality.BAD, Reason.CALIBRATION)
    verdicts += [judge.assess(7.0, T0 + second)[1] for second in range(9, 19)]
    assert set(verdicts) == {Reason.NONE}
    assert judge.assess(7.0, T0 + 19) == (Quality.UNCERTAIN, Reason.FLAT_LINE)


def test_values_bad_by_the_device_are_no_neighbours() -> None:
    judge = Judge(SPIKE)
    for index, value in enumerate(STEADY):
        judge.assess(value, T0 + index)
        judge.assess(95.0, T0 + index + 0.5, Quality.BAD, Reason.CALIBRATION)
    assert judge.assess(95.0, T0 + 6) == (Quality.UNCERTAIN, Reason.SPIKE)


def test_a_device_that_came_back_has_to_warm_up_and_is_compared_with_nothing_before() -> None:
    judge = Judge(ALL)
    judge.assess(10.0, T0)
    judge.restarted(T0 + 1)
    assert judge.assess(90.0, T0 + 1) == (Quality.UNCERTAIN, Reason.WARM_UP)
    assert judge.assess(101.0, T0 + 2) == (Quality.BAD, Reason.RANGE)
    assert judge.assess(90.0, T0 + 30.9) == (Quality.UNCERTAIN, Reason.WARM_UP)
    assert judge.assess(20.0, T0 + 31) == (Quality.GOOD, Reason.NONE)
    assert Judge(WARM).assess(20.0, T0) == (Quality.GOOD, Reason.NONE)


def test_a_time_that_cannot_be_trusted_is_told_and_moves_nothing() -> None:
    judge = Judge(ALL)
    assert judge.assess(50.0, T0 * 2, clock=False) == (Quality.UNCERTAIN, Reason.CLOCK)
    assert judge.assess(500.0, T0 * 2, clock=False) == (Quality.BAD, Reason.RANGE)
    assert judge.assess(50.0, T0, Quality.UNCERTAIN, Reason.FORCED, clock=False) == (Quality.UNCERTAIN, Reason.FORCED)
    assert judge.assess(50.0, T0) == (Quality.GOOD, Reason.NONE)
    assert judge.assess(99.0, T0 + 1) == (Quality.UNCERTAIN, Reason.RATE)
    assert Judge(RANGE).assess(50.0, T0, clock=False) == (Quality.UNCERTAIN, Reason.CLOCK)


@pytest.mark.parametrize("step", [-3600.0, 3600.0])
def test_after_a_step_of_the_clock_it_compares_anew_and_goes_on_warming_up(step: float) -> None:
    judge = Judge(ALL)
    judge.restarted(T0)
    judge.assess(10.0, T0 + 31)
    judge.stepped(step)
    assert judge.assess(90.0, T0 + 32 + step) == (Quality.GOOD, Reason.NONE)
    assert judge.assess(10.0, T0 + 33 + step) == (Quality.UNCERTAIN, Reason.RATE)
    judge.restarted(T0)
    judge.stepped(step)
    assert judge.assess(90.0, T0 + 29 + step) == (Quality.UNCERTAIN, Reason.WARM_UP)
    assert judge.assess(90.0, T0 + 30 + step) == (Quality.GOOD, Reason.NONE)


anything = st.floats(allow_nan=True, allow_infinity=True)
plausible = st.floats(0.0, 100.0)
stream = st.lists(
    st.tuples(
        st.one_of(anything, plausible, st.sampled_from([0.0, 50.0, 100.0])),
        st.floats(-5.0, 5.0),
        st.sampled_from(
            [(Quality.GOOD, Reason.NONE), (Quality.BAD, Reason.MAINTENANCE), (Quality.UNCERTAIN, Reason.FORCED)]
        ),
    ),
    max_size=60,
)
rules_of = st.builds(
    Rules,
    within=st.sampled_from([None, (0.0, 100.0)]),
    rate=st.none() | st.builds(Rate, st.floats(1e-3, 1e3), st.floats(0, 10), st.booleans()),
    spike=st.none()
    | st.builds(Spike, st.floats(0, 10), st.integers(5, LARGEST_WINDOW), st.floats(1, 10), st.booleans()),
    flat_line=st.none() | st.builds(FlatLine, st.floats(1, 20), st.floats(0, 1), reject=st.booleans()),
    warm_up=st.sampled_from([0.0, 5.0]),
    confirm=st.integers(2, 5),
)


@given(rules=rules_of, samples=stream)
def test_whatever_comes_gets_a_verdict_no_better_than_the_device_gave_and_the_same_again(
    rules: Rules, samples: list[tuple[float, float, tuple[Quality, Reason]]]
) -> None:
    one, again, later = Judge(rules), Judge(rules), Judge(rules)
    at = 0.0
    for value, pause, (quality, reason) in samples:
        at += round(pause * 64) / 64  # such times keep their differences when an hour is added
        verdict = one.assess(value, at, quality, reason)
        assert verdict == again.assess(value, at, quality, reason)
        assert verdict == later.assess(value, at + 4096.0, quality, reason)
        assert verdict[0] >= quality
        assert (verdict[0] is Quality.GOOD) == (verdict[1] is Reason.NONE)
        if not math.isfinite(value):
            assert verdict[0] is Quality.BAD


@given(
    spike=st.builds(Spike, st.floats(0, 10), st.integers(5, LARGEST_WINDOW), st.floats(1, 10)),
    values=st.lists(st.floats(-1e6, 1e6), min_size=40, max_size=120),
)
def test_doubt_never_lasts_longer_than_the_largest_window(spike: Spike, values: list[float]) -> None:
    verdicts = told(Rules(rate=Rate(1.0), spike=spike), values).replace("s", "r")
    assert "r" * (LARGEST_WINDOW + 1) not in verdicts


@given(
    spike=st.builds(
        Spike, st.sampled_from([0.0, 0.5, 3.0]), st.integers(5, LARGEST_WINDOW), st.sampled_from([1.5, 3.0, 6.0])
    ),
    moves=st.lists(st.tuples(st.integers(-8, 8), st.sampled_from([0, 0, 0, -64, 64]), st.sampled_from([1, 1, 1, 20]))),
)
def test_a_spike_is_far_from_the_median_of_the_last_values_that_were_no_spikes(
    spike: Spike, moves: list[tuple[int, int, int]]
) -> None:
    judge = Judge(Rules(spike=spike, confirm=LARGEST_WINDOW + 1))
    taken: list[tuple[float, float]] = []
    level, at, doubts = 400, T0, 0
    for step, away, pause in moves:
        level, at = level + step, at + pause
        value = (level + away) / 8
        window = taken[-spike.window :]
        far = False
        if len(window) >= 5:
            middle = median_high(each for each, _ in window)
            spread = median_high(abs(each - middle) for each, _ in window)
            far = abs(value - middle) > spike.floor
            if far and at - window[-1][1] > window[-1][1] - window[0][1]:
                far, taken = False, []  # a pause as long as the window
            far = far and abs(value - middle) > spike.deviations * DEVIATIONS_PER_MAD * spread
        assert (judge.assess(value, at)[1] is Reason.SPIKE) == far
        doubts = doubts + 1 if far else 0
        if doubts == LARGEST_WINDOW:
            return  # the next is believed in any case
        if not far:
            taken.append((value, at))
