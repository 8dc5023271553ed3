"""Reads what a trace needs: the sample, what it was made from, and what was said of it since."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from greenops_core.errors import ConfigError, nearest
from greenops_core.unit import quantity_of
from greenops_gateway.derived import DerivedPoint
from greenops_gateway.journal.audit import moment
from greenops_gateway.journal.look import STATE, Look, framed, named
from greenops_gateway.journal.trace import (
    Copy,
    Definition,
    Key,
    asked,
    computed,
    concerning,
    defined,
    fate,
    own_unit,
    rebuilt,
)
from greenops_gateway.modbus.configuration import ModbusDevice
from greenops_gateway.modbus.inverse import spelling
from greenops_gateway.modbus.reader import place
from greenops_telemetry.audit import evidence, timestamp
from greenops_telemetry.audit_chain import Kind as Deed
from greenops_telemetry.audit_chain import Record
from greenops_telemetry.audit_proof import records
from greenops_telemetry.canonical_json import configuration_hash
from greenops_telemetry.journal.columns import Row
from greenops_telemetry.journal.contents import notes_of
from greenops_telemetry.journal.frame import Frame, Kind
from greenops_telemetry.journal.segment import Segment, archive_of
from greenops_telemetry.journal.series import Series
from greenops_telemetry.journal.state_file import ranges_from, salvaged

AT_ONCE = 5000
LATE = 86400.0
"""Seconds after a time in which samples of it are looked for."""
INPUTS = 8
"""Samples of each input that may have been used: the last ones before the result."""
FAR = 500_000
"""Samples before a result in which its inputs are looked for."""

Traced = dict[str, Any]


def traced(look: Look, text: str) -> Traced:
    """Everything about the sample that *text* asks for; *doubts* are what does not fit.

    Raises:
        ConfigError: there is no such sample.
        OSError: the disk does not let us read it.
    """
    wanted = asked(text)
    row = _by_sequence(look, wanted) if isinstance(wanted, int) else _by_time(look, *wanted)
    series = look.store.series(row.series)
    labels = dict(series.labels)
    key = (labels.get("device", ""), labels.get("point", ""))
    doubts: list[str] = []
    log = _log(look)
    configuration, content = _configuration(look, row, log, doubts)
    definition = None if content is None else defined(content, key)
    if content is not None and definition is None:
        doubts.append(f"the configuration of that time has no point {'/'.join(key)}")
    file, offset = _located(look, row.sequence)
    found: Traced = {
        "sample": {
            "sequence": row.sequence,
            "point": named(series),
            "series": row.series,
            "metric": series.name,
            "labels": labels,
            "value": row.value if math.isfinite(row.value) else None,
            "own": None,
            "quality": row.quality.name.lower(),
            "reason": row.reason.value,
            "at": row.at,
            "received": row.received,
            "file": file,
            "offset": offset,
        },
        "sinks": _fates(look, row.sequence),
        "configuration": configuration,
        "point": None,
        "registers": None,
        "formula": None,
        "corrections": [each._asdict() for each in concerning(log, labels, row, timestamp(row.at))],
        "doubts": doubts,
    }
    if content is not None and definition is not None:
        found["point"] = definition._asdict()
        _explain(look, row, series, (content, definition), found)
    return found


def _explain(look: Look, row: Row, series: Series, told: tuple[Mapping[str, Any], Definition], found: Traced) -> None:
    """How the value came about by the definition that was *told*."""
    content, definition = told
    if not math.isfinite(row.value):
        return
    try:
        unit = str(definition.point.get("unit"))
        found["sample"]["own"] = {"value": own_unit(row.value, unit), "unit": unit}
        if definition.is_derived:
            found["formula"] = _formula(look, row, content, definition, found["doubts"])
        elif definition.protocol == "modbus":
            found["registers"] = _registers(row, definition, found["doubts"])
    except ConfigError as error:
        found["doubts"].append(f"{named(series)}: this version cannot read its definition: {error}")


def _by_sequence(look: Look, sequence: int) -> Row:
    run = look.store.read(sequence, sequence + 1, 1)
    if run is not None:
        return next(run[1].rows(run[0]))
    if not 1 <= sequence < look.store.next:
        raise ConfigError(f"there is no sample {sequence}; the journal has given out 1 to {look.store.next - 1}")
    for each in look.store.state.evictions():
        if each.first <= sequence < each.stop:
            raise ConfigError(f"sample {sequence} was evicted at {timestamp(each.at)}: {each.why}")
    raise ConfigError(f"sample {sequence} cannot be read; ask: greenops-gateway journal verify")


def _by_time(look: Look, point: str, text: str) -> Row:
    """The last sample of *point* that was measured until then."""
    until = moment(text, time.time())
    every = look.store.state.series()
    numbers = {number for number, series in every.items() if named(series) == point}
    if not numbers:
        known = {named(series) for series in every.values()}
        raise ConfigError(f"there is no point '{point}' in the journal{nearest(point, known)}")
    starts = [(_first_received(look, segment), segment.first) for segment in look.segments]
    before = [first for began, first in starts if began is not None and began <= until]
    for first in reversed(before or [look.store.oldest]):
        found = _latest(look, numbers, first, until)
        if found is not None:
            return found
    raise ConfigError(f"the journal has no sample of '{point}' until {timestamp(until)}")


def _latest(look: Look, numbers: set[int], start: int, until: float) -> Row | None:
    """The newest sample of one of *numbers* until then, of those that came from sequence *start* on."""
    best: Row | None = None
    with closing(look.store.reader()) as reader:
        while (run := reader.read(start, look.store.next, AT_ONCE)) is not None:
            first, columns = run
            start = first + len(columns)
            if not numbers.isdisjoint(columns.series):
                for row in columns.rows(first):
                    if row.series in numbers and row.at <= until and (best is None or row.at >= best.at):
                        best = row
            if min(columns.received) > until + LATE:
                break
    return best


def _first_received(look: Look, segment: Segment) -> float | None:
    run = look.store.read(segment.first, segment.stop, 1)
    return None if run is None else run[1].received[0]


def _located(look: Look, sequence: int) -> tuple[str, int | None]:
    """The file that has the sample, and where in it the frame begins."""
    held = [each for each in look.segments if each.first <= sequence < each.stop]
    for segment in [*held, *(each for each in map(archive_of, held) if each is not None)]:
        try:
            for offset, found in framed(segment.path):
                if isinstance(found, Frame) and found.kind is Kind.SAMPLES and found.first <= sequence < found.end:
                    return str(segment.path.relative_to(look.directory)), offset
        except FileNotFoundError:
            continue
    return "", None


def _fates(look: Look, sequence: int) -> list[dict[str, str]]:
    copies = [
        Copy(row[0], row[1], row[4] if row[2] else None, row[3], ranges_from(row[7]))
        for row in salvaged(look.directory / STATE, "copy")
        if row[5] <= sequence < row[6]
    ]
    fates = ((name, *fate(sequence, account, copies)) for name, account in look.accounts.items())
    return [{"sink": name, "became": became, "detail": detail} for name, became, detail in fates]


def _log(look: Look) -> list[Record]:
    """The records of the audit log; none when there is none."""
    try:
        return list(records(evidence(look.directory / "audit").log))
    except ConfigError:
        return []


def _configuration(
    look: Look, row: Row, log: list[Record], doubts: list[str]
) -> tuple[dict[str, Any] | None, Mapping[str, Any] | None]:
    """What the gateway worked by when it took *row*: which, and its content."""
    told = _note(look, row.sequence)
    if told is None:  # its segment was evicted; the audit log keeps it for ever
        at = timestamp(row.received)
        said = [each for each in log if each.kind is Deed.CONFIGURATION and each.at <= at and "hash" in each.what]
        told = (0, dict(said[-1].what)) if said else None
    if told is None:
        doubts.append("nothing tells by which configuration it was taken")
        return None, None
    since, note = told
    name = str(note.get("hash"))
    path = look.directory / "configurations" / f"{name}.json"
    content, fits = _kept(path, name)
    if content is None:
        doubts.append(f"{path} is not there, or cannot be read")
    elif not fits:
        doubts.append(f"{path} was changed: its content does not fit its name")
    file = str(path.relative_to(look.directory))
    return {"hash": name, "version": note.get("version"), "since": since, "file": file, "fits": fits}, content


def _kept(path: Path, name: str) -> tuple[Mapping[str, Any] | None, bool]:
    """A configuration that was kept, and whether it is the one that it is called."""
    try:
        content = json.loads(path.read_bytes())
        return (content, configuration_hash(content) == name) if isinstance(content, dict) else (None, False)
    except (OSError, ValueError):
        return None, False


def _note(look: Look, sequence: int) -> tuple[int, dict[str, Any]] | None:
    """The last configuration that was put down before the sample."""
    for segment in reversed(look.segments):
        if segment.first <= sequence:
            found = [each for each in notes_of(segment, Kind.CONFIGURATION) if each[0] <= sequence]
            if found:
                return found[-1]
    return None


def _registers(row: Row, definition: Definition, doubts: list[str]) -> dict[str, Any]:
    """What the registers must have held. Raises ConfigError."""
    device = rebuilt({**definition.owner, "points": [definition.point]}, ModbusDevice)
    (source,) = device.sources()
    unit = device.points[0].unit
    found = spelling(row.value, source, quantity_of(unit).units[unit])
    if found is None:
        doubts.append(f"no content of these registers gives {row.value!r}")
    return {
        "place": place(source.span),
        "type": source.type,
        "order": source.order,
        "words": found and found.raw,
        "number": found and found.number,
        "alike": found and found.alike,
        "at_least": found is not None and found.at_least,
    }


def _formula(
    look: Look, row: Row, content: Mapping[str, Any], definition: Definition, doubts: list[str]
) -> dict[str, Any]:
    """The formula, and the samples that give the value by it. Raises ConfigError."""
    point = rebuilt(definition.point, DerivedPoint)
    inputs = point.inputs()
    definitions = {key: defined(content, key) for key in inputs}
    units = {key: str(each.point.get("unit")) for key, each in definitions.items() if each is not None}
    if lacking := [key for key in inputs if key not in units]:
        raise ConfigError(f"the configuration has no point {'/'.join(lacking[0])}")
    result = computed(point, units, _before(look, row.sequence, set(inputs)), row)
    if result is None:
        doubts.append("its inputs are not in the journal any more, so it cannot be computed again")
    elif not result.same:
        doubts.append(f"computed again from its inputs it is {result.result!r}, not {row.value!r}")
    used = {} if result is None else result.inputs
    return {
        "value": point.value,
        "unit": point.unit,
        "inputs": {
            name: {
                "point": "/".join(key),
                "sequence": used[key].sequence,
                "value": own_unit(used[key].value, units[key]),
                "unit": units[key],
                "at": used[key].at,
            }
            for name, key in zip(point.from_, inputs, strict=True)
            if key in used
        },
        "result": None if result is None or not math.isfinite(result.result) else result.result,
        "same": result is not None and result.same,
    }


def _before(look: Look, stop: int, keys: set[Key]) -> dict[Key, list[Row]]:
    """The last samples of each of *keys* before the sequence *stop*, the newest first."""
    of: dict[int, Key] = {}
    for number, series in look.store.state.series().items():
        labels = dict(series.labels)
        key = (labels.get("device", ""), labels.get("point", ""))
        if key in keys:
            of[number] = key
    found: dict[Key, list[Row]] = {key: [] for key in keys}
    for row in _backwards(look, stop, max(1, stop - FAR)):
        if row.series in of and len(rows := found[of[row.series]]) < INPUTS:
            rows.append(row)
            if all(len(each) >= INPUTS for each in found.values()):
                break
    return found


def _backwards(look: Look, stop: int, first: int) -> Iterator[Row]:
    """The samples before the sequence *stop* down to *first*, the last one first."""
    reader = look.store.reader()
    size = AT_ONCE
    with closing(reader):
        while stop > first:
            start = at = max(first, stop - size)
            rows: list[Row] = []
            while (run := reader.read(at, stop, size)) is not None:
                at = run[0] + len(run[1])
                rows += run[1].rows(run[0])
            yield from reversed(rows)
            stop, size = start, size * 2
