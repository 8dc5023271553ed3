"""``greenops-gateway audit``: prove the audit log, read it, and record by hand what a person changed."""

from __future__ import annotations

import argparse
import json
import logging
import os
import pwd
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from greenops_core.duration import duration
from greenops_core.errors import ConfigError, within
from greenops_core.sample import Quality
from greenops_core.table import aligned
from greenops_gateway.journal.words import where
from greenops_telemetry.audit import Audit, Kind, Record, evidence, timestamp
from greenops_telemetry.audit_chain import BEGINNING, sealed
from greenops_telemetry.audit_proof import findings, records

log = logging.getLogger(__name__)

Say = Callable[[str], None]
BY_HAND = (Kind.CORRECTION, Kind.QUALITY_OVERRIDE)
"""What a person may add; the gateway records the other kinds when they happen."""
QUALITIES = tuple(quality.name.lower() for quality in Quality)

_VERIFY = """\
A hash to compare with is in the gateway's own log, once a day ("audit anchor to keep elsewhere"), and in audit.anchors.
Keep it where whoever can write on this machine cannot: the log server, a mail to the authority, a printed page. Whoever
can write all files of the audit log can make another history that fits together, and only --anchor shows that.

exit codes: 0 everything is as it was written, 1 something is not, 2 wrong usage or no audit log
"""
_ADD = """\
example:
  greenops-gateway audit add correction --point stack-1/so2 --interval 2026-03-01T10:00Z/2026-03-01T11:00Z \\
    --old 181.5 --new 12.25 --reason "span gas was flowing; see logbook 2026-017"

Nothing is overwritten: the old value stays where it is, and the newest record for the same point and time holds.
"""


