"""Whether every sample is kept, and has reached everybody who should have it."""

from __future__ import annotations

from greenops_alerting.thresholds import DELIVERY_DELAY
from greenops_core import catalogue as c
from greenops_core.duration import duration
from greenops_dashboards import grafana_unit as unit
from greenops_dashboards.alert import firing, of_board
from greenops_dashboards.board import Board
from greenops_dashboards.document import document
from greenops_dashboards.panel import Query, stat, state_timeline, timeseries
from greenops_dashboards.promql import combine, highest, increase, rate, total, where, within
from greenops_dashboards.style import BAD, GOOD, WARNING, Ladder, State, ladder
from greenops_dashboards.table import Column, table
from greenops_dashboards.variable import SINK, SITE

UID = "greenops-journal"
VARIABLES = (SITE, SINK)
of = within(*VARIABLES)
at = within(SITE)
SINK_ = ("site", "sink")
NO_JOURNAL = "No gateway keeps a journal: has its configuration a section 'journal'?"
NO_SINK = "No gateway sends its samples anywhere: has its configuration a section 'sinks'?"
LATE = ladder((duration(DELIVERY_DELAY),), (WARNING,))
NONE_LOST = Ladder("green", ((1, BAD),))
NONE_DAMAGED = ladder((1,), (WARNING,))
TAKES = (State(0, "takes nothing", BAD), State(1, "takes samples", GOOD))
FOUR_LINES = 11
"""Height of a panel whose legend names the three sinks of a small plant, and one thing more."""


