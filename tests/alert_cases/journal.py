"""What the gateway keeps and owes."""

from __future__ import annotations

from alert_cases.case import Case, alert, of
from greenops_core import catalogue as c

SITE = {"site": "north"}
SINK = {**SITE, "sink": "central"}
FAILING, DROPPED, DAMAGED = (of(metric, **SITE) for metric in (c.JOURNAL_FAILING, c.JOURNAL_DROPPED, c.JOURNAL_DAMAGED))
UNACCOUNTED, QUARANTINED, EVICTED, DELAY = (
    of(metric, **SINK)
    for metric in (
        c.DELIVERY_UNACCOUNTED,
        c.DELIVERY_QUARANTINED,
        c.DELIVERY_EVICTED,
        c.DELIVERY_DELAY,
    )
)


def journal(name: str, series: dict[str, str], *expect: tuple[str, str, int]) -> Case:
    return Case(name, "journal.yml", series, list(expect), step="15s", every="15s")


LOST, SUM = "JournalSamplesLost", "JournalDoesNotAddUp"
CASES = [
    journal(
        "a disk that takes nothing for two minutes pages",
        {FAILING: "0x20 1x40"},
        ("5m", alert("JournalFailing"), 0),
        ("5m45s", alert("JournalFailing"), 0),
        ("7m30s", alert("JournalFailing", site="north"), 1),
    ),
    journal("a disk that fails for a moment does not", {FAILING: "0x20 1x2 0x40"}, ("8m", alert("JournalFailing"), 0)),
    journal(
        "a gateway that is gone says nothing of its disk", {FAILING: "1x3 stale"}, ("9m", alert("JournalFailing"), 0)
    ),
    journal(
        "samples that no disk took page, once for their quarter of an hour",
        {DROPPED: "0x20 50x200"},
        ("4m", alert(LOST), 0),
        ("6m", alert(LOST, site="north"), 1),
        ("40m", alert(LOST), 0),
    ),
    journal(
        "samples that went before a sink had them page",
        {DROPPED: "0x100", EVICTED: "0x20 900x80"},
        ("6m", alert(LOST, site="north"), 1),
    ),
    journal("samples that were lost long ago do not", {DROPPED: "50x100", EVICTED: "7x100"}, ("20m", alert(LOST), 0)),
    journal("an account that adds up is quiet", {UNACCOUNTED: "0x80"}, ("10m", alert(SUM), 0)),
    journal(
        "one sample that is missing from the account, or one too many, is told",
        {UNACCOUNTED: "0x20 1x20 -1x40"},
        ("5m30s", alert(SUM), 0),
        ("7m", alert(SUM, sink="central"), 1),
        ("15m", alert(SUM, sink="central"), 1),
    ),
    journal("an account that is not there proves nothing", {DELAY: "9x80"}, ("9m", alert(SUM), 0)),
    journal(
        "a sink that waits for more than half an hour is told",
        {DELAY: "0+15x300"},
        ("30m", alert("DeliveryDelayed"), 0),
        ("31m45s", alert("DeliveryDelayed", sink="central"), 1),
    ),
    journal("half an hour exactly is allowed", {DELAY: "1800x80"}, ("15m", alert("DeliveryDelayed"), 0)),
    journal(
        "samples in quarantine are told until somebody has dealt with them",
        {QUARANTINED: "0x10 3x40 0x40"},
        ("2m", alert("DeliveryQuarantined"), 0),
        ("5m", alert("DeliveryQuarantined", sink="central"), 1),
        ("20m", alert("DeliveryQuarantined"), 0),
    ),
    journal(
        "a damaged place is told for a day",
        {DAMAGED: "0x20 1x6400"},
        ("4m", alert("JournalDamaged"), 0),
        ("6m", alert("JournalDamaged", site="north"), 1),
        ("24h30m", alert("JournalDamaged"), 0),
    ),
    journal(
        "a damaged place that a gateway finds when it comes back is told",
        {DAMAGED: "0x20 stale _x720 1x40"},
        ("2h", alert("JournalDamaged"), 0),
        ("3h7m", alert("JournalDamaged", site="north"), 1),
    ),
]
