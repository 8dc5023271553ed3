"""The gateway's clock is set while it reads: no poll is missed, no value hidden or stamped wrong, all is good again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from faults.whole_plant import LINKS, POLL, Clock, Whole, series, whole
from greenops_core.catalogue import DEVICE_GAPS, EMISSION_AVERAGE, EMISSION_AVERAGE_VALID
from greenops_core.sample import Metric, Quality, Reason
from greenops_gateway import clock as settling
from greenops_gateway.limit import Limit, LimitWatch
from greenops_telemetry.live import Live

SETTLING = 2.0
AVERAGING = 4.0
LIMIT = {
    "stack": "s",
    "parameter": "X",
    "device": "gas",
    "point": "x",
    "limit": 1e6,
    "unit": "mg/m3",
    "averaging": f"{AVERAGING:g}s",
    "minimum_coverage": 0.5,
}
STAMPED_HERE = ("gas", "plant")
"""What these say of now has no time of its own."""
STAMPED_THERE = ("flow", "dust")
State = tuple[Quality | None, str]
UNDOUBTED: list[State] = [(Quality.GOOD, "none")]
DOUBTED: list[State] = [(Quality.UNCERTAIN, Reason.CLOCK.value)]
EITHER: list[State] = [*UNDOUBTED, *DOUBTED]
STALE: list[State] = [(Quality.BAD, Reason.STALE.value)]
HOUR = 3600.0


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that was set is believed after two seconds, not sixty."""
    monkeypatch.setattr(settling, "SETTLING", SETTLING)


def states(plant: Whole) -> Mapping[str, State]:
    return {device: (shown.level, shown.reason) for device, shown in plant.witness.shown.items()}


def metric(plant: Whole, which: Metric) -> list[float]:
    return [value for _, value, _ in series(plant.witness.live.snapshot(plant.clock()), which)]


async def none_missed(plant: Whole, seconds: float, /, *shown: str, **held: list[State]) -> None:
    """Let *seconds* pass: every poll is answered, *shown* show a value, *held* are in one of their states."""
    before = {device: plant.witness.requests(device, "ok") for device in ("gas", "flow", "plant")}
    plant.witness.begin()
    began = longest = time.monotonic()
    stall = 0.0
    while time.monotonic() < began + seconds:
        await asyncio.sleep(0.05)
        assert all(states(plant)[device] in allowed for device, allowed in held.items())
        stall, longest = max(stall, time.monotonic() - longest), time.monotonic()
    polls = (time.monotonic() - began - stall) / POLL - 1
    for device, count in before.items():
        assert plant.witness.requests(device, "ok") - count >= polls, device
    for device in shown:
        assert plant.witness.absent[device] < stall + 0.5, plant.witness.absent


@pytest.mark.parametrize(
    ("ahead", "during"),
    [pytest.param(HOUR, STALE, id="an hour forward"), pytest.param(-HOUR, DOUBTED, id="an hour back")],
)
async def test_a_clock_that_is_set_by_an_hour_costs_no_poll_and_no_value(
    tmp_path: Path, ahead: float, during: list[State], caplog: pytest.LogCaptureFixture
) -> None:
    """What has a time of its own is an hour old by a clock that is fast, and of the future by one that is slow."""
    async with whole(tmp_path, clock=Clock(), change=lambda raw: raw.update(limits=[LIMIT])) as plant:
        await plant.witness.until(lambda: plant.witness.good() and metric(plant, EMISSION_AVERAGE_VALID) == [1])
        plant.clock.set(ahead)
        await asyncio.sleep(1.0)
        assert all(states(plant)[device] in DOUBTED for device in STAMPED_HERE)
        assert all(states(plant)[device] in during for device in STAMPED_THERE)
        await none_missed(plant, AVERAGING, *STAMPED_HERE, gas=EITHER, plant=EITHER, flow=during, dust=during)
        await plant.witness.until(lambda: metric(plant, EMISSION_AVERAGE_VALID) == [1], AVERAGING)
        assert metric(plant, EMISSION_AVERAGE)[0] > 0
        plant.clock.set(0)
        await none_missed(plant, SETTLING, *LINKS)
        await plant.witness.until(plant.witness.good, 5)
        assert set(metric(plant, DEVICE_GAPS)) == {0.0}
    assert "usable again" not in caplog.text


@pytest.mark.parametrize("by", [1.0, -1.0])
async def test_a_clock_that_is_set_by_a_second_again_and_again_is_doubted(tmp_path: Path, by: float) -> None:
    async with whole(tmp_path, clock=Clock()) as plant:
        await plant.witness.until(plant.witness.good)
        doubted = False
        for step in range(1, 6):
            plant.clock.set(step * by)
            await none_missed(plant, 0.6, *STAMPED_HERE)
            doubted = doubted or all(states(plant)[device] in DOUBTED for device in STAMPED_HERE)
            assert all(states(plant)[device] in EITHER for device in STAMPED_HERE)
        assert doubted
        plant.clock.set(0)
        await asyncio.sleep(SETTLING)
        await plant.witness.until(plant.witness.good, 5)


async def test_a_machine_that_boots_in_1970_shows_values_and_says_that_its_clock_is_wrong(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with whole(tmp_path, clock=Clock(30 - time.time())) as plant:
        await none_missed(plant, SETTLING + 1, *LINKS)
        assert all(state in DOUBTED for state in states(plant).values())
        plant.clock.set(0)
        await none_missed(plant, SETTLING - 0.5, *LINKS)
        assert all(state in EITHER for state in states(plant).values())
        await plant.witness.until(plant.witness.good, 5)
        assert set(metric(plant, DEVICE_GAPS)) == {0.0}
    assert "usable again" not in caplog.text


async def test_devices_whose_clock_is_an_hour_fast_are_doubted_alone(tmp_path: Path) -> None:
    async with whole(tmp_path, clock=Clock(-HOUR)) as plant:
        await none_missed(plant, 2.0, *LINKS)
        assert states(plant)["gas"] in UNDOUBTED
        assert states(plant)["plant"] in EITHER  # an event is stamped there, a present value here
        assert all(states(plant)[device] in DOUBTED for device in STAMPED_THERE)
        slow = {device: plant.clock() - plant.witness.shown[device].at for device in STAMPED_THERE}
        assert all(-0.1 < age < 2 for age in slow.values()), slow


def test_after_an_hour_back_an_average_without_samples_is_not_valid_within_its_own_period() -> None:
    live, now = Live(), 2e9
    limit = Limit(stack="s", parameter="X", device="d", point="x", limit=1.0, unit="mg/m3", averaging="1m")
    watch = LimitWatch(limit, "plant", live, now)
    watch.stepped(now - HOUR)
    for later, expected in ((59.0, []), (60.0, [0.0])):
        watch.evaluate(now - HOUR + later)
        shown = live.snapshot(now - HOUR + later)
        assert [value for _, value, _ in series(shown, EMISSION_AVERAGE_VALID)] == expected
