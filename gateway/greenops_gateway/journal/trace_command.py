"""``greenops-gateway trace``, and the same over HTTP: everything that a journal and its audit log say of one value."""

from __future__ import annotations

import argparse
import asyncio
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs

from greenops_core.errors import ConfigError
from greenops_gateway.emissions import words
from greenops_gateway.emissions.section import BESIDE
from greenops_gateway.journal.audit import plain, summary
from greenops_gateway.journal.look import looking
from greenops_gateway.journal.trace import set_keys
from greenops_gateway.journal.trace_reading import Traced, traced
from greenops_gateway.journal.words import where
from greenops_telemetry.answer import Answer
from greenops_telemetry.audit import timestamp
from greenops_telemetry.client import Request

Say = Callable[[str], None]
PAGE = "/journal/trace"
_HEX = 12


def trace(given: argparse.Namespace, say: Say) -> int:
    """Do what *given* asks, line by line to *say*; gives the exit code.

    Raises:
        ConfigError: there is no such sample, or no journal.
    """
    if given.id.startswith(words.PREFIX):
        from greenops_gateway.emissions import lineage  # noqa: PLC0415  # all equations, where they are wanted

        place = words.where(given.config, given.directory)
        found = _traced(place.journal, given.id, place.ledger)
        say(json.dumps(found, indent=2) if given.json else "\n".join(lineage.lines(found)))
    else:
        found = _traced(where(given.config, given.directory).directory, given.id)
        say(json.dumps(found, indent=2) if given.json else "\n".join(lines(found)))
    return 1 if found["doubts"] else 0


class Page:
    """``GET /journal/trace?id=ID`` of a gateway whose journal lies in *directory*: one look at a time, in a thread.

    *ledger* is where its closed hours lie.
    """

    def __init__(self, directory: Path, ledger: Path | None = None) -> None:
        self._directory, self._ledger, self._one = directory, ledger or directory / BESIDE, asyncio.Lock()

    async def respond(self, request: Request) -> Answer:
        """The trace as JSON, or why there is none."""
        given = parse_qs(request.query).get("id", [])
        if len(given) != 1:
            return _answer(400, {"error": f"say which: {PAGE}?id=17, or ?id=device/point@TIME"})
        try:
            async with self._one:
                found = await asyncio.to_thread(_traced, self._directory, given[0], self._ledger)
        except ConfigError as error:
            return _answer(404, {"error": str(error)})
        return _answer(200, found)


def lines(found: Traced) -> Iterator[str]:
    """What was found, for people."""
    yield from _sample(found["sample"])
    for sink in found["sinks"]:
        detail = f", {plain(sink['detail'])}" if sink["detail"] else ""
        yield f"sink {sink['sink']}: {sink['became']}{detail}"
    if (kept := found["configuration"]) is not None:
        version = f" of version {kept['version']}" if kept["version"] else ""
        yield f"configuration {kept['hash'][:_HEX]}…{version}, since sequence {kept['since']}: {kept['file']}"
        if kept["fits"]:
            yield "  its content fits its hash"
    if (point := found["point"]) is not None:
        yield f"defined as {point['protocol'] or 'derived'}: {_json(set_keys(point['point']))}"
        yield f"  of {_json(set_keys(point['owner']))}"
    yield from _registers(found["registers"])
    yield from _formula(found["formula"])
    for each in found["corrections"]:
        yield f"{each['kind']} {each['number']} of {each['at']} by {plain(each['who'])}: {summary(each['what'])}"
    yield from [f"BAD  {plain(doubt)}" for doubt in found["doubts"]] or ["everything fits"]


def _sample(sample: Traced) -> Iterator[str]:
    own = "" if sample["own"] is None else f"{sample['own']['value']!r} {sample['own']['unit']}, "
    value = "no value" if sample["value"] is None else f"{sample['value']!r} as {sample['metric']}"
    yield f"sample {sample['sequence']} of series {sample['series']}: {sample['point']} = {own}{value}"
    because = "" if sample["reason"] == "none" else f", because of {sample['reason']}"
    yield f"  {sample['quality']}{because}, measured {_when(sample['at'])}, received {_when(sample['received'])}"
    yield f"  in {sample['file']} at byte {sample['offset']}"


def _registers(registers: Traced | None) -> Iterator[str]:
    if registers is None:
        return
    yield f"registers, recomputed: {registers['place']}, {registers['type']} {registers['order']}"
    if registers["words"] is not None:
        alike = f"{'at least ' if registers['at_least'] else ''}{registers['alike']}"
        many = "" if registers["alike"] == 1 else f"; one of {alike} contents that give the same value"
        yield f"  {' '.join(registers['words'])} spells {registers['number']!r}, and decodes to the same bits{many}"


def _formula(formula: Traced | None) -> Iterator[str]:
    if formula is None:
        return
    yield f"computed: {formula['value']}"
    for name, used in formula["inputs"].items():
        sample = f"sample {used['sequence']} of {used['point']}"
        yield f"  {name} is {sample}: {used['value']!r} {used['unit']}, measured {_when(used['at'])}"
    if formula["same"]:
        yield f"  gives {formula['result']!r} in base units, the same bit for bit"


def _traced(directory: Path, asked: str, ledger: Path | None = None) -> Traced:
    """Raises ConfigError."""
    try:
        with looking(directory) as look:
            if ledger is not None and asked.startswith(words.PREFIX):
                from greenops_gateway.emissions import lineage  # noqa: PLC0415  # the same

                return lineage.traced(look, ledger, asked)
            return traced(look, asked)
    except OSError as error:
        raise ConfigError(f"the journal in {directory} cannot be read: {error}") from None


def _answer(status: int, content: object) -> Answer:
    return Answer(status, "application/json", json.dumps(content).encode() + b"\n")


def _json(value: object) -> str:
    return plain(json.dumps(value, ensure_ascii=False))


def _when(at: float) -> str:
    return timestamp(at) if math.isfinite(at) else repr(at)