def add_audit(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The words of ``audit``, below *commands*."""
    audit = commands.add_parser("audit", help="prove the audit log, read it, or record a correction by hand")
    asked = audit.add_subparsers(dest="audit", required=True, metavar="WHAT")
    layout = argparse.RawDescriptionHelpFormatter
    proof = asked.add_parser(
        "verify", help="find every change, removal and truncation", epilog=_VERIFY, formatter_class=layout
    )
    proof.add_argument(
        "--anchor", action="append", default=[], metavar="HASH", help="one that left this machine; may be repeated"
    )
    show = asked.add_parser("show", help="list records, oldest first")
    show.add_argument("--since", metavar="WHEN", help="a date, a time with its zone, or how long ago: 7d")
    show.add_argument(
        "--kind", action="append", default=[], type=Kind, choices=list(Kind), help="only this; may be repeated"
    )
    add = asked.add_parser("add", help="record a correction or an override", epilog=_ADD, formatter_class=layout)
    add.add_argument("kind", type=Kind, choices=BY_HAND, metavar="KIND", help=" or ".join(BY_HAND))
    add.add_argument("--point", required=True, metavar="NAME", help="what is corrected, like stack-1/so2")
    where = add.add_mutually_exclusive_group(required=True)
    where.add_argument("--interval", metavar="FROM/TO", help="of this time; both with their zone")
    where.add_argument("--sequence", metavar="N[-M]", help="or with these numbers in the journal")
    add.add_argument("--old", required=True, metavar="VALUE", help=f"what it was; a quality is {'/'.join(QUALITIES)}")
    add.add_argument("--new", required=True, metavar="VALUE", help="what it is from now on")
    add.add_argument("--reason", required=True, metavar="TEXT", help="why, for whoever asks in ten years")
    add.add_argument("--who", metavar="NAME", help="who decided it; you unless given")
    add.add_argument("--dry-run", action="store_true", help="show the record and write nothing")
    for each in (proof, show, add):
        each.add_argument("--config", type=Path, metavar="FILE", help="configuration (default gateway.yml)")
        each.add_argument(
            "--directory", type=Path, metavar="DIR", help="where it lies (audit in the journal that the file names)"
        )
        each.add_argument("--json", action="store_true", help="for programs")


def audit(given: argparse.Namespace, say: Say) -> int:
    """Do what *given* asks, line by line to *say*; gives the exit code.

    Raises:
        ConfigError: what was asked cannot be done; the text says why.
    """
    given.directory = given.directory or where(given.config, None).directory / "audit"
    return {"verify": _verify, "show": _show, "add": _add}[given.audit](given, say)


def _verify(given: argparse.Namespace, say: Say) -> int:
    published = [hash_.strip().lower() for hash_ in given.anchor]
    for hash_ in published:
        if not re.fullmatch(r"[0-9a-f]{64}", hash_):
            raise ConfigError(f"--anchor: '{hash_}' is no hash; it has 64 digits of 0-9 and a-f")
    files = evidence(given.directory)
    found = list(findings(files, published))
    wrong = [each for each in found if not each.harmless]
    if given.json:
        say(json.dumps({"directory": str(given.directory), "findings": [each._asdict() for each in found]}, indent=2))
    else:
        for each in found:
            line = "" if each.line is None else f":{each.line}"
            say(f"{'note' if each.harmless else 'BAD '} {given.directory / each.file}{line}: {each.meaning}")
        told = sum(1 for _ in records(files.log))
        say(f"{told} records, {len(wrong)} findings" if wrong else f"{told} records, all as they were written")
    return 1 if wrong else 0


def _show(given: argparse.Namespace, say: Say) -> int:
    with within("--since"):
        since = "" if given.since is None else timestamp(moment(given.since, time.time()))
    files = evidence(given.directory)
    chosen = [each for each in records(files.log) if each.at >= since and (not given.kind or each.kind in given.kind)]
    if given.json:
        say(json.dumps([each._asdict() for each in chosen], indent=2))
    else:
        say("\n".join(aligned(("number", "at", "kind", "who", "what"), *map(_row, chosen))))
    if any(not each.harmless for each in findings(files)):
        log.warning("this log is not as it was written; ask: greenops-gateway audit verify")
    return 0


def _add(given: argparse.Namespace, say: Say) -> int:
    what: dict[str, object] = {"point": given.point, **_where(given), "reason": given.reason}
    for key, text in (("old", given.old), ("new", given.new)):
        with within(f"--{key}"):
            what[key] = _quality(text) if given.kind is Kind.QUALITY_OVERRIDE else _value(text)
    who = login() if given.who is None else given.who
    evidence(given.directory)  # a wrong directory must not become a second log
    if given.dry_run:
        written = sealed(BEGINNING, timestamp(time.time()), given.kind, who, what)
        fields = {key: value for key, value in written._asdict().items() if key not in {"number", "previous", "hash"}}
        say(json.dumps(fields, indent=2) if given.json else f"would record: {'  '.join(_row(written)[1:])}")
        return 0
    try:
        made = Audit.open(given.directory).append(given.kind, who, what)
    except OSError as error:
        raise ConfigError(f"it may not be recorded, see audit show: {error.strerror or error}") from None
    say(json.dumps(made._asdict(), indent=2) if given.json else f"recorded: {'  '.join(_row(made))}")
    return 0


def _row(each: Record) -> tuple[str, ...]:
    return str(each.number), each.at, each.kind, plain(each.who), summary(each.what)


def summary(what: Mapping[str, object]) -> str:
    """What a record says, on one line.

    >>> summary({"point": "so2", "old": 1.5, "interval": ["a", "b"]})
    'point so2, old 1.5, interval ["a", "b"]'
    """
    shown = {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for key, value in what.items()
    }
    return plain(", ".join(f"{key} {value}" for key, value in shown.items()))


def plain(text: str) -> str:
    """*text* on one line, with nothing in it that a terminal obeys."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def _where(given: argparse.Namespace) -> dict[str, object]:
    if given.interval is not None:
        with within("--interval"):
            start, slash, stop = given.interval.partition("/")
            if not slash:
                raise ConfigError("write where it begins, a slash, and where it ends")
            interval = [timestamp(instant(start)), timestamp(instant(stop))]
            if interval[0] >= interval[1]:
                raise ConfigError("it ends before it begins")
            return {"interval": interval}
    with within("--sequence"):
        numbers = re.fullmatch(r"([0-9]{1,15})(?:-([0-9]{1,15}))?", given.sequence)
        if not numbers:
            raise ConfigError(f"'{given.sequence}' is no sequence number; write 17, or 17-20 for several")
        first, last = int(numbers[1]), int(numbers[2] or numbers[1])
        if last < first:
            raise ConfigError(f"{last} is before {first}")
        return {"sequence": [first, last]}


def moment(text: str, now: float) -> float:
    """Unix seconds of a date, of a time with its zone, of ``now``, or of how long before that; else ConfigError.

    Thirteen digits are Unix milliseconds, as links of Grafana write a time.

    >>> moment("2026-01-01", 0), moment("2026-01-01T01:00:00+01:00", 0), moment("1h", 10_000)
    (1767225600.0, 1767225600.0, 6400.0)
    >>> moment("1767225600000", 0), moment("now", 10_000.0)
    (1767225600.0, 10000.0)
    """
    if text == "now":
        return now
    if re.fullmatch(r"[0-9]{13}", text):
        return int(text) / 1000
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        text += "T00:00:00Z"
    return instant(text) if text[4:5] == "-" else now - duration(text)


def instant(text: str) -> float:
    """Unix seconds of a time with its zone. Raises ConfigError: it is none."""
    try:
        at = datetime.fromisoformat(text)
        seconds = at.astimezone(UTC).timestamp()
    except (ValueError, OverflowError):
        raise ConfigError(f"'{text}' is no time; write it like 2026-03-01T10:00:00Z") from None
    if at.tzinfo is None:
        raise ConfigError(f"the time '{text}' has no zone; end it with Z or +01:00")
    return seconds


def _value(text: str) -> object:
    """A number where *text* is one, else *text*."""
    if re.fullmatch(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", text):
        return float(text)
    return text


def _quality(text: str) -> str:
    if text not in QUALITIES:
        raise ConfigError(f"'{text}' is no quality; known: {', '.join(QUALITIES)}")
    return text


def login() -> str:
    """The name of whoever runs this. Raises ConfigError: the machine has none."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        raise ConfigError("--who is needed: this machine has no name for the user that runs this") from None
