"""The ISO 14064-1 inventory from a configuration, and from files of hours where a stack is measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from greenops_core.errors import ConfigError, within
from greenops_gateway.cems.decimals import in_decimals, mean, rounded
from greenops_gateway.cems.record import ClosedHour
from greenops_gateway.regulatory.document import Document, Notes, Provenance, shown
from greenops_gateway.regulatory.iso14064 import Source, inventory
from greenops_gateway.regulatory.iso14064_configuration import InventoryConfiguration, MeasuredStack
from greenops_gateway.regulatory.iso14064_document import document
from greenops_gateway.regulatory.period import Period

TONNES: Mapping[str, Decimal] = {
    "t/h": Decimal(1),
    "kg/h": Decimal("0.001"),
    "ton/h": Decimal("0.90718474"),
    "lb/h": Decimal("0.00045359237"),
}
"""Tonnes an hour in each unit of a mass rate; ``ton`` is the short one of 2000 lb."""


def report(
    configuration: InventoryConfiguration,
    period: Period,
    hours: Mapping[str, Sequence[ClosedHour]],
    provenance: Provenance,
) -> Document:
    """The inventory of *period*, with the *hours* of each stack that is measured.

    Raises:
        ConfigError: the hours of a stack have no mass; with the path to it.
    """
    sources, told = list(configuration.counted()), []
    for number, plan in enumerate(configuration.measured):
        with within("measured", number):
            inside = [each for each in hours[plan.stack] if each.hour in period.hours]
            mass, missing = mass_of(plan.parameter, inside)
        sources += _measured(plan, mass)
        told.append(
            f"{plan.stack}: {shown(rounded(mass, 1))} t of CO2 in {len(inside)} hours; {missing} operating "
            "hours without a valid value count with the mean of the others."
        )
    made = document(configuration, period, inventory(sources, configuration.all_potentials), provenance)
    return made._replace(parts=(*made.parts, Notes("Measured CO2", tuple(told)))) if told else made


@in_decimals
def mass_of(parameter: str, hours: Sequence[ClosedHour]) -> tuple[Decimal, int]:
    """Tonnes that *hours* emit by the computed rate *parameter*, and in how many operating hours it is missing.

    Raises:
        ConfigError: none has a value, or it is no mass rate.
    """
    operating = [each for each in hours if each.is_operating]
    rates = {each.hour: _tonnes(each, parameter) for each in operating}
    valid = [rate for rate in rates.values() if rate is not None]
    if operating and not valid:
        raise ConfigError(f"no operating hour has a valid {parameter}", ("parameter",))
    typical = mean(valid) if valid else Decimal(0)
    total = Decimal(0)
    for each in operating:
        rate = rates[each.hour]
        total += each.operating_time * (typical if rate is None else rate)
    return total, len(operating) - len(valid)


def _tonnes(hour: ClosedHour, parameter: str) -> Decimal | None:
    """Tonnes per hour of operation. Raises ConfigError: it is no mass rate."""
    held = hour.computed.get(parameter)
    if held is None or held.value is None:
        return None
    if held.unit not in TONNES:
        raise ConfigError(f"{parameter} is in {held.unit}, which is no mass rate ({', '.join(TONNES)})", ("parameter",))
    return held.value * TONNES[held.unit]


@in_decimals
def _measured(plan: MeasuredStack, mass: Decimal) -> list[Source]:
    """The fossil and the biogenic part of what leaves by a stack."""
    parts = (
        (1 - plan.biomass_fraction, False, f"{plan.stack}, measured"),
        (plan.biomass_fraction, True, f"{plan.stack}, measured, biogenic"),
    )
    of_carbon = {"CO2": Decimal(1000)}
    return [
        Source(name, 1, "stack, measured", mass * share, of_carbon, plan.uncertainty, Decimal(0), "", is_biogenic)
        for share, is_biogenic, name in parts
        if share
    ]
