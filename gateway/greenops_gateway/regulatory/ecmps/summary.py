"""The totals of a quarter, of the ozone season and of the year, as summaryValueData has them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from greenops_gateway.cems.decimals import in_decimals, mean, rounded
from greenops_gateway.cems.hour import Hour, civil
from greenops_gateway.regulatory.ecmps.plan import EcmpsPlan

POUNDS_PER_TON = 2000
OZONE_MONTHS = range(5, 10)
"""May to September."""
OZONE_QUARTERS = (2, 3)
"""Quarters whose file has a total of the ozone season; that the others leave it blank awaits confirmation."""


class OperatingHour(NamedTuple):
    """An operating hour: its *time* as a share, and its derived *values* as reported (SO2, NOX, CO2, HI, NOXR)."""

    hour: Hour
    time: Decimal
    values: Mapping[str, Decimal]


class Total(NamedTuple):
    """What was reported before: totals from the first of the year and of the ozone season."""

    year: Decimal | None
    ozone: Decimal | None


class _Kind(NamedTuple):
    """*total* is the parameter's code, *of* the derived one it is made of."""

    total: str
    of: str
    places: int
    add: Callable[[Sequence[OperatingHour], str], Decimal]


def _tons_of_pounds(hours: Sequence[OperatingHour], of: str) -> Decimal:
    return _quantity(hours, of) / POUNDS_PER_TON


def _quantity(hours: Sequence[OperatingHour], of: str) -> Decimal:
    return sum((each.values[of] * each.time for each in hours if of in each.values), Decimal(0))


def _average(hours: Sequence[OperatingHour], of: str) -> Decimal:
    values = [each.values[of] for each in hours if of in each.values]
    return mean(values) if values else Decimal(0)


_KINDS = (
    _Kind("SO2M", "SO2", 1, _tons_of_pounds),
    _Kind("CO2M", "CO2", 1, _quantity),
    _Kind("NOXM", "NOX", 1, _tons_of_pounds),
    _Kind("NOXR", "NOXR", 3, _average),
    _Kind("HIT", "HI", 0, _quantity),
    _Kind("OPTIME", "", 2, lambda hours, _: sum((each.time for each in hours), Decimal(0))),
    _Kind("OPHOURS", "", 0, lambda hours, _: Decimal(len(hours))),
)


@in_decimals
def totals(derived: Iterable[str], hours: Sequence[OperatingHour]) -> dict[str, Decimal]:
    """The total of each of *derived*, and of operation: short tons, mmBtu, lb/mmBtu, h.

    >>> totals(["SO2"], [OperatingHour(Hour(0), Decimal("0.50"), {"SO2": Decimal(4000)})])
    {'SO2M': Decimal('1.0'), 'OPTIME': Decimal('0.50'), 'OPHOURS': Decimal('1')}
    """
    known = set(derived) | {""}
    return {kind.total: rounded(kind.add(hours, kind.of), kind.places) for kind in _KINDS if kind.of in known}


@in_decimals
def summary_values(
    plan: EcmpsPlan,
    quarter: int,
    derived: Iterable[str],
    hours: Sequence[OperatingHour],
    earlier: Mapping[str, Total],
) -> list[dict[str, Any]]:
    """The totals of *hours*, which operated in *quarter*, and those to date; *earlier* is of the quarter before."""
    current = totals(derived, hours)
    seasonal = [each for each in hours if civil(each.hour)[0].month in OZONE_MONTHS]
    ozone = totals(derived, seasonal) if quarter in OZONE_QUARTERS else {}
    years = {code: each.year for code, each in earlier.items()}
    seasons = {code: each.ozone for code, each in earlier.items()}
    return [
        {
            **plan.location,
            "parameterCode": code,
            "currentReportingPeriodTotal": current[code],
            "ozoneSeasonToDateTotal": _with(code, ozone, seasons),
            "yearToDateTotal": _with(code, current, years),
        }
        for code in current
    ]


def earlier_totals(file: Mapping[str, Any]) -> dict[str, Total]:
    """The totals to date of the file of the quarter before."""
    return {
        each["parameterCode"]: Total(
            _decimal(each.get("yearToDateTotal")), _decimal(each.get("ozoneSeasonToDateTotal"))
        )
        for each in file.get("summaryValueData", ())
    }


def _with(code: str, now: Mapping[str, Decimal], before: Mapping[str, Decimal | None]) -> Decimal | None:
    """The total of *code* with what was *before*; a mean is weighed by the operating hours of both."""
    if code not in now:
        return None
    past = before.get(code)
    if past is None:
        return now[code]
    if code != "NOXR":
        return past + now[code]
    then, here = before.get("OPHOURS") or Decimal(0), now["OPHOURS"]
    return rounded((past * then + now[code] * here) / (then + here), 3) if then + here else now[code]


def _decimal(value: Decimal | int | None) -> Decimal | None:
    return None if value is None else Decimal(value)
