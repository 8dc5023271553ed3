from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_core.errors import ConfigError
from greenops_core.sample import Reason
from greenops_core.unit import QUANTITIES
from greenops_gateway.modbus.configuration import ModbusDevice
from greenops_gateway.point import Device, Point
from greenops_gateway.simulator.process import SCENARIOS, Plant, Scenario
from greenops_gateway.simulator.script import load
from greenops_gateway.simulator.signal import signal
from greenops_telemetry.configuration import convert

T0 = 1_700_000_000.0
LIMITS = {"so2": 150.0, "nox": 200.0, "co": 100.0, "dust": 10.0}
UNITS = {
    "so2": "mg/m3",
    "nox": "mg/m3",
    "co": "mg/m3",
    "dust": "mg/m3",
    "o2": "%",
    "temperature": "degC",
    "pressure": "hPa",
    "flow": "m3/h",
    "status": "1",
}


def device(name: str = "analyser-1", units: dict[str, str] = UNITS) -> Device:
    points = [{"name": each, "at": at, "unit": unit} for at, (each, unit) in enumerate(units.items())]
    return convert({"name": name, "link": "link-1", "stack": "stack-1", "points": points}, ModbusDevice)


ANALYSER, FLOW = device(), device("flow-1", {"flow": "m3/h", "temperature": "degC"})


def test_the_plant_is_the_same_for_the_same_seed() -> None:
    assert Plant(1).values(ANALYSER, T0) == Plant(1).values(ANALYSER, T0)
    assert Plant(1).values(ANALYSER, T0) != Plant(2).values(ANALYSER, T0)
    assert Plant(1).values(ANALYSER, T0) != Plant(1).values(ANALYSER, T0 + 1)
    other = device("analyser-2")
    assert Plant(1).values(ANALYSER, T0)["so2"] != Plant(1).values(other, T0)["so2"]


def test_normal_stays_near_sixty_percent_of_the_limits() -> None:
    for second in range(600):
        values = Plant(1).values(ANALYSER, T0 + second)
        for name, limit in LIMITS.items():
            assert 0.5 < values[name] / limit < 0.7
        assert values["status"] == 0


def test_signals_are_smooth_and_alive() -> None:
    before = Plant(1).values(ANALYSER, T0)
    for second in range(1, 300):
        now = Plant(1).values(ANALYSER, T0 + second)
        for name in UNITS.keys() - {"status"}:
            assert 0 < abs(now[name] - before[name]) < 0.06 * now[name]
        before = now


def test_an_exceedance_rises_within_seconds_and_goes_back() -> None:
    plant = Plant(1)
    before = plant.values(ANALYSER, T0)["so2"]
    plant.switch("exceedance", T0)
    assert plant.values(ANALYSER, T0)["so2"] == pytest.approx(before)
    assert plant.values(ANALYSER, T0 + 5)["so2"] > LIMITS["so2"]
    late = plant.values(ANALYSER, T0 + 60)
    assert late["so2"] == pytest.approx(300, rel=0.1)
    assert all(late[name] < limit for name, limit in LIMITS.items() if name != "so2")
    plant.switch("normal", T0 + 60)
    assert plant.values(ANALYSER, T0 + 60)["so2"] == pytest.approx(late["so2"])
    assert plant.values(ANALYSER, T0 + 90)["so2"] < 0.7 * LIMITS["so2"]


def test_drift_moves_the_zero_of_nox_only() -> None:
    plant, steady = Plant(1, "drift", since=T0), Plant(1)
    later, normal = plant.values(ANALYSER, T0 + 600), steady.values(ANALYSER, T0 + 600)
    assert later["nox"] == pytest.approx(normal["nox"] + 30, rel=0.03)
    assert {**later, "nox": 0} == pytest.approx({**normal, "nox": 0})


