"""Totals of a quarter, of the ozone season and of the year."""

from __future__ import annotations

from decimal import Decimal

import pytest

import ecmps_quarter as example
from greenops_gateway.cems.hour import Hour, read
from greenops_gateway.regulatory.ecmps.summary import (
    OperatingHour,
    Total,
    earlier_totals,
    summary_values,
    totals,
)

APRIL, JUNE = read("2026-04-30T23"), read("2026-06-01T00")


def operating(values: dict[str, str], time: str = "1.00", hour: int = APRIL) -> OperatingHour:
    return OperatingHour(Hour(hour), Decimal(time), {key: Decimal(each) for key, each in values.items()})


@pytest.mark.parametrize(
    ("derived", "code", "hours", "expected"),
    [
        pytest.param("SO2", "SO2M", [("2000", "1.00"), ("2100", "0.50")], "1.5", id="pounds to short tons, half up"),
        pytest.param("NOX", "NOXM", [("100", "1.00")], "0.1", id="0.05 is 0.1"),
        pytest.param("CO2", "CO2M", [("100.5", "0.50"), ("100.5", "1.00")], "150.8", id="tons are tons"),
        pytest.param("HI", "HIT", [("1000.5", "1.00")], "1001", id="heat input is whole"),
        pytest.param(
            "NOXR", "NOXR", [("0.100", "1.00"), ("0.201", "0.01")], "0.151", id="a mean of hours, however short"
        ),
        pytest.param("", "OPTIME", [("0", "0.25"), ("0", "0.83")], "1.08", id="hours"),
        pytest.param("", "OPHOURS", [("0", "0.25"), ("0", "0.83")], "2", id="operating hours"),
    ],
)
def test_totals(derived: str, code: str, hours: list[tuple[str, str]], expected: str) -> None:
    found = totals([derived], [operating({derived: value}, time) for value, time in hours])
    assert str(found[code]) == expected


def test_what_is_not_derived_has_no_total() -> None:
    assert list(totals(["SO2"], [])) == ["SO2M", "OPTIME", "OPHOURS"]


def test_an_hour_without_a_value_adds_nothing() -> None:
    found = totals(["SO2", "NOXR"], [operating({"SO2": "2000", "NOXR": "0.300"}), operating({})])
    assert (str(found["SO2M"]), str(found["NOXR"]), str(found["OPHOURS"])) == ("1.0", "0.300", "2")


HOURS = [operating({"SO2": "4000", "NOXR": "0.400"}), operating({"SO2": "6000", "NOXR": "0.100"}, hour=JUNE)]


@pytest.mark.parametrize(
    ("quarter", "code", "earlier", "expected"),
    [
        pytest.param(1, "SO2M", {}, ("5.0", None, "5.0"), id="the first quarter has no ozone season"),
        pytest.param(2, "SO2M", {"SO2M": Total(Decimal("7.5"), None)}, ("5.0", "3.0", "12.5"), id="from May on"),
        pytest.param(
            3,
            "SO2M",
            {"SO2M": Total(Decimal("7.5"), Decimal("1.5"))},
            ("5.0", "4.5", "12.5"),
            id="goes on in the third",
        ),
        pytest.param(
            4, "SO2M", {"SO2M": Total(Decimal("7.5"), Decimal("1.5"))}, ("5.0", None, "12.5"), id="not the last"
        ),
        pytest.param(
            2,
            "NOXR",
            {"NOXR": Total(Decimal("0.300"), None), "OPHOURS": Total(Decimal(8), None)},
            ("0.250", "0.100", "0.290"),
            id="a mean is weighed by operating hours",
        ),
        pytest.param(2, "OPHOURS", {"OPHOURS": Total(Decimal(8), None)}, ("2", "1", "10"), id="hours add up"),
    ],
)
def test_totals_to_date(quarter: int, code: str, earlier: dict[str, Total], expected: tuple[str | None, ...]) -> None:
    found = {
        each["parameterCode"]: each for each in summary_values(example.PLAN, quarter, ["SO2", "NOXR"], HOURS, earlier)
    }
    keys = ("currentReportingPeriodTotal", "ozoneSeasonToDateTotal", "yearToDateTotal")
    assert tuple(None if found[code][key] is None else str(found[code][key]) for key in keys) == expected


def test_a_file_goes_on_from_the_one_before() -> None:
    before = earlier_totals({"summaryValueData": summary_values(example.PLAN, 2, ["SO2"], HOURS, {})})
    after = summary_values(example.PLAN, 3, ["SO2"], HOURS[1:], before)
    assert (str(after[0]["yearToDateTotal"]), str(after[0]["ozoneSeasonToDateTotal"])) == ("8.0", "6.0")


def test_a_year_without_operation_has_a_rate_of_zero() -> None:
    none = {"NOXR": Total(Decimal(0), None), "OPHOURS": Total(Decimal(0), None)}
    found = {each["parameterCode"]: each for each in summary_values(example.PLAN, 2, ["NOXR"], [], none)}
    assert str(found["NOXR"]["yearToDateTotal"]) == "0.000"
