"""A monitoring plan of ECMPS: locations with their systems, components, spans, formulas, loads and methods. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple, Protocol, TypeVar

from greenops_gateway.cems.hour import Hour
from greenops_gateway.regulatory.ecmps.upload import Interval, Record, decimal, interval, needed, records, text


class System(NamedTuple):
    """A monitoring system: *kind* as GAS, NOX, SO2, FLOW; *designation* as P for primary."""

    id: str
    kind: str
    designation: str
    fuel: str
    interval: Interval
    components: tuple[tuple[str, Interval], ...]


class Component(NamedTuple):
    """A component; *basis* is W, D or empty."""

    id: str
    kind: str
    basis: str
    acquisition: str
    manufacturer: str
    model: str
    serial: str


class Span(NamedTuple):
    """Of analysers of *kind* on *scale* (H or L). Of a flow monitor, *flow_span* and *flow_full_scale* are in scfh."""

    kind: str
    scale: str
    span: Decimal | None
    full_scale: Decimal | None
    maximum_potential: Decimal | None
    maximum_expected: Decimal | None
    maximum_flow: Decimal | None
    flow_span: Decimal | None
    flow_full_scale: Decimal | None
    transition: Decimal | None
    unit: str
    interval: Interval


class Formula(NamedTuple):
    """*code* is the equation's (F-5), *id* the plan's own."""

    id: str
    parameter: str
    code: str
    text: str
    interval: Interval


class Load(NamedTuple):
    """The maximum hourly load, and the range of operation, in *unit*."""

    maximum: Decimal
    lower: Decimal | None
    upper: Decimal | None
    unit: str
    interval: Interval


class Method(NamedTuple):
    """How *parameter* is determined: *code* as CEM, AD, CALC."""

    parameter: str
    code: str
    substitution: str
    interval: Interval


class Default(NamedTuple):
    """A default, maximum or constant: *purpose* as MD (missing data), DC (diluent cap), F23, DM (minimum flow)."""

    parameter: str
    value: Decimal
    unit: str
    purpose: str
    fuel: str
    interval: Interval


class Location(NamedTuple):
    """A unit or a stack (or pipe) with all that its plan ever said."""

    name: str
    unit_id: str
    stack_pipe_id: str
    systems: tuple[System, ...]
    components: tuple[Component, ...]
    spans: tuple[Span, ...]
    formulas: tuple[Formula, ...]
    loads: tuple[Load, ...]
    methods: tuple[Method, ...]
    defaults: tuple[Default, ...]
    fuels: tuple[str, ...]


class MonitoringPlan(NamedTuple):
    """What is used of the file; the rest of it stays in the file."""

    oris_code: int
    facility: str
    name: str
    locations: tuple[Location, ...]


class Lasting(Protocol):
    """What holds for a time."""

    @property
    def interval(self) -> Interval: ...


L = TypeVar("L", bound=Lasting)


def current(among: Iterable[L], hour: Hour) -> list[L]:
    """Those that hold at *hour*, in the order of the file."""
    return [each for each in among if each.interval.holds(hour)]


def monitoring_plan(document: Record) -> MonitoringPlan:
    """The plan in *document*, as ``upload`` read it.

    Raises:
        ValueError: it is none; with where.
    """
    if "monitoringLocationData" not in document:
        raise ValueError("there is no monitoringLocationData: this is no monitoring plan of ECMPS")
    return MonitoringPlan(
        int(needed(document, "orisCode")),
        text(document, "facilityName"),
        text(document, "name"),
        tuple(_location(each) for each in records(document, "monitoringLocationData")),
    )


def _location(record: Record) -> Location:
    name = text(record, "name") or text(record, "unitId") or text(record, "stackPipeId")
    try:
        return Location(
            name,
            text(record, "unitId"),
            text(record, "stackPipeId"),
            tuple(_system(each) for each in records(record, "monitoringSystemData")),
            tuple(_component(each) for each in records(record, "componentData")),
            tuple(_span(each) for each in records(record, "monitoringSpanData")),
            tuple(_formula(each) for each in records(record, "monitoringFormulaData")),
            tuple(_load(each) for each in records(record, "monitoringLoadData")),
            tuple(_method(each) for each in records(record, "monitoringMethodData")),
            tuple(_default(each) for each in records(record, "monitoringDefaultData")),
            _fuels(records(record, "unitFuelData")),
        )
    except ValueError as error:
        raise ValueError(f"location {name}: {error}") from None


def _fuels(fuels: Sequence[Record]) -> tuple[str, ...]:
    """The primary one (P) first, then secondary (S) and others."""
    return tuple(text(each, "fuelCode") for each in sorted(fuels, key=lambda each: text(each, "indicatorCode")))


def _system(record: Record) -> System:
    parts = records(record, "monitoringSystemComponentData")
    return System(
        text(record, "monitoringSystemId"),
        text(record, "systemTypeCode"),
        text(record, "systemDesignationCode"),
        text(record, "fuelCode"),
        interval(record),
        tuple((text(each, "componentId"), interval(each)) for each in parts),
    )


def _component(record: Record) -> Component:
    keys = ("componentId", "componentTypeCode", "basisCode", "sampleAcquisitionMethodCode", "manufacturer")
    one, two, three, four, five = (text(record, key) for key in keys)
    return Component(one, two, three, four, five, text(record, "modelVersion"), text(record, "serialNumber"))


def _span(record: Record) -> Span:
    return Span(
        text(record, "componentTypeCode"),
        text(record, "spanScaleCode"),
        decimal(record, "spanValue"),
        decimal(record, "fullScaleRange"),
        decimal(record, "mpcValue"),
        decimal(record, "mecValue"),
        decimal(record, "mpfValue"),
        decimal(record, "flowSpanValue"),
        decimal(record, "flowFullScaleRange"),
        decimal(record, "scaleTransitionPoint"),
        text(record, "spanUnitsOfMeasureCode"),
        interval(record),
    )


def _formula(record: Record) -> Formula:
    return Formula(
        text(record, "formulaId"),
        text(record, "parameterCode"),
        text(record, "formulaCode"),
        text(record, "formulaText"),
        interval(record),
    )


def _load(record: Record) -> Load:
    return Load(
        needed(record, "maximumLoadValue"),
        decimal(record, "lowerOperationBoundary"),
        decimal(record, "upperOperationBoundary"),
        text(record, "maximumLoadUnitsOfMeasureCode"),
        interval(record),
    )


def _method(record: Record) -> Method:
    return Method(
        text(record, "parameterCode"),
        text(record, "monitoringMethodCode"),
        text(record, "substituteDataCode"),
        interval(record),
    )


def _default(record: Record) -> Default:
    return Default(
        text(record, "parameterCode"),
        needed(record, "defaultValue"),
        text(record, "defaultUnitsOfMeasureCode"),
        text(record, "defaultPurposeCode"),
        text(record, "fuelCode"),
        interval(record),
    )
