"""The parts of substitution: availability, lookback, bins, EPA's checks, the EU ETS; and who must not import it."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from greenops_gateway.cems.hour import Hour
from greenops_gateway.cems.record import Reported
from greenops_gateway.cems.substitution import ets, method
from greenops_gateway.cems.substitution.availability import OPERATING_HOURS, THREE_YEARS, Availability, Run
from greenops_gateway.cems.substitution.complaint import complaints, rate_complaints
from greenops_gateway.cems.substitution.hourly import Hourly
from greenops_gateway.cems.substitution.load_bin import load_bin
from greenops_gateway.cems.substitution.lookback import Entry, Lookback, percentile
from greenops_gateway.cems.substitution.plan import SubstitutionPlan
from greenops_telemetry.configuration import convert

D = Decimal


@pytest.mark.parametrize(
    ("count", "percent", "expected"),
    [
        (10, 90, "9"),
        (11, 90, "10"),
        (20, 95, "19"),
        (21, 95, "20"),
        (1, 90, "1"),
        (1, 5, "1"),
        (40, 5, "2"),
        (41, 10, "5"),
    ],
)
def test_a_percentile_is_the_value_at_the_nearest_rank(count: int, percent: int, expected: str) -> None:
    assert percentile([D(n) for n in range(1, count + 1)], percent) == D(expected)


@pytest.mark.parametrize(
    ("load", "bins", "expected"),
    [
        ("0", 10, 1),
        ("50", 10, 1),
        ("50.1", 10, 2),
        ("100", 10, 2),
        ("450", 10, 9),
        ("451", 10, 10),
        ("600", 10, 10),
        ("25", 20, 1),
        ("26", 20, 2),
        ("500", 20, 20),
    ],
)
def test_a_load_bin_includes_its_upper_limit(load: str, bins: int, expected: int) -> None:
    assert load_bin(D(load), D(500), bins) == expected


def test_a_maximum_load_of_nothing_has_no_bins() -> None:
    with pytest.raises(ValueError, match="has no bins"):
        load_bin(D(1), D(0))


@given(st.lists(st.tuples(st.integers(1, 3), st.booleans()), max_size=60))
def test_availability_is_counted_over_operating_hours(steps: list[tuple[int, bool]]) -> None:
    window, hour, known = Availability(), 0, []
    for step, is_available in steps:
        hour += step
        known.append(is_available)
        window = Availability(window.runs())
        window.add(Hour(hour), is_available=is_available)
        exact = D(100 * sum(known)) / len(known)
        assert abs(window.percent() - exact) <= D("0.05")
    assert sum(run.hours for run in window.runs()) == len(known)


def test_the_window_is_8760_operating_hours() -> None:
    window = Availability([Run(Hour(0), 10, False), Run(Hour(100), OPERATING_HOURS - 10, True)])

    window.add(Hour(20_000), is_available=True)

    assert window.runs()[0] == Run(Hour(1), 9, False)
    assert sum(run.hours for run in window.runs()) == OPERATING_HOURS


def test_of_fewer_hours_the_window_is_three_years() -> None:
    window = Availability([Run(Hour(0), 10, False), Run(Hour(20), 10, False)])

    window.add(Hour(THREE_YEARS + 3), is_available=True)

    assert window.runs() == (Run(Hour(4), 6, False), Run(Hour(20), 10, False), Run(Hour(THREE_YEARS + 3), 1, True))
    assert window.percent() == D("5.9")


def test_an_hour_three_years_before_is_out_of_the_window() -> None:
    window = Availability([Run(Hour(0), 2, False)])

    window.add(Hour(THREE_YEARS), is_available=True)

    assert window.runs() == (Run(Hour(1), 1, False), Run(Hour(THREE_YEARS), 1, True))


def test_before_any_operating_hour_nothing_is_available() -> None:
    assert Availability().percent() == D("0.0")


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 4)), max_size=60), st.integers(1, 20), st.integers(0, 60))
def test_a_lookback_holds_the_last_values_sorted(held: list[tuple[int, int]], depth: int, oldest: int) -> None:
    entries = [Entry(Hour(at), D(value), bin_, "", at % 2 == 0) for at, (value, bin_) in enumerate(held)]
    lookback = Lookback(depth, entries)
    lookback.forget_before(Hour(oldest))

    kept = [entry for entry in entries[-depth:] if entry.hour >= oldest]
    assert list(lookback.entries()) == kept
    for bin_ in range(1, 5):
        assert list(lookback.values(bin_)) == sorted(entry.value for entry in kept if entry.load_bin == bin_)
        above = sorted(entry.load_bin or 0 for entry in kept if (entry.load_bin or 0) > bin_)
        assert list(lookback.higher(bin_)) == sorted(entry.value for entry in kept if entry.load_bin in above[:1])
        controlled = sorted(entry.value for entry in kept if entry.is_controlled and entry.load_bin == bin_)
        assert sorted(lookback.controlled(bin_)) == controlled


def test_what_is_available_is_quality_assured_and_neither_is_a_substitute() -> None:
    substitutes = {"06", "07", "08", "09", "10", "11", "12", "13", "15", "18", "23", "24", "55"}

    assert method.AVAILABLE < method.QUALITY_ASSURED < method.MEASURED
    assert not method.QUALITY_ASSURED & substitutes
    assert method.MEASURED & substitutes == {"18"}


def plan(parameter: str = "SO2C", **keys: object) -> SubstitutionPlan:
    raw = {"parameter": parameter, "certified": "1970-01-01T00", "potential": "100.0", **keys}
    return convert(raw, SubstitutionPlan)


def reported(code: str, value: str | None = "20.0", available: str | None = "99.0", hour: int = 1) -> Reported:
    number = D(value) if value is not None else None
    unadjusted = number if code in method.MEASURED else None
    return Reported(Hour(hour), "SO2C", number, unadjusted, code, D(available) if available is not None else None)


@pytest.mark.parametrize(
    ("hour", "checks"),
    [
        (reported("01"), ""),
        (reported("11"), "8-A"),
        (reported("", "20.0"), "8-A"),
        (reported("06", available=None), "9-B"),
        (reported("12", "100.0", None), ""),
        (reported("12", "100.0", "100.1"), "9-D"),
        (reported("06", available="89.9"), "9-E"),
        (reported("08", available="94.9"), "9-E"),
        (reported("09", available="95.0"), "9-E"),
        (reported("09", available="89.9"), "9-E"),
        (reported("10", available="90.0"), "9-E"),
        (reported("10", available="79.9"), "9-E"),
        (reported("10", available="80.0"), ""),
        (reported("08")._replace(unadjusted=D("20.0")), "16-E"),
        (reported("01")._replace(unadjusted=None), "16-A"),
        (reported("20")._replace(unadjusted=None), ""),
        (reported("01")._replace(unadjusted=D("-0.1")), "16-A"),
        (reported("16", "2.0")._replace(unadjusted=D("2.1")), "16-B"),
        (reported("21", "0.0")._replace(unadjusted=D("0.1")), "16-C"),
        (reported("21", "0.0")._replace(unadjusted=D("-0.1")), ""),
        (reported("01")._replace(unadjusted=D("20.05")), "16-F"),
        (reported("01", "100.1"), "16-D"),
        (reported("20", "200.0"), ""),
        (reported("21", "0.1")._replace(unadjusted=D("-0.1")), "19-A"),
        (reported("16", "1.9"), "19-B"),
        (reported("12", "99.0"), "19-C"),
        (reported("13", "99.0"), "19-D"),
        (reported("08", None), "19-H"),
        (reported("08", "-1.0"), "19-H"),
        (reported("08", "20.05"), "19-L"),
        (reported("08", "100.1"), "19-K"),
        (reported("08", "200.1"), "19-O"),
        (reported("10", "200.1", "80.0"), "19-P"),
    ],
)
def test_an_hour_that_epa_would_not_take(hour: Reported, checks: str) -> None:
    controlled = plan(controls={"maximum_expected": "60.0"})
    found = [complaint.check for complaint in complaints(controlled, [hour])]

    assert found == [f"HOURMHV{check}" for check in checks.split()]


@pytest.mark.parametrize(
    ("parameter", "code", "value", "checks"),
    [
        ("SO2C", "06", "15.0", ""),
        ("SO2C", "06", "15.1", "19-G"),
        ("SO2C", "08", "14.9", "19-I"),
        ("NOXC", "08", "14.9", "19-I"),
        ("CO2C", "06", "15.1", "20-D"),
        ("CO2C", "08", "14.9", "20-G"),
        ("O2C", "08", "15.1", "20-J"),
        ("O2C", "08", "0.4", "20-H"),
        ("O2C", "08", "15.0", ""),
        ("CO2C", "12", "99.0", "20-B"),
        ("CO2C", "08", None, "20-E"),
        ("CO2C", "08", "15.05", "20-I"),
        ("CO2C", "08", "100.1", "20-F"),
    ],
)
def test_a_substitute_is_held_against_the_hour_before_and_after(
    parameter: str, code: str, value: str | None, checks: str
) -> None:
    potential = "0.5" if parameter == "O2C" else "100.0"
    hours = [reported("01", "10.0"), reported(code, value, hour=2), reported("01", "20.0", hour=3)]

    found = complaints(plan(parameter, potential=potential), hours)

    assert [(complaint.hour, complaint.check) for complaint in found] == [
        (2, f"HOURMHV{one}") for one in checks.split()
    ]


def test_nox_without_load_may_be_less_than_the_hour_before_and_after() -> None:
    hours = [reported("01", "10.0"), reported("08", "14.9", hour=2), reported("01", "20.0", hour=3)]

    assert complaints(plan("NOXC", bins="none"), hours) == []


@pytest.mark.parametrize(
    ("parameter", "prior", "checks"),
    [("SO2C", 720, []), ("SO2C", 721, ["HOURMHV10-A"]), ("NOXC", 2160, []), ("NOXC", 2161, ["HOURMHV10-A"])],
)
def test_the_initial_code_is_for_the_first_hours(parameter: str, prior: int, checks: list[str]) -> None:
    found = complaints(plan(parameter), [reported("07", available=None)], prior)

    assert [complaint.check for complaint in found] == checks


@pytest.mark.parametrize(
    ("length", "available", "count"), [(24, "95.0", 0), (25, "95.0", 25), (8, "94.9", 0), (9, "94.9", 9)]
)
def test_the_mean_of_a_bin_is_for_short_periods(length: int, available: str, count: int) -> None:
    found = complaints(plan("NOXC"), [reported("11", available=available, hour=n) for n in range(length)])

    assert Counter(complaint.check for complaint in found) == Counter({"HOURMHV12-C": count} if count else {})


def test_the_maximum_of_a_higher_bin_is_reported_at_any_availability() -> None:
    assert complaints(plan("NOXC"), [reported("10", available="99.0")]) == []


def test_a_like_kind_analyser_is_for_720_hours_of_a_year() -> None:
    found = complaints(plan(), [reported("17", hour=n) for n in range(721)])

    assert [(complaint.hour, complaint.check) for complaint in found] == [(720, "HOURMHV12-D")]


@pytest.mark.parametrize(
    ("concentration", "rate", "check"),
    [
        ("01", "01", None),
        ("06", "06", None),
        ("06", "01", "A"),
        ("21", "21", None),
        ("21", "14", None),
        ("21", "01", "A"),
        ("22", "01", "A"),
        ("46", "06", None),
        ("46", "01", "B"),
        ("46", "05", "B"),
    ],
)
def test_a_rate_is_measured_only_where_its_concentration_is(concentration: str, rate: str, check: str | None) -> None:
    found = rate_complaints([reported(concentration)], [reported(rate)])

    assert [complaint.check for complaint in found] == ([f"HOURMHV17-{check}"] if check else [])


def test_a_rate_without_its_concentration_is_not_complained_of() -> None:
    assert rate_complaints([], [reported("01")]) == []


def hourly(hour: int, value: str | None, *, is_operating: bool = True) -> Hourly:
    return Hourly(Hour(hour), D(value) if value else None, is_operating=is_operating)


def test_the_eu_ets_substitute_is_the_mean_and_twice_the_deviation() -> None:
    hours = [hourly(0, "10"), hourly(1, "12"), hourly(2, "14"), hourly(3, None), hourly(4, None, is_operating=False)]

    found = ets.substitute("CO2C", hours, 1)

    assert [(hour.hour, hour.value, hour.method, hour.available) for hour in found] == [
        (0, D("10"), "measured", D("75.0")),
        (1, D("12"), "measured", D("75.0")),
        (2, D("14"), "measured", D("75.0")),
        (3, D("16.0"), "C*", D("75.0")),
    ]


def test_the_working_of_the_eu_ets_substitute_has_mean_and_deviation() -> None:
    working = ets.conservative([D("9.9"), D("10.1"), D("10.4")], 2, "g/Nm3")

    assert {given.symbol: str(given.value)[:8] for given in working.inputs} == {
        "n": "3",
        "Cmean": "10.13333",
        "sigma": "0.251661",
    }
    assert (working.value, working.unit) == (D("10.64"), "g/Nm3")


def test_flow_of_the_eu_ets_is_by_balance() -> None:
    hours = [hourly(0, "100"), hourly(1, None)]

    found = ets.substitute("FLOW", hours, 0, {Hour(1): D("90")})

    assert [(hour.value, hour.method) for hour in found] == [(D("100"), "measured"), (D("90"), "balance")]
    with pytest.raises(ValueError, match="FLOW is missing in 1 hours, 1970-01-01T01 the first"):
        ets.substitute("FLOW", hours, 0)


def test_one_valid_hour_is_too_few_for_the_eu_ets() -> None:
    with pytest.raises(ValueError, match="1 valid hours in the reporting period"):
        ets.substitute("CO2C", [hourly(0, "10"), hourly(1, None)], 1)


def test_a_period_without_operation_has_nothing_to_report() -> None:
    assert ets.substitute("CO2C", [hourly(0, None, is_operating=False)], 1) == []


LIMITS_AND_ALERTS = """
import importlib, pkgutil, sys
import greenops_alerting, greenops_gateway.cems
import greenops_gateway.limit
for module in pkgutil.walk_packages(greenops_alerting.__path__, "greenops_alerting."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
for module in pkgutil.iter_modules(greenops_gateway.cems.__path__):
    if module.name.startswith(("limit", "averaging", "gap", "judge", "closing")):
        importlib.import_module(f"greenops_gateway.cems.{module.name}")
print([name for name in sys.modules if name.startswith("greenops_gateway.cems.substitution")])
"""


def test_limits_and_alerts_never_import_substitutes() -> None:
    """A substitute that reached a limit would be an exceedance that nobody measured, or hide one."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITS_AND_ALERTS], capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout.strip() == "[]"


def test_the_plan_in_the_documentation_is_one() -> None:
    text = (Path(__file__).parents[2] / "docs" / "substitution.md").read_text()
    example = yaml.safe_load(text.split("```yaml\n")[1].split("```")[0])

    found = convert(example, SubstitutionPlan)

    assert (found.parameter, found.potential, found.depth) == ("SO2C", D("900.0"), 720)
