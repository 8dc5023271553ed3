"""A scripted scenario: a YAML file that says, step by step, what happens to the simulated devices.

repeat_after: 5m   # optional; without it, the last step lasts
steps:
  - {at: 30s, set: {analyser-1/so2: 250}}
  - {at: 1m, state: {analyser-1: calibration}}
  - {at: 2m, silent: [flow-1]}
  - {at: 3m, ramp: {point: analyser-1/nox, to: 300, over: 60s}}
  - {at: 4m, state: {analyser-1: measuring}, answering: [flow-1], free: [analyser-1/so2, analyser-1/nox]}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal

import msgspec

from greenops_core.duration import Duration
from greenops_core.errors import ConfigError, Mistakes, nearest, within
from greenops_core.sample import Reason
from greenops_gateway.point import Device
from greenops_telemetry.configuration import Document, Section, convert_all

State = Literal["measuring", "calibration", "maintenance", "device_fault", "blowback", "out_of_control", "warm_up"]


class Ramp(Section, frozen=True, kw_only=True):
    """A value that goes in a straight line from where it is to *to*, and stays there."""

    point: str
    to: float
    over: Duration


class Step(Section, frozen=True, kw_only=True):
    """What happens at a time after the start. A point is written DEVICE/POINT, its value in the point's own unit."""

    at: Duration | None = None
    set: dict[str, float] = msgspec.field(default_factory=dict)
    ramp: Ramp | tuple[Ramp, ...] | None = None
    free: tuple[str, ...] = ()
    state: dict[str, State] = msgspec.field(default_factory=dict)
    silent: tuple[str, ...] = ()
    answering: tuple[str, ...] = ()

    @property
    def start(self) -> float:
        """Seconds after the start of the script; 0 when not given."""
        return float(self.at or 0.0)

    @property
    def ramps(self) -> Sequence[Ramp]:
        """The ramps that begin here."""
        return () if self.ramp is None else (self.ramp,) if isinstance(self.ramp, Ramp) else self.ramp


class File(Section, frozen=True, kw_only=True):
    """A script as it stands."""

    steps: tuple[Step, ...]
    repeat_after: Duration | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What a script does to a point: it goes to *to* in *over* seconds from *began* on, from where *before* left it."""

    to: float
    began: float = 0.0
    over: float = 0.0
    before: Change | None = None

    def value(self, usual: float, elapsed: float) -> float:
        """The value, *elapsed* seconds after the start of the script, of a point that is usually at *usual*."""
        if elapsed >= self.began + self.over:
            return self.to
        start = usual if self.before is None else self.before.value(usual, self.began)
        return start + (self.to - start) * (elapsed - self.began) / self.over


@dataclass(frozen=True, slots=True)
class Course:
    """How a device is at a moment of a script."""

    elapsed: float = 0.0
    state: Reason = Reason.NONE
    silent: bool = False
    points: Mapping[str, Change] = field(default_factory=dict)

    def value(self, point: str, usual: float, otherwise: float) -> float:
        """The value of *point*, from *usual* on where the script changes it, else *otherwise*."""
        change = self.points.get(point)
        return otherwise if change is None else change.value(usual, self.elapsed)


class Script:
    """What happens when, for each device."""

    def __init__(self, steps: Sequence[Step], repeat_after: float | None = None) -> None:
        self._steps, self._repeat_after = tuple(steps), repeat_after
        self.course = lru_cache(maxsize=256)(self._course)

    def _course(self, device: str, elapsed: float) -> Course:
        """How *device* is, *elapsed* seconds after the start."""
        if self._repeat_after is not None:
            elapsed %= self._repeat_after
        state, silent, points = Reason.NONE, False, dict[str, Change]()
        for step in self._steps:
            if step.start > elapsed:
                break
            said = step.state.get(device)
            state = state if said is None else Reason.NONE if said == "measuring" else Reason(said)
            silent = (silent or device in step.silent) and device not in step.answering
            for name in _of(device, step.free):
                points.pop(name, None)
            for name in _of(device, step.set):
                points[name] = Change(step.set[f"{device}/{name}"])
            for ramp in step.ramps:
                for name in _of(device, [ramp.point]):
                    points[name] = Change(ramp.to, step.start, ramp.over, points.get(name))
        return Course(elapsed, state, silent, points)


def load(path: Path, devices: Sequence[Device]) -> Script:
    """The script in the YAML file *path*, for *devices*.

    Raises:
        ConfigError: with file and line; of several mistakes, all are told.
    """
    document = Document.read(path)
    try:
        file = convert_all(document.data, File)
        _check(file, {device.name: device for device in devices})
    except ConfigError as error:
        raise document.located(error) from None
    return Script(file.steps, file.repeat_after)


def _check(file: File, devices: Mapping[str, Device]) -> None:
    mistakes = Mistakes()
    if not file.steps:
        raise ConfigError("nothing happens; write at least one step", ("steps",))
    latest = 0.0
    for index, step in enumerate(file.steps):
        with mistakes.within("steps", index):
            if step.start < latest:
                raise ConfigError(
                    f"{step.at} comes after {Duration(latest)}; write the steps in order of time", ("at",)
                )
            latest = step.start
            if file.repeat_after is not None and latest >= file.repeat_after:
                raise ConfigError(f"{step.at} is never reached; it all repeats after {file.repeat_after}", ("at",))
        for path, name in _named(step):
            with mistakes.within("steps", index), within(*path):
                _check_name(name, devices)
    mistakes.tell()


def _named(step: Step) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """All devices and points that a step names, and where."""
    yield from ((("set", name), name) for name in step.set)
    yield from ((("free", index), name) for index, name in enumerate(step.free))
    for index, ramp in enumerate(step.ramps):
        yield (("ramp", index, "point") if not isinstance(step.ramp, Ramp) else ("ramp", "point")), ramp.point
    yield from ((("state", name), f"{name}/") for name in step.state)
    yield from ((("silent", index), f"{name}/") for index, name in enumerate(step.silent))
    yield from ((("answering", index), f"{name}/") for index, name in enumerate(step.answering))


def _check_name(text: str, devices: Mapping[str, Device]) -> None:
    """*text* is DEVICE/POINT, or DEVICE/ for a whole device."""
    name, slash, point = text.partition("/")
    if not slash:
        raise ConfigError(f"'{text}' is no point; write DEVICE/POINT")
    if name not in devices:
        raise ConfigError(f"there is no device '{name}'{nearest(name, devices)}")
    points = [each.name for each in devices[name].points]
    if point and point not in points:
        raise ConfigError(f"device '{name}' has no point '{point}'{nearest(point, points)}")


def _of(device: str, names: Mapping[str, float] | Sequence[str]) -> Iterator[str]:
    """The points of *device* among *names*."""
    prefix = f"{device}/"
    return (name.removeprefix(prefix) for name in names if name.startswith(prefix))
