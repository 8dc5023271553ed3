"""Substitutes of the EU ETS: C* = mean + 2 sigma, Regulation (EU) 2018/2066, Article 45.

An hour is usable when 80 % of its points are (Article 45(2), a validity of the plan; from memory, awaits confirmation).
What EN 17255 calls not valid is left out of averages and never substituted: there is nothing to do for it here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from greenops_gateway.cems.decimals import in_decimals, mean, rounded
from greenops_gateway.cems.hour import Hour, written
from greenops_gateway.cems.record import Reported
from greenops_gateway.cems.substitution.hourly import Hourly
from greenops_gateway.cems.working import Input, Working

MEASURED = "measured"
SUBSTITUTED = "C*"
BALANCE = "balance"
"""By mass or energy balance, which is how flow is substituted."""
SIGMAS = 2


@in_decimals
def conservative(values: Sequence[Decimal], places: int, unit: str = "") -> Working:
    """C* of the valid hourly *values* of a reporting period, with *places* decimals.

    Sigma is the best estimate from a sample (n - 1), as Article 45 has it.

    >>> conservative([Decimal(10), Decimal(12), Decimal(14)], 1).value
    Decimal('16.0')

    Raises:
        ValueError: fewer than two values.
    """
    if len(values) < 2:
        raise ValueError(
            f"{len(values)} valid hours in the reporting period: C* needs two. Agree on a conservative estimate "
            "with the competent authority"
        )
    middle = mean(values)
    squares = sorted((value - middle) ** 2 for value in values)
    deviation = (sum(squares, Decimal(0)) / (len(values) - 1)).sqrt()
    return Working(
        "C* = Cmean + 2 sigma",
        "Regulation (EU) 2018/2066, Article 45",
        (Input("n", Decimal(len(values)), "h"), Input("Cmean", middle, unit), Input("sigma", deviation, unit)),
        (f"{middle} + {SIGMAS} x {deviation}",),
        f"rounded half up to {places} decimals",
        rounded(middle + SIGMAS * deviation, places),
        unit,
    )


@in_decimals
def substitute(
    parameter: str, hours: Sequence[Hourly], places: int, balance: Mapping[Hour, Decimal] | None = None
) -> list[Reported]:
    """Every operating hour of the reporting period *hours* with its value, measured or C*.

    Flow is no concentration: its missing hours are taken from *balance*. What *balance* has of another parameter goes
    before C* too. The percentage is of operating hours with a valid value, one decimal.

    Raises:
        ValueError: no flow in *balance* for a missing hour, or too few valid hours for C*.
    """
    given = balance or {}
    operating = [hourly for hourly in hours if hourly.is_operating]
    valid = [hourly.value for hourly in operating if hourly.value is not None]
    missing = [hourly.hour for hourly in operating if hourly.value is None and hourly.hour not in given]
    if parameter == "FLOW" and missing:
        raise ValueError(
            f"FLOW is missing in {len(missing)} hours, {written(missing[0])} the first: "
            "give them by mass or energy balance"
        )
    star = conservative(valid, places).value if missing else None
    percent = rounded(Decimal(100 * len(valid)) / len(operating), 1) if operating else None
    return [_reported(parameter, hourly, given.get(hourly.hour), star, percent) for hourly in operating]


def _reported(
    parameter: str, hourly: Hourly, given: Decimal | None, star: Decimal | None, percent: Decimal | None
) -> Reported:
    if hourly.value is not None:
        return Reported(hourly.hour, parameter, hourly.value, hourly.unadjusted, MEASURED, percent)
    if given is not None:
        return Reported(hourly.hour, parameter, given, None, BALANCE, percent)
    return Reported(hourly.hour, parameter, star, None, SUBSTITUTED, percent)
