"""The ISO 14064-1 inventory: categories, gases, versions, uncertainty, double counting."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from greenops_gateway.cli import main
from greenops_gateway.regulatory.global_warming import GWP100
from greenops_gateway.regulatory.hours_file import HoursFile, write
from greenops_gateway.regulatory.iso14064 import Source, inventory
from greenops_gateway.regulatory.period import period
from made_hours import closed

D = Decimal


def source(name: str, category: int, amount: str, factors: dict[str, str], *, shared: str = "", **more: bool) -> Source:
    made = {gas: D(value) for gas, value in factors.items()}
    return Source(name, category, "", D(amount), made, D(3), D(4), shared, **more)


def test_an_inventory_adds_up_by_category_and_gas() -> None:
    found = inventory(
        [
            source("boiler", 1, "1000", {"CO2": "200", "CH4": "0.1", "N2O": "0.01"}),
            source("fleet", 1, "100", {"CO2": "2000"}),
            source("grid", 2, "5000", {"CO2e": "0.4"}),
        ],
        GWP100["AR5"],
    )
    assert found.direct_gases == {
        "CH4": (D("0.100"), D("2.800")),
        "CO2": (D("400.000"), D("400.000")),
        "N2O": (D("0.010"), D("2.650")),
    }
    assert found.categories[1].equivalent == D("405.450")
    assert found.categories[2].equivalent == D("2.000")
    assert found.total.equivalent == D("407.450")
    assert found.categories[6] == (D("0.000"), None)


@pytest.mark.parametrize(("version", "equivalent"), [("AR4", "25.000"), ("AR5", "28.000"), ("AR6", "27.900")])
def test_the_version_of_the_potentials_decides(version: str, equivalent: str) -> None:
    potentials = GWP100[version]  # type: ignore[index]  # a version by its name
    assert inventory([source("leak", 1, "1000", {"CH4": "1"})], potentials).total.equivalent == D(equivalent)


def test_biogenic_carbon_is_in_no_total_but_its_methane_is() -> None:
    found = inventory([source("wood", 1, "1000", {"CO2": "350", "CH4": "1"}, is_biogenic=True)], GWP100["AR5"])
    assert (found.total.equivalent, found.biogenic) == (D("28.000"), D("350.000"))


def test_removals_and_the_other_accounting_are_shown_and_not_counted() -> None:
    found = inventory(
        [
            source("forest", 1, "10", {"CO2": "1000"}, is_removal=True),
            source("contract", 2, "10", {"CO2e": "1000"}, counts=False),
            source("grid", 2, "20", {"CO2e": "1000"}),
        ],
        GWP100["AR5"],
    )
    assert (found.total.equivalent, found.removals) == (D("20.000"), D("10.000"))
    assert found.shares == (D("0.0"), D("0.0"), D("100.0"))


def test_uncertainty_is_combined_and_a_shared_factor_is_not_averaged_out() -> None:
    def total(shared: str) -> Decimal | None:
        each = [source(name, 1, "1000", {"CO2": "1"}, shared=shared) for name in ("one", "two")]
        return inventory(each, GWP100["AR5"]).total.uncertainty

    assert (total(""), total("gas")) == (D("3.5"), D("4.5"))


CONFIG: dict[str, Any] = {
    "organisation": {"name": "Riverside", "boundary": "operational control"},
    "gwp": "AR6",
    "factors": {
        "gas": {
            "gases": {"CH4": 0.0034, "N2O": 0.00034},
            "per": "MWh",
            "source": "s",
            "version": "2025",
            "uncertainty": 50,
        },
        "grid": {
            "gases": {"CO2e": 0.3},
            "gwp": "AR5",
            "per": "kWh",
            "source": "s",
            "version": "2025",
            "uncertainty": 5,
        },
        "market": {
            "gases": {"CO2e": 0.1},
            "gwp": "AR5",
            "per": "kWh",
            "source": "s",
            "version": "2026",
            "uncertainty": 5,
        },
    },
    "sources": [
        {
            "name": "turbine",
            "category": 1,
            "amount": 1000,
            "unit": "MWh",
            "uncertainty": 2,
            "factor": "gas",
            "stack": "s-2",
        },
        {
            "name": "g",
            "category": 2,
            "amount": 9000,
            "unit": "kWh",
            "uncertainty": 1,
            "factor": "grid",
            "accounting": "location",
        },
        {
            "name": "m",
            "category": 2,
            "amount": 9000,
            "unit": "kWh",
            "uncertainty": 1,
            "factor": "market",
            "accounting": "market",
        },
    ],
    "measured": [{"stack": "s-2", "uncertainty": 2.5, "biomass_fraction": 0.1}],
    "base_year": {"year": 2020, "total": 200, "gwp": "AR6", "reason": "first"},
    "outputs": [{"name": "electricity", "value": 500, "unit": "MWh"}],
}


@pytest.fixture(scope="module")
def hours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A month with 100 hours at 1.1 short tons, one of them at half time, and 4 more of which the rate is not known."""
    path = tmp_path_factory.mktemp("hours") / "month.jsonl"
    made = []
    for hour in period("2026-02").hours:
        at = hour - period("2026-02").hours[0]
        rate = {"CO2": (None if at >= 100 else "1.1", "ton/h")}
        time = "0.50" if at == 0 else "1.00" if at < 104 else "0.00"
        made.append(closed(hour, {}, operating_time=time, computed=rate))
    write(path, HoursFile(tuple(made)))
    return path


