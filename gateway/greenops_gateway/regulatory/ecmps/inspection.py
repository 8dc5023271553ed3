"""What an inspector would object to in an emissions file: hours, blanks, methods of determination, arithmetic, totals.

Tolerances are those by which EPA recalculates (cross checks 53 and 71). Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from greenops_gateway.cems.decimals import in_decimals
from greenops_gateway.cems.hour import Hour, civil, hour_on, quarter, written
from greenops_gateway.cems.parameter import BIAS_ADJUSTED_RATES
from greenops_gateway.cems.plan import StackPlan
from greenops_gateway.cems.record import Reported
from greenops_gateway.cems.substitution.complaint import complaints as substitution_complaints
from greenops_gateway.cems.substitution.method import MEASURED
from greenops_gateway.cems.substitution.plan import SubstitutionPlan
from greenops_gateway.regulatory.ecmps import code
from greenops_gateway.regulatory.ecmps.arithmetic import Recomputation
from greenops_gateway.regulatory.ecmps.plan import EcmpsPlan
from greenops_gateway.regulatory.ecmps.record_rules import derived_complaints, monitored_complaints
from greenops_gateway.regulatory.ecmps.summary import OZONE_MONTHS, OZONE_QUARTERS, OperatingHour, totals

Record = Mapping[str, Any]

TOTAL_TOLERANCE: Mapping[str, Decimal] = {
    "SO2M": Decimal("0.1"),
    "CO2M": Decimal("0.1"),
    "NOXM": Decimal("0.1"),
    "NOXR": Decimal("0.01"),
    "HIT": Decimal(50),
    "OPHOURS": Decimal(1),
    "OPTIME": Decimal(0),
}
"""By which a total of a quarter may be off: short tons, lb/mmBtu, mmBtu, h (EPA's cross check 71)."""
ALWAYS = frozenset({"stackPipeId", "unitId", "date", "hour", "operatingTime"})
"""What an hour without operation has."""
DATED = ("hourlyOperatingData", "dailyTestSummaryData")
"""Lists whose records have a date."""
SUBSTITUTION_CHECKS = ("HOURMHV10", "HOURMHV12", "HOURMHV19", "HOURMHV20")
"""What EPA's check engine looks at in substitutes beyond a single record."""
OF_TOTAL = {"SO2M": "SO2", "CO2M": "CO2", "NOXM": "NOX", "NOXR": "NOXR", "HIT": "HI"}


class Complaint(NamedTuple):
    """What an inspector *says* of *where*: an hour, a test, a total."""

    where: str
    says: str

    def __str__(self) -> str:
        return f"{self.where}: {self.says}"


@in_decimals
def complaints(
    file: Record,
    plan: EcmpsPlan | None = None,
    stack: StackPlan | None = None,
    substitution: Sequence[SubstitutionPlan] = (),
) -> list[Complaint]:
    """What is to be objected to in *file*, which fits the schema; with the plans, also by those.

    Raises:
        EquationError: a plan names an equation that there is not.
    """
    return list(_complaints(file, plan, stack, substitution))


def _complaints(
    file: Record, plan: EcmpsPlan | None, stack: StackPlan | None, substitution: Sequence[SubstitutionPlan]
) -> Iterator[Complaint]:
    within = quarter(file["year"], file["quarter"])
    no_days = {each["date"] for key in DATED for each in file[key] if not _is_day(each["date"])}
    if no_days:
        yield from (Complaint(each, "is no day") for each in sorted(no_days))
        return
    if plan is not None and file["orisCode"] != plan.oris_code:
        yield Complaint("orisCode", f"{file['orisCode']} is not the plant of the plan, {plan.oris_code}")
    places = Counter(_place(each) for each in file["hourlyOperatingData"])
    for place in places:
        if plan is not None and place != (plan.stack_pipe_id or plan.unit_id):
            yield Complaint(place, "is not the location of the plan")
        hours = [each for each in file["hourlyOperatingData"] if _place(each) == place]
        yield from _every_hour(place, hours, within)
        is_planned = stack is not None and stack.load is not None
        has_load = is_planned or any(record.get("hourLoad") is not None for record in hours)
        arithmetic = None if plan is None or stack is None else Recomputation(plan, stack)
        for record in hours:
            where = f"{place} {_when(record)}"
            yield from (Complaint(where, says) for says in _hour(record, has_load=has_load))
            if arithmetic is not None and record["operatingTime"] > 0:
                yield from (Complaint(where, says) for says in arithmetic.complaints(record))
        for each in substitution:
            yield from _substitutes(place, each, hours)
        yield from _totals(place, hours, file)
    yield from _tests(file, within)


def _every_hour(place: str, hours: list[Record], within: range) -> Iterator[Complaint]:
    found = Counter(_hour_of(record) for record in hours)
    for hour in sorted(found.keys() - set(within)):
        yield Complaint(f"{place} {written(hour)}", "is not an hour of the quarter")
    for hour in sorted(hour for hour, count in found.items() if count > 1):
        yield Complaint(f"{place} {written(hour)}", "is there more than once")
    absent = [Hour(hour) for hour in within if hour not in found]
    if absent:
        stretch = written(absent[0]) if len(absent) == 1 else f"{written(absent[0])} to {written(absent[-1])}"
        yield Complaint(place, f"{len(absent)} hours of the quarter are absent: {stretch}")
    if [_hour_of(record) for record in hours] != sorted(_hour_of(record) for record in hours):
        yield Complaint(place, "the hours are not in order")


def _hour(record: Record, *, has_load: bool) -> Iterator[str]:
    """Of one hour: what there is while it operates and what there is not otherwise, and each value."""
    if record["operatingTime"] > 0:
        if has_load and record.get("hourLoad") is None:
            yield "operated, and has no load"
        yield from _operated(record)
        return
    told = [key for key, value in record.items() if key not in ALWAYS and value not in (None, [])]
    if told:
        yield f"did not operate, and yet has {', '.join(told)}"


def _operated(record: Record) -> Iterator[str]:
    if record.get("hourLoad") is not None and record.get("loadUnitsOfMeasureCode") is None:
        yield "has a load without a unit"
    if not record["monitorHourlyValueData"] and not record["hourlyFuelFlowData"]:
        yield "operated, and nothing was monitored"
    if not record["derivedHourlyValueData"]:
        yield "operated, and has no rates"
    for key, rules in (
        ("monitorHourlyValueData", monitored_complaints),
        ("derivedHourlyValueData", derived_complaints),
    ):
        several = Counter((each["parameterCode"], each.get("moistureBasis")) for each in record[key])
        yield from (f"{name} is there {count} times" for (name, _), count in several.items() if count > 1)
        for value in record[key]:
            yield from rules(value)


def _substitutes(place: str, plan: SubstitutionPlan, hours: list[Record]) -> Iterator[Complaint]:
    reported = [each for record in hours for each in _reported(plan.parameter, record)]
    for each in substitution_complaints(plan, reported):
        if each.check.startswith(SUBSTITUTION_CHECKS):
            yield Complaint(f"{place} {written(each.hour)}", f"{each.parameter}: {each.text} ({each.check})")


def _reported(name: str, record: Record) -> Iterator[Reported]:
    """The parameter *name* of an hour, as substitution told it."""
    for value in (*record["monitorHourlyValueData"], *record["derivedHourlyValueData"]):
        method = value.get("modcCode")
        if value["parameterCode"] != name or method is None:
            continue
        unadjusted, adjusted = value.get("unadjustedHourlyValue"), value.get("adjustedHourlyValue")
        is_adjusted = name in code.BIAS_ADJUSTED or name in BIAS_ADJUSTED_RATES
        told = adjusted if is_adjusted or adjusted is not None else unadjusted
        before = unadjusted if is_adjusted or method in MEASURED else None
        yield Reported(
            _hour_of(record),
            name,
            None if told is None else Decimal(told),
            None if before is None else Decimal(before),
            method,
            value.get("percentAvailable"),
        )


def _totals(place: str, hours: list[Record], file: Record) -> Iterator[Complaint]:
    told = {each["parameterCode"]: each for each in file["summaryValueData"] if _place(each) == place}
    operating = [_operating(record) for record in hours if record["operatingTime"] > 0]
    derived = {name for each in operating for name in each.values}
    computed = totals(derived, operating)
    season = totals(derived, [each for each in operating if civil(each.hour)[0].month in OZONE_MONTHS])
    for total, value in computed.items():
        if total not in told:
            yield Complaint(place, f"has no total {total}; its hours add up to {value}")
            continue
        record, tolerance = told[total], TOTAL_TOLERANCE[total]
        current, year = record.get("currentReportingPeriodTotal"), record.get("yearToDateTotal")
        if current is None or abs(current - value) > tolerance:
            yield Complaint(f"{place} {total}", f"the total is {current}, but its hours add up to {value}")
        if year is not None and current is not None and total != "NOXR" and year < current:
            yield Complaint(f"{place} {total}", f"the year to date, {year}, is less than the quarter, {current}")
        ozone = record.get("ozoneSeasonToDateTotal")
        if (ozone is None) is (file["quarter"] in OZONE_QUARTERS):
            yield Complaint(f"{place} {total}", "a total of the ozone season is for the second and third quarter")
        elif ozone is not None and total != "NOXR" and ozone < season[total] - tolerance:
            yield Complaint(
                f"{place} {total}", f"the ozone season, {ozone}, is less than its hours here, {season[total]}"
            )
    for total in sorted(told.keys() - computed.keys()):
        if total in OF_TOTAL:
            yield Complaint(f"{place} {total}", f"there is a total, but no hour has {OF_TOTAL[total]}")


def _tests(file: Record, within: range) -> Iterator[Complaint]:
    for test in file["dailyTestSummaryData"]:
        where = f"{test.get('componentId') or test.get('monitoringSystemId')} {_when(test)} {test['testTypeCode']}"
        if _hour_of(test) not in within:
            yield Complaint(where, "is not in the quarter")
        if (test.get("componentId") is None) and (test.get("monitoringSystemId") is None):
            yield Complaint(where, "names neither a component nor a system")
        for each in test["dailyCalibrationData"]:
            is_alternative = bool(each.get("zeroAPSIndicator")) or bool(each.get("upscaleAPSIndicator"))
            if test["testResultCode"] == "PASSED" and is_alternative:
                yield Complaint(where, "passed by the alternative specification: the result is PASSAPS")
            for gas in ("zero", "upscale"):
                values = [each.get(f"{gas}{key}") for key in ("MeasuredValue", "ReferenceValue", "CalibrationError")]
                if test["testResultCode"] in {"PASSED", "PASSAPS", "FAILED"} and None in values:
                    yield Complaint(where, f"has no whole {gas} injection")
        if test["testTypeCode"] == "DAYCAL" and not test["dailyCalibrationData"]:
            yield Complaint(where, "has no injections")


def _operating(record: Record) -> OperatingHour:
    values = {each["parameterCode"]: each.get("adjustedHourlyValue") for each in record["derivedHourlyValueData"]}
    known = {name: Decimal(value) for name, value in values.items() if value is not None}
    return OperatingHour(_hour_of(record), Decimal(record["operatingTime"]), known)


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _place(record: Record) -> str:
    return str(record.get("stackPipeId") or record.get("unitId"))


def _hour_of(record: Record) -> Hour:
    return hour_on(date.fromisoformat(record["date"]), record["hour"])


def _when(record: Record) -> str:
    return f"{record['date']}T{record['hour']:02}"
