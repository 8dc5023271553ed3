"""Linearity checks from a file with a row for each injection."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from decimal import Decimal

from greenops_gateway.cems.qa.calibration import COMPONENTS, Component
from greenops_gateway.cems.qa.linearity import INJECTIONS, LEVELS, LinearityError, linearity_error
from greenops_gateway.qa.finding import Finding, shown
from greenops_gateway.qa.sheet import FLAGS, Row, Sheet, chosen

NEEDED = ("test", "gas_level", "reference_value", "measured_value")
HEAD = ("test", "level", "component", "injections", "error", "of", "result")

_LEVELS: Mapping[str, str] = {level: level for level in LEVELS}
CHECKED: Mapping[str, Component] = {
    name: component for name, component in COMPONENTS.items() if component is not Component.FLOW
}


class _Level:
    """The injections of one gas at one test, as they are read."""

    def __init__(self, row: Row, component: Component) -> None:
        self.row, self.component = row, component
        self.injections: list[tuple[Decimal, Decimal]] = []
        self.is_alternative = False


def findings(sheet: Sheet, given: argparse.Namespace) -> list[Finding]:
    """One for each test and gas level, in the order in which they begin.

    Raises:
        ConfigError: there are mistakes in the file, or in what was *given*.
    """
    levels: dict[tuple[str, str], _Level] = {}
    default = chosen("--component", given.component, CHECKED) or Component.POLLUTANT
    for row in sheet.rows:
        test = sheet.name(row, "test")
        level = sheet.one_of(row, "gas_level", _LEVELS, "")
        if not row.text("gas_level"):
            sheet.complain(row, "gas_level", f"a level is missing; one of {', '.join(LEVELS)}", None)
        sheet.once(row, "injection", f"test {test}, level {level}")
        begun = levels.get((test, level))
        component = sheet.one_of(row, "component", CHECKED, begun.component if begun else default)
        into = levels.setdefault((test, level), _Level(row, component))
        into.injections.append((sheet.number(row, "reference_value"), sheet.number(row, "measured_value")))
        into.is_alternative |= sheet.one_of(row, "reported_alternative_spec", FLAGS, default=False)
        if into.component is not component:
            sheet.complain(row, "component", f"test {test} began with another one", None)
    sheet.tell()
    found = [_finding(sheet, test, level, each) for (test, level), each in levels.items()]
    sheet.tell()
    return [each for each in found if each is not None]


def _finding(sheet: Sheet, test: str, level: str, given: _Level) -> Finding | None:
    try:
        found = linearity_error(given.component, given.injections, is_alternative=given.is_alternative)
    except ValueError as error:
        sheet.complain_of(given.row, f"test {test}, level {level}: {error}")
        return None
    return Finding(
        {
            "test": test,
            "gas_level": level,
            "percent_error": found.working.value,
            "unit": found.working.unit,
            "alternative_spec": int(found.is_alternative),
            "component": given.component.value,
            "result": found.result.value,
        },
        _cells(test, level, given.component, given.injections, found),
        (found.working,),
        found.result.is_passed,
    )


def _cells(
    test: str, level: str, component: Component, injections: Sequence[object], found: LinearityError
) -> tuple[str, ...]:
    count = str(len(injections)) if len(injections) == INJECTIONS else f"{len(injections)}, not {INJECTIONS}"
    error = (shown(found.working.value), found.working.unit)
    return (test, level, component.value, count, *error, found.result.value)
