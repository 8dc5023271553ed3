"""``greenops-gateway journal``: what is in the journal, what became of it, and the proof that nothing is missing."""

from __future__ import annotations

import argparse
import json
import logging
import math
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from greenops_core.errors import ConfigError, within
from greenops_gateway.journal.audit import login, moment
from greenops_gateway.journal.export import Export, Wanted, comma_separated, head, jsonl, matching
from greenops_gateway.journal.look import STATE, Look, looking
from greenops_gateway.journal.proof import Progress, proven
from greenops_gateway.journal.report import (
    gap_lines,
    gaps,
    proof_lines,
    quarantine_lines,
    quarantined,
    standing,
    standing_lines,
)
from greenops_gateway.journal.words import Where, where
from greenops_telemetry.audit import Audit, Kind
from greenops_telemetry.journal.account import Quarantined
from greenops_telemetry.process import UNWRITABLE

log = logging.getLogger(__name__)

Say = Callable[[str], None]


def journal(given: argparse.Namespace, say: Say, progress: Progress = lambda _share, _text: None) -> int:
    """Do what *given* asks, line by line to *say*; gives the exit code.

    Raises:
        ConfigError: what was asked cannot be done; the text says why.
    """
    place = where(given.config, given.directory)
    try:
        if given.journal == "verify":
            return _verify(given, place, say, progress)
        with looking(place.directory) as look:
            return _answered(given, place, look, say, progress)
    except ConfigError as error:
        if given.journal != "status" or not (place.directory / STATE).exists():
            raise
        say(json.dumps({"error": str(error)}) if given.json else f"BAD  {error}; ask: greenops-gateway journal verify")
        return 1
    except OSError as error:
        if isinstance(error, BrokenPipeError) or error.errno in UNWRITABLE:  # of what we print to
            raise
        raise ConfigError(f"the journal in {place.directory} cannot be read: {error}") from None


def _answered(given: argparse.Namespace, place: Where, look: Look, say: Say, progress: Progress) -> int:
    match given.journal:
        case "status":
            return _status(given, place, look, say)
        case "export":
            return _export(given, look, say, progress)
        case "gaps":
            return _gaps(given, look, say)
        case "quarantine":
            return _quarantine(given, look, say)
        case _:
            return _forget(given, place, look, say)


def _status(given: argparse.Namespace, place: Where, look: Look, say: Say) -> int:
    found = standing(look, place, time.time())
    say(json.dumps(found, indent=2) if given.json else "\n".join(standing_lines(found)))
    return 1 if any(sink["difference"] for sink in found["sinks"]) else 0


def _verify(given: argparse.Namespace, place: Where, say: Say, progress: Progress) -> int:
    proof = proven(place.directory, progress)
    if given.json:
        findings = [each._asdict() for each in proof.findings]
        sinks = [each._asdict() for each in proof.sinks]
        counted = {"samples": proof.samples, "segments": proof.live, "archives": proof.archived, "next": proof.next}
        say(json.dumps({"directory": str(place.directory), **counted, "findings": findings, "sinks": sinks}, indent=2))
    else:
        say("\n".join(proof_lines(place.directory, proof)))
    return 1 if proof.wrong else 0


def _export(given: argparse.Namespace, look: Look, say: Say, progress: Progress) -> int:
    export = Export(look, _wanted(given, look))
    line = jsonl if given.format == "jsonl" else comma_separated
    lines = (line(row, look.store.series(row.series)) for row in export.rows(progress if given.out else _quiet))
    if given.out is None:
        if given.format == "csv":
            say(head())
        for each in lines:
            say(each)
    else:
        _write(given.out, lines, head() + "\n" if given.format == "csv" else "")
        log.info("%s: %d samples", given.out, export.written)
    lost = export.lost
    if lost:
        log.warning("%d samples between could not be read; ask: greenops-gateway journal verify", lost)
    return 1 if lost else 0


def _gaps(given: argparse.Namespace, look: Look, say: Say) -> int:
    with within("--since"):
        since = -math.inf if given.since is None else moment(given.since, time.time())
    wanted = None if given.point is None else matching(look, given.point)
    found = gaps(look, since, given.point if wanted else None)
    say(json.dumps(found, indent=2) if given.json else "\n".join(gap_lines(found) if found else ["no gaps"]))
    return 0


