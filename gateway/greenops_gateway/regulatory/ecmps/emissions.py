"""The emissions file of a quarter: every clock hour, its values as reported, tests and totals.

Pure: same input, same bytes. ECMPS emissions reporting instructions; names as EPA's emissions API has them. A blank is
null: no key is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from greenops_gateway.cems.decimals import in_decimals
from greenops_gateway.cems.hour import Hour, quarter, written
from greenops_gateway.cems.plan import StackPlan
from greenops_gateway.cems.record import ClosedHour, Reported
from greenops_gateway.regulatory.ecmps.daily_test import DailyCalibration, daily_tests
from greenops_gateway.regulatory.ecmps.hourly import HourlyRecords
from greenops_gateway.regulatory.ecmps.plan import EcmpsPlan
from greenops_gateway.regulatory.ecmps.summary import OperatingHour, Total, summary_values
from greenops_gateway.regulatory.reported_plane import ReportedPlane

FORMAT = "1.0"
"""What the key version says; which one EPA expects awaits confirmation."""
ARRAYS = (
    "dailyEmissionData",
    "weeklyTestSummaryData",
    "summaryValueData",
    "dailyTestSummaryData",
    "hourlyOperatingData",
    "longTermFuelFlowData",
    "sorbentTrapData",
    "nsps4tSummaryData",
    "dailyBackstopData",
)
_encode = msgspec.json.Encoder(decimal_format="number").encode


@in_decimals
def quarter_file(
    plan: EcmpsPlan,
    stack: StackPlan,
    year: int,
    number: int,
    hours: Iterable[ClosedHour],
    *,
    reported: Iterable[Reported] = (),
    tests: Iterable[DailyCalibration] = (),
    earlier: Mapping[str, Total] | None = None,
) -> dict[str, Any]:
    """The file of quarter *number* (1 to 4) of *year*: of *hours* and *tests*, in any order, those within it count.

    *reported* is the plane of substitutes. *earlier* are the totals to date of the quarter before.

    Raises:
        ValueError: an hour of the quarter is not closed, or is there twice; EquationError: no such equation.
    """
    within = quarter(year, number)
    records = HourlyRecords(plan, stack)
    plane = ReportedPlane(stack, reported)
    operation: list[dict[str, Any]] = []
    operating: list[OperatingHour] = []
    for closed, flag in _flagged(_every_hour(hours, within)):
        values = plane.values(closed) if closed.is_operating else {}
        record = records.record(closed, values, flag)
        operation.append(record)
        if closed.is_operating:
            derived = {each["parameterCode"]: each["adjustedHourlyValue"] for each in record["derivedHourlyValueData"]}
            known = {name: value for name, value in derived.items() if value is not None}
            operating.append(OperatingHour(closed.hour, record["operatingTime"], known))
    return {
        "orisCode": plan.oris_code,
        "year": year,
        "quarter": number,
        "submissionComment": plan.comment,
        "version": FORMAT,
        **{name: [] for name in ARRAYS},
        "summaryValueData": summary_values(plan, number, records.derived, operating, earlier or {}),
        "dailyTestSummaryData": daily_tests(plan, tests, within),
        "hourlyOperatingData": operation,
    }


def pieces(file: Mapping[str, Any]) -> Iterator[bytes]:
    """*file* as JSON, piece by piece: a line for each record, keys in their order, numbers with their decimals."""
    between = b"{\n"
    for key, value in file.items():
        yield between + _encode(key) + b": "
        if isinstance(value, list) and value:
            yield b"[\n" + _encode(value[0])
            for record in value[1:]:
                yield b",\n" + _encode(record)
            yield b"\n]"
        else:
            yield _encode(value)
        between = b",\n"
    yield b"\n}\n"


def _every_hour(hours: Iterable[ClosedHour], within: range) -> list[ClosedHour]:
    """Raises ValueError: an hour is absent, or there twice."""
    found: dict[Hour, ClosedHour] = {}
    for closed in hours:
        if closed.hour not in within:
            continue
        if closed.hour in found:
            raise ValueError(f"hour {written(closed.hour)} is there twice")
        found[closed.hour] = closed
    absent = [hour for hour in within if hour not in found]
    if absent:
        first, last = written(Hour(absent[0])), written(Hour(absent[-1]))
        which = first if len(absent) == 1 else f"{len(absent)} hours from {first} to {last}"
        raise ValueError(f"not closed: {which}; a quarter has every clock hour, also without operation")
    return [found[Hour(hour)] for hour in within]


def _flagged(hours: Sequence[ClosedHour]) -> Iterator[tuple[ClosedHour, str | None]]:
    """Each hour with U in a startup, D in a shutdown: a stretch that leads to an hour without operation."""
    ends = False
    backwards: list[str | None] = []
    for index in range(len(hours) - 1, -1, -1):
        closed = hours[index]
        if not (closed.is_startup and closed.is_operating):
            ends = not closed.is_operating
            backwards.append(None)
        else:
            backwards.append("D" if ends else "U")
    begins = False
    for closed, flag in zip(hours, reversed(backwards), strict=True):
        if flag is None:
            begins = not closed.is_operating
        yield closed, "U" if flag and begins else flag
