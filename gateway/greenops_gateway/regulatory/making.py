"""``greenops-gateway report excess|ets|iso14064``: from files to files."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Generic, NamedTuple, Protocol, TypeVar

from greenops_core.errors import ConfigError, within
from greenops_gateway.cems.hour import Hour, written
from greenops_gateway.cems.record import ClosedHour
from greenops_gateway.emissions.entry import results_hash
from greenops_gateway.emissions.ledger import closed_hours
from greenops_gateway.emissions.words import where
from greenops_gateway.regulatory import ets_report, excess_report, iso14064_report, tables
from greenops_gateway.regulatory.document import Document, Provenance
from greenops_gateway.regulatory.ets_configuration import EtsConfiguration
from greenops_gateway.regulatory.excess_configuration import ExcessConfiguration
from greenops_gateway.regulatory.hours_file import read
from greenops_gateway.regulatory.iso14064_configuration import InventoryConfiguration
from greenops_gateway.regulatory.period import Period, period
from greenops_telemetry.canonical_json import configuration_hash
from greenops_telemetry.configuration import Document as Yaml
from greenops_telemetry.configuration import convert_all

Say = Callable[[str], None]
FORMATS = ("pdf", "csv", "json")
Hours = Mapping[str, Sequence[ClosedHour]]


class Checked(Protocol):
    """A configuration that can be held against itself."""

    def check(self) -> None: ...


C = TypeVar("C", bound=Checked)


class _Kind(NamedTuple, Generic[C]):
    """What a report is made of: its configuration, the stacks that it needs, and how many hours before its period."""

    into: type[C]
    stacks: Callable[[C], Sequence[str]]
    made: Callable[[C, Period, Provenance, Hours], Document]
    reach: Callable[[C], int] = lambda _: 0


def excess(given: argparse.Namespace, say: Say) -> int:
    """The report of excess emissions and monitor downtime."""

    def made(asked: ExcessConfiguration, of: Period, provenance: Provenance, hours: Hours) -> Document:
        return excess_report.report(asked, of, hours[asked.stack], provenance)

    return _make(given, say, _Kind(ExcessConfiguration, lambda asked: [asked.stack], made, excess_report.reach))


def ets(given: argparse.Namespace, say: Say) -> int:
    """The EU ETS annual emission report."""

    def made(asked: EtsConfiguration, of: Period, provenance: Provenance, hours: Hours) -> Document:
        return ets_report.report(asked, of, hours, provenance)

    return _make(given, say, _Kind(EtsConfiguration, lambda asked: [point.stack for point in asked.measured], made))


def iso14064(given: argparse.Namespace, say: Say) -> int:
    """The greenhouse gas inventory."""

    def made(asked: InventoryConfiguration, of: Period, provenance: Provenance, hours: Hours) -> Document:
        return iso14064_report.report(asked, of, hours, provenance)

    return _make(given, say, _Kind(InventoryConfiguration, lambda asked: [each.stack for each in asked.measured], made))


def _make(given: argparse.Namespace, say: Say, kind: _Kind[C]) -> int:
    with within("--period"):
        of = period(given.period)
    formats = _formats(given.format)
    yaml = Yaml.read(given.config)
    try:
        asked = convert_all(yaml.data, kind.into)
        asked.check()
    except ConfigError as error:
        raise yaml.located(error) from None
    hours = _hours(given, kind.stacks(asked), range(of.hours.start - kind.reach(asked), of.hours.stop))
    if not given.incomplete:
        _check_whole(hours, of)
    inputs = configuration_hash({stack: results_hash(held) for stack, held in hours.items()})
    provenance = Provenance(inputs, configuration_hash(yaml.data), version("greenops"), given.made or "")
    try:
        document = kind.made(asked, of, provenance, hours)
    except ConfigError as error:
        raise yaml.located(error) if error.path else error from None
    stem = f"{of.name}-{document.kind}"
    paths = [_written(given.output / name, content) for name, content in _contents(document, stem, formats, given)]
    if given.json:
        say(json.dumps({"files": [str(path) for path in paths]}, indent=2))
    else:
        say("\n".join(map(str, paths)))
    return 0


def _formats(text: str) -> list[str]:
    asked = [word.strip() for word in text.split(",")]
    for word in asked:
        if word not in FORMATS:
            raise ConfigError(f"--format: '{word}' is none; known: {', '.join(FORMATS)}")
    return asked


def _hours(given: argparse.Namespace, stacks: Sequence[str], needed: range) -> Hours:
    """Of each of *stacks* the hours that are *needed*, from ``STACK=FILE``, for one stack ``FILE``, or the ledger.

    Raises:
        ConfigError: they cannot be had.
    """
    wanted, files = list(dict.fromkeys(stacks)), dict[str, Path]()
    with within("--hours"):
        for text in given.hours:
            stack, equals, path = text.partition("=")
            if not equals and len(wanted) == 1:
                stack, path = wanted[0], text
            if stack not in wanted:
                known = ", ".join(f"{each}=FILE" for each in wanted) or "none: the configuration measures no stack"
                raise ConfigError(f"'{text}' is of no stack of this report; write {known}")
            files[stack] = Path(path)
    found = {}
    for stack in wanted:
        held = read(files[stack]).hours if stack in files else _from_ledger(stack, needed, given.gateway)
        by_hour = {each.hour: each for each in held}  # of an hour given twice, the later one
        found[stack] = [by_hour[hour] for hour in sorted(by_hour) if hour in needed]
    return found


def _from_ledger(stack: str, needed: range, gateway: Path | None) -> Sequence[ClosedHour]:
    """Raises ConfigError: they cannot be had."""
    path = gateway or Path("gateway.yml")
    if not path.exists():
        raise ConfigError(
            f"the hours of {stack} are needed: --hours {stack}=FILE, or --gateway FILE, the configuration of the "
            "gateway that closed them"
        )
    return closed_hours(where(path, None).ledger, stack, needed)


def _check_whole(hours: Hours, of: Period) -> None:
    """Raises ConfigError: an hour of the period is not there."""
    for stack, held in hours.items():
        there = {each.hour for each in held}
        lacking = [hour for hour in of.hours if hour not in there]
        if lacking:
            raise ConfigError(
                f"{len(lacking)} hours of {of.name} are not there for {stack}, {written(Hour(lacking[0]))} the first; "
                "a report is on all of them. With --incomplete it is made from the others, and says so"
            )


def _contents(
    document: Document, stem: str, formats: Sequence[str], given: argparse.Namespace
) -> list[tuple[str, bytes]]:
    found = []
    if "pdf" in formats:
        found.append((f"{stem}.pdf", _pdf(document, given.font)))
    if "csv" in formats:
        found += [(f"{stem}.{key}.csv", content) for key, content in tables.as_csv(document).items()]
    if "json" in formats:
        found.append((f"{stem}.json", tables.as_json(document)))
    return found


def _pdf(document: Document, fonts: Sequence[Path] | None) -> bytes:
    """Raises ConfigError: what makes PDF is not installed, or the font does not do."""
    try:
        from greenops_gateway.regulatory import pdf  # noqa: PLC0415  # brought by an extra, and heavy
    except ModuleNotFoundError as error:
        if error.name != "reportlab":
            raise
        raise ConfigError(
            "PDF is written with reportlab, which is not installed: pip install 'greenops[reports]', "
            "or ask for --format csv,json"
        ) from None
    return pdf.as_pdf(document, pdf.Font(fonts[0], fonts[-1]) if fonts else None)


def _written(path: Path, content: bytes) -> Path:
    """Raises ConfigError: *path* cannot be written; what was there is as it was."""
    half = path.with_name(f"{path.name}.half")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with half.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
    except OSError as error:
        raise ConfigError(f"--output: {path} cannot be written: {error.strerror or error}") from None
    return path
