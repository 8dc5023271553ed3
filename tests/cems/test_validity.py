"""When an hour is valid: the quadrants, the hour with a test, and the shares of first-level data."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_gateway.cems.validity import IDLE, RULES, lack, part_of

PART_75 = RULES["part75"]
ALL = frozenset(range(4))


@pytest.mark.parametrize(
    ("says", "operating", "points", "is_tested", "lacks"),
    [
        ("a point in each quadrant", ALL, [0, 900, 1800, 2700], False, ""),
        ("the last moments of each", ALL, [899.9, 1799.9, 2699.9, 3599.9], False, ""),
        ("none in the third", ALL, [0, 900, 2700], False, "no valid point from minute 30 to 45"),
        ("none at all", ALL, [], False, "no valid point from minute 0 to 15"),
        ("a thousand points in three quadrants", ALL, [*range(2700)], False, "no valid point from minute 45 to 60"),
        ("the plant ran in two quadrants only", {0, 3}, [100, 3000], False, ""),
        ("a point in another quadrant", {0, 3}, [100, 1000], False, "no valid point from minute 45 to 60"),
        ("an hour of one quadrant", {2}, [1800], False, ""),
        ("an hour of one quadrant with a test", {2}, [1800], True, ""),
        ("an hour with a test, 15 minutes apart", ALL, [100, 1000], True, ""),
        (
            "an hour with a test, one second too near",
            ALL,
            [101, 1000],
            True,
            "no valid point from minute 30 to 45, and those in all are less than 15 minutes apart",
        ),
        (
            "an hour with a test, one point",
            ALL,
            [100],
            True,
            "no valid point from minute 15 to 30, and 1 in all, where 2 would do in an hour with a test",
        ),
        ("no test, two points", ALL, [100, 1000], False, "no valid point from minute 30 to 45"),
        ("the plant did not run", (), [0, 900, 1800, 2700], True, IDLE),
    ],
)
def test_the_quadrant_rule(says: str, operating: set[int], points: list[float], is_tested: bool, lacks: str) -> None:  # noqa: FBT001  # a table's column
    for rule in (PART_75, RULES["part60"]):
        assert lack(rule, 4, operating, points, is_tested=is_tested) == lacks, says


@given(
    operating=st.frozensets(st.integers(0, 3), min_size=1),
    points=st.lists(st.floats(0, 3599.99)).map(sorted),
    is_tested=st.booleans(),
)
def test_the_quadrant_rule_is_the_one_of_the_regulation(
    operating: frozenset[int],
    points: list[float],
    is_tested: bool,  # noqa: FBT001  # hypothesis passes it by name
) -> None:
    have = {q for q in range(4) if any(900 * q <= point < 900 * (q + 1) for point in points)}
    two_apart = any(later - sooner >= 900 for sooner in points for later in points)
    assert (lack(PART_75, 4, operating, points, is_tested=is_tested) == "") == (
        operating <= have or (is_tested and two_apart)
    )


@given(st.lists(st.floats(0, 3599.99), min_size=1).map(sorted), st.floats(0, 3599.99), st.booleans())
def test_one_more_valid_point_never_makes_an_hour_invalid(points: list[float], more: float, is_tested: bool) -> None:  # noqa: FBT001  # the same
    for rule in RULES.values():
        parts = rule.divided(60)
        if not lack(rule, parts, range(parts), points, is_tested=is_tested):
            assert not lack(rule, parts, range(parts), sorted([*points, more]), is_tested=is_tested)


@pytest.mark.parametrize(
    ("rule", "first_level", "operating", "valid", "lacks"),
    [
        ("en17255", 60, 60, 40, ""),
        ("en17255", 60, 60, 39, "39 of 60 first-level values are valid, at least 40 are needed"),
        ("en17255", 60, 50, 34, ""),
        ("en17255", 60, 50, 33, "33 of 50 first-level values are valid, at least 34 are needed"),
        ("en17255", 10, 360, 240, ""),
        ("en17255", 10, 360, 239, "239 of 360 first-level values are valid, at least 240 are needed"),
        ("eu_ets", 60, 60, 48, ""),
        ("eu_ets", 60, 60, 47, "47 of 60 first-level values are valid, at least 48 are needed"),
        ("eu_ets", 60, 1, 0, "0 of 1 first-level values are valid, at least 1 are needed"),
        ("eu_ets", 60, 1, 1, ""),
    ],
)
def test_a_share_of_first_level_values(rule: str, first_level: int, operating: int, valid: int, lacks: str) -> None:
    parts = RULES[rule].divided(first_level)
    points = [float(first_level * each) for each in range(valid)]
    assert lack(RULES[rule], parts, range(operating), points, is_tested=True) == lacks


def test_several_points_in_one_minute_fill_one_minute() -> None:
    assert lack(RULES["en17255"], 60, range(60), [float(each) for each in range(39 * 60)]).startswith("39 of 60")


@given(st.floats(0, 3599.999), st.sampled_from([4, 60, 120, 3600]))
def test_each_second_is_in_one_part(second: float, parts: int) -> None:
    part = part_of(second, parts)
    assert part * (3600 // parts) <= second < (part + 1) * (3600 // parts)
