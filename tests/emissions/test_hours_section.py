"""The section ``emissions:``: a plan that does not fit the points is told with its place and the nearest right name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import stack_hours
from greenops_core.errors import ConfigError
from greenops_core.unit import quantity_of
from greenops_gateway.cems.parameter import PARAMETERS
from greenops_gateway.configuration import json_schema, parse
from greenops_gateway.emissions.unit import PERMIT_UNITS, from_base, quantity

Change = Callable[[dict[str, Any]], object]
RAW = stack_hours.gateway_yml(Path("run"))


def changed(change: Change) -> dict[str, Any]:
    import copy

    raw = copy.deepcopy(RAW)
    change(raw)
    return raw


def measured(name: str, **keys: object) -> Change:
    return lambda raw: raw["emissions"]["stacks"][0]["measured"].update({name: keys})


def emissions(**keys: object) -> Change:
    return lambda raw: raw["emissions"].update(keys)


def plan(**keys: object) -> Change:
    return lambda raw: raw["emissions"]["stacks"][0].update(keys)


def limit(**keys: object) -> Change:
    return lambda raw: raw.update(limits=[{"stack": "stack-1", "averaging": "24h", "limit": 1, **keys}])


def substitution(stack: str, parameter: str) -> Change:
    return emissions(substitution={stack: [{"parameter": parameter, "certified": "2026-01-01T00", "potential": 1}]})


MISTAKES: Sequence[tuple[Change, str]] = (
    (
        lambda raw: raw.pop("journal"),
        "emissions: hours are closed from what the journal keeps; add a section 'journal'",
    ),
    (
        measured("SO2C", point="analyser-1/so3"),
        r"emissions.stacks\[0\].measured.SO2C.point: device 'analyser-1' has no point 'so3'; did you mean 'so2'\?",
    ),
    (
        measured("SO2C", point="analyzer-1/so2"),
        r"measured.SO2C.point: there is no device 'analyzer-1'; did you mean 'analyser-1'\?",
    ),
    (
        measured("SO2C", point="analyser-1/flow"),
        r"measured.SO2C.unit: SO2C is a mole fraction \('ppm'\), but point 'analyser-1/flow' measures volume flow",
    ),
    (measured("SO2C", point="analyser-1/so2", unit="ppmv"), r"measured.SO2C.*ppmv"),
    (measured("SOXC", point="analyser-1/so2"), r"there is no parameter 'SOXC'; did you mean 'SO2C'"),
    (plan(operating={"point": "analyser-1/fuels"}), r"operating.point: device 'analyser-1' has no point 'fuels'"),
    (plan(load={"point": "analyser-1/so2", "maximum": 200}), r"load.unit: LOAD is a power \('MW'\)"),
    (plan(standard_time="-6"), r"stacks\[0\].standard_time"),
    (plan(stack="../x"), r"stacks\[0\].stack: '../x' is no name"),
    (emissions(stacks=[stack_hours.PLAN] * 2), r"stacks\[1\].stack: 'stack-1' is already the stack of stacks\[0\]"),
    (emissions(grace="2d"), "emissions.grace: 2d is too long"),
    (substitution("stack-2", "SO2C"), "emissions.substitution.stack-2: there is no stack 'stack-2'"),
    (limit(parameter="SO3C", unit="ppm"), r"limits\[0\].parameter: the hours of stack 'stack-1' have no 'SO3C'; did"),
    (limit(parameter="SO2C", unit="mg/m3"), r"limits\[0\].unit: the limit is in mg/m3, but the hours hold SO2C in ppm"),
    (limit(parameter="SO2", unit="kg/h"), r"limits\[0\].unit: the limit is in kg/h, but the hours hold SO2 in lb/h"),
    (substitution("stack-1", "O2D"), r"substitution.stack-1\[0\].parameter: stack 'stack-1' has no parameter 'O2D'"),
)


@pytest.mark.parametrize(("change", "told"), MISTAKES, ids=[told for _, told in MISTAKES])
def test_a_plan_that_does_not_fit_is_told_with_its_place(change: Change, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parse(changed(change), Path())


@pytest.mark.parametrize(
    "keys",
    [
        {"parameter": "SO2C", "unit": "PPM"},
        {"parameter": "SO2", "unit": "lb/h"},
        {"parameter": "SO2", "unit": "lb/MWh", "mean": "load"},
        {"parameter": "SO3", "unit": "ppm", "device": "analyser-1", "point": "so2", "averaging": "30m"},
    ],
)
def test_a_limit_in_the_unit_of_the_hours_fits_and_one_on_a_point_needs_no_hours(keys: dict[str, Any]) -> None:
    assert len(parse(changed(limit(**keys)), Path()).limits) == 1


def test_a_right_plan_knows_where_its_ledger_lies() -> None:
    section = parse(RAW, Path()).emissions
    assert section is not None
    assert section.place(Path("run/journal")) == Path("run/journal/hours")
    other = parse(changed(emissions(directory="/srv/hours")), Path()).emissions
    assert other is not None
    assert other.place(Path("run/journal")) == Path("/srv/hours")


def test_the_schema_for_editors_has_the_section() -> None:
    assert "emissions" in json_schema()["$defs"]["File"]["properties"]


@given(
    st.decimals(-100_000, 100_000, places=2),
    st.sampled_from(["ppm", "ppb", "%", "mg/m3", "g/m3", "m3/h", "t/h", "kPa"]),
)
def test_what_a_device_wrote_comes_back_digit_by_digit(written: Decimal, unit: str) -> None:
    assert from_base(unit)(quantity_of(unit).units[unit].to_base(float(written))) == written


def test_every_parameter_can_be_read_in_its_own_unit() -> None:
    assert [quantity(parameter.unit).name for parameter in PARAMETERS.values()]


def test_units_of_regulations_are_what_they_are() -> None:
    assert from_base("scfh")(0.028316846592 / 3600) == 1
    assert from_base("lb/hr")(453.59237) == 3600
    assert from_base("MMBTUHR")(293071.07017222) == pytest.approx(Decimal(1), rel=Decimal("1e-12"))
    assert from_base("ug/scm")(0.0015) == Decimal("1.5")
    assert from_base("degF")(100.0) == 212
    assert {unit for unit in PERMIT_UNITS if unit in quantity_of("ppm").units} == set()


def test_the_section_of_the_demo_plant_fits_it() -> None:
    beside = Path(__file__).resolve().parents[2] / "gateway"
    text = "".join((beside / name).read_text(encoding="utf-8") for name in ("gateway.yml", "emissions.yml"))
    section = parse(yaml.safe_load(text), beside).emissions
    assert section is not None
    assert [plan.stack for plan in section.stacks] == ["stack-1"]
