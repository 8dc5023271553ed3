"""What a rule file holds: records, alerts and groups, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from greenops_alerting.annotation import Text


class Severity(StrEnum):
    """Who is told: a page wakes somebody, a ticket waits for the morning, none is for machines."""

    PAGE = "page"
    TICKET = "ticket"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Record:
    """A recording rule; *labels* are those that its series carry."""

    name: str
    expr: str
    labels: tuple[str, ...]
    help: str


@dataclass(frozen=True, slots=True)
class Alert:
    """An alerting rule.

    *identity* are the labels that its expression gives; *labels* are added by the rule and are unknown to annotations.
    *facts* are annotations of their own, for receivers that show them apart.
    """

    name: str
    expr: str
    hold: str
    severity: Severity
    identity: tuple[str, ...]
    summary: str
    description: Text
    dashboard: str
    keep_firing_for: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Text] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated in order, every *interval*; an alert stands in the group of the records it reads."""

    name: str
    interval: str
    rules: tuple[Record | Alert, ...]

    @property
    def records(self) -> tuple[Record, ...]:
        return tuple(rule for rule in self.rules if isinstance(rule, Record))

    @property
    def alerts(self) -> tuple[Alert, ...]:
        return tuple(rule for rule in self.rules if isinstance(rule, Alert))
