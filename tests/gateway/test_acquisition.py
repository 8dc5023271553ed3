from __future__ import annotations

import math

import pytest

from greenops_core.catalogue import (
    DEVICE_CERTIFICATE_EXPIRY,
    DEVICE_EVENTS,
    DEVICE_GAPS,
    DEVICE_REQUESTS,
    DEVICE_SAMPLES,
    DEVICE_UP,
    POINT_CONCENTRATION,
    POINT_LAST_SAMPLE,
    POINT_QUALITY,
    POINT_SHARE,
)
from greenops_core.errors import ConfigError, DeviceError
from greenops_core.sample import Metric, Quality, Reason, Sample
from greenops_gateway.acquisition import Acquisition, Reception
from greenops_gateway.limit import Limit, LimitWatch
from greenops_gateway.plugin import Event, Result
from greenops_gateway.point import Device, Point
from greenops_telemetry.configuration import convert
from greenops_telemetry.exposition import text
from greenops_telemetry.live import Live

T0 = 1_700_000_040.0  # a full minute
DEVICE = Device(
    name="analyser-1",
    link="gas",
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
    averaging="1m",
)
SO2 = ("demo-plant", "stack-1", "analyser-1", "so2")


class Plant:
    """One analyser, a clock that the test sets, and the live picture."""

    def __init__(self) -> None:
        self.now, self.live, self.trusted = T0, Live(), True
        self.watch = LimitWatch(LIMIT, "demo-plant", self.live, T0)
        self.analyser = Acquisition("demo-plant", "modbus", DEVICE, self.live, lambda: self.now)
        self.analyser.intakes[SO2].watches = [self.watch]
        self.link = Reception([self.analyser], lambda: self.now, lambda _: self.trusted)

    def put(self, *batch: Sample) -> None:
        self.link.put(batch)

    def so2(
        self, value: float, quality: Quality = Quality.GOOD, reason: Reason = Reason.NONE, ago: float = 0.0
    ) -> None:
        self.put(Sample(POINT_CONCENTRATION, SO2, value, self.now - ago, quality, reason))

    def tick(self) -> None:
        self.analyser.tick()
        self.watch.evaluate(self.now)

    def shown(self, metric: Metric) -> dict[tuple[str, ...], float]:
        """What stands in the exposition: the labels behind the device, and the value."""
        families = dict(self.live.snapshot(self.now))
        return {series.labels[3:]: series.value for series in families.get(metric, ())}

    def lines(self, start: str) -> list[str]:
        return [line for line in text(self.live.page(self.now)).decode().splitlines() if line.startswith(start)]


def test_a_good_sample_is_live_and_counted() -> None:
    plant = Plant()
    plant.so2(90)
    assert plant.shown(POINT_CONCENTRATION) == {("so2",): 90.0}
    assert plant.shown(POINT_QUALITY) == {("so2", "none"): 0.0}
    plant.tick()
    assert plant.shown(DEVICE_SAMPLES) == {("good",): 1.0, ("uncertain",): 0.0, ("bad",): 0.0}
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
    assert plant.shown(DEVICE_SAMPLES)["bad",] == 1.0
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
        plant.put(Sample(POINT_SHARE, (*SO2[:3], "o2"), share, plant.now))
        assert plant.shown(POINT_SHARE) == {("o2",): share}
    plant.put(Sample(POINT_SHARE, (*SO2[:3], "o2"), 0.2501, plant.now))
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
    plant.so2(90)
    assert plant.shown(DEVICE_UP) == {("modbus",): 1.0}
    plant.link.down()
    assert plant.shown(DEVICE_UP) == {("modbus",): 0.0}
    assert plant.shown(POINT_CONCENTRATION) == {}
    assert plant.shown(POINT_QUALITY) == {("so2", "communication"): 2.0, ("o2", "communication"): 2.0}


@pytest.mark.parametrize("ending", ["a sample", "its silence", "its link's"])
def test_a_device_was_tried_once_it_is_known_whether_it_answers(ending: str) -> None:
    plant = Plant()
    assert not plant.analyser.tried
    {
        "a sample": lambda: plant.so2(90),
        "its silence": lambda: plant.analyser.desk.down("why"),
        "its link's": plant.link.down,
    }[ending]()
    assert plant.analyser.tried


