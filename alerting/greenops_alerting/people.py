"""Who is told, and how: the operator's file, strictly read.

Secrets never stand in it: passwords and addresses that work without one are named by the file that holds them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from greenops_core.errors import ConfigError, nearest
from greenops_telemetry.configuration import Document, Section, Url, convert

HEARTBEAT, NOBODY = "heartbeat", "nobody"
"""Receivers of Alertmanager that are ours, hence nobody's name."""

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]*$")]
Address = Annotated[str, msgspec.Meta(pattern=r"^[^\s@,]+@[^\s@,]+$")]
Channel = Annotated[str, msgspec.Meta(pattern=r"^[#@][^\s]+$")]


class Person(Section, frozen=True):
    """One or several people with the same ways to reach them; each way given is used."""

    webhook: Url | None = None
    webhook_credentials_file: str | None = None
    email: tuple[Address, ...] = ()
    slack: Channel | None = None


class Duty(Section, frozen=True):
    """Who takes pages and who takes tickets; where one is not given, the general one does."""

    pages: Name | None = None
    tickets: Name | None = None


class Mail(Section, frozen=True):
    """The server that sends e-mail; it must offer TLS."""

    server: Annotated[str, msgspec.Meta(pattern=r"^[^\s:]+:\d+$")]
    sender: Address
    user: str | None = None
    password_file: str | None = None


class Slack(Section, frozen=True):
    """The incoming webhook of Slack, which is a secret itself."""

    url_file: str


class Routes(Section, frozen=True):
    """The whole file."""

    people: Annotated[Mapping[Name, Person], msgspec.Meta(min_length=1)]
    pages: Name
    tickets: Name
    heartbeat: Name
    sites: Mapping[str, Duty] = {}
    departments: Mapping[str, Duty] = {}
    mail: Mail | None = None
    slack: Slack | None = None


def load(path: Path) -> Routes:
    """The file at *path*.

    Raises:
        ConfigError: unreadable, not YAML, an unknown key or name, or somebody who cannot be reached; it says where.
    """
    document = Document.read(path)
    try:
        return _checked(convert(document.data, Routes))
    except ConfigError as error:
        raise document.located(error) from None


def _checked(routes: Routes) -> Routes:
    for name, person in routes.people.items():
        if name in {HEARTBEAT, NOBODY}:
            raise ConfigError(f"the name '{name}' is taken by a receiver of ours; choose another", ("people", name))
        if fault := _fault(person, routes):
            raise ConfigError(fault, ("people", name))
    for path, called in _named(routes):
        if called is not None and called not in routes.people:
            raise ConfigError(f"there is nobody called '{called}'{nearest(called, routes.people)}", path)
    if routes.mail and bool(routes.mail.user) != bool(routes.mail.password_file):
        raise ConfigError("user and password_file go together", ("mail",))
    return routes


def _fault(person: Person, routes: Routes) -> str:
    """Why *person* cannot be reached; nothing when all is well."""
    if not (person.webhook or person.email or person.slack):
        return "cannot be reached; give a webhook, an email or a slack channel"
    if person.email and not routes.mail:
        return "e-mail needs the block 'mail' with server and sender"
    if person.slack and not routes.slack:
        return "Slack needs the block 'slack' with url_file"
    if person.webhook_credentials_file and not person.webhook:
        return "webhook_credentials_file belongs to a webhook, which is missing"
    if person.webhook and "@" in urlsplit(person.webhook).netloc:
        return "a webhook's address holds no password; put the secret into a file and name it: webhook_credentials_file"
    return ""


def _named(routes: Routes) -> list[tuple[tuple[str, ...], str | None]]:
    """Every place where somebody's name stands, and the name."""
    duties = {("sites", key): duty for key, duty in routes.sites.items()}
    duties |= {("departments", key): duty for key, duty in routes.departments.items()}
    return [
        (("pages",), routes.pages),
        (("tickets",), routes.tickets),
        (("heartbeat",), routes.heartbeat),
        *(((*place, "pages"), duty.pages) for place, duty in duties.items()),
        *(((*place, "tickets"), duty.tickets) for place, duty in duties.items()),
    ]
