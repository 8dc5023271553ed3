from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import astuple

import pytest

from greenops_core.errors import ConfigError
from greenops_core.sample import Quality, Reason
from greenops_gateway.cems import judge
from greenops_gateway.cems.judge import Judge, Rules
from greenops_gateway.point import Point
from greenops_gateway.rule import rules
from greenops_telemetry.configuration import convert


def flat(values: Iterable[object]) -> Iterator[object]:
    """The leaves of tuples in tuples."""
    for value in values:
        if isinstance(value, tuple):
            yield from flat(value)
        else:
            yield value


def point(**keys: object) -> Point:
    """A checked point of mg/m3, or what *keys* say, as read from YAML."""
    read = convert({"name": "so2", "unit": "mg/m3", **keys}, Point)
    read.check()
    return read


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        pytest.param({}, Rules(), id="nothing is on by itself"),
        pytest.param({"range": [0, 200]}, Rules(within=(0.0, 200.0)), id="a range"),
        pytest.param({"unit": "g/m3", "range": [0, 2]}, Rules(within=(0.0, 2000.0)), id="in the base unit"),
        pytest.param({"rate": 20}, Rules(rate=judge.Rate(20.0)), id="a rate"),
        pytest.param(
            {"unit": "g/m3", "rate": {"limit": 0.5, "step": 0.1, "reject": True}},
            Rules(rate=judge.Rate(500.0, 100.0, reject=True)),
            id="a rate in full",
        ),
        pytest.param(
            {"unit": "K", "rate": 5}, Rules(rate=judge.Rate(5.0)), id="a change by a kelvin is one by a degree"
        ),
        pytest.param(
            {"unit": "degF", "rate": 9}, Rules(rate=judge.Rate(5.0)), id="a change of 9 degF is one of 5 degC"
        ),
        pytest.param(
            {"range": [0, 200], "spike": {}},
            Rules(within=(0.0, 200.0), spike=judge.Spike(10.0)),
            id="a spike is 5 % of the range away",
        ),
        pytest.param(
            {"unit": "K", "range": [273.15, 373.15], "spike": {}},
            Rules(within=(0.0, 100.0), spike=judge.Spike(5.0)),
            id="5 % of a range of kelvins",
        ),
        pytest.param(
            {"spike": {"floor": 3, "window": 15, "deviations": 4, "confirm": 2, "reject": True}},
            Rules(spike=judge.Spike(3.0, 15, 4.0, reject=True), confirm=2),
            id="a spike in full",
        ),
        pytest.param(
            {"flat_line": {}}, Rules(flat_line=judge.FlatLine(900.0)), id="a flat line after 15 minutes, but at 0"
        ),
        pytest.param(
            {"range": [-5, 200], "flat_line": {"after": "5m", "tolerance": 0.1, "zero": 0.5, "full_scale": True}},
            Rules(
                within=(-5.0, 200.0),
                flat_line=judge.FlatLine(300.0, 0.1, ((0.0, 0.0), (-5.0, -5.0), (200.0, 200.0), (-math.inf, 0.5))),
            ),
            id="a flat line in full",
        ),
        pytest.param(
            {"unit": "degF", "flat_line": {"tolerance": 1.8, "zero": 32}},
            Rules(flat_line=judge.FlatLine(900.0, 1.0, ((-math.inf, 0.0),))),
            id="a temperature has no zero of its own",
        ),
        pytest.param({"warm_up": "10m"}, Rules(warm_up=600.0), id="warm-up"),
    ],
)
def test_rules_are_in_the_base_unit(keys: dict[str, object], expected: Rules) -> None:
    assert list(flat(astuple(rules(point(**keys))))) == pytest.approx(list(flat(astuple(expected))), abs=1e-12)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        pytest.param({"rate": -3}, "rate: -3 is no speed; write how much it may change in a second", id="rate"),
        pytest.param({"rate": 0}, "rate: 0 is no speed; write how much it may change in a second", id="no rate"),
        pytest.param(
            {"rate": {"limit": math.inf}},
            "rate.limit: inf is no speed; write how much it may change in a second",
            id="endless rate",
        ),
        pytest.param(
            {"range": [0, 5], "rate": {"limit": 1, "step": 5}},
            "rate.step: 5 mg/m3 is as wide as the whole range: nothing would ever be found",
            id="step",
        ),
        pytest.param(
            {"spike": {}},
            "spike: the key 'floor' is missing: without a range, nothing says how far is far; write floor: in mg/m3, "
            "or give the point a range",
            id="floor missing",
        ),
        pytest.param(
            {"range": [0, 5], "spike": {"floor": 6}},
            "spike.floor: 6 mg/m3 is as wide as the whole range: nothing would ever be found",
            id="floor",
        ),
        pytest.param(
            {"range": [0, 5], "spike": {"deviations": math.inf}},
            "spike.deviations: nothing is ever that far away; write for example 6",
            id="deviations",
        ),
        pytest.param(
            {"range": [0, 5], "spike": {"window": 30}},
            "spike.window: expected whole number <= 15; found 30",
            id="window",
        ),
        pytest.param(
            {"range": [0, 5], "spike": {"windw": 9}},
            "spike.windw: unknown key 'windw'; did you mean 'window'?",
            id="typing error",
        ),
        pytest.param(
            {"range": [0, 5], "flat_line": {"tolerance": 5}},
            "flat_line.tolerance: 5 mg/m3 is as wide as the whole range: nothing would ever be found",
            id="tolerance",
        ),
        pytest.param(
            {"flat_line": {"full_scale": True}},
            "flat_line.full_scale: without a range there is no full scale; give the point a range",
            id="full scale",
        ),
        pytest.param(
            {"range": [0, 5], "flat_line": {"zero": 5}},
            "flat_line.zero: 5 mg/m3 is the end of the range or beyond: no flat line would ever be found",
            id="zero",
        ),
        pytest.param(
            {"flat_line": {"zero": math.nan}}, "flat_line.zero: nan is no level; write a number of mg/m3", id="zero nan"
        ),
    ],
)
def test_a_rule_that_could_find_nothing_is_a_mistake(keys: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        point(**keys)
    assert str(caught.value) == message


def test_a_saturated_analyser_is_a_flat_line_and_a_plant_that_stands_still_is_not() -> None:
    judges = {value: Judge(rules(point(range=[0, 200], flat_line={}))) for value in (0.0, 200.0)}
    last = {
        value: [judge.assess(value, 1e9 + minute * 60.0) for minute in range(20)][-1] for value, judge in judges.items()
    }
    assert last == {0.0: (Quality.GOOD, Reason.NONE), 200.0: (Quality.UNCERTAIN, Reason.FLAT_LINE)}
