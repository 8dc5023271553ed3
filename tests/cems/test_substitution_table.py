"""Every row of the table of 40 CFR 75.33, its boundaries, and the procedures around it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from greenops_core.errors import ConfigError
from greenops_gateway.cems.hour import Hour
from greenops_gateway.cems.substitution.availability import OPERATING_HOURS, Run
from greenops_gateway.cems.substitution.lookback import Entry
from greenops_gateway.cems.substitution.part75 import History, Hourly, batch
from greenops_gateway.cems.substitution.plan import SubstitutionPlan
from greenops_telemetry.configuration import convert

D = Decimal
LEAST_HOURS = {"95.0": 8318, "94.9": 8317, "90.0": 7880, "89.9": 7879, "80.0": 7004, "79.9": 7003}
"""The fewest available hours of 8760 that round to the percentage, or the most that do."""
START = Hour(OPERATING_HOURS - 1)
"""The first missing hour: with it, the window is full."""
POTENTIAL = {"SO2C": "900.0", "NOXC": "800.0", "NOXR": "1.200", "CO2C": "14.0", "O2C": "0.5", "H2O": "0.3"}


def plan(parameter: str, **keys: object) -> SubstitutionPlan:
    raw = {
        "parameter": parameter,
        "certified": "1970-01-01T00",
        "potential": POTENTIAL.get(parameter, "900000"),
        **keys,
    }
    return convert(raw, SubstitutionPlan)


def entries(parameter: str, load_bin: int, first: int = 1) -> list[Entry]:
    """A hundred hours, of *first* to *first* + 99 in the parameter's own size, in no order; the odd ones controlled."""
    size = {"FLOW": D(1000), "NOXR": D("0.001")}.get(parameter, D("1.0"))
    at = Hour(START - 200)
    return [Entry(at, (first + n * 37 % 100) * size, load_bin, "", bool(n % 2)) for n in range(100)]


def history(parameter: str, percent: str, *, before: str = "50.0", quality_assured: int = 5000) -> History:
    """After which the first missing hour has *percent* availability; bins 5 and 7 hold values, or bin 0 alone."""
    available = LEAST_HOURS[percent]
    held = entries(parameter, 0) if parameter in {"SO2C", "CO2C", "O2C", "H2O"} else []
    binned = entries(parameter, 5) + entries(parameter, 7, 201) if not held else []
    without = START - available
    runs = (Run(Hour(0), without, False), Run(Hour(without), available, True))
    return History(Hour(START - 1), quality_assured, D(before), (0, 0), runs, tuple(held + binned), ())


def gap(hours: int, load_bin: int | None = 0, after: str = "60.0", **keys: object) -> list[Hourly]:
    """*hours* missing hours and the one after."""
    missing = Hourly(START, None, None, "", load_bin=load_bin)._replace(**keys)  # type: ignore[arg-type]
    return [
        *(missing._replace(hour=Hour(START + n)) for n in range(hours)),
        Hourly(Hour(START + hours), D(after), D(after), load_bin=load_bin),
    ]


BY_BORDERS = [
    pytest.param("95.0", 24, "06", "55.0", id="95.0 %, 24 hours: the hour before and after"),
    pytest.param("95.0", 25, "08", "90.0", id="95.0 %, 25 hours: 90th percentile"),
    pytest.param("94.9", 8, "06", "55.0", id="94.9 %, 8 hours: the hour before and after"),
    pytest.param("94.9", 9, "09", "95.0", id="94.9 %, 9 hours: 95th percentile"),
    pytest.param("90.0", 8, "06", "55.0", id="90.0 %, 8 hours: the hour before and after"),
    pytest.param("90.0", 9, "09", "95.0", id="90.0 %, 9 hours: 95th percentile"),
    pytest.param("89.9", 1, "10", "100.0", id="89.9 %: maximum of the lookback"),
    pytest.param("80.0", 30, "10", "100.0", id="80.0 %: maximum of the lookback"),
]


