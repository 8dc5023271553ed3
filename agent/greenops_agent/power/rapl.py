"""Energy counters of the processor (RAPL), as Linux shows them below ``/sys/class/powercap``.

Rules of this file. A platform counter (``psys``) stands for everything, so it is taken alone. Else the packages are
summed, each with its ``dram``: the package counter holds cores and uncore, which are never added again, but not the
memory. One register may be shown twice, by MSR and by MMIO: the name decides. A counter turns over at its range.
A jump that no power supply could feed is refused, not counted.

Measured against a wall meter on one workstation (AMD 1950X), the package counters saw 28 to 65 % of the machine's
energy (CodeCarbon's published data): about 37 % at rest, 60 % at full load. They miss 35 to 72 % of it, and the
uncertainty is the root mean square of what they miss. For ``psys``, which covers more and for which there is no such
comparison, it is an upper bound.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from greenops_agent.power.use import Meter, Method, Scope, Use
from greenops_core.errors import DecodeError
from greenops_core.unit import Joules, Seconds, Watts

UNCERTAINTY = 0.54
POWER_BEYOND_ANY_DOUBT = Watts(2000)
MICRO = 1e-6
_ZONE = re.compile(r"intel-rapl(?P<mmio>-mmio)?:(?P<parent>\d+)(?::\d+)?")


@dataclass(frozen=True, slots=True)
class Counter:
    """One energy counter: microjoules now, the highest it goes, and the most power that its zone may draw."""

    microjoules: int
    highest: int
    limit: Watts


@dataclass(frozen=True, slots=True)
class Reading:
    """The counters that together make the host's energy, by the name of their zone."""

    scope: Scope
    counters: Mapping[str, Counter]


def chosen(names: Mapping[str, str]) -> tuple[Scope, tuple[str, ...]]:
    """The zones to add up, out of all folders with the content of their ``name`` file.

    >>> chosen({"intel-rapl:0": "package-0", "intel-rapl:0:0": "core", "intel-rapl:0:1": "dram"})
    (<Scope.PACKAGE: 'package'>, ('intel-rapl:0', 'intel-rapl:0:1'))
    """
    packages: dict[str, str] = {}
    memories: dict[str, str] = {}
    platform = ""
    labels = {folder: (names[folder], found) for folder in sorted(names) if (found := _ZONE.fullmatch(folder))}
    for folder, (name, zone) in sorted(labels.items(), key=lambda item: item[1][1]["mmio"] or ""):
        if name == "psys":
            platform = platform or folder
        elif name.startswith("package"):
            packages.setdefault(name, folder)
        elif name == "dram":
            above = f"intel-rapl{zone['mmio'] or ''}:{zone['parent']}"
            memories.setdefault(names.get(above, above), folder)
    if platform:
        return Scope.PLATFORM, (platform,)
    return Scope.PACKAGE, (*packages.values(), *(memories[name] for name in packages if name in memories))


def power_limit(constraints: Iterable[int]) -> Watts:
    """The most that a zone may draw, from its power limits in microwatts: twice the highest, as limits are means.

    >>> power_limit([15_000_000, 64_000_000]), power_limit([]), power_limit([0])
    (128.0, 2000, 2000)
    """
    highest = max(constraints, default=0) * MICRO
    return Watts(min(2 * highest, POWER_BEYOND_ANY_DOUBT)) if highest > 0 else POWER_BEYOND_ANY_DOUBT


def turned(before: int, now: int, highest: int) -> int:
    """Microjoules between two looks at a counter that starts again behind *highest*.

    >>> turned(10, 15, 99), turned(98, 3, 99)
    (5, 5)
    """
    return (now - before) % (highest + 1)


def use(before: Reading, now: Reading, lasted: Seconds) -> Use:
    """Energy between two readings. Behind more than one turn of a counter it is too little, never too much.

    Raises:
        DecodeError: the zones changed, or a counter jumped further than its zone can draw.
    """
    if before.counters.keys() != now.counters.keys():
        raise DecodeError("the RAPL zones changed")
    total = 0
    for zone, counter in now.counters.items():
        moved = turned(before.counters[zone].microjoules, counter.microjoules, counter.highest)
        if moved * MICRO > counter.limit * lasted:
            raise DecodeError(
                f"{zone} jumped by {moved * MICRO:.6g} J in {lasted:.3g} s, more than {counter.limit:g} W can explain"
            )
        total += moved
    energy = Joules(total * MICRO)
    return Use(Meter(Method.RAPL, now.scope), energy, Joules(energy * UNCERTAINTY))


def read(root: Path) -> Reading | None:
    """The counters below *root*; None where the machine has none.

    Raises:
        OSError: they are there but may not be read.
        DecodeError: one does not hold a number.
    """
    folder = root / "sys/class/powercap"
    names = {zone.parent.name: zone.read_text().strip() for zone in folder.glob("intel-rapl*:*/name")}
    scope, zones = chosen(names)
    return Reading(scope, {zone: _counter(folder / zone) for zone in zones}) if zones else None


def _counter(zone: Path) -> Counter:
    limits: list[int] = []
    for file in zone.glob("constraint_*_power_limit_uw"):
        with suppress(OSError):  # a limit is a help; without it the general bound holds
            limits.append(_number(file))
    return Counter(_number(zone / "energy_uj"), _number(zone / "max_energy_range_uj"), power_limit(limits))


def _number(file: Path) -> int:
    text = file.read_text().strip()
    try:
        return int(text)
    except ValueError:
        raise DecodeError(f"{file} holds {text[:40]!r}, not a number") from None
