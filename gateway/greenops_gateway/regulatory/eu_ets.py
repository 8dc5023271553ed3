"""Annual emissions by measurement: Commission Implementing Regulation (EU) 2018/2066 (MRR), Annex VIII.

Equation 1: the year's mass is the sum over its hours of concentration x flow; equation 2: the average hourly emission.
An hour counts with its operating time, as every rate here is one of operation. What is missing is substituted (Art.
45): the concentration by mean + 2 standard deviations, the flow by what a mass or energy balance gave.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from greenops_gateway.cems.decimals import in_decimals, rounded
from greenops_gateway.cems.gas import MOLAR_MASS, NORMAL, STANDARD
from greenops_gateway.cems.hour import Hour, civil
from greenops_gateway.regulatory.uncertainty import of_product

TIERS: Mapping[str, Mapping[int, Decimal]] = {
    "CO2": {1: Decimal(10), 2: Decimal("7.5"), 3: Decimal(5), 4: Decimal("2.5")},
    "N2O": {1: Decimal(10), 2: Decimal("7.5"), 3: Decimal(5)},
}
"""Percent that the average hourly emission may be uncertain by, by tier (Annex VIII, section 1)."""
CATEGORY_A, CATEGORY_B = Decimal(50_000), Decimal(500_000)
"""Tonnes CO2e a year up to which an installation is of category A or B (Art. 19(2)), without biomass."""
LOWEST_TIER: Mapping[str, Mapping[str, int]] = {
    "CO2": {"A": 2, "B": 4, "C": 4},
    "N2O": {"A": 2, "B": 3, "C": 3},
}
"""The tier asked for by category (Art. 41(1), Annex VIII section 2); from memory, awaits confirmation."""
FALLBACK: Mapping[str, Decimal] = {"A": Decimal("7.5"), "B": Decimal(5), "C": Decimal("2.5")}
"""Percent that a whole installation may be uncertain by where no tier can be met (Art. 22(c))."""
POTENTIAL: Mapping[str, Decimal] = {"CO2": Decimal(1), "N2O": Decimal(265)}
"""t CO2e per t (Annex VI, table 6); that of N2O is the one of AR5 and awaits confirmation."""
CUBIC_METRES_PER_CUBIC_FOOT = Decimal("0.028316846592")
MASS, HOURLY, PERCENT = 1, 3, 2
"""Decimals of tonnes, of kg/h, and of percent. A year's total is told in whole tonnes (Art. 72(1))."""


class Hourly(NamedTuple):
    """An hour in operation: g/Nm3 and Nm3/h on one basis (both wet or both dry); absent where it is not valid."""

    hour: Hour
    operating_time: Decimal
    concentration: Decimal | None
    flow: Decimal | None


class Substitutes(NamedTuple):
    """What stands for a missing hour: one *concentration* (g/Nm3), and a *flow* (Nm3/h) by hour."""

    concentration: Decimal | None
    flow: Mapping[Hour, Decimal]


class Uncertainty(NamedTuple):
    """What concentration and flow are uncertain by over the year, in percent (k = 2)."""

    concentration: Decimal
    flow: Decimal


class Measured(NamedTuple):
    """A year of a measuring point. Tonnes are of the gas; *months* are tonnes from January on; *hourly* is kg/h.

    *replaced_concentrations* and *replaced_flows* are hours with a substitute; *missing* those that have none.
    """

    gas: str
    operating: Decimal
    hours: int
    total: Decimal
    biogenic: Decimal
    hourly: Decimal | None
    months: tuple[Decimal, ...]
    substitute: Decimal | None
    replaced_concentrations: int
    replaced_flows: int
    missing: tuple[Hour, ...]
    uncertainty: Decimal

    @property
    def equivalent(self) -> Decimal:
        """Tonnes CO2e of the fossil part."""
        return (self.total - self.biogenic) * POTENTIAL[self.gas]


class Stream(NamedTuple):
    """A source stream whose emissions are calculated: activity x NCV (GJ/unit) x EF (t/TJ) x OF (Art. 24)."""

    activity: Decimal
    net_calorific_value: Decimal
    emission_factor: Decimal
    oxidation_factor: Decimal = Decimal(1)
    biomass_fraction: Decimal = Decimal(0)


class Calculated(NamedTuple):
    """Tonnes CO2 of a stream, and the biogenic part of them."""

    total: Decimal
    biogenic: Decimal


class Corroboration(NamedTuple):
    """What the calculation differs from the measurement by, in percent of the latter, and what both may differ by.

    *agrees*: the difference lies within what the two are uncertain by together; none where that is not known.
    """

    measured: Decimal
    calculated: Decimal
    difference: Decimal | None
    uncertainty: Decimal | None
    agrees: bool | None


