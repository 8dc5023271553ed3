from __future__ import annotations

import math

import pytest

from greenops_core.catalogue import (
    DEVICE_UP,
    POINT_CONCENTRATION,
    POINT_LAST_SAMPLE,
    POINT_QUALITY,
    POINT_SAMPLES,
    POINT_SHARE,
)
from greenops_core.duration import Duration
from greenops_core.errors import DeviceError
from greenops_core.sample import Metric, Quality, Reason, Sample
from greenops_gateway.acquisition import Acquisition
from greenops_gateway.limit import Limit, LimitWatch
from greenops_gateway.plugin import Result
from greenops_gateway.point import Device, Point
from greenops_telemetry.exposition import text
from greenops_telemetry.live import Live

T0 = 1_700_000_040.0  # a full minute
DEVICE = Device(
    name="analyser-1",
    protocol="modbus",
    stack="stack-1",
    points=(Point(name="so2", unit="mg/m3", range=(0, 2000)), Point(name="o2", unit="%", range=(0, 25))),
)
LIMIT = Limit(
    stack="stack-1",
    parameter="SO2",
    device="analyser-1",
    point="so2",
    limit=150,
    unit="mg/m3",
    averaging=Duration(60),
)
SO2 = ("demo-plant", "stack-1", "analyser-1", "so2")


class Plant:
    """One analyser, a clock that the test sets, and the live picture."""

    def __init__(self) -> None:
        self.now, self.live = T0, Live()
        self.watch = LimitWatch(LIMIT, "demo-plant", self.live, T0)
        self.analyser = Acquisition("demo-plant", DEVICE, {"so2": [self.watch]}, self.live, lambda: self.now)

    def so2(self, value: float, quality: Quality = Quality.GOOD, reason: Reason = Reason.NONE) -> None:
        self.analyser.put(Sample(POINT_CONCENTRATION, SO2, value, self.now, quality, reason))

    def tick(self) -> None:
        self.analyser.tick()
        self.watch.evaluate(self.now)

    def shown(self, metric: Metric) -> dict[tuple[str, ...], float]:
        """What stands in the exposition: the labels behind the device, and the value."""
        families = dict(self.live.snapshot(self.now))
        return {series.sample.labels[3:]: series.sample.value for series in families.get(metric, ())}

    def lines(self, start: str) -> list[str]:
        return [line for line in text(self.live.snapshot(self.now)).decode().splitlines() if line.startswith(start)]


def test_a_good_sample_is_live_and_counted() -> None:
    plant = Plant()
    plant.so2(90)
    assert plant.shown(POINT_CONCENTRATION) == {("so2",): 90.0}
    assert plant.shown(POINT_QUALITY) == {("so2", "none"): 0.0}
    assert plant.shown(POINT_SAMPLES) == {
        (point, quality): float((point, quality) == ("so2", "good"))
        for point in ("so2", "o2")
        for quality in ("good", "uncertain", "bad")
    }
    assert plant.shown(POINT_LAST_SAMPLE) == {("so2",): T0}


@pytest.mark.parametrize(
    ("value", "quality", "reason", "shown"),
    [
        pytest.param(2001, Quality.GOOD, Reason.NONE, "range", id="above the range"),
        pytest.param(-1, Quality.GOOD, Reason.NONE, "range", id="below the range"),
        pytest.param(math.nan, Quality.GOOD, Reason.NONE, "sentinel", id="not a number"),
        pytest.param(90, Quality.BAD, Reason.CALIBRATION, "calibration", id="while calibrating"),
        pytest.param(2001, Quality.BAD, Reason.CALIBRATION, "calibration", id="the device's own reason goes first"),
        pytest.param(math.nan, Quality.BAD, Reason.DEVICE_EXCEPTION, "device_exception", id="no value at all"),
    ],
)
def test_a_bad_value_is_absent_with_one_reason(value: float, quality: Quality, reason: Reason, shown: str) -> None:
    plant = Plant()
    plant.so2(90)
    plant.so2(value, quality, reason)
    plant.tick()
    assert plant.shown(POINT_CONCENTRATION) == {}
    assert plant.shown(POINT_QUALITY) == {("so2", shown): 2.0}
    assert plant.shown(POINT_SAMPLES)["so2", "bad"] == 1.0
    plant.so2(91)
    assert plant.shown(POINT_QUALITY) == {("so2", "none"): 0.0}
    assert plant.shown(POINT_CONCENTRATION) == {("so2",): 91.0}


def test_an_uncertain_value_stays() -> None:
    plant = Plant()
    plant.so2(90, Quality.UNCERTAIN, Reason.MAINTENANCE)
    assert plant.shown(POINT_CONCENTRATION) == {("so2",): 90.0}
    assert plant.shown(POINT_QUALITY) == {("so2", "maintenance"): 1.0}


