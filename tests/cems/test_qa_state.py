"""Which hours daily calibrations cover."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_gateway.cems.hour import Hour
from greenops_gateway.cems.qa.result import Result
from greenops_gateway.cems.qa.state import CalibrationEvent, Standing, out_of_control, standings

PASSED, FAILED, ABORTED, INC = Result.PASSED, Result.FAILED, Result.ABORTED, Result.INC


def event(hour: int, result: Result = PASSED, minute: int = 0, *, offline: bool = False) -> CalibrationEvent:
    return CalibrationEvent(Hour(hour), result, minute, is_online=not offline)


def without(*off: range) -> Callable[[Hour], bool]:
    return lambda hour: not any(hour in each for each in off)


def spans(found: frozenset[Hour]) -> list[tuple[int, int]]:
    """First and last of each run of hours."""
    hours = sorted(found)
    begins = [hour for hour in hours if hour - 1 not in found]
    return list(zip(begins, [hour for hour in hours if hour + 1 not in found], strict=True))


@pytest.mark.parametrize(
    ("events", "off", "lost"),
    [
        pytest.param([event(0)], [], [(26, 99)], id="26 clock hours from its own"),
        pytest.param([event(0), event(24), event(48), event(72)], [], [(98, 99)], id="every day"),
        pytest.param([event(0), event(10, FAILED), event(15)], [], [(10, 14), (41, 99)], id="failed until passed"),
        pytest.param([event(0), event(10, ABORTED), event(15)], [], [(10, 14), (41, 99)], id="aborted does the same"),
        pytest.param([event(0), event(10, INC)], [], [(26, 99)], id="an incomplete one does nothing"),
        pytest.param([event(0), event(10, FAILED, 5), event(10, PASSED, 40)], [], [(36, 99)], id="mended in its hour"),
        pytest.param([event(0), event(10, PASSED, 5), event(10, FAILED, 40)], [], [(10, 99)], id="spoilt in its hour"),
        pytest.param([event(0, Result.PASSAPS)], [], [(26, 99)], id="by the alternative specification"),
        pytest.param([event(0)], [range(20, 40)], [(48, 99)], id="8 hours from the start-up"),
        pytest.param([event(0)], [range(10, 12)], [(26, 99)], id="no grace beyond what a start long ago gives"),
        pytest.param([event(0)], [range(10, 12), range(22, 24)], [(32, 99)], id="the last start counts"),
        pytest.param([event(0)], [range(26, 30)], [(38, 99)], id="the hour after the 26 may be off"),
        pytest.param([event(0)], [range(27, 30)], [(26, 26), (30, 99)], id="off when it was over: no grace"),
        pytest.param([event(0), event(44)], [range(20, 40)], [(70, 99)], id="a calibration in the grace"),
        pytest.param([event(0), event(20, offline=True)], [range(18, 22)], [(30, 99)], id="off line: 26 unit hours"),
        pytest.param(
            [event(0), event(20, offline=True), event(40, offline=True)],
            [range(2, 42)],
            [(66, 99)],
            id="off line, a long outage: 26 clock hours of its own",
        ),
        pytest.param([event(0, FAILED), event(5, offline=True)], [], [(0, 99)], id="off line does not mend on line"),
        pytest.param([event(0), event(5, FAILED, offline=True)], [], [(5, 99)], id="a failure off line counts"),
        pytest.param([], [], [(26, 99)], id="no calibration: what was before is not known for so long"),
        pytest.param([event(30)], [], [(26, 29), (56, 99)], id="the first calibration comes late"),
        pytest.param([event(0, offline=True)], [], [(26, 99)], id="off line alone, nothing known of before"),
    ],
)
def test_hours_are_lost_where_no_calibration_covers_them(
    events: list[CalibrationEvent], off: list[range], lost: list[tuple[int, int]]
) -> None:
    found = out_of_control(events, without(*off), range(100))
    assert spans(found) == lost


def test_events_before_the_hours_count() -> None:
    assert spans(out_of_control([event(-20)], without(), range(10))) == [(6, 9)]
    assert not out_of_control([event(5000)], without(), range(10))


def test_only_operating_hours_have_a_standing() -> None:
    found = standings([event(0)], without(range(20, 40)), range(50))
    assert set(found) == {*range(20), *range(40, 50)}
    assert (found[Hour(19)], found[Hour(40)], found[Hour(48)]) == (
        Standing.IN_CONTROL,
        Standing.GRACE,
        Standing.EXPIRED,
    )


@pytest.mark.parametrize(
    ("events", "hour", "standing"),
    [
        ([event(0, FAILED)], 3, Standing.FAILED),
        ([event(0, ABORTED)], 3, Standing.ABORTED),
        ([], 3, Standing.UNDETERMINED),
        ([], 30, Standing.NO_TEST),
        ([event(0), event(1, ABORTED, offline=True)], 3, Standing.ABORTED),
    ],
)
def test_a_standing_says_why(events: list[CalibrationEvent], hour: int, standing: Standing) -> None:
    assert standings(events, without(), range(hour, hour + 1) if events else range(hour + 1))[Hour(hour)] is standing


EVENTS = st.lists(
    st.builds(event, st.integers(0, 80), st.sampled_from([PASSED, FAILED, ABORTED, INC]), st.integers(0, 59)),
    max_size=8,
)


@given(EVENTS, st.randoms(use_true_random=False))
def test_the_order_of_events_has_no_say(events: list[CalibrationEvent], random: Random) -> None:
    unique = list({(each.hour, each.minute): each for each in events}.values())
    shuffled = random.sample(unique, len(unique))
    assert out_of_control(shuffled, without(range(30, 40)), range(100)) == out_of_control(
        unique, without(range(30, 40)), range(100)
    )


def lost_by_the_book(results: dict[tuple[int, int], Result], hour: int) -> bool:
    """The rule for a unit that never stops, written once more."""
    before = [at for at in sorted(results) if at[0] <= hour]
    if not before:
        return hour >= 26
    return results[before[-1]] is not PASSED or hour - before[-1][0] >= 26


@given(EVENTS)
def test_of_a_unit_that_never_stops_an_hour_counts_within_26_of_a_pass(events: list[CalibrationEvent]) -> None:
    effective = {(each.hour, each.minute): each for each in events if each.result is not INC}
    results: dict[tuple[int, int], Result] = {at: each.result for at, each in effective.items()}
    found = out_of_control(list(effective.values()), without(), range(100))
    assert found == {hour for hour in range(100) if lost_by_the_book(results, hour)}