def test_requests_are_counted_from_zero() -> None:
    plant = Plant()
    for result in (Result.OK, Result.OK, Result.TIMEOUT):
        plant.analyser.desk.count(result)
    assert plant.shown(DEVICE_REQUESTS) == {
        (result.value,): {Result.OK: 2.0, Result.TIMEOUT: 1.0}.get(result, 0.0) for result in Result
    }


def test_events_and_certificates_are_told() -> None:
    plant = Plant()
    plant.analyser.desk.event(Event.RESTART)
    plant.analyser.desk.expires("server", 2e9)
    assert plant.shown(DEVICE_EVENTS) == {(event.value,): float(event is Event.RESTART) for event in Event}
    assert plant.shown(DEVICE_CERTIFICATE_EXPIRY) == {("server",): 2e9}


def test_a_silent_device_is_down_though_its_link_works_until_it_answers(caplog: pytest.LogCaptureFixture) -> None:
    plant = Plant()
    plant.so2(90)
    for _ in range(3):
        plant.analyser.desk.down("no answer within 800ms")
    assert plant.shown(DEVICE_UP) == {("modbus",): 0.0}
    assert plant.shown(POINT_QUALITY)["so2", "communication"] == 2.0
    assert caplog.messages == ["analyser-1: down: no answer within 800ms"]
    plant.so2(91)
    assert plant.shown(DEVICE_UP) == {("modbus",): 1.0}


def test_an_old_sample_fills_the_average_and_is_no_news() -> None:
    plant = Plant()
    plant.so2(90)
    plant.so2(150, ago=30.0)
    plant.so2(150, Quality.BAD, Reason.CALIBRATION, ago=20.0)
    plant.tick()
    assert plant.shown(POINT_CONCENTRATION) == {("so2",): 90.0}
    assert plant.shown(POINT_LAST_SAMPLE) == {("so2",): T0}
    assert plant.shown(DEVICE_SAMPLES)["good",] == 2.0
    assert emission(plant)["average_coverage_ratio"] == 0.1


def test_a_time_that_has_not_come_yet_is_uncertain_and_makes_nothing_else_look_old() -> None:
    plant = Plant()
    plant.so2(90, ago=-3600.0)
    assert plant.shown(POINT_QUALITY) == {("so2", "clock"): 1.0}
    plant.now += 1
    plant.so2(91)
    assert plant.shown(POINT_CONCENTRATION) == {("so2",): 91.0}
    assert plant.shown(POINT_QUALITY) == {("so2", "none"): 0.0}


@pytest.mark.parametrize("ahead", [50.0, 3600.0, 1e8])
def test_a_clock_ahead_hides_no_fault_no_silence_and_no_gap(ahead: float) -> None:
    plant = Plant()
    plant.so2(90, ago=-ahead)
    assert plant.shown(POINT_CONCENTRATION) == {("so2",): 90.0}
    assert plant.shown(POINT_LAST_SAMPLE) == {("so2",): T0}
    assert emission_of(plant, "average_coverage_ratio") == 0.05
    plant.now += 1
    plant.so2(math.nan, Quality.BAD, Reason.DEVICE_FAULT)
    assert plant.shown(POINT_QUALITY) == {("so2", "device_fault"): 2.0}
    plant.so2(90, ago=-ahead)
    plant.now += 3
    plant.tick()
    assert plant.shown(POINT_QUALITY) == {("so2", "stale"): 2.0}
    plant.now += 900
    plant.tick()
    assert plant.shown(DEVICE_GAPS) == {(): 2.0}


def emission_of(plant: Plant, name: str) -> float:
    plant.tick()
    return emission(plant)[name]


def test_a_value_that_comes_too_late_is_stale_at_once_and_fills_the_average() -> None:
    plant = Plant()
    plant.so2(90, ago=3.0)
    assert plant.shown(POINT_CONCENTRATION) == {}
    assert plant.shown(POINT_QUALITY) == {("so2", "stale"): 2.0}
    assert emission_of(plant, "average_coverage_ratio") == 0.05
    assert plant.shown(DEVICE_SAMPLES) == {("good",): 1.0, ("uncertain",): 0.0, ("bad",): 0.0}
    plant.so2(91, ago=2.9)
    assert plant.shown(POINT_CONCENTRATION) == {("so2",): 91.0}


