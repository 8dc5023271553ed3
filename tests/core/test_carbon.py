"""Energy times factor times tariff, and where the factors come from."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_core.carbon import Tariff, cost, emissions, energy, intensity
from greenops_core.errors import ConfigError
from greenops_core.factor import EGRID, EMBER, FACTORS, LEGACY, factor
from greenops_core.unit import Joules, Seconds, Watts


@pytest.mark.parametrize(
    ("zone", "source", "grams_per_kwh"),
    [
        ("DE", EMBER, 342.06),
        ("WORLD", EMBER, 472.94),
        ("US", EMBER, 383.55),
        ("US", EGRID, 349.667),
        ("US", LEGACY, 420),
        ("IN", LEGACY, 820),
    ],
)
def test_published_factors(zone: str, source: str, grams_per_kwh: float) -> None:
    found = factor(zone, source)
    assert (found.zone, found.source, found.grams_per_kwh) == (zone, source, grams_per_kwh)
    assert found.version


def test_egrid_is_the_published_pounds_per_megawatt_hour() -> None:
    grams_per_pound = 453.59237
    assert factor("US", EGRID).grams_per_kwh == pytest.approx(770.884 * grams_per_pound / 1000, abs=5e-4)


def test_a_zone_stands_once_in_a_source() -> None:
    assert len({(known.zone, known.source) for known in FACTORS}) == len(FACTORS)


@pytest.mark.parametrize(
    ("zone", "source", "message"),
    [
        ("DEE", EMBER, "no static factor for zone 'DEE' from ember; did you mean 'DE'?"),
        ("de", EMBER, "no static factor for zone 'de' from ember; did you mean 'DE'?"),
        ("FR", EGRID, "no static factor for zone 'FR' from egrid; known: US"),
        ("DE", "embr", "no factors from 'embr'; did you mean 'ember'?"),
    ],
)
def test_an_unknown_zone_or_source_is_told_with_the_nearest(zone: str, source: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        factor(zone, source)
    assert str(error.value) == message


def test_a_hundred_watts_for_a_day_in_germany() -> None:
    used = energy(Watts(100), Seconds(86400))
    assert used == Joules(8.64e6)
    assert emissions(used, intensity(342.06)) == pytest.approx(820.944)
    assert cost(used, Tariff(0.30, "EUR")) == pytest.approx(0.72)


@given(st.floats(0, 1e15), st.floats(0, 2000), st.floats(0, 10))
def test_the_sum_of_parts_is_the_whole(joules: float, grams_per_kwh: float, per_kwh: float) -> None:
    half, by, tariff = Joules(joules / 2), intensity(grams_per_kwh), Tariff(per_kwh, "EUR")
    assert 2 * emissions(half, by) == pytest.approx(emissions(Joules(joules), by))
    assert 2 * cost(half, tariff) == pytest.approx(cost(Joules(joules), tariff))
