"""Which hours a permit's average is over, by the calendar and by hand."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_gateway.cems.hour import Hour, hour_on
from greenops_gateway.cems.limit_window import DAY, EXAMPLES, Due, read


def at(month: int, day: int, hour: int = 0, year: int = 2026) -> int:
    return hour_on(date(year, month, day), hour)


ALWAYS = [Hour(hour) for hour in range(at(1, 1, year=2024), at(1, 1, year=2028))]
NOW = Hour(at(3, 10, 14))


@pytest.mark.parametrize(
    ("text", "complete", "due"),
    [
        ("1h", [(at(3, 10, 13), NOW)], Due((range(NOW, NOW),), 1)),
        ("3h", [(at(3, 10, 11), NOW)], Due((range(at(3, 10, 12), NOW),), 1)),
        ("24h", [(at(3, 9, 14), NOW)], Due((range(at(3, 9, 15), NOW),), 1)),
        ("3h block", [(at(3, 10, 9), at(3, 10, 12))], Due((range(at(3, 10, 12), NOW),), 1)),
        ("24h block", [(at(3, 9), at(3, 10))], Due((range(at(3, 10), NOW),), 10)),
        ("calendar month", [(at(2, 1), at(3, 1))], Due((range(at(3, 1), NOW),), at(4, 1) - NOW)),
        ("12 months", [(at(3, 1, year=2025), at(3, 1))], Due((range(at(4, 1, year=2025), NOW),), at(4, 1) - NOW)),
        ("calendar year", [(at(1, 1, year=2025), at(1, 1))], Due((range(at(1, 1), NOW),), at(1, 1, year=2027) - NOW)),
        (
            "2 operating days",
            [(at(3, 8), at(3, 9)), (at(3, 9), at(3, 10))],
            Due((range(at(3, 9), at(3, 10)), range(at(3, 10), NOW)), 10),
        ),
    ],
)
def test_what_is_complete_and_what_falls_due_first(text: str, complete: list[tuple[int, int]], due: Due) -> None:
    window = read(text).window
    operating = [hour for hour in ALWAYS if hour < NOW]
    assert window.complete(NOW, operating) == tuple(range(*span) for span in complete)
    assert next(iter(window.due(NOW, operating))) == due


def test_hours_in_which_nothing_burnt_make_no_operating_hour_or_day() -> None:
    running = [Hour(at(3, 1, 5)), Hour(at(3, 4, 7)), Hour(at(3, 4, 8)), Hour(at(3, 10, 1))]
    hours = read("3 operating hours").window.complete(NOW, running)
    assert hours == tuple(range(hour, hour + 1) for hour in running[1:])
    days = read("2 operating days").window
    assert days.complete(NOW, running) == (range(at(3, 1), at(3, 2)), range(at(3, 4), at(3, 5))), "today is not over"
    assert days.complete(Hour(at(3, 11)), running) == (range(at(3, 4), at(3, 5)), range(at(3, 10), at(3, 11)))


@pytest.mark.parametrize("text", ["4 operating hours", "4 operating days"])
def test_there_is_no_average_before_there_are_enough(text: str) -> None:
    running = [Hour(at(3, day, 5)) for day in (1, 2, 3)]
    assert read(text).window.complete(NOW, running) is None
    assert read(text).window.complete(NOW, [*running, Hour(at(3, 4))]) is not None


@given(st.sampled_from(EXAMPLES), st.integers(at(1, 1, year=2026), at(1, 1, year=2027)))
def test_every_average_that_falls_due_is_of_hours_before_and_after_now_without_a_gap(text: str, now: int) -> None:
    window = read(text).window
    operating = [hour for hour in ALWAYS if hour < now]
    dues = list(window.due(Hour(now), operating))
    complete = window.complete(Hour(now), operating)
    assert complete is not None
    assert complete[0].start >= now - window.reach
    assert complete[-1].stop <= now
    assert [each.remaining for each in dues] == sorted({each.remaining for each in dues})
    for each in dues:
        closed = [hour for span in each.spans for hour in span]
        assert each.remaining > 0
        assert closed == list(range(now - len(closed), now)), "the plant ran all the time"


@pytest.mark.parametrize("text", EXAMPLES)
def test_what_is_shown_as_an_example_is_read_and_written_the_same(text: str) -> None:
    assert str(read(f" {text}  ")) == text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("30m", "is no averaging of hours; write 1h"),
        ("", "is no averaging of hours"),
        ("5h block", "does not divide a day"),
        ("0h", "between 1 and"),
        ("999 operating days", "between 1 and 366"),
        ("100 % of hours in a year", "between 0 and 100 %"),
        ("monthly", "is no averaging of hours"),
    ],
)
def test_what_is_no_averaging_says_what_is(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read(text)


def test_a_day_has_24_hours_all_year() -> None:
    spans = read("24h block").window.complete(Hour(at(3, 30)), [])
    assert spans is not None
    assert len(spans[0]) == DAY, "standard time knows no summer"