def test_calibration_is_said_and_shows_zero_gas() -> None:
    plant = Plant(1, "calibration", since=T0)
    assert plant.state(ANALYSER, T0) is Reason.CALIBRATION
    values = plant.values(ANALYSER, T0 + 60)
    assert all(abs(values[name]) < 0.01 for name in LIMITS)
    assert values["temperature"] > 100


def test_failure_is_silence_of_one_device_or_of_all() -> None:
    plant = Plant(1)
    plant.switch("failure", T0, "flow-1")
    assert (plant.answers(ANALYSER, T0), plant.answers(FLOW, T0)) == (True, False)
    assert (plant.scenario, plant.own) == ("normal", {"flow-1": "failure"})
    plant.switch("failure", T0 + 1)
    assert (plant.answers(ANALYSER, T0 + 1), plant.own) == (False, {})
    plant.switch("normal", T0 + 2)
    assert plant.answers(ANALYSER, T0 + 2)
    assert plant.answers(FLOW, T0 + 2)


@given(st.lists(st.tuples(st.sampled_from(SCENARIOS), st.floats(0, 100)), max_size=60))
def test_nothing_jumps_however_often_the_scenario_is_switched(changes: list[tuple[Scenario, float]]) -> None:
    plant, now = Plant(1), T0
    for scenario, wait in changes:
        now += wait
        before = plant.values(ANALYSER, now)
        plant.switch(scenario, now)
        after = plant.values(ANALYSER, now)
        assert after == pytest.approx(before, rel=0.01, abs=0.05)


@pytest.mark.parametrize(
    ("name", "unit", "range_", "low", "high"),
    [
        pytest.param("so2", "ppm", None, 25, 40, id="another quantity of the same gas"),
        pytest.param("so2", "ppb", None, 25_000, 40_000, id="another unit of it"),
        pytest.param("stack_temperature", "K", None, 400, 430, id="a word of the name"),
        pytest.param("cell_temperature", "degC", (0, 60), 35, 45, id="what is usual does not fit the range"),
        pytest.param("x", "mg/m3", (100, 200), 100, 200, id="only the range tells"),
        pytest.param("power", "W", None, 300_000, 450_000, id="power"),
        pytest.param("import_energy_kwh", "1", (0, 1e9), 1000, 2000, id="a counter"),
        pytest.param("operating_state", "1", (0, 10), 0, 0, id="a state"),
        pytest.param("anything", "1", None, 0, 0, id="nothing is known"),
    ],
)
def test_a_point_shows_what_its_name_unit_or_range_lets_expect(
    name: str, unit: str, range_: tuple[float, float] | None, low: float, high: float
) -> None:
    shown = signal(1, "d-1", name, unit, range_)
    value = shown.around(shown.mean, T0 + 1000) + shown.grown(T0 + 1000)
    assert low <= value <= high


@given(
    st.sampled_from(["so2", "x", "flow_total", "temperature", "status"]),
    st.sampled_from([unit for quantity in QUANTITIES for unit in quantity.units]),
    st.none() | st.tuples(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6)).map(lambda pair: (pair[0], pair[0] + pair[1])),
)
def test_a_point_with_a_range_stays_in_it(name: str, unit: str, range_: tuple[float, float] | None) -> None:
    point = Point(name=name, unit=unit, range=range_)
    shown = signal(1, "d-1", point.name, point.unit, point.range)
    if range_ is not None and not shown.growth and shown.mean:
        assert range_[0] <= shown.mean <= range_[1]


def test_counters_grow() -> None:
    meter = device("meter-1", {"import_energy_kwh": "1"})
    counts = [Plant(1).values(meter, T0 + second)["import_energy_kwh"] for second in range(100)]
    assert counts == sorted(set(counts))


SCRIPT = """\
repeat_after: 5m
steps:
  - {at: 30s, set: {analyser-1/so2: 250}}
  - {at: 1m, state: {analyser-1: calibration}}
  - {at: 2m, silent: [flow-1], state: {analyser-1: measuring}}
  - {at: 3m, ramp: {point: analyser-1/so2, to: 300, over: 60s}}
  - {at: 200s, ramp: {point: analyser-1/nox, to: 0, over: 20s}, answering: [flow-1]}
  - {at: 4m, free: [analyser-1/so2]}
"""


