"""How uncertain a sum or a product is, by the law of propagation (GUM, JCGM 100:2008, 5.1.2 and 5.2.2).

All uncertainties are relative and expanded: percent of the value at about 95 % (k = 2). With independent terms this is
Approach 1 of the IPCC guidelines (2006, volume 1, chapter 3), equations 3.1 and 3.2. Terms that share a factor are not
independent: what is uncertain in the factor adds up, and is not averaged out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from greenops_gateway.cems.decimals import in_decimals


class Term(NamedTuple):
    """*value* = activity x factor; *activity* and *factor* are how uncertain these are, in percent.

    Terms with the same *shared* name have the factor in common; with an empty name it is theirs alone.
    """

    value: Decimal
    activity: Decimal
    factor: Decimal = Decimal(0)
    shared: str = ""


@in_decimals
def of_product(percents: Iterable[Decimal]) -> Decimal:
    """How uncertain a product of independent factors is, in percent.

    >>> of_product([Decimal(3), Decimal(4)])
    Decimal('5')
    """
    return sum((percent**2 for percent in percents), Decimal(0)).sqrt()


@in_decimals
def of_sum(terms: Sequence[Term]) -> Decimal | None:
    """How uncertain the sum of *terms* is, in percent of it; none when it is 0.

    >>> of_sum([Term(Decimal(100), Decimal(3)), Term(Decimal(100), Decimal(4))])
    Decimal('2.5')
    >>> of_sum([Term(Decimal(100), Decimal(0), Decimal(4), "gas"), Term(Decimal(100), Decimal(0), Decimal(4), "gas")])
    Decimal('4')
    """
    total = sum((term.value for term in terms), Decimal(0))
    if not total:
        return None
    return sum(_variances(terms), Decimal(0)).sqrt() / abs(total)


@in_decimals
def shares(terms: Sequence[Term]) -> list[Decimal]:
    """What each of *terms* has of the variance of their sum, in percent: where better data would help most.

    What a shared factor adds is divided by how much each term takes part in it.

    >>> [round(share) for share in shares([Term(Decimal(100), Decimal(3)), Term(Decimal(100), Decimal(4))])]
    [36, 64]
    """
    common: dict[str, Decimal] = {}
    for term in terms:
        if term.shared:
            common[term.shared] = common.get(term.shared, Decimal(0)) + term.value * term.factor
    parts = [
        (term.value * term.activity) ** 2
        + (term.value * term.factor) * (common[term.shared] if term.shared else term.value * term.factor)
        for term in terms
    ]
    whole = sum(parts, Decimal(0))
    return [100 * part / whole if whole else Decimal(0) for part in parts]


def _variances(terms: Sequence[Term]) -> Iterable[Decimal]:
    common: dict[str, Decimal] = {}
    for number, term in enumerate(terms):
        yield (term.value * term.activity) ** 2
        name = term.shared or f"\0{number}"
        common[name] = common.get(name, Decimal(0)) + term.value * term.factor
    yield from (value**2 for value in common.values())
