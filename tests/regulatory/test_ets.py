"""The EU ETS annual emission report: equations, substitution, tiers, biomass, corroboration."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from greenops_core.errors import ConfigError
from greenops_gateway.cems.hour import Hour, read
from greenops_gateway.cli import main
from greenops_gateway.regulatory.document import Notes, Provenance
from greenops_gateway.regulatory.ets_configuration import EtsConfiguration
from greenops_gateway.regulatory.ets_report import report
from greenops_gateway.regulatory.eu_ets import (
    Hourly,
    Substitutes,
    Uncertainty,
    corroborated,
    grams_per_cubic_metre,
    measured,
    normal_cubic_metres,
)
from greenops_gateway.regulatory.hours_file import HoursFile, write
from greenops_gateway.regulatory.hours_file import read as read_hours
from greenops_gateway.regulatory.period import period
from greenops_gateway.regulatory.uncertainty import Term, of_product, of_sum, shares
from greenops_telemetry.configuration import convert_all
from made_hours import closed

START = read("2026-01-01T00")
NOTHING = Substitutes(None, {})
CERTAIN = Uncertainty(Decimal(0), Decimal(0))
D = Decimal
UNKNOWN = Provenance("", "", "")


def hourly(*rows: tuple[str, str | None, str | None]) -> list[Hourly]:
    return [
        Hourly(Hour(START + at), D(time), None if c is None else D(c), None if q is None else D(q))
        for at, (time, c, q) in enumerate(rows)
    ]


def test_the_year_is_the_sum_of_concentration_times_flow() -> None:
    year = measured("CO2", hourly(("1.00", "180", "500000"), ("1.00", "200", "400000")), NOTHING, CERTAIN)
    assert year.total == D("170.0")
    assert year.hourly == D("85000.000")
    assert year.months == (D("170.0"), *[D("0.0")] * 11)


def test_an_hour_counts_with_its_operating_time() -> None:
    year = measured("CO2", hourly(("0.25", "200", "1000000")), NOTHING, CERTAIN)
    assert (year.total, year.hourly) == (D("50.0"), D("200000.000"))


def test_what_is_missing_is_substituted_and_counted() -> None:
    rows = hourly(("1.00", None, "1000000"), ("1.00", "100", None), ("1.00", "100", "1000000"), ("1.00", "100", None))
    year = measured("CO2", rows, Substitutes(D(150), {Hour(START + 1): D(2_000_000)}), CERTAIN)
    assert year.total == D("450.0")
    assert (year.replaced_concentrations, year.replaced_flows, year.missing) == (1, 1, (START + 3,))


def test_biomass_is_apart_from_the_fossil_part() -> None:
    year = measured("CO2", hourly(("1.00", "100", "1000000")), NOTHING, CERTAIN, D("0.25"))
    assert (year.total, year.biogenic, year.equivalent) == (D("100.0"), D("25.0"), D("75.0"))


def test_nitrous_oxide_counts_by_its_potential() -> None:
    year = measured("N2O", hourly(("1.00", "2", "1000000")), NOTHING, CERTAIN)
    assert year.equivalent == D("530.0")


@pytest.mark.parametrize(
    ("value", "unit", "gas", "grams"),
    [
        ("10", "%", "CO2", "196.35"),
        ("100", "ppm", "N2O", "0.196364"),
        ("1200", "mg/Nm3", "N2O", "1.2"),
        ("7", "g/Nm3", "CO2", "7"),
    ],
)
def test_a_concentration_becomes_grams_per_normal_cubic_metre(value: str, unit: str, gas: str, grams: str) -> None:
    assert float(grams_per_cubic_metre(D(value), unit, gas)) == pytest.approx(float(grams), rel=1e-4)


def test_a_flow_at_68_fahrenheit_becomes_one_at_0_celsius() -> None:
    assert round(normal_cubic_metres(D(1_000_000), "scfh"), 1) == D("26384.9")


@pytest.mark.parametrize(
    ("calculated", "uncertainties", "difference", "agrees"),
    [
        pytest.param("103", ("2.5", "2.5"), "3.00", True, id="within both"),
        pytest.param("104", ("2.5", "2.5"), "4.00", False, id="beyond both"),
        pytest.param("96.5", ("2.5", "2.5"), "-3.50", False, id="below"),
        pytest.param("104", None, "4.00", None, id="not known"),
    ],
)
def test_a_calculation_corroborates_within_what_both_are_uncertain_by(
    calculated: str, uncertainties: tuple[str, str] | None, difference: str, *, agrees: bool | None
) -> None:
    both = None if uncertainties is None else (D(uncertainties[0]), D(uncertainties[1]))
    found = corroborated(D(100), D(calculated), both)
    assert (found.difference, found.agrees) == (D(difference), agrees)


percents = st.decimals(0, 50, places=2)
amounts = st.decimals(1, 10_000, places=2)


@given(st.lists(st.tuples(amounts, percents), min_size=1, max_size=8))
def test_a_sum_of_independent_terms_is_as_the_law_of_propagation_has_it(rows: list[tuple[Decimal, Decimal]]) -> None:
    terms = [Term(value, percent) for value, percent in rows]
    expected = sum(float(v * p) ** 2 for v, p in rows) ** 0.5 / float(sum(v for v, _ in rows))
    found = of_sum(terms)
    assert found is not None
    assert float(found) == pytest.approx(expected, abs=1e-9)
    assert found <= max(percent for _, percent in rows) + D("1e-20")


@given(st.lists(st.tuples(amounts, percents, st.sampled_from(("", "a", "b"))), min_size=1, max_size=8))
def test_the_parts_of_the_variance_add_up(rows: list[tuple[Decimal, Decimal, str]]) -> None:
    found = shares([Term(value, percent, percent, shared) for value, percent, shared in rows])
    assert float(sum(found)) == pytest.approx(100 if any(percent for _, percent, _ in rows) else 0)


def test_a_shared_factor_does_not_average_out() -> None:
    alone = [Term(D(100), D(0), D(10)) for _ in range(4)]
    shared = [term._replace(shared="gas") for term in alone]
    assert (of_sum(alone), of_sum(shared)) == (D(5), D(10))
    assert of_product([D("2.5"), D(0)]) == D("2.5")


INSTALLATION = {"name": "Riverside", "category": "C", "operator": "Riverside Energy"}
POINT = {
    "stack": "stack-2",
    "concentration": {"parameter": "CO2C", "unit": "%", "basis": "dry"},
    "flow": {"parameter": "FLOW", "unit": "Nm3/h", "basis": "wet"},
    "moisture": "H2O",
    "tier": 4,
    "concentration_uncertainty": 1.5,
    "flow_uncertainty": 2,
}
GAS: dict[str, object] = {
    "name": "gas",
    "role": "corroboration",
    "stack": "stack-2",
    "activity": 1000,
    "unit": "t",
    "net_calorific_value": 48,
    "emission_factor": 56.1,
    "uncertainty": 2,
}


@pytest.fixture(scope="module")
def hours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A year in which the plant runs for the first 400 hours; the concentration lacks in 4 of them, the flow in 2."""
    path = tmp_path_factory.mktemp("hours") / "year.jsonl"
    rows = []
    for hour in period("2026").hours:
        at = hour - START
        values = {
            "CO2C": None if at in {10, 11, 12, 13} else "10.0" if at % 2 else "9.0",
            "FLOW": None if at in {50, 51} else "100000",
            "H2O": "20.0",
        }
        rows.append(closed(hour, values, operating_time="1.00" if at < 400 else "0.00"))
    write(path, HoursFile(tuple(rows)))
    return path


