"""Calibration errors from a file with a row for each injection."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from decimal import Decimal

from greenops_gateway.cems.qa.calibration import COMPONENTS, Component, Tier, calibration_error
from greenops_gateway.qa.finding import Finding, shown
from greenops_gateway.qa.sheet import FLAGS, Row, Sheet, chosen

NEEDED = ("level", "span", "reference_value", "measured_value")
HEAD = ("line", "level", "component", "span", "reference", "measured", "error", "of", "result")

_LEVELS: Mapping[str, str] = {level: level for level in ("zero", "low", "mid", "high", "upscale")}
_LEAST_DILUENT, _MOST_DILUENT, _POLLUTANT_STEP = Decimal(6), Decimal(25), Decimal(10)


def findings(sheet: Sheet, given: argparse.Namespace) -> list[Finding]:
    """One for each row, in order.

    Raises:
        ConfigError: there are mistakes in the file, or in what was *given*.
    """
    asked = chosen("--component", given.component, COMPONENTS)
    found = [_finding(sheet, row, asked, given) for row in sheet.rows]
    sheet.tell()
    return [each for each in found if each is not None]


def likely_component(span: Decimal) -> Component:
    """What is calibrated when nobody says, by its span (40 CFR 75 Appendix A, 2.1).

    Spans of SO2 and NOx are multiples of 10 ppm; those of CO2 and O2 are whole numbers from 6 to 25 % volume.

    >>> likely_component(Decimal("21.0")), likely_component(Decimal("10.0")), likely_component(Decimal(250))
    (<Component.DILUENT: 'CO2/O2'>, <Component.POLLUTANT: 'SO2/NOX'>, <Component.POLLUTANT: 'SO2/NOX'>)
    """
    is_whole = span % 1 == 0 and span % _POLLUTANT_STEP != 0
    return Component.DILUENT if is_whole and _LEAST_DILUENT <= span <= _MOST_DILUENT else Component.POLLUTANT


def _finding(sheet: Sheet, row: Row, asked: Component | None, given: argparse.Namespace) -> Finding | None:
    sheet.one_of(row, "level", _LEVELS, "")
    span = sheet.number(row, "span", is_positive=True)
    reference, measured = sheet.number(row, "reference_value"), sheet.number(row, "measured_value")
    is_alternative = sheet.one_of(row, "reported_alternative_spec", FLAGS, default=False)
    component = sheet.one_of(row, "component", COMPONENTS, asked or likely_component(span))
    if span <= 0:
        return None
    try:
        found = calibration_error(
            component,
            span,
            reference,
            measured,
            Tier.DAILY if given.daily else Tier.CERTIFICATION,
            is_alternative=is_alternative,
            is_differential_pressure=given.differential_pressure,
        )
    except ArithmeticError:
        sheet.complain_of(row, "span and values are too far apart to be computed with")
        return None
    error = found.working
    return Finding(
        {
            "level": row.text("level"),
            "calibration_error": error.value,
            "unit": error.unit,
            "alternative_spec": int(found.is_alternative),
            "component": component.value,
            "result": found.result.value,
        },
        (
            str(row.line),
            row.text("level"),
            component.value,
            *(shown(each) for each in (span, reference, measured, error.value)),
            error.unit,
            found.result.value,
        ),
        (error,),
        found.result.is_passed,
    )
