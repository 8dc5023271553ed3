"""Alerts as boards show them: what fires is drawn on every graph, what fired stands in a table."""

from __future__ import annotations

from collections.abc import Iterable

from greenops_alerting import rules
from greenops_alerting.promql import Foreign
from greenops_alerting.rule import Alert, Severity
from greenops_dashboards.promql import Expr, Selector, Variable, highest, select

IDENTITY = tuple(sorted({label for alert in rules.alerts() for label in alert.identity}))
ALERTS = Foreign("ALERTS", ("alertname", "alertstate", "severity", "threshold", *IDENTITY))
"""What Prometheus writes while an alert is pending or fires; it carries the labels of the alert's own expression."""

FOREIGN: tuple[Foreign, ...] = (ALERTS,)
"""The closed list of metrics on boards that are not ours."""


def of_board(uid: str) -> tuple[Alert, ...]:
    """The alerts that link to the board *uid*."""
    return tuple(alert for alert in rules.alerts() if alert.dashboard == uid)


def firing(alerts: Iterable[Alert], *scope: Variable) -> Expr:
    """Those of *alerts* that fire, one series each, within the board's choices."""
    told = [alert for alert in alerts if alert.severity is not Severity.NONE]
    labels = sorted({label for alert in told for label in alert.identity})
    return highest(fires(told, scope), "alertname", "severity", *labels)


def fires(alerts: Iterable[Alert], scope: tuple[Variable, ...] = ()) -> Selector:
    """The series of *alerts* while they fire."""
    names = "|".join(sorted({alert.name for alert in alerts}))
    return select(ALERTS, scope, alertstate="firing", alertname=f'=~"{names}"')