def asked(folder: Path, hours: Path, config: object) -> tuple[int, dict[str, Any]]:
    file, out = folder / "iso.yml", folder / "out"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    words = [
        "--hours",
        str(hours),
        "--config",
        str(file),
        "--output",
        str(out),
        "--format",
        "json",
        "--period",
        "2026-02",
    ]
    code = main(["report", "iso14064", *words])
    path = out / "2026-02-iso14064.json"
    return code, json.loads(path.read_text("utf-8"), parse_float=Decimal) if path.exists() else {}


def test_an_inventory_is_reported_as_computed_by_hand(tmp_path: Path, hours: Path) -> None:
    code, told = asked(tmp_path, hours, CONFIG)
    stack = D("1.1") * D("0.90718474") * D("103.5")
    turbine = D("3.4") * D("27.9") / 1000 + D("0.34") * 273 / 1000
    total = round(stack * D("0.9") + turbine + D("2.7"), 3)
    figures = told["figures"]
    assert code == 0
    assert figures["totals"]["total"]["value"] == total
    assert figures["totals"]["biogenic"]["value"] == round(stack * D("0.1"), 3)
    assert figures["totals"]["intensity_1"]["value"] == round(1000 * total / 500, 4)
    assert figures["base_year"]["change"]["value"] == round(100 * (total - 200) / 200, 1)
    accounted = told["tables"]["imported_energy"]["rows"]
    assert [(row["equivalent"], row["counts"]) for row in accounted] == [
        (D("2.700"), "yes"),
        (D("0.900"), "shown only"),
    ]
    assert {row["version"] for row in told["tables"]["factors"]["rows"]} == {"2025", "2026"}


def test_a_base_year_of_another_version_is_not_compared(tmp_path: Path, hours: Path) -> None:
    _, told = asked(tmp_path, hours, CONFIG | {"base_year": CONFIG["base_year"] | {"gwp": "AR4"}})
    assert "not told: the base year is by AR4" in told["figures"]["base_year"]["change"]["value"]


def changed(**more: object) -> dict[str, Any]:
    return CONFIG | more


@pytest.mark.parametrize(
    ("config", "told"),
    [
        pytest.param(
            changed(factors=CONFIG["factors"] | {"gas": CONFIG["factors"]["gas"] | {"gases": {"CO2": 200}}}),
            "sources[0].stack: the CO2 of s-2 is measured: it would count twice",
            id="counted twice",
        ),
        pytest.param(
            changed(factors=CONFIG["factors"] | {"gas": CONFIG["factors"]["gas"] | {"gases": {"CH5": 1}}}),
            "factors.gas.gases.CH5: AR6 has no 'CH5'; did you mean 'CH4'?",
            id="an unknown gas",
        ),
        pytest.param(
            changed(factors=CONFIG["factors"] | {"grid": CONFIG["factors"]["grid"] | {"gwp": None}}),
            "factors.grid.gwp: say by which report its CO2e is",
            id="CO2e of no version",
        ),
        pytest.param(
            changed(sources=[CONFIG["sources"][1] | {"unit": "MWh"}]),
            "sources[0].unit: the factor is per kWh, the amount in MWh",
            id="another unit",
        ),
        pytest.param(
            changed(sources=[CONFIG["sources"][1] | {"accounting": ""}]),
            "sources[0].accounting: write location or market",
            id="which accounting",
        ),
        pytest.param(
            changed(sources=[CONFIG["sources"][1] | {"factor": "girds"}]),
            "sources[0].factor: there is no factor 'girds'; did you mean 'grid'?",
            id="an unknown factor",
        ),
        pytest.param(changed(gwp="AR7"), "gwp: ", id="an unknown version"),
        pytest.param(
            changed(measured=[{"stack": "s-2", "uncertainty": 2, "parameter": "NOX"}]),
            "measured[0].parameter: no operating hour has a valid NOX",
            id="no mass",
        ),
        pytest.param(
            changed(sources=[CONFIG["sources"][0] | {"accounting": "market"}]),
            "sources[0].accounting: that is for imported energy",
            id="accounting of fuel",
        ),
        pytest.param(changed(potentials={"CH4": 30}), "potentials.CH4: AR6 has one already", id="a known potential"),
        pytest.param(
            changed(
                factors=CONFIG["factors"] | {"grid": CONFIG["factors"]["grid"] | {"is_biogenic": True}},
            ),
            "factors.grid.gases.CO2e: a biogenic factor names its gases",
            id="biogenic CO2e",
        ),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_place(
    tmp_path: Path, hours: Path, capsys: pytest.CaptureFixture[str], config: dict[str, Any], told: str
) -> None:
    assert asked(tmp_path, hours, config) == (2, {})
    assert told in capsys.readouterr().err
