from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_core.sample import Reason
from greenops_gateway.cems.gap import Gap, Gaps

T0 = 1_700_000_000.0


def closed(times: list[float], after: float = 900.0) -> list[tuple[float, float]]:
    gaps = Gaps(after, T0)
    found = [gap for at in times if (gap := gaps.took(T0 + at))]
    return [(gap.start - T0, gap.end - T0) for gap in found]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        pytest.param([1, 2, 3], [], id="no gap"),
        pytest.param([900], [], id="as long as it may take"),
        pytest.param([901], [(0, 901)], id="from the beginning on"),
        pytest.param([1, 902, 903], [(1, 902)], id="between two samples"),
        pytest.param([1, 1000, 1001, 3000], [(1, 1000), (1001, 3000)], id="two"),
        pytest.param([1000, 500, 1500], [(0, 1000)], id="an older sample closes and opens nothing"),
    ],
)
def test_a_gap_lasts_from_the_last_usable_sample_to_the_next(
    times: list[float], expected: list[tuple[float, float]]
) -> None:
    assert closed(times) == expected


def test_an_open_gap_is_told_once_as_soon_as_it_is_one() -> None:
    gaps = Gaps(900.0, T0)
    gaps.took(T0 + 10)
    assert gaps.tick(T0 + 910) is None
    assert gaps.tick(T0 + 911) == Gap(T0 + 10, T0 + 911, Reason.STALE)
    assert gaps.tick(T0 + 950) is None
    assert gaps.took(T0 + 960) == Gap(T0 + 10, T0 + 960, Reason.STALE)
    assert gaps.tick(T0 + 961) is None
    gaps.lost(Reason.CALIBRATION, T0 + 1000)
    assert gaps.tick(T0 + 1861) == Gap(T0 + 960, T0 + 1861, Reason.CALIBRATION)
    gaps.lost(Reason.COMMUNICATION, T0 + 1900)
    assert gaps.took(T0 + 2000) == Gap(T0 + 960, T0 + 2000, Reason.CALIBRATION), "what stood is counted once"


@pytest.mark.parametrize(
    ("lost", "reason"),
    [
        pytest.param([], "stale", id="nobody said why"),
        pytest.param([(10, "communication")], "communication", id="one reason"),
        pytest.param([(10, "communication"), (200, "calibration")], "calibration", id="the second stood longer"),
        pytest.param([(10, "communication"), (900, "calibration")], "communication", id="the first stood longer"),
        pytest.param(
            [(10, "communication"), (300, "calibration"), (500, "communication"), (600, "calibration")],
            "calibration",
            id="what stood in pieces",
        ),
        pytest.param([(-50, "communication"), (10, "communication")], "communication", id="said before"),
    ],
)
def test_the_reason_of_a_gap_is_the_one_that_stood_longest(lost: list[tuple[float, str]], reason: str) -> None:
    gaps = Gaps(900.0, T0)
    for at, why in lost:
        gaps.lost(Reason(why), T0 + at)
    gap = gaps.took(T0 + 1000)
    assert gap is not None
    assert gap.reason is Reason(reason)


def test_what_was_wrong_before_the_last_sample_does_not_count() -> None:
    gaps = Gaps(900.0, T0)
    gaps.lost(Reason.CALIBRATION, T0 + 1)
    gaps.lost(Reason.COMMUNICATION, T0 + 790)
    assert gaps.took(T0 + 800) is None
    gaps.lost(Reason.COMMUNICATION, T0 + 1790)
    assert gaps.took(T0 + 1800) == Gap(T0 + 800, T0 + 1800, Reason.COMMUNICATION)


@pytest.mark.parametrize("step", [-1e9, -5.0, 5.0, 1e9])
def test_a_step_of_the_clock_makes_no_gap_longer_or_shorter(step: float) -> None:
    gaps, after = Gaps(900.0, T0), T0 + step
    gaps.lost(Reason.COMMUNICATION, T0 + 6)
    gaps.stepped(step)
    gaps.lost(Reason.CALIBRATION, after + 500)
    assert gaps.tick(after + 900) is None
    assert gaps.tick(after + 901) == Gap(after, after + 901, Reason.COMMUNICATION)
    gaps.stepped(-step)
    assert gaps.tick(T0 + 1000) is None, "told already"
    assert gaps.took(T0 + 1000) == Gap(T0, T0 + 1000, Reason.CALIBRATION)


@given(
    times=st.lists(st.integers(0, 20_000), max_size=50),
    after=st.integers(1, 3000),
    words=st.lists(st.sampled_from(list(Reason)), max_size=50),
)
def test_gaps_never_overlap_are_longer_than_they_may_be_and_have_a_reason(
    times: list[int], after: int, words: list[Reason]
) -> None:
    gaps = Gaps(float(after), T0)
    end = T0
    for at, word in zip(times, [*words, *[Reason.NONE] * 50], strict=False):
        gaps.lost(word, T0 + at)
        gap = gaps.took(T0 + at)
        if gap is not None:
            assert gap.start >= end
            assert gap.end - gap.start > after
            assert gap.reason is not Reason.NONE
            end = gap.end
