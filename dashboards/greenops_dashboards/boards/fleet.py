"""Where the fleet's energy goes, and how much of it is spent on nothing."""

from __future__ import annotations

from greenops_alerting.thresholds import IDLE_SHARE, MEMORY_SHARE
from greenops_core import catalogue as c
from greenops_core.sample import Metric
from greenops_core.unit import JOULES_PER_KWH
from greenops_dashboards import grafana_unit as unit
from greenops_dashboards.alert import firing, of_board
from greenops_dashboards.board import Board
from greenops_dashboards.document import document
from greenops_dashboards.panel import Query, stat, state_timeline, timeseries
from greenops_dashboards.promql import (
    Expr,
    age,
    aggregate,
    combine,
    first_of,
    highest,
    increase,
    last,
    rate,
    total,
    where,
    within,
)
from greenops_dashboards.style import BAD, IDLE, REPORTS, WARNING, Ladder, ladder
from greenops_dashboards.table import Column, table
from greenops_dashboards.variable import DEPARTMENT, HOST

UID = "greenops-fleet"
VARIABLES = (DEPARTMENT, HOST)
of = within(*VARIABLES)

NO_AGENT = "No agent reports: see Hosts"
NO_ENERGY = "No energy is measured: no agent reports, or no method works on these hosts"
IDLE_ENERGY_SHARE = ladder((IDLE_SHARE,), (WARNING,))
MEMORY_USED = ladder((MEMORY_SHARE,), (WARNING,))
MISSING = Ladder(BAD, ((1, "green"),))
WHO = ("host", "department", "zone", "os")


def grown(metric: Metric, *by: str) -> Expr:
    """Growth over the time range; of several scopes of a host, which overlap, the widest counts."""
    kept = tuple(label for label in metric.labels if label not in {"method", "scope"})
    return total(highest(increase(of(metric)), *kept), *by)


def pace(metric: Metric, *by: str) -> Expr:
    """Growth per second, counted as in ``grown``."""
    kept = tuple(label for label in metric.labels if label not in {"method", "scope"})
    return total(highest(rate(of(metric)), *kept), *by)


def share(part: Expr, whole: Expr) -> Expr:
    """*part* of *whole*; absent where there is no whole."""
    return part / where(whole, "> 0")


def chosen(expr: Expr) -> Expr:
    """*expr*, whose series know their host but not its department, for the hosts chosen."""
    return combine(expr, "and", of(c.HOST_INFO), on=("host",))


def busy() -> Expr:
    """Share of its processors that each host uses."""
    working = total(rate(of(c.HOST_CPU, mode='!~"idle|iowait"')), "host")
    return chosen(Expr(f"clamp_max({working / highest(of(c.HOST_CPUS), 'host')}, 1)"))


def memory_used() -> Expr:
    """Share of its memory that each host uses."""
    return chosen(Expr("1") - highest(of(c.HOST_MEMORY_AVAILABLE), "host") / highest(of(c.HOST_MEMORY), "host"))


def spread(expr: Expr) -> tuple[Query, ...]:
    """Three lines for any number of hosts: the middle one, the one that nine in ten stay below, the highest."""
    levels = (("0.5", "half of the hosts below"), ("0.9", "9 of 10 hosts below"), ("1", "highest host"))
    return tuple(Query(Expr(f"quantile({level}, {expr})"), legend) for level, legend in levels)


def reports() -> Expr:
    """1 for a host that reports, 0 for one that did within the time range."""
    return first_of(
        highest(of(c.HOST_INFO), *WHO),
        highest(last(of(c.HOST_INFO)), *WHO) * 0,
        on=("host",),
    )


