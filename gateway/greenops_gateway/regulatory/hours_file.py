"""Closed hours as JSON Lines, for reports on hours that come from elsewhere, or go there.

Each line is an object with one key: ``closed`` (an hour of the measured plane), ``reported`` (a parameter of an hour of
the reported plane) or ``calibration`` (a daily one). Numbers are decimal, digit by digit, as text or bare; hours are as
``2026-01-31T09``, in local standard time. What is absent is null or left out::

    {"closed": {"hour": "2026-01-31T09", "operating_time": "1.00", "load": "431", "fuel": "coal", "is_startup": false,
                "measured": {"SO2C": {"value": "213.4", "unadjusted": "202.9", "method": "01", "points": 60}},
                "computed": {"SO2": {"value": "2417.3", "unit": "lb/h", "equation": "F-1"}}}}
    {"reported": {"hour": "2026-01-31T10", "parameter": "SO2C", "value": "220.1", "method": "06", "available": "98.7"}}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import msgspec

from greenops_core.errors import ConfigError
from greenops_gateway.cems import hour as hours_
from greenops_gateway.cems.record import ClosedHour, Reported
from greenops_gateway.emissions.entry import Told, result
from greenops_gateway.regulatory.ecmps.daily_test import Cylinder, DailyCalibration, Injection
from greenops_gateway.regulatory.whole_file import put


class HoursFile(NamedTuple):
    """What a file has, in its order."""

    hours: tuple[ClosedHour, ...]
    reported: tuple[Reported, ...] = ()
    calibrations: tuple[DailyCalibration, ...] = ()


def read(path: Path) -> HoursFile:
    """The file *path*.

    Raises:
        ConfigError: it cannot be read, or a line is not as it should be; with the line.
    """
    hours: list[ClosedHour] = []
    reported: list[Reported] = []
    calibrations: list[DailyCalibration] = []
    try:
        with path.open("rb") as file:
            for number, text in enumerate(file, 1):
                if not text.strip():
                    continue
                try:
                    match _item(text):
                        case ClosedHour() as closed:
                            hours.append(closed)
                        case Reported() as told:
                            reported.append(told)
                        case calibration:
                            calibrations.append(calibration)
                except ValueError as error:
                    raise ConfigError(f"{path}:{number}: {error}") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from None
    return HoursFile(tuple(hours), tuple(reported), tuple(calibrations))


def lines(file: HoursFile) -> Iterator[bytes]:
    """The lines of *file*; ``read`` gives it back digit by digit."""
    for closed in file.hours:
        yield _encode({"closed": result(closed)})
    for told in file.reported:
        yield _encode({"reported": told._asdict() | {"hour": hours_.written(told.hour)}})
    for test in file.calibrations:
        whole = test._asdict()
        whole |= {"zero": _injection(test.zero), "upscale": _injection(test.upscale)}
        whole["cylinder"] = None if test.cylinder is None else test.cylinder._asdict()
        yield _encode({"calibration": whole})


def write(path: Path, file: HoursFile) -> None:
    """Put *file* in *path*, whole or not at all.

    Raises:
        ConfigError: it cannot be written.
    """
    put(path, lines(file))


class _Reported(msgspec.Struct, forbid_unknown_fields=True):
    hour: str
    parameter: str
    method: str
    value: Decimal | None = None
    unadjusted: Decimal | None = None
    available: Decimal | None = None

    def item(self) -> Reported:
        _checked(self.value, self.unadjusted, self.available)
        hour = hours_.read(self.hour)
        return Reported(hour, self.parameter, self.value, self.unadjusted, self.method, self.available)


class _Injection(msgspec.Struct, forbid_unknown_fields=True):
    hour: str
    minute: int
    reference: Decimal
    measured: Decimal
    error: Decimal
    is_alternative: bool = False

    def item(self) -> Injection:
        _checked(self.reference, self.measured, self.error)
        hour = hours_.read(self.hour)
        return Injection(hour, self.minute, self.reference, self.measured, self.error, self.is_alternative)


class _Cylinder(msgspec.Struct, forbid_unknown_fields=True):
    gas_type: str
    identifier: str
    vendor: str
    expires: date


class _Calibration(msgspec.Struct, forbid_unknown_fields=True):
    component: str
    scale: str
    result: str
    level: str
    is_online: bool = True
    zero: _Injection | None = None
    upscale: _Injection | None = None
    cylinder: _Cylinder | None = None
    protocol: str | None = None

    def item(self) -> DailyCalibration:
        gas = self.cylinder
        if self.zero is None and self.upscale is None:
            raise ValueError("a calibration has an injection, zero or upscale")
        return DailyCalibration(
            self.component,
            self.scale,
            self.result,
            self.is_online,
            self.level,
            None if self.zero is None else self.zero.item(),
            None if self.upscale is None else self.upscale.item(),
            None if gas is None else Cylinder(gas.gas_type, gas.identifier, gas.vendor, gas.expires),
            self.protocol,
        )


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    closed: Told | None = None
    reported: _Reported | None = None
    calibration: _Calibration | None = None


_decode = msgspec.json.Decoder(_Line).decode
_json = msgspec.json.Encoder().encode


def _item(text: bytes) -> ClosedHour | Reported | DailyCalibration:
    """Raises ValueError: the line is none of them."""
    line = _decode(text)
    found = [each for each in (line.closed, line.reported, line.calibration) if each is not None]
    if len(found) != 1:
        raise ValueError("a line has one key: closed, reported or calibration")
    (only,) = found
    return _closed(only) if isinstance(only, Told) else only.item()


def _closed(told: Told) -> ClosedHour:
    """Raises ValueError: a number in it is none that an hour can have."""
    closed = told.closed()
    _checked(closed.operating_time, closed.load, *(each.value for each in closed.computed.values()))
    _checked(*(number for each in closed.measured.values() for number in (each.value, each.unadjusted)))
    if not 0 <= closed.operating_time <= 1:
        raise ValueError(f"an operating time of {closed.operating_time} is no share of an hour; write 0.00 to 1.00")
    return closed


def _checked(*values: Decimal | None) -> None:
    """Raises ValueError: one of them is no finite number."""
    for value in values:
        if value is not None and not value.is_finite():
            raise ValueError(f"{value} is no finite number; leave out what is not known")


def _encode(whole: object) -> bytes:
    return _json(whole) + b"\n"


def _injection(given: Injection | None) -> Mapping[str, object] | None:
    return None if given is None else given._asdict() | {"hour": hours_.written(given.hour)}