def test_a_script_says_what_happens_when(tmp_path: Path) -> None:
    file = tmp_path / "script.yml"
    file.write_text(SCRIPT)
    plant, usual = Plant(1, script=load(file, [ANALYSER, FLOW]), since=T0), Plant(1)

    def so2(seconds: float) -> float:
        return plant.values(ANALYSER, T0 + seconds)["so2"]

    assert so2(29) == usual.values(ANALYSER, T0 + 29)["so2"]
    assert (so2(30), so2(179)) == (250, 250)
    assert [so2(210), so2(239.999)] == pytest.approx([275, 300], abs=0.01)
    assert so2(240) == usual.values(ANALYSER, T0 + 240)["so2"]
    assert so2(329) == usual.values(ANALYSER, T0 + 329)["so2"], "it all repeats"
    assert so2(331) == 250
    nox = plant.values(ANALYSER, T0 + 210)["nox"]
    assert 0.4 < nox / usual.values(ANALYSER, T0 + 210)["nox"] < 0.6
    states = {second: plant.state(ANALYSER, T0 + second) for second in (59, 60, 119, 120)}
    assert states == {59: Reason.NONE, 60: Reason.CALIBRATION, 119: Reason.CALIBRATION, 120: Reason.NONE}
    assert [plant.answers(FLOW, T0 + second) for second in (119, 120, 199, 200)] == [True, False, False, True]
    assert plant.answers(ANALYSER, T0 + 150)


def test_a_ramp_starts_where_the_one_before_left_off(tmp_path: Path) -> None:
    file = tmp_path / "script.yml"
    file.write_text(
        "steps:\n"
        "  - set: {analyser-1/so2: 100}\n"
        "  - {at: 10s, ramp: {point: analyser-1/so2, to: 200, over: 20s}}\n"
        "  - {at: 20s, ramp: [{point: analyser-1/so2, to: 100, over: 10s}]}\n"
    )
    plant = Plant(1, script=load(file, [ANALYSER]), since=T0)
    so2 = [plant.values(ANALYSER, T0 + second)["so2"] for second in (0, 10, 15, 20, 25, 30, 99)]
    assert so2 == pytest.approx([100, 100, 125, 150, 125, 100, 100])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps: []\n", "steps: nothing happens; write at least one step"),
        (
            "steps:\n  - {set: {analyser-1/so3: 1}}\n",
            "2: steps[0].set.analyser-1/so3: device 'analyser-1' has no point",
        ),
        (
            "steps:\n  - {silent: [flow-2]}\n",
            "2: steps[0].silent[0]: there is no device 'flow-2'; did you mean 'flow-1'",
        ),
        ("steps:\n  - {set: {so2: 1}}\n", "'so2' is no point; write DEVICE/POINT"),
        ("steps:\n  - {at: 2m}\n  - {at: 1m}\n", "3: steps[1].at: 1m comes after 2m; write the steps in order of time"),
        ("repeat_after: 1m\nsteps:\n  - {at: 1m}\n", "3: steps[0].at: 1m is never reached; it all repeats after 1m"),
        ("steps:\n  - {state: {flow-1: calibrating}}\n", "calibration"),
        ("steps:\n  - {at: 30}\n", "2: steps[0].at: 30 has no unit"),
        ("steps:\n  - {sett: {flow-1/flow: 1}}\n", "did you mean 'set'?"),
        (
            "steps:\n  - {ramp: {point: flow-1/flo, to: 1, over: 1s}}\n",
            "2: steps[0].ramp.point: device 'flow-1' has no point 'flo'; did you mean 'flow'?",
        ),
    ],
)
def test_a_wrong_script_says_where_and_what_is_right(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "script.yml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(file, [ANALYSER, FLOW])
    assert str(caught.value).startswith(f"{file}:")
    assert message in str(caught.value)
