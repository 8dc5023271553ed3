"""Hourly means in the unit of a limit: what is in another unit does not count as valid, and is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from greenops_gateway.cems.decimals import ARITHMETIC
from greenops_gateway.cems.limit_average import ONE, HourlyMean, Rule, hourly_means
from greenops_gateway.cems.record import ClosedHour

_MASS: Mapping[tuple[str, str], Decimal] = {("ton", "lb"): Decimal(2000)}
"""CO2 is computed in short tons, and limited in pounds for each MWh (40 CFR 60 Subpart TTTT)."""


def times(rule: Rule, unit: str) -> Decimal | None:
    """By what a value in *unit* becomes one in that of *rule*; of what is divided by load, the mass alone must fit."""
    own = rule.unit.lower()
    if unit.lower() in {"", own}:
        return ONE
    mass, own_mass = unit.lower().split("/")[0], own.split("/")[0]
    if not rule.per_load:
        return None
    return ONE if mass == own_mass else _MASS.get((mass, own_mass))


def means_in_unit(rule: Rule, hours: Sequence[ClosedHour], parameter: str) -> tuple[list[HourlyMean], frozenset[str]]:
    """The means of *parameter* in the unit of *rule*, and the units that cannot be made it."""
    units = [_unit(hour, parameter) for hour in hours]
    factors = {unit: times(rule, unit) for unit in units}
    means = hourly_means(hours, parameter)
    scaled = [_scaled(mean, factors[unit]) for mean, unit in zip(means, units, strict=True)]
    return scaled, frozenset(unit for unit, factor in factors.items() if factor is None)


def _unit(hour: ClosedHour, parameter: str) -> str:
    held = hour.computed.get(parameter) or hour.measured.get(parameter)
    return held.unit if held else ""


def _scaled(mean: HourlyMean, factor: Decimal | None) -> HourlyMean:
    if mean.value is None or factor == ONE:
        return mean
    return mean._replace(value=None if factor is None else ARITHMETIC.multiply(mean.value, factor))