def test_nothing_is_good_while_the_clock_cannot_be_trusted() -> None:
    plant = Plant()
    plant.trusted = False
    plant.so2(90)
    assert plant.shown(POINT_QUALITY) == {("so2", "clock"): 1.0}
    assert plant.shown(POINT_CONCENTRATION) == {("so2",): 90.0}


def test_a_gap_is_counted_once_when_it_lasts(caplog: pytest.LogCaptureFixture) -> None:
    plant = Plant()
    for minutes, gaps in ((0, 0), (14, 0), (16, 2), (60, 2), (70, 2), (90, 3)):
        plant.now = T0 + 60 * minutes
        if minutes in {0, 60, 70}:
            plant.so2(90)
        plant.tick()
        assert plant.shown(DEVICE_GAPS)[()] == gaps, minutes
    assert caplog.messages[0] == "analyser-1: 2 points without usable sample for 16 min, mostly stale: so2, o2"
    assert caplog.messages[1] == "analyser-1: 1 point usable again after 60 min, mostly stale: so2"


@pytest.mark.parametrize(
    ("poll", "gap_after", "gap", "refused"),
    [
        pytest.param("1s", None, 900, "", id="a quarter of an hour"),
        pytest.param("10m", None, 1800, "", id="of a slow poll, as long as its value is shown"),
        pytest.param("10m", "30m", 1800, "", id="as configured"),
        pytest.param("1s", "3s", 3, "", id="as short as may be"),
        pytest.param("10m", "1m", 0, "1m is shorter than a value is shown without a new one (30m)", id="of every poll"),
        pytest.param(
            "1s", "2s", 0, "2s is shorter than a value is shown without a new one (3s)", id="while it is good"
        ),
    ],
)
def test_a_gap_is_no_shorter_than_a_value_is_shown(poll: str, gap_after: str | None, gap: float, refused: str) -> None:
    keys = {} if gap_after is None else {"gap_after": gap_after}
    raw = {"name": "a", "link": "l", "stack": "s", "poll": poll, "points": [{"name": "x", "unit": "K", **keys}]}
    device = convert(raw, Device)
    if refused:
        with pytest.raises(ConfigError) as caught:
            device.check()
        assert str(caught.value).startswith(f"points[0].gap_after: {refused}; ")
    else:
        device.check()
        assert device.points[0].gap(device.freshness()) == gap


def test_a_device_that_is_no_more_leaves_no_series() -> None:
    plant = Plant()
    plant.so2(90)
    plant.so2(9999)
    plant.analyser.desk.expires("own", 2e9)
    plant.link.down()
    plant.analyser.forget()
    assert plant.lines("greenops_point") == plant.lines("greenops_device") == []


@pytest.mark.parametrize(
    "stray",
    [
        pytest.param(Sample(POINT_CONCENTRATION, (*SO2[:3], "nox"), 1, T0), id="another point"),
        pytest.param(Sample(POINT_SHARE, SO2, 1, T0), id="another metric"),
    ],
)
def test_a_sample_of_no_point_is_the_protocols_fault(stray: Sample) -> None:
    with pytest.raises(DeviceError, match="the protocol sent a sample that is none of its points"):
        Plant().put(stray)


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
        "average_projected": 165,
        "mean_allowed": 0,
        "exceedance_due_seconds": 0,
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
            averaging="1m",
            minimum_coverage=0.05,
        ),
        "demo-plant",
        live,
        T0,
    )
    watch.add(Sample(POINT_SHARE, (*SO2[:3], "o2"), 0.06, T0), T0)
    watch.evaluate(T0)
    lines = text(live.page(T0)).decode().splitlines()
    values = {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}
    label = '{site="demo-plant",stack="stack-1",parameter="O2",averaging="1m"'
    assert values[f'greenops_emission_average{label},unit="%"}}'] == pytest.approx(6)
    assert values[f"greenops_emission_limit_ratio{label}}}"] == pytest.approx(0.75)
