"""When a host counts as idle. What is not known counts as active: a host wrongly called idle is the dearer mistake.

With login sessions, people decide: idle when nobody has typed for ``after`` and the machine does no work meanwhile, for
a long build is not waste. Without sessions (a server), load decides: idle when it stayed low for ``after``. Where
sessions cannot be seen there may be one, whose input is not seen either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from greenops_core.unit import Seconds


class State(StrEnum):
    """What the host is doing."""

    ACTIVE = "active"
    IDLE = "idle"


class Method(StrEnum):
    """What was looked at to say so."""

    INPUT = "input"
    LOAD = "load"


@dataclass(frozen=True, slots=True)
class Policy:
    """Idle is: *after* so long without input, or with less than *load_below* (0 to 1) of all processors in use."""

    after: Seconds
    load_below: float


@dataclass(frozen=True, slots=True)
class Decision:
    """The state, and what it was taken from."""

    state: State
    method: Method


def quiet(so_far: Seconds, load: float | None, lasted: Seconds, policy: Policy) -> Seconds:
    """How long load has been low without a break, after an interval that *lasted* at a mean *load*.

    >>> policy = Policy(after=Seconds(300), load_below=0.05)
    >>> quiet(Seconds(10), 0.01, Seconds(5), policy), quiet(Seconds(10), 0.5, Seconds(5), policy)
    (15.0, 0.0)
    """
    low = load is not None and load < policy.load_below
    return Seconds(float(so_far + lasted)) if low else Seconds(0.0)


def decide(policy: Policy, inputs: Sequence[Seconds | None], load: float | None, quiet_for: Seconds) -> Decision:
    """Whether the host is idle.

    *inputs* holds, for each login session, the time since its last input, or None where that cannot be seen; *load* is
    the share of all processors in use just now; *quiet_for* comes from ``quiet``.

    >>> policy = Policy(after=Seconds(300), load_below=0.05)
    >>> decide(policy, [Seconds(900), Seconds(20)], 0.0, Seconds(900))
    Decision(state=<State.ACTIVE: 'active'>, method=<Method.INPUT: 'input'>)
    >>> decide(policy, [], 0.0, Seconds(300))
    Decision(state=<State.IDLE: 'idle'>, method=<Method.LOAD: 'load'>)
    """
    low = load is not None and load < policy.load_below
    if not inputs:
        return _decision(low and quiet_for >= policy.after, Method.LOAD)
    return _decision(low and all(since is not None and since >= policy.after for since in inputs), Method.INPUT)


def _decision(idle: bool, method: Method) -> Decision:  # noqa: FBT001  # read at two call sites, above
    return Decision(State.IDLE if idle else State.ACTIVE, method)
