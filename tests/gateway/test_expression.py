from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_core.errors import ConfigError
from greenops_core.unit import QUANTITIES, convert, quantity_of
from greenops_gateway.expression import expression

UNITS = {
    "nox": "mg/m3",
    "so2": "ppm",
    "flow": "m3/h",
    "o2": "%",
    "h2o": "%",
    "t": "degC",
    "t2": "degF",
    "p": "mbar",
    "speed": "1",
    "load": "MW",
}


def computed(text: str, unit: str, values: dict[str, float]) -> float:
    """The expression in *unit*, of values in the units above."""
    units = {name: UNITS[name] for name in values}
    base = [quantity_of(UNITS[name]).units[UNITS[name]].to_base(value) for name, value in values.items()]
    return quantity_of(unit).units[unit].from_base(expression(text, units, unit).of(base))


@pytest.mark.parametrize(
    ("text", "unit", "values", "expected"),
    [
        ("nox * flow", "kg/h", {"nox": 150, "flow": 20_000}, 3.0),
        ("nox * flow", "g/s", {"nox": 150, "flow": 3_600_000}, 150.0),
        ("flow*nox", "t/h", {"flow": 1e6, "nox": 1000}, 1.0),
        ("nox * (21[%] - 6[%]) / (21[%] - o2)", "mg/m3", {"nox": 100, "o2": 11}, 150.0),
        ("nox * t / 273.15[K] * 1013.25[mbar] / p", "mg/m3", {"nox": 100, "t": 273.15, "p": 1013.25}, 200.0),
        ("nox / (1 - h2o)", "mg/m3", {"nox": 80, "h2o": 20}, 100.0),
        ("so2 / 1[ppm] * 2.858[mg/m3]", "mg/m3", {"so2": 100}, 285.8),
        ("(t + t2) / 2", "degC", {"t": 10, "t2": 68}, 15.0),
        ("0.25 * t + 0.75*t2", "degC", {"t": 10, "t2": 68}, 17.5),
        ("max(t, t2)", "K", {"t": 10, "t2": 68}, 293.15),
        ("max(t, 20[degC])", "degC", {"t": 10}, 20.0),
        ("t + 5[K]", "degF", {"t": 0}, 41.0),
        ("(t - t2) / 1[K]", "1", {"t": 25, "t2": 68}, 5.0),
        ("p * flow", "kW", {"p": 10, "flow": 3600}, 1.0),
        ("sqrt(flow * flow)", "m3/h", {"flow": 50}, 50.0),
        ("1.2 * sqrt(2 * p / 1.2[g/m3]) * 1[m3/s] / sqrt(2 * 1[Pa] / 1[g/m3])", "m3/s", {"p": 1}, 10.954451150103322),
        ("load * 0.2[kg/s] / 1[MW]", "kg/s", {"load": 5}, 1.0),
        ("min(o2, h2o)", "%", {"o2": 5, "h2o": 12}, 5.0),
        ("o2", "ratio", {"o2": 5}, 0.05),
        ("2 * o2 / 4 - 1[%]", "%", {"o2": 5}, 1.5),
        ("abs(-nox)", "mg/m3", {"nox": 5}, 5.0),
        ("-speed^2", "1", {"speed": 3}, -9.0),
        ("(-speed)**2", "1", {"speed": 3}, 9.0),
        ("speed ^ -1", "1", {"speed": 4}, 0.25),
        ("2 - 3 - speed", "1", {"speed": 4}, -5.0),
        ("64 / 4 / speed", "1", {"speed": 4}, 4.0),
        ("2 + 3 * speed ^ 2", "1", {"speed": 4}, 50.0),
        ("2*-speed", "1", {"speed": 4}, -8.0),
        ("1.5e3 + .5 + 5. - speed", "1", {"speed": 0}, 1505.5),
    ],
)
def test_an_expression_is_computed_with_its_units(
    text: str, unit: str, values: dict[str, float], expected: float
) -> None:
    assert computed(text, unit, values) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "unit", "message"),
    [
        (
            "nox * flow",
            "mg/m3",
            "'nox * flow' is mass flow (kg/s), but unit is mg/m3, concentration (kg/m3)",
        ),
        ("nox * nox", "1", "'nox * nox' is kg2/m6, but unit is 1, a plain number"),
        ("p", "kW", "'p' is pressure (Pa), but unit is kW, power (W)"),
        (
            "nox + 2 * flow",
            "mg/m3",
            "adding unlike things: 'nox' is concentration (kg/m3), '2 * flow' is volume flow (m3/s)",
        ),
        ("nox - 1", "mg/m3", "subtracting unlike things: 'nox' is concentration (kg/m3), '1' is a plain number"),
        (
            "min(nox, (flow))",
            "mg/m3",
            "min() compares unlike things: 'nox' is concentration (kg/m3), '(flow)' is volume flow (m3/s)",
        ),
        ("sqrt(nox)", "1", "'nox' is concentration (kg/m3), which has no square root"),
        (
            "nox / (20.9 - o2)",
            "mg/m3",
            "subtracting 20.9 and 'o2', a ratio where 5 % is 0.05; write for example 20.9[%] or 20.9[ppm]",
        ),
        (
            "2 * h2o - 100",
            "%",
            "subtracting 100 and '2 * h2o', a ratio where 5 % is 0.05; write for example 100[%] or 100[ppm]",
        ),
        (
            "t - t2",
            "K",
            "'t - t2' is no temperature but a sum or a difference of some; for a difference in kelvin write",
        ),
        (
            "t + t2",
            "degC",
            "'t + t2' is no temperature but a sum or a difference of some; for a difference in kelvin write",
        ),
        ("nox * nix", "mg/m3", "'nox * nix' uses nix, which is not in from; did you mean 'nox'?"),
        ("flow(2)", "1", "'flow(2)' calls flow, which is no function; known: abs, max, min, sqrt"),
        ("abs(nox, nox)", "mg/m3", "abs() in 'abs(nox, nox)' takes one value, not 2"),
        ("nox *", "mg/m3", "'nox *' needs a value after 'nox *', but it ends"),
        ("", "1", "'' needs a value at its start, but it ends"),
        ("nox nox", "mg/m3", "'nox nox' needs an operator after 'nox', but there is 'nox'"),
        ("(nox", "mg/m3", "'(nox' needs ')' after '(nox', but it ends"),
        ("nox)", "mg/m3", "'nox)' needs an operator after 'nox', but there is ')'"),
        ("min()", "1", "'min()' needs a value after 'min(', but there is ')'"),
        ("nox ^ 0.5", "1", "'nox ^ 0.5' needs a whole number as power after 'nox ^', but there is '0.5'"),
        ("nox ^ flow", "1", "'nox ^ flow' needs a whole number as power after 'nox ^', but there is 'flow'"),
        ("2^2^2", "1", "'2^2^2' raises to a power twice; use parentheses"),
        ("2^10", "1", "power 10 in '2^10' is too high; the highest is 9"),
        ("1e999", "1", "1e999 is beyond all numbers"),
        ("nox; flow", "1", "';' in 'nox; flow' is not arithmetic; known: + - * / ^ ( ) , abs sqrt min max"),
        ("5[mg/m4]", "1", "unknown unit 'mg/m4'; did you mean 'mg/m3'?"),
        ("(" * 50 + "1" + ")" * 50, "1", "is nested deeper than 40; split it into several points"),
        ("1+" * 300 + "1", "1", "the expression has 601 characters; split it into points of at most 500"),
        ("__import__('os')", "1", "''' in '__import__('os')' is not arithmetic"),
        ("speed.real", "1", "'.' in 'speed.real' is not arithmetic"),
    ],
)
def test_what_makes_no_sense_is_told_in_words(text: str, unit: str, message: str) -> None:
    used = {name: of for name, of in UNITS.items() if re.search(rf"\b{name}\b", text)}
    with pytest.raises(ConfigError, match=re.escape(message)):
        expression(text, used, unit)


