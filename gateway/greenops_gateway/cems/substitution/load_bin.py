"""Load bins: equal parts of the maximum hourly gross load, 40 CFR 75 Appendix C.

The limits of a bin are from memory and await confirmation: with ten, 0 to 10 % is the first, above 10 to 20 % the
second.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

from greenops_gateway.cems.decimals import in_decimals

BINS = 10


@in_decimals
def load_bin(load: Decimal, maximum: Decimal, bins: int = BINS) -> int:
    """The bin, 1 to *bins*, that *load* is in; above *maximum* it is the last. Both loads are in the same unit.

    >>> [load_bin(Decimal(load), Decimal(500)) for load in (0, 50, 51, 500, 520)]
    [1, 1, 2, 10, 10]

    Raises:
        ValueError: *maximum* is not positive.
    """
    if maximum <= 0:
        raise ValueError(f"a maximum hourly gross load of {maximum} has no bins; give the one of the monitoring plan")
    part = (load * bins / maximum).to_integral_value(rounding=ROUND_CEILING)
    return max(1, min(bins, int(part)))
