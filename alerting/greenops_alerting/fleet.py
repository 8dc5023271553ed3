"""Hosts: silent, wasteful, short of memory, or measured by half."""

from __future__ import annotations

from greenops_alerting.annotation import ask, label, mine, text, value
from greenops_alerting.promql import highest, over, select, vanished
from greenops_alerting.records import COMPATIBILITY, DEPARTMENT_IDLE_COST, DEPARTMENT_IDLE_SHARE, FLEET, HOST_DEPARTMENT
from greenops_alerting.rule import Alert, Group, Severity
from greenops_alerting.thresholds import IDLE_COST, IDLE_SHARE, MEMORY_SHARE, SEEN, Windows
from greenops_core.catalogue import COLLECTOR_SUCCESS, HOST_INFO, HOST_MEMORY, HOST_MEMORY_AVAILABLE

BOARD = "greenops-fleet"
HOST = ("host", "department")


def _owned(labels: tuple[str, ...], expr: str) -> str:
    """*expr* with the department of its host, for the way to the right people; without, where it is not known."""
    known = f"({expr})\n* on (host) group_left (department)\n{select(HOST_DEPARTMENT)}"
    return f"{known}\nor on ({', '.join(labels)})\n({expr})"


def host_offline(windows: Windows) -> Alert:
    """Seen in the last day, silent now: its energy and emissions are missing from every sum."""
    return Alert(
        "HostOffline",
        vanished(HOST_INFO, windows.host_silent, SEEN, HOST, ("host",)),
        hold=windows.confirm,
        severity=Severity.TICKET,
        identity=HOST,
        summary="A host that reported in the last day is silent.",
        description=text(
            "Host ", label("host"), " of ", label("department"), f" has sent nothing for {windows.host_silent} or "
            "longer. Its energy is missing from the sums; that is no saving.",
        ),
        dashboard=BOARD,
    )  # fmt: skip


def idle_waste() -> Alert:
    """Share and cost together: a share alone would name every small department."""
    cost = f"{select(DEPARTMENT_IDLE_COST)} > {IDLE_COST:g}"
    spent = ask(mine(DEPARTMENT_IDLE_COST), '{{ .Value | printf "%.2f" }} {{ .Labels.currency }}', "61.40 EUR")
    return Alert(
        "IdleWaste",
        f"{select(DEPARTMENT_IDLE_SHARE)} > {IDLE_SHARE:g}\nand on (department)\n{cost}",
        hold="1h",
        severity=Severity.TICKET,
        identity=("department",),
        summary="A large share of a department's energy is used by idle hosts.",
        description=text(
            "Idle hosts used ", value("humanizePercentage", "41.2%"), " of the energy of ", label("department"),
            " in the last day, for ", spent, f" (reported above {IDLE_SHARE * 100:g} % and {IDLE_COST:g} a day).",
        ),
        dashboard=BOARD,
    )  # fmt: skip


def host_memory_high() -> Alert:
    """Nearly all memory in use."""
    free = highest(("host",), over("max_over_time", HOST_MEMORY_AVAILABLE, "5m"))
    used = f"1 - {free} / ({highest(('host',), select(HOST_MEMORY))} > 0) > {MEMORY_SHARE:g}"
    return Alert(
        "HostMemoryHigh",
        _owned(("host",), used),
        hold="10m",
        severity=Severity.TICKET,
        identity=HOST,
        summary="A host is short of memory.",
        description=text(
            "Host ", label("host"), " uses ", value("humanizePercentage", "94.1%"),
            f" of its memory ({MEMORY_SHARE * 100:g} % are allowed).",
        ),
        dashboard=BOARD,
    )  # fmt: skip


def collector_failed() -> Alert:
    """A part of the agent fails: its metrics are absent, not zero."""
    failed = f"{highest(('host', 'collector'), over('max_over_time', COLLECTOR_SUCCESS, '10m'))} == 0"
    return Alert(
        "CollectorFailed",
        _owned(("host", "collector"), failed),
        hold="5m",
        severity=Severity.TICKET,
        identity=("host", "collector", "department"),
        summary="A collector of an agent fails.",
        description=text(
            "Collector ", label("collector"), " on host ", label("host"), " has failed for 10 minutes or longer. "
            "What it measures is absent.",
        ),
        dashboard=BOARD,
    )  # fmt: skip


def groups(windows: Windows) -> tuple[Group, ...]:
    """The file's groups."""
    alerts = (host_offline(windows), idle_waste(), host_memory_high(), collector_failed())
    return (Group("greenops-fleet", "1m", (*FLEET, *alerts)),)


def compatibility() -> tuple[Group, ...]:
    """Names of older systems, in a file that may be left out."""
    return (Group("greenops-compatibility", "1m", COMPATIBILITY),)
