"""The record of one hour: hourlyOperatingData with the values monitored and derived, and fuel flow. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from greenops_gateway.cems.computing import equation_of
from greenops_gateway.cems.decimals import rounded
from greenops_gateway.cems.equation import Equation
from greenops_gateway.cems.hour import civil
from greenops_gateway.cems.parameter import PARAMETERS
from greenops_gateway.cems.plan import StackPlan
from greenops_gateway.cems.record import ClosedHour
from greenops_gateway.cems.substitution.load_bin import load_bin
from greenops_gateway.cems.substitution.method import MEASURED
from greenops_gateway.regulatory.ecmps import code
from greenops_gateway.regulatory.ecmps.plan import EcmpsPlan, FlowValue, FuelFlow
from greenops_gateway.regulatory.reported_plane import Value

DERIVED = ("SO2", "NOX", "NOXR", "CO2", "CO2C", "H2O", "HI")
DILUENTS = ("O2C", "CO2C")
MATS_MONITORED = ("HGC", "HCLC", "HFC")
MATS_DERIVED = ("HGRE", "HGRH", "HCLRE", "HCLRH", "HFRE", "HFRH", "SO2RE", "SO2RH")
MATS_MEASURED, MATS_NOT_CALCULATED, MATS_MISSING = "36", "38", "34"
MOST_PLACES = 4
"""Decimals of an hourly value."""
FACTORS = {"fcFactor": "Fc", "fdFactor": "Fd", "fwFactor": "Fw"}
"""Of the file, by the constants of the plan."""
FLOW_MEASURED, FLOW_SUBSTITUTED = "0", "1"
"""Sources of fuel flow data; that these two suffice awaits confirmation."""
_ABSENT = Value(None)
_Values = Mapping[str, Value]


class HourlyRecords:
    """Records of the hours of *stack*.

    Raises:
        EquationError: the plan names an equation that there is not.
    """

    def __init__(self, plan: EcmpsPlan, stack: StackPlan) -> None:
        self._plan, self._stack = plan, stack
        equations = {name: equation_of(name, each) for name, each in stack.computed.items()}
        self._equations = equations
        self.monitored = tuple(name for name in code.MONITOR_METHODS if name in stack.measured)
        self.derived = tuple(name for name in DERIVED if name in equations)
        self._mats_monitored = tuple(name for name in MATS_MONITORED if name in stack.measured)
        self._mats_derived = tuple(name for name in MATS_DERIVED if name in equations)
        self._is_mats = bool(self._mats_monitored or self._mats_derived)
        self.substituted = _substituted(equations)
        constants = {key: stack.constants.get(name) for key, name in FACTORS.items()}
        self._factors = {key: None if value is None else rounded(value, 1) for key, value in constants.items()}

    def record(self, closed: ClosedHour, values: _Values, flag: str | None) -> dict[str, Any]:
        """The record of *closed* with its *values* as reported; *flag* is U in a startup, D in a shutdown.

        Without operation all is blank but the operating time.
        """
        day, of_day = civil(closed.hour)
        running, load = closed.is_operating, self._stack.load
        gross = closed.load if running and load is not None else None
        told = None if gross is None else rounded(gross, 0)
        bins = self._plan.load_bins
        binned = None if gross is None or load is None or not bins else load_bin(gross, load.maximum, bins)

        def every(names: tuple[str, ...], of: Callable[[str, _Values], dict[str, Any]]) -> list[dict[str, Any]]:
            return [of(name, values) for name in names] if running else []

        return {
            **self._plan.location,
            "date": day.isoformat(),
            "hour": of_day,
            "operatingTime": rounded(closed.operating_time, 2),
            "hourLoad": told,
            "loadUnitsOfMeasureCode": None if told is None or load is None else load.unit,
            "matsHourLoad": told if self._is_mats else None,
            "loadRange": binned,
            "commonStackLoadRange": None,
            **{key: value if running else None for key, value in self._factors.items()},
            "fuelCode": self._plan.fuels.get(closed.fuel) if running else None,
            "matsStartupShutdownFlag": flag if self._is_mats else None,
            "monitorHourlyValueData": every(self.monitored, self._monitored),
            "matsMonitorHourlyValueData": [
                self._monitored_for_mats(name, closed) for name in self._mats_monitored if running
            ],
            "derivedHourlyValueData": every(self.derived, self._derived),
            "matsDerivedHourlyValueData": [
                self._derived_for_mats(name, closed) for name in self._mats_derived if running
            ],
            "hourlyFuelFlowData": [self._flow(closed, values, each) for each in self._plan.fuel_flows]
            if running
            else [],
            "hourlyGFMData": [],
        }

    def _monitored(self, name: str, values: _Values) -> dict[str, Any]:
        value = values.get(name, _ABSENT)
        own, is_whole = self._stack.measured[name], name in self.substituted
        method = own.method if value.method == code.DILUENT_CAP else value.method
        if not is_whole and method not in MEASURED:
            value, method = _ABSENT, code.NOT_TOLD
        is_adjusted = name in code.BIAS_ADJUSTED
        parameter = PARAMETERS[name]
        unadjusted = value.unadjusted if is_adjusted else value.value
        adjusted = value.value if is_adjusted and is_whole else None
        return {
            "parameterCode": name,
            "unadjustedHourlyValue": None if unadjusted is None else parameter.written(unadjusted),
            "adjustedHourlyValue": None if adjusted is None else parameter.written(adjusted),
            "modcCode": method or None,
            "monitoringSystemId": own.system or None,
            "componentId": own.component or None,
            "percentAvailable": _percent(value.available) if is_whole else None,
            "moistureBasis": own.basis[:1].upper() or None if name in code.WITH_BASIS else None,
        }

    def _derived(self, name: str, values: _Values) -> dict[str, Any]:
        value = values.get(name, _ABSENT)
        own = self._plan.formulas.get(name)
        has_availability = name in code.WITH_AVAILABILITY
        method = value.method or (code.PRIMARY if has_availability and value.value is not None else "")
        if (
            name == "NOXR"
            and method in MEASURED
            and any(values.get(each, _ABSENT).method == code.DILUENT_CAP for each in DILUENTS)
        ):
            method = code.DILUENT_CAP
        is_measured = method in MEASURED and name not in self._stack.bias_adjustment_factors
        unadjusted = value.value if is_measured and value.unadjusted is None else value.unadjusted
        return {
            "parameterCode": name,
            "unadjustedHourlyValue": self._written(name, unadjusted) if name == "NOXR" else None,
            "adjustedHourlyValue": self._written(name, value.value),
            "modcCode": method if method in code.DERIVED_METHODS.get(name, ()) else None,
            "monitoringSystemId": None if own is None else own.system or None,
            "formulaId": None if own is None else own.formula,
            "percentAvailable": _percent(value.available) if has_availability else None,
            "operatingConditionCode": None,
            "segmentNumber": None,
            "fuelCode": None,
        }

    def _written(self, name: str, value: Decimal | None) -> Decimal | None:
        """*value* with the decimals of its equation, as far as a file takes them."""
        if value is None:
            return None
        value = self._equations[name].rounding(value)
        exponent = value.as_tuple().exponent
        return rounded(value, MOST_PLACES) if isinstance(exponent, int) and -exponent > MOST_PLACES else value

    def _monitored_for_mats(self, name: str, closed: ClosedHour) -> dict[str, Any]:
        """As measured: a substitute of 40 CFR 75 has no place in what 40 CFR 63 asks for."""
        own, found = self._stack.measured[name], closed.measured.get(name)
        value = None if found is None else found.value
        return {
            "parameterCode": name,
            "unadjustedHourlyValue": scientific(value),
            "modcCode": MATS_MISSING if found is None or value is None else found.method,
            "monitoringSystemId": own.system or None,
            "componentId": own.component or None,
            "percentAvailable": None,
        }

    def _derived_for_mats(self, name: str, closed: ClosedHour) -> dict[str, Any]:
        found, own = closed.computed.get(name), self._plan.formulas.get(name)
        value = None if found is None else found.value
        return {
            "parameterCode": name,
            "unadjustedHourlyValue": scientific(value),
            "modcCode": MATS_NOT_CALCULATED if value is None else MATS_MEASURED,
            "formulaId": None if own is None else own.formula,
        }

    def _flow(self, closed: ClosedHour, values: _Values, plan: FuelFlow) -> dict[str, Any]:
        flow = values.get(plan.of, _ABSENT)
        rate = None if flow.value is None else rounded(flow.value, 1)
        source = FLOW_MEASURED if flow.method in MEASURED else FLOW_SUBSTITUTED
        return {
            "fuelCode": plan.code,
            "fuelUsageTime": rounded(closed.operating_time, 2),
            "volumetricFlowRate": None if plan.is_mass else rate,
            "volumetricUnitsOfMeasureCode": None if plan.is_mass else plan.unit,
            "sourceOfDataVolumetricCode": None if plan.is_mass else source,
            "massFlowRate": rate if plan.is_mass else None,
            "sourceOfDataMassCode": source if plan.is_mass else None,
            "monitoringSystemId": plan.system or None,
            "hourlyParameterFuelFlowData": [_of_fuel(name, each, values, plan) for name, each in plan.values.items()],
        }


def scientific(value: Decimal | None) -> str | None:
    """*value* as hourly values of MATS are written: three significant digits and an exponent.

    >>> scientific(Decimal("0.3987")), scientific(Decimal("0.9996")), scientific(Decimal(0))
    ('3.99E-1', '1.00E0', '0.00E0')
    """
    if value is None:
        return None
    if not value:
        return "0.00E0"
    short = rounded(value, 2 - value.adjusted())
    short = rounded(short, 2 - short.adjusted())
    return f"{short.scaleb(-short.adjusted())}E{short.adjusted()}"


def _of_fuel(name: str, plan: FlowValue, values: _Values, flow: FuelFlow) -> dict[str, Any]:
    value = plan.value if plan.value is not None else values.get(plan.of, _ABSENT).value
    return {
        "parameterCode": name,
        "parameterValueForFuel": value,
        "formulaId": plan.formula or None,
        "sampleTypeCode": plan.sample_type or None,
        "monitoringSystemId": flow.system or None,
        "operatingConditionCode": None,
        "segmentNumber": None,
        "parameterUnitsOfMeasureCode": plan.unit,
    }


def _substituted(equations: Mapping[str, Equation]) -> frozenset[str]:
    """Monitored parameters that have substitutes themselves, and so a whole record.

    NOx and diluent that only go into a NOx rate have none: the rate has.
    """
    masses = [equation for name, equation in equations.items() if name.partition(".")[0] in {"SO2", "NOX", "CO2", "HI"}]
    return frozenset({"SO2C", "FLOW", "H2O"}).union(need.symbol for equation in masses for need in equation.needs)


def _percent(value: Decimal | None) -> Decimal | None:
    return None if value is None else rounded(value, 1)
