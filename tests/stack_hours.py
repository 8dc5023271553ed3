"""A stack whose hours are closed: its plan, samples that are the same each time, and a journal that holds them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from greenops_core.catalogue import POINT_METRICS
from greenops_core.sample import Quality, Reason
from greenops_core.unit import quantity_of
from greenops_gateway.cems.hour import Hour, StandardTime, hour_on
from greenops_gateway.cems.plan_check import plan_of
from greenops_gateway.emissions.follow import Follower, Stack
from greenops_gateway.emissions.ledger import Ledger
from greenops_gateway.emissions.section import sources
from greenops_gateway.point import Owner, Point
from greenops_telemetry.journal.columns import Columns
from greenops_telemetry.journal.series import Series, described
from greenops_telemetry.journal.store import Bounds, Store

ZONE = StandardTime.of("-06:00")
GRACE = 300.0
UNITS = {
    "so2": "ppm",
    "nox": "ppm",
    "co2": "%",
    "o2": "%",
    "h2o": "%",
    "co": "ppm",
    "hcl": "ppm",
    "flow": "m3/h",
    "load": "MW",
    "fuel": "kg/h",
}
LEVELS = {
    "so2": 180.0,
    "nox": 140.0,
    "co2": 11.4,
    "o2": 7.2,
    "h2o": 8.1,
    "co": 22.0,
    "hcl": 3.5,
    "flow": 420_000.0,
    "load": 180.0,
    "fuel": 61_000.0,
}
PARAMETERS = {
    "SO2C": "so2",
    "NOXC": "nox",
    "CO2C": "co2",
    "O2C": "o2",
    "H2O": "h2o",
    "COC": "co",
    "HCLC": "hcl",
    "FLOW": "flow",
}
PLAN: dict[str, Any] = {
    "stack": "stack-1",
    "standard_time": "-06:00",
    "measured": {
        name: {
            "point": f"analyser-1/{point}",
            **({"full_scale": 500, "bias_adjustment_factor": "1.050"} if name in {"SO2C", "NOXC"} else {}),
            **({} if name in {"COC", "HCLC", "FLOW", "H2O"} else {"basis": "wet"}),
        }
        for name, point in PARAMETERS.items()
    },
    "operating": {"point": "analyser-1/fuel", "above": 500},
    "load": {"point": "analyser-1/load", "unit": "MW", "maximum": 250},
    "fuel": "C",
    "constants": {"Fc": 1800},
    "computed": {"SO2": "F-1", "CO2": "F-11", "HI": "F-15", "NOXR": "19-7", "NOX": "F-24A"},
}
"""Eight parameters, and five computed from them."""
OWNER = Owner(
    name="analyser-1", stack="stack-1", points=tuple(Point(name=name, unit=unit) for name, unit in UNITS.items())
)


class Taken(NamedTuple):
    """A sample of *point*, *value* in the point's own unit."""

    point: str
    value: float
    at: float
    quality: Quality = Quality.GOOD
    reason: Reason = Reason.NONE


def stack(**changed: object) -> Stack:
    """The stack, its plan with *changed* keys."""
    plan = plan_of({**PLAN, **changed})
    return Stack(plan, sources(plan, {OWNER.name: OWNER}))


def start(day: int = 5, hour: int = 0) -> Hour:
    """An hour of January 2026."""
    return hour_on(date(2026, 1, day), hour)


def samples(hour: Hour, every: float = 60.0) -> Iterator[Taken]:
    """Those of *hour*: one of each point each *every* seconds, with a digit after the point, the same each time."""
    begin = ZONE.begins(hour)
    for count in range(round(3600 / every)):
        at = begin + count * every + 0.25
        for point, level in LEVELS.items():
            noise = blake2b(f"{point} {hour} {count}".encode(), digest_size=2).digest()
            swing = 1 + 0.2 * math.sin(hour / 7) + 0.05 * (int.from_bytes(noise) / 65536 - 0.5)
            yield Taken(point, round(level * swing, 1), at)


@cache
def _series(point: str) -> Series:
    return described(POINT_METRICS[quantity_of(UNITS[point])], ("plant", "stack-1", "analyser-1", point))


def put(store: Store, taken: Iterable[Taken], delay: float = 0.2, at_once: int = 500) -> None:
    """Commit *taken* as they come; each comes *delay* seconds after it was measured."""
    held: list[Taken] = []
    for each in (*taken, None):
        if each is not None:
            held.append(each)
        if held and (each is None or len(held) >= at_once):
            columns = Columns()
            newest = max(one.at for one in held) + delay
            for point, value, at, quality, reason in held:
                base = quantity_of(UNITS[point]).units[UNITS[point]].to_base(value)
                columns.add(store.number(_series(point)), base, at, max(at + delay, newest - 1), quality, reason)
            store.commit(columns)
            held = []


def journal(directory: Path, hours: Sequence[int], make: Callable[[Hour], Iterable[Taken]] = samples) -> Store:
    """A journal of *hours*, open."""
    store = opened(directory)
    for hour in hours:
        put(store, make(Hour(hour)))
    return store


def opened(directory: Path) -> Store:
    """A journal to write on."""
    return Store.open(directory, Bounds(), lambda: 1.8e9)


def follower(store: Store, ledger: Path, of: Stack | None = None) -> Follower:
    """What closes the hours of the stack into *ledger*."""
    chosen = of or stack()
    return Follower(chosen, Ledger.open(ledger, chosen.plan.stack), store, grace=GRACE, version="1.2.3")


def due(until: int) -> float:
    """The Unix time at which every hour before *until* is to be closed."""
    return ZONE.begins(Hour(until)) + GRACE


def closed_all(store: Store, ledger: Path, until: int, of: Stack | None = None) -> Follower:
    """Every hour before *until* closed; gives who did it."""
    done = follower(store, ledger, of)
    for _ in done.advance(due(until)):
        pass
    return done


def gateway_yml(folder: Path, port: int = 1, **more: object) -> dict[str, Any]:
    """A gateway with the stack's device, which is not there, a journal below *folder*, and *more* sections."""
    points = [
        {"name": name, "unit": unit, "at": 4 * place, "type": "f64"} for place, (name, unit) in enumerate(UNITS.items())
    ]
    device = {"name": "analyser-1", "link": "bus", "unit": 1, "stack": "stack-1", "points": points}
    return {
        "site": "plant",
        "links": {"bus": {"protocol": "modbus", "host": "127.0.0.1", "port": port}},
        "devices": [device],
        "journal": {"directory": str(folder / "journal")},
        "emissions": {"stacks": [PLAN]},
        **more,
    }
