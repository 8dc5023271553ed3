"""The EU ETS annual emission report from files of hours and a configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from greenops_core.errors import ConfigError, within
from greenops_gateway.cems.decimals import in_decimals, mean, rounded
from greenops_gateway.cems.hour import civil, written
from greenops_gateway.cems.record import ClosedHour
from greenops_gateway.cems.substitution.ets import conservative
from greenops_gateway.regulatory.document import Document, Provenance
from greenops_gateway.regulatory.ets_configuration import EtsConfiguration, MeasuringPoint, SourceStream
from greenops_gateway.regulatory.ets_document import Point, document
from greenops_gateway.regulatory.eu_ets import (
    Calculated,
    Hourly,
    Stream,
    Substitutes,
    Uncertainty,
    calculated,
    grams_per_cubic_metre,
    measured,
    normal_cubic_metres,
)
from greenops_gateway.regulatory.period import Period

PLACES = 4
"""Decimals of g/Nm3 in C* and in daily means."""


def report(
    configuration: EtsConfiguration, period: Period, hours: Mapping[str, Sequence[ClosedHour]], provenance: Provenance
) -> Document:
    """The report on the year *period* from the *hours* of each stack.

    Raises:
        ConfigError: it is no year, or an hour can be substituted by nothing; with the path to what is missing.
    """
    if not period.is_year:
        raise ConfigError(f"this report is on a year, not on {period.name}; write {period.name[:4]}")
    points = []
    for number, plan in enumerate(configuration.measured):
        with within("measured", number):
            points.append(_point(plan, [each for each in hours[plan.stack] if each.hour in period.hours]))
    streams = [(stream, _calculated(stream)) for stream in configuration.streams]
    return document(configuration, period, points, streams, provenance)


@in_decimals
def _point(plan: MeasuringPoint, hours: Sequence[ClosedHour]) -> Point:
    operating = [_hourly(plan, each) for each in hours if each.is_operating]
    valid = [each.concentration for each in operating if each.concentration is not None]
    star = None
    if len(valid) < len(operating):
        try:
            star = conservative(valid, PLACES, "g/Nm3").value
        except ValueError as error:
            raise ConfigError(str(error), ("concentration",)) from None
    uncertainty = Uncertainty(plan.concentration_uncertainty, plan.flow_uncertainty)
    year = measured(plan.gas, operating, Substitutes(star, dict(plan.flows())), uncertainty, plan.biomass.fraction)
    if year.missing:
        raise ConfigError(
            f"the flow is missing in {len(year.missing)} hours of {plan.stack}, {written(year.missing[0])} the first: "
            "give them by mass or energy balance (Art. 45(4))",
            ("missing_flow",),
        )
    return Point(plan, year, _days(operating, hours))


def _hourly(plan: MeasuringPoint, hour: ClosedHour) -> Hourly:
    concentration, flow = _value(hour, plan.concentration.parameter), _value(hour, plan.flow.parameter)
    if concentration is not None:
        concentration = grams_per_cubic_metre(concentration, plan.concentration.unit, plan.gas)
    if flow is not None:
        flow = normal_cubic_metres(flow, plan.flow.unit)
        if plan.concentration.basis != plan.flow.basis:
            flow = _on_basis(flow, plan.concentration.basis, _value(hour, plan.moisture))
    return Hourly(hour.hour, hour.operating_time, concentration, flow)


def _value(hour: ClosedHour, parameter: str) -> Decimal | None:
    held = hour.measured.get(parameter) or hour.computed.get(parameter)
    return None if held is None else held.value


def _on_basis(flow: Decimal, basis: str, moisture: Decimal | None) -> Decimal | None:
    """A flow on the other basis, by *moisture* in percent; none when that is not known or leaves no gas."""
    if moisture is None or not 0 <= moisture < 100:
        return None
    dry = (100 - moisture) / 100
    return flow * dry if basis == "dry" else flow / dry


def _calculated(stream: SourceStream) -> Calculated:
    return calculated(
        Stream(
            stream.activity,
            stream.net_calorific_value,
            stream.emission_factor,
            stream.oxidation_factor,
            stream.biomass.fraction,
        )
    )


def _days(operating: Sequence[Hourly], hours: Sequence[ClosedHour]) -> tuple[tuple[str, Decimal | None], ...]:
    """The mean of the valid hours of each day."""
    by_day: dict[str, list[Decimal]] = {civil(each.hour)[0].isoformat(): [] for each in hours}
    for each in operating:
        if each.concentration is not None:
            by_day[civil(each.hour)[0].isoformat()].append(each.concentration)
    return tuple((day, rounded(mean(values), PLACES) if values else None) for day, values in by_day.items())
