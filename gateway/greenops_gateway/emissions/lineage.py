"""From an hourly value back: its equation, inputs, averages, samples, registers; all computed anew."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from greenops_core.errors import ConfigError, nearest
from greenops_gateway.cems.hour import Hour, read, written
from greenops_gateway.cems.reading import LOAD, OPERATING, Status
from greenops_gateway.cems.working import Working
from greenops_gateway.emissions.collect import Sampled, Window
from greenops_gateway.emissions.entry import Entry, values
from greenops_gateway.emissions.follow import Stack, Worked
from greenops_gateway.emissions.ledger import PLANS, Ledger
from greenops_gateway.emissions.recompute import Recomputation
from greenops_gateway.journal.look import Look
from greenops_gateway.journal.trace_reading import traced as traced_sample
from greenops_telemetry.audit import timestamp

_TITLES = {OPERATING: "operating time", LOAD: "gross load"}

Traced = dict[str, Any]


class Asked(NamedTuple):
    """A value of an hour: of which stack, and which parameter."""

    stack: str
    parameter: str
    hour: Hour


def asked(text: str) -> Asked:
    """What ``hour:STACK/PARAMETER@HOUR`` asks for.

    >>> asked("hour:stack-1/NOXR@1970-01-02T03")
    Asked(stack='stack-1', parameter='NOXR', hour=27)

    Raises:
        ConfigError: it is written in another way.
    """
    found = re.fullmatch(r"hour:([^/@]+)/([^/@]+)@(.+)", text)
    try:
        if found:
            return Asked(found[1], found[2], read(found[3]))
    except ValueError:
        pass
    raise ConfigError(f"'{text}' is no value of an hour; write hour:stack-1/NOXR@2026-01-31T09")


def traced(look: Look, directory: Path, text: str) -> Traced:
    """Everything about the value that *text* asks for, in the ledger in *directory*; *doubts* are what does not fit.

    Raises:
        ConfigError: there is no such hour or parameter, or its plan cannot be read.
        OSError: the disk does not let us read it.
    """
    wanted = asked(text)
    ledger = Ledger(directory, wanted.stack)
    every = ledger.revisions(wanted.hour)
    if not every:
        name = f"{written(wanted.hour)} of '{wanted.stack}'"
        raise ConfigError(f"{name} is not in the ledger in {directory}; ask: greenops-gateway hours list")
    entry = every[-1]
    known = values(entry.closed)
    if wanted.parameter not in known:
        raise ConfigError(f"the hour has no '{wanted.parameter}'{nearest(wanted.parameter, known)}")
    recomputation = Recomputation(ledger, look.store)
    (found,) = recomputation.of([entry])
    findings = ledger.findings(range(wanted.hour, wanted.hour + 1))
    tree = _Tree(look, entry, found.worked, recomputation)
    return {
        "stack": entry.stack,
        "hour": written(wanted.hour),
        "parameter": wanted.parameter,
        "value": None if known[wanted.parameter] is None else str(known[wanted.parameter]),
        "revision": entry.revision,
        "revisions": [{"at": each.closed_at, "reason": each.reason, "version": each.version} for each in every],
        "plan": {"hash": entry.plan, "file": f"{entry.stack}/{PLANS}/{entry.plan}.json"},
        "inputs": entry.inputs._asdict(),
        "working": tree.of(wanted.parameter),
        "doubts": [
            *(f"{each.path.name}, line {each.line}: {each.meaning}" for each in findings),
            *(f"computed anew: {each}" for each in found.differences),
            *tree.doubts,
        ],
    }


def lines(found: Traced) -> Iterator[str]:
    """What was found, for people."""
    value = "no value" if found["value"] is None else found["value"]
    yield f"{found['stack']} {found['hour']} {found['parameter']} = {value}, revision {found['revision']}"
    for number, each in enumerate(found["revisions"], 1):
        because = f": {each['reason']}" if each["reason"] else ""
        yield f"  revision {number} closed {each['at']} by version {each['version']}{because}"
    yield f"  plan {found['plan']['file']}"
    stretches = ", ".join(f"{first} to {stop - 1}" for first, stop in found["inputs"]["sequences"]) or "none"
    yield f"  {found['inputs']['readings']} samples of the journal, sequences {stretches}"
    yield from _told(found["working"], "")
    yield from [f"BAD  {doubt}" for doubt in found["doubts"]] or ["everything fits"]


def _told(node: Mapping[str, Any], indent: str) -> Iterator[str]:
    yield f"{indent}{node['parameter']}" + (f": {node['why']}" if node["why"] else "")
    for line in node["told"]:
        yield f"{indent}  {line}"
    for name, value in node["constants"].items():
        yield f"{indent}  {name} = {value} is a constant of the plan"
    if node["samples"]:
        first, last = node["samples"][0], node["samples"][-1]
        yield f"{indent}  of {len(node['samples'])} samples of {node['point']} in {node['unit']}:"
        for each in (first, last):
            yield f"{indent}    sequence {each['sequence']} at {each['at']}: {each['value']} {each['status']}"
    for sample in node["registers"]:
        words = sample["registers"]
        if words is not None and words["words"] is not None:
            told = f"{' '.join(words['words'])} at {words['place']}, {words['type']} {words['order']}"
            yield f"{indent}    sequence {sample['sequence']} from registers {told}"
        if (hash_ := sample["configuration"]) is not None:
            yield f"{indent}    taken under configuration {hash_}; trace {sample['sequence']} tells all of it"
    for each in node["inputs"]:
        yield from _told(each, f"{indent}  ")


class _Tree:
    """What a value is made of, and what these are made of, down to samples."""

    def __init__(self, look: Look, entry: Entry, worked: Worked, recomputation: Recomputation) -> None:
        self.doubts: list[str] = []
        self._look, self._entry, self._worked = look, entry, worked
        self._stack, collector = recomputation.by(entry)
        zone = self._stack.plan.standard_time
        with closing(Window(look.store.reader())) as window:
            self._samples = collector.sampled(window, entry.inputs.sequences, zone, entry.closed.hour)

    def of(self, name: str) -> Traced:
        """*name*, with what it was made from."""
        closed = self._entry.closed
        working = self._working(name)
        why = (closed.measured.get(name) or closed.computed.get(name) or _NOTHING).why
        symbols = [] if working is None else [each.symbol for each in working.inputs]
        made_from = [each for each in symbols if each in closed.measured or each in closed.computed]
        if name in closed.computed and working is None:  # which inputs it lacks is told by the reason
            made_from = [each for each in closed.measured if each in why]
        samples = self._samples.get(name, [])
        source = self._stack.sources.get(name)
        return {
            "parameter": name,
            "why": why,
            "told": [] if working is None else working.told().splitlines(),
            "digest": "" if working is None else working.digest,
            "constants": _constants(self._stack, symbols),
            "point": "" if source is None else source.point,
            "unit": "" if source is None else source.unit,
            "samples": [_sample(each) for each in samples],
            "registers": self._registers(samples),
            "inputs": [self.of(each) for each in dict.fromkeys(made_from)],
        }

    def _working(self, name: str) -> Working | None:
        computed = self._entry.closed.computed.get(name)
        title = _TITLES.get(name, f"hourly average of {name}")
        for working in self._worked.workings:
            if working.equation == title or (computed is not None and working.digest == computed.digest):
                return working
        return None

    def _registers(self, samples: list[Sampled]) -> list[Traced]:
        """The first and the last valid one of *samples* as the journal traces it."""
        valid = [each for each in samples if each.reading.status is Status.VALID]
        found = []
        for each in {valid[0], valid[-1]} if valid else set[Sampled]():
            whole = traced_sample(self._look, str(each.sequence))
            self.doubts += [f"sample {each.sequence}: {doubt}" for doubt in whole["doubts"]]
            configuration = whole["configuration"]
            found.append(
                {
                    "sequence": each.sequence,
                    "registers": whole["registers"],
                    "configuration": None if configuration is None else configuration["hash"],
                }
            )
        return sorted(found, key=lambda one: int(one["sequence"]))


class _Nothing(NamedTuple):
    why: str = ""


_NOTHING = _Nothing()


def _constants(stack: Stack, symbols: list[str]) -> dict[str, str]:
    """Those of *symbols* that the plan gives."""
    plan = stack.plan.constants
    return {name: str(plan[name]) for name in symbols if name in plan}


def _sample(each: Sampled) -> Traced:
    at, value, status = each.reading
    return {"sequence": each.sequence, "at": timestamp(at), "value": f"{value.normalize():f}", "status": status.value}
