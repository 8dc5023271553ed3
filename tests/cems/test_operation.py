"""When and how the plant operated in an hour: operating time, load, startup."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from coal_stack import HOUR, plan, readings
from greenops_gateway.cems.closing import HourInputs, Status, close

D = Decimal


@pytest.mark.parametrize(
    ("says", "states", "increment", "time"),
    [
        ("all of it", [(0, "100")], "0.01", "1.00"),
        ("none of it", [(0, "0"), (1800, "5")], "0.01", "0.00"),
        ("twenty minutes in quarters of an hour", [(0, "100"), (1200, "0")], "0.25", "0.50"),
        ("a quarter, to the second", [(0, "100"), (900, "0")], "0.25", "0.25"),
        ("a second more", [(0, "100"), (901, "0")], "0.25", "0.50"),
        ("two times five minutes", [(0, "0"), (60, "9"), (360, "0"), (1800, "9"), (2100, "1")], "0.25", "0.25"),
        ("one second", [(0, "0"), (100, "9"), (101, "0")], "0.01", "0.01"),
        ("36.5 seconds", [(0, "100"), ("36.5", "0")], "0.01", "0.02"),
        ("the first one counts backwards", [(1800, "0"), (2700, "100")], "0.01", "0.25"),
        ("what was before the hour goes on", [(-60, "100"), (1800, "0")], "0.1", "0.50"),
        ("what is no measurement says nothing", [(0, "100"), (600, "0", Status.FAULT)], "0.01", "1.00"),
        ("nobody says", [], "0.01", "1.00"),
    ],
)
def test_operating_time_is_rounded_up_to_an_increment(
    says: str, states: Sequence[Any], increment: str, time: str
) -> None:
    values = readings(*((float(at), *rest) for at, *rest in states))
    closed, _ = close(plan(increment=increment), HourInputs(HOUR, {"OPERATING": values}))
    assert str(closed.operating_time) == time, says


def test_the_working_of_operating_time_says_when() -> None:
    states = readings((0, "0"), (600, "9"), (1800, "0"), (1900.25, "9"))
    _, workings = close(plan(), HourInputs(HOUR, {"OPERATING": states}))
    assert (
        workings[0].told()
        == """\
operating time (40 CFR 75.57(b)(2))
  above = 5
  operating from second 600 to 1800
  operating from second 1900.25 to 3600
  2899.75 s in increments of 0.01 h: 81
  = 0.81 h, rounded up to a whole increment"""
    )


def test_load_is_the_mean_while_operating() -> None:
    values = readings((0, "0"), (1000, "300"), (1500, "301"), (1600, "900", Status.LOST), (1700, "1"))
    states = readings((0, "0"), (1000, "100"), (1650, "0"))
    closed, _ = close(plan(), HourInputs(HOUR, {"OPERATING": states, "LOAD": values}))
    assert closed.load == 301
    assert close(plan(), HourInputs(HOUR, {"LOAD": values[3:4]}))[0].load is None
    assert close(plan(), HourInputs(HOUR, given={"LOAD": D("-1")}))[0].load is None


def test_startup_is_told_by_a_point_while_the_plant_operates() -> None:
    states, startup = readings((0, "0"), (1800, "100")), readings((0, "1"), (1200, "0"))
    before, _ = close(plan(), HourInputs(HOUR, {"OPERATING": states, "STARTUP": startup}))
    during, _ = close(plan(), HourInputs(HOUR, {"STARTUP": startup}))
    assert (before.is_startup, during.is_startup) == (False, True)
