"""A file of ECMPS as it is: read whole, kept whole, written as it came; and what all of them have in common. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from greenops_gateway.cems.hour import Hour, hour_on
from greenops_gateway.regulatory.exact_json import indentation, parsed, written

Record = Mapping[str, Any]
LAST_HOUR = 23


class Upload(NamedTuple):
    """*document* has every key of the file, known or not, in its order; *indent* and *end* are how it is laid out."""

    document: dict[str, Any]
    indent: str = "  "
    end: bytes = b"\n"

    @property
    def content(self) -> bytes:
        """The file: the same bytes when it was laid out as ECMPS does, and the same data and digits in any case."""
        return written(self.document, self.indent) + self.end


def upload(content: bytes) -> Upload:
    """The file that has *content*.

    Raises:
        ValueError: it is not JSON, or not an object.
    """
    document = parsed(content)
    if not isinstance(document, dict):
        raise ValueError("a file of ECMPS is an object, in braces")  # noqa: TRY004  # one error for what is no such file
    return Upload(document, indentation(content), content[len(content.rstrip()) :])


class Interval(NamedTuple):
    """From hour to hour, both in it; it lasts when there is no *last*."""

    first: Hour | None
    last: Hour | None

    def holds(self, hour: Hour) -> bool:
        """Whether *hour* is in it."""
        return (self.first is None or hour >= self.first) and (self.last is None or hour <= self.last)


def interval(record: Record) -> Interval:
    """That of *record*, by its keys beginDate, beginHour, endDate, endHour; without hours, whole days.

    Raises:
        ValueError: a date is none.
    """
    return Interval(_hour(record, "begin", 0), _hour(record, "end", LAST_HOUR))


def decimal(record: Record, key: str) -> Decimal | None:
    """The number at *key*; absent when it is null or not there.

    Raises:
        ValueError: it is no number.
    """
    value = record.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError(f"{key}: {value!r} is no number")  # noqa: TRY004  # the same
    return Decimal(value)


def needed(record: Record, key: str) -> Decimal:
    """As ``decimal``, where there must be one.

    Raises:
        ValueError: there is none.
    """
    value = decimal(record, key)
    if value is None:
        raise ValueError(f"the key '{key}' is missing, or null")
    return value


def text(record: Record, key: str) -> str:
    """The text at *key*; empty when it is null or not there."""
    value = record.get(key)
    return "" if value is None else str(value)


def records(record: Record, key: str) -> list[Record]:
    """The objects of the list at *key*; none when it is null or not there.

    Raises:
        ValueError: it is no list of objects.
    """
    value = record.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise ValueError(f"the key '{key}' is to be a list of objects")
    return value


def _hour(record: Record, edge: str, otherwise: int) -> Hour | None:
    day, of_day = record.get(f"{edge}Date"), record.get(f"{edge}Hour")
    if day is None:
        return None
    try:
        return hour_on(date.fromisoformat(str(day)[:10]), otherwise if of_day is None else int(of_day))
    except ValueError:
        raise ValueError(f"{edge}Date: '{day}' is no date; write 2026-01-31") from None
