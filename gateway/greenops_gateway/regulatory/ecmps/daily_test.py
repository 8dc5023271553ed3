"""The daily calibrations of a quarter, as dailyTestSummaryData has them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from greenops_gateway.cems.decimals import rounded
from greenops_gateway.cems.hour import Hour, civil
from greenops_gateway.regulatory.ecmps.plan import EcmpsPlan


class Injection(NamedTuple):
    """Gas of the *reference* value, injected at *minute* of *hour*: *measured* came out, off by *error*.

    *error* is percent of span, or the difference: where *is_alternative* (the alternative specification), and of O2
    and CO2.
    """

    hour: Hour
    minute: int
    reference: Decimal
    measured: Decimal
    error: Decimal
    is_alternative: bool = False


class Cylinder(NamedTuple):
    """The upscale gas: *gas_type* and *vendor* are EPA's codes (protocol gas verification program)."""

    gas_type: str
    identifier: str
    vendor: str
    expires: date


class DailyCalibration(NamedTuple):
    """A calibration error test of *component* on the *scale* H or L.

    *result* is PASSED, PASSAPS, FAILED, INC or ABORTED, *level* is that of the upscale gas: MID or HIGH. An aborted one
    may lack an injection.
    """

    component: str
    scale: str
    result: str
    is_online: bool
    level: str
    zero: Injection | None
    upscale: Injection | None
    cylinder: Cylinder | None = None
    protocol: str | None = None

    @property
    def at(self) -> tuple[Hour, int]:
        """When it ended: hour and minute.

        Raises:
            ValueError: it has no injection.
        """
        return max((each.hour, each.minute) for each in (self.zero, self.upscale) if each is not None)


def daily_tests(plan: EcmpsPlan, tests: Iterable[DailyCalibration], hours: range) -> list[dict[str, Any]]:
    """Those of *tests* that ended in *hours*, in the order of their ends."""
    within = [each for each in tests if (each.zero or each.upscale) and each.at[0] in hours]
    return [_summary(plan, each) for each in sorted(within, key=lambda each: (each.at, each.component, each.scale))]


def _summary(plan: EcmpsPlan, test: DailyCalibration) -> dict[str, Any]:
    hour, minute = test.at
    day, of_day = civil(hour)
    return {
        **plan.location,
        "date": day.isoformat(),
        "hour": of_day,
        "minute": minute,
        "monitoringSystemId": None,
        "componentId": test.component,
        "testTypeCode": "DAYCAL",
        "testResultCode": test.result,
        "spanScaleCode": test.scale,
        "dailyCalibrationData": [_calibration(test)],
    }


def _calibration(test: DailyCalibration) -> dict[str, Any]:
    cylinder = test.cylinder
    return {
        "onlineOfflineIndicator": int(test.is_online),
        "upscaleGasCode": test.level,
        **_injection("zero", test.zero),
        **_injection("upscale", test.upscale),
        "upscaleGasTypeCode": None if cylinder is None else cylinder.gas_type,
        "cylinderIdentifier": None if cylinder is None else cylinder.identifier,
        "vendorIdentifier": None if cylinder is None else cylinder.vendor,
        "expirationDate": None if cylinder is None else cylinder.expires.isoformat(),
        "injectionProtocolCode": test.protocol,
    }


def _injection(which: str, given: Injection | None) -> dict[str, Any]:
    day, of_day = civil(given.hour) if given else (None, None)
    return {
        f"{which}InjectionDate": day.isoformat() if day else None,
        f"{which}InjectionHour": of_day,
        f"{which}InjectionMinute": given.minute if given else None,
        f"{which}MeasuredValue": rounded(given.measured, 3) if given else None,
        f"{which}APSIndicator": int(given.is_alternative) if given else None,
        f"{which}CalibrationError": rounded(given.error, 2) if given else None,
        f"{which}ReferenceValue": rounded(given.reference, 3) if given else None,
    }
