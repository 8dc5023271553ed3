"""What the rules find and how often they cry wolf: what benchmarks/quality.py measures and docs/quality.md tells."""

from __future__ import annotations

import sys

import msgspec
import pytest

import stack
from greenops_gateway.point import Point
from greenops_gateway.rule import FlatLine, Rate, Spike

sys.path.insert(0, str(stack.ROOT))

from benchmarks import quality as rates  # a script's folder comes first

PAGE = stack.ROOT / "docs" / "quality.md"
HOURS = 60
KEYS = {field.encode_name for kind in (Rate, Spike, FlatLine) for field in msgspec.structs.fields(kind)}
POINT_KEYS = {"range", "rate", "spike", "flat_line", "warm_up", "gap_after"}

Known = dict[tuple[str, str], rates.Signal]


@pytest.fixture(scope="module")
def known() -> Known:
    if not rates.DATA.exists():
        pytest.skip(
            f"needs the gas turbine data set of the UCI repository at {rates.DATA}, or in the folder that "
            f"{rates.FOLDER_VARIABLE} names; docs/quality.md says which"
        )
    return {(signal.name, signal.pace): signal for signal in rates.signals(rates.DATA, HOURS)}


def settings(name: str) -> rates.Setting:
    return {**rates.DETECTION_SETTINGS, **rates.FALSE_ALARM_SETTINGS}[name]


@pytest.mark.parametrize("setting", ["rate 10 %", "spike", "flat line", "flat line 0.1 %", "all"])
@pytest.mark.parametrize("name", ["NOx", "CO", "power"])
def test_by_the_minute_the_defaults_never_cry_wolf(known: Known, name: str, setting: str) -> None:
    assert rates.false_alarms(settings(setting), known[name, rates.MINUTE]) == 0


@pytest.mark.parametrize(
    ("setting", "fault", "least", "most"),
    [
        pytest.param("spike", "spike of 2 %", 0, 0, id="less than the floor is no spike"),
        pytest.param("spike", "spike of 10 %", 1, 1, id="a spike"),
        pytest.param("spike", "spike of 20 %, two samples", 1, 1, id="a spike of two samples"),
        pytest.param("spike", "drift by 10 % in 40 samples", 0, 0, id="a drift is no spike"),
        pytest.param("rate 10 %", "spike of 5 %", 0, 0, id="slow enough"),
        pytest.param("rate 10 %", "spike of 20 %", 1, 1, id="too fast"),
        pytest.param("flat line", "held, 40 samples", 1, 1, id="a held value"),
        pytest.param(
            "flat line", "held, the last digit alive, 40 samples", 0, 0, id="a held value, the last digit alive"
        ),
        pytest.param("flat line 0.1 %", "held, the last digit alive, 40 samples", 1, 1, id="the same with a tolerance"),
        pytest.param("flat line", "stuck at full scale, 40 samples", 1, 1, id="a saturated analyser"),
        pytest.param("range", "stuck 10 % beyond full scale, 40 samples", 1, 1, id="beyond full scale"),
    ],
)
def test_by_the_minute_each_rule_finds_what_it_is_for(
    known: Known,
    setting: str,
    fault: str,
    least: float,
    most: float,
) -> None:
    for name in ("NOx", "CO", "power"):
        assert least <= rates.found(settings(setting), known[name, rates.MINUTE], rates.FAULTS[fault]) <= most


def test_a_step_is_flagged_twice_and_then_taken_for_real(known: Known) -> None:
    signal = known["NOx", rates.MINUTE]
    values = list(signal.values)
    start = len(values) // 2
    for index in range(start, len(values)):
        values[index] += 40.0
    flagged = rates.flags(rates.spikes()(signal), signal, values)
    assert [index for index, flag in enumerate(flagged) if flag] == [start, start + 1]


def test_the_turbine_had_a_frozen_analyser_and_the_flat_line_rule_finds_it(known: Known) -> None:
    signal = known["NOx", rates.HOUR]
    flagged = rates.flags(rates.flat_line()(signal), signal, signal.values)
    assert set(signal.values[1336:1438]) == {60.38}
    assert [index for index, flag in enumerate(flagged) if flag] == list(range(1336 + 15, 1438))


def test_the_page_tells_what_is_measured(known: Known) -> None:
    told = {
        cells[1]: [float(cell) for cell in cells[2:-1]]
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if len(cells := [cell.strip() for cell in line.split("|")]) == 9 and cells[1] in rates.FALSE_ALARM_SETTINGS
    }
    assert set(told) == set(rates.FALSE_ALARM_SETTINGS)
    for name, setting in rates.FALSE_ALARM_SETTINGS.items():
        for column, signal in ((0, "NOx"), (2, "CO"), (4, "power")):
            measured = 100 * rates.false_alarms(setting, known[signal, rates.HOUR])
            assert told[name][column] == pytest.approx(measured, rel=0.01, abs=0.05), (name, signal)


@pytest.mark.parametrize("key", sorted(KEYS | POINT_KEYS))
def test_the_page_explains_every_key(key: str) -> None:
    assert f"`{key}`" in PAGE.read_text(encoding="utf-8") or f"`{key}: " in PAGE.read_text(encoding="utf-8")


def test_these_are_keys_of_a_point() -> None:
    assert {field.encode_name for field in msgspec.structs.fields(Point)} >= POINT_KEYS
