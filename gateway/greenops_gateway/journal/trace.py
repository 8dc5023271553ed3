"""From a value of the journal back to where it came from: its registers, its definition, its formula. Pure."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Any, NamedTuple, TypeVar

import msgspec

from greenops_core.errors import ConfigError
from greenops_core.sample import Quality
from greenops_core.unit import quantity_of
from greenops_gateway.derived import DerivedPoint
from greenops_gateway.expression import expression
from greenops_telemetry.audit_chain import Kind, Record
from greenops_telemetry.configuration import convert
from greenops_telemetry.journal.account import Account
from greenops_telemetry.journal.columns import Row
from greenops_telemetry.journal.ranges import Ranges

T = TypeVar("T")

COMBINATIONS = 10_000
"""Of the last samples of the inputs that are tried."""
Key = tuple[str, str]
"""A device, or what is derived, and its point."""


class Copy(NamedTuple):
    """Samples that lie aside for a sink: *answer* is why it refused them, None of those that are still to be sent."""

    id: int
    sink: str
    answer: str | None
    due: float
    sequences: Ranges


class Definition(NamedTuple):
    """A point as the configuration had it: *owner* is its device, or what is derived, without the points."""

    protocol: str
    owner: Mapping[str, Any]
    point: Mapping[str, Any]

    @property
    def is_derived(self) -> bool:
        return not self.protocol


class Computed(NamedTuple):
    """A derived value once more: from which samples, what came out (in base units), and whether that is the value."""

    inputs: Mapping[Key, Row]
    result: float
    same: bool


def asked(text: str) -> int | tuple[str, str]:
    """A sequence, or a point and a time as written.

    >>> asked("17"), asked("analyser-1/so2@2026-11-21T10:00:00Z")
    (17, ('analyser-1/so2', '2026-11-21T10:00:00Z'))

    Raises:
        ConfigError: it is neither.
    """
    if re.fullmatch(r"[0-9]{1,15}", text):
        return int(text)
    point, sign, at = text.rpartition("@")
    if not sign or not point or not at:
        raise ConfigError(
            f"'{text}' is neither a sequence number nor a point at a time; write 17, or device/point@TIME"
        )
    return point, at


def fate(sequence: int, account: Account, copies: Iterable[Copy]) -> tuple[str, str]:
    """What became of the sample with *sequence* for one sink, in a word, and what there is to say of it."""
    if sequence < account.start:
        return "none", f"the sink began later, with sequence {account.start}"
    for copy in copies:
        if copy.sink == account.sink and sequence in copy.sequences:
            if copy.answer is not None:
                return "quarantined", f"number {copy.id}, refused with: {copy.answer}"
            return "pending", "released from quarantine" if copy.due == 0 else "held until its time has come"
    return ("delivered", "") if sequence in account.done else ("pending", "")


def defined(configuration: Mapping[str, Any], key: Key) -> Definition | None:
    """The point *key* in a configuration that was kept, if it has it."""
    device, name = key
    for section in ("devices", "derived"):
        for owner in configuration.get(section) or ():
            if owner.get("name") != device:
                continue
            for point in owner.get("points") or ():
                if point.get("name") == name:
                    rest = {each: value for each, value in owner.items() if each not in {"points", "protocol"}}
                    return Definition(str(owner.get("protocol") or ""), rest, point)
    return None


def set_keys(section: Mapping[str, Any]) -> dict[str, Any]:
    """What is set in *section*, without what stands at nothing.

    >>> set_keys({"unit": "1", "range": None, "defaults": {"table": None}})
    {'unit': '1'}
    """
    inner = {key: set_keys(value) if isinstance(value, Mapping) else value for key, value in section.items()}
    return {key: value for key, value in inner.items() if value is not None and value not in ({}, [])}


def rebuilt(raw: object, into: type[T]) -> T:
    """An *into* from what ``description`` made of it.

    Raises:
        ConfigError: it is of another version of this program.
    """
    try:
        return msgspec.convert(with_numbers(raw), into, dec_hook=_made)
    except msgspec.ValidationError as error:
        raise ConfigError(str(error)) from None


def with_numbers(raw: Any) -> Any:  # noqa: ANN401  # as JSON has it
    """*raw* with the numbers of which JSON made something else: keys, and what it cannot say.

    >>> with_numbers({"bits": {"3": "calibration"}, "most": {"number": "inf"}})
    {'bits': {3: 'calibration'}, 'most': inf}
    """
    match raw:
        case {"number": str(number), **others} if not others:
            return int(number) if re.fullmatch(r"-?[0-9]+", number) else float(number)
        case Mapping():
            numbers = bool(raw) and all(re.fullmatch(r"-?[0-9]+", str(key)) for key in raw)
            return {int(key) if numbers else key: with_numbers(value) for key, value in raw.items()}
        case list():
            return [with_numbers(each) for each in raw]
        case _:
            return raw


def computed(
    point: DerivedPoint, units: Mapping[Key, str], samples: Mapping[Key, Sequence[Row]], row: Row
) -> Computed | None:
    """*row* of *point* once more, from the last *samples* of its inputs, the newest first; nothing when one has none.

    Which of them were used is not in the journal: those are taken that give the same bits and the same time.

    Raises:
        ConfigError: the formula does not fit the *units* of the inputs.
    """
    keys = point.inputs()
    formula = expression(
        point.value, {name: units[key] for name, key in zip(point.from_, keys, strict=True)}, point.unit
    )
    distinct = list(dict.fromkeys(keys))
    usable = [[each for each in samples.get(key, ()) if each.quality is not Quality.BAD] for key in distinct]
    nearest: Computed | None = None
    for combination in islice(product(*usable), COMBINATIONS):
        inputs = dict(zip(distinct, combination, strict=True))
        result = formula.of([inputs[key].value for key in keys])
        fits = min(each.at for each in combination) == row.at
        if fits and same(result, row.value):
            return Computed(inputs, result, same=True)
        if nearest is None:
            nearest = Computed(inputs, result, same=False)
    return nearest


def concerning(records: Iterable[Record], labels: Mapping[str, str], row: Row, at: str) -> Iterator[Record]:
    """The corrections and overrides of the sample *row*, taken *at* (RFC 3339, UTC) at the point with *labels*."""
    site, stack, device, point = (labels.get(name, "") for name in ("site", "stack", "device", "point"))
    names = {f"{device}/{point}", f"{stack}/{point}", f"{stack}/{device}/{point}", f"{site}/{stack}/{device}/{point}"}
    for record in records:
        if record.kind not in {Kind.CORRECTION, Kind.QUALITY_OVERRIDE} or record.what.get("point") not in names:
            continue
        match record.what:
            case {"sequence": [int(first), int(last)]} if first <= row.sequence <= last:
                yield record
            case {"interval": [str(start), str(end)]} if start <= at <= end:
                yield record


def own_unit(value: float, unit: str) -> float:
    """*value* in the base unit as one in *unit*. Raises ConfigError: unknown unit."""
    return quantity_of(unit).units[unit].from_base(value)


def same(one: float, other: float) -> bool:
    """Whether all 64 bits are.

    >>> same(0.0, -0.0), same(float("nan"), float("nan"))
    (False, True)
    """
    return struct.pack("<d", one) == struct.pack("<d", other)


def _made(into: type, raw: object) -> object:
    """A type of ours, from text or from the number that it is; the validator takes a ValueError."""
    return convert(raw, into) if isinstance(raw, str) else into(raw)