ANSWER = (
    stat(
        "lost",
        "Samples lost",
        "Samples in the time range that no disk took, or that had to go before a sink had them.",
        Query(combine(total(increase(at(c.JOURNAL_DROPPED))), "+", total(increase(of(c.DELIVERY_EVICTED))))),
        unit=unit.NONE,
        thresholds=NONE_LOST,
        no_value=NO_SINK,
    ),
    stat(
        "difference",
        "Samples unaccounted for",
        "Committed less delivered, pending, quarantined and evicted, over all sinks. It is 0, or the proof fails.",
        Query(total(of(c.DELIVERY_UNACCOUNTED))),
        unit=unit.NONE,
        thresholds=NONE_LOST,
        no_value=NO_SINK,
    ),
    stat(
        "oldest",
        "Oldest sample to be delivered",
        f"How long the sample that waits longest has waited; the alert counts from {DELIVERY_DELAY}.",
        Query(highest(of(c.DELIVERY_DELAY))),
        unit=unit.SECONDS,
        thresholds=LATE,
        no_value=NO_SINK,
    ),
    stat(
        "quarantined",
        "Samples refused",
        "Samples that a receiver refused for good; greenops-gateway journal quarantine lists them.",
        Query(total(of(c.DELIVERY_QUARANTINED))),
        unit=unit.NONE,
        thresholds=ladder((1,), (WARNING,)),
        no_value=NO_SINK,
    ),
)
TREND = (
    timeseries(
        "pending",
        "Samples to be delivered",
        "A rising line is a receiver that takes nothing, or too little; a falling one catches up.",
        Query(highest(of(c.DELIVERY_PENDING), *SINK_), "{{site}} {{sink}}"),
        unit=unit.NONE,
        no_value=NO_SINK,
        height=FOUR_LINES,
    ),
    timeseries(
        "flow",
        "Samples kept and delivered",
        "Samples per second. Delivered beyond kept is a backlog on its way.",
        Query(total(rate(of(c.DELIVERY_DELIVERED)), *SINK_), "{{site}} delivered to {{sink}}"),
        Query(total(rate(at(c.JOURNAL_SAMPLES)), "site"), "{{site}} kept"),
        unit=unit.PER_SECOND,
        no_value=NO_JOURNAL,
        height=FOUR_LINES,
    ),
    timeseries(
        "delay",
        "Age of the oldest sample to be delivered",
        "The line marks the age that the alert counts from.",
        Query(highest(of(c.DELIVERY_DELAY), *SINK_), "{{site}} {{sink}}"),
        unit=unit.SECONDS,
        thresholds=LATE,
        no_value=NO_SINK,
    ),
    state_timeline(
        "takers",
        "Who takes samples",
        "Whether each sink, and the gateway's own disk, took what it was given last.",
        Query(highest(of(c.DELIVERY_UP), *SINK_), "{{site}} {{sink}}"),
        Query(where(highest(at(c.JOURNAL_FAILING), "site"), "== bool 0"), "{{site}} disk"),
        states=TAKES,
        no_value=NO_JOURNAL,
    ),
)
DETAIL = (
    table(
        "account",
        "What became of the samples",
        "Since the sink is known: committed = delivered + pending + quarantined + evicted, and none unaccounted for.",
        (
            Column(title="Committed", expr=highest(of(c.DELIVERY_COMMITTED), *SINK_), unit=unit.NONE),
            Column(title="Delivered", expr=highest(of(c.DELIVERY_DELIVERED), *SINK_), unit=unit.NONE),
            Column(title="Pending", expr=highest(of(c.DELIVERY_PENDING), *SINK_), unit=unit.NONE),
            Column(title="Quarantined", expr=highest(of(c.DELIVERY_QUARANTINED), *SINK_), unit=unit.NONE),
            Column(title="Evicted", expr=highest(of(c.DELIVERY_EVICTED), *SINK_), unit=unit.NONE),
            Column(
                title="Unaccounted",
                expr=highest(of(c.DELIVERY_UNACCOUNTED), *SINK_),
                unit=unit.NONE,
                thresholds=NONE_LOST,
            ),
        ),
        labels={"site": "Site", "sink": "Sink"},
        no_value=NO_SINK,
        height=6,
    ),
    timeseries(
        "size",
        "Journal on disk",
        "What it takes, and what it may take; the oldest goes first when it is as large as it may be.",
        Query(highest(at(c.JOURNAL_SIZE), "site"), "{{site}}"),
        Query(highest(at(c.JOURNAL_SIZE_LIMIT), "site"), "{{site}} limit"),
        unit=unit.BYTES,
        no_value=NO_JOURNAL,
        height=FOUR_LINES,
    ),
    timeseries(
        "requests",
        "Requests to sinks",
        "Per second, and how many of them had to be made again.",
        Query(total(rate(of(c.DELIVERY_REQUESTS)), *SINK_), "{{site}} {{sink}}"),
        Query(total(rate(of(c.DELIVERY_RETRIES)), "site"), "{{site}} made again"),
        unit=unit.REQUESTS_PER_SECOND,
        height=FOUR_LINES,
        no_value=NO_SINK,
    ),
    timeseries(
        "losses",
        "Samples lost, by when",
        "What no disk took, and what went before a sink had it.",
        Query(total(increase(of(c.DELIVERY_EVICTED)), *SINK_), "{{site}} gone for {{sink}}"),
        Query(total(increase(at(c.JOURNAL_DROPPED)), "site"), "{{site}} no disk took"),
        unit=unit.NONE,
        thresholds=NONE_LOST,
        height=FOUR_LINES,
        no_value=NO_JOURNAL,
    ),
    timeseries(
        "damages",
        "Damaged places",
        "Places in the journal's files that could not be read; one after a loss of power is usual.",
        Query(total(increase(at(c.JOURNAL_DAMAGED)), "site"), "{{site}}"),
        unit=unit.NONE,
        thresholds=NONE_DAMAGED,
        height=FOUR_LINES,
        no_value=NO_JOURNAL,
    ),
    document(
        "Is every sample kept, and has it reached everybody who should have it?",
        (
            "Each sample is on the gateway's disk before it is shown or sent, with its own time, bit for bit.",
            "A sink is a receiver with an account of its own; a slow one holds up no other.",
            "After an outage new samples go first, and the backlog follows beside them, the oldest first.",
            "A sink that must have them in order gets the oldest first instead.",
        ),
        (
            "Samples lost is the number that must be 0; greenops-gateway journal gaps names what was lost.",
            "Unaccounted is 0 by design; anything else is a fault worth a report.",
        ),
    ),
)

BOARD = Board(
    uid=UID,
    title="GreenOps / Journal and delivery",
    question="Is every sample kept, and has it reached everybody who should have it?",
    variables=VARIABLES,
    alerts=firing(of_board(UID), *VARIABLES),
    panels=ANSWER + TREND + DETAIL,
    span="3h",
)
