"""The EU ETS annual emission report (MRR Art. 67(2) and 68, Annex X): totals, tiers, uncertainty, biomass apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from greenops_gateway.cems.decimals import rounded
from greenops_gateway.regulatory.document import (
    BarChart,
    Column,
    Document,
    Fact,
    Facts,
    Line,
    LineChart,
    Notes,
    Part,
    Provenance,
    Table,
)
from greenops_gateway.regulatory.ets_configuration import EtsConfiguration, MeasuringPoint, SourceStream
from greenops_gateway.regulatory.eu_ets import (
    FALLBACK,
    LOWEST_TIER,
    POTENTIAL,
    TIERS,
    Calculated,
    Corroboration,
    Measured,
    category,
    corroborated,
    tier,
)
from greenops_gateway.regulatory.period import Period
from greenops_gateway.regulatory.uncertainty import Term, of_sum

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Point(NamedTuple):
    """A measuring point and its year; *days* are means of its concentration in g/Nm3, day by day."""

    plan: MeasuringPoint
    year: Measured
    days: tuple[tuple[str, Decimal | None], ...]


def document(
    configuration: EtsConfiguration,
    period: Period,
    points: Sequence[Point],
    streams: Sequence[tuple[SourceStream, Calculated]],
    provenance: Provenance,
) -> Document:
    """The report on the year *period*."""
    counted = [(stream, found) for stream, found in streams if stream.role == "total"]
    parts: list[Part] = [
        _installation(configuration),
        _totals(configuration, points, counted),
        _sources(points, counted),
        BarChart("Fossil emissions by source", tuple(_bars(points, counted)), "t CO2e"),
        *(part for number, point in enumerate(points, 1) for part in _point(number, point, configuration)),
        *_streams(streams),
        _corroboration(points, streams),
        Notes("Notes", tuple(_notes(configuration, points, counted))),
    ]
    name = configuration.installation.name
    return Document("ets", "EU ETS annual emission report", name, period.name, tuple(parts), provenance)


def total(configuration: EtsConfiguration, points: Sequence[Point], counted: Sequence[Calculated]) -> Decimal:
    """Tonnes CO2e that the year is accounted with: fossil ones, less what was transferred; whole tonnes (Art. 72)."""
    fossil = sum((point.year.equivalent for point in points), Decimal(0))
    fossil += sum((each.total - each.biogenic for each in counted), Decimal(0))
    return rounded(fossil - configuration.transferred, 0)


def _installation(configuration: EtsConfiguration) -> Facts:
    told = configuration.installation
    facts = (
        Fact("name", "Installation", told.name),
        Fact("operator", "Operator", told.operator),
        Fact("permit", "Greenhouse gas emissions permit", told.permit),
        Fact("address", "Address", told.address),
        Fact("monitoring_plan", "Monitoring plan", told.monitoring_plan),
        Fact("category", "Category in the monitoring plan", told.category),
        Fact("verifier", "Verifier", told.verifier),
    )
    return Facts("installation", "Installation", tuple(fact for fact in facts if fact.value != ""))


def _totals(
    configuration: EtsConfiguration, points: Sequence[Point], counted: Sequence[tuple[SourceStream, Calculated]]
) -> Facts:
    calculated = [found for _, found in counted]
    whole = total(configuration, points, calculated)
    biogenic = sum((point.year.biogenic for point in points if point.plan.gas == "CO2"), Decimal(0))
    biogenic += sum((each.biogenic for each in calculated), Decimal(0))
    uncertainty = _overall(points, counted)
    facts = (
        Fact("total", "Total annual emissions", whole, "t CO2e"),
        Fact("biogenic", "Biogenic CO2, apart from the total", biogenic, "t CO2"),
        Fact("transferred", "Transferred CO2, taken off", configuration.transferred, "t CO2"),
        Fact("computed_category", "Category by this year's emissions", category(whole + configuration.transferred)),
        Fact("uncertainty", "Uncertainty of the total (k = 2)", uncertainty, "%" if uncertainty is not None else ""),
    )
    return Facts("totals", "Annual emissions", facts)


def _overall(points: Sequence[Point], counted: Sequence[tuple[SourceStream, Calculated]]) -> Decimal | None:
    """Of independent sources; none when one of them is not known."""
    if any(stream.uncertainty is None for stream, _ in counted):
        return None
    terms = [Term(point.year.equivalent, point.year.uncertainty) for point in points]
    terms += [Term(each.total - each.biogenic, stream.uncertainty or Decimal(0)) for stream, each in counted]
    found = of_sum(terms)
    return None if found is None else rounded(found, 2)


def _sources(points: Sequence[Point], counted: Sequence[tuple[SourceStream, Calculated]]) -> Table:
    columns = (
        Column("source", "Source", width=20),
        Column("method", "Method", width=16),
        Column("gas", "Gas", width=6),
        Column("total", "Total", "t", 12),
        Column("biogenic", "Of it biogenic", "t", 16),
        Column("equivalent", "Fossil", "t CO2e", 15),
    )
    rows = [
        (point.plan.stack, "measurement", point.plan.gas, point.year.total, point.year.biogenic, point.year.equivalent)
        for point in points
    ]
    rows += [
        (stream.name, "calculation", "CO2", each.total, each.biogenic, each.total - each.biogenic)
        for stream, each in counted
    ]
    return Table("sources", "Sources", columns, tuple(rows))


def _bars(points: Sequence[Point], counted: Sequence[tuple[SourceStream, Calculated]]) -> Iterator[tuple[str, Decimal]]:
    for point in points:
        yield f"{point.plan.stack} ({point.plan.gas})", point.year.equivalent
    for stream, each in counted:
        yield stream.name, each.total - each.biogenic


def _point(number: int, point: Point, configuration: EtsConfiguration) -> Iterator[Part]:
    plan, year = point.plan, point.year
    asked = LOWEST_TIER[plan.gas][configuration.installation.category]
    met = tier(plan.gas, year.uncertainty)
    yield Facts(
        f"point_{number}",
        f"{number}. {plan.stack}, {plan.gas} by measurement",
        (
            Fact("operating", "Operating time", year.operating, "h"),
            Fact("hours", "Operating hours", year.hours),
            Fact("total", "Emission (equation 1)", year.total, f"t {plan.gas}"),
            Fact("hourly", "Average hourly emission (equation 2)", year.hourly, "kg/h"),
            Fact("biomass_fraction", "Biomass fraction", plan.biomass.fraction),
            Fact("biomass_method", "The fraction is known by", plan.biomass.method or None),
            Fact("uncertainty", "Uncertainty of the average hourly emission (k = 2)", year.uncertainty, "%"),
            Fact("tier_applied", "Tier in the monitoring plan", plan.tier),
            Fact("tier_met", "Tier that this uncertainty meets", met or "none"),
            Fact("tier_asked", f"Tier asked of category {configuration.installation.category}", asked),
            Fact("verdict", "Tier", _verdict(plan, met, asked)),
        ),
    )
    yield _missing(number, point)
    yield LineChart(f"Emission by month, {plan.stack}", MONTHS, (Line(f"{plan.gas}, t", year.months),), "t a month")
    yield LineChart(
        f"Concentration of {plan.gas}, {plan.stack}",
        tuple(day for day, _ in point.days),
        (Line("mean of the day", tuple(value for _, value in point.days)),),
        "g/Nm3",
        note="A gap is a day without operation or without a valid hour.",
    )


def _verdict(plan: MeasuringPoint, met: int, asked: int) -> str:
    if met < plan.tier:
        return f"tier {plan.tier} of the monitoring plan is not met (at most {TIERS[plan.gas].get(plan.tier, 0)} %)"
    return "met" if plan.tier >= asked else f"met, but tier {asked} is asked for: give the reason (Art. 41(1))"


def _missing(number: int, point: Point) -> Table:
    year, plan = point.year, point.plan
    columns = (
        Column("what", "What was missing", width=18),
        Column("hours", "Hours", width=8),
        Column("percent", "Share", "%", 10),
        Column("by", "Substituted by", width=60),
    )
    stands = "" if year.substitute is None else f"mean + 2 standard deviations = {year.substitute} g/Nm3 (Art. 45)"
    methods = sorted({f"{each.method}: {each.why}" for each in plan.missing_flow})
    rows = (
        ("concentration", year.replaced_concentrations, _percent(year.replaced_concentrations, year.hours), stands),
        ("flow", year.replaced_flows, _percent(year.replaced_flows, year.hours), "; ".join(methods)),
    )
    return Table(f"missing_{number}", f"Missing data, {plan.stack}", columns, rows)


def _percent(part: int, whole: int) -> Decimal | None:
    return rounded(Decimal(100 * part) / whole, 2) if whole else None


def _streams(streams: Sequence[tuple[SourceStream, Calculated]]) -> Iterator[Table]:
    columns = (
        Column("name", "Source stream", width=18),
        Column("activity", "Activity", width=12),
        Column("unit", "Unit", width=12),
        Column("net_calorific_value", "NCV", "GJ/unit", 10),
        Column("emission_factor", "EF", "t/TJ", 9),
        Column("oxidation_factor", "OF", width=7),
        Column("biomass_fraction", "Biomass", width=11),
        Column("tiers", "Tiers", width=10),
        Column("total", "CO2", "t", 12),
        Column("source", "Source", width=18),
    )
    rows = tuple(
        (
            stream.name,
            stream.activity,
            stream.unit,
            stream.net_calorific_value,
            stream.emission_factor,
            stream.oxidation_factor,
            stream.biomass.fraction,
            stream.tiers,
            found.total,
            stream.source,
        )
        for stream, found in streams
    )
    if rows:
        note = "Activity x NCV x EF x OF (Art. 24). Those for corroboration are in no total."
        yield Table("streams", "Calculated source streams", columns, rows, note=note)


def _corroboration(points: Sequence[Point], streams: Sequence[tuple[SourceStream, Calculated]]) -> Table:
    columns = (
        Column("stack", "Measured at", width=16),
        Column("measured", "Measured", "t CO2", 17),
        Column("calculated", "Calculated", "t CO2", 18),
        Column("difference", "Difference", "%", 14),
        Column("uncertainty", "Uncertainty", "%", 15),
        Column("verdict", "Verdict", width=28),
    )
    rows = []
    for point in points:
        found = compared(point, streams)
        if found is not None:
            rows.append((point.plan.stack, *found[:4], _agreement(found)))
    empty = "No calculated emissions were given: Art. 46 asks for a comparison every year."
    return Table("corroboration", "Corroboration by calculation (Art. 46)", columns, tuple(rows), empty=empty)


def compared(point: Point, streams: Sequence[tuple[SourceStream, Calculated]]) -> Corroboration | None:
    """*point* beside what was calculated for it; none where nothing was."""
    chosen = [(s, found) for s, found in streams if s.role == "corroboration" and s.stack == point.plan.stack]
    if not chosen or point.plan.gas != "CO2":
        return None
    calculated = sum((found.total for _, found in chosen), Decimal(0))
    known = all(stream.uncertainty is not None for stream, _ in chosen)
    percent = of_sum([Term(found.total, stream.uncertainty or Decimal(0)) for stream, found in chosen])
    both = (point.year.uncertainty, percent) if known and percent is not None else None
    return corroborated(point.year.total, calculated, both)


def _agreement(found: Corroboration) -> str:
    if found.agrees is None:
        return "cannot be told: an uncertainty is not known"
    return "agrees within both uncertainties" if found.agrees else "differs by more: find out why"


def _notes(
    configuration: EtsConfiguration, points: Sequence[Point], counted: Sequence[tuple[SourceStream, Calculated]]
) -> Iterator[str]:
    plan = configuration.installation.category
    yield (
        "Emissions are sums over the operating hours of concentration x flow x operating time, at 273.15 K and 101.325 "
        "kPa. Hours that are not valid are substituted as the tables say; an hour is valid when at least 80 % of its "
        "data are (Art. 45(2)), as the plan of the stack has it."
    )
    gases = sorted({point.plan.gas for point in points if point.plan.gas != "CO2"})
    for gas in gases:
        yield f"{gas} counts with {POTENTIAL[gas]} t CO2e per t."
    year = category(total(configuration, points, [found for _, found in counted]) + configuration.transferred)
    if year > plan:
        yield f"This year's emissions are those of category {year}; the monitoring plan has {plan} (Art. 19)."
    yield f"Where no tier can be met, a fallback approach bears {FALLBACK[plan]} % in category {plan} (Art. 22)."
    yield "Keep this report and all that it was made from for at least 10 years (Art. 67(1))."
    if configuration.notes:
        yield configuration.notes
