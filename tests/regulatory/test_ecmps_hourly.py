"""The record of an hour that is not as always: diluent caps, least heat input, MATS, fuel flow, no load."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ecmps_quarter as example
from greenops_gateway.cems.closing import close
from greenops_gateway.cems.hour import Hour
from greenops_gateway.cems.plan import ParameterPlan
from greenops_gateway.cems.record import ClosedHour, Computed, Measured, Reported
from greenops_gateway.regulatory.ecmps.emissions import quarter_file
from greenops_gateway.regulatory.ecmps.hourly import HourlyRecords, scientific
from greenops_gateway.regulatory.ecmps.inspection import complaints
from greenops_gateway.regulatory.ecmps.plan import FlowValue, FormulaPlan, FuelFlow
from greenops_gateway.regulatory.reported_plane import ReportedPlane

Record = Mapping[str, Any]


def values(record: Record) -> dict[str, Record]:
    every = (*record["monitorHourlyValueData"], *record["derivedHourlyValueData"])
    return {each["parameterCode"]: each for each in every}


def told(record: Record, name: str) -> tuple[object, ...]:
    found = values(record)[name]
    keys = ("unadjustedHourlyValue", "adjustedHourlyValue", "modcCode", "percentAvailable")
    return tuple(None if found[key] is None else str(found[key]) for key in keys)


def operated(hour: int, share: str = "1.00", *, is_startup: bool = False) -> ClosedHour:
    return ClosedHour(Hour(hour), Decimal(share), None, "coal", is_startup, {}, {})


def test_a_diluent_cap_is_told_with_the_rate_and_not_with_the_diluent() -> None:
    cap = msgspec.structs.replace(example.STACK, diluent_cap={"CO2C": Decimal("5.0")})
    start = Hour(example.STARTUPS[0])
    inputs = example.inputs(start)
    closed, _ = close(cap, inputs._replace(given={**inputs.given, "CO2C": Decimal("2.0")}))
    plane = ReportedPlane(cap, ()).values(closed)
    record = HourlyRecords(example.PLAN, cap).record(closed, plane, "U")
    assert told(record, "CO2C")[:3] == ("2.0", None, "01")
    assert told(record, "NOXR")[2] == "14"
    unadjusted, adjusted = (Decimal(str(each)) for each in told(record, "NOXR")[:2])
    assert abs(unadjusted * Decimal("1.034") - adjusted) <= Decimal("0.0005")


def test_a_heat_input_that_is_not_above_zero_is_method_26() -> None:
    inputs = example.inputs(Hour(example.HOURS[0]))
    closed, _ = close(example.STACK, inputs._replace(given={**inputs.given, "CO2C": Decimal(0)}))
    record = HourlyRecords(example.PLAN, example.STACK).record(
        closed, ReportedPlane(example.STACK, ()).values(closed), None
    )
    assert told(record, "HI") == (None, "1.0", "26", None)


def test_mats_values_are_measured_ones_in_scientific_notation() -> None:
    hour = Hour(example.HOURS[0])
    stack = msgspec.structs.replace(
        example.STACK,
        measured={"HCLC": ParameterPlan(system="HC1", component="H11"), "FLOW": ParameterPlan(system="FL1")},
        computed={},
        bias_adjustment_factors={},
    )
    closed = operated(hour)._replace(measured={"HCLC": Measured("HCLC", Decimal("1.25"), Decimal("1.25"), "01")})
    records = HourlyRecords(example.PLAN, stack)
    (found,) = records.record(closed, {}, None)["matsMonitorHourlyValueData"]
    assert (found["unadjustedHourlyValue"], found["modcCode"], found["componentId"]) == ("1.25E0", "01", "H11")
    (missing,) = records.record(operated(hour), {}, None)["matsMonitorHourlyValueData"]
    assert (missing["unadjustedHourlyValue"], missing["modcCode"]) == (None, "34")


def test_a_rate_of_mats_never_comes_from_a_substitute() -> None:
    stack = msgspec.structs.replace(
        example.STACK,
        measured={"HCLC": ParameterPlan(), "CO2C": ParameterPlan()},
        computed={"HCLRH": "19-7"},
        constants={"Fc": Decimal(1800)},
        bias_adjustment_factors={},
    )
    plan = msgspec.structs.replace(example.PLAN, formulas={"HCLRH": FormulaPlan(formula="H01")})
    closed = operated(example.HOURS[0])._replace(
        measured={
            "HCLC": Measured("HCLC", Decimal("1.3"), Decimal("1.3"), "01"),
            "CO2C": Measured("CO2C", None, None, "", "lost"),
        },
        computed={"HCLRH": Computed("HCLRH", None, "lb/mmBtu", "19-7 HCLRH", "", "lost")},
    )
    substitute = Reported(closed.hour, "CO2C", Decimal("11.0"), None, "06", Decimal("99.0"))
    values = ReportedPlane(stack, [substitute]).values(closed)
    (found,) = HourlyRecords(plan, stack).record(closed, values, None)["matsDerivedHourlyValueData"]
    assert found == {"parameterCode": "HCLRH", "unadjustedHourlyValue": None, "modcCode": "38", "formulaId": "H01"}


def test_fuel_flow_is_told_with_what_it_comes_to() -> None:
    flow = FuelFlow(
        of="GAS",
        code="PNG",
        unit="HSCF",
        system="GF1",
        values={
            "HI": FlowValue(of="HI", formula="G1B", unit="MMBTUHR"),
            "GCV": FlowValue(value=Decimal(102392), unit="BTUHSCF", sample_type="1"),
        },
    )
    stack = msgspec.structs.replace(
        example.STACK,
        measured={"GAS": ParameterPlan(system="GF1")},
        computed={"HI": "D-6"},
        constants={"GCV": Decimal(102392)},
        bias_adjustment_factors={},
    )
    closed = operated(example.HOURS[0], "0.83")._replace(
        measured={"GAS": Measured("GAS", Decimal("14641.5"), Decimal("14641.5"), "01")},
        computed={"HI": Computed("HI", Decimal("1499.2"), "mmBtu/h", "D-6", "")},
    )
    records = HourlyRecords(msgspec.structs.replace(example.PLAN, fuel_flows=(flow,)), stack)
    (found,) = records.record(closed, ReportedPlane(stack, ()).values(closed), None)["hourlyFuelFlowData"]
    heat, analysis = found["hourlyParameterFuelFlowData"]
    assert (str(found["volumetricFlowRate"]), found["volumetricUnitsOfMeasureCode"]) == ("14641.5", "HSCF")
    assert (str(found["fuelUsageTime"]), found["sourceOfDataVolumetricCode"], found["massFlowRate"]) == (
        "0.83",
        "0",
        None,
    )
    assert (str(heat["parameterValueForFuel"]), heat["formulaId"]) == ("1499.2", "G1B")
    assert (str(analysis["parameterValueForFuel"]), analysis["sampleTypeCode"]) == ("102392", "1")


@pytest.mark.parametrize(
    ("value", "expected"),
    [("0.3987", "3.99E-1"), ("0.0009996", "1.00E-3"), ("9.995", "1.00E1"), ("12", "1.20E1"), ("0", "0.00E0")],
)
def test_scientific_notation_has_three_digits(value: str, expected: str) -> None:
    assert scientific(Decimal(value)) == expected


@settings(max_examples=200)
@given(st.decimals(min_value="1E-9", max_value="1E9", allow_nan=False))
def test_scientific_notation_is_off_by_less_than_half_its_last_digit(value: Decimal) -> None:
    written = scientific(value)
    assert written is not None
    assert abs(Decimal(written) - value) <= Decimal("0.0051") * value


def test_a_unit_without_load_is_not_asked_for_one() -> None:
    stack = msgspec.structs.replace(example.STACK, load=None)
    few = example.few()
    hours = [closed._replace(load=None) for closed in few.hours]
    file = quarter_file(example.PLAN, stack, example.YEAR, example.NUMBER, hours, reported=few.reported)
    assert complaints(file, example.PLAN, stack) == []
    assert "operated, and has no load" in {each.says for each in complaints(file, example.PLAN, example.STACK)}