@pytest.mark.parametrize(("percent", "hours", "code", "value"), BY_BORDERS)
@pytest.mark.parametrize("parameter", ["SO2C", "CO2C"])
def test_sulfur_and_carbon_dioxide_go_by_table_1(
    parameter: str, percent: str, hours: int, code: str, value: str
) -> None:
    first = batch(plan(parameter), gap(hours), history(parameter, percent)).reported[0]

    assert (first.method, first.value, first.unadjusted, first.available) == (code, D(value), None, D(percent))


@pytest.mark.parametrize("parameter", ["SO2C", "CO2C", "O2C", "H2O", "NOXC", "NOXR"])
def test_below_80_percent_every_parameter_has_its_potential_value(parameter: str) -> None:
    first = batch(plan(parameter), gap(1, 5), history(parameter, "79.9")).reported[0]

    assert (first.method, first.value) == ("12", D(POTENTIAL[parameter]))


@pytest.mark.parametrize(
    ("percent", "hours", "code"),
    [pytest.param("95.0", 25, "08", id="90th percentile"), pytest.param("94.9", 9, "09", id="95th percentile")],
)
@pytest.mark.parametrize(
    ("parameter", "bins"), [("SO2C", "load"), ("NOXC", "load"), ("FLOW", "load"), ("FLOW", "none")]
)
def test_a_long_gap_is_at_least_the_hour_before_and_after(
    parameter: str, bins: str, percent: str, hours: int, code: str
) -> None:
    size = 1000 if parameter == "FLOW" else 1
    before, after = str(D("98.0") * size), str(D("100.0") * size)
    first = batch(plan(parameter, bins=bins), gap(hours, 5, after), history(parameter, percent, before=before)).reported

    assert (first[0].method, first[0].value) == (code, D("99.0") * size)


@pytest.mark.parametrize(
    ("percent", "hours", "code", "value"),
    [
        pytest.param("95.0", 24, "06", "55.0", id="95.0 %, 24 hours: the hour before and after"),
        pytest.param("95.0", 25, "08", "10.0", id="95.0 %, 25 hours: 10th percentile"),
        pytest.param("94.9", 8, "06", "55.0", id="94.9 %, 8 hours: the hour before and after"),
        pytest.param("94.9", 9, "09", "5.0", id="94.9 %, 9 hours: 5th percentile"),
        pytest.param("89.9", 1, "10", "1.0", id="89.9 %: minimum"),
    ],
)
@pytest.mark.parametrize("parameter", ["O2C", "H2O"])
def test_where_low_is_conservative_the_table_is_reversed(
    parameter: str, percent: str, hours: int, code: str, value: str
) -> None:
    first = batch(plan(parameter), gap(hours), history(parameter, percent)).reported[0]

    assert (first.method, first.value) == (code, D(value))


def test_where_low_is_conservative_a_long_gap_is_at_most_the_hour_before_and_after() -> None:
    first = batch(plan("O2C"), gap(25, after="4.0"), history("O2C", "95.0", before="3.0")).reported[0]

    assert (first.method, first.value) == ("08", D("3.5"))


def test_moisture_for_the_equations_that_need_the_highest_is_not_reversed() -> None:
    first = batch(plan("H2O", conservative="high"), gap(25), history("H2O", "95.0")).reported[0]

    assert (first.method, first.value) == ("08", D("90.0"))