def asked(folder: Path, hours: Path, config: object, *more: str) -> tuple[int, dict[str, Any]]:
    file, out = folder / "ets.yml", folder / "out"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    words = ["report", "ets", "--hours", str(hours), "--config", str(file), "--output", str(out), "--format", "json"]
    code = main([*words, *(more or ("--period", "2026"))])
    path = out / "2026-ets.json"
    return code, json.loads(path.read_text("utf-8"), parse_float=Decimal) if path.exists() else {}


BALANCE = {
    "first": "2026-01-03T02",
    "last": "2026-01-03T03",
    "flow": 100000,
    "method": "energy balance",
    "why": "power",
}


def rows(told: dict[str, Any], table: str) -> Sequence[dict[str, Any]]:
    found: Sequence[dict[str, Any]] = told["tables"][table]["rows"]
    return found


def test_a_year_is_reported_as_computed_by_hand(tmp_path: Path, hours: Path) -> None:
    point = POINT | {"missing_flow": [BALANCE], "biomass": {"fraction": 0.1, "method": "metering"}}
    config = {
        "installation": INSTALLATION,
        "measured": [point],
        "streams": [GAS, GAS | {"role": "total", "activity": 10}],
    }
    code, told = asked(tmp_path, hours, config)
    nine, ten = 198, 198
    mean = D(19) / 2
    sigma = (D(nine + ten) * D("0.25") / (nine + ten - 1)).sqrt()
    star = round((mean + 2 * sigma) * 10 * D("44.010") / D("22.414"), 4)
    grams = (nine * 9 + ten * 10) * 10 * D("44.010") / D("22.414") + 4 * star
    # The flow is wet and the concentration dry: a fifth of it is water, but not of the one that a balance gave.
    measured_tonnes = grams * D(80_000) / 1_000_000
    balance = 19 * 10 * D("44.010") / D("22.414") * (100_000 - 80_000) / 1_000_000
    figures = told["figures"]
    assert code == 0
    assert figures["point_1"]["total"]["value"] == round(measured_tonnes + balance, 1)
    assert figures["point_1"]["uncertainty"]["value"] == D("2.50")
    assert (figures["point_1"]["tier_met"]["value"], figures["point_1"]["verdict"]["value"]) == (4, "met")
    assert [(row["what"], row["hours"]) for row in rows(told, "missing_1")] == [("concentration", 4), ("flow", 2)]
    fossil = D(str(figures["point_1"]["total"]["value"])) * D("0.9") + D("26.9")
    assert abs(figures["totals"]["total"]["value"] - fossil) < 1
    assert rows(told, "corroboration")[0]["calculated"] == D("2692.8")


