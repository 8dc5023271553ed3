"""Alertmanager's configuration (0.28 or newer) from the people of an operator's file and the inhibitions of the rules.

By severity first, then by site or department; every branch ends with the general duty, so nobody's alert is nobody's.
An exceedance is sent at once. Secrets are named by file only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

import msgspec
import yaml

from greenops_alerting.inhibition import CAUSES, ladders, rendered
from greenops_alerting.people import HEARTBEAT, NOBODY, Duty, Person, Routes
from greenops_alerting.rule import Alert, Severity
from greenops_telemetry.configuration import Url

HEADER = "# Written by 'greenops-alerting'. Change alerting/routes.yml instead.\n"
TEMPLATES = "greenops.tmpl"
GROUP_BY = ("alertname", "site", "stack", "parameter", "averaging", "department", "period")
"""What one message is about. Neither threshold nor severity: an incident that grows stays one incident."""

AT_ONCE = {"group_wait": "0s", "group_interval": "1m", "repeat_interval": "1h"}
PAGE = {"group_wait": "10s", "group_interval": "1m", "repeat_interval": "1h"}
TICKET = {"group_wait": "30s", "group_interval": "5m", "repeat_interval": "12h"}
BEAT = {"group_wait": "0s", "group_interval": "1m", "repeat_interval": "50s"}
"""A repeat interval equal to the group interval would skip every second heartbeat."""


def to_webhook(routes: Routes, url: Url) -> Routes:
    """The same people, all reached at *url*: to see on one screen who would be told."""
    people = {name: Person(webhook=url) for name in routes.people}
    return msgspec.structs.replace(routes, people=people, mail=None, slack=None)


def everybody(url: Url) -> Routes:
    """One duty that takes everything, at *url*."""
    return Routes(people={"duty": Person(webhook=url)}, pages="duty", tickets="duty", heartbeat="duty")


def render(routes: Routes, alerts: Iterable[Alert]) -> str:
    """The text of alertmanager.yml."""
    templates = routes.mail is not None or routes.slack is not None
    document: dict[str, object] = {"global": _global(routes)} if templates else {}
    document |= {"templates": [TEMPLATES]} if templates else {}
    document |= {
        "route": _tree(routes),
        "inhibit_rules": [rendered(each) for each in (*ladders(alerts), *CAUSES)],
        "receivers": [
            {"name": NOBODY},
            {"name": HEARTBEAT, **_channels(routes.people[routes.heartbeat], resolved=False)},
            *({"name": name, **_channels(person, resolved=True)} for name, person in routes.people.items()),
        ],
    }
    return HEADER + yaml.safe_dump(document, sort_keys=False, width=10_000, allow_unicode=True)


def _global(routes: Routes) -> dict[str, object]:
    made: dict[str, object] = {}
    if mail := routes.mail:
        made |= {"smtp_smarthost": mail.server, "smtp_from": mail.sender, "smtp_require_tls": True}
        if mail.user:
            made |= {"smtp_auth_username": mail.user, "smtp_auth_password_file": mail.password_file}
    if routes.slack:
        made["slack_api_url_file"] = routes.slack.url_file
    return made


def _tree(routes: Routes) -> dict[str, object]:
    exceeded = _branch(routes, ("alertname", "EmissionLimitExceeded"), "pages", AT_ONCE)
    return {
        "receiver": routes.tickets,
        "group_by": list(GROUP_BY),
        **TICKET,
        "routes": [
            {"matchers": [_equal("alertname", "Watchdog")], "receiver": HEARTBEAT, "group_by": ["alertname"], **BEAT},
            {"matchers": [_equal("severity", Severity.NONE)], "receiver": NOBODY},
            exceeded,
            _branch(routes, ("severity", Severity.PAGE), "pages", PAGE),
            _branch(routes, ("severity", Severity.TICKET), "tickets", TICKET),
        ],
    }


def _branch(routes: Routes, which: tuple[str, str], duty: str, pace: Mapping[str, str]) -> dict[str, object]:
    special = [
        {"matchers": [_equal(label, name)], "receiver": receiver}
        for label, duties in (("site", routes.sites), ("department", routes.departments))
        for name, given in duties.items()
        if (receiver := _on_duty(given, duty))
    ]
    branch: dict[str, object] = {"matchers": [_equal(*which)], "receiver": getattr(routes, duty), **pace}
    return branch | ({"routes": special} if special else {})


def _on_duty(given: Duty, duty: str) -> str | None:
    return given.pages if duty == "pages" else given.tickets


def _equal(label: str, value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{label}="{escaped}"'


def _channels(person: Person, *, resolved: bool) -> dict[str, object]:
    made: dict[str, object] = {}
    if person.webhook:
        made["webhook_configs"] = [_webhook(person, resolved=resolved)]
    if person.email:
        made["email_configs"] = [
            {
                "to": address,
                "send_resolved": resolved,
                "headers": {"Subject": '{{ template "greenops.title" . }}'},
                "text": '{{ template "greenops.text" . }}',
                "html": "",
            }
            for address in person.email
        ]
    if person.slack:
        made["slack_configs"] = [
            {
                "channel": person.slack,
                "send_resolved": resolved,
                "title": '{{ template "greenops.title" . }}',
                "text": '{{ template "greenops.text" . }}',
            }
        ]
    return made


def _webhook(person: Person, *, resolved: bool) -> dict[str, object]:
    parts = urlsplit(str(person.webhook))
    url = parts._replace(path="/page") if parts.path in {"", "/"} else parts
    made: dict[str, object] = {"url": url.geturl(), "send_resolved": resolved}
    if person.webhook_credentials_file:
        made["http_config"] = {"authorization": {"credentials_file": person.webhook_credentials_file}}
    return made
