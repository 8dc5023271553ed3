"""Who is told: every alert reaches a person, the right one, and of what belongs together only what matters is sent."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from greenops_alerting import people, rules
from greenops_alerting.alertmanager import TEMPLATES, everybody, render, to_webhook
from greenops_alerting.annotation import EXAMPLES
from greenops_alerting.inhibition import CAUSES, ladders
from greenops_alerting.people import Routes
from greenops_alerting.rule import Alert, Severity
from greenops_telemetry.configuration import Url
from real_servers import eventually, get
from stack import server

ROOM = Path(rules.__file__).parents[1]
ALERTS = rules.alerts()
EXAMPLE = people.load(ROOM / "routes.example.yml")
SHIPPED = {name: people.load(ROOM / name) for name in ("routes.yml", "routes.example.yml")}


def named(each: Alert) -> str:
    return " ".join([each.name, *each.labels.values()])


def configured(folder: Path, routes: Routes) -> Path:
    file = folder / "alertmanager.yml"
    file.write_text(render(routes, ALERTS), encoding="utf-8")
    (folder / TEMPLATES).write_text(
        (ROOM / "greenops_alerting" / TEMPLATES).read_text(encoding="utf-8"), encoding="utf-8"
    )
    return file


def amtool(*arguments: str | Path) -> str:
    done = subprocess.run([server("amtool"), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("routes", SHIPPED.values(), ids=SHIPPED)
def test_amtool_finds_nothing_wrong(routes: Routes, tmp_path: Path) -> None:
    assert "SUCCESS" in amtool("check-config", configured(tmp_path, routes))


def test_amtool_finds_nothing_wrong_with_one_webhook_for_everything(tmp_path: Path) -> None:
    for routes in (everybody(Url("http://127.0.0.1:9843")), to_webhook(EXAMPLE, Url("http://127.0.0.1:9843"))):
        file = configured(tmp_path, routes)
        assert "SUCCESS" in amtool("check-config", file)
        urls = {
            hook["url"]
            for each in yaml.safe_load(file.read_text())["receivers"]
            for hook in each.get("webhook_configs", ())
        }
        assert urls == {"http://127.0.0.1:9843/page"}


@pytest.mark.parametrize(
    ("webhook", "reached"),
    [
        ("http://pages:9843", "http://pages:9843/page"),
        ("http://pages:9843/", "http://pages:9843/page"),
        ("http://pages:9843?team=a", "http://pages:9843/page?team=a"),
        ("https://pager.example.org/greenops", "https://pager.example.org/greenops"),
    ],
)
def test_a_webhook_without_a_path_is_the_shipped_receiver(webhook: str, reached: str) -> None:
    receivers = yaml.safe_load(render(everybody(Url(webhook)), ALERTS))["receivers"]
    assert {hook["url"] for each in receivers for hook in each.get("webhook_configs", ())} == {reached}


def keys(node: object) -> set[str]:
    match node:
        case dict():
            return {str(key) for key in node}.union(*(keys(value) for value in node.values()))
        case list():
            return set().union(*(keys(value) for value in node))
        case _:
            return set()


def test_secrets_are_named_by_file_only() -> None:
    found = {
        key
        for key in keys(yaml.safe_load(render(EXAMPLE, ALERTS)))
        if any(word in key for word in ("password", "credential", "token", "api_url", "secret"))
    }
    assert found == {"smtp_auth_password_file", "slack_api_url_file", "credentials_file"}


WHO = [
    pytest.param(
        "EmissionLimitExceeded", "page", {"site": "north"}, "north-shift", id="an exceedance wakes the plant's shift"
    ),
    pytest.param(
        "EmissionLimitExceeded", "page", {"site": "new"}, "it-on-call", id="an exceedance of a new plant wakes somebody"
    ),
    pytest.param(
        "EmissionLimitApproaching", "ticket", {"site": "north"}, "north-office", id="a warning waits for the office"
    ),
    pytest.param("PointBad", "ticket", {"site": "new"}, "it-team", id="a ticket of a new plant reaches the team"),
    pytest.param("DeviceConnectionLost", "page", {"site": "north"}, "north-shift", id="a lost device wakes the shift"),
    pytest.param(
        "CarbonBudgetConsumed",
        "ticket",
        {"department": "research"},
        "research-lead",
        id="a budget goes to its department",
    ),
    pytest.param(
        "CarbonBudgetConsumed", "page", {"department": "research"}, "research-lead", id="so does one that is used up"
    ),
    pytest.param(
        "CarbonBudgetConsumed", "page", {"department": "sales"}, "it-on-call", id="a new department has somebody"
    ),
    pytest.param("RuleFailures", "page", {}, "it-on-call", id="broken alerting wakes IT"),
    pytest.param("Watchdog", "none", {}, "heartbeat", id="the heartbeat goes outside"),
    pytest.param("Other", "none", {}, "nobody", id="what is for machines goes to nobody"),
    pytest.param("Other", "unheard-of", {}, "it-team", id="an unknown severity is still told"),
]


@pytest.mark.parametrize(("name", "severity", "labels", "receiver"), WHO)
def test_an_alert_goes_to(name: str, severity: str, labels: dict[str, str], receiver: str, tmp_path: Path) -> None:
    pairs = [f"{key}={value}" for key, value in {"alertname": name, "severity": severity, **labels}.items()]
    file = configured(tmp_path, EXAMPLE)
    assert amtool("config", "routes", "test", f"--config.file={file}", *pairs).strip() == receiver


@pytest.mark.parametrize("each", ALERTS, ids=named)
@pytest.mark.parametrize("routes", SHIPPED.values(), ids=SHIPPED)
def test_every_alert_of_every_site_and_department_reaches_a_person(each: Alert, routes: Routes, tmp_path: Path) -> None:
    file = configured(tmp_path, routes)
    sites = [*routes.sites, "unheard-of"] if "site" in each.identity else [""]
    departments = [*routes.departments, "unheard-of"] if "department" in each.identity else [""]
    for site, department in product(sites, departments):
        labels = {name: EXAMPLES[name] for name in each.identity} | {
            "alertname": each.name,
            "severity": each.severity.value,
        }
        labels |= {
            key: value for key, value in {**each.labels, "site": site, "department": department}.items() if value
        }
        pairs = [f"{key}={value}" for key, value in labels.items()]
        told = amtool("config", "routes", "test", f"--config.file={file}", *pairs).strip().split(",")
        if each.severity is Severity.NONE:
            assert told == ["heartbeat"]
            continue
        reached = [routes.people[name] for name in told]
        assert all(person.webhook or person.email or person.slack for person in reached)
        if each.severity is Severity.PAGE:
            assert not set(told) & {routes.tickets, *(duty.tickets for duty in routes.sites.values())} - {routes.pages}


def test_a_heartbeat_comes_more_often_than_its_group_is_looked_at() -> None:
    tree = yaml.safe_load(render(EXAMPLE, ALERTS))["route"]
    beat = tree["routes"][0]
    assert (beat["group_interval"], beat["repeat_interval"]) == ("1m", "50s")
    exceeded = next(route for route in tree["routes"] if route["matchers"] == ['alertname="EmissionLimitExceeded"'])
    assert (exceeded["group_wait"], exceeded["group_interval"]) == ("0s", "1m")
    assert not {"threshold", "severity"} & set(tree["group_by"])


def test_nothing_silences_an_exceedance_and_every_inhibition_names_alerts_that_agree() -> None:
    known = {each.name: each for each in ALERTS}
    for inhibition in (*CAUSES, *ladders(ALERTS)):
        assert not {"EmissionLimitExceeded", "GatewayDown", "RuleFailures", "Watchdog"} & set(inhibition.effects)
        for name in (inhibition.cause, *inhibition.effects):
            assert set(inhibition.equal) <= set(known[name].identity), f"{name} lacks a label to agree in"
    rungs = [(each.rung, each.lower) for each in ladders(ALERTS) if each.cause == "EmissionLimitApproaching"]
    assert rungs == [("95", ("80", "90")), ("90", ("80",))]


S1 = {"site": "north", "stack": "s1"}
S2 = {"site": "north", "stack": "s2"}
NOX1, NOX2 = ({**stack, "parameter": "nox", "averaging": "1h"} for stack in (S1, S2))
A1, A2 = ({**S1, "device": device} for device in ("a1", "a2"))
RESEARCH = {"department": "research", "period": "month"}
TOGETHER = [
    pytest.param(
        [("EmissionLimitApproaching", {**NOX1, "threshold": rung}) for rung in ("80", "90", "95")],
        {("EmissionLimitApproaching", "95")},
        id="of a ladder only the highest rung",
    ),
    pytest.param(
        [
            ("EmissionLimitExceeded", NOX1),
            *(("EmissionLimitApproaching", {**NOX1, "threshold": rung}) for rung in ("80", "90", "95")),
            ("EmissionLimitApproaching", {**NOX2, "threshold": "80"}),
        ],
        {("EmissionLimitExceeded", ""), ("EmissionLimitApproaching", "80")},
        id="an exceedance instead of its warnings, but not of another stack's",
    ),
    pytest.param(
        [
            ("DeviceConnectionLost", {**A1, "protocol": "modbus"}),
            ("EmissionLimitExceeded", NOX1),
            ("EmissionAverageInvalid", NOX1),
            ("EmissionDataGap", {**A1, "point": "nox"}),
            ("PointBad", {**A1, "point": "nox"}),
            ("PointBad", {**A2, "point": "so2"}),
        ],
        {("DeviceConnectionLost", ""), ("EmissionLimitExceeded", ""), ("PointBad", "")},
        id="a lost device instead of its gaps, never instead of an exceedance or another device's point",
    ),
    pytest.param(
        [
            ("GatewayDown", {"site": "north"}),
            ("DeviceConnectionLost", {**A1, "protocol": "modbus"}),
            ("EmissionDataGap", {**A1, "point": "nox"}),
            ("EmissionLimitExceeded", NOX1),
        ],
        {("GatewayDown", ""), ("EmissionLimitExceeded", "")},
        id="a dead gateway instead of its devices, never instead of an exceedance",
    ),
    pytest.param(
        [
            *(("CarbonBudgetConsumed", {**RESEARCH, "threshold": rung}) for rung in ("75", "90", "100")),
            ("CarbonBudgetConsumed", {**RESEARCH, "department": "sales", "threshold": "75"}),
        ],
        {("CarbonBudgetConsumed", "100"), ("CarbonBudgetConsumed", "75")},
        id="a budget's highest step, and another department's own",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("firing", "sent"), TOGETHER)
def test_of_what_fires_together_alertmanager_sends(
    firing: list[tuple[str, dict[str, str]]], sent: set[tuple[str, str]], alertmanager: Callable[..., str]
) -> None:
    url = alertmanager(render(everybody(Url("http://127.0.0.1:9")), ALERTS))
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    posted = [
        {"labels": {"alertname": name, "severity": "ticket", **labels}, "endsAt": until} for name, labels in firing
    ]
    request = urllib.request.Request(
        f"{url}/api/v2/alerts", json.dumps(posted).encode(), {"Content-Type": "application/json"}
    )
    urllib.request.urlopen(request, timeout=10).close()

    def active() -> set[tuple[str, str]]:
        found: list[dict[str, Any]] = json.loads(get(f"{url}/api/v2/alerts?inhibited=false"))
        return {(each["labels"]["alertname"], each["labels"].get("threshold", "")) for each in found}

    everything: list[Any] = eventually(lambda: json.loads(get(f"{url}/api/v2/alerts")), 5)
    assert len(everything) == len(firing)
    eventually(lambda: active() == sent, 5)
    time.sleep(0.3)  # what is taken back or silenced late would show now
    assert active() == sent


def test_mail_without_a_dashboard_has_no_line_for_it(tmp_path: Path) -> None:
    alert = {
        "status": "firing",
        "labels": {"alertname": "Watchdog"},
        "annotations": {"summary": "S.", "description": "D.", "runbook_url": "alerting/runbooks/R.md"},
        "startsAt": "2026-02-11T12:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
    }
    (tmp_path / "data.json").write_text(json.dumps({"status": "firing", "alerts": [alert, alert]}))
    said = amtool(
        "template", "render", f"--template.glob={ROOM / 'greenops_alerting' / TEMPLATES}",
        f"--template.data={tmp_path / 'data.json'}", '--template.text={{ template "greenops.text" . }}',
    ).strip()  # fmt: skip
    one = "FIRING: S.\nD.\nSince: 2026-02-11 12:00:00 UTC\nWhat to do: alerting/runbooks/R.md"
    assert said == f"{one}\n\n{one}"


@pytest.mark.parametrize(
    ("status", "title", "said"),
    [
        (
            "firing",
            "[FIRING 1] EmissionLimitExceeded north/s1 nox",
            (
                "FIRING: An emission average is over its limit.\n"
                "nox at north/s1: over.\n"
                "Since: 2026-02-11 12:00:00 UTC\n"
                "What to do: https://x/R.md\n"
                "Dashboard: https://g/d"
            ),
        ),
        (
            "resolved",
            "[RESOLVED] EmissionLimitExceeded north/s1 nox",
            (
                "RESOLVED: An emission average is over its limit.\n"
                "Where: averaging=1h parameter=nox site=north stack=s1\n"
                "Since: 2026-02-11 12:00:00 UTC\n"
                "Until: 2026-02-11 12:04:00 UTC"
            ),
        ),
    ],
)
def test_mail_and_chat_are_readable(status: str, title: str, said: str, tmp_path: Path) -> None:
    alert = {
        "status": status,
        "labels": {"alertname": "EmissionLimitExceeded", "severity": "page", **NOX1},
        "annotations": {
            "summary": "An emission average is over its limit.",
            "description": "nox at north/s1: over.",
            "runbook_url": "https://x/R.md",
            "dashboard_url": "https://g/d",
        },
        "startsAt": "2026-02-11T12:00:00Z",
        "endsAt": "2026-02-11T12:04:00Z" if status == "resolved" else "0001-01-01T00:00:00Z",
    }
    data = {"status": status, "alerts": [alert], "groupLabels": {"alertname": "EmissionLimitExceeded", **NOX1}}
    (tmp_path / "data.json").write_text(json.dumps(data))

    def rendered(name: str) -> str:
        return amtool(
            "template", "render", f"--template.glob={ROOM / 'greenops_alerting' / TEMPLATES}",
            f"--template.data={tmp_path / 'data.json'}", f'--template.text={{{{ template "{name}" . }}}}',
        ).strip()  # fmt: skip

    assert rendered("greenops.title") == title
    assert rendered("greenops.text") == said
