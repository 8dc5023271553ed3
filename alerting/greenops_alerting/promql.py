"""Pieces of PromQL from catalogue constants: a rule can only name what exists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class Series(Protocol):
    """What can be selected: a metric of the catalogue, a record of ours, or a metric of another program."""

    @property
    def name(self) -> str: ...
    @property
    def labels(self) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class Foreign:
    """A metric that another program owns."""

    name: str
    labels: tuple[str, ...]


UP = Foreign("up", ("job", "instance"))
RULE_FAILURES = Foreign("prometheus_rule_evaluation_failures_total", ("rule_group",))
NOTIFICATIONS = Foreign("alertmanager_notifications_total", ("integration",))
NOTIFICATIONS_FAILED = Foreign("alertmanager_notifications_failed_total", ("integration", "reason"))

ALERTS = Foreign(
    "ALERTS", ("alertname", "alertstate", "severity", "threshold", "site", "stack", "parameter", "averaging")
)
"""What Prometheus itself writes of alerts, with the labels of those that read themselves."""

FOREIGN: tuple[Foreign, ...] = (UP, RULE_FAILURES, NOTIFICATIONS, NOTIFICATIONS_FAILED, ALERTS)
"""The closed list of metrics that are not ours."""

SCRAPED: tuple[str, ...] = ("job", "instance")
"""Labels that Prometheus adds to what it scrapes; only alerts about scraping itself may use them."""


def select(series: Series, window: str = "", **matchers: str) -> str:
    """*series*, narrowed by *matchers*, over *window*. A matcher's value may begin with its operator.

    >>> select(UP), select(RULE_FAILURES, "15m", rule_group='=~"greenops-.*"')
    ('up', 'prometheus_rule_evaluation_failures_total{rule_group=~"greenops-.*"}[15m]')

    Raises:
        ValueError: the series has no such label.
    """
    if unknown := matchers.keys() - set(series.labels):
        raise ValueError(f"{series.name} has no label {', '.join(sorted(unknown))}; it has {', '.join(series.labels)}")
    inside = ",".join(label + (value if value[:1] in "=!" else f'="{value}"') for label, value in matchers.items())
    return series.name + (f"{{{inside}}}" if inside else "") + (f"[{window}]" if window else "")


def highest(labels: Sequence[str], expr: str) -> str:
    """One series per combination of *labels*, whatever the number of exporters.

    >>> highest(("site", "stack"), "x")
    'max by (site, stack) (x)'
    """
    return f"max by ({', '.join(labels)}) ({expr})"


def total(labels: Sequence[str], expr: str) -> str:
    """The sum per combination of *labels*.

    >>> total(("department",), "x")
    'sum by (department) (x)'
    """
    return f"sum by ({', '.join(labels)}) ({expr})"


def over(function: str, series: Series, window: str, **matchers: str) -> str:
    """A function of what *series* gave over *window*.

    >>> over("rate", RULE_FAILURES, "5m")
    'rate(prometheus_rule_evaluation_failures_total[5m])'
    """
    return f"{function}({select(series, window, **matchers)})"


def last(series: Series, window: str, by: Sequence[str], **matchers: str) -> str:
    """The newest value within *window*, also of a series that is gone.

    >>> last(UP, "1d", ("job",))
    'max by (job) (last_over_time(up[1d]))'
    """
    return highest(by, over("last_over_time", series, window, **matchers))


def vanished(
    series: Series, silent: str, remembered: str, by: Sequence[str], of: Sequence[str] = (), **matchers: str
) -> str:
    r"""The last value of what was there within *remembered* and gave nothing for *silent*.

    Only where the whole group *of* labels is silent, when given: what is taken out of a configuration while its
    neighbours live on is not missed.

    >>> vanished(UP, "2m", "1d", ("job",))
    'max by (job) (last_over_time(up[1d]))\nunless on (job)\nmax by (job) (last_over_time(up[2m]))'
    """
    group = of or by
    present = last(series, silent, group, **matchers)
    return f"{last(series, remembered, by, **matchers)}\nunless on ({', '.join(group)})\n{present}"
