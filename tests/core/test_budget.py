"""Months with their bounds, the hours in them, and masses as they are written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from greenops_core.budget import Period, hours, mass, month
from greenops_core.errors import ConfigError

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/St_Johns",
    "America/Havana",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Asia/Amman",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Kiritimati",
)


@pytest.mark.parametrize(
    ("zone", "at", "start", "end"),
    [
        pytest.param("UTC", "2026-02-11T12:00", "2026-02-01T00:00+00:00", "2026-03-01T00:00+00:00", id="28 days"),
        pytest.param("UTC", "2028-02-29T23:59", "2028-02-01T00:00+00:00", "2028-03-01T00:00+00:00", id="leap year"),
        pytest.param("UTC", "2100-02-01T00:00", "2100-02-01T00:00+00:00", "2100-03-01T00:00+00:00", id="no leap year"),
        pytest.param("UTC", "2026-12-31T23:59", "2026-12-01T00:00+00:00", "2027-01-01T00:00+00:00", id="end of a year"),
        pytest.param(
            "Europe/Berlin", "2026-03-31T23:59", "2026-03-01T00:00+01:00", "2026-04-01T00:00+02:00", id="an hour short"
        ),
        pytest.param(
            "Europe/Berlin", "2026-10-01T00:00", "2026-10-01T00:00+02:00", "2026-11-01T00:00+01:00", id="an hour long"
        ),
        pytest.param(
            "Asia/Kolkata", "2026-02-01T00:00", "2026-02-01T00:00+05:30", "2026-03-01T00:00+05:30", id="half an hour"
        ),
        pytest.param(
            "America/Havana", "2026-11-01T00:30", "2026-11-01T00:00-04:00", "2026-12-01T00:00-05:00", id="the 1st twice"
        ),
    ],
)
def test_a_month_has_the_bounds_of_its_calendar(zone: str, at: str, start: str, end: str) -> None:
    found = month(datetime.fromisoformat(at).replace(tzinfo=ZoneInfo(zone)))
    assert found == Period(datetime.fromisoformat(start).timestamp(), datetime.fromisoformat(end).timestamp())


MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # hypothesis adds the zone


@given(MOMENTS, st.sampled_from(ZONES))
@example(datetime(2026, 3, 29, 1, tzinfo=UTC), "Europe/Berlin")
@example(datetime(2011, 12, 30, 12, tzinfo=UTC), "Pacific/Apia")
def test_months_hold_their_moment_and_follow_each_other_without_a_gap(at: datetime, name: str) -> None:
    zone = ZoneInfo(name)
    found = month(at.astimezone(zone))
    assert found.start <= at.timestamp() < found.end
    assert month(datetime.fromtimestamp(found.end, zone)).start == found.end
    assert month(datetime.fromtimestamp(found.start - 1, zone)).end == found.start
    assert timedelta(days=26) < timedelta(seconds=found.end - found.start) < timedelta(days=31, hours=2)


@given(MOMENTS, st.sampled_from(ZONES))
def test_the_hours_of_a_month_are_clock_hours_of_utc_and_add_up_to_it(at: datetime, name: str) -> None:
    span = month(at.astimezone(ZoneInfo(name)))
    pieces = list(hours(span))
    assert (pieces[0].start, pieces[-1].end) == (span.start, span.end)
    assert all(earlier.end == later.start for earlier, later in pairwise(pieces))
    assert all(piece.start % 3600 == 0 and piece.end - piece.start == 3600 for piece in pieces[1:-1])
    assert all(0 < piece.end - piece.start <= 3600 for piece in pieces)


def test_a_moment_without_a_zone_has_no_month() -> None:
    with pytest.raises(ValueError, match="a month needs a time zone"):
        month(datetime(2026, 2, 1))  # noqa: DTZ001  # that is the point


@pytest.mark.parametrize(
    ("text", "grams"), [("1g", 1), ("500g", 500), ("2000kg", 2e6), ("0.5kg", 500), ("1.5t", 1.5e6), ("0.001g", 0.001)]
)
def test_a_mass_is_a_number_with_a_unit(text: str, grams: float) -> None:
    assert mass(text) == grams


@pytest.mark.parametrize(
    "text",
    [
        "2000",
        "kg",
        "2000 kg",
        "2,000kg",
        "2000KG",
        "2000lb",
        "-1kg",
        "1e3kg",
        "1kg\n",
        "",
        ".5kg",
        "٣kg",
        "9" * 400 + "kg",
    ],
)
def test_anything_else_is_no_mass(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        mass(text)
    assert str(caught.value) == f"'{text}' is not a mass; write a number with a unit, like 500g, 2000kg or 1.5t"


def test_a_budget_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="'0kg' is no mass at all; a budget must be more than 0g"):
        mass("0kg")
