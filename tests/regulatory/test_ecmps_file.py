"""The emissions file of a quarter: every hour once, values where they belong, totals, the same bytes."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal, localcontext
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ecmps_quarter as example
from greenops_gateway.cems.closing import HourInputs, close
from greenops_gateway.cems.hour import Hour, civil, quarter
from greenops_gateway.cems.plan import ParameterPlan
from greenops_gateway.cems.record import ClosedHour
from greenops_gateway.regulatory.ecmps.emissions import pieces, quarter_file
from greenops_gateway.regulatory.ecmps.inspection import complaints
from greenops_gateway.regulatory.exact_json import parsed

Record = Mapping[str, Any]
Hours = tuple[ClosedHour, ...]


@pytest.fixture(scope="module")
def file() -> dict[str, Any]:
    return example.file_of(example.made())


def at(file: Record, hour: int) -> Record:
    found: Record = file["hourlyOperatingData"][hour - example.HOURS[0]]
    return found


def values(record: Record) -> dict[str, Record]:
    every = (*record["monitorHourlyValueData"], *record["derivedHourlyValueData"])
    return {each["parameterCode"]: each for each in every}


def told(record: Record, name: str) -> tuple[object, ...]:
    found = values(record)[name]
    keys = ("unadjustedHourlyValue", "adjustedHourlyValue", "modcCode", "percentAvailable")
    return tuple(None if found[key] is None else str(found[key]) for key in keys)


def test_every_clock_hour_of_the_quarter_is_there_once_in_order(file: Record) -> None:
    written = [(record["date"], record["hour"]) for record in file["hourlyOperatingData"]]
    expected = [(day.isoformat(), hour) for day, hour in map(civil, map(Hour, example.HOURS))]
    assert written == expected


def test_an_hour_without_operation_is_blank_but_for_its_operating_time(file: Record) -> None:
    record = dict(at(file, example.OUTAGE[0]))
    assert str(record.pop("operatingTime")) == "0.00"
    for key in ("date", "hour", "stackPipeId"):
        record.pop(key)
    assert all(value in (None, []) for value in record.values())


def test_an_operating_hour_has_what_belongs_to_it(file: Record) -> None:
    record = at(file, example.HOURS[0] + 30)
    assert {key: str(record[key]) for key in record if not isinstance(record[key], list)} == {
        "stackPipeId": "CS1",
        "unitId": "None",
        "date": "2026-04-02",
        "hour": "6",
        "operatingTime": "1.00",
        "hourLoad": "200",
        "loadUnitsOfMeasureCode": "MW",
        "matsHourLoad": "None",
        "loadRange": "4",
        "commonStackLoadRange": "None",
        "fcFactor": "1800.0",
        "fdFactor": "None",
        "fwFactor": "None",
        "fuelCode": "C",
        "matsStartupShutdownFlag": "None",
    }


@pytest.mark.parametrize(
    ("after", "name", "expected"),
    [
        # 220 ppm * 1.052 = 231.44; 68 000 000 scfh * 1.010 = 68 680 000
        pytest.param(30, "SO2C", ("220.0", "231.4", "01", None), id="bias-adjusted, before availability is known"),
        pytest.param(30, "FLOW", ("68000000", "68680000", "01", None), id="flow to the nearest thousand"),
        pytest.param(30, "CO2C", ("11.0", None, "01", None), id="no bias adjustment: unadjusted alone"),
        pytest.param(30, "NOXC", ("220.0", None, "01", None), id="into a rate alone: neither adjusted nor available"),
        pytest.param(30, "NOXR", ("0.430", "0.445", "01", None), id="a rate before and after bias adjustment"),
        pytest.param(30, "SO2", (None, "2638.2", None, None), id="1.660e-7 * 231.4 * 68680000"),
        pytest.param(30, "HI", (None, "4197.1", None, None), id="68680000 * 11.0 / 180000"),
        pytest.param(30, "NOX", (None, "1867.7", None, None), id="0.445 * 4197.1"),
        pytest.param(30, "CO2", (None, "430.6", None, None), id="5.7e-7 * 11.0 * 68680000"),
        pytest.param(
            901, "SO2C", (None, "236.7", "06", "99.8"), id="a substitute, of 242.0 and 231.4, is adjusted alone"
        ),
        pytest.param(1200, "NOXC", (None, None, "46", None), id="missing in a rate"),
        pytest.param(1200, "NOXR", (None, "0.399", "07", None), id="the rate has the substitute"),
    ],
)
def test_values_stand_where_epa_looks_for_them(
    file: Record, after: int, name: str, expected: tuple[object, ...]
) -> None:
    assert told(at(file, example.HOURS[0] + after), name) == expected


def test_masses_of_a_substituted_hour_are_computed_from_the_substitute(file: Record) -> None:
    record = values(at(file, example.GAPS["SO2C"][1]))
    mass = Decimal("1.660E-7") * record["SO2C"]["adjustedHourlyValue"] * record["FLOW"]["adjustedHourlyValue"]
    assert abs(record["SO2"]["adjustedHourlyValue"] - mass) <= Decimal("0.05")
    closed = example.made().hours[example.GAPS["SO2C"][1] - example.HOURS[0]]
    assert closed.computed["SO2"].value is None, "and the measured plane still has none"


def test_the_mass_of_an_hour_with_a_substituted_rate_is_by_that_rate(file: Record) -> None:
    record = values(at(file, example.GAPS["NOXC"][0]))
    mass = record["NOXR"]["adjustedHourlyValue"] * record["HI"]["adjustedHourlyValue"]
    assert abs(record["NOX"]["adjustedHourlyValue"] - mass) <= Decimal("0.05")


def test_totals_are_those_of_the_hours(file: Record) -> None:
    sums: Counter[str] = Counter()
    for record in file["hourlyOperatingData"]:
        for each in record["derivedHourlyValueData"]:
            share = 1 if each["parameterCode"] == "NOXR" else record["operatingTime"]
            sums[each["parameterCode"]] += each["adjustedHourlyValue"] * share
    hours = sum(record["operatingTime"] > 0 for record in file["hourlyOperatingData"])
    found = {each["parameterCode"]: each["currentReportingPeriodTotal"] for each in file["summaryValueData"]}
    assert abs(found["SO2M"] - sums["SO2"] / Decimal(2000)) <= Decimal("0.05")
    assert abs(found["NOXM"] - sums["NOX"] / Decimal(2000)) <= Decimal("0.05")
    assert abs(found["CO2M"] - sums["CO2"]) <= Decimal("0.05")
    assert abs(found["HIT"] - sums["HI"]) <= Decimal("0.5")
    assert abs(found["NOXR"] - sums["NOXR"] / Decimal(hours)) <= Decimal("0.0005")
    assert (found["OPTIME"], found["OPHOURS"]) == (Decimal(2184 - 72 - 2), 2184 - 72)
    assert [str(found[each]) for each in ("OPTIME", "OPHOURS")] == ["2110.00", "2112"]


def test_startups_are_flagged_where_mats_asks_for_it() -> None:
    stack = msgspec.structs.replace(
        example.STACK, measured={**example.STACK.measured, "HCLC": ParameterPlan(system="HC1", component="H11")}
    )
    file = quarter_file(example.PLAN, stack, example.YEAR, example.NUMBER, example.few().hours)
    flags = [record["matsStartupShutdownFlag"] for record in file["hourlyOperatingData"]]
    expected = ["U" if hour in example.STARTUPS else None for hour in example.HOURS]
    assert flags == expected


def operated(hour: int, share: str = "1.00", *, is_startup: bool = False) -> ClosedHour:
    return ClosedHour(Hour(hour), Decimal(share), None, "coal", is_startup, {}, {})


@pytest.mark.parametrize(
    ("states", "flags"),
    [
        pytest.param("0SS11", "-UU--", id="after an outage it is a startup"),
        pytest.param("11SS0", "--DD-", id="before one it is a shutdown"),
        pytest.param("0S0", "-U-", id="a start that failed"),
        pytest.param("1S1", "-U-", id="neither: counted as a startup"),
        pytest.param("SS0S", "DD-U", id="at both edges of a quarter"),
    ],
)
def test_a_stretch_is_a_shutdown_when_it_leads_to_an_outage(states: str, flags: str) -> None:
    stack = msgspec.structs.replace(example.STACK, measured={"HCLC": ParameterPlan()}, computed={}, load=None)
    within = quarter(2026, 1)
    states = states.ljust(len(within), "1" if states[-1] == "S" else states[-1])
    hours = [
        operated(hour, "0.00" if state == "0" else "1.00", is_startup=state == "S")
        for hour, state in zip(within, states, strict=True)
    ]
    file = quarter_file(example.PLAN, stack, 2026, 1, hours)
    found = "".join(record["matsStartupShutdownFlag"] or "-" for record in file["hourlyOperatingData"])
    assert found[: len(flags)] == flags


def test_the_file_is_the_same_to_the_byte_in_whatever_order_its_parts_come(file: Record) -> None:
    made, mixed = example.made(), random.Random(7)
    hours, reported, tests = list(made.hours), list(made.reported), list(made.tests)
    for each in (hours, reported, tests):
        mixed.shuffle(each)
    again = example.file_of(example.Made(tuple(hours), tuple(reported), tuple(tests)))
    assert b"".join(pieces(again)) == b"".join(pieces(file))


def test_the_callers_decimal_context_has_no_say(file: Record) -> None:
    with localcontext(prec=3):
        again = example.file_of(example.made())
        assert complaints(again, example.PLAN, example.STACK, example.SUBSTITUTION) == []
    assert b"".join(pieces(again)) == b"".join(pieces(file))


def test_what_is_written_reads_back_digit_by_digit(file: Record) -> None:
    content = b"".join(pieces(file))
    assert digits(parsed(content)) == digits(file)
    assert content.count(b"\n") > len(example.HOURS), "a line for each record"
    assert b'"operatingTime":1.00,' in content


def digits(value: object) -> object:
    match value:
        case dict():
            return {key: digits(each) for key, each in value.items()}
        case list():
            return [digits(each) for each in value]
        case bool() | None | str():
            return value
        case _:
            return str(value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param(lambda hours: hours[1:], "not closed: 2026-04-01T00;", id="the first is absent"),
        pytest.param(
            lambda hours: (*hours[:5], *hours[7:]),
            "not closed: 2 hours from 2026-04-01T05 to 2026-04-01T06",
            id="two are",
        ),
        pytest.param(lambda hours: (*hours, hours[3]), "2026-04-01T03 is there twice", id="one is there twice"),
    ],
)
def test_a_quarter_that_is_not_whole_is_refused(change: Callable[[Hours], Hours], says: str) -> None:
    made = example.made()
    with pytest.raises(ValueError, match=says):
        example.file_of(made._replace(hours=change(made.hours)))


def test_hours_and_tests_of_other_quarters_are_left_out(file: Record) -> None:
    made = example.made()
    before, test = operated(example.HOURS[0] - 1), made.tests[0]
    assert test.zero is not None
    earlier = test._replace(zero=test.zero._replace(hour=before.hour), upscale=None)
    again = example.file_of(made._replace(hours=(before, *made.hours), tests=(earlier, *made.tests)))
    assert again == file


def test_calibrations_are_told_by_injection(file: Record) -> None:
    assert len(file["dailyTestSummaryData"]) == 2 * 91
    test = dict(file["dailyTestSummaryData"][1])
    (calibration,) = test.pop("dailyCalibrationData")
    assert test == {
        "stackPipeId": "CS1",
        "unitId": None,
        "date": "2026-04-01",
        "hour": 6,
        "minute": 12,
        "monitoringSystemId": None,
        "componentId": "S11",
        "testTypeCode": "DAYCAL",
        "testResultCode": "PASSED",
        "spanScaleCode": "H",
    }
    assert {key: str(value) for key, value in calibration.items() if "upscale" in key} == {
        "upscaleGasCode": "HIGH",
        "upscaleInjectionDate": "2026-04-01",
        "upscaleInjectionHour": "6",
        "upscaleInjectionMinute": "12",
        "upscaleMeasuredValue": "451.200",
        "upscaleAPSIndicator": "0",
        "upscaleCalibrationError": "0.20",
        "upscaleReferenceValue": "450.000",
        "upscaleGasTypeCode": "SO2,BALN",
    }


def hours_of(day: list[tuple[int, bool]]) -> Iterator[ClosedHour]:
    """A quarter of such days; each hour has an operating time, in hundredths, and SO2 and flow or not."""
    closed = []
    for share, is_measured in day:
        given = dict(example.inputs(Hour(example.HOURS[0] + share)).given) | {"OPERATING": Decimal(share) / 100}
        if not is_measured:
            del given["SO2C"], given["FLOW"]
        closed.append(close(example.STACK, HourInputs(Hour(0), given=given))[0])
    return (closed[hour % 24]._replace(hour=Hour(hour)) for hour in quarter(2026, 1))


@settings(max_examples=3)
@given(st.lists(st.tuples(st.sampled_from([0, 25, 83, 100]), st.booleans()), min_size=24, max_size=24))
def test_whatever_a_day_is_like_each_hour_is_there_once_and_operation_adds_up(day: list[tuple[int, bool]]) -> None:
    closed = list(hours_of(day))
    file = quarter_file(example.PLAN, example.STACK, 2026, 1, closed)
    shares = [record["operatingTime"] for record in file["hourlyOperatingData"]]
    found = {each["parameterCode"]: each["currentReportingPeriodTotal"] for each in file["summaryValueData"]}
    assert len(shares) == 2160
    assert found["OPTIME"] == sum(shares)
    assert found["OPHOURS"] == sum(share > 0 for share in shares)
    for record in file["hourlyOperatingData"]:
        assert bool(record["monitorHourlyValueData"]) is (record["operatingTime"] > 0)
