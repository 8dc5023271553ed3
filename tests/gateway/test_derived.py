from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_core.errors import ConfigError
from greenops_core.sample import Quality, Reason, Sample
from greenops_gateway.derived import Calculation, Derived, check_all, freshness
from greenops_gateway.point import Device, Owner, Point, PointSeries, series
from greenops_telemetry.configuration import convert, schema

T0 = 1_700_000_000.0

ANALYSER = Device(
    name="analyser-1",
    link="shelter",
    stack="stack-1",
    points=(Point(name="nox", unit="mg/m3"), Point(name="o2", unit="%")),
)
FLOW = Device(name="flow-1", link="shelter", stack="stack-1", points=(Point(name="flow", unit="m3/h"),))
DEVICES: dict[str, Owner] = {"analyser-1": ANALYSER, "flow-1": FLOW}
MASS = {
    "name": "nox_mass",
    "unit": "kg/h",
    "value": "nox * flow",
    "from": {"nox": "analyser-1/nox", "flow": "flow-1/flow"},
}
GOOD, UNCERTAIN, BAD = Quality


def derived(*points: dict[str, Any], name: str = "calc-1", **keys: Any) -> Derived:  # noqa: ANN401  # as YAML has it
    return convert({"name": name, "stack": "stack-1", "points": list(points), **keys}, Derived)


def all_series(owner: Owner) -> tuple[PointSeries, ...]:
    return tuple(series("north", owner, point) for point in owner.points)


NOX, O2 = all_series(ANALYSER)
(FLOW_SERIES,) = all_series(FLOW)


def calculation(*points: dict[str, Any], **keys: Any) -> Calculation:  # noqa: ANN401  # as YAML has it
    config = derived(*(points or (MASS,)), **keys)
    check_all([config], DEVICES)
    return Calculation(config, all_series(config), DEVICES.values())


def shown(samples: list[Sample]) -> list[tuple[float | None, float, str]]:
    """Value in g/s, seconds, quality and reason."""
    return [
        (
            None if math.isnan(sample.value) else round(sample.value, 9),
            round(sample.at - T0, 3),
            f"{sample.quality.name.lower()} {sample.reason.value}",
        )
        for sample in samples
    ]


def test_a_value_is_computed_from_the_last_of_each_input_and_is_as_old_as_the_oldest() -> None:
    calc = calculation()
    assert calc.inputs == {("analyser-1", "nox"), ("flow-1", "flow")}
    assert calc.due(T0) == []
    calc.take(NOX.sample(150.0, T0 + 0.2))
    assert calc.due(T0 + 1) == []
    calc.take(FLOW_SERIES.sample(36_000.0, T0 + 1.1))
    calc.take(FLOW_SERIES.sample(72_000.0, T0 + 1.5))
    calc.take(FLOW_SERIES.sample(9.0, T0 + 1.4))
    (sample,) = calc.due(T0 + 2)
    assert sample.labels == ("north", "stack-1", "calc-1", "nox_mass")
    assert sample.metric.name == "greenops_point_mass_flow_grams_per_second"
    assert shown([sample]) == [(3.0, 0.2, "good none")]
    assert calc.due(T0 + 3) == []


def test_it_is_computed_once_a_poll_and_only_from_something_new() -> None:
    calc = calculation(poll="10s")
    calc.take(NOX.sample(150.0, T0))
    calc.take(FLOW_SERIES.sample(36_000.0, T0))
    assert len(calc.due(T0)) == 1
    calc.take(NOX.sample(100.0, T0 + 1))
    assert calc.due(T0 + 2) == []
    assert calc.due(T0 + 9.9) == []
    calc.take(FLOW_SERIES.sample(36_000.0, T0 + 10))
    calc.take(NOX.sample(200.0, T0 + 10))
    assert shown(calc.due(T0 + 10)) == [(2.0, 10.0, "good none")]


@pytest.mark.parametrize(
    ("nox", "flow", "expected"),
    [
        pytest.param("good none", "good none", "good none", id="both good"),
        pytest.param("uncertain spike", "good none", "uncertain spike", id="one uncertain"),
        pytest.param("uncertain clock", "uncertain rate", "uncertain rate", id="two, of which one explains more"),
        pytest.param("bad calibration", "good none", "bad calibration", id="one bad"),
        pytest.param("uncertain rate", "bad stale", "bad stale", id="bad is worse than uncertain"),
        pytest.param("bad maintenance", "bad communication", "bad communication", id="two bad"),
    ],
)
def test_it_is_as_bad_as_the_worst_of_its_inputs(nox: str, flow: str, expected: str) -> None:
    calc = calculation()
    for to, words in ((NOX, nox), (FLOW_SERIES, flow)):
        quality, reason = words.split()
        calc.take(to.sample(36.0, T0, Quality[quality.upper()], Reason(reason)))
    assert [words for _, _, words in shown(calc.due(T0 + 1))] == [expected]


