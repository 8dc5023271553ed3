"""Rule files as Prometheus reads them, from the values beside this file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

import yaml

from greenops_alerting import budget, emissions, fleet, gateway, journal, platform, reports
from greenops_alerting.annotation import template
from greenops_alerting.rule import Alert, Group, Record
from greenops_alerting.thresholds import NORMAL, Windows
from greenops_core.errors import ConfigError
from greenops_telemetry.configuration import url

HEADER = "# Written by 'greenops-alerting write'. Change the values in alerting/greenops_alerting instead.\n"


def link(text: str) -> str:
    """What may stand before a page's name: an address, or a plain relative path; without a slash at its end.

    >>> link("https://wiki.example.org/greenops/"), link("alerting/runbooks")
    ('https://wiki.example.org/greenops', 'alerting/runbooks')

    Raises:
        ConfigError: it is neither, or holds what a template or a page could not bear.
    """
    if re.fullmatch(r"[\w.-]+(?:/[\w.-]+)*/?", text, re.ASCII):
        return text.rstrip("/")
    if "://" not in text or re.search(r"[\"'`{}<>\\?#]", text) or not text.isprintable():
        raise ConfigError(
            f"'{text}' is neither an address such as https://wiki.example.org/greenops nor a plain relative path "
            "such as alerting/runbooks"
        )
    return str(url(text)).rstrip("/")


@dataclass(frozen=True, slots=True)
class Links:
    """Where people find runbooks and dashboards; without an address of Grafana nothing is said of dashboards."""

    runbooks: str = "alerting/runbooks"
    dashboards: str = "http://localhost:3000"

    def runbook(self, alert: Alert) -> str:
        """The page that says what to do."""
        return f"{self.runbooks}/{quote(alert.name)}.md"

    def dashboard(self, alert: Alert) -> str:
        """The board, opened at what the alert is about, as a template of Prometheus; nothing without Grafana."""
        if not self.dashboards:
            return ""
        variables = "&".join(
            f"var-{name}={{{{ $labels.{name} | urlquery }}}}"
            for name in alert.identity
            if name in VARIABLES[alert.dashboard]
        )
        return f"{self.dashboards}/d/{alert.dashboard}" + (f"?{variables}" if variables else "")


VARIABLES: Mapping[str, tuple[str, ...]] = {
    "greenops-overview": ("department",),
    "greenops-budgets": ("department",),
    "greenops-fleet": ("department", "host"),
    "greenops-emissions": ("site", "stack", "parameter"),
    "greenops-gateway": ("site", "stack", "device"),
    "greenops-journal": ("site", "sink"),
    "greenops-reports": ("site",),
}
"""The dashboards by their identifier, and the variables that a link may set."""


def files(windows: Windows = NORMAL) -> dict[str, tuple[Group, ...]]:
    """The groups of every rule file, by file name."""
    return {
        "emissions.yml": emissions.groups(windows),
        "gateway.yml": gateway.groups(windows),
        "journal.yml": journal.groups(windows),
        "reports.yml": reports.groups(windows),
        "fleet.yml": fleet.groups(windows),
        "budget.yml": budget.groups(),
        "platform.yml": platform.groups(windows),
        "compatibility.yml": fleet.compatibility(),
    }


def groups(windows: Windows = NORMAL) -> tuple[Group, ...]:
    """The groups of all files."""
    return tuple(group for file in files(windows).values() for group in file)


def alerts(windows: Windows = NORMAL) -> tuple[Alert, ...]:
    """The alerts of all files; the rungs of a ladder share a name."""
    return tuple(alert for group in groups(windows) for alert in group.alerts)


def render(file: tuple[Group, ...], links: Links) -> str:
    """The text of a rule file."""
    document = {"groups": [_group(group, links) for group in file]}
    return HEADER + yaml.dump(document, Dumper=_Plain, sort_keys=False, width=10_000, allow_unicode=True)


def _group(group: Group, links: Links) -> dict[str, object]:
    rules = [_record(rule) if isinstance(rule, Record) else _alert(rule, links) for rule in group.rules]
    return {"name": group.name, "interval": group.interval, "rules": rules}


def _record(record: Record) -> dict[str, object]:
    return {"record": record.name, "expr": record.expr}


def _alert(alert: Alert, links: Links) -> dict[str, object]:
    rule: dict[str, object] = {"alert": alert.name, "expr": alert.expr, "for": alert.hold}
    if alert.keep_firing_for:
        rule["keep_firing_for"] = alert.keep_firing_for
    return rule | {
        "labels": {"severity": alert.severity.value, **alert.labels},
        "annotations": {
            "summary": alert.summary,
            "description": template(alert.description, alert.identity),
            **{name: template(fact, alert.identity) for name, fact in alert.facts.items()},
            "runbook_url": links.runbook(alert),
            **({"dashboard_url": dashboard} if (dashboard := links.dashboard(alert)) else {}),
        },
    }


class _Plain(yaml.SafeDumper):
    """Expressions of several lines as blocks, and no references between repeated values."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  # the signature is the dumper's
        return True


def _text(dumper: yaml.SafeDumper, data: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", data, style="|" if "\n" in data else None)


_Plain.add_representer(str, _text)
