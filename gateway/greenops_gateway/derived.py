"""Points that are computed from other points: how they are configured, checked, and computed. Pure.

A derived value is as bad as the worst of its inputs and as old as the oldest. When an input is absent, stale or bad,
there is no value, and the reason is told once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import inf, isnan
from typing import NamedTuple

import msgspec

from greenops_core.duration import Duration
from greenops_core.errors import ConfigError, Mistakes, nearest, within
from greenops_core.sample import Quality, Reason, Sample
from greenops_gateway.cems.quality import foremost
from greenops_gateway.expression import Expression, expression
from greenops_gateway.point import Owner, Point, PointSeries
from greenops_gateway.term import FUNCTIONS

Key = tuple[str, str]
"""A device, or what is derived, and its point."""
SHORTEST_POLL = 1.0
"""Seconds; nothing is computed between two full seconds."""


class DerivedPoint(Point, frozen=True, kw_only=True):
    """A point whose *value* is an expression such as ``nox * flow``; *from* says which points its names stand for."""

    value: str
    from_: dict[str, str] = msgspec.field(name="from")

    def inputs(self) -> tuple[Key, ...]:
        """The points that it is computed from, in the order of *from*.

        Raises:
            ConfigError: with the path from the point to the key.
        """
        with within("from"):
            return tuple(_key(name, written) for name, written in self.from_.items())


class Derived(Owner, frozen=True, kw_only=True):
    """Points that are computed every *poll*, once their inputs have changed."""

    points: tuple[DerivedPoint, ...]

    def check(self) -> None:
        """Raises ConfigError: as any owner of points, or computed more often than once a second."""
        super().check()
        if self.poll < SHORTEST_POLL:
            raise ConfigError(
                f"{self.poll} is too often for what is derived; write at least {Duration(SHORTEST_POLL)}", ("poll",)
            )

    def explain(self) -> Iterator[str]:
        """Lines for an engineer who compares the file with what the permit asks for."""
        for point in self.points:
            inputs = ", ".join(f"{name} is {of}" for name, of in point.from_.items())
            yield f"{point.name}: {point.unit} = {point.value}, where {inputs}"


def check_all(derived: Sequence[Derived], devices: Mapping[str, Owner]) -> None:
    """That each of *derived* can be computed from *devices* and from those before it.

    Raises:
        ConfigError: with the path from the list to the key; ConfigErrors: of several.
    """
    mistakes = Mistakes()
    known = dict(devices)
    later = {each.name: each for each in derived}
    for index, each in enumerate(derived):
        with mistakes.within(index):
            if each.name in known:
                raise ConfigError(f"'{each.name}' is already the name of something else that has points", ("name",))
            each.check()
            for at, point in enumerate(each.points):
                with mistakes.within(index, "points", at):
                    _check((each.name, point.name), point, known, later)
        known[each.name] = each
    mistakes.tell()
    for index, each in enumerate(derived):
        for at, point in enumerate(each.points):
            with mistakes.within(index, "points", at):
                point.check_gap(freshness(each, known))
    mistakes.tell()


def freshness(owner: Owner, owners: Mapping[str, Owner]) -> float:
    """Seconds after which a value of *owner* is stale; a derived one may be as old as its inputs, and one poll more."""
    if not isinstance(owner, Derived) or owner.stale_after is not None:
        return owner.freshness()
    inputs = {device for point in owner.points for device, _ in point.inputs()} - {owner.name}
    oldest = max((freshness(owners[name], owners) for name in inputs), default=0.0)
    return max(owner.freshness(), owner.poll + oldest)


def _key(name: str, written: str) -> Key:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) or name in FUNCTIONS:
        raise ConfigError(f"'{name}' cannot be a name in an expression; write letters, digits and _", (name,))
    device, _, point = written.partition("/")
    if not device or not point:
        raise ConfigError(f"'{written}' is no point; write device/point", (name,))
    return device, point


def _check(this: Key, point: DerivedPoint, known: Mapping[str, Owner], later: Mapping[str, Derived]) -> None:
    if not point.from_:
        raise ConfigError("what is derived needs a point that it is derived from", ("from",))
    units: dict[str, str] = {}
    for name, key in zip(point.from_, point.inputs(), strict=True):
        with within("from", name):
            units[name] = _input(this, key, known, later).unit
    with within("value"):
        expression(point.value, units, point.unit)


def _input(this: Key, key: Key, known: Mapping[str, Owner], later: Mapping[str, Derived]) -> Point:
    device, name = key
    owner = known.get(device)
    if owner is None:
        if device not in later:
            raise ConfigError(f"there is no device '{device}'{nearest(device, (*known, *later))}")
        if (circle := _circle(this, key, later)) is not None:
            raise ConfigError(f"computed from itself: {' from '.join('/'.join(each) for each in circle)}")
        if device != this[0]:
            raise ConfigError(f"'{device}' stands further down; move it before '{this[0]}'")
        owner = later[device]
    points = {point.name: point for point in owner.points}
    if name not in points:
        raise ConfigError(f"'{device}' has no point '{name}'{nearest(name, points)}")
    return points[name]


def _circle(this: Key, start: Key, derived: Mapping[str, Derived]) -> list[Key] | None:
    """The way by which *this* is computed from itself through *start*, if it is."""
    came: dict[Key, Key] = {start: this}
    waiting = [start]
    while waiting:
        key = waiting.pop()
        if key == this:
            way = [key]
            while (before := came[way[-1]]) != this:
                way.append(before)
            return [this, *reversed(way)]
        for following in _inputs(key, derived):
            if following not in came:
                came[following] = key
                waiting.append(following)
    return None


def _inputs(key: Key, derived: Mapping[str, Derived]) -> Iterator[Key]:
    owner = derived.get(key[0])
    for point in owner.points if owner else ():
        if point.name == key[1]:
            for written in point.from_.values():
                device, _, name = written.partition("/")
                yield device, name


class _Value(NamedTuple):
    """The last that is known of an input."""

    value: float
    at: float
    quality: Quality
    reason: Reason


class _Result:
    """One derived point: how it is computed, and what was said of it last."""

    def __init__(self, compute: Expression, inputs: tuple[Key, ...], to: PointSeries) -> None:
        self.inputs = inputs
        self._compute, self._to = compute, to
        self._seen: Sequence[_Value] = ()
        self._bad = Reason.NONE

    def new(self, values: Sequence[_Value], now: float) -> Sample | None:
        """A sample from the inputs at *now*, when it says something that was not said before."""
        worst = max(value.quality for value in values)
        reason = foremost(value.reason for value in values if value.quality is worst)
        if worst is Quality.BAD:
            return self._without(reason, now)
        if values == self._seen:
            return None
        self._seen = values
        oldest = min(value.at for value in values)
        result = self._compute.of([value.value for value in values])
        if isnan(result):
            return self._without(Reason.DECODE, oldest)
        self._bad = Reason.NONE
        return Sample(self._to.metric, self._to.labels, result, oldest, worst, reason)

    def _without(self, reason: Reason, at: float) -> Sample | None:
        if reason is self._bad:
            return None
        self._bad = reason
        if reason is not Reason.DECODE:
            self._seen = ()
        return self._to.bad(reason, at)


class Calculation:
    """Computes the points of one ``Derived`` from the samples that it takes."""

    def __init__(self, config: Derived, series: Sequence[PointSeries], owners: Iterable[Owner]) -> None:
        """*series* stands in the order of the points; *owners* are all devices, and what is derived before it.

        Raises:
            ConfigError: as ``check_all`` does.
        """
        by_name = {**{owner.name: owner for owner in owners}, config.name: config}
        units = {(owner.name, point.name): point.unit for owner in by_name.values() for point in owner.points}
        self._results: list[_Result] = []
        for point, to in zip(config.points, series, strict=True):
            keys = point.inputs()
            named = {name: units[key] for name, key in zip(point.from_, keys, strict=True)}
            self._results.append(_Result(expression(point.value, named, point.unit), keys, to))
        self.inputs = frozenset(key for result in self._results for key in result.inputs)
        self.freshness = freshness(config, by_name)
        self._fresh = {
            key: self.freshness if key[0] == config.name else freshness(by_name[key[0]], by_name) for key in self.inputs
        }
        self._values: dict[Key, _Value] = {}
        self._poll = float(config.poll)
        self.forget()

    def take(self, sample: Sample) -> None:
        """Know *sample*, of one of the inputs and in its base unit; one that is older than the last says nothing.

        That there was no value has no time of its own: what comes after it counts.
        """
        key = sample.labels[2], sample.labels[3]
        before = self._values.get(key)
        if before is None or sample.at >= before.at or before.quality is Quality.BAD:
            self._values[key] = _Value(sample.value, sample.at, sample.quality, sample.reason)

    def forget(self) -> None:
        """Begin anew, as after a step of the clock."""
        self._values.clear()
        self._next, self._since = -inf, inf

    def due(self, now: float) -> list[Sample]:
        """What there is to say at *now*, at most once every poll."""
        if self._next - self._poll <= now < self._next:
            return []
        self._next = (now // self._poll + 1) * self._poll
        self._since = min(self._since, now)
        samples: list[Sample] = []
        for result in self._results:
            values = [self._known(key, now) for key in result.inputs]
            there = [value for value in values if value is not None]
            if len(there) == len(values) and (sample := result.new(there, now)) is not None:
                samples.append(sample)
        return samples

    def _known(self, key: Key, now: float) -> _Value | None:
        """The input as it is at *now*; nothing while it may still come for the first time."""
        value, fresh = self._values.get(key), self._fresh[key]
        if value is None:
            return None if now - self._since < fresh else _Value(0.0, now, Quality.BAD, Reason.STALE)
        if value.quality is not Quality.BAD and now - value.at >= fresh:
            return value._replace(quality=Quality.BAD, reason=Reason.STALE)
        return value