ANSWER = (
    stat(
        "power",
        "Power now",
        "Electrical power of the hosts chosen; of several ways to measure a host, the one that covers most of it.",
        Query(total(highest(of(c.HOST_POWER), "host", "department"))),
        unit=unit.WATTS,
        no_value=NO_ENERGY,
    ),
    stat(
        "idle_share",
        "Energy spent idle",
        f"Share of the energy in the time range that was used while a host was idle. Coloured from {IDLE_SHARE:.0%}, "
        "the share that the alert on idle waste uses.",
        Query(share(grown(c.HOST_IDLE_ENERGY), grown(c.HOST_ENERGY)), instant=True),
        unit=unit.SHARE,
        thresholds=IDLE_ENERGY_SHARE,
        decimals=1,
        no_value=NO_ENERGY,
    ),
    stat(
        "emissions",
        "CO₂e in the time range",
        "CO2 equivalent, location-based, added up by each agent with the factor valid at that second.",
        Query(grown(c.HOST_EMISSIONS), instant=True),
        unit=unit.GRAMS,
        no_value=NO_ENERGY,
    ),
    stat(
        "reporting",
        "Hosts reporting",
        "Hosts that report now, as a share of those seen in the time range. A missing host looks like a saving; this "
        "tells them apart.",
        Query(aggregate("avg", reports()), instant=True),
        unit=unit.SHARE,
        thresholds=MISSING,
        no_value="No agent has reported in the time range",
    ),
)
TREND = (
    timeseries(
        "power_by_department",
        "Power by department",
        "Electrical power of the hosts chosen, stacked.",
        Query(total(highest(of(c.HOST_POWER), "host", "department"), "department"), "{{department}}"),
        unit=unit.WATTS,
        stacked=True,
        no_value=NO_ENERGY,
    ),
    timeseries(
        "idle_share_by_department",
        "Share of energy spent idle",
        "Idle energy over all energy at each moment. The line marks the share that the alert on idle waste uses.",
        Query(share(pace(c.HOST_IDLE_ENERGY, "department"), pace(c.HOST_ENERGY, "department")), "{{department}}"),
        unit=unit.SHARE,
        thresholds=IDLE_ENERGY_SHARE,
        maximum=1,
        no_value=NO_ENERGY,
    ),
    state_timeline(
        "idle",
        "Idle hosts",
        "Whether each host was in use, by what was looked at: input of people, or load.",
        Query(highest(of(c.HOST_IDLE), "host", "method"), "{{host}} by {{method}}"),
        states=IDLE,
        no_value=NO_AGENT,
    ),
    timeseries(
        "emissions_rate",
        "CO₂e by department",
        "CO2 equivalent per hour, with the factor valid at each moment.",
        Query(pace(c.HOST_EMISSIONS, "department") * 3600, "{{department}}"),
        unit=unit.GRAMS_PER_HOUR,
        stacked=True,
        no_value=NO_ENERGY,
    ),
)
TABLES = (
    table(
        "departments",
        "Departments in the time range",
        "Energy, emissions and cost of the time range, and the part of each that idle hosts took.",
        (
            Column(title="Energy", expr=grown(c.HOST_ENERGY, "department") / JOULES_PER_KWH, unit=unit.KILOWATT_HOURS),
            Column(
                title="Idle energy",
                expr=grown(c.HOST_IDLE_ENERGY, "department") / JOULES_PER_KWH,
                unit=unit.KILOWATT_HOURS,
            ),
            Column(title="CO₂e", expr=grown(c.HOST_EMISSIONS, "department"), unit=unit.GRAMS),
            Column(title="Idle CO₂e", expr=grown(c.HOST_IDLE_EMISSIONS, "department"), unit=unit.GRAMS),
            Column(title="Cost", expr=grown(c.HOST_COST, "department", "currency"), decimals=2),
            Column(title="Idle cost", expr=grown(c.HOST_IDLE_COST, "department", "currency"), decimals=2),
        ),
        labels={"department": "Department", "currency": "Currency"},
        sort="Energy",
        no_value="none",
    ),
    table(
        "hosts",
        "Hosts",
        "Every host that reported in the time range. One that is silent now has no values; that is no saving.",
        (
            Column(title="Agent", expr=reports(), states=REPORTS),
            Column(title="Idle", expr=aggregate("min", of(c.HOST_IDLE), "host"), states=IDLE),
            Column(
                title="Idle time",
                expr=share(
                    total(increase(of(c.HOST_STATE_TIME, state="idle")), "host"),
                    total(increase(of(c.HOST_STATE_TIME)), "host"),
                ),
                unit=unit.SHARE,
                decimals=0,
            ),
            Column(title="Power", expr=highest(of(c.HOST_POWER), "host"), unit=unit.WATTS),
            Column(title="Processor", expr=busy(), unit=unit.SHARE, decimals=0),
            Column(title="Memory", expr=memory_used(), unit=unit.SHARE, thresholds=MEMORY_USED, decimals=0),
            Column(title="Users", expr=chosen(highest(of(c.HOST_USERS), "host"))),
            Column(title="Sessions", expr=chosen(highest(of(c.HOST_SESSIONS), "host"))),
            Column(title="Up for", expr=chosen(age(highest(of(c.HOST_BOOT), "host"))), unit=unit.DURATION),
        ),
        labels={"host": "Host", "department": "Department", "zone": "Zone", "os": "System"},
        sort="Power",
        no_value="unknown",
        height=9,
    ),
)
GROUNDS = (
    timeseries(
        "processor",
        "Processor in use",
        "Share of its processors that a host uses, for any number of hosts.",
        *spread(busy()),
        unit=unit.SHARE,
        maximum=1,
        no_value=NO_AGENT,
    ),
    timeseries(
        "memory",
        "Memory in use",
        "Share of its memory that a host uses. The line marks the share that the alert on memory uses.",
        *spread(memory_used()),
        unit=unit.SHARE,
        thresholds=MEMORY_USED,
        maximum=1,
        no_value=NO_AGENT,
    ),
    table(
        "methods",
        "How energy is known",
        "How many hosts are measured by which method, what it covers, and how far off it may be (one standard "
        "deviation).",
        (
            Column(title="Hosts", expr=aggregate("count", of(c.HOST_POWER), "method", "scope")),
            Column(title="Power", expr=total(of(c.HOST_POWER), "method", "scope"), unit=unit.WATTS),
            Column(
                title="Uncertainty",
                expr=aggregate("avg", chosen(of(c.HOST_ENERGY_UNCERTAINTY)), "method", "scope"),
                unit=unit.SHARE,
            ),
        ),
        labels={"method": "Method", "scope": "Covers"},
        no_value="unknown",
        width=8,
    ),
    table(
        "intensity",
        "Carbon intensity in use",
        "What the hosts' energy is multiplied with, and where that number comes from.",
        (
            Column(
                title="Intensity",
                expr=aggregate("avg", chosen(of(c.HOST_CARBON_INTENSITY)), "zone", "source"),
                unit=unit.GRAMS_PER_KWH,
            ),
            Column(title="Hosts", expr=aggregate("count", chosen(of(c.HOST_CARBON_INTENSITY)), "zone", "source")),
        ),
        labels={"zone": "Zone", "source": "Source"},
        no_value="unknown",
        width=8,
    ),
    table(
        "collectors",
        "Collectors of the agents",
        "Parts of the agent: on which share of the hosts each works, and the longest that one took. What a failed "
        "collector measures is absent.",
        (
            Column(
                title="Works on",
                expr=aggregate("avg", chosen(of(c.COLLECTOR_SUCCESS)), "collector"),
                unit=unit.SHARE,
                thresholds=MISSING,
            ),
            Column(
                title="Slowest",
                expr=highest(chosen(of(c.COLLECTOR_DURATION)), "collector"),
                unit=unit.SECONDS,
            ),
        ),
        labels={"collector": "Collector"},
        no_value="unknown",
        width=8,
    ),
    table(
        "pushes",
        "Pushes of the agents",
        "What agents with sinks in their configuration send by themselves: the share of them whose sink takes it, what "
        "waits on their disks, and what the time range brought and cost.",
        (
            Column(title="Hosts", expr=aggregate("count", chosen(of(c.PUSH_UP)), "sink")),
            Column(
                title="Works on",
                expr=aggregate("avg", chosen(of(c.PUSH_UP)), "sink"),
                unit=unit.SHARE,
                thresholds=MISSING,
            ),
            Column(title="Delivered", expr=total(chosen(increase(of(c.PUSH_DELIVERED))), "sink"), unit=unit.NONE),
            Column(title="Pending", expr=total(chosen(of(c.PUSH_PENDING)), "sink"), unit=unit.NONE),
            Column(title="Refused", expr=total(chosen(of(c.PUSH_QUARANTINED)), "sink"), unit=unit.NONE),
            Column(title="Evicted", expr=total(chosen(increase(of(c.PUSH_EVICTED))), "sink"), unit=unit.NONE),
            Column(title="Not kept", expr=total(chosen(increase(of(c.PUSH_DROPPED))), "sink"), unit=unit.NONE),
        ),
        labels={"sink": "Sink"},
        no_value="No agent has a sink",
        height=6,
    ),
    document(
        "Where does the fleet's energy go, and how much of it is spent while nobody works?",
        (
            "Each agent measures power, or models it: see How energy is known.",
            "It adds up joules, grams and cost with the factor and tariff valid at that second; sums are their growth.",
            "A host is idle when neither input nor load says that it is used. Idle energy is what it used then.",
            "Emissions are location-based. Mg in a unit is a megagram, a tonne.",
        ),
        (
            "A host that is silent is missing from every sum: compare Hosts reporting before believing a saving.",
            "An empty cell is a value that the agent cannot know on that host.",
        ),
    ),
)

BOARD = Board(
    uid=UID,
    title="GreenOps / Fleet energy and idle",
    question="Where does the fleet's energy go, and how much of it is spent while nobody works?",
    variables=VARIABLES,
    alerts=firing(of_board(UID), *VARIABLES),
    panels=ANSWER + TREND + TABLES + GROUNDS,
)
