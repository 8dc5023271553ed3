"""How often the quality rules find a fault, and how often they cry wolf, on a real gas turbine with injected faults.

    python benchmarks/quality.py [FILE]

FILE is a year of the UCI data set "Gas Turbine CO and NOx Emission": no header, one row an hour. Each signal is judged
twice: hour by hour as it is, where neighbours are far apart, and minute by minute, interpolated between the hours with
noise of 0.25 % of the range, about as an analyser reads. The seed is fixed: every run prints the same tables. Without
FILE, gas_turbine_hourly_2011.csv is read from the folder that the environment variable GREENOPS_DATA_CEMS names.
"""

from __future__ import annotations

import csv
import os
import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.table import Table, markdown, progress  # noqa: E402  # a script's folders come first

from greenops_core.sample import Quality  # noqa: E402  # same
from greenops_gateway.cems.judge import FlatLine, Judge, Rate, Rules, Spike  # noqa: E402  # same

FOLDER_VARIABLE = "GREENOPS_DATA_CEMS"
"""Names the folder that holds the data set, where that is not beside the repository."""
DATA = Path(os.environ.get(FOLDER_VARIABLE) or ROOT.parent / "shared" / "data" / "cems") / "gas_turbine_hourly_2011.csv"
COLUMNS = (("NOx", 10, 200.0), ("CO", 9, 100.0), ("power", 7, 200.0))
"""Name, column, and full scale: mg/m3, mg/m3, MWh."""
HOURS_AS_MINUTES = 500
MINUTE, HOUR = "by the minute", "by the hour"
SECONDS: Mapping[str, float] = {MINUTE: 60.0, HOUR: 3600.0}
NOISE = 0.0025
EVERY = 97
"""Samples from one injected fault to the next."""
LASTS = 40
"""Samples that a lasting fault lasts."""
SEED = 2011


@dataclass(frozen=True, slots=True)
class Signal:
    """Values at a fixed interval in seconds; its range goes from 0 to *full*."""

    name: str
    pace: str
    full: float
    values: Sequence[float]

    @property
    def every(self) -> float:
        return SECONDS[self.pace]


Injection = Callable[[list[float], int, Signal], int]
"""Damage the values from an index on; how many were damaged."""
Setting = Callable[[Signal], Rules]
"""A rule, whose numbers are shares of a signal's range and counts of its samples."""


