"""An organisation's greenhouse gas inventory as ISO 14064-1:2018 has it: six categories, each gas, biogenic CO2 apart.

The clauses and the names of the categories are from memory and await confirmation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from greenops_gateway.cems.decimals import in_decimals, rounded
from greenops_gateway.regulatory.global_warming import CO2E
from greenops_gateway.regulatory.uncertainty import Term, of_product, of_sum, shares

CATEGORIES: Mapping[int, str] = {
    1: "Direct emissions and removals",
    2: "Indirect, imported energy",
    3: "Indirect, transport",
    4: "Indirect, products and services used",
    5: "Indirect, use of the organisation's products",
    6: "Indirect, other sources",
}
TONNES = 3
"""Decimals of tonnes."""
PERCENT = 1
"""Decimals of an uncertainty or a share in percent."""


class Source(NamedTuple):
    """*amount* x *factors* (kg of each gas per unit), both with what they are uncertain by, in percent (k = 2).

    *shared* is the factor's name. *is_biogenic*: its CO2 is told apart and in no total. *is_removal*: taken out of the
    air; told apart as well. *counts*: in the totals; the other accounting of imported energy is shown and does not.
    """

    name: str
    category: int
    subcategory: str
    amount: Decimal
    factors: Mapping[str, Decimal]
    activity_uncertainty: Decimal
    factor_uncertainty: Decimal
    shared: str
    is_biogenic: bool = False
    is_removal: bool = False
    counts: bool = True


class Emission(NamedTuple):
    """What a source emits: tonnes of each gas, tonnes CO2e of all of them, biogenic CO2 in tonnes beside them."""

    source: Source
    gases: Mapping[str, Decimal]
    equivalent: Decimal
    biogenic: Decimal
    uncertainty: Decimal


class Total(NamedTuple):
    """Tonnes CO2e and what they are uncertain by, in percent; none where there is nothing to be uncertain of."""

    equivalent: Decimal
    uncertainty: Decimal | None


class Inventory(NamedTuple):
    """What a report says: each source's emission, sums by category and by gas (tonnes, tonnes CO2e), and the whole.

    *shares* are what each emission has of the whole's variance, in percent, 0 for one that does not count.
    """

    emissions: tuple[Emission, ...]
    categories: Mapping[int, Total]
    direct_gases: Mapping[str, tuple[Decimal, Decimal]]
    total: Total
    biogenic: Decimal
    removals: Decimal
    shares: tuple[Decimal, ...]


@in_decimals
def inventory(sources: Sequence[Source], potentials: Mapping[str, Decimal]) -> Inventory:
    """The inventory of *sources* by *potentials* (kg CO2e per kg of gas). Sums are of unrounded values.

    Raises:
        KeyError: a gas has no potential.
    """
    emissions = [_emission(source, potentials) for source in sources]
    counted = [each for each in emissions if _is_counted(each)]
    part = iter(shares([_term(each) for each in counted]))
    return Inventory(
        tuple(map(_rounded, emissions)),
        {number: _total(each for each in counted if each.source.category == number) for number in CATEGORIES},
        _direct(counted, potentials),
        _total(counted),
        rounded(sum((each.biogenic for each in counted), Decimal(0)), TONNES),
        rounded(sum((each.equivalent for each in emissions if each.source.is_removal), Decimal(0)), TONNES),
        tuple(rounded(next(part) if _is_counted(each) else Decimal(0), PERCENT) for each in emissions),
    )


@in_decimals
def intensity(total: Decimal, output: Decimal) -> Decimal:
    """Kg CO2e per unit of *output*, of *total* in tonnes; to four decimals.

    >>> intensity(Decimal("1250.5"), Decimal(10000))
    Decimal('125.0500')

    Raises:
        decimal.DivisionByZero: *output* is 0.
    """
    return rounded(1000 * total / output, 4)


@in_decimals
def change(now: Decimal, base: Decimal) -> Decimal:
    """By how many percent *now* differs from *base*.

    >>> change(Decimal(90), Decimal(120))
    Decimal('-25.0')

    Raises:
        decimal.DivisionByZero: *base* is 0.
    """
    return rounded(100 * (now - base) / base, PERCENT)


def _emission(source: Source, potentials: Mapping[str, Decimal]) -> Emission:
    gases = {gas: source.amount * factor / 1000 for gas, factor in source.factors.items()}
    biogenic = gases.get("CO2", Decimal(0)) if source.is_biogenic else Decimal(0)
    counted = {gas: mass for gas, mass in gases.items() if not (source.is_biogenic and gas == "CO2")}
    equivalent = sum((mass * _potential(gas, potentials) for gas, mass in counted.items()), Decimal(0))
    uncertainty = of_product((source.activity_uncertainty, source.factor_uncertainty))
    return Emission(source, counted, equivalent, biogenic, uncertainty)


def _potential(gas: str, potentials: Mapping[str, Decimal]) -> Decimal:
    return Decimal(1) if gas == CO2E else potentials[gas]


def _direct(counted: Iterable[Emission], potentials: Mapping[str, Decimal]) -> dict[str, tuple[Decimal, Decimal]]:
    """ISO 14064-1, 5.2.2: direct emissions gas by gas."""
    sums: dict[str, Decimal] = {}
    for each in counted:
        for gas, mass in each.gases.items():
            if each.source.category == 1:
                sums[gas] = sums.get(gas, Decimal(0)) + mass
    return {
        gas: (rounded(mass, TONNES), rounded(mass * _potential(gas, potentials), TONNES))
        for gas, mass in sorted(sums.items())
    }


def _is_counted(each: Emission) -> bool:
    return each.source.counts and not each.source.is_removal


def _term(each: Emission) -> Term:
    source = each.source
    return Term(each.equivalent, source.activity_uncertainty, source.factor_uncertainty, source.shared)


def _total(emissions: Iterable[Emission]) -> Total:
    terms = [_term(each) for each in emissions]
    percent = of_sum(terms)
    return Total(
        rounded(sum((term.value for term in terms), Decimal(0)), TONNES),
        None if percent is None else rounded(percent, PERCENT),
    )


def _rounded(each: Emission) -> Emission:
    return each._replace(
        gases={gas: rounded(mass, TONNES) for gas, mass in each.gases.items()},
        equivalent=rounded(each.equivalent, TONNES),
        biogenic=rounded(each.biogenic, TONNES),
        uncertainty=rounded(each.uncertainty, PERCENT),
    )
