"""Energy, emissions, cost and idleness: one interval after the other, added up.

Rules of this file. An interval lasts from one call to the next on a clock that stands still while the host sleeps. One
that is longer than three periods is a gap: the agent was stopped, or the machine was, and nobody knows which. A gap
counts as time of no state and as energy of no model; a RAPL counter counts what it says, and none of it as idle. One
jump of a RAPL counter that cannot be is left out; where they go on, the model takes over till the counter is plausible.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from greenops_agent.account import Account
from greenops_agent.collectors import cpu, sessions
from greenops_agent.collectors.source import Source
from greenops_agent.power import model, rapl
from greenops_agent.power.use import Meter, Method, Use
from greenops_agent.settings import Settings
from greenops_core.catalogue import (
    HOST_CARBON_INTENSITY,
    HOST_COST,
    HOST_EMISSIONS,
    HOST_ENERGY,
    HOST_ENERGY_UNCERTAINTY,
    HOST_IDLE,
    HOST_IDLE_COST,
    HOST_IDLE_EMISSIONS,
    HOST_IDLE_ENERGY,
    HOST_POWER,
    HOST_STATE_TIME,
)
from greenops_core.errors import DecodeError, GreenopsError
from greenops_core.idle import Decision, State, decide, quiet
from greenops_core.sample import Sample
from greenops_core.unit import Seconds

log = logging.getLogger("energy")
PERIODS_OF_A_GAP = 3
REFUSALS_TILL_MODEL = 3
GRANT = "to measure, let the agent read it: AmbientCapabilities=CAP_DAC_READ_SEARCH in its systemd unit"
DISTRUST = "so energy is modelled till it is plausible; are the zone's constraint_*_power_limit_uw below what it draws?"


@dataclass(frozen=True, slots=True)
class _Look:
    clock: float
    times: cpu.Times
    counters: rapl.Reading | None


class Energy:
    """The stateful collector: what it yields are the sums since it was made. *clock* gives monotonic seconds."""

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self._settings, self._clock = settings, clock
        self._account = Account()
        self._before: _Look | None = None
        self._quiet = Seconds(0.0)
        self._refusals = 0
        self._told = ""

    def collect(self, source: Source, at: float) -> Iterable[Sample]:
        """Count the interval since the last call."""
        now = _Look(self._clock(), cpu.times(), self._counters(source))
        before, self._before = self._before, now
        lasted = Seconds(now.clock - before.clock) if before else Seconds(0.0)
        gap = lasted > PERIODS_OF_A_GAP * self._settings.every
        load = cpu.load(before.times, now.times) if before and not gap else None
        self._quiet = quiet(self._quiet, load, lasted, self._settings.policy)
        decision = decide(self._settings.policy, self._inputs(source, at), load, self._quiet)
        self._account.watch(Meter(Method.RAPL, now.counters.scope) if now.counters else model.METER)
        used = self._use(before, now, load, decision.state, lasted) if before and lasted > 0 else None
        if not gap:
            self._account.spend(decision.state, lasted)
        if used:
            self._account.add(used, decision.state, self._settings.factor, self._settings.tariff)
        return [*self._interval(decision, used, lasted, at), *self._sums(at)]

    def _inputs(self, source: Source, at: float) -> Sequence[Seconds | None]:
        """Time since the last input of each session; one that is not known where nobody knows of sessions."""
        if not self._settings.sessions:
            return ()
        try:
            found = source.sessions(at) or ()
        except (OSError, GreenopsError):  # the collector of sessions tells
            return (None,)
        return [sessions.since_input(source.root, session, at) for session in found]

    def _use(self, before: _Look, now: _Look, load: float | None, state: State, lasted: Seconds) -> Use | None:
        """Energy between two looks; None where nobody knows."""
        if before.counters and now.counters:
            try:
                used = rapl.use(before.counters, now.counters, lasted)
            except DecodeError as error:
                self._refusals += 1
                if self._refusals == REFUSALS_TILL_MODEL - 1:
                    self._account.watch(model.METER)
                if self._refusals < REFUSALS_TILL_MODEL:
                    self._tell("refused", logging.WARNING, f"this interval is not counted: {error}")
                    return None
                self._tell("distrusted", logging.WARNING, f"RAPL is refused again and again ({error}), {DISTRUST}")
            else:
                self._refusals = 0
                zones = ", ".join(now.counters.counters)
                self._tell("rapl", logging.INFO, f"energy is measured by RAPL, scope {now.counters.scope}: {zones}")
                return used
        return None if load is None else self._settings.model.use(load, state, lasted)

    def _counters(self, source: Source) -> rapl.Reading | None:
        try:
            found = rapl.read(source.root)
        except (OSError, DecodeError) as error:
            told = f"RAPL cannot be read ({error}), so energy is modelled; {GRANT}"
            self._tell(told, logging.WARNING, told)
            return None
        if not found:
            self._tell("none", logging.INFO, "this machine shows no RAPL counters, so energy is modelled")
        return found

    def _tell(self, news: str, level: int, message: str) -> None:
        """One line per change of the *news*, not one per interval."""
        if news != self._told:
            self._told = news
            log.log(level, "%s", message)

    def _interval(self, decision: Decision, used: Use | None, lasted: Seconds, at: float) -> Iterable[Sample]:
        who = self._settings.identity
        yield HOST_IDLE.sample(
            decision.state is State.IDLE, at, host=who.host, department=who.department, method=decision.method
        )
        if used:
            yield HOST_POWER.sample(used.energy / lasted, at, **self._where(), **_labels(used.meter))
        yield HOST_CARBON_INTENSITY.sample(
            self._settings.factor.grams_per_kwh, at, host=who.host, zone=who.zone, source=self._settings.factor.source
        )

    def _sums(self, at: float) -> Iterable[Sample]:
        who, account = self._settings.identity, self._account
        for state, seconds in account.time.items():
            yield HOST_STATE_TIME.sample(seconds, at, host=who.host, department=who.department, state=state)
        for meter, measured in account.measured.items():
            yield HOST_ENERGY.sample(measured.energy, at, **self._where(), **_labels(meter))
            if (uncertainty := measured.uncertainty) is not None:
                yield HOST_ENERGY_UNCERTAINTY.sample(uncertainty, at, host=who.host, **_labels(meter))
        yield HOST_IDLE_ENERGY.sample(account.idle.energy, at, **self._where())
        yield HOST_EMISSIONS.sample(account.total.emissions, at, **self._where())
        yield HOST_IDLE_EMISSIONS.sample(account.idle.emissions, at, **self._where())
        money = {"host": who.host, "department": who.department, "currency": self._settings.tariff.currency}
        yield HOST_COST.sample(account.total.cost, at, **money)
        yield HOST_IDLE_COST.sample(account.idle.cost, at, **money)

    def _where(self) -> dict[str, str]:
        who = self._settings.identity
        return {"host": who.host, "department": who.department, "zone": who.zone}


def _labels(meter: Meter) -> dict[str, str]:
    return {"method": meter.method, "scope": meter.scope}