def test_a_bad_input_is_told_once_and_again_when_the_reason_changes() -> None:
    calc = calculation()
    told = []
    for second, reason in enumerate(["calibration", "calibration", "device_fault", "none", "none", "calibration"]):
        at = T0 + second
        calc.take(FLOW_SERIES.sample(36_000.0, at))
        calc.take(NOX.sample(100.0, at) if reason == "none" else NOX.bad(Reason(reason), at))
        told.append(shown(calc.due(at)))
    assert told == [
        [(None, 0.0, "bad calibration")],
        [],
        [(None, 2.0, "bad device_fault")],
        [(1.0, 3.0, "good none")],
        [(1.0, 4.0, "good none")],
        [(None, 5.0, "bad calibration")],
    ]


def test_a_stale_input_takes_the_value_away_once() -> None:
    calc = calculation()
    calc.take(NOX.sample(100.0, T0))
    calc.take(FLOW_SERIES.sample(36_000.0, T0))
    told = []
    for second in range(6):
        calc.take(FLOW_SERIES.sample(36_000.0, T0 + second))
        told.append([words for _, _, words in shown(calc.due(T0 + second))])
    assert told == [["good none"], ["good none"], ["good none"], ["bad stale"], [], []]


def test_an_input_that_never_came_is_stale_after_its_time_and_not_before() -> None:
    calc = calculation()
    told = []
    for second in range(5):
        calc.take(FLOW_SERIES.sample(36_000.0, T0 + second))
        told.append([words for _, _, words in shown(calc.due(T0 + second))])
    assert told == [[], [], [], ["bad stale"], []]


def test_a_division_by_zero_is_no_value() -> None:
    calc = calculation({**MASS, "unit": "1", "value": "nox / flow * 1[m3/s] / 1[mg/m3]"})
    calc.take(NOX.sample(100.0, T0))
    calc.take(FLOW_SERIES.sample(0.0, T0))
    assert shown(calc.due(T0)) == [(None, 0.0, "bad decode")]
    calc.take(FLOW_SERIES.sample(0.0, T0 + 1))
    assert calc.due(T0 + 1) == []
    calc.take(FLOW_SERIES.sample(3600.0, T0 + 2))
    assert shown(calc.due(T0 + 2)) == [(100.0, 0.0, "good none")]


def test_after_no_value_whatever_comes_counts() -> None:
    calc = calculation()
    calc.take(FLOW_SERIES.sample(36_000.0, T0))
    calc.take(NOX.bad(Reason.COMMUNICATION, T0 + 1))
    assert shown(calc.due(T0 + 1)) == [(None, 1.0, "bad communication")]
    calc.take(NOX.sample(100.0, T0 + 0.5))  # by the device's own clock, which is behind
    assert shown(calc.due(T0 + 2)) == [(1.0, 0.0, "good none")]


def test_after_a_step_of_the_clock_it_waits_for_new_inputs() -> None:
    calc = calculation()
    for to in (NOX, FLOW_SERIES):
        calc.take(to.sample(36.0, T0 + 3600))
    assert len(calc.due(T0 + 3600)) == 1
    calc.forget()
    assert calc.due(T0) == []
    for to in (NOX, FLOW_SERIES):
        calc.take(to.sample(36.0, T0))
    assert len(calc.due(T0 + 1)) == 1


def test_what_is_derived_may_be_derived_from() -> None:
    dry = {
        "name": "dry",
        "unit": "mg/m3",
        "value": "nox / (1 - o2)",
        "from": {"nox": "analyser-1/nox", "o2": "analyser-1/o2"},
    }
    mass = {**MASS, "from": {"nox": "calc-1/dry", "flow": "flow-1/flow"}}
    first, second = derived(dry), derived(mass, name="calc-2", poll="5s")
    check_all([first, second], DEVICES)
    one = Calculation(first, all_series(first), DEVICES.values())
    two = Calculation(second, all_series(second), [*DEVICES.values(), first])
    for to, value in ((NOX, 80.0), (O2, 20.0)):
        one.take(to.sample(value, T0))
    two.take(FLOW_SERIES.sample(36_000.0, T0 + 1))
    for sample in one.due(T0 + 1):
        two.take(sample)
    assert shown(two.due(T0 + 2)) == [(1.0, 0.0, "good none")]
    assert (one.freshness, two.freshness) == (4.0, 15.0)


def test_a_derived_value_may_be_as_old_as_its_inputs_and_a_poll_more() -> None:
    slow = Device(
        name="slow", link="shelter", stack="stack-1", poll=convert("1m", type(ANALYSER.poll)), points=FLOW.points
    )
    config = derived({**MASS, "from": {"nox": "analyser-1/nox", "flow": "slow/flow"}})
    owners = {**DEVICES, "slow": slow, "calc-1": config}
    assert freshness(config, owners) == 181.0
    assert freshness(derived(MASS, stale_after="20s"), owners) == 20.0
    own = derived(MASS, {**MASS, "name": "twice", "value": "2 * mass", "from": {"mass": "calc-1/nox_mass"}})
    check_all([own], DEVICES)
    assert freshness(own, {**DEVICES, "calc-1": own}) == 4.0


def of(**keys: object) -> dict[str, Any]:
    return {**MASS, **keys}


