"""What holds of every batch: planes, prefixes, quarters, EPA's checks; and what it costs."""

from __future__ import annotations

import time
from datetime import date
from decimal import Decimal, localcontext
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenops_gateway.cems.hour import Hour, hour_on, quarter
from greenops_gateway.cems.record import ClosedHour, Computed, Measured, Reported
from greenops_gateway.cems.substitution import method
from greenops_gateway.cems.substitution.availability import Run
from greenops_gateway.cems.substitution.complaint import complaints
from greenops_gateway.cems.substitution.lookback import Entry
from greenops_gateway.cems.substitution.part75 import (
    Batch,
    Documented,
    History,
    Hourly,
    batch,
    series,
    substitute,
)
from greenops_gateway.cems.substitution.plan import SubstitutionPlan
from greenops_telemetry.configuration import convert

D = Decimal
POTENTIALS = {"SO2C": "100.0", "NOXC": "100.0", "CO2C": "100.0", "O2C": "0.0", "H2O": "0.0"}
CONTROLS = {"maximum_expected": "60.0", "option": "controlled"}
START = 8760


def plan(parameter: str, certified: str = "1970-01-01T00", **keys: object) -> SubstitutionPlan:
    potential = POTENTIALS.get(parameter, "100000" if parameter == "FLOW" else "0.100")
    return convert({"parameter": parameter, "certified": certified, "potential": potential, **keys}, SubstitutionPlan)


plans = st.sampled_from(
    [
        *(plan(parameter) for parameter in ("SO2C", "NOXC", "NOXR", "CO2C", "O2C", "H2O", "FLOW")),
        plan("NOXC", bins="none"),
        plan("NOXC", bins="operational"),
        plan("FLOW", bins="none"),
        plan("H2O", conservative="high", potential="100.0"),
        plan("SO2C", controls=CONTROLS),
        plan("NOXC", controls=CONTROLS | {"option": "table"}),
        plan("NOXC", potential_of_fuel={"coal": "100.0", "oil": "90.0"}),
    ]
)
tenths = st.integers(0, 900)


def sized(plan: SubstitutionPlan, number: int) -> Decimal:
    size = {"FLOW": D(100), "NOXR": D("0.0001")}.get(plan.parameter, D("0.1"))
    return plan.written(number * size)


