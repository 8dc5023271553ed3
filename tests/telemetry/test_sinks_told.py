"""What a receiver of series is told: values, where they end, and qualities when they change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_core.catalogue import POINT_QUALITY
from greenops_core.sample import Quality, Reason
from greenops_telemetry.delivery.told import REPEAT, Points, Told
from sample_batch import BAD, COUNTER, GOOD, POINT, UNCERTAIN, Taking, batch

CUT, FLAT = Reason.COMMUNICATION, Reason.FLAT_LINE
T = 1_700_000_000.0

Sent = dict[str, list[tuple[float, float | None]]]


def sent(points: list[Points]) -> Sent:
    """By the name ``value`` or by the reason that a quality is for."""
    found: Sent = {}
    for some in points:
        name = dict(some.series.labels)["reason"] if some.series.name == POINT_QUALITY.name else "value"
        found[name] = [(at - T, value) for at, value in zip(some.at, some.values, strict=True)]
    return found


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param([(0, GOOD), (1, GOOD)], {"value": [(0, 7.0), (1, 7.0)], "none": [(0, 0.0)]}, id="all good"),
        pytest.param([(0, BAD, CUT)], {"value": [(0, None)], CUT: [(0, 2.0)]}, id="bad from the start"),
        pytest.param(
            [(0, GOOD), (1, BAD, CUT), (2, BAD, CUT), (3, GOOD)],
            {
                "value": [(0, 7.0), (1, None), (3, 7.0)],
                "none": [(0, 0.0), (1, None), (3, 0.0)],
                CUT: [(1, 2.0), (3, None)],
            },
            id="ends once, and begins again",
        ),
        pytest.param(
            [(0, BAD, CUT), (1, BAD, FLAT)],
            {"value": [(0, None)], CUT: [(0, 2.0), (1, None)], FLAT: [(1, 2.0)]},
            id="bad for another reason",
        ),
        pytest.param(
            [(0, UNCERTAIN, FLAT), (1, BAD, FLAT)],
            {"value": [(0, 7.0), (1, None)], FLAT: [(0, 1.0), (1, 2.0)]},
            id="worse for the same reason",
        ),
        pytest.param(
            [(0, GOOD), (REPEAT - 1, GOOD), (REPEAT, GOOD), (REPEAT + 1, GOOD)],
            {
                "value": [(0, 7.0), (REPEAT - 1, 7.0), (REPEAT, 7.0), (REPEAT + 1, 7.0)],
                "none": [(0, 0.0), (REPEAT, 0.0)],
            },
            id="said again before it is forgotten",
        ),
    ],
)
@pytest.mark.parametrize("one_by_one", [False, True])
def test_a_point_is_told_as(rows: list[tuple[Any, ...]], expected: Sent, *, one_by_one: bool) -> None:
    takings = [Taking(0, 7.0, T + row[0], *row[1:]) for row in rows]
    told, found = Told(), defaultdict[str, list[Any]](list)
    for rows_ in ([taking] for taking in takings) if one_by_one else [takings]:
        for name, points in sent(told.points(batch(*rows_))).items():
            found[name] += points
        told.keep()
    assert found == expected


def test_what_was_not_taken_is_told_again() -> None:
    told = Told()
    first = told.points(batch(Taking(0, 1.0, T, BAD, CUT)))
    assert told.points(batch(Taking(0, 1.0, T, BAD, CUT))) == first
    told.keep()
    assert told.points(batch(Taking(0, 1.0, T + 1, BAD, CUT))) == []


def test_what_comes_late_does_not_disturb_what_is_new() -> None:
    told = Told()
    for at, reason in ((100, Reason.NONE), (0, CUT), (1, CUT), (101, Reason.NONE), (2, CUT)):
        points = told.points(batch(Taking(0, 7.0, T + at, BAD if reason is CUT else GOOD, reason)))
        told.keep()
        if at in {1, 2}:
            assert points == []
    assert sent(told.points(batch(Taking(0, 7.0, T + 102)))) == {"value": [(102, 7.0)]}
    earlier_still = told.points(batch(Taking(0, 7.0, T - 1, BAD, CUT)))
    assert sent(earlier_still) == {"value": [(-1, None)], CUT: [(-1, 2.0)]}


def test_only_points_have_a_quality_and_everything_that_is_bad_ends() -> None:
    told = Told().points(batch(Taking(2, 7.0, T), Taking(2, 8.0, T + 1, BAD, CUT)))
    assert told == [Points(2, COUNTER, (T, T + 1), (7.0, None))]


def test_a_quality_is_told_with_the_labels_of_its_point() -> None:
    (_, quality) = Told().points(batch(Taking(0, 7.0, T)))
    assert quality.series.labels == (*POINT.labels, ("reason", "none"))


@given(
    st.lists(st.tuples(st.integers(0, 300), st.sampled_from([(GOOD, Reason.NONE), (UNCERTAIN, FLAT), (BAD, CUT)]))),
    st.integers(1, 20),
)
def test_however_it_is_cut_no_value_is_missing_and_no_series_lives_after_its_end(
    steps: list[tuple[int, tuple[Quality, Reason]]], size: int
) -> None:
    rows = [Taking(0, float(at), T + at, *verdict) for at, verdict in sorted(steps, key=lambda step: step[0])]
    told, found = Told(), defaultdict[Hashable, list[tuple[float, float | None]]](list)
    for start in range(0, len(rows), size):
        for points in told.points(batch(*rows[start : start + size], first=start)):
            found[points.key] += zip(points.at, points.values, strict=True)
        told.keep()
    values = [value for _, value in found.pop(0, [])]
    assert [value for value in values if value is not None] == [row.value for row in rows if row.quality is not BAD]
    assert (None, None) not in pairwise(values)
    open_at_end = [key for key, points in found.items() if points[-1][1] is not None]
    assert open_at_end == ([(0, rows[-1].reason.value)] if rows else [])
