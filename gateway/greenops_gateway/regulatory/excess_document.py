"""The report of excess emissions and monitor downtime: 40 CFR 60.7(c) and (d), in the form of its figure 1."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from greenops_gateway.cems.decimals import rounded
from greenops_gateway.cems.hour import Hour, civil, written
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
from greenops_gateway.regulatory.excess_configuration import ExcessConfiguration, Limit
from greenops_gateway.regulatory.excess_emissions import (
    DOWNTIME_SHARE,
    EXCESS_SHARE,
    Averaged,
    Cause,
    DowntimeCause,
    Episode,
    Excess,
    Summary,
)
from greenops_gateway.regulatory.period import Period

CAUSES: Mapping[str, str] = {
    Cause.STARTUP_SHUTDOWN: "Startup or shutdown",
    Cause.CONTROL_EQUIPMENT: "Control equipment problems",
    Cause.PROCESS: "Process problems",
    Cause.OTHER_KNOWN: "Other known causes",
    Cause.UNKNOWN: "Unknown causes",
}
DOWNTIME_CAUSES: Mapping[str, str] = {
    DowntimeCause.MONITOR: "Monitor equipment malfunctions",
    DowntimeCause.NON_MONITOR: "Non-monitor equipment malfunctions",
    DowntimeCause.QUALITY_ASSURANCE: "Quality assurance calibration",
    DowntimeCause.OTHER_KNOWN: "Other known causes",
    DowntimeCause.UNKNOWN: "Unknown causes",
}
_EPISODE = (
    Column("first", "First hour", width=16),
    Column("last", "Last hour", width=16),
    Column("duration", "Duration", "h", 11),
    Column("cause", "Cause", width=16),
    Column("why", "Nature", width=25),
    Column("action", "Corrective action", width=25),
)


class Judged(NamedTuple):
    """A limit, the averages it was judged by, and what came of it."""

    limit: Limit
    averages: Sequence[Averaged]
    excess: Excess


def document(
    configuration: ExcessConfiguration,
    period: Period,
    judged: Sequence[Judged],
    provenance: Provenance,
    lacking: int = 0,
) -> Document:
    """The report on *period*; *lacking* are the hours of it that the inputs do not have."""
    facility = configuration.facility
    parts: list[Part] = [
        _facility(configuration, period, judged, lacking),
        _overview(judged),
        *(part for number, each in enumerate(judged, 1) for part in _limit(number, each)),
        Notes("Changes since the last report", (configuration.changes or "None were told.",)),
        _certification(configuration),
    ]
    return Document(
        "excess",
        "Excess emissions and monitor downtime",
        f"{facility.name}, {configuration.stack}",
        period.name,
        tuple(parts),
        provenance,
    )


def _facility(configuration: ExcessConfiguration, period: Period, judged: Sequence[Judged], lacking: int) -> Facts:
    facility = configuration.facility
    told = (
        Fact("name", "Facility", facility.name),
        Fact("address", "Address", facility.address),
        Fact("operator", "Operator", facility.operator),
        Fact("permit", "Permit", facility.permit),
        Fact("stack", "Stack", configuration.stack),
        Fact("process_unit", "Process unit", facility.process_unit),
        Fact("first_day", "First day", period.first),
        Fact("last_day", "Last day", period.last),
        Fact("operating_time", "Total source operating time", judged[0].excess.operating, "h"),
        *((Fact("hours_lacking", "Hours without a record", lacking),) if lacking else ()),
    )
    return Facts("facility", "Source", tuple(fact for fact in told if fact.value != ""))


def _overview(judged: Sequence[Judged]) -> Table:
    columns = (
        Column("limit", "Limit", width=22),
        Column("value", "Value", width=8),
        Column("unit", "Unit", width=10),
        Column("excess_duration", "Excess", "h", 9),
        Column("excess_percent", "Share", "%", 8),
        Column("downtime_duration", "Downtime", "h", 13),
        Column("downtime_percent", "Share", "%", 8),
        Column("to_submit", "To submit", width=20),
    )
    rows = tuple(
        (
            limit.name,
            limit.limit,
            limit.unit,
            excess.emissions.total,
            excess.emissions.percent,
            excess.downtime.total,
            excess.downtime.percent,
            "summary and details" if excess.needs_detail else "summary alone",
        )
        for limit, _, excess in judged
    )
    note = (
        f"Shares of the operating time. From {EXCESS_SHARE} % of excess emissions or {DOWNTIME_SHARE} % of monitor "
        "downtime on, the details below go with the summary (40 CFR 60.7(d)); below both, the summary is enough unless "
        "the authority asks for them."
    )
    return Table("overview", "Summary", columns, rows, note=note)


def _limit(number: int, judged: Judged) -> Iterator[Part]:
    limit, averages, excess = judged
    monitor = limit.monitor
    told = (
        Fact("parameter", "Parameter", limit.parameter),
        Fact("limitation", "Emission limitation", limit.limit, limit.unit),
        Fact("averaging", "Averaged over", limit.averaging),
        Fact("clause", "Clause", limit.clause),
        Fact("monitor", "Monitor", " ".join(filter(None, (monitor.manufacturer, monitor.model, monitor.serial)))),
        Fact("certified", "Last certification or audit", monitor.certified or ""),
    )
    yield Facts(f"limit_{number}", f"{number}. {limit.name}", tuple(fact for fact in told if fact.value != ""))
    yield _chart(limit, averages)
    yield _form(f"excess_{number}", "Emission data summary", excess.emissions, CAUSES)
    yield _form(f"downtime_{number}", "Monitor performance summary", excess.downtime, DOWNTIME_CAUSES)
    if excess.emissions.total or excess.downtime.total:
        title = "Hours by cause"
        yield BarChart(title, tuple(_bars(excess)), "h")
    peak = (*_EPISODE[:3], Column("peak", "Highest", limit.unit, 11), *_EPISODE[3:])
    yield Table(
        f"excess_episodes_{number}",
        "Periods of excess emissions",
        peak,
        tuple(
            (*row[:3], _shown(episode.peak, limit.limit), *row[3:]) for episode, row in _rows(excess.emissions, CAUSES)
        ),
        empty="No excess emissions occurred in the reporting period.",
    )
    yield Table(
        f"downtime_episodes_{number}",
        "Periods without a valid monitor",
        _EPISODE,
        tuple(row for _, row in _rows(excess.downtime, DOWNTIME_CAUSES)),
        empty="The monitor was not inoperative, repaired or adjusted in the reporting period.",
    )


def _form(key: str, title: str, summary: Summary, names: Mapping[str, str]) -> Table:
    rows = tuple((names[cause], duration) for cause, duration in summary.by_cause.items())
    closing = (("Total", summary.total), ("Share of the operating time, %", summary.percent))
    columns = (Column("cause", "Due to", width=45), Column("duration", "Duration", "h", 15))
    return Table(key, title, columns, (*rows, *closing), totals=len(closing))


def _rows(summary: Summary, names: Mapping[str, str]) -> Iterator[tuple[Episode, tuple[str | Decimal, ...]]]:
    for episode in summary.episodes:
        first, last = written(episode.first), written(episode.last)
        yield episode, (first, last, episode.duration, names[episode.cause], episode.why, episode.action)


def _shown(value: Decimal | None, limit: Decimal) -> Decimal | None:
    """*value* with two decimals more than *limit*, so that what is just above does not look equal."""
    exponent = limit.as_tuple().exponent
    places = 2 - exponent if isinstance(exponent, int) and exponent < 0 else 2
    return None if value is None else rounded(value, places)


def _bars(excess: Excess) -> Iterator[tuple[str, Decimal]]:
    for summary, names, what in (
        (excess.emissions, CAUSES, "excess"),
        (excess.downtime, DOWNTIME_CAUSES, "downtime"),
    ):
        for cause, duration in summary.by_cause.items():
            if duration:
                yield f"{names[cause]} ({what})", duration


def _chart(limit: Limit, averages: Sequence[Averaged]) -> LineChart:
    known = {each.hour: each.value for each in averages}
    hours = range(min(known, default=0), max(known, default=-1) + 1)
    days = tuple(civil(Hour(hour))[0].isoformat() for hour in hours)
    line = Line(limit.parameter, tuple(known.get(Hour(hour)) for hour in hours))
    note = "A gap is a time without operation or without a valid average."
    return LineChart(f"Averages over {limit.averaging}", days, (line,), limit.unit, limit.limit, note=note)


def _certification(configuration: ExcessConfiguration) -> Notes:
    return Notes(
        "Certification",
        (
            "I certify that the information contained in this report is true, accurate, and complete.",
            f"Name and title: {configuration.certified_by or '.' * 60}",
            f"Signature and date: {'.' * 60}",
        ),
    )
