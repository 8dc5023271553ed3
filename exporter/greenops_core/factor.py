"""Static yearly factors of electricity per zone: what is used while no live intensity is at hand.

A factor names its source and version; a result names the factor it used. Figures: Ember yearly electricity data 2024
(lifecycle, as published by The Green Web Foundation's co2.js) and US EPA eGRID2023 revision 2 (generation output,
770.884 lb/MWh). ``legacy`` is the rounded table that older tools shipped; it stays selectable for comparison.
"""

from __future__ import annotations

from greenops_core.carbon import Factor
from greenops_core.errors import ConfigError, nearest

EMBER, EGRID, LEGACY = "ember", "egrid", "legacy"


def _of(source: str, version: str, grams_per_kwh: dict[str, float]) -> tuple[Factor, ...]:
    return tuple(Factor(zone, grams, source, version) for zone, grams in grams_per_kwh.items())


FACTORS: tuple[Factor, ...] = (
    *_of(
        EMBER,
        "2024.1.0",
        {
            "AU": 553.76,
            "CN": 557.5,
            "DE": 342.06,
            "EU": 213.02,
            "FR": 44.18,
            "GB": 215.79,
            "IN": 708.96,
            "PL": 614.98,
            "SE": 35.89,
            "US": 383.55,
            "WORLD": 472.94,
        },
    ),
    *_of(EGRID, "2023.2.0", {"US": 349.667}),
    *_of(LEGACY, "1.0.0", {"AU": 790, "CN": 650, "DE": 330, "GB": 230, "IN": 820, "US": 420}),
)


def factor(zone: str, source: str = EMBER) -> Factor:
    """The static factor of *zone*.

    >>> factor("DE").grams_per_kwh
    342.06

    Raises:
        ConfigError: no such zone or source.
    """
    for known in FACTORS:
        if known.zone == zone and known.source == source:
            return known
    sources = {known.source for known in FACTORS}
    if source not in sources:
        raise ConfigError(f"no factors from '{source}'{nearest(source, sources)}")
    zones = [known.zone for known in FACTORS if known.source == source]
    raise ConfigError(f"no static factor for zone '{zone}' from {source}{nearest(zone, zones)}")
