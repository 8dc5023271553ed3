"""The greenhouse gas report of ISO 14064-1:2018, clause 9: by category and gas, uncertainty, base year, intensity."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from greenops_gateway.regulatory.document import (
    BarChart,
    Cell,
    Column,
    Document,
    Fact,
    Facts,
    Notes,
    Part,
    Provenance,
    Table,
)
from greenops_gateway.regulatory.global_warming import CO2E
from greenops_gateway.regulatory.iso14064 import CATEGORIES, Inventory, change, intensity
from greenops_gateway.regulatory.iso14064_configuration import InventoryConfiguration
from greenops_gateway.regulatory.period import Period

MOST_BARS = 10
"""Sources whose part in the uncertainty is drawn."""


def document(
    configuration: InventoryConfiguration, period: Period, found: Inventory, provenance: Provenance
) -> Document:
    """The report on *period*."""
    parts: list[Part] = [
        _organisation(configuration, period),
        _totals(configuration, found),
        _categories(found),
        BarChart("By category", tuple(_bars(found)), "t CO2e"),
        _gases(configuration, found),
        _sources(found),
        _imported(configuration, found),
        _uncertainty(found),
        *_base_year(configuration, found),
        _factors(configuration),
        _potentials(configuration),
        _excluded(configuration),
        Notes("Method", tuple(_method(configuration))),
    ]
    name = configuration.organisation.name
    return Document("iso14064", "Greenhouse gas inventory, ISO 14064-1", name, period.name, tuple(parts), provenance)


def _organisation(configuration: InventoryConfiguration, period: Period) -> Facts:
    told = configuration.organisation
    facts = (
        Fact("name", "Organisation", told.name),
        Fact("responsible", "Responsible", told.responsible),
        Fact("boundary", "Organisational boundary", told.boundary),
        Fact("intended_use", "Intended use", told.intended_use),
        Fact("first_day", "First day", period.first),
        Fact("last_day", "Last day", period.last),
        Fact("gwp", "Global warming potentials", f"{configuration.gwp}, 100 years"),
        Fact("imported_energy", "Imported energy counts", f"{configuration.imported_energy}-based"),
    )
    return Facts("organisation", "Organisation", tuple(fact for fact in facts if fact.value != ""))


def _totals(configuration: InventoryConfiguration, found: Inventory) -> Facts:
    total = found.total
    facts = [
        Fact("total", "Total emissions", total.equivalent, "t CO2e"),
        Fact(
            "uncertainty", "Uncertainty of the total (k = 2)", total.uncertainty, "%" * (total.uncertainty is not None)
        ),
        Fact("direct", "Direct emissions (category 1)", found.categories[1].equivalent, "t CO2e"),
        Fact("biogenic", "Biogenic CO2, apart from the total", found.biogenic, "t CO2"),
        Fact("removals", "Removals, apart from the total", found.removals, "t CO2e"),
    ]
    for number, output in enumerate(configuration.outputs, 1):
        per = intensity(total.equivalent, output.value)
        facts.append(Fact(f"intensity_{number}", f"Per unit of {output.name}", per, f"kg CO2e/{output.unit}"))
    return Facts("totals", "Result", tuple(facts))


def _categories(found: Inventory) -> Table:
    columns = (
        Column("category", "Category", width=10),
        Column("name", "Name", width=42),
        Column("equivalent", "Emissions", "t CO2e", 18),
        Column("uncertainty", "Uncertainty", "%", 16),
    )
    rows: list[tuple[Cell, ...]] = [
        (str(number), name, found.categories[number].equivalent, found.categories[number].uncertainty)
        for number, name in CATEGORIES.items()
    ]
    rows.append(("", "Total", found.total.equivalent, found.total.uncertainty))
    return Table("categories", "Emissions by category", columns, tuple(rows), totals=1)


def _bars(found: Inventory) -> Iterator[tuple[str, Decimal]]:
    for number, total in found.categories.items():
        yield f"{number} {CATEGORIES[number]}", total.equivalent


def _gases(configuration: InventoryConfiguration, found: Inventory) -> Table:
    columns = (
        Column("gas", "Gas", width=20),
        Column("mass", "Mass", "t", 14),
        Column("potential", "GWP", "t CO2e/t", 16),
        Column("equivalent", "Emissions", "t CO2e", 18),
    )
    potentials = {**configuration.all_potentials, CO2E: Decimal(1)}
    rows = tuple((gas, mass, potentials[gas], equivalent) for gas, (mass, equivalent) in found.direct_gases.items())
    return Table("gases", "Direct emissions by gas", columns, rows, empty="There are no direct emissions.")


def _sources(found: Inventory) -> Table:
    columns = (
        Column("name", "Source", width=24),
        Column("category", "Cat.", width=5),
        Column("subcategory", "Kind", width=22),
        Column("equivalent", "Emissions", "t CO2e", 13),
        Column("biogenic", "Biogenic CO2", "t", 12),
        Column("uncertainty", "Uncertainty", "%", 11),
        Column("counts", "In the total", width=10),
    )
    rows = tuple(
        (
            each.source.name,
            str(each.source.category),
            each.source.subcategory,
            each.equivalent,
            each.biogenic,
            each.uncertainty,
            "removal" if each.source.is_removal else "yes" if each.source.counts else "shown only",
        )
        for each in found.emissions
    )
    return Table("sources", "Sources", columns, rows)


def _imported(configuration: InventoryConfiguration, found: Inventory) -> Table:
    columns = (
        Column("accounting", "Imported energy", width=24),
        Column("equivalent", "Emissions", "t CO2e", 18),
        Column("counts", "In the total", width=14),
    )
    accounting = {plan.name: plan.accounting for plan in configuration.sources if plan.accounting}
    sums: dict[str, Decimal] = {}
    for each in found.emissions:
        if how := accounting.get(each.source.name):
            sums[how] = sums.get(how, Decimal(0)) + each.equivalent
    rows = tuple(
        (f"{how}-based", sums[how], "yes" if how == configuration.imported_energy else "shown only")
        for how in ("location", "market")
        if how in sums
    )
    return Table("imported_energy", "Imported energy, both accountings", columns, rows, empty="No energy is imported.")


def _uncertainty(found: Inventory) -> BarChart:
    parts = [(each.source.name, share) for each, share in zip(found.emissions, found.shares, strict=True) if share]
    parts.sort(key=lambda part: -part[1])
    note = (
        "Part of each source in the variance of the total, the greatest ones: better data help most at the top. By the "
        "law of propagation (GUM; IPCC 2006, Approach 1), k = 2; sources that share a factor are not independent."
    )
    return BarChart("What makes the total uncertain", tuple(parts[:MOST_BARS]), "%", note)


def _base_year(configuration: InventoryConfiguration, found: Inventory) -> Iterator[Facts]:
    base = configuration.base_year
    if base is None:
        return
    comparable = base.gwp == configuration.gwp
    facts = [
        Fact("year", "Base year", str(base.year)),
        Fact("reason", "Chosen because", base.reason),
        Fact("total", "Emissions then", base.total, f"t CO2e ({base.gwp})"),
        Fact("change", "Change since", change(found.total.equivalent, base.total), "%")
        if comparable
        else Fact("change", "Change since", f"not told: the base year is by {base.gwp}; recalculate it"),
        Fact("significance", "Recalculated from a change in structure or method of", base.significance, "%"),
        Fact("recalculation", "Recalculated", base.recalculation or "no"),
    ]
    yield Facts("base_year", "Base year", tuple(facts))


def _factors(configuration: InventoryConfiguration) -> Table:
    columns = (
        Column("name", "Factor", width=16),
        Column("gas", "Gas", width=13),
        Column("value", "kg per unit", width=12),
        Column("per", "Unit", width=8),
        Column("source", "Source", width=26),
        Column("version", "Version", width=12),
        Column("uncertainty", "Uncertainty", "%", 11),
    )
    rows = tuple(
        (
            name,
            f"{gas} ({factor.gwp})" if gas == CO2E else gas,
            value,
            factor.per,
            factor.source,
            factor.version,
            factor.uncertainty,
        )
        for name, factor in sorted(configuration.factors.items())
        for gas, value in factor.gases.items()
    )
    return Table("factors", "Emission factors", columns, rows, empty="Everything was measured.")


def _potentials(configuration: InventoryConfiguration) -> Table:
    used = {gas for factor in configuration.factors.values() for gas in factor.gases} - {CO2E}
    used |= {"CO2"} if configuration.measured else set()
    columns = (
        Column("gas", "Gas", width=20),
        Column("potential", "kg CO2e per kg", width=14),
        Column("version", "Version", width=20),
    )
    rows = tuple(
        (gas, configuration.all_potentials[gas], "own" if gas in configuration.potentials else configuration.gwp)
        for gas in sorted(used)
    )
    return Table("potentials", "Global warming potentials", columns, rows, empty="No factor is by gas.")


def _excluded(configuration: InventoryConfiguration) -> Table:
    columns = (Column("what", "Not in the inventory", width=20), Column("why", "Why", width=40))
    rows = tuple((each.what, each.why) for each in configuration.exclusions)
    return Table("exclusions", "Exclusions", columns, rows, empty="Nothing was left out.")


def _method(configuration: InventoryConfiguration) -> Iterator[str]:
    yield "Emissions are activity x factor, gas by gas, times the potential of the gas; sums are of unrounded values."
    for each in configuration.measured:
        yield f"The CO2 of {each.stack} is measured, hour by hour; its fuel's CO2 is not counted a second time."
    others = sorted(
        f"{name} ({factor.gwp})"
        for name, factor in configuration.factors.items()
        if factor.gwp is not None and factor.gwp != configuration.gwp
    )
    if others:
        yield f"These factors come as CO2e by another report than {configuration.gwp}: {', '.join(others)}."
    if configuration.notes:
        yield configuration.notes
