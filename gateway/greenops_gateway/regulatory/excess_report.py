"""The excess emission report from a file of hours and a configuration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from greenops_core.errors import within
from greenops_gateway.cems.limit_average import Rule
from greenops_gateway.cems.limit_window import read as read_averaging
from greenops_gateway.cems.record import ClosedHour
from greenops_gateway.regulatory.document import Document, Notes, Provenance
from greenops_gateway.regulatory.exceedance import averaged
from greenops_gateway.regulatory.excess_configuration import ExcessConfiguration, Limit
from greenops_gateway.regulatory.excess_document import Judged, document
from greenops_gateway.regulatory.excess_emissions import excess
from greenops_gateway.regulatory.period import Period


def report(
    configuration: ExcessConfiguration, period: Period, hours: Sequence[ClosedHour], provenance: Provenance
) -> Document:
    """The report on *period* from *hours* (ordered); those before it are what its first averages reach back to.

    Raises:
        ConfigError: the hours hold a parameter in another unit than its limit.
    """
    inside = [each for each in hours if each.hour in period.hours]
    judged = []
    for index, limit in enumerate(configuration.limits):
        with within("limits", index):
            judged.append(_judged(configuration, limit, period, hours, inside))
    made = document(configuration, period, judged, provenance, len(period.hours) - len(inside))
    idle = tuple(_idle(configuration, judged))
    return made._replace(parts=(*made.parts, Notes("Explanations that explain no hour", idle))) if idle else made


def _idle(configuration: ExcessConfiguration, judged: Sequence[Judged]) -> Iterator[str]:
    """What was found out about hours that were neither in excess nor without a monitor: a wrong date, most likely."""
    for each in configuration.explanations:
        first, last, *_ = each.explained()
        summaries = [
            found.excess.emissions if each.what == "excess" else found.excess.downtime
            for found in judged
            if each.parameter in {"", found.limit.parameter}
        ]
        episodes = [episode for summary in summaries for episode in summary.episodes]
        if not any(episode.first <= last and first <= episode.last for episode in episodes):
            yield f"{each.what}, {each.first} to {each.last}: {each.why}"


def reach(configuration: ExcessConfiguration) -> int:
    """How many hours before a period its first averages reach back."""
    return max(read_averaging(limit.averaging).window.reach for limit in configuration.limits)


def rule(limit: Limit) -> Rule:
    """*limit* as its averages are made."""
    return Rule(
        limit.limit,
        limit.unit,
        read_averaging(limit.averaging),
        limit.minimum,
        counts_startup=limit.counts_startup,
        per_load=limit.per_load,
        decimals=limit.decimals,
        source=limit.clause,
    )


def _judged(
    configuration: ExcessConfiguration,
    limit: Limit,
    period: Period,
    hours: Sequence[ClosedHour],
    inside: Sequence[ClosedHour],
) -> Judged:
    averages = averaged(rule(limit), limit.parameter, hours, period.hours)
    known = (configuration.known("excess", limit.parameter), configuration.known("downtime", limit.parameter))
    return Judged(limit, averages, excess(inside, averages, limit.limit, limit.parameter, known))
