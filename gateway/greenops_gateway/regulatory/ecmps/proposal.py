"""What a monitoring plan of ECMPS proposes: the plan of a stack, its codes, and what a person still has to say. Pure.

A monitoring plan names systems, components, spans and formulas. It has no points of devices, no heating values and no
times of readings: those are notes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Literal, NamedTuple

import msgspec

from greenops_gateway.cems.computing import equation_of
from greenops_gateway.cems.equation import Equation, EquationError, Kind
from greenops_gateway.cems.fuel import F_FACTORS
from greenops_gateway.cems.hour import Hour, written
from greenops_gateway.cems.plan import Above, Load, ParameterPlan, StackPlan
from greenops_gateway.cems.substitution.plan import SubstitutionPlan
from greenops_gateway.regulatory.ecmps.hourly import DERIVED
from greenops_gateway.regulatory.ecmps.monitoring_plan import (
    Component,
    Formula,
    Location,
    MonitoringPlan,
    System,
    current,
)
from greenops_gateway.regulatory.ecmps.plan import EcmpsPlan, FlowValue, FormulaPlan, FuelFlow

PARAMETER_OF: Mapping[str, str] = {
    "SO2": "SO2C",
    "NOX": "NOXC",
    "CO2": "CO2C",
    "O2": "O2C",
    "H2O": "H2O",
    "FLOW": "FLOW",
    "HG": "HGC",
    "HCL": "HCLC",
    "HF": "HFC",
    "GFFM": "GAS",
    "OFFM": "OIL",
}
"""Parameters by the type of the component that measures them."""
FUEL_OF: Mapping[str, str] = {"PNG": "natural gas", "NNG": "natural gas", "OIL": "oil", "DSL": "oil", "PRP": "propane"}
"""Rows of the table of F-factors by fuel code; for coals and others a person chooses."""
BASES: Mapping[str, Literal["", "wet", "dry"]] = {"W": "wet", "D": "dry"}
LABEL_OF: Mapping[str, str] = {"GAS": "gas", "OIL": "oil"}
"""What a fuel is called behind the dot, by its flow."""
FLOW_UNITS: Mapping[str, str] = {"GAS": "HSCF", "OIL": "LBHR"}
RATE_UNITS: Mapping[str, str] = {"HI": "MMBTUHR", "SO2": "LBHR", "CO2": "TNHR"}
CAPS: Mapping[str, str] = {"O2X": "O2C", "CO2N": "CO2C"}
"""Diluents by the parameter of a default whose purpose is DC."""
SUBSTITUTED = ("SO2C", "NOXC", "NOXR", "CO2C", "O2C", "H2O", "FLOW")


class Proposal(NamedTuple):
    """*notes* are what is not in the monitoring plan, or not to be had from it."""

    stack: StackPlan
    codes: EcmpsPlan
    substitution: tuple[SubstitutionPlan, ...]
    notes: tuple[str, ...]


class _Then(NamedTuple):
    """A location *at* an hour; what is not known of it goes to *notes*."""

    location: Location
    at: Hour
    systems: list[System]
    formulas: Mapping[str, Formula]
    notes: list[str]


def proposal(plan: MonitoringPlan, location: Location, at: Hour, standard_time: str) -> Proposal:
    """What *location* of *plan* is at the hour *at*.

    Raises:
        ValueError: nothing of it can be measured or computed then.
    """
    notes: list[str] = []
    formulas = _labelled(current(location.formulas, at), notes)
    then = _Then(location, at, current(location.systems, at), formulas, notes)
    measured = dict(_measured(then))
    if not measured and not formulas:
        raise ValueError(f"location {location.name} measures nothing at {written(at)}; ask for another day")
    notes[:0] = [f"{name}: its point, device/point" for name in measured]
    notes.append("operating: the point by which one sees that the unit operates, and above what")
    notes.append("bias_adjustment_factor of what has one, and bias_adjustment_factors of NOXR: from the last RATA")
    stack = StackPlan(
        stack=location.name,
        standard_time_=standard_time,
        measured=measured,
        operating=Above(),
        load=_load(then),
        fuel=next(iter(location.fuels), ""),
        constants=_constants(then),
        computed={key: formula.code for key, formula in formulas.items()},
        diluent_cap={
            CAPS[each.parameter]: each.value
            for each in current(location.defaults, at)
            if each.purpose == "DC" and each.parameter in CAPS
        },
    )
    substitution = tuple(_substitution(then, stack))
    return Proposal(stack, _codes(plan, then, stack), substitution, tuple(notes))


def _load(then: _Then) -> Load | None:
    loads = current(then.location.loads, then.at)
    if not loads:
        then.notes.append("load: its point, and the maximum of an hour")
        return None
    return msgspec.convert({"unit": loads[-1].unit, "maximum": loads[-1].maximum}, Load)


def _measured(then: _Then) -> Iterator[tuple[str, ParameterPlan]]:
    """Parameters with the primary system that measures them; the systems of one alone come first."""
    kinds = {component.id: component for component in then.location.components}
    found: set[str] = set()
    for system in sorted(then.systems, key=lambda each: (each.designation != "P", each.kind == "NOX")):
        for id_, lasting in system.components:
            component = kinds.get(id_)
            name = PARAMETER_OF.get(component.kind, "") if component is not None and lasting.holds(then.at) else ""
            if component is None or not name or name in found:
                continue
            found.add(name)
            yield name, _parameter(then, component, system)


def _parameter(then: _Then, component: Component, system: System) -> ParameterPlan:
    spans = current(then.location.spans, then.at)
    span = next((each for each in spans if each.kind == component.kind and each.scale in {"H", ""}), None)
    basis = BASES.get(component.basis, "")
    if span is None:
        return ParameterPlan(basis=basis, system=system.id, component=component.id)
    is_flow = component.kind == "FLOW"
    return ParameterPlan(
        span=span.flow_span if is_flow else span.span,
        full_scale=span.flow_full_scale if is_flow else span.full_scale,
        maximum_potential=span.maximum_flow if is_flow else span.maximum_potential,
        basis=basis,
        system=system.id,
        component=component.id,
    )


def _labelled(formulas: Iterable[Formula], notes: list[str]) -> dict[str, Formula]:
    """Formulas by what they compute; of several for one parameter, each with its fuel behind a dot.

    A formula is of a fuel whose flow it needs, or as the formula that its text names. Which of two that are left alone
    is meant, a person says.
    """
    known: dict[str, tuple[Formula, Equation]] = {}
    for formula in formulas:
        try:
            known[formula.id] = (formula, equation_of(formula.parameter, formula.code))
        except EquationError as error:
            notes.append(f"formula {formula.id}: {error}")
    found: dict[str, Formula] = {}
    for id_, (formula, equation) in known.items():
        several = sum(other.parameter == formula.parameter for other, _ in known.values()) > 1
        is_sum = any(need.each for need in equation.needs)
        label = "" if is_sum or not several else _label(id_, known, ())
        key = f"{formula.parameter}.{label}" if label else formula.parameter
        if key in found:
            notes.append(f"{key}: formula {found[key].id} is taken, {id_} ({formula.code}) as well holds; say which")
            continue
        found[key] = formula
    return found


def _label(id_: str, known: Mapping[str, tuple[Formula, Equation]], above: tuple[str, ...]) -> str:
    formula, equation = known[id_]
    for need in equation.needs:
        if need.symbol in LABEL_OF:
            return LABEL_OF[need.symbol]
    named = re.findall(r"F#?[({]\s*([A-Z0-9\-]{1,3})\s*[)}]", formula.text)
    labels = [_label(each, known, (*above, id_)) for each in named if each in known and each not in (*above, id_)]
    return next((each for each in labels if each), "")


def _constants(then: _Then) -> dict[str, Decimal]:
    """Those that equations need and a plan or the table of F-factors has; the others are noted."""
    found: dict[str, Decimal] = {}
    for key, formula in then.formulas.items():
        label = key.partition(".")[2]
        fuels = [fuel for fuel in then.location.fuels if not label or _fuel_label(fuel) == label]
        for need in equation_of(key, formula.code).needs:
            name = f"{need.symbol}.{label}" if label else need.symbol
            if need.kind is not Kind.CONSTANT or need.default is not None or name in found:
                continue
            value = _constant(then, need.symbol, fuels)
            if value is None:
                then.notes.append(f"constants: {name} ({need.unit}), which {formula.code} of {key} needs")
            else:
                found[name] = value
    return found


def _constant(then: _Then, symbol: str, fuels: list[str]) -> Decimal | None:
    factors = next((F_FACTORS[FUEL_OF[fuel]] for fuel in fuels if fuel in FUEL_OF), None)
    if factors is not None and symbol in {"Fd", "Fc", "Fw"}:
        return {"Fd": factors.fd, "Fc": factors.fc, "Fw": factors.fw}[symbol]
    defaults = current(then.location.defaults, then.at)
    rates = [each.value for each in defaults if each.purpose == "F23" and each.fuel in fuels]
    return next(iter(rates), None) if symbol == "ER" else None


def _codes(plan: MonitoringPlan, then: _Then, stack: StackPlan) -> EcmpsPlan:
    location = then.location
    rate = next((each.id for each in then.systems if each.kind == "NOX"), "")
    return EcmpsPlan(
        stack=stack.stack,
        oris_code=plan.oris_code,
        unit_id=location.unit_id or None,
        stack_pipe_id=location.stack_pipe_id or None,
        formulas={
            key: FormulaPlan(formula=formula.id, system=rate if key == "NOXR" else "")
            for key, formula in then.formulas.items()
            if key in DERIVED
        },
        fuels={fuel: fuel for fuel in location.fuels},
        fuel_flows=tuple(_flows(then, stack)),
    )


def _flows(then: _Then, stack: StackPlan) -> Iterator[FuelFlow]:
    for name, label in LABEL_OF.items():
        if name not in stack.measured:
            continue
        values = {
            parameter: FlowValue(of=key, formula=then.formulas[key].id, unit=unit)
            for parameter, unit in RATE_UNITS.items()
            for key in (f"{parameter}.{label}",)
            if key in then.formulas
        }
        fuel = next((each for each in then.location.fuels if _fuel_label(each) == label), name)
        system = stack.measured[name].system
        yield FuelFlow(of=name, code=fuel, unit=FLOW_UNITS[name], system=system, is_mass=name == "OIL", values=values)


def _substitution(then: _Then, stack: StackPlan) -> Iterator[SubstitutionPlan]:
    """For what is monitored and has a maximum; a system counts as certified from its first hour on."""
    begins = {system.id: system.interval.first for system in then.systems}
    defaults = current(then.location.defaults, then.at)
    rates = [each.value for each in defaults if each.parameter == "NORX" and each.purpose == "MD"]
    is_rate = "NOXR" in stack.computed
    for name in SUBSTITUTED:
        source = stack.measured.get("NOXC" if name == "NOXR" else name)
        if source is None or (name == "NOXR" and not is_rate) or (is_rate and name in {"NOXC", "O2C"}):
            continue
        potential = max(rates, default=None) if name == "NOXR" else source.maximum_potential
        first = begins.get(source.system)
        if potential is None or first is None:
            then.notes.append(f"substitution of {name}: the maximum potential value, and when its system was certified")
            continue
        given = {"parameter": name, "certified": written(first), "potential": potential}
        yield msgspec.convert(given, SubstitutionPlan)


def _fuel_label(code: str) -> str:
    return {"natural gas": "gas", "propane": "gas", "oil": "oil"}.get(FUEL_OF.get(code, ""), "")
