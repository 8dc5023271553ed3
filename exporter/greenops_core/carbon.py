"""Energy times factor times tariff. One unit inside: joules, grams, seconds."""

from __future__ import annotations

from dataclasses import dataclass

from greenops_core.unit import JOULES_PER_KWH, Grams, GramsPerJoule, Joules, Seconds, Watts


@dataclass(frozen=True, slots=True)
class Factor:
    """Grams CO2 equivalent per kWh of a zone's electricity, and which edition says so."""

    zone: str
    grams_per_kwh: float
    source: str
    version: str


@dataclass(frozen=True, slots=True)
class Tariff:
    """What a kWh costs."""

    per_kwh: float
    currency: str


def intensity(grams_per_kwh: float) -> GramsPerJoule:
    """Grams per joule from the unit that people write.

    >>> intensity(360)
    0.0001
    """
    return GramsPerJoule(grams_per_kwh / JOULES_PER_KWH)


def energy(power: Watts, duration: Seconds) -> Joules:
    """Joules of constant *power* over *duration*."""
    return Joules(power * duration)


def emissions(used: Joules, by: GramsPerJoule) -> Grams:
    """CO2 equivalent of *used*.

    >>> emissions(Joules(3.6e6), intensity(420))
    420.0
    """
    return Grams(used * by)


def cost(used: Joules, tariff: Tariff) -> float:
    """Cost of *used*, in the tariff's currency.

    >>> cost(Joules(7.2e6), Tariff(0.25, "EUR"))
    0.5
    """
    return used / JOULES_PER_KWH * tariff.per_kwh
