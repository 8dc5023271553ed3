"""Bias-adjusted hourly values from a file with a row for each."""

from __future__ import annotations

import argparse
import logging
from decimal import Decimal
from typing import NamedTuple

from greenops_core.errors import ConfigError, nearest
from greenops_gateway.cems.hourly import NEGATIVE
from greenops_gateway.cems.parameter import Parameter
from greenops_gateway.cems.qa.bias import ADJUSTABLE, BY_METHOD, NONE, RATE, adjusted, recorded_factor
from greenops_gateway.cems.substitution.method import MEASURED
from greenops_gateway.cems.working import Working
from greenops_gateway.qa.finding import Finding, shown
from greenops_gateway.qa.sheet import Row, Sheet

log = logging.getLogger(__name__)

NEEDED = ("parameter", "unadjusted")
HEAD = ("line", "parameter", "hour", "unadjusted", "BAF", "from", "adjusted", "why")
_FACTORS = (Decimal(1), Decimal(2))


class _Factor(NamedTuple):
    """A bias adjustment factor, and where it is from."""

    value: Decimal
    origin: str


def findings(sheet: Sheet, given: argparse.Namespace) -> list[Finding]:
    """One for each row, in order.

    Raises:
        ConfigError: there are mistakes in the file, or in a factor that was *given*.
    """
    read = [_Read(sheet, row) for row in sheet.rows]
    sheet.tell()
    factors = {name: _Factor(value, "--factor") for name, value in _given(given.factor).items()}
    for parameter in {each.parameter.name: each.parameter for each in read}.values():
        factors.setdefault(parameter.name, _common(sheet, parameter, read))
    return [each.finding(factors[each.parameter.name]) for each in read]


class _Read:
    """A row: unadjusted and adjusted value, and the factor that stands beside them."""

    def __init__(self, sheet: Sheet, row: Row) -> None:
        self.row = row
        self.parameter = sheet.one_of(row, "parameter", ADJUSTABLE, RATE)
        if not row.text("parameter"):
            sheet.complain(row, "parameter", f"a parameter is missing; one of {', '.join(ADJUSTABLE)}", None)
        self.unadjusted = sheet.optional(row, "unadjusted")
        self.factor = sheet.optional(row, "bias_adjustment_factor", _FACTORS)
        self.adjusted = sheet.optional(row, "adjusted")
        self.method = row.text("modc")

    @property
    def is_adjusted(self) -> bool:
        is_measured = not self.method or self.method in MEASURED
        return self.unadjusted is not None and is_measured and self.method not in BY_METHOD

    def finding(self, common: _Factor) -> Finding:
        factor = _Factor(self.factor, "row") if self.factor is not None and self.parameter.bias else common
        value, why, workings = self._adjusted(factor)
        hour = " ".join(filter(None, (self.row.text("date"), self.row.text("hour"))))
        return Finding(
            {
                "parameter": self.parameter.name,
                **{name: self.row.text(name) for name in ("date", "hour") if self.row.text(name)},
                "unadjusted": self.unadjusted,
                "bias_adjustment_factor": factor.value,
                "factor_from": factor.origin,
                "adjusted": value,
                "why": why,
            },
            (
                str(self.row.line),
                self.parameter.name,
                hour or "-",
                shown(self.unadjusted),
                shown(factor.value),
                factor.origin,
                shown(value),
                why,
            ),
            workings,
        )

    def _adjusted(self, factor: _Factor) -> tuple[Decimal | None, str, tuple[Working, ...]]:
        if self.method in BY_METHOD:
            return BY_METHOD[self.method], f"method {self.method} sets it", ()
        if self.unadjusted is None:
            return None, "no unadjusted value", ()
        if not self.is_adjusted:
            return None, f"a substitute by method {self.method}", ()
        if self.unadjusted < 0:
            return BY_METHOD[NEGATIVE], f"negative: counts as 0 (method {NEGATIVE})", ()
        working = adjusted(self.parameter, self.unadjusted, factor.value)
        return working.value, "", (working,)


def _common(sheet: Sheet, parameter: Parameter, read: list[_Read]) -> _Factor:
    """The factor of rows that have none beside them."""
    if not parameter.bias:
        return _Factor(NONE, "never adjusted")
    lacking = [each for each in read if each.parameter == parameter and each.factor is None and each.is_adjusted]
    pairs = [
        (each.unadjusted, each.adjusted)
        for each in lacking
        if each.unadjusted is not None and each.adjusted is not None
    ]
    if (recorded := recorded_factor(parameter, pairs)) is not None:
        return _Factor(recorded, "records")
    if lacking:
        log.warning(
            "%s: %d rows of %s have no bias_adjustment_factor; 1.000 is taken. Give the right one: --factor %s=1.063",
            sheet.path,
            len(lacking),
            parameter.name,
            parameter.name,
        )
    return _Factor(NONE, "none known")


def _given(texts: list[str]) -> dict[str, Decimal]:
    """Raises ConfigError: one of --factor names no parameter or no factor."""
    found: dict[str, Decimal] = {}
    for text in texts:
        name, _, number = text.partition("=")
        if name not in ADJUSTABLE:
            raise ConfigError(f"--factor: '{name}' is no parameter{nearest(name, ADJUSTABLE)}")
        if not number.replace(".", "", 1).isdecimal() or not _FACTORS[0] <= Decimal(number) < _FACTORS[1]:
            raise ConfigError(f"--factor: '{number}' is no factor from 1 to 2; write it like {name}=1.063")
        found[name] = Decimal(number)
    return found