BY_BIN = [
    pytest.param("95.0", 24, 5, "11", "50.5", id="95.0 %, 24 hours: mean of the bin"),
    pytest.param("95.0", 25, 5, "08", "90", id="95.0 %, 25 hours: 90th percentile of the bin"),
    pytest.param("94.9", 8, 5, "11", "50.5", id="94.9 %, 8 hours: mean of the bin"),
    pytest.param("94.9", 9, 5, "09", "95", id="94.9 %, 9 hours: 95th percentile of the bin"),
    pytest.param("90.0", 9, 5, "09", "95", id="90.0 %, 9 hours: 95th percentile of the bin"),
    pytest.param("89.9", 1, 5, "10", "100", id="89.9 %: maximum of the bin"),
    pytest.param("80.0", 30, 5, "10", "100", id="80.0 %: maximum of the bin"),
    pytest.param("95.0", 1, 6, "10", "300", id="empty bin: maximum of the next higher"),
    pytest.param("80.0", 1, 6, "10", "300", id="empty bin at 80.0 %: maximum of the next higher"),
    pytest.param("95.0", 1, 8, "12", "800", id="no higher bin: maximum potential"),
    pytest.param("95.0", 1, None, "12", "800", id="load not known: maximum potential"),
]


@pytest.mark.parametrize(("percent", "hours", "load_bin", "code", "value"), BY_BIN)
def test_nox_goes_by_load_bin(percent: str, hours: int, load_bin: int | None, code: str, value: str) -> None:
    first = batch(plan("NOXC"), gap(hours, load_bin), history("NOXC", percent)).reported[0]

    assert (first.method, first.value, first.available) == (code, D(value), D(percent))


@pytest.mark.parametrize(("percent", "hours", "load_bin", "code", "value"), BY_BIN)
def test_nox_rate_goes_by_load_bin_with_three_decimals(
    percent: str, hours: int, load_bin: int | None, code: str, value: str
) -> None:
    rate = plan("NOXR", potential="0.800")
    before = history("NOXR", percent, before="0.050")
    first = batch(rate, gap(hours, load_bin, "0.060"), before).reported[0]

    expected = {"50.5": "0.051"}.get(value, str(D(value) / 1000))
    assert (first.method, first.value) == (code, D(expected))


def test_flow_is_to_the_nearest_thousand() -> None:
    first = batch(plan("FLOW"), gap(1, 5, "60000"), history("FLOW", "95.0", before="50000")).reported[0]

    assert (first.method, str(first.value)) == ("11", "51000")


@pytest.mark.parametrize(
    ("percent", "hours", "code", "value"),
    [
        pytest.param("95.0", 24, "11", "50.5", id="95.0 %, 24 hours: mean"),
        pytest.param("95.0", 25, "08", "90.0", id="95.0 %, 25 hours: percentile, whatever the hour before and after"),
        pytest.param("94.9", 8, "11", "50.5", id="94.9 %, 8 hours: mean"),
        pytest.param("94.9", 9, "09", "95.0", id="94.9 %, 9 hours: percentile, whatever the hour before and after"),
        pytest.param("80.0", 1, "10", "100.0", id="80.0 %: maximum"),
    ],
)
@pytest.mark.parametrize("bins", ["operational", "none"])
def test_nox_of_a_unit_without_load_goes_by_table_3(bins: str, percent: str, hours: int, code: str, value: str) -> None:
    before = history("NOXC", percent, before="99.0")
    first = batch(plan("NOXC", bins=bins), gap(hours, 5, "100.0"), before).reported[0]

    assert (first.method, first.value) == (code, D(value))


def test_an_operational_bin_has_none_above_it() -> None:
    first = batch(plan("NOXC", bins="operational"), gap(1, 6), history("NOXC", "95.0")).reported[0]

    assert (first.method, first.value) == ("12", D("800.0"))


def test_availability_falls_and_the_procedure_changes_inside_a_gap() -> None:
    """8318 of 8760 hours are 95.0 %; one hour later a further one is missing and the oldest, missing too, is gone."""
    full = history("SO2C", "95.0")
    available = (Run(Hour(0), 8318, True), Run(Hour(8318), START - 8318, False))
    reported = batch(plan("SO2C"), gap(9), full._replace(availability=available)).reported

    assert [(hour.method, hour.available) for hour in reported[:2]] == [("06", D("95.0")), ("09", D("94.9"))]
    assert {hour.method for hour in reported[1:9]} == {"09"}