@st.composite
def hourlies(draw: st.DrawFn, plan: SubstitutionPlan, first: int, most: int = 60) -> list[Hourly]:
    """Hours in order, some not operating, some skipped, in gaps of any length."""
    hours = []
    at = first
    for _ in range(draw(st.integers(0, 8))):
        is_missing = draw(st.booleans())
        for _ in range(draw(st.integers(1, most // 3 if is_missing else most))):
            at += draw(st.sampled_from((1, 1, 1, 1, 1, 1, 1, 3)))
            hours.append(_hourly(draw, plan, at, is_missing=is_missing))
    return hours


def _hourly(draw: st.DrawFn, plan: SubstitutionPlan, at: int, *, is_missing: bool) -> Hourly:
    value = None if is_missing else sized(plan, draw(tenths))
    measured = draw(st.sampled_from(("01", "01", "01", "01", "02", "54")))
    return Hourly(
        Hour(at),
        value,
        value,
        "" if is_missing else measured,
        draw(st.sampled_from((True, True, True, True, False))),
        draw(st.sampled_from((1, 2, 2, 5, 10, None))),
        draw(st.sampled_from(("coal", "oil", "gas"))),
        draw(st.booleans()),
    )


@st.composite
def histories(draw: st.DrawFn, plan: SubstitutionPlan) -> History:
    """Any availability, any part of the procedure, and a lookback of a few hours in every bin."""
    without = draw(st.sampled_from((0, 100, 430, 440, 860, 880, 1740, 1760, 3000)))
    held = (Run(Hour(0), without, False), Run(Hour(without), START - without, True))
    runs = tuple(run for run in held if run.hours)
    fuel = draw(st.sampled_from(("coal", "oil"))) if plan.potential_of_fuel else ""
    entries = tuple(
        Entry(Hour(START - 100 + n), sized(plan, draw(tenths)), n % 3 if plan.is_binned else 0, fuel, n % 2 == 0)
        for n in range(draw(st.integers(1, 20)))
    )
    count = draw(st.sampled_from((0, plan.depth - 1, plan.depth, START)))
    return History(Hour(START - 1), count, entries[-1].value, (0, 0), runs, entries, ())


@st.composite
def cases(draw: st.DrawFn) -> tuple[SubstitutionPlan, History, list[Hourly]]:
    chosen = draw(plans)
    before = draw(st.one_of(st.just(History()), histories(chosen)))
    return chosen, before, draw(hourlies(chosen, 0 if before.last is None else START))


def whole(done: Batch) -> list[Reported]:
    return done.reported + done.provisional


@given(cases())
@settings(max_examples=40, deadline=None)
def test_every_operating_hour_has_a_value_and_a_measured_one_is_the_measured(
    case: tuple[SubstitutionPlan, History, list[Hourly]],
) -> None:
    chosen, before, hours = case
    operating = [hourly for hourly in hours if hourly.is_operating]

    reported = whole(batch(chosen, hours, before))

    assert [hour.hour for hour in reported] == [hourly.hour for hourly in operating]
    for hour, hourly in zip(reported, operating, strict=True):
        if hourly.value is None:
            assert hour.value is not None
            assert hour.unadjusted is None
            assert hour.method not in method.MEASURED
            assert hour.value == chosen.written(hour.value)
        else:
            assert (hour.value, hour.unadjusted, hour.method) == (hourly.value, hourly.unadjusted, hourly.method)


@given(cases())
@settings(max_examples=40, deadline=None)
def test_what_is_reported_passes_the_checks_of_epa(case: tuple[SubstitutionPlan, History, list[Hourly]]) -> None:
    chosen, before, hours = case

    assert complaints(chosen, whole(batch(chosen, hours, before)), before.quality_assured) == []


@given(cases(), st.data())
@settings(max_examples=40, deadline=None)
def test_later_hours_change_nothing_that_is_not_provisional(
    case: tuple[SubstitutionPlan, History, list[Hourly]], data: st.DataObject
) -> None:
    chosen, before, hours = case
    cut = data.draw(st.integers(0, len(hours)))

    part, all_of_it = batch(chosen, hours[:cut], before), batch(chosen, hours, before)

    assert part.reported == whole(all_of_it)[: len(part.reported)]
    operating = [hourly for hourly in hours[:cut] if hourly.is_operating]
    assert bool(part.provisional) == bool(operating and operating[-1].value is None)


@given(cases(), st.data())
@settings(max_examples=40, deadline=None)
def test_in_parts_with_the_carried_history_it_is_what_it_is_all_at_once(
    case: tuple[SubstitutionPlan, History, list[Hourly]], data: st.DataObject
) -> None:
    chosen, before, hours = case
    cuts = sorted(data.draw(st.lists(st.integers(0, len(hours)), max_size=3)))
    at_once = batch(chosen, hours, before)

    carried, reported = before, list[Reported]()
    done = batch(chosen, [], carried)
    for begin, end in zip([0, *cuts], [*cuts, len(hours)], strict=True):
        done = batch(chosen, hours[begin:end], carried)
        reported += done.reported
        carried = msgspec.json.decode(msgspec.json.encode(done.history), type=History)

    assert reported == at_once.reported
    assert done.provisional == at_once.provisional
    assert carried == at_once.history


@given(cases())
@settings(max_examples=25, deadline=None)
def test_the_decimal_context_of_the_caller_has_no_say(case: tuple[SubstitutionPlan, History, list[Hourly]]) -> None:
    chosen, before, hours = case
    expected = batch(chosen, hours, before)

    with localcontext() as context:
        context.prec = 3

        assert batch(chosen, hours, before) == expected


def year(chosen: SubstitutionPlan, hours: int = 8760, missing: float = 0.03) -> list[Hourly]:
    """A year with single missing hours, gaps of up to two days, and stops of up to a week."""
    random = Random(chosen.parameter)  # the same year every time
    made: list[Hourly] = []
    first = chosen.certified
    while len(made) < hours:
        length = random.choice((1, 1, 3, 12, 30, 48))
        kind = random.random()
        is_missing, is_operating = kind < missing, kind > missing / 4
        for _ in range(min(hours - len(made), length)):
            value = None if is_missing else sized(chosen, random.randrange(100, 900))
            at = Hour(first + len(made))
            load_bin = random.randrange(1, 11)
            made.append(Hourly(at, value, value, "" if is_missing else "01", is_operating, load_bin))
    return made


@pytest.mark.parametrize("parameter", ["SO2C", "NOXC", "NOXR", "O2C", "FLOW"])
def test_four_quarters_are_a_year(parameter: str) -> None:
    chosen = plan(parameter, "2021-01-01T00")
    hours = year(chosen, missing=0.15)
    carried, reported = History(), list[Reported]()
    done = batch(chosen, [], carried)
    for number in (1, 2, 3, 4):
        of_quarter = [hourly for hourly in hours if hourly.hour in quarter(2021, number)]
        done = batch(chosen, of_quarter, carried)
        carried, reported = done.history, reported + done.reported

    at_once = batch(chosen, hours)
    assert (reported, done.provisional, carried) == (at_once.reported, at_once.provisional, at_once.history)
    assert complaints(chosen, whole(at_once)) == []
    codes = {hour.method for hour in whole(at_once)}
    assert {"01", "07"} < codes
    assert codes & {"06", "08", "09", "10", "11", "12"}


def test_an_open_gap_is_provisional_and_settled_once_it_closes() -> None:
    chosen = plan("SO2C")
    hours = [Hourly(Hour(n), D("10.0"), D("10.0")) for n in range(800)]
    missing = [Hourly(Hour(800 + n), None, None, "") for n in range(2)]
    first = batch(chosen, hours + missing)
    second = batch(chosen, [Hourly(Hour(802), D("20.0"), D("20.0"))], first.history)

    assert [(hour.method, hour.value) for hour in first.provisional] == [("06", D("10.0"))] * 2
    assert len(first.reported) == 800
    assert [(hour.method, hour.value) for hour in second.reported] == [("06", D("15.0"))] * 2 + [("01", D("20.0"))]
    assert second.provisional == []


def test_a_value_that_is_not_quality_assured_stands_but_counts_as_missing() -> None:
    chosen = plan("SO2C")
    hours = [Hourly(Hour(n), D("10.0"), D("10.0")) for n in range(799)]
    hours += [
        Hourly(Hour(799), D("90.0"), D("90.0"), "18"),
        Hourly(Hour(800), None, None, ""),
        Hourly(Hour(801), D("20.0"), D("20.0")),
    ]

    reported = substitute(chosen, hours)

    assert [(hour.method, hour.value, hour.available) for hour in reported[799:]] == [
        ("18", D("90.0"), D("99.9")),
        ("06", D("15.0"), D("99.8")),
        ("01", D("20.0"), D("99.8")),
    ]


@pytest.mark.parametrize(
    ("code", "value", "available"),
    [("02", "15.0", "99.9"), ("03", "15.0", "99.8"), ("54", "15.0", "99.8"), ("18", "10.0", "99.8")],
)
def test_some_hours_border_a_gap_and_do_not_count_as_available(code: str, value: str, available: str) -> None:
    hours = [Hourly(Hour(n), D("10.0"), D("10.0")) for n in range(999)]
    hours += [Hourly(Hour(999), None, None, ""), Hourly(Hour(1000), D("20.0"), D("20.0"), code)]
    hours += [Hourly(Hour(1001), D("10.0"), D("10.0"))]

    reported = substitute(plan("SO2C"), hours)

    assert (reported[999].value, reported[1000].available) == (D(value), D(available))


def test_a_like_kind_analyser_stands_in_720_hours_of_a_calendar_year() -> None:
    first = hour_on(date(1970, 12, 1))
    hours = [Hourly(Hour(first + n), D("10.0"), D("10.0"), "17") for n in range(800)]
    hours.append(Hourly(Hour(first + 800), D("10.0"), D("10.0")))

    codes = [hour.method for hour in substitute(plan("SO2C"), hours)]

    assert codes[:720] == ["17"] * 720
    assert set(codes[720:744]) == {"06"}
    assert codes[744:] == ["17"] * 56 + ["01"]


def test_hours_before_certification_are_not_of_the_reported_plane() -> None:
    hours = [Hourly(Hour(n), D("10.0"), D("10.0")) for n in range(48)]

    reported = substitute(plan("SO2C", "1970-01-02T00"), hours)

    assert [hour.hour for hour in reported] == list(range(24, 48))


@pytest.mark.parametrize("second", [5, 4])
def test_hours_out_of_order_are_refused(second: int) -> None:
    hours = [Hourly(Hour(5), D("1.0")), Hourly(Hour(second), D("1.0"))]

    with pytest.raises(ValueError, match=rf"SO2C: the hour 1970-01-01T0{second} comes after 1970-01-01T05"):
        substitute(plan("SO2C"), hours)


def closed(hour: int, load: str | None = "250", **measured: Measured) -> ClosedHour:
    rate = Computed("NOXR", D("0.123"), "lb/mmBtu", "19-1", "")
    taken = D(load) if load else None
    return ClosedHour(
        Hour(hour), D("1.00"), taken, "coal", is_startup=False, measured=measured, computed={"NOXR": rate}
    )


def test_a_series_is_taken_from_closed_hours() -> None:
    so2 = Measured("SO2C", D("11.0"), D("10.0"), "02")
    stopped = closed(2)._replace(operating_time=D("0.00"))

    found = series(plan("SO2C"), [closed(1, SO2C=so2), stopped], D(500), Documented(controlled={Hour(1)}))

    assert found == [
        Hourly(Hour(1), D("11.0"), D("10.0"), "02", True, 0, "coal", True),
        Hourly(Hour(2), None, None, "", False, 0, "coal", False),
    ]


def test_a_rate_is_taken_as_computed_by_the_method_of_its_concentration() -> None:
    nox = Measured("NOXC", D("50.0"), D("50.0"), "02")
    lost = closed(3)._replace(computed={"NOXR": Computed("NOXR", None, "lb/mmBtu", "19-1", "", "no diluent")})

    found = series(plan("NOXR"), [closed(1, NOXC=nox), closed(2, None), lost], D(500))

    assert [(hour.value, hour.method, hour.load_bin) for hour in found] == [
        (D("0.123"), "02", 5),
        (D("0.123"), "01", None),
        (None, "", 5),
    ]


def test_a_computed_concentration_has_the_method_of_the_measured_one() -> None:
    oxygen = Measured("O2C", D("5.0"), D("5.0"), "02")
    computed = closed(1, O2C=oxygen)._replace(computed={"CO2C": Computed("CO2C", D("9.1"), "%", "F-14A", "")})

    (found,) = series(plan("CO2C"), [computed])

    assert (found.value, found.unadjusted, found.method) == (D("9.1"), None, "02")


@pytest.mark.parametrize(
    ("bins", "load", "expected"),
    [("load", "251", 6), ("load", None, None), ("none", None, 0), ("operational", "251", 3), ("operational", None, 3)],
)
def test_bins_of_a_series(bins: str, load: str | None, expected: int | None) -> None:
    found = series(plan("FLOW", bins=bins), [closed(1, load)], D(500), Documented(operational_bins={Hour(1): 3}))

    assert found[0].load_bin == expected


def test_twenty_bins_of_a_common_stack() -> None:
    assert series(plan("FLOW", load_bins=20), [closed(1, "251")], D(500))[0].load_bin == 11


@pytest.mark.parametrize(
    ("outlet", "controlled", "expected"),
    [
        pytest.param(None, False, ("22", D("95.0")), id="controls not documented: the inlet"),
        pytest.param(None, True, ("", None), id="controls documented: missing"),
        pytest.param("9.0", False, ("01", D("9.0")), id="the outlet is measured"),
    ],
)
def test_the_inlet_stands_in(outlet: str | None, controlled: bool, expected: tuple[str, Decimal | None]) -> None:  # noqa: FBT001  # a case of the table
    value = D(outlet) if outlet else None
    so2 = Measured("SO2C", value, value, "01" if outlet else "")
    inlet = {Hour(1): Measured("SO2C", D("95.0"), D("95.0"), "01")}
    beside = Documented(frozenset({Hour(1)} if controlled else ()), inlet)

    (found,) = series(plan("SO2C", controls=CONTROLS), [closed(1, SO2C=so2)], None, beside)

    assert (found.method, found.value) == expected


def test_a_year_of_eight_parameters_takes_seconds() -> None:
    chosen = [plan(parameter) for parameter in ("SO2C", "NOXC", "NOXR", "CO2C", "O2C", "H2O", "FLOW", "SO2C")]
    years = [(one, year(one, missing=0.3)) for one in chosen]

    before = time.process_time()
    for one, hours in years:
        substitute(one, hours)
    spent = time.process_time() - before

    assert spent < 5
