"""The message that each alert would give, with example values: to judge the words before the night they are needed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from greenops_alerting.annotation import EXAMPLES
from greenops_alerting.page import Message, Notice, words
from greenops_alerting.rule import Alert
from greenops_alerting.rules import Links

NOW = datetime(2026, 2, 11, 12, 0, 15, tzinfo=UTC)


def notice(alert: Alert, links: Links) -> Notice:
    """The alert as Alertmanager would send it, firing for five minutes."""
    identity = {name: EXAMPLES[name] for name in alert.identity}
    dashboard = links.dashboard(alert)
    for name, example in identity.items():
        dashboard = dashboard.replace(f"{{{{ $labels.{name} | urlquery }}}}", example)
    annotations = {
        "summary": alert.summary,
        "description": alert.description.example,
        **{name: fact.example for name, fact in alert.facts.items()},
        "runbook_url": links.runbook(alert),
        "dashboard_url": dashboard,
    }
    labels = {"alertname": alert.name, "severity": alert.severity.value, **identity, **alert.labels}
    return Notice("firing", labels, annotations, NOW - timedelta(minutes=5), datetime.min.replace(tzinfo=UTC))


def preview(alerts: Iterable[Alert], links: Links) -> str:
    """The messages of *alerts*, as the shipped receiver prints them."""
    return words(Message(tuple(notice(alert, links) for alert in alerts)), NOW)