@pytest.mark.parametrize(
    ("quality_assured", "hours_since", "code", "available"),
    [
        pytest.param(719, 8759, "07", None, id="719 hours: still initial"),
        pytest.param(720, 8759, "06", D("95.0"), id="720 hours: standard"),
        pytest.param(719, 26_279, "07", None, id="three years less an hour: still initial"),
        pytest.param(719, 26_280, "06", D("95.0"), id="three years: standard"),
    ],
)
def test_the_initial_procedure_ends(
    quality_assured: int, hours_since: int, code: str, available: Decimal | None
) -> None:
    at = Hour(hours_since)
    shift = at - START
    before = history("SO2C", "95.0", quality_assured=quality_assured)
    before = before._replace(
        last=Hour(at - 1),
        availability=tuple(run._replace(first=Hour(run.first + shift)) for run in before.availability),
        lookback=tuple(entry._replace(hour=Hour(entry.hour + shift)) for entry in before.lookback),
    )
    hours = [hourly._replace(hour=Hour(hourly.hour + shift)) for hourly in gap(1)]
    first = batch(plan("SO2C"), hours, before).reported[0]

    assert (first.method, first.value, first.available) == (code, D("55.0"), available)


@pytest.mark.parametrize(
    ("parameter", "load_bin", "code", "value"),
    [
        pytest.param("NOXC", 5, "07", "50.5", id="mean of the bin"),
        pytest.param("NOXC", 6, "07", "250.5", id="mean of the next higher bin"),
        pytest.param("NOXC", 8, "12", "800.0", id="no higher bin: maximum potential"),
        pytest.param("O2C", 0, "07", "55.0", id="oxygen: the hour before and after"),
    ],
)
def test_the_initial_procedure(parameter: str, load_bin: int, code: str, value: str) -> None:
    first = batch(plan(parameter), gap(1, load_bin), history(parameter, "95.0", quality_assured=719)).reported[0]

    assert (first.method, first.value, first.available) == (code, D(value), None)


@pytest.mark.parametrize("parameter", ["SO2C", "NOXC", "O2C", "FLOW"])
def test_with_nothing_before_there_is_the_potential_value(parameter: str) -> None:
    first = batch(plan(parameter), gap(3, 5)).reported[0]

    assert (first.method, first.value) == ("12", D(POTENTIAL.get(parameter, "900000")))


def test_the_720th_hour_is_the_first_with_an_availability() -> None:
    hours = [Hourly(Hour(n), D("1.0"), D("1.0")) for n in range(721)]

    reported = batch(plan("SO2C"), hours).reported

    assert [hour.available for hour in reported[718:]] == [None, D("100.0"), D("100.0")]


CONTROLS = {"maximum_expected": "110.0", "option": "controlled"}


@pytest.mark.parametrize(
    ("percent", "is_controlled", "keys", "code", "value"),
    [
        pytest.param("95.0", False, {}, "12", "900.0", id="not documented: maximum potential"),
        pytest.param("95.0", True, {}, "06", "55.0", id="documented: the table"),
        pytest.param("80.0", True, {"option": "table"}, "10", "100.0", id="the table's maximum"),
        pytest.param("80.0", True, {}, "10", "98.0", id="the maximum of controlled hours"),
        pytest.param("79.9", True, {"option": "table"}, "12", "900.0", id="the table's potential"),
        pytest.param("79.9", True, {}, "15", "122.5", id="1.25 times the maximum of controlled hours"),
        pytest.param("79.9", True, {"maximum_expected": "130.0"}, "13", "130.0", id="the maximum expected, if greater"),
    ],
)
def test_add_on_controls(percent: str, is_controlled: bool, keys: dict[str, str], code: str, value: str) -> None:  # noqa: FBT001  # a case of the table
    controlled = plan("SO2C", controls=CONTROLS | keys)
    before = history("SO2C", percent)
    before = before._replace(
        lookback=tuple(entry._replace(is_controlled=entry.value <= 98) for entry in before.lookback)
    )
    first = batch(controlled, gap(1, is_controlled=is_controlled), before).reported[0]

    assert (first.method, first.value) == (code, D(value))


