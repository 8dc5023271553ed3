"""Relative accuracy test audits from a file with a row for each run."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import NamedTuple

from greenops_core.errors import ConfigError
from greenops_gateway.cems.decimals import exact
from greenops_gateway.cems.qa.bias import bias_adjustment_factor
from greenops_gateway.cems.qa.rata import RelativeAccuracy, Run, System, Verdict, relative_accuracy, verdict
from greenops_gateway.qa.finding import Finding, shown
from greenops_gateway.qa.sheet import FLAGS, Row, Sheet, chosen

NEEDED = ("test", "cem_value", "reference_value")
HEAD = ("test", "system", "runs", "mean difference", "CC", "RA %", "BAF", "result", "due in", "why")

SYSTEMS: Mapping[str, System] = {system.value: system for system in System}
USED: Mapping[str, bool] = {**FLAGS, "RUNUSED": True, "NOTUSED": False}
_FLOW_FROM, _RATE_BELOW = Decimal(10000), Decimal(5)


class _Asked(NamedTuple):
    system: System | None
    area: Decimal | None
    is_capped: bool


def findings(sheet: Sheet, given: argparse.Namespace) -> list[Finding]:
    """One for each test, in the order in which the tests begin.

    Raises:
        ConfigError: there are mistakes in the file, or in what was *given*.
    """
    default = chosen("--system", given.system, SYSTEMS)
    area = _area(given.stack_area)
    tests: dict[str, list[tuple[Row, Run]]] = {}
    systems: dict[str, System | None] = {}
    for row in sheet.rows:
        name = sheet.name(row, "test")
        sheet.once(row, "run", f"test {name}")
        run = Run(
            sheet.number(row, "cem_value"),
            sheet.number(row, "reference_value"),
            sheet.one_of(row, "used", USED, default=True),
        )
        tests.setdefault(name, []).append((row, run))
        system = sheet.one_of(row, "system", SYSTEMS, systems.get(name, default))
        if systems.setdefault(name, system) != system:
            sheet.complain(row, "system", f"test {name} began with another one", None)
    sheet.tell()
    found = [
        _finding(sheet, name, runs, _Asked(systems[name], area, not given.no_low_emitter))
        for name, runs in tests.items()
    ]
    sheet.tell()
    return [each for each in found if each is not None]


def likely_system(reference: Decimal) -> System:
    """What an audit is of when nobody says, by the mean of the reference method: scfh, lb/mmBtu, or ppm.

    >>> likely_system(Decimal(42000000)), likely_system(Decimal("0.12")), likely_system(Decimal(180))
    (<System.FLOW: 'FLOW'>, <System.NOX: 'NOX'>, <System.NOXC: 'NOXC'>)
    """
    if reference > _FLOW_FROM:
        return System.FLOW
    return System.NOX if reference < _RATE_BELOW else System.NOXC


def _area(text: str | None) -> Decimal | None:
    """Raises ConfigError: that is no area."""
    if text is None:
        return None
    with suppress(ValueError):
        if (area := exact(text)) > 0:
            return area
    raise ConfigError(f"--stack-area: '{text}' is no area in ft2")


def _finding(sheet: Sheet, name: str, rows: Sequence[tuple[Row, Run]], asked: _Asked) -> Finding | None:
    try:
        found = relative_accuracy([run for _, run in rows])
        audited = likely_system(found.mean_reference) if asked.system is None else asked.system
        factor = bias_adjustment_factor(found, audited, is_low_emitter_capped=asked.is_capped)
    except ValueError as error:
        sheet.complain_of(rows[0][0], f"test {name}: {error}")
        return None
    except ArithmeticError:
        sheet.complain_of(rows[0][0], f"test {name}: its values are too far apart to be computed with")
        return None
    judged = verdict(found, audited, asked.area)
    return Finding(
        {
            "test": name,
            "relative_accuracy": found.relative_accuracy.value,
            "mean_difference": found.mean_difference.value,
            "standard_deviation": found.standard_deviation.value,
            "confidence_coefficient": found.confidence_coefficient.value,
            "t_value": found.t_value,
            "bias_adjustment_factor": factor.value,
            "system": audited.value,
            "runs_used": found.runs,
            "result": judged.result.value,
            "quarters": judged.quarters,
            "why": judged.why,
        },
        (*_cells(name, audited, found, factor.value), *_verdict_cells(judged)),
        (*found.workings, factor),
        judged.result.is_passed,
    )


def _cells(name: str, system: System, found: RelativeAccuracy, factor: Decimal) -> tuple[str, ...]:
    numbers = (found.mean_difference, found.confidence_coefficient, found.relative_accuracy)
    return (name, system.value, str(found.runs), *(shown(each.value) for each in numbers), shown(factor))


def _verdict_cells(judged: Verdict) -> tuple[str, str, str]:
    due = "-" if judged.quarters is None else f"{judged.quarters} quarters"
    return (judged.result.value, due, judged.why)