def test_an_input_that_is_not_used_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match=re.escape("'nox' does not use flow; take it out of from, or use it")):
        expression("nox", {"nox": "mg/m3", "flow": "m3/h"}, "mg/m3")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        pytest.param("1 / speed", [0.0], id="division by zero"),
        pytest.param("speed ^ -2", [0.0], id="power of zero"),
        pytest.param("sqrt(speed)", [-1.0], id="root of a negative number"),
        pytest.param("speed ^ 9", [1e300], id="too large for a power"),
        pytest.param("speed * speed", [1e300], id="too large"),
        pytest.param("speed * speed - speed * speed", [1e300], id="infinite less infinite"),
    ],
)
def test_where_there_is_no_value_there_is_no_number(text: str, values: list[float]) -> None:
    assert math.isnan(expression(text, {"speed": "1"}, "1").of(values))


@pytest.mark.parametrize("unit", [unit for quantity in QUANTITIES for unit in quantity.units])
@given(value=st.floats(-1e6, 1e6))
def test_a_value_goes_through_unchanged_in_every_unit(unit: str, value: float) -> None:
    base = quantity_of(unit).units[unit].to_base(value)
    assert expression("x", {"x": unit}, unit).of([base]) == pytest.approx(base, rel=1e-12, abs=1e-9)


@pytest.mark.parametrize(
    ("one", "other"), [(a, b) for quantity in QUANTITIES for a in quantity.units for b in quantity.units if a < b]
)
def test_a_number_with_a_unit_is_the_converted_number(one: str, other: str) -> None:
    text = f"max(7[{one}], x)"
    expected = max(7.0, convert(7.0, other, one))
    base = quantity_of(one).units[one].to_base(expected)
    x = quantity_of(other).units[other].to_base(7.0)
    assert expression(text, {"x": other}, one).of([x]) == pytest.approx(base, rel=1e-9, abs=1e-9)


numbers = st.integers(0, 99).map(str) | st.just("x")


def combined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/"]), inner).map(" ".join),
        inner.map("({})".format),
        inner.map("-{}".format),
        inner.map("({})**2".format),
        st.tuples(inner, inner).map(lambda pair: f"min({pair[0]}, {pair[1]})"),
        inner.map("abs({})".format),
    )


@given(text=st.recursive(numbers, combined, max_leaves=12), x=st.integers(-50, 50))
def test_plain_arithmetic_is_what_python_makes_of_it(text: str, x: int) -> None:
    text = f"{text} + 0*x"
    try:
        expected = float(eval(text, {"__builtins__": {}}, {"x": float(x), "min": min, "abs": abs}))  # the oracle
    except ArithmeticError:
        expected = math.nan
    got = expression(text, {"x": "1"}, "1").of([float(x)])
    assert got == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)


@given(
    text=st.text(max_size=60)
    | st.lists(
        st.sampled_from(
            ["nox", "o2", "t", "(", ")", "+", "-", "*", "/", "^", "**", ",", "min", "sqrt", "2", "1e9", "5[K]", " "]
        ),
        max_size=25,
    ).map("".join)
)
def test_any_text_is_an_expression_or_a_mistake_never_a_crash(text: str) -> None:
    used = {name: UNITS[name] for name in ("nox", "o2", "t") if name in text}
    try:
        found = expression(text, used, "mg/m3")
    except ConfigError:
        return
    found.of([0.0] * len(used))
