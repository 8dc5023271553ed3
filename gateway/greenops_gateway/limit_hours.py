"""A limit that is judged by closed hours: what it says, and its metrics between one hour and the next."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from decimal import Decimal

from greenops_gateway.cems.hour import Hour
from greenops_gateway.cems.limit_average import HourlyMean, Rule, Running
from greenops_gateway.cems.limit_standing import Standing, standing
from greenops_gateway.cems.limit_unit import means_in_unit
from greenops_gateway.cems.record import ClosedHour
from greenops_gateway.cems.working import Working
from greenops_gateway.limit_metrics import Figures, LimitMetrics

log = logging.getLogger(__name__)

SECONDS = 3600.0


class HourlyWatch:
    """Judges one limit each time hours are closed."""

    def __init__(self, title: str, rule: Rule, parameter: str, metrics: LimitMetrics) -> None:
        self.standing = Standing()
        self._title, self._rule, self._parameter, self._metrics = title, rule, parameter, metrics
        self._means: list[HourlyMean] = []
        self._now: Hour | None = None
        self._at = 0.0
        self._complained: set[str] = set()

    @property
    def history(self) -> int:
        """How many hours back from now it needs."""
        return self._rule.averaging.window.reach

    def go_on(self, before: HourlyWatch, at: float) -> None:
        """Judge by the hours that *before* was told of, which are those of the same parameter."""
        self._means, self._now = before._means, before._now
        if self._now is not None:
            self._judge(None, at)

    def take(self, hours: Sequence[ClosedHour], now: Hour, running: Running | None, at: float) -> Standing:
        """Judge by all *hours* closed before *now*; *running* is the open one, *at* the Unix time."""
        self._means, self._now = self._in_unit(hours), now
        return self._judge(running, at)

    def stepped(self, now: float) -> None:
        """The gateway's clock was set: hours are closed by another clock, which sees to itself."""
        self._at = min(self._at, now)

    def evaluate(self, now: float) -> None:
        """Put the metrics as they are at *now*: the time to an exceedance passes."""
        self._metrics.put(_figures(self.standing, now - self._at), now)

    def forget(self) -> None:
        """The limit is no more."""
        self._metrics.forget()

    def _judge(self, running: Running | None, at: float) -> Standing:
        now = Hour(0) if self._now is None else self._now
        self.standing, self._at = standing(self._rule, self._means, now, running), at
        self.evaluate(at)
        return self.standing

    def _in_unit(self, hours: Sequence[ClosedHour]) -> list[HourlyMean]:
        """The hourly means; those in another unit than the limit's do not count as valid."""
        means, wrong = means_in_unit(self._rule, hours, self._parameter)
        for unit in wrong - self._complained:
            self._complained.add(unit)
            log.warning(
                "%s is in %s, but the hours hold it in %s: such hours are not valid for it; "
                "compute the parameter in the permit's unit",
                self._title,
                self._rule.unit,
                unit,
            )
        return means


def _figures(of: Standing, age: float) -> Figures:
    """*of* as metrics, *age* seconds after it was found; of an average that is not valid only that."""
    left = _number(of.time_left)
    return Figures(
        average=_number(of.average) if of.is_valid else None,
        ratio=_float(of.ratio) if of.is_valid else None,
        is_valid=of.is_valid,
        coverage=_float(of.coverage),
        projected=_number(of.projected),
        allowed=_number(of.allowed),
        exceedance_due=None if left is None else max(0.0, left * SECONDS - age),
    )


def _number(working: Working | None) -> float | None:
    return None if working is None else float(working.value)


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