@in_decimals
def measured(
    gas: str, hours: Sequence[Hourly], substitutes: Substitutes, uncertainty: Uncertainty, biomass: Decimal = Decimal(0)
) -> Measured:
    """The year of a measuring point of *gas*; *biomass* is the share of its mass that is biogenic (0 to 1)."""
    masses: list[tuple[Hour, Decimal]] = []
    missing: list[Hour] = []
    for each in hours:
        concentration = substitutes.concentration if each.concentration is None else each.concentration
        flow = substitutes.flow.get(each.hour) if each.flow is None else each.flow
        if concentration is None or flow is None:
            missing.append(each.hour)
        else:
            masses.append((each.hour, concentration * flow * each.operating_time))
    operating = sum((each.operating_time for each in hours), Decimal(0))
    grams = sum((mass for _, mass in masses), Decimal(0))
    return Measured(
        gas,
        operating,
        len(hours),
        rounded(grams / 1_000_000, MASS),
        rounded(grams * biomass / 1_000_000, MASS),
        rounded(grams / operating / 1000, HOURLY) if operating else None,
        _by_month(masses),
        None if substitutes.concentration is None else rounded(substitutes.concentration, 4),
        sum(each.concentration is None for each in hours),
        sum(each.flow is None and each.hour in substitutes.flow for each in hours),
        tuple(missing),
        rounded(of_product(uncertainty), PERCENT),
    )


@in_decimals
def calculated(stream: Stream) -> Calculated:
    """What *stream* emits.

    >>> calculated(Stream(Decimal(1000), Decimal("48.0"), Decimal("56.1")))
    Calculated(total=Decimal('2692.8'), biogenic=Decimal('0.0'))
    """
    terajoules = stream.activity * stream.net_calorific_value / 1000
    tonnes = terajoules * stream.emission_factor * stream.oxidation_factor
    return Calculated(rounded(tonnes, MASS), rounded(tonnes * stream.biomass_fraction, MASS))


@in_decimals
def corroborated(
    measured: Decimal, calculated: Decimal, uncertainties: tuple[Decimal, Decimal] | None
) -> Corroboration:
    """*measured* beside *calculated* tonnes; *uncertainties* are those of both, in percent (Art. 46).

    The regulation asks for the comparison and names no bound; the one here is that of two independent results.
    """
    difference = 100 * (calculated - measured) / measured if measured else None
    if difference is None or uncertainties is None:
        shown = None if difference is None else rounded(difference, PERCENT)
        return Corroboration(measured, calculated, shown, None, None)
    both = of_product((uncertainties[0], uncertainties[1] * calculated / measured))
    return Corroboration(
        measured, calculated, rounded(difference, PERCENT), rounded(both, PERCENT), abs(difference) <= both
    )


def category(tonnes: Decimal) -> str:
    """The category of an installation that emits *tonnes* CO2e a year, without biomass.

    >>> category(Decimal(50_000)), category(Decimal(50_001)), category(Decimal(500_001))
    ('A', 'B', 'C')
    """
    return "A" if tonnes <= CATEGORY_A else "B" if tonnes <= CATEGORY_B else "C"


def tier(gas: str, percent: Decimal) -> int:
    """The highest tier that *percent* of uncertainty meets; 0 for none.

    >>> tier("CO2", Decimal("2.5")), tier("CO2", Decimal("2.51")), tier("N2O", Decimal(1)), tier("CO2", Decimal(11))
    (4, 3, 3, 0)
    """
    return max((number for number, bound in TIERS[gas].items() if percent <= bound), default=0)


@in_decimals
def grams_per_cubic_metre(value: Decimal, unit: str, gas: str) -> Decimal:
    """*value* in *unit* (``g/Nm3``, ``mg/Nm3``, ``%`` or ``ppm`` by volume) as g/Nm3 of *gas*, not rounded.

    >>> grams_per_cubic_metre(Decimal(1200), "mg/Nm3", "N2O")
    Decimal('1.200')
    """
    per_volume = MOLAR_MASS[gas] / NORMAL.litres_per_mole
    scale = {
        "g/Nm3": Decimal(1),
        "mg/Nm3": Decimal("0.001"),
        "%": 10 * per_volume,
        "ppm": per_volume / 1000,
    }
    return value * scale[unit]


@in_decimals
def normal_cubic_metres(value: Decimal, unit: str) -> Decimal:
    """*value* in *unit* (``Nm3/h``, or ``scfh`` at 68 F) as Nm3/h, not rounded.

    >>> normal_cubic_metres(Decimal(1000), "Nm3/h")
    Decimal('1000')
    """
    if unit == "Nm3/h":
        return value
    return value * CUBIC_METRES_PER_CUBIC_FOOT * NORMAL.kelvin / STANDARD.kelvin


def _by_month(masses: Iterable[tuple[Hour, Decimal]]) -> tuple[Decimal, ...]:
    """Tonnes from January on."""
    sums = [Decimal(0)] * 12
    for hour, mass in masses:
        sums[civil(hour)[0].month - 1] += mass
    return tuple(rounded(mass / 1_000_000, MASS) for mass in sums)
