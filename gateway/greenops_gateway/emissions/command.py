"""``greenops-gateway hours``: what is closed, whether it is still what the journal gives, what is reported of it."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from typing import Any

from greenops_core.errors import ConfigError
from greenops_core.table import aligned
from greenops_gateway.cems.hour import Hour, written
from greenops_gateway.cems.record import ClosedHour, Reported
from greenops_gateway.cems.substitution.part75 import Batch, batch, series
from greenops_gateway.emissions.correct import Why, corrected
from greenops_gateway.emissions.entry import Entry, result, results_hash, values
from greenops_gateway.emissions.ledger import Ledger
from greenops_gateway.emissions.recompute import Recomputation
from greenops_gateway.emissions.words import Where, chosen, of_one, span, where
from greenops_gateway.journal.audit import login
from greenops_gateway.journal.look import looking

Say = Callable[[str], None]
_HEX = 12


def hours(given: argparse.Namespace, say: Say) -> int:
    """Do what *given* asks, line by line to *say*; gives the exit code.

    Raises:
        ConfigError: what was asked cannot be done; the text says why.
    """
    place = where(given.config, given.directory)
    stack, hour = of_one(given.id) if given.hours == "show" else (given.stack, None)
    ledger = Ledger(place.ledger, chosen(place, stack))
    try:
        asked = range(hour, hour + 1) if hour is not None else span(given)
        code = _ANSWERS[given.hours](given, say, place, ledger, asked)
        wrong = ledger.findings(asked)
    except OSError as error:
        raise ConfigError(f"the ledger in {ledger.folder} cannot be read: {error.strerror or error}") from None
    for finding in wrong:
        say(f"BAD  {finding.path}, line {finding.line}: {finding.meaning}; restore the file from a backup")
    return 1 if wrong else code


def reported(place: Where, ledger: Ledger, asked: range) -> dict[str, Batch]:
    """The reported plane of all hours that are closed before the end of *asked*, by parameter.

    Raises:
        ConfigError: the configuration says nothing of substitution.
        OSError: the ledger cannot be read.
    """
    section = place.section
    plans = () if section is None else section.substitution.get(ledger.stack, ())
    if section is None or not plans:
        raise ConfigError(f"nothing says how missing data of '{ledger.stack}' is reported; add emissions.substitution")
    loads = {plan.stack: plan.load.maximum for plan in section.stacks if plan.load is not None}
    known = [entry.closed for entry in ledger.hours(range(min(each.certified for each in plans), asked.stop))]
    return {
        each.parameter: batch(each, series(each, _since(known, each.certified), loads.get(ledger.stack)))
        for each in plans
    }


def _since(known: Sequence[ClosedHour], hour: Hour) -> Sequence[ClosedHour]:
    return [closed for closed in known if closed.hour >= hour]


def _list(given: argparse.Namespace, say: Say, _: Where, ledger: Ledger, asked: range) -> int:
    rows: list[Sequence[str]] = []
    names: list[str] = []
    for entry in ledger.hours(asked):
        if given.json:
            say(json.dumps({"stack": entry.stack, "revision": entry.revision, **result(entry.closed)}))
            continue
        found = values(entry.closed)
        names = names or list(found)
        rows.append((written(entry.closed.hour), str(entry.revision), *(_told(found.get(name)) for name in names)))
    if not given.json:
        say("\n".join(aligned(("hour", "revision", *names), *rows)) if rows else "no hour is closed")
    return 0


def _show(given: argparse.Namespace, say: Say, _: Where, ledger: Ledger, asked: range) -> int:
    every = ledger.revisions(Hour(asked[0]))
    if not every:
        raise ConfigError(f"{written(Hour(asked[0]))} of '{ledger.stack}' is not closed")
    if given.json:
        say(json.dumps([shown(entry) for entry in every], indent=2))
    else:
        say("\n".join(line for entry in every for line in _lines(entry)))
    return 0


def shown(entry: Entry) -> dict[str, Any]:
    """*entry* as JSON has it."""
    tests = {
        "out_of_control": sorted(entry.tests.out_of_control),
        "calibrations": {name: [list(each) for each in some] for name, some in entry.tests.calibrations.items()},
    }
    parts = {"inputs": entry.inputs._asdict(), "tests": tests, "closed": result(entry.closed)}
    return {**entry._asdict(), **parts}


def _lines(entry: Entry) -> Iterator[str]:
    closed = entry.closed
    because = f": {entry.reason}" if entry.reason else ""
    yield f"{entry.stack} {written(closed.hour)}, revision {entry.revision}{because}"
    yield f"  closed {entry.closed_at} by version {entry.version} and plan {entry.plan[:_HEX]}…"
    stretches = ", ".join(f"{first} to {stop - 1}" for first, stop in entry.inputs.sequences) or "none"
    yield f"  from {entry.inputs.readings} samples (sequences {stretches}), inputs {entry.inputs.hash[:_HEX]}…"
    load = "" if closed.load is None else f", load {closed.load}"
    startup = ", in startup or shutdown" if closed.is_startup else ""
    yield f"  operating {closed.operating_time} h{load}{startup}"
    if entry.tests.out_of_control:
        yield f"  out of control: {', '.join(sorted(entry.tests.out_of_control))}"
    for each in closed.measured.values():
        told = f"{each.value} (MODC {each.method}, {each.points} points)" if each.value is not None else f"- {each.why}"
        yield f"  {each.parameter} {told}"
    for rate in closed.computed.values():
        told = f"{rate.value} {rate.unit} by {rate.equation}" if rate.value is not None else f"- {rate.why}"
        yield f"  {rate.parameter} {told}"


def _recompute(given: argparse.Namespace, say: Say, place: Where, ledger: Ledger, asked: range) -> int:
    if given.revise is not None:
        return _revise(given, say, place, ledger, asked)
    checked = differing = 0
    with looking(place.journal) as look:
        for found in Recomputation(ledger, look.store).of(ledger.hours(asked)):
            checked += 1
            differing += bool(found.differences)
            for difference in found.differences:
                say(_json_or(given, found.entry, difference))
    if not given.json:
        say(f"{checked} hours computed anew, {differing} differ from the ledger")
    return 1 if differing else 0


def _revise(given: argparse.Namespace, say: Say, place: Where, ledger: Ledger, asked: range) -> int:
    """Raises ConfigError: no reason, or no configuration to go by."""
    if not given.revise.strip():
        raise ConfigError("say why; it stays in the ledger and in the audit log", ("--revise",))
    if given.config is None or place.section is None:
        raise ConfigError("say --config FILE too: a revision goes by its plan")
    names = None if given.out_of_control is None else frozenset(given.out_of_control) - {"none"}
    why = Why(given.revise.strip(), login(), version("greenops"), time.time(), names)
    with looking(place.journal) as look:
        made = list(corrected(given.config, ledger, look, asked, why))
    for entry in made:
        say(_json_or(given, entry, f"revision {entry.revision}"))
    if not given.json:
        say(f"{len(made)} hours revised")
    return 0


def _json_or(given: argparse.Namespace, entry: Entry, told: str) -> str:
    hour = written(entry.closed.hour)
    return json.dumps({"stack": entry.stack, "hour": hour, "told": told}) if given.json else f"{hour}: {told}"


def _substitute(given: argparse.Namespace, say: Say, place: Where, ledger: Ledger, asked: range) -> int:
    for parameter, done in reported(place, ledger, asked).items():
        provisional = {each.hour for each in done.provisional}
        for each in (*done.reported, *done.provisional):
            if each.hour in asked:
                say(_reported(given, each, is_provisional=each.hour in provisional))
                if given.explain and each.hour in done.workings:
                    say(done.workings[each.hour].told())
        if not given.json:
            say(f"{parameter}: {len(done.workings)} substitutes, {len(provisional)} of them provisional")
    return 0


def _reported(given: argparse.Namespace, each: Reported, *, is_provisional: bool) -> str:
    told = {
        "hour": written(each.hour),
        "parameter": each.parameter,
        "value": None if each.value is None else str(each.value),
        "unadjusted": None if each.unadjusted is None else str(each.unadjusted),
        "method": each.method,
        "available": None if each.available is None else str(each.available),
        "provisional": is_provisional,
    }
    if given.json:
        return json.dumps(told)
    end = " provisional" if is_provisional else ""
    return f"{told['hour']} {each.parameter} {_told(each.value)} MODC {each.method} PMA {_told(each.available)}{end}"


def _hash(given: argparse.Namespace, say: Say, _: Where, ledger: Ledger, asked: range) -> int:
    some = [entry.closed for entry in ledger.hours(asked)]
    found = results_hash(some)
    told = {"stack": ledger.stack, "hours": len(some), "sha256": found}
    say(json.dumps(told) if given.json else f"{found}  {ledger.stack}, {len(some)} hours")
    return 0


def _told(value: object) -> str:
    return "-" if value is None else str(value)


_ANSWERS: dict[str, Callable[[argparse.Namespace, Say, Where, Ledger, range], int]] = {
    "list": _list,
    "show": _show,
    "recompute": _recompute,
    "substitute": _substitute,
    "hash": _hash,
}
