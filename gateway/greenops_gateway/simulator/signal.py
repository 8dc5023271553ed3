"""What a point of a simulated device shows, by its name, unit and range; the same for the same seed. Pure."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from greenops_core.unit import CONCENTRATION, MOLE_FRACTION, NUMBER, convert, quantity_of
from greenops_gateway.point import Point

PERIODS = (97.0, 31.0)
"""Seconds of the two waves that a signal swings with."""
FASTEST = 0.1
"""Seconds after which the noise changes."""
EPOCH = 1_700_000_000.0
"""Unix time at which counters began."""

# How far a signal swings around its mean, as a share of it, and the mean in the units that instruments give it in.
KNOWN: Mapping[str, tuple[float, Mapping[str, float]]] = {
    "so2": (0.06, {"mg/m3": 90.0, "ppm": 32.0}),
    "nox": (0.05, {"mg/m3": 120.0, "ppm": 58.0}),
    "no": (0.05, {"mg/m3": 74.0, "ppm": 55.0}),
    "no2": (0.08, {"mg/m3": 6.0, "ppm": 3.0}),
    "n2o": (0.08, {"mg/m3": 4.0, "ppm": 2.0}),
    "nh3": (0.1, {"mg/m3": 3.0, "ppm": 4.0}),
    "co": (0.08, {"mg/m3": 60.0, "ppm": 48.0}),
    "ch4": (0.1, {"mg/m3": 2.0, "ppm": 2.8}),
    "voc": (0.1, {"mg/m3": 4.0, "ppm": 7.5}),
    "hcl": (0.1, {"mg/m3": 5.0, "ppm": 3.0}),
    "hf": (0.1, {"mg/m3": 0.3, "ppm": 0.34}),
    "dust": (0.08, {"mg/m3": 6.0}),
    "o2": (0.04, {"%": 6.0}),
    "co2": (0.03, {"%": 12.5, "ppm": 125_000.0}),
    "h2o": (0.03, {"%": 11.0}),
    "moisture": (0.03, {"%": 11.0}),
    "temperature": (0.02, {"degC": 142.0}),
    "pressure": (0.002, {"hPa": 1009.0}),
    "flow": (0.03, {"m3/h": 185_000.0, "kg/h": 160_000.0}),
    "power": (0.05, {"kW": 380.0}),
    "load": (0.04, {"MW": 120.0, "%": 70.0}),
    "fuel": (0.04, {"t/h": 18.0}),
    "running": (0.0, {"1": 1.0}),
    "frequency": (0.0005, {"Hz": 50.0}),
    "voltage": (0.01, {"V": 230.0}),
    "current": (0.05, {"A": 180.0}),
    "velocity": (0.04, {"m/s": 17.0}),
}
STATES = frozenset({"status", "state", "mode", "alarm", "fault", "point", "live"})
"""A number with such a name is 0, unless the device's status is read there."""
COUNTERS = frozenset(
    {"energy", "import", "export", "counter", "count", "hours", "days", "total", "totaliser", "uptime", "wh", "kwh"}
)
COUNTER_STARTS = 1000.0
COUNTS_PER_SECOND = 0.01
ANY_SWING = 0.04
ANY_PLACE_IN_RANGE = 0.4
# What a quantity that nobody knows by name is like, in its base unit.
ORDINARY: Mapping[str, float] = {
    "concentration": 20.0,
    "mole fraction": 20.0,
    "share": 0.4,
    "temperature": 40.0,
    "pressure": 101_000.0,
    "volume flow": 20.0,
    "mass flow": 20_000.0,
    "power": 50_000.0,
    "energy": 3.6e9,
    "voltage": 230.0,
    "current": 180.0,
    "frequency": 50.0,
    "velocity": 17.0,
    "volume": 1000.0,
}


@dataclass(frozen=True, slots=True)
class Signal:
    """A point's mean in its own unit, its swing as a share of it, and how it grows each second when it counts.

    It counts *room* and begins anew. *gas* says that zero gas brings it to 0.
    """

    kind: str
    mean: float
    swing: float
    phases: tuple[float, ...]
    key: str
    growth: float = 0.0
    room: float = math.inf
    gas: bool = False

    def around(self, mean: float, now: float) -> float:
        """The signal at *now* where its mean is *mean*: two waves and a little noise."""
        if not self.swing:
            return mean
        waves = sum(
            math.sin(2 * math.pi * (now / period + phase)) for period, phase in zip(PERIODS, self.phases, strict=True)
        )
        noise = 2 * _chance(f"{self.key}/{now / FASTEST:.0f}") - 1
        return mean * (1 + self.swing * (0.4 * waves + 0.2 * noise))

    def grown(self, now: float) -> float:
        """What a counter has counted until *now*."""
        return max(now - EPOCH, 0.0) * self.growth % self.room


@lru_cache(maxsize=100_000)
def signal(seed: int, device: str, name: str, unit: str, range_: tuple[float, float] | None) -> Signal:
    """What the point *name* of *device* shows, in *unit*.

    >>> signal(1, "analyser-1", "so2", "mg/m3", None).mean
    90.0
    """
    key = f"{seed}/{device}/{name}"
    phases = tuple(_chance(f"{key}/{period}") for period in PERIODS)
    quantity = quantity_of(unit)
    gas = quantity in {CONCENTRATION, MOLE_FRACTION}
    words = name.lower().replace("-", "_").replace(".", "_").split("_")
    for word in words:
        if word in KNOWN:
            swing, means = KNOWN[word]
            for known, mean in means.items():
                if quantity_of(known) is quantity and _plausible(here := convert(mean, known, unit), range_):
                    return Signal(word, here, swing, phases, key, gas=gas)
    still = Signal("", 0.0, 0.0, phases, key)
    if quantity is NUMBER and STATES.intersection(words):
        return still
    if quantity is NUMBER and COUNTERS.intersection(words):
        room = math.inf if range_ is None else max(range_[1] - COUNTER_STARTS, 1.0)
        return Signal("", COUNTER_STARTS, 0.0, phases, key, COUNTS_PER_SECOND, room)
    if quantity.name in ORDINARY and _plausible(
        here := quantity.units[unit].from_base(ORDINARY[quantity.name]), range_
    ):
        return Signal("", here, ANY_SWING, phases, key, gas=gas)
    if range_ is not None:
        return Signal("", range_[0] + ANY_PLACE_IN_RANGE * (range_[1] - range_[0]), ANY_SWING, phases, key, gas=gas)
    return still


def of(seed: int, device: str, point: Point) -> Signal:
    """What *point* of *device* shows."""
    return signal(seed, device, point.name, point.unit, point.range)


def _plausible(value: float, range_: tuple[float, float] | None) -> bool:
    return range_ is None or range_[0] < value < range_[1]


def _chance(text: str) -> float:
    """A number from 0 to 1 that looks like chance and is always the same."""
    return zlib.crc32(zlib.adler32(text.encode()).to_bytes(4, "big") + text.encode()) / 2**32
