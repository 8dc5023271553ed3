"""Gaps: from one usable sample to the next, where that took longer than it may.

Fifteen minutes is the longest that a quarter of an hour can do with one sample. A gap is a warning; whether an hour is
valid is decided by its own rule, from its quarters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from greenops_core.sample import Reason

GAP_AFTER = 900.0

_NOTHING: Mapping[Reason, float] = MappingProxyType({})
_NONE = Reason.NONE  # by its class a member is looked up slowly, and this is done for every value there is


@dataclass(frozen=True, slots=True)
class Gap:
    """No usable sample was measured after *start* and before *end*, both Unix times; mostly because of *reason*."""

    start: float
    end: float
    reason: Reason


class Gaps:
    """Watches one point for gaps, in the order of measurement; a sample from before the last adds nothing."""

    __slots__ = ("_last", "_reason", "_reason_since", "_stood", "_told", "after")

    def __init__(self, after: float = GAP_AFTER, since: float = 0.0) -> None:
        """A gap is longer than *after* seconds; before *since*, a Unix time, nobody watched."""
        self.after = after
        self._last, self._told = since, False
        self._reason, self._reason_since = _NONE, since
        self._stood = _NOTHING

    def stepped(self, by: float) -> None:
        """The clock was set, *by* seconds forward: nothing is longer or shorter for that."""
        self._last += by
        self._reason_since += by

    def took(self, at: float) -> Gap | None:
        """A usable sample was measured *at*; the gap that it ends, once."""
        if at <= self._last:
            return None
        gap = None
        if at - self._last > self.after:
            gap = Gap(self._last, at, self._foremost(at))
        self._last, self._told = at, False
        if self._stood or self._reason is not _NONE:
            self._stood = _NOTHING
            self._reason, self._reason_since = _NONE, at
        return gap

    def lost(self, reason: Reason, at: float) -> None:
        """From *at* on there is no usable sample, because of *reason*."""
        if reason is self._reason:
            return
        self._count(at)
        self._reason = reason

    def tick(self, now: float) -> Gap | None:
        """A gap that lasts until *now* at least, once for each, as soon as it is one."""
        if self._told or now - self._last <= self.after:
            return None
        self._told = True
        return Gap(self._last, now, self._foremost(now))

    def _foremost(self, until: float) -> Reason:
        """The reason that stood longest; nobody gave one: the device was silent, so its last value went stale."""
        self._count(until)
        named = {reason: stood for reason, stood in self._stood.items() if reason is not _NONE}
        return max(named, key=named.__getitem__, default=Reason.STALE)

    def _count(self, until: float) -> None:
        stood = max(0.0, until - self._reason_since)
        self._stood = {**self._stood, self._reason: self._stood.get(self._reason, 0.0) + stood}
        self._reason_since = max(until, self._last)