def test_a_flow_that_nothing_stands_for_is_no_report(
    tmp_path: Path, hours: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = asked(tmp_path, hours, {"installation": INSTALLATION, "measured": [POINT]})
    assert (code, told) == (2, {})
    assert "the flow is missing in 2 hours of stack-2, 2026-01-03T02 the first" in capsys.readouterr().err


def test_nitrous_oxide_an_unknown_uncertainty_and_a_grown_category_are_told(hours: Path) -> None:
    gas = {"parameter": "CO2C", "unit": "%", "basis": "dry"}  # so much of it that the category is another one
    points = [
        POINT | {"missing_flow": [BALANCE]},
        POINT | {"gas": "N2O", "tier": 3, "concentration": gas, "missing_flow": [BALANCE]},
    ]
    stream = GAS | {"role": "total", "uncertainty": None}
    config = {
        "installation": INSTALLATION | {"category": "A"},
        "measured": points,
        "streams": [stream],
        "notes": "Well.",
    }
    made = report(convert_all(config, EtsConfiguration), period("2026"), {"stack-2": read_hours(hours).hours}, UNKNOWN)
    (notes,) = [part.paragraphs for part in made.parts if isinstance(part, Notes)]
    assert "N2O counts with 265 t CO2e per t." in notes
    assert "This year's emissions are those of category C; the monitoring plan has A (Art. 19)." in notes
    assert notes[-1] == "Well."
    assert made.figures["totals"]["uncertainty"].value is None


@pytest.mark.parametrize(
    ("values", "told"),
    [
        pytest.param([None, "10.0"], "C* needs two", id="one valid hour"),
        pytest.param([None, None], "C* needs two", id="none"),
    ],
)
def test_too_few_valid_hours_stand_for_no_missing_one(values: list[str | None], told: str) -> None:
    made = [closed(START + at, {"CO2C": value, "FLOW": "100000", "H2O": "20.0"}) for at, value in enumerate(values)]
    config = convert_all({"installation": INSTALLATION, "measured": [POINT]}, EtsConfiguration)
    with pytest.raises(ConfigError, match=told) as raised:
        report(config, period("2026"), {"stack-2": made}, UNKNOWN)
    assert raised.value.path == ("measured", 0, "concentration")


def test_without_its_moisture_a_flow_is_missing() -> None:
    made = [closed(START + at, {"CO2C": "10.0", "FLOW": "100000", "H2O": None if at else "20.0"}) for at in range(2)]
    config = convert_all({"installation": INSTALLATION, "measured": [POINT]}, EtsConfiguration)
    with pytest.raises(ConfigError, match=r"the flow is missing in 1 hours of stack-2, 2026-01-01T01 the first"):
        report(config, period("2026"), {"stack-2": made}, UNKNOWN)


@pytest.mark.parametrize(
    ("uncertainty", "tier", "category", "verdict"),
    [
        ("1", 4, "C", "met"),
        ("3", 4, "C", "tier 4 of the monitoring plan is not met (at most 2.5 %)"),
        ("3", 3, "C", "met, but tier 4 is asked for: give the reason (Art. 41(1))"),
        ("7", 2, "A", "met"),
    ],
)
def test_the_tier_is_held_against_the_uncertainty_and_the_category(
    uncertainty: str, tier: int, category: str, verdict: str
) -> None:
    point = POINT | {"tier": tier, "concentration_uncertainty": uncertainty, "flow_uncertainty": 0}
    config = convert_all({"installation": INSTALLATION | {"category": category}, "measured": [point]}, EtsConfiguration)
    hour = closed(START, {"CO2C": "10.0", "FLOW": "100000", "H2O": "20.0"})
    made = report(config, period("2026"), {"stack-2": [hour]}, UNKNOWN)
    assert made.figures["point_1"]["verdict"].value == verdict


@pytest.mark.parametrize(
    ("change", "more", "told"),
    [
        pytest.param({}, ("--period", "2026-Q1"), "this report is on a year", id="a quarter"),
        pytest.param(
            {"measured": [POINT | {"moisture": ""}]}, (), "measured[0].moisture: the concentration is dry", id="h2o"
        ),
        pytest.param({"measured": [POINT, POINT]}, (), "CO2 of stack-2 is measured above already", id="twice"),
        pytest.param(
            {"measured": [POINT | {"gas": "N2O"}]}, (), "measured[0].tier: N2O has no tier above 3", id="tier"
        ),
        pytest.param(
            {"measured": [POINT | {"biomass": {"fraction": 1.2, "method": "x"}}]},
            (),
            "measured[0].biomass.fraction: 1.2 cannot be; write a number from 0 to 1",
            id="fraction",
        ),
        pytest.param({"streams": [GAS | {"stack": "x"}]}, (), "streams[0].stack: 'x' is not measured", id="stream"),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_place(
    tmp_path: Path,
    hours: Path,
    capsys: pytest.CaptureFixture[str],
    *,
    change: dict[str, object],
    more: tuple[str, ...],
    told: str,
) -> None:
    whole = {"installation": INSTALLATION, "measured": [POINT | {"missing_flow": [BALANCE]}]} | change
    assert asked(tmp_path, hours, whole, *more) == (2, {})
    assert told in capsys.readouterr().err
