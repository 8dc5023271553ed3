"""Hosts that are silent, wasteful, short of memory or measured by half."""

from __future__ import annotations

from alert_cases.case import Case, alert, of
from greenops_core import catalogue as c

DAY = 1440
"""Minutes."""


def info(host: str = "pc-1", department: str = "research") -> str:
    return of(c.HOST_INFO, host=host, department=department, zone="DE", os="linux", machine="x86_64")


def idle(department: str, share: float, cost: float) -> dict[str, str]:
    """A day of *share* idle energy for *cost*; one sample a minute."""
    minutes, pc = DAY + 120, {"host": f"pc of {department}", "department": department}
    return {
        of(c.HOST_ENERGY, **pc, zone="DE", method="rapl", scope="package"): f"0+6000x{minutes}",
        of(c.HOST_IDLE_ENERGY, **pc, zone="DE"): f"0+{6000 * share:g}x{minutes}",
        of(c.HOST_IDLE_COST, **pc, currency="EUR"): f"0+{cost / DAY:.9f}x{minutes}",
    }


def memory(free: str) -> dict[str, str]:
    return {
        of(c.HOST_MEMORY, host="pc-1"): "1000x60",
        of(c.HOST_MEMORY_AVAILABLE, host="pc-1"): free,
        info(): "1x60",
    }


HIGH, FAILED, OFFLINE = "HostMemoryHigh", "CollectorFailed", "HostOffline"
COLLECTOR = of(c.COLLECTOR_SUCCESS, host="pc-1", collector="rapl")
CASES = [
    Case(
        "a host that is silent for some minutes is told, and forgotten after a day",
        "fleet.yml",
        {info(): "1x20 stale", info("pc-2"): f"1x{DAY + 60}"},
        [
            ("22m", alert(OFFLINE), 0),
            ("26m", alert(OFFLINE, host="pc-1", department="research"), 1),
            ("26m", alert(OFFLINE), 1),
            ("24h30m", alert(OFFLINE), 0),
        ],
    ),
    Case(
        "a host that moved to another department is not offline in the old one",
        "fleet.yml",
        {info(): "1x20 stale", info(department="sales"): "_x20 1x60"},
        [("40m", alert(OFFLINE), 0)],
    ),
    Case(
        "a third of the energy is idle and dear; elsewhere the share or the cost is small",
        "fleet.yml",
        {**idle("research", 0.31, 51), **idle("sales", 0.29, 51), **idle("law", 0.31, 49)},
        [
            ("25h30m", alert("IdleWaste", department="research"), 1),
            ("25h30m", alert("IdleWaste", department="sales"), 0),
            ("25h30m", alert("IdleWaste", department="law"), 0),
        ],
    ),
    Case("91 % of the memory is used", "fleet.yml", memory("90x60"), [("30m", alert(HIGH, department="research"), 1)]),
    Case("89 % of the memory is used", "fleet.yml", memory("110x60"), [("30m", alert(HIGH), 0)]),
    Case(
        "a host that two departments claim is told without one, and the rule goes on for the others",
        "fleet.yml",
        {**memory("90x60"), info(department="sales"): "1x60"},
        [("30m", alert(HIGH), 1), ("30m", alert(HIGH, department=""), 1)],
    ),
    Case(
        "a collector that fails for a quarter of an hour is told",
        "fleet.yml",
        {COLLECTOR: "1x5 0x60", info(): "1x60"},
        [("15m", alert(FAILED), 0), ("22m", alert(FAILED, department="research"), 1)],
    ),
    Case(
        "a collector that works now and then is not told",
        "fleet.yml",
        {COLLECTOR: "1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1", info(): "1x60"},
        [("25m", alert(FAILED), 0)],
    ),
]