def test_without_a_controlled_hour_the_table_and_the_maximum_expected_stand() -> None:
    controlled = plan("SO2C", controls=CONTROLS)
    codes = []
    for percent in ("80.0", "79.9"):
        before = history("SO2C", percent)
        plain = tuple(entry._replace(is_controlled=False) for entry in before.lookback)
        found = batch(controlled, gap(1, is_controlled=True), before._replace(lookback=plain)).reported[0]
        codes.append((found.method, found.value))

    assert codes == [("10", D("100.0")), ("13", D("110.0"))]


def test_a_raised_controlled_value_is_held_at_the_maximum_potential() -> None:
    controlled = plan("SO2C", potential="120.0", controls=CONTROLS)
    first = batch(controlled, gap(1, is_controlled=True), history("SO2C", "79.9")).reported[0]

    assert (first.method, first.value) == ("15", D("120.0"))


def test_a_lookback_by_fuel_holds_that_fuel_alone() -> None:
    by_fuel = plan("SO2C", potential_of_fuel={"coal": "700.0", "oil": "300.0"})
    before = history("SO2C", "80.0")
    coal = tuple(entry._replace(fuel="coal") for entry in before.lookback)
    oil = tuple(entry._replace(fuel="oil", value=entry.value + 100) for entry in before.lookback)
    before = before._replace(lookback=coal + oil)

    found = {fuel: batch(by_fuel, gap(1, fuel=fuel), before).reported[0] for fuel in ("coal", "oil", "gas")}

    assert {fuel: (hour.method, hour.value) for fuel, hour in found.items()} == {
        "coal": ("10", D("100.0")),
        "oil": ("10", D("200.0")),
        "gas": ("12", D("900.0")),
    }


def test_what_is_more_than_three_years_before_a_gap_is_not_looked_back_to() -> None:
    before = history("SO2C", "80.0")
    oldest = START - 26_280
    kept = Entry(Hour(oldest), D("40.0"), 0, "", is_controlled=False)
    too_old = kept._replace(hour=Hour(oldest - 1), value=D("90.0"))
    reported = batch(plan("SO2C"), gap(3), before._replace(lookback=(too_old, kept))).reported

    assert [(hour.method, hour.value) for hour in reported[:3]] == [("10", D("40.0"))] * 3


def test_each_hour_of_a_gap_goes_by_its_own_bin() -> None:
    hours = [hourly._replace(load_bin=load_bin) for hourly, load_bin in zip(gap(3, 5), (5, 7, 8, 5), strict=True)]
    reported = batch(plan("NOXC"), hours, history("NOXC", "95.0")).reported

    assert [(hour.method, hour.value) for hour in reported[:3]] == [
        ("11", D("50.5")),
        ("11", D("250.5")),
        ("12", D("800.0")),
    ]


def test_every_substitute_says_how_it_was_come_by() -> None:
    done = batch(plan("SO2C"), gap(25), history("SO2C", "95.0"))

    assert set(done.workings) == {Hour(START + n) for n in range(25)}
    assert done.workings[START].told() == (
        "MODC 08 (40 CFR 75.33(b)(1))\n"
        "  PMA = 95.0 %\n"
        "  N = 25 h\n"
        "  greater of percentile 90 of 100 hours, 90.0, and of the hour before and after, 55.0\n"
        "  = 90.0 ppm, rounded half up to 1 decimal"
    )


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"conservative": "low"}, "'conservative' is for H2O"),
        ({"parameter": "FLOW", "controls": CONTROLS}, "add-on controls do not reduce FLOW"),
        ({"potential": "-1"}, "-1 can be no potential"),
        ({"certified": "2021-02-30T00"}, "day is out of range"),
        ({"certified": "yesterday"}, "certified"),
    ],
)
def test_a_plan_whose_keys_do_not_fit_is_refused(keys: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        plan(**({"parameter": "SO2C"} | keys))  # type: ignore[arg-type]
