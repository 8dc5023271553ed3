"""What an inspector objects to: nothing in what the gateway makes, and each thing that somebody changes in it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pytest

import ecmps_quarter as example
from greenops_gateway.regulatory.ecmps.inspection import complaints

Change = Callable[[dict[str, Any]], object]
MEASURED, SUBSTITUTED, OFF, RATE = 30, 901, 310, 1200


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    return example.file_of(example.few())


@pytest.fixture
def file(made: dict[str, Any]) -> dict[str, Any]:
    """The same with its own lists, and records that ``hour`` makes its own."""
    return {key: list(value) if isinstance(value, list) else value for key, value in made.items()}


def hour(file: dict[str, Any], after: int) -> dict[str, Any]:
    own: dict[str, Any] = copy.deepcopy(file["hourlyOperatingData"][after])
    file["hourlyOperatingData"][after] = own
    return own


def value(file: dict[str, Any], after: int, name: str) -> dict[str, Any]:
    record = hour(file, after)
    every = (*record["monitorHourlyValueData"], *record["derivedHourlyValueData"])
    found: dict[str, Any] = next(each for each in every if each["parameterCode"] == name)
    return found


def total(file: dict[str, Any], name: str) -> dict[str, Any]:
    for index, each in enumerate(file["summaryValueData"]):
        if each["parameterCode"] == name:
            file["summaryValueData"][index] = own = dict(each)
            return own
    raise AssertionError(name)


def calibration(file: dict[str, Any]) -> dict[str, Any]:
    own: dict[str, Any] = copy.deepcopy(file["dailyTestSummaryData"][0])
    file["dailyTestSummaryData"][0] = own
    return own


def told(file: dict[str, Any]) -> list[str]:
    return [str(each) for each in complaints(file, example.PLAN, example.STACK, example.SUBSTITUTION)]


def off(file: dict[str, Any], *keys: str) -> None:
    """Put the operating time to zero, and blank *keys*."""
    record = hour(file, MEASURED)
    record["operatingTime"] = Decimal("0.00")
    for key in keys:
        record[key] = [] if isinstance(record[key], list) else None


def test_there_is_nothing_to_object_to_in_what_is_made(file: dict[str, Any]) -> None:
    assert told(file) == []
    assert complaints(file) == [], "nor without the plans"


CHANGES: Mapping[str, tuple[Change, str]] = {
    "an hour taken out": (
        lambda file: file["hourlyOperatingData"].pop(OFF),
        "CS1: 1 hours of the quarter are absent: 2026-04-13T22",
    ),
    "an hour put in twice": (
        lambda file: file["hourlyOperatingData"].insert(OFF, file["hourlyOperatingData"][OFF]),
        "CS1 2026-04-13T22: is there more than once",
    ),
    "two hours exchanged": (
        lambda file: file["hourlyOperatingData"].insert(OFF, file["hourlyOperatingData"].pop(OFF + 1)),
        "CS1: the hours are not in order",
    ),
    "an hour of another quarter": (
        lambda file: hour(file, OFF).update(date="2026-07-01"),
        "CS1 2026-07-01T22: is not an hour of the quarter",
    ),
    "a day that there is not": (
        lambda file: hour(file, OFF).update(date="2026-02-30"),
        "2026-02-30: is no day",
    ),
    "a load without operation": (
        lambda file: hour(file, OFF).update(hourLoad=12),
        "CS1 2026-04-13T22: did not operate, and yet has hourLoad",
    ),
    "operation without a load": (
        lambda file: hour(file, MEASURED).update(hourLoad=None),
        "CS1 2026-04-02T06: operated, and has no load",
    ),
    "a load without a unit": (
        lambda file: hour(file, MEASURED).update(loadUnitsOfMeasureCode=None),
        "CS1 2026-04-02T06: has a load without a unit",
    ),
    "operation without values": (
        lambda file: hour(file, MEASURED).update(monitorHourlyValueData=[]),
        "CS1 2026-04-02T06: operated, and nothing was monitored",
    ),
    "a value told twice": (
        lambda file: (record := hour(file, MEASURED))["monitorHourlyValueData"].append(
            record["monitorHourlyValueData"][0]
        ),
        "CS1 2026-04-02T06: SO2C is there 2 times",
    ),
    "a method that the parameter cannot have": (
        lambda file: value(file, MEASURED, "FLOW").update(modcCode="16"),
        "CS1 2026-04-02T06: FLOW cannot have method 16",
    ),
    "no method": (
        lambda file: value(file, MEASURED, "FLOW").update(modcCode=None),
        "CS1 2026-04-02T06: FLOW has no method of determination",
    ),
    "a measured value blanked": (
        lambda file: value(file, MEASURED, "SO2C").update(unadjustedHourlyValue=None),
        "CS1 2026-04-02T06: SO2C was measured (method 01), and has no unadjusted value",
    ),
    "a substitute as if measured": (
        lambda file: value(file, SUBSTITUTED, "SO2C").update(unadjustedHourlyValue=Decimal("225.0")),
        "CS1 2026-05-08T13: SO2C is a substitute (method 06), and yet has an unadjusted value of 225.0",
    ),
    "a substitute below its availability": (
        lambda file: value(file, SUBSTITUTED, "SO2C").update(percentAvailable=Decimal("89.9")),
        "CS1 2026-05-08T13: SO2C has method 06 at an availability of 89.9 %; it is for 90 % or more",
    ),
    "a substitute without its availability": (
        lambda file: value(file, SUBSTITUTED, "SO2C").update(percentAvailable=None),
        "CS1 2026-05-08T13: SO2C has method 06 without an availability",
    ),
    "a substitute made smaller": (
        lambda file: value(file, SUBSTITUTED, "SO2C").update(adjustedHourlyValue=Decimal("136.7")),
        "CS1 2026-05-08T13: SO2C: MODC 06 with 136.7, not 236.7 (HOURMHV19-G)",
    ),
    "an adjusted value where there is none": (
        lambda file: value(file, MEASURED, "CO2C").update(adjustedHourlyValue=Decimal("11.0")),
        "CS1 2026-04-02T06: CO2C has an adjusted value; only FLOW, NOXC, SO2C have",
    ),
    "a moisture basis where there is none": (
        lambda file: value(file, MEASURED, "FLOW").update(moistureBasis="W"),
        "CS1 2026-04-02T06: FLOW has a moisture basis, W; only O2C has",
    ),
    "flow to a hundred": (
        lambda file: value(file, MEASURED, "FLOW").update(
            unadjustedHourlyValue=Decimal(68000000), adjustedHourlyValue=Decimal(68680100)
        ),
        "CS1 2026-04-02T06: FLOW is 68680100; it is told to the nearest 1000 scfh",
    ),
    "a negative average that is not 0": (
        lambda file: value(file, MEASURED, "SO2C").update(modcCode="21"),
        "CS1 2026-04-02T06: SO2C is 231.4, but a negative average (method 21) counts as 0",
    ),
    "low sulfur that is not 2.0": (
        lambda file: value(file, MEASURED, "SO2C").update(modcCode="16"),
        "CS1 2026-04-02T06: SO2C is 231.4, but for very low sulfur fuel (method 16) it is 2.0",
    ),
    "a missing component with a value": (
        lambda file: value(file, RATE, "NOXC").update(adjustedHourlyValue=Decimal("1.0")),
        "CS1 2026-05-21T00: NOXC has a value of 1.0, and yet method 46: there is none",
    ),
    "a mass taken out": (
        lambda file: value(file, MEASURED, "SO2").update(adjustedHourlyValue=None),
        "CS1 2026-04-02T06: SO2 has no value",
    ),
    "a mass changed by more than the tolerance": (
        lambda file: value(file, MEASURED, "SO2").update(adjustedHourlyValue=Decimal("2638.0")),
        "CS1 2026-04-02T06: SO2 is 2638.0, but by F-1 from what is told it is 2638.2",
    ),
    "a heat input changed by more than the tolerance": (
        lambda file: value(file, MEASURED, "HI").update(adjustedHourlyValue=Decimal("4198.2")),
        "CS1 2026-04-02T06: HI is 4198.2, but by F-15 from what is told it is 4197.1",
    ),
    "a rate changed before bias adjustment": (
        lambda file: value(file, MEASURED, "NOXR").update(unadjustedHourlyValue=Decimal("0.436")),
        "CS1 2026-04-02T06: NOXR is 0.436, but by 19-7 from what is told it is 0.430",
    ),
    "a rate without its unadjusted value": (
        lambda file: value(file, MEASURED, "NOXR").update(unadjustedHourlyValue=None),
        "CS1 2026-04-02T06: NOXR with method 01 lacks an unadjusted value",
    ),
    "a method where there is none": (
        lambda file: value(file, MEASURED, "SO2").update(modcCode="01"),
        "CS1 2026-04-02T06: SO2 cannot have method 01",
    ),
    "an unadjusted mass": (
        lambda file: value(file, MEASURED, "SO2").update(unadjustedHourlyValue=Decimal("1.0")),
        "CS1 2026-04-02T06: SO2 has an unadjusted value; only NOXR has",
    ),
    "an availability of a mass": (
        lambda file: value(file, MEASURED, "SO2").update(percentAvailable=Decimal("99.0")),
        "CS1 2026-04-02T06: SO2 has an availability; only CO2C, H2O, NOXR have",
    ),
    "another component": (
        lambda file: value(file, MEASURED, "SO2C").update(componentId="S99"),
        "CS1 2026-04-02T06: SO2C has componentId S99, but S11 in the plan",
    ),
    "another formula": (
        lambda file: value(file, MEASURED, "SO2").update(formulaId="F99"),
        "CS1 2026-04-02T06: SO2 has formula F99, but F01 in the plan",
    ),
    "a total changed": (
        lambda file: total(file, "SO2M").update(currentReportingPeriodTotal=Decimal("100.6")),
        "CS1 SO2M: the total is 100.6, but its hours add up to 100.8",
    ),
    "operating time changed by the least there is": (
        lambda file: total(file, "OPTIME").update(
            currentReportingPeriodTotal=Decimal("70.01"), yearToDateTotal=Decimal("70.01")
        ),
        "CS1 OPTIME: the total is 70.01, but its hours add up to 70.00",
    ),
    "a year that is less than its quarter": (
        lambda file: total(file, "CO2M").update(yearToDateTotal=Decimal("1.0")),
        "CS1 CO2M: the year to date, 1.0, is less than the quarter, 33065.6",
    ),
    "an ozone season left out": (
        lambda file: total(file, "NOXM").update(ozoneSeasonToDateTotal=None),
        "CS1 NOXM: a total of the ozone season is for the second and third quarter",
    ),
    "an ozone season too small": (
        lambda file: total(file, "NOXM").update(ozoneSeasonToDateTotal=Decimal("25.9")),
        "CS1 NOXM: the ozone season, 25.9, is less than its hours here, 26.1",
    ),
    "a total left out": (
        lambda file: file["summaryValueData"].remove(total(file, "HIT")),
        "CS1: has no total HIT; its hours add up to 322277",
    ),
    "another plant": (lambda file: file.update(orisCode=55), "orisCode: 55 is not the plant of the plan, 54"),
    "a test of another quarter": (
        lambda file: calibration(file).update(date="2026-07-01"),
        "N11 2026-07-01T06 DAYCAL: is not in the quarter",
    ),
    "a test of nothing": (
        lambda file: calibration(file).update(componentId=None),
        "None 2026-04-01T06 DAYCAL: names neither a component nor a system",
    ),
    "a test without injections": (
        lambda file: calibration(file).update(dailyCalibrationData=[]),
        "N11 2026-04-01T06 DAYCAL: has no injections",
    ),
    "a test without its zero gas": (
        lambda file: calibration(file)["dailyCalibrationData"][0].update(zeroMeasuredValue=None),
        "N11 2026-04-01T06 DAYCAL: has no whole zero injection",
    ),
    "an alternative specification that is not told": (
        lambda file: calibration(file)["dailyCalibrationData"][0].update(upscaleAPSIndicator=1),
        "N11 2026-04-01T06 DAYCAL: passed by the alternative specification: the result is PASSAPS",
    ),
}


@pytest.mark.parametrize(("change", "says"), CHANGES.values(), ids=CHANGES.keys())
def test_each_change_is_objected_to(file: dict[str, Any], change: Change, says: str) -> None:
    change(file)
    assert says in told(file)


@pytest.mark.parametrize(
    ("name", "within"),
    [("SO2", "2638.3"), ("HI", "4198.1"), ("NOX", "1867.8"), ("CO2", "430.7")],
)
def test_what_is_within_epas_tolerance_is_not_objected_to(file: dict[str, Any], name: str, within: str) -> None:
    value(file, MEASURED, name).update(adjustedHourlyValue=Decimal(within))
    assert [each for each in told(file) if "but by" in each and f": {name} is" in each] == []


def test_an_hour_that_is_said_to_be_off_must_be_blank_and_changes_the_totals(file: dict[str, Any]) -> None:
    off(file, "hourLoad", "monitorHourlyValueData")
    said = told(file)
    assert (
        "CS1 2026-04-02T06: did not operate, and yet has loadUnitsOfMeasureCode, loadRange, fcFactor, fuelCode, "
        "derivedHourlyValueData"
    ) in said
    assert "CS1 OPTIME: the total is 70.00, but its hours add up to 69.00" in said
