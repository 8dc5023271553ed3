"""What Alertmanager sends to a webhook, as a message for people. Pure: the clock is an argument."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

WATCHDOG = "Watchdog"
_WHERE = ("site", "stack", "device", "point", "sink", "parameter", "department", "period", "host", "collector", "zone")
_WHERE_ELSE = ("program", "job", "instance", "rule_group", "integration")
_FACTS = ("average", "limit", "over", "used", "projected", "time_left", "allowed", "data")
_OWN_LINES = {"summary", "description", "runbook_url", "dashboard_url"}
_NAMES = {"over": "over by", "time_left": "time left"}


class Notice(msgspec.Struct, frozen=True):
    """One alert of a message."""

    status: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: datetime = msgspec.field(name="startsAt")
    ends_at: datetime = msgspec.field(name="endsAt")

    @property
    def name(self) -> str:
        return self.labels.get("alertname", "unnamed")


class Message(msgspec.Struct, frozen=True):
    """The body of a webhook request."""

    alerts: tuple[Notice, ...]


def decode(body: bytes) -> Message:
    """The message in *body*.

    Raises:
        ValueError: it is not what Alertmanager sends; the message says where.
    """
    try:
        return msgspec.json.decode(body, type=Message)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from None


def is_heartbeat(message: Message) -> bool:
    """Whether there is nothing in it but the sign of life."""
    return bool(message.alerts) and all(notice.name == WATCHDOG for notice in message.alerts)


def words(message: Message, now: datetime) -> str:
    """The message in plain words, one block per alert, the newest state first."""
    ordered = sorted(message.alerts, key=lambda notice: notice.status != "firing")
    return "\n".join(_block(notice, now) for notice in ordered if notice.name != WATCHDOG)


def _block(notice: Notice, now: datetime) -> str:
    labels, annotations = notice.labels, notice.annotations
    severity = labels.get("severity", "")
    head = " ".join(part for part in (notice.status.upper(), severity.upper(), notice.name) if part)
    where = ", ".join(f"{name} {labels[name]}" for name in (*_WHERE, *_WHERE_ELSE) if labels.get(name))
    summary, period, since = annotations.get("summary", ""), labels.get("averaging", ""), _time(notice.starts_at)
    if notice.status == "resolved":
        # Its other annotations are of the last evaluation that fired: numbers that hold no longer.
        over = f"{since} (over after {_span(notice.ends_at, notice.starts_at)})"
        lines = [("was", summary), ("where", where), ("period", period), ("since", over)]
    else:
        lines = [
            ("what", summary),
            ("", annotations.get("description", "")),
            ("where", where),
            ("period", period),
            *((_NAMES.get(name, name), annotations.get(name, "")) for name in _facts(annotations)),
            ("since", f"{since} (for {_span(now, notice.starts_at)})"),
            ("runbook", annotations.get("runbook_url", "")),
            ("dashboard", annotations.get("dashboard_url", "")),
        ]
    body = "".join(f"    {name:<10} {_printable(content)}\n" for name, content in lines if content)
    return f"{_time(now)}  {_printable(head)}\n{body}"


def _facts(annotations: Mapping[str, str]) -> list[str]:
    return [*_FACTS, *sorted(annotations.keys() - set(_FACTS) - _OWN_LINES)]


def _span(end: datetime, start: datetime) -> str:
    """Whole seconds, minutes, hours or days between.

    >>> _span(datetime(2026, 2, 1, 12, 5, tzinfo=UTC), datetime(2026, 2, 1, 12, tzinfo=UTC))
    '5 min'
    """
    seconds = max(0, round((end - start).total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _printable(text: str) -> str:
    r"""Without what would move a terminal's cursor or colour it: labels come from outside.

    >>> _printable("a\x1b[31mb")
    'a?[31mb'
    """
    return "".join(letter if letter.isprintable() else " " if letter.isspace() else "?" for letter in text)
