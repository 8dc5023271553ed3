"""F-factors and default moisture by fuel: 40 CFR 75 Appendix F Table 1 and 75.11(b), 75.12(b).

A plan names a fuel and gets its constants, or gives its own and is told when they are implausible.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple


class Factors(NamedTuple):
    """dscf/mmBtu, scf CO2/mmBtu and wscf/mmBtu; the table gives no Fw for some fuels."""

    fd: Decimal
    fc: Decimal
    fw: Decimal | None = None


class Moisture(NamedTuple):
    """Default percent of water in stack gas: *low* for mass and heat input, *high* for some emission rates."""

    low: Decimal
    high: Decimal


def _factors(fd: int, fc: int, fw: int | None = None) -> Factors:
    return Factors(Decimal(fd), Decimal(fc), None if fw is None else Decimal(fw))


F_FACTORS: Mapping[str, Factors] = MappingProxyType(
    {
        "anthracite": _factors(10100, 1970, 10540),
        "bituminous": _factors(9780, 1800, 10640),
        "subbituminous": _factors(9820, 1840),
        "lignite": _factors(9860, 1910, 11950),
        "petroleum coke": _factors(9830, 1850),
        "tire-derived fuel": _factors(10260, 1800),
        "oil": _factors(9190, 1420, 10320),
        "natural gas": _factors(8710, 1040, 10610),
        "propane": _factors(8710, 1190, 10200),
        "butane": _factors(8710, 1250, 10390),
        "wood bark": _factors(9600, 1920),
        "wood residue": _factors(9240, 1830),
        "municipal solid waste": _factors(9570, 1820),
    }
)
"""By fuel, 40 CFR 75 Appendix F Table 1."""

PLAUSIBLE: Mapping[str, tuple[Decimal, Decimal]] = MappingProxyType(
    {
        "Fc": (Decimal(900), Decimal(3000)),
        "Fd": (Decimal(8000), Decimal(12000)),
        "Fw": (Decimal(9000), Decimal(13000)),
    }
)
"""Between what EPA's check program expects a factor to be."""

MOISTURE: Mapping[str, Moisture] = MappingProxyType(
    {
        fuel: Moisture(Decimal(low), Decimal(high))
        for fuel, low, high in (
            ("anthracite", 3, 5),
            ("bituminous", 6, 8),
            ("subbituminous", 8, 12),
            ("lignite", 11, 13),
            ("wood bark", 13, 15),
            ("wood residue", 13, 15),
            ("natural gas", 14, 18),
        )
    }
)
"""By fuel; that of natural gas is for boilers."""

TAKE_HIGH_MOISTURE = frozenset({"19-3", "19-3D", "19-4", "19-8"})
"""Codes of the equations in which more moisture means a higher rate: they take the high default."""


def default_moisture(fuel: str, code: str) -> Decimal | None:
    """Percent of water that stands for a measurement of it in the equation *code*, or None where the rule has none.

    The low value where a correction for moisture lowers the result; the high one where it raises it.

    >>> default_moisture("bituminous", "F-2"), default_moisture("bituminous", "19-3"), default_moisture("oil", "F-2")
    (Decimal('6'), Decimal('8'), None)
    """
    found = MOISTURE.get(fuel)
    if found is None:
        return None
    return found.high if code in TAKE_HIGH_MOISTURE else found.low


def implausible(symbol: str, factor: Decimal) -> str:
    """Why *factor* can hardly be an F-factor *symbol* (Fc, Fd, Fw), in words; empty when it can.

    >>> implausible("Fd", Decimal(8710)), implausible("Fd", Decimal(1040))
    ('', 'Fd is 1040; F-factors of this kind lie between 8000 and 12000')
    """
    least, most = PLAUSIBLE[symbol]
    if least <= factor <= most:
        return ""
    return f"{symbol} is {factor}; F-factors of this kind lie between {least} and {most}"