def test_a_range_is_meant_in_the_points_own_unit() -> None:
    plant = Plant()
    for share in (0.0, 0.25):
        plant.analyser.put(Sample(POINT_SHARE, (*SO2[:3], "o2"), share, plant.now))
        assert plant.shown(POINT_SHARE) == {("o2",): share}
    plant.analyser.put(Sample(POINT_SHARE, (*SO2[:3], "o2"), 0.2501, plant.now))
    assert plant.shown(POINT_SHARE) == {}


def test_a_value_that_is_not_renewed_goes_stale() -> None:
    plant = Plant()
    plant.so2(90)
    plant.now += 2.9
    plant.tick()
    assert plant.shown(POINT_CONCENTRATION) == {("so2",): 90.0}
    plant.now += 0.1
    plant.tick()
    assert plant.shown(POINT_CONCENTRATION) == {}
    assert plant.shown(POINT_QUALITY) == {("so2", "stale"): 2.0}


def test_a_device_that_is_down_has_no_values() -> None:
    plant = Plant()
    assert plant.shown(DEVICE_UP) == {}
    plant.analyser.up()
    plant.so2(90)
    assert plant.shown(DEVICE_UP) == {("modbus",): 1.0}
    plant.analyser.down()
    assert plant.analyser.tried
    assert plant.shown(DEVICE_UP) == {("modbus",): 0.0}
    assert plant.shown(POINT_CONCENTRATION) == {}
    assert plant.shown(POINT_QUALITY) == {("so2", "communication"): 2.0, ("o2", "communication"): 2.0}


def test_requests_are_counted_from_zero() -> None:
    plant = Plant()
    plant.analyser.count(Result.OK)
    plant.analyser.count(Result.OK)
    plant.analyser.count(Result.TIMEOUT)
    counted = [line.rpartition("result=")[2] for line in plant.lines("greenops_device_requests_total")]
    assert counted == ['"ok"} 2.0', '"timeout"} 1.0', '"exception"} 0.0', '"connect"} 0.0', '"decode"} 0.0']


@pytest.mark.parametrize(
    "stray",
    [
        pytest.param(Sample(POINT_CONCENTRATION, (*SO2[:3], "nox"), 1, T0), id="another point"),
        pytest.param(Sample(POINT_SHARE, SO2, 1, T0), id="another metric"),
    ],
)
def test_a_sample_of_no_point_is_the_protocols_fault(stray: Sample) -> None:
    with pytest.raises(DeviceError, match="protocol modbus sent a sample that is none of the device's points"):
        Plant().analyser.put(stray)


def emission(plant: Plant) -> dict[str, float]:
    """The limit's metrics by name."""
    lines = plant.lines("greenops_emission")
    for line in lines:
        assert 'site="demo-plant",stack="stack-1",parameter="SO2",averaging="1m"' in line
    return {line.partition("{")[0].removeprefix("greenops_emission_"): float(line.rpartition(" ")[2]) for line in lines}


def test_a_limit_is_compared_only_while_its_average_is_valid() -> None:
    plant = Plant()
    plant.tick()
    assert emission(plant) == {"limit": 150, "average_coverage_ratio": 0}
    for _ in range(43):
        plant.so2(165)
        plant.tick()
        plant.now += 1
    assert emission(plant) == {
        "limit": 150,
        "average": 165,
        "limit_ratio": 1.1,
        "average_valid": 1,
        "average_coverage_ratio": 0.75,
    }
    for _ in range(6):  # a bad value does not count
        plant.so2(9999)
        plant.tick()
        plant.now += 1
    plant.now += 16  # and silence alone lowers the coverage
    plant.tick()
    assert emission(plant) == {"limit": 150, "average_valid": 0, "average_coverage_ratio": 0.7}


def test_an_average_is_called_invalid_only_after_one_whole_period() -> None:
    plant = Plant()
    for second, told in ((0, None), (59, None), (60, 0.0), (61, 0.0)):
        plant.now = T0 + second
        plant.tick()
        assert emission(plant).get("average_valid") == told, second


def test_a_limit_keeps_the_permits_own_unit() -> None:
    live = Live()
    watch = LimitWatch(
        Limit(
            stack="stack-1",
            parameter="O2",
            device="analyser-1",
            point="o2",
            limit=8,
            unit="%",
            averaging=Duration(60),
            minimum_coverage=0.05,
        ),
        "demo-plant",
        live,
        T0,
    )
    watch.add(Sample(POINT_SHARE, (*SO2[:3], "o2"), 0.06, T0), T0)
    watch.evaluate(T0)
    values = {series.prefix: series.sample.value for _, family in live.snapshot(T0) for series in family}
    label = '{site="demo-plant",stack="stack-1",parameter="O2",averaging="1m"'
    assert values[f'greenops_emission_average{label},unit="%"}} '] == pytest.approx(6)
    assert values[f"greenops_emission_limit_ratio{label}}} "] == pytest.approx(0.75)