def _quarantine(given: argparse.Namespace, look: Look, say: Say) -> int:
    state = look.store.state
    every = list(state.quarantine())
    if given.show is not None:
        for one in _chosen(every, str(given.show)):
            numbers = (number for start, stop in one.sequences for number in range(start, stop))
            for row in one.columns.rows(0):
                say(jsonl(row._replace(sequence=next(numbers)), look.store.series(row.series)))
        return 0
    if given.release is None:
        found = quarantined(look, every)
        lines = quarantine_lines(found) if found else ["nothing is in quarantine"]
        say(json.dumps(found, indent=2) if given.json else "\n".join(lines))
        return 0
    chosen = _chosen(every, given.release)
    samples = sum(len(one.columns) for one in chosen)
    what = {"action": "release from quarantine", "ids": [one.id for one in chosen], "samples": samples}
    return _act(given, look, say, what, lambda: state.release(one.id for one in chosen))


def _forget(given: argparse.Namespace, place: Where, look: Look, say: Say) -> int:
    account = look.accounts.get(given.sink)
    if account is None:
        known = ", ".join(look.accounts) or "none"
        raise ConfigError(f"the journal has no sink '{given.sink}'; there are: {known}")
    if place.sinks is None:
        raise ConfigError("say --config FILE too, so that it is known which sinks the gateway still has")
    if given.sink in place.sinks:
        raise ConfigError(
            f"the sink '{given.sink}' is still in the configuration; take it out, and reload the gateway first"
        )
    what = {
        "action": "forget a sink",
        "sink": given.sink,
        "delivered": account.delivered,
        "pending": account.pending(look.store.next),
        "quarantined": account.quarantined,
        "evicted": account.evicted,
    }
    return _act(given, look, say, what, lambda: look.store.state.forget(given.sink))


def _act(given: argparse.Namespace, look: Look, say: Say, what: dict[str, Any], do: Callable[[], object]) -> int:
    """Record *what* a person wants in the audit log, and then *do* it."""
    told = json.dumps(what) if given.json else ", ".join(f"{key} {value}" for key, value in what.items())
    if given.dry_run:
        say(told if given.json else f"would {told.removeprefix('action ')}")
        return 0
    who = login()
    audit = Audit.open(look.directory / "audit")
    try:
        audit.append(Kind.ACTION, who, what)
    except OSError as error:
        raise ConfigError(f"nothing was done: it cannot be recorded in the audit log: {error}") from None
    try:
        do()
    except OSError as error:
        audit.append(Kind.ACTION, who, {**what, "failed": str(error)})
        raise ConfigError(f"nothing was done, and the audit log says so: {error}") from None
    say(told if given.json else f"done: {told.removeprefix('action ')}; recorded in the audit log")
    return 0


def _chosen(every: list[Quarantined], text: str) -> list[Quarantined]:
    if text == "all":
        return every
    found = [one for one in every if str(one.id) == text]
    if not found:
        known = ", ".join(str(one.id) for one in every[:20]) or "it is empty"
        raise ConfigError(f"there is no '{text}' in quarantine; there are: {known}")
    return found


def _wanted(given: argparse.Namespace, look: Look) -> Wanted:
    now = time.time()
    with within("--since"):
        since = -math.inf if given.since is None else moment(given.since, now)
    with within("--until"):
        until = math.inf if given.until is None else moment(given.until, now)
        if until <= since:
            raise ConfigError("it ends before it begins")
    start, stop = 1, look.store.next
    if given.sequence is not None:
        with within("--sequence"):
            numbers = re.fullmatch(r"([0-9]{1,15})(?:-([0-9]{1,15}))?", given.sequence)
            if not numbers:
                raise ConfigError(f"'{given.sequence}' is no sequence number; write 17, or 17-20 for several")
            start, stop = int(numbers[1]), int(numbers[2] or numbers[1]) + 1
            if stop <= start:
                raise ConfigError(f"{stop - 1} is before {start}")
    return Wanted(None if given.point is None else matching(look, given.point), since, until, start, stop)


def _write(path: Path, lines: Iterator[str], first: str) -> None:
    """Put *lines* into a new file, which is there whole or not at all."""
    if path.exists():
        raise ConfigError(f"{path} is there already; move it away, or write to another file", ("--out",))
    half = path.with_name(f"{path.name}.half")
    try:
        with half.open("w", encoding="utf-8") as file:
            file.write(first)
            for line in lines:
                file.write(f"{line}\n")
        half.replace(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror or error}", ("--out",)) from None
    finally:
        half.unlink(missing_ok=True)


def _quiet(_share: float, _text: str) -> None:
    """Who prints to the same terminal shows no bar."""