def signals(path: Path, hours_as_minutes: int = HOURS_AS_MINUTES) -> Iterator[Signal]:
    """NOx, CO and power of the turbine, each hour by hour, and some of its hours minute by minute."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [[float(cell) for cell in row] for row in csv.reader(file)]
    for name, column, full in COLUMNS:
        hourly = [row[column] for row in rows]
        yield Signal(name, HOUR, full, hourly)
        yield Signal(name, MINUTE, full, list(_by_minute(hourly[:hours_as_minutes], full)))


def _by_minute(hourly: Sequence[float], full: float) -> Iterator[float]:
    noise = random.Random(SEED)  # noqa: S311  # noise that is the same in every run
    for before, after in pairwise(hourly):
        for minute in range(60):
            yield max(0.001, before + (after - before) * minute / 60 + noise.gauss(0.0, NOISE * full))


def within(signal: Signal) -> Rules:
    return Rules(within=(0.0, signal.full))


def rate(share: float) -> Setting:
    return lambda signal: Rules(rate=Rate(share * signal.full / signal.every))


def spikes(floor: float = 0.05, window: int = 9, deviations: float = 6.0) -> Setting:
    return lambda signal: Rules(spike=Spike(floor * signal.full, window, deviations))


def flat_line(samples: int = 15, tolerance: float = 0.0) -> Setting:
    return lambda signal: Rules(flat_line=FlatLine(samples * signal.every, tolerance * signal.full))


def everything(signal: Signal) -> Rules:
    return Rules(
        within(signal).within, rate(0.1)(signal).rate, spikes()(signal).spike, flat_line(15, 0.001)(signal).flat_line
    )


FALSE_ALARM_SETTINGS: Mapping[str, Setting] = {
    "range": within,
    **{f"rate {100 * share:g} % of the range per sample": rate(share) for share in (0.02, 0.05, 0.1, 0.2)},
    **{f"spike floor {100 * floor:g} %": spikes(floor) for floor in (0.01, 0.02, 0.05, 0.1)},
    **{f"spike window {window}": spikes(window=window) for window in (5, 15)},
    **{f"spike deviations {deviations:g}": spikes(deviations=deviations) for deviations in (4.0, 8.0)},
    **{f"flat line after {samples} samples": flat_line(samples) for samples in (5, 15)},
    **{f"flat line tolerance {100 * share:g} %": flat_line(15, share) for share in (0.001, 0.005)},
    "range, rate 10 %, spike, flat line 0.1 %": everything,
}
DETECTION_SETTINGS: Mapping[str, Setting] = {
    "range": within,
    "rate 10 %": rate(0.1),
    "spike": spikes(),
    "spike 2 %": spikes(0.02),
    "flat line": flat_line(),
    "flat line 0.1 %": flat_line(15, 0.001),
    "all": everything,
}


def spike(share: float, lasts: int = 1) -> Injection:
    """A jump by *share* of the range, away from the nearer end, and back."""

    def inject(values: list[float], start: int, signal: Signal) -> int:
        sign = 1 if values[start] < signal.full / 2 else -1
        for index in range(start, start + lasts):
            values[index] += sign * share * signal.full
        return lasts

    return inject


def held(dither: float = 0.0) -> Injection:
    """The last value again and again, with a last digit that may still move by *dither* of the range."""

    def inject(values: list[float], start: int, signal: Signal) -> int:
        for index in range(1, LASTS):
            values[start + index] = values[start] + dither * signal.full * (index % 3 - 1)
        return LASTS

    return inject


def stuck(share: float, lasts: int = LASTS) -> Injection:
    """A value at *share* of the range, as from a broken wire or a saturated analyser."""

    def inject(values: list[float], start: int, signal: Signal) -> int:
        values[start : start + lasts] = [share * signal.full] * lasts
        return lasts

    return inject


def drift(share: float) -> Injection:
    """A slow movement that ends *share* of the range away."""

    def inject(values: list[float], start: int, signal: Signal) -> int:
        for index in range(LASTS):
            values[start + index] += share * signal.full * (index + 1) / LASTS
        return LASTS

    return inject


FAULTS: Mapping[str, Injection] = {
    **{f"spike of {100 * share:g} %": spike(share) for share in (0.02, 0.05, 0.1, 0.2, 0.5)},
    "spike of 20 %, two samples": spike(0.2, 2),
    "spike of 20 %, five samples": spike(0.2, 5),
    "drop to 0, one sample": stuck(0.0, 1),
    f"drop to 0, {LASTS} samples": stuck(0.0),
    f"step of 20 %, {LASTS} samples": spike(0.2, LASTS),
    f"held, {LASTS} samples": held(),
    f"held, the last digit alive, {LASTS} samples": held(0.0002),
    f"stuck at full scale, {LASTS} samples": stuck(1.0),
    f"stuck 10 % beyond full scale, {LASTS} samples": stuck(1.1),
    f"drift by 10 % in {LASTS} samples": drift(0.1),
}


def flags(rules: Rules, signal: Signal, values: Sequence[float]) -> list[bool]:
    """Which of *values* are not good."""
    judge = Judge(rules)
    return [judge.assess(value, at * signal.every)[0] is not Quality.GOOD for at, value in enumerate(values)]


def false_alarms(setting: Setting, signal: Signal) -> float:
    """The share of the samples of the undamaged signal that are flagged."""
    return fmean(flags(setting(signal), signal, signal.values))


def found(setting: Setting, signal: Signal, inject: Injection) -> float:
    """The share of faults, injected one by one, of which at least one sample is flagged that was good before."""
    values = list(signal.values)
    spans = [(start, start + inject(values, start, signal)) for start in range(EVERY, len(values) - EVERY, EVERY)]
    rules = setting(signal)
    before, after = flags(rules, signal, signal.values), flags(rules, signal, values)
    return fmean(any(after[at] and not before[at] for at in range(*span)) for span in spans)


def tables(path: Path) -> Iterator[Table]:
    """False alarms of each setting, then what the settings find, by the minute and by the hour.

    Raises:
        OSError: there is no such file.
    """
    known = list(signals(path))
    progress("false alarms")
    yield Table(
        "False alarms: samples flagged of an undamaged signal, in %",
        ["rule", *(f"{signal.name} {signal.pace}" for signal in known)],
        [
            [name, *(100 * false_alarms(setting, signal) for signal in known)]
            for name, setting in FALSE_ALARM_SETTINGS.items()
        ],
    )
    for pace in (MINUTE, HOUR):
        progress(f"faults, {pace}")
        those = [signal for signal in known if signal.pace == pace]
        yield Table(
            f"Faults found, in %, {pace} (mean of {', '.join(signal.name for signal in those)})",
            ["fault", *DETECTION_SETTINGS],
            [
                [
                    name,
                    *(
                        100 * fmean(found(setting, each, inject) for each in those)
                        for setting in DETECTION_SETTINGS.values()
                    ),
                ]
                for name, inject in FAULTS.items()
            ],
        )


def main() -> int:
    """Print the tables; gives 1 where the data set is absent."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else DATA
    try:
        for table in tables(path):
            print(markdown(table))
    except OSError as error:
        print(
            f"the data set cannot be read: {path}: {error.strerror or error}; give its path, or name the folder of "
            f"gas_turbine_hourly_2011.csv in {FOLDER_VARIABLE}",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