@pytest.mark.parametrize(
    ("file", "message"),
    [
        pytest.param(
            [derived(of(unit="mg/m3"))],
            "[0].points[0].value: 'nox * flow' is mass flow (kg/s), but unit is mg/m3, concentration (kg/m3)",
            id="unit",
        ),
        pytest.param(
            [derived(of(**{"from": {"nox": "analyser-1/nox", "flow": "flow-2/flow"}}))],
            "[0].points[0].from.flow: there is no device 'flow-2'; did you mean 'flow-1'?",
            id="no such device",
        ),
        pytest.param(
            [derived(of(**{"from": {"nox": "analyser-1/nix", "flow": "flow-1/flow"}}))],
            "[0].points[0].from.nox: 'analyser-1' has no point 'nix'; did you mean 'nox'?",
            id="no such point",
        ),
        pytest.param(
            [derived(of(**{"from": {"nox": "analyser-1", "flow": "flow-1/flow"}}))],
            "[0].points[0].from.nox: 'analyser-1' is no point; write device/point",
            id="a device only",
        ),
        pytest.param(
            [derived(of(**{"from": {"min": "analyser-1/nox", "flow": "flow-1/flow"}}))],
            "[0].points[0].from.min: 'min' cannot be a name in an expression; write letters, digits and _",
            id="the name of a function",
        ),
        pytest.param(
            [derived(of(value="1", unit="1", **{"from": {}}))],
            "[0].points[0].from: what is derived needs a point that it is derived from",
            id="from nothing",
        ),
        pytest.param(
            [derived(MASS, name="flow-1")],
            "[0].name: 'flow-1' is already the name of something else that has points",
            id="the name of a device",
        ),
        pytest.param(
            [derived(MASS), derived(MASS)],
            "[1].name: 'calc-1' is already the name of something else that has points",
            id="a name twice",
        ),
        pytest.param(
            [derived(MASS, poll="500ms")],
            "[0].poll: 500ms is too often for what is derived; write at least 1s",
            id="more often than it is computed",
        ),
        pytest.param(
            [derived(of(gap_after="3500ms"))],
            "[0].points[0].gap_after: 3500ms is shorter than a value is shown without a new one (4s); lengthen it, or "
            "shorten stale_after",
            id="a gap while there is a value",
        ),
        pytest.param(
            [derived(MASS, MASS)],
            "[0].points[1].name: 'nox_mass' is already the name of points[0]",
            id="a point twice",
        ),
        pytest.param(
            [derived(of(value="x", **{"from": {"x": "calc-2/nox_mass"}})), derived(MASS, name="calc-2")],
            "[0].points[0].from.x: 'calc-2' stands further down; move it before 'calc-1'",
            id="further down",
        ),
        pytest.param(
            [derived(of(value="x", **{"from": {"x": "calc-1/nox_mass"}}))],
            "[0].points[0].from.x: computed from itself: calc-1/nox_mass from calc-1/nox_mass",
            id="itself",
        ),
        pytest.param(
            [
                derived(of(value="x", **{"from": {"x": "calc-2/nox_mass"}})),
                derived(of(value="x", **{"from": {"x": "calc-3/nox_mass"}}), name="calc-2"),
                derived(of(value="x", **{"from": {"x": "calc-1/nox_mass"}}), name="calc-3"),
            ],
            "[0].points[0].from.x: computed from itself: calc-1/nox_mass from calc-2/nox_mass from calc-3/nox_mass "
            "from calc-1/nox_mass",
            id="a circle",
        ),
    ],
)
def test_what_cannot_be_computed_is_a_mistake(file: list[Derived], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_all(file, DEVICES)
    assert message in str(caught.value).splitlines()


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        check_all(
            [derived(of(value="nox", name="a"), of(value="nox +", name="b")), derived(of(unit="K"), name="c")], DEVICES
        )
    assert len(str(caught.value).splitlines()) == 3


def test_the_key_is_called_from() -> None:
    assert "from" in schema(Derived)["$defs"]["DerivedPoint"]["properties"]


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from([NOX, FLOW_SERIES]),
            st.floats(0, 1e6),
            st.integers(-2, 5),
            st.sampled_from([(GOOD, Reason.NONE), (UNCERTAIN, Reason.SPIKE), (BAD, Reason.CALIBRATION)]),
        ),
        max_size=40,
    )
)
def test_it_is_never_better_or_newer_than_its_inputs_and_the_same_again(
    steps: list[tuple[PointSeries, float, int, tuple[Quality, Reason]]],
) -> None:
    one, again, later = calculation(), calculation(), calculation()
    now, shift = T0, 4096.0
    for to, value, pause, (quality, reason) in steps:
        now += max(pause, 0)
        sample = to.sample(value, now + min(pause, 0), quality, reason)
        one.take(sample)
        again.take(sample)
        later.take(sample._replace(at=sample.at + shift))
        samples = one.due(now)
        assert shown(samples) == shown(again.due(now))
        assert shown(samples) == shown([each._replace(at=each.at - shift) for each in later.due(now + shift)])
        for each in samples:
            assert each.at <= now
            assert math.isnan(each.value) == (each.quality is BAD)
            assert (each.quality is GOOD) == (each.reason is Reason.NONE)
