"""What the ledger says of one closed hour, and the line that says it. Pure.

A line is ``{"hash":…,"record":…}``: *record* is JSON with sorted keys and no blanks, *hash* the SHA-256 over the hash
of the line before (as text) and the bytes of the record. Whoever changes, removes, inserts or moves a line breaks the
chain there. Decimals are text, digit by digit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

import msgspec

from greenops_gateway.cems.hour import Hour, read, written
from greenops_gateway.cems.reading import LOAD, OPERATING, Calibration
from greenops_gateway.cems.record import ClosedHour, Computed, Measured
from greenops_telemetry.canonical_json import canonical

T = TypeVar("T")

BEGINNING = "0" * 64
"""The hash before the first line."""
_HEAD, _BETWEEN, _TAIL = b'{"hash":"', b'","record":', b"}\n"
_RECORD = len(_HEAD) + 64 + len(_BETWEEN)

Sequences = tuple[tuple[int, int], ...]
"""Stretches of the journal, each from a sequence to before another."""


class Inputs(NamedTuple):
    """From what an hour was closed: *hash* is over its *readings*, which lie in the *sequences* of the journal."""

    hash: str
    readings: int
    sequences: Sequences


class AnalyserTests(NamedTuple):
    """What tests say of an hour: whose analysers had failed one, and the calibrations within it, by parameter."""

    out_of_control: frozenset[str] = frozenset()
    calibrations: Mapping[str, tuple[Calibration, ...]] = {}


class Entry(NamedTuple):
    """An hour as it was closed, or closed once more with a *reason*: then *revision* is above 1.

    *plan* is the hash of the configuration by which it was closed, *version* that of the program, *workings* are the
    digests of all that was computed. *resume* is the first sequence of the journal that a later hour may need. *number*
    counts the lines of a file.
    """

    number: int
    stack: str
    revision: int
    reason: str
    closed_at: str
    version: str
    plan: str
    inputs: Inputs
    tests: AnalyserTests
    resume: int
    workings: tuple[str, ...]
    closed: ClosedHour


class Line(NamedTuple):
    """A line of a ledger; *fits* is whether it follows the line before it unchanged."""

    entry: Entry
    hash: str
    fits: bool


class Brief(NamedTuple):
    """What a ledger must know of a line to find it, and to go on behind it."""

    number: int
    hour: Hour
    revision: int
    sequences: Sequences
    hash: str
    fits: bool


def line(entry: Entry, previous: str) -> tuple[bytes, str]:
    """The line of *entry* after the one with the hash *previous*, and its own hash."""
    parts = {
        "inputs": entry.inputs._asdict(),
        "tests": {
            "out_of_control": sorted(entry.tests.out_of_control),
            "calibrations": {name: [list(each) for each in some] for name, some in entry.tests.calibrations.items()},
        },
        "closed": result(entry.closed),
    }
    record = _encode({**entry._asdict(), **parts})
    own = _hash(previous, record)
    return b"".join((_HEAD, own.encode(), _BETWEEN, record, _TAIL)), own


def entry_of(text: bytes, previous: str) -> Line:
    """What ``line`` wrote as *text* after the line with the hash *previous*.

    Raises:
        ValueError: it is no line of a ledger, or one of a later version of this program.
    """
    record, own, fits = _parts(text, previous)
    return Line(_entry(_decoded(_decoder, record)), own, fits)


def brief_of(text: bytes, previous: str) -> Brief:
    """The same in brief, and sooner. Raises ValueError: as ``entry_of``."""
    record, own, fits = _parts(text, previous)
    raw = _decoded(_brief_decoder, record)
    return Brief(raw.number, read(raw.closed.hour), raw.revision, raw.inputs.sequences, own, fits)


def _parts(text: bytes, previous: str) -> tuple[bytes, str, bool]:
    """The record of a line, its hash, and whether that fits. Raises ValueError: it is no line."""
    own, record = text[len(_HEAD) : len(_HEAD) + 64], text[_RECORD : -len(_TAIL)]
    if text != b"".join((_HEAD, own, _BETWEEN, record, _TAIL)):
        raise ValueError("it is no line of a ledger")
    told = own.decode("ascii", "replace")
    return record, told, told == _hash(previous, record)


def _decoded(decoder: msgspec.json.Decoder[T], record: bytes) -> T:
    """Raises ValueError: it is no record."""
    try:
        return decoder.decode(record)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None


def result(closed: ClosedHour) -> dict[str, Any]:
    """*closed* as canonical JSON takes it; decimals are text.

    >>> result(ClosedHour(Hour(27), Decimal("1.00"), None, "coal", False, {}, {}))["hour"]
    '1970-01-02T03'
    """
    return {
        "hour": written(closed.hour),
        "operating_time": str(closed.operating_time),
        "load": _text(closed.load),
        "fuel": closed.fuel,
        "is_startup": closed.is_startup,
        "measured": {name: _plain(each) for name, each in closed.measured.items()},
        "computed": {name: _plain(each) for name, each in closed.computed.items()},
    }


def values(closed: ClosedHour) -> dict[str, Decimal | None]:
    """All numbers of *closed* by parameter, OPERATING and LOAD among them; none where there is no valid one."""
    return {
        OPERATING: closed.operating_time,
        LOAD: closed.load,
        **{name: each.value for name, each in closed.measured.items()},
        **{name: each.value for name, each in closed.computed.items()},
    }


def results_hash(hours: Iterable[ClosedHour]) -> str:
    """SHA-256 over the results of *hours*, in their order in time: equal results, equal hash, whoever closed them when.

    >>> results_hash([]) == hashlib.sha256().hexdigest()
    True
    """
    whole = hashlib.sha256()
    for closed in sorted(hours, key=lambda each: each.hour):
        whole.update(canonical(result(closed)))
        whole.update(b"\n")
    return whole.hexdigest()


class _Inputs(msgspec.Struct, forbid_unknown_fields=True):
    hash: str
    readings: int
    sequences: Sequences


class _AnalyserTests(msgspec.Struct, forbid_unknown_fields=True):
    out_of_control: frozenset[str]
    calibrations: dict[str, tuple[Calibration, ...]]


class _Measured(msgspec.Struct, forbid_unknown_fields=True):
    value: Decimal | None = None
    unadjusted: Decimal | None = None
    method: str = ""
    why: str = ""
    points: int = 0
    unit: str = ""


class _Computed(msgspec.Struct, forbid_unknown_fields=True):
    value: Decimal | None = None
    unit: str = ""
    equation: str = ""
    digest: str = ""
    why: str = ""
    unadjusted: Decimal | None = None
    method: str = ""


class Told(msgspec.Struct, forbid_unknown_fields=True):
    """What ``result`` wrote; where people write it, what is absent may be left out."""

    hour: str
    operating_time: Decimal
    load: Decimal | None = None
    fuel: str = ""
    is_startup: bool = False
    measured: dict[str, _Measured] = {}
    computed: dict[str, _Computed] = {}

    def closed(self) -> ClosedHour:
        """The hour. Raises ValueError: its name is none."""
        measured = {name: Measured(name, **msgspec.structs.asdict(each)) for name, each in self.measured.items()}
        computed = {name: Computed(name, **msgspec.structs.asdict(each)) for name, each in self.computed.items()}
        hour = read(self.hour)
        return ClosedHour(hour, self.operating_time, self.load, self.fuel, self.is_startup, measured, computed)


class _Record(msgspec.Struct, forbid_unknown_fields=True):
    number: int
    stack: str
    revision: int
    reason: str
    closed_at: str
    version: str
    plan: str
    inputs: _Inputs
    tests: _AnalyserTests
    resume: int
    workings: tuple[str, ...]
    closed: Told


class _BriefInputs(msgspec.Struct):
    sequences: Sequences


class _BriefClosed(msgspec.Struct):
    hour: str


class _BriefRecord(msgspec.Struct):
    number: int
    revision: int
    inputs: _BriefInputs
    closed: _BriefClosed


_decoder = msgspec.json.Decoder(_Record)
_brief_decoder = msgspec.json.Decoder(_BriefRecord)
_encode = msgspec.json.Encoder(order="sorted").encode


def _entry(raw: _Record) -> Entry:
    """Raises ValueError: its hour is none."""
    inputs = Inputs(raw.inputs.hash, raw.inputs.readings, raw.inputs.sequences)
    return Entry(
        raw.number,
        raw.stack,
        raw.revision,
        raw.reason,
        raw.closed_at,
        raw.version,
        raw.plan,
        inputs,
        AnalyserTests(raw.tests.out_of_control, raw.tests.calibrations),
        raw.resume,
        raw.workings,
        raw.closed.closed(),
    )


def _hash(previous: str, record: bytes) -> str:
    return hashlib.sha256(previous.encode() + record).hexdigest()


def _plain(each: Measured | Computed) -> dict[str, Any]:
    """*each* without its name, decimals as text."""
    fields = each._asdict()
    del fields["parameter"]
    return {key: str(value) if isinstance(value, Decimal) else value for key, value in fields.items()}


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)
