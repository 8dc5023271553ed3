"""An hour as it is reported under 40 CFR 75: substitutes in place of what is missing, and rates computed from those.

Pure. Nothing from here goes into a limit or an alert.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

import msgspec

from greenops_gateway.cems.computing import HEAT_INPUT, LEAST_HEAT_INPUT, LEAST_HEAT_METHOD, Rates, order, rates
from greenops_gateway.cems.hour import Hour
from greenops_gateway.cems.operation import Operation
from greenops_gateway.cems.plan import StackPlan
from greenops_gateway.cems.record import ClosedHour, Measured, Reported
from greenops_gateway.cems.substitution.method import MEASURED

MASSES = frozenset({"SO2", "NOX", "CO2", "HI"})
"""Masses and heat input: no rate is computed from them."""
_WHOLE = ((0, 3_600_000),)


class Value(NamedTuple):
    """A parameter of an hour as reported. Without a *value*, *why* says why there is none."""

    value: Decimal | None
    unadjusted: Decimal | None = None
    method: str = ""
    available: Decimal | None = None
    why: str = ""


class ReportedPlane:
    """The reported plane of the stack of *plan*; *reported* is what substitution gave.

    Raises:
        EquationError: the plan names an equation that there is not.
    """

    def __init__(self, plan: StackPlan, reported: Iterable[Reported]) -> None:
        self._plan = plan
        self._computed = order(plan.computed)
        self._adjusted = [name for name in self._computed if name in plan.bias_adjustment_factors]
        rates_alone = {name: each for name, each in plan.computed.items() if name.partition(".")[0] not in MASSES}
        self._without_factors = msgspec.structs.replace(plan, bias_adjustment_factors={}, computed=rates_alone)
        self._reported: dict[Hour, dict[str, Reported]] = {}
        for each in reported:
            self._reported.setdefault(each.hour, {})[each.parameter] = each

    def values(self, closed: ClosedHour) -> Mapping[str, Value]:
        """All parameters of the operating hour *closed*.

        Where a measured parameter was substituted, rates and masses are computed anew; the others are those of the
        measured plane. A heat input of exactly the least there can be is taken for it.
        """
        reported = self._reported.get(closed.hour, {})
        substituted = {name for name, each in reported.items() if self._measured(closed, name) != each.value}
        anew = self._anew(closed, reported).computed if substituted else {}
        found = {
            name: Value(each.value, each.unadjusted, each.method if each.value is not None else "", None, each.why)
            for name, each in closed.measured.items()
        }
        for name in self._computed:
            each = anew.get(name) or closed.computed.get(name)
            is_least = name == HEAT_INPUT and each is not None and each.value == LEAST_HEAT_INPUT
            method = LEAST_HEAT_METHOD if is_least else ""
            found[name] = Value(None) if each is None else Value(each.value, None, method, None, each.why)
        for name, told in reported.items():
            why = "" if told.value is not None else "substitution gave no value"
            found[name] = Value(told.value, told.unadjusted, told.method, told.available, why)
        if any(found[name].method in MEASURED or not found[name].method for name in self._adjusted):
            self._unadjusted(closed, found)
        return found

    @staticmethod
    def _measured(closed: ClosedHour, name: str) -> Decimal | None:
        """What the measured plane has."""
        known = closed.measured.get(name) or closed.computed.get(name)
        return None if known is None else known.value

    def _anew(self, closed: ClosedHour, reported: Mapping[str, Reported]) -> Rates:
        """What is computed with the values of *reported* in place of those that were measured, or not."""
        told = {name: each.value for name, each in reported.items() if each.value is not None}
        measured = dict(closed.measured)
        for name in told.keys() - self._plan.computed.keys():
            measured[name] = Measured(name, told[name], told[name], reported[name].method)
        computed = {name: code for name, code in self._plan.computed.items() if name not in told}
        given = {name: value for name, value in told.items() if name in self._plan.computed}
        return rates(msgspec.structs.replace(self._plan, computed=computed), measured, _operation(closed), given)

    def _unadjusted(self, closed: ClosedHour, found: dict[str, Value]) -> None:
        """Give rates that have a bias adjustment factor what they were before it."""
        before = rates(self._without_factors, closed.measured, _operation(closed), {}).computed
        for name in self._adjusted:
            told = found[name]
            if told.value is not None and told.unadjusted is None and (not told.method or told.method in MEASURED):
                found[name] = told._replace(unadjusted=before[name].value)


def _operation(closed: ClosedHour) -> Operation:
    return Operation(closed.operating_time, _WHOLE, closed.load, closed.is_startup, ())
