"""The rates of an hour of a file computed anew from its own values, within EPA's tolerances. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from greenops_gateway.cems.computing import equation_of, names, order
from greenops_gateway.cems.equation import EquationError, evaluate
from greenops_gateway.cems.plan import StackPlan
from greenops_gateway.regulatory.ecmps.plan import EcmpsPlan

TOLERANCE: Mapping[str, Decimal] = {
    "SO2": Decimal("0.1"),
    "NOX": Decimal("0.1"),
    "CO2": Decimal("0.1"),
    "HI": Decimal(1),
    "NOXR": Decimal("0.005"),
    "CO2C": Decimal("0.1"),
    "H2O": Decimal("0.1"),
}
"""By which an hourly value may be off: lb/h, short tons/h, mmBtu/h, lb/mmBtu, % (EPA's cross check 53)."""


class Recomputation:
    """By the equations, formulas, systems and components of the plans.

    Raises:
        EquationError: the plan names an equation that there is not.
    """

    def __init__(self, plan: EcmpsPlan, stack: StackPlan) -> None:
        self._plan, self._stack = plan, stack
        self._keys = order(stack.computed)

    def complaints(self, record: Mapping[str, Any]) -> Iterator[str]:
        """Of one operating hour."""
        monitored = {each["parameterCode"]: each for each in record["monitorHourlyValueData"]}
        derived = {each["parameterCode"]: each for each in record["derivedHourlyValueData"]}
        yield from self._ids(monitored, derived)
        told = {name: each.get("adjustedHourlyValue") for name, each in derived.items()}
        for name in self._keys:
            if name not in TOLERANCE:
                continue
            if told.get(name) is None:
                yield f"{name} is absent; the plan computes it"
                continue
            yield from self._differs(name, record, monitored, derived)

    def _ids(self, monitored: Mapping[str, Any], derived: Mapping[str, Any]) -> Iterator[str]:
        for name, plan in self._stack.measured.items():
            for key, planned in (("monitoringSystemId", plan.system), ("componentId", plan.component)):
                found = monitored.get(name, {}).get(key)
                if planned and name in monitored and found != planned:
                    yield f"{name} has {key} {found}, but {planned} in the plan"
        for name, formula in self._plan.formulas.items():
            found = derived.get(name, {}).get("formulaId")
            if name in derived and found != formula.formula:
                yield f"{name} has formula {found}, but {formula.formula} in the plan"

    def _differs(
        self, name: str, record: Mapping[str, Any], monitored: Mapping[str, Any], derived: Mapping[str, Any]
    ) -> Iterator[str]:
        own, equation = derived[name], equation_of(name, self._stack.computed[name])
        is_rate = name == "NOXR"
        if is_rate and own.get("unadjustedHourlyValue") is None:
            return  # a substitute, which is computed from nothing
        values = self._values(record, monitored, derived, unadjusted=is_rate)
        inputs: dict[str, Decimal] = {}
        for need in equation.needs:
            known = next((each for each in names(name, need.symbol) if each in values), None)
            if known is not None:
                inputs[need.symbol] = values[known]
        try:
            value = evaluate(equation.name, inputs).value
        except EquationError:
            return  # what it needs is not in a file, such as an analysis of the fuel
        told = Decimal(own["unadjustedHourlyValue"] if is_rate else own["adjustedHourlyValue"])
        if own.get("modcCode") not in {"26", "14"} and abs(told - value) > TOLERANCE[name]:
            yield f"{name} is {told}, but by {equation.name} from what is told it is {value}"

    def _values(
        self, record: Mapping[str, Any], monitored: Mapping[str, Any], derived: Mapping[str, Any], *, unadjusted: bool
    ) -> dict[str, Decimal]:
        """Inputs by name, as the file has them."""
        keys = ("adjustedHourlyValue", "unadjustedHourlyValue")
        first, second = reversed(keys) if unadjusted else keys
        values = dict(self._stack.constants)
        for name, each in (*monitored.items(), *derived.items()):
            value = each.get(first) if each.get(first) is not None else each.get(second)
            if value is not None:
                values[name] = Decimal(value)
        values |= {name: Decimal(record["operatingTime"]) for name in ("T", "TU", "TCS")}
        if record.get("hourLoad") is not None:
            values["LOAD"] = Decimal(record["hourLoad"])
        return values
