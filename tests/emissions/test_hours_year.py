"""A year of a stack, from readings to the four quarterly files: with gaps, failed calibrations, startups and a RATA."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import pytest

import stack_year
from greenops_gateway.cems.closing import close
from greenops_gateway.cems.hour import quarter
from greenops_gateway.cems.record import ClosedHour, Reported
from greenops_gateway.cems.substitution.complaint import complaints
from greenops_gateway.cems.substitution.part75 import batch, series, substitute
from greenops_gateway.emissions.entry import AnalyserTests, Entry, Inputs, results_hash
from greenops_gateway.emissions.ledger import Ledger, closed_hours
from greenops_gateway.regulatory.ecmps.emissions import pieces, quarter_file
from greenops_gateway.regulatory.ecmps.inspection import complaints as inspected
from greenops_gateway.regulatory.ecmps.schema import faults
from stack_year import FIRST, HOURS, RATA_AT, SUBSTITUTION, YEAR, Year

LOAD = Decimal(250)


@pytest.fixture(scope="module")
def year() -> Year:
    return stack_year.year()


@pytest.fixture(scope="module")
def reported(year: Year) -> Mapping[str, Sequence[Reported]]:
    return {plan.parameter: substitute(plan, series(plan, year.hours, LOAD)) for plan in SUBSTITUTION}


def made(hours: Sequence[ClosedHour], year: Year, reported: Mapping[str, Sequence[Reported]], number: int) -> bytes:
    every = [each for some in reported.values() for each in some]
    stack = year.plans[number > 1]
    return b"".join(pieces(quarter_file(stack_year.ECMPS, stack, YEAR, number, hours, reported=every)))


def test_the_year_has_all_that_can_happen(year: Year) -> None:
    whys = Counter(each.why.rpartition(": ")[2] for closed in year.hours for each in closed.measured.values())
    assert len(year.hours) == 8760
    assert whys["the plant did not operate"] == 241 * 4
    assert whys["the analyser is out of control"] == 2 * stack_year.REPAIRED_AFTER
    assert whys["lost"] > 300
    assert sum(closed.is_startup for closed in year.hours) == 2 * stack_year.STARTUP_HOURS
    assert {closed.operating_time for closed in year.hours} == {Decimal("0.00"), Decimal("0.50"), Decimal("1.00")}
    assert year.bias.value == Decimal("1.035")


def test_the_bias_factor_of_the_rata_counts_from_its_hour_on(year: Year) -> None:
    for closed in year.hours:
        so2 = closed.measured["SO2C"]
        if so2.value is not None and so2.unadjusted is not None:
            factor = year.bias.value if closed.hour - FIRST >= RATA_AT else Decimal(1)
            assert so2.value == (so2.unadjusted * factor).quantize(Decimal("0.1"), "ROUND_HALF_UP"), closed.hour


def test_each_gap_is_substituted_and_the_checks_of_epa_find_nothing(
    year: Year, reported: Mapping[str, Sequence[Reported]]
) -> None:
    operating = sum(closed.is_operating for closed in year.hours)
    for plan in SUBSTITUTION:
        some = reported[plan.parameter]
        assert len(some) == operating
        assert all(each.value is not None for each in some)
        assert complaints(plan, some) == []
    methods = {name: {each.method for each in some} for name, some in reported.items()}
    assert methods["SO2C"] >= {"01", "06", "07", "08"}
    assert methods["NOXR"] >= {"01", "07", "08", "11"}


def test_quarter_by_quarter_gives_what_the_whole_year_gives(
    year: Year, reported: Mapping[str, Sequence[Reported]]
) -> None:
    for plan in SUBSTITUTION:
        history, found = None, list[Reported]()
        for number in (1, 2, 3, 4):
            hours = [closed for closed in year.hours if closed.hour in quarter(YEAR, number)]
            done = batch(plan, series(plan, hours, LOAD), history)
            history, found = done.history, [*found, *done.reported]
        assert [*found, *done.provisional] == reported[plan.parameter]


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_quarter_file_is_complete_and_an_inspector_finds_nothing(
    year: Year, reported: Mapping[str, Sequence[Reported]], number: int
) -> None:
    every = [each for some in reported.values() for each in some]
    stack = year.plans[number > 1]
    file = quarter_file(stack_year.ECMPS, stack, YEAR, number, year.hours, reported=every)
    assert len(file["hourlyOperatingData"]) == len(quarter(YEAR, number))
    assert list(faults(file)) == []
    assert [str(each) for each in inspected(file, stack_year.ECMPS, stack, SUBSTITUTION)] == []


def test_the_ledger_gives_the_year_back_and_the_same_file(
    tmp_path: Path, year: Year, reported: Mapping[str, Sequence[Reported]]
) -> None:
    third = [closed for closed in year.hours if closed.hour in quarter(YEAR, 3)]
    ledger = Ledger.open(tmp_path, "stack-1")
    rest = ("", "1.2.3", "ef" * 32, Inputs("cd" * 32, 0, ()), AnalyserTests(), 1, ())
    ledger.append([Entry(0, "stack-1", 0, "", *rest, closed) for closed in third])
    found = closed_hours(tmp_path, "stack-1", HOURS)
    assert found == third
    assert results_hash(reversed(found)) == results_hash(third)
    assert made(found, year, reported, 3) == made(year.hours, year, reported, 3)


def test_the_results_are_the_same_for_any_order_of_readings(year: Year) -> None:
    chance = random.Random(7)  # a replay, no secret
    some = range(FIRST + RATA_AT + 200, FIRST + RATA_AT + 900)
    again = [close(year.plans[1], each)[0] for each in stack_year.inputs(chance, some)]
    assert results_hash(again) == results_hash(closed for closed in year.hours if closed.hour in some)
