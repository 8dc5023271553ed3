"""The gate with links that only wait: the test brings the samples and sets both clocks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from greenops_gateway import gateway
from greenops_gateway.acquisition import Intake, Reception
from greenops_gateway.clock import RELEASED
from greenops_gateway.configuration import Gateway, parse
from greenops_gateway.gateway import Gate
from greenops_gateway.plugin import Batch, Desk
from greenops_gateway.point import Link
from greenops_telemetry.exposition import text
from greenops_telemetry.live import Live

T0 = RELEASED + 3600.0 * 1000
HOUR = 3600.0


def device(name: str = "a", poll: str = "1s", link: str = "bus", **point: object) -> dict[str, Any]:
    points = [{"name": "x", "at": 1, "unit": "mg/m3", **point}]
    return {"name": name, "link": link, "unit": 1, "stack": "s", "poll": poll, "points": points}


def twice(name: str = "calc", of: str = "a/x", **keys: object) -> dict[str, Any]:
    return {
        "name": name,
        "stack": "s",
        "points": [{"name": "x", "unit": "mg/m3", "value": "2 * x", "from": {"x": of}}],
        **keys,
    }


def limit(at_most: float = 150, **keys: object) -> dict[str, Any]:
    what = {"stack": "s", "parameter": "X", "device": "a", "point": "x", "unit": "mg/m3", "averaging": "1m"}
    return {**what, "limit": at_most, **keys}


def configured(*devices: dict[str, Any], wait: float = 0.0, **keys: object) -> Gateway:
    """One link, ``bus``, unless *keys* say otherwise; a goodbye takes *wait* seconds."""

    @asynccontextmanager
    async def connect(_: Link, desks: Sequence[Desk[Any]]) -> AsyncIterator[AsyncIterator[Batch]]:
        async def batches() -> AsyncIterator[Batch]:
            while True:
                yield ()
                await asyncio.sleep(HOUR)

        try:
            yield batches()
        finally:
            for each in desks[:1]:
                each.kept["goodbyes"] = each.kept.get("goodbyes", 0) + 1
            await asyncio.sleep(wait)

    links = {"bus": {"protocol": "modbus", "host": "127.0.0.1", "port": 1}}
    found = parse({"site": "p", "links": links, "devices": list(devices or (device(),)), **keys}, Path())
    return replace(
        found, ways=tuple(replace(way, protocol=replace(way.protocol, connect=connect)) for way in found.ways)
    )


class Room:
    """A gate, its clocks, and its page."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self.now, self.monotonic, self.live = T0, 100.0, Live()
        self.gate = Gate(self.live, group, lambda: self.now, lambda: self.monotonic)

    def passes(self, seconds: float) -> None:
        self.now += seconds
        self.monotonic += seconds

    def point(self, name: str) -> Intake:
        owner, point = name.split("/")
        (found,) = (each for each in self.gate.intakes() if each.series.labels[2:] == (owner, point))
        return found

    def put(self, name: str, value: float) -> None:
        """A sample of a device's point, as it comes over its link."""
        acquisition = next(each for each in self.gate.acquisitions if each.device.name == name.partition("/")[0])
        to = self.point(name).series
        reception = Reception([acquisition], lambda: self.now, self.gate.trusted)
        reception.put([to.sample(value, self.now)])

    def page(self, *words: str) -> dict[str, float]:
        """The lines with all of *words*: what stands before the labels and after the device, and the value."""
        lines = [line for line in text(self.live.page(self.now)).decode().splitlines() if line[0] != "#"]
        found = {}
        for line in lines:
            if all(word in line for word in words):
                name, _, value = line.rpartition(" ")
                found[name.removeprefix("greenops_")] = round(float(value), 6)
        return found

    def shown(self, owner: str) -> tuple[float | None, str]:
        """The value of a point and its one reason, as the page has them."""
        values = self.page("point_concentration", f'device="{owner}"')
        (reason,) = self.page("point_quality", f'device="{owner}"')
        return next(iter(values.values()), None), reason.split('reason="')[1].rstrip('"}')

    def acquisition(self, name: str = "a") -> Any:  # noqa: ANN401  # whatever the gate holds
        return next(each for each in self.gate.acquisitions if each.device.name == name)


@asynccontextmanager
async def room(config: Gateway) -> AsyncIterator[Room]:
    async with asyncio.TaskGroup() as group:
        made = Room(group)
        await made.gate.take(config)
        try:
            yield made
        finally:
            await made.gate.close()


def work(room: Room, seconds: int, value: float = 5.0) -> None:
    """``a`` delivers each second."""
    for _ in range(seconds):
        room.put("a/x", value)
        room.gate.tick()
        room.passes(1)


def slow() -> Gateway:
    """Something derived from a fast and from a slow input."""
    point = {"name": "x", "unit": "mg/m3", "value": "a + b", "from": {"a": "a/x", "b": "b/x"}}
    return configured(device(), device("b", "20m"), derived=[{"name": "calc", "stack": "s", "points": [point]}])


@pytest.mark.parametrize("step", [None, HOUR, -HOUR])
async def test_what_is_derived_goes_on_after_a_reload_and_a_step_of_the_clock(step: float | None) -> None:
    async def event(plant: Room) -> None:
        if step is None:
            assert await plant.gate.take(slow()) == []
        plant.now += step or 0

    async with room(slow()) as plant:
        plant.put("b/x", 10)
        work(plant, 3)
        assert plant.shown("calc") == (15, "none")
        await event(plant)
        plant.gate.tick()
        work(plant, 61, 7)
        plant.put("a/x", 8)
        plant.gate.tick()
        assert plant.shown("calc") == (18, "none")
        plant.acquisition().down("no answer")
        plant.passes(1)
        plant.gate.tick()
        assert plant.shown("calc") == (None, "communication")
        await event(plant)
        plant.gate.tick()
        plant.passes(1)
        plant.gate.tick()
        assert plant.shown("calc") == (None, "communication"), "also while the input stays dead"


async def test_a_device_of_the_name_of_something_derived_has_all_its_series() -> None:
    async with room(configured(device(), derived=[twice()])) as plant:
        work(plant, 2)
        for config in (configured(device(), device("calc")), configured(device(), derived=[twice()])):
            await plant.gate.take(config)
            if not config.derived:
                assert plant.page("point_", 'device="calc"') == {}
                plant.put("calc/x", 3)
            work(plant, 1)
            assert plant.shown("calc") == (10 if config.derived else 3, "none")
            assert sum(plant.page("device_samples_total", 'device="calc"').values()) == 1
            assert len(plant.page("device_gaps_total", 'device="calc"')) == 1


async def test_what_is_derived_may_be_as_old_as_its_inputs_after_a_reload_too() -> None:
    async with room(configured(device(), derived=[twice()])) as plant:
        work(plant, 1)
        await plant.gate.take(configured(device(poll="20s"), derived=[twice()]))
        plant.put("a/x", 5)
        for _ in range(30):
            plant.gate.tick()
            plant.passes(1)
        assert plant.shown("calc") == (10, "none")


@pytest.mark.parametrize(
    ("then", "told", "kept"),
    [
        pytest.param(limit(140), ["limit s/X over 1m: changed"], True, id="another number"),
        pytest.param(limit(0.15, unit="g/m3"), ["limit s/X over 1m: changed"], True, id="another unit"),
        pytest.param(
            limit(parameter="Y"), ["limit s/Y over 1m: added", "limit s/X over 1m: removed"], True, id="another name"
        ),
        pytest.param(
            limit(averaging="2m"),
            ["limit s/X over 2m: added", "limit s/X over 1m: removed"],
            False,
            id="another period",
        ),
        pytest.param(limit(device="b"), ["limit s/X over 1m: changed"], False, id="another point"),
    ],
)
async def test_a_limit_that_changes_keeps_its_average(then: dict[str, Any], told: list[str], kept: bool) -> None:  # noqa: FBT001  # a column
    devices = (device(), device("b"))
    async with room(configured(*devices, limits=[limit()])) as plant:
        work(plant, 65, 90)
        assert await plant.gate.take(configured(*devices, limits=[then])) == told
        plant.gate.tick()
        (coverage,) = plant.page("emission_average_coverage_ratio").values()
        assert coverage == (1 if kept else 0)
        assert list(plant.page("emission_average_valid").values()) == ([1] if kept else [])
        assert len(plant.page("emission_limit{")) == 1
        if kept:
            work(plant, 61, 30)
            (ratio,) = plant.page("emission_limit_ratio").values()
            assert ratio == pytest.approx(30 / (140 if then["limit"] == 140 else 150), abs=1e-6)


async def test_what_is_removed_leaves_no_series() -> None:
    async with room(configured(derived=[twice()], limits=[limit()])) as plant:
        work(plant, 65)
        assert plant.page('device="calc"')
        assert plant.page("emission_")
        assert await plant.gate.take(configured()) == ["derived calc: removed", "limit s/X over 1m: removed"]
        work(plant, 2)
        assert plant.page('device="calc"') == plant.page("emission_") == {}


async def test_what_is_derived_from_a_dead_device_has_no_value_at_the_next_tick() -> None:
    async with room(slow()) as plant:
        plant.put("b/x", 10)
        work(plant, 3)
        plant.acquisition("b").down("no answer")
        plant.gate.tick()
        assert plant.shown("calc") == (None, "communication")


async def test_what_is_derived_that_is_not_renewed_goes_stale_and_counts_its_gaps() -> None:
    config = configured(derived=[twice(poll="1m", stale_after="1m")])
    async with room(config) as plant:
        plant.passes(-plant.now % 60)
        work(plant, 2)
        assert plant.shown("calc") == (10, "none")
        for _ in range(61):
            plant.passes(1)
            plant.gate.tick()
        assert plant.shown("calc") == (None, "stale")
        plant.passes(900)
        plant.gate.tick()
        assert list(plant.page("device_gaps_total", 'device="calc"').values()) == [1]


async def test_nothing_derived_is_good_while_the_clock_cannot_be_trusted() -> None:
    async with room(configured(device(poll="20m"), derived=[twice()])) as plant:
        work(plant, 2)
        assert plant.shown("calc") == (10, "none")
        plant.now += HOUR
        plant.gate.tick()
        assert plant.shown("a") == (5, "none")
        assert plant.shown("calc") == (10, "clock")
        plant.passes(60)
        work(plant, 1)
        assert plant.shown("calc") == (10, "none")


@pytest.mark.parametrize("step", [HOUR, -HOUR])
@pytest.mark.parametrize("first", ["a tick", "a sample"])
async def test_a_step_of_the_clock_makes_nothing_older_or_newer(
    step: float, first: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with room(configured(device(poll="10s", warm_up="30m"), derived=[twice()])) as plant:
        plant.put("a/x", 5)
        plant.acquisition().down("no answer")
        plant.passes(1)
        plant.put("a/x", 5)
        assert plant.shown("a") == (5, "warm_up")
        plant.gate.tick()
        plant.now += step
        if first == "a sample":
            plant.put("a/x", 6)
        plant.gate.tick()
        assert plant.page("point_concentration", 'device="a"'), "it is no older than before"
        plant.passes(30)
        plant.gate.tick()
        assert plant.shown("a") == (None, "stale"), "nor newer"
        plant.passes(900)
        plant.put("a/x", 7)
        assert plant.shown("a") == (7, "warm_up")
        plant.passes(900)
        plant.put("a/x", 8)
        assert plant.shown("a") == (8, "none")
        plant.gate.tick()
        assert not [each for each in caplog.messages if "60 min" in each]


async def test_a_clock_that_goes_back_hides_no_new_sample() -> None:
    async with room(configured(limits=[limit()])) as plant:
        work(plant, 65)
        plant.now -= HOUR
        plant.put("a/x", 6)
        assert plant.shown("a")[0] == 6
        plant.gate.tick()
        (coverage,) = plant.page("emission_average_coverage_ratio").values()
        assert coverage == 0.05, "what was averaged lies ahead"
        plant.passes(HOUR)
        plant.gate.tick()
        (coverage,) = plant.page("emission_average_coverage_ratio").values()
        assert coverage <= 0.05, "and does not come back"


def links(**keys: Any) -> Gateway:  # noqa: ANN401  # as YAML has it
    names = [f"l{number}" for number in range(5)]
    timeout = keys.pop("timeout", "1s")
    ways = {
        name: {"protocol": "modbus", "host": "127.0.0.1", "port": port, "timeout": timeout}
        for port, name in enumerate(names, 1)
    }
    return configured(*(device(f"d{name}", link=name) for name in names), links=ways, **keys)


async def test_changed_links_end_together_and_begin_after() -> None:
    loop = asyncio.get_running_loop()
    async with room(links(wait=0.3)) as plant:
        await asyncio.sleep(0.05)
        began = loop.time()
        await plant.gate.take(links(timeout="2s"))
        assert 0.3 <= loop.time() - began < 0.9
        assert [each.desk.kept["goodbyes"] for each in plant.gate.acquisitions] == [1] * 5


async def test_a_link_that_does_not_say_goodbye_holds_nobody_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(gateway, "LONGEST_GOODBYE", 0.2)
    loop = asyncio.get_running_loop()
    async with room(configured(wait=HOUR)) as plant:
        await asyncio.sleep(0.05)
        began = loop.time()
        await plant.gate.take(configured(device("b")))
        assert loop.time() - began < 1
        assert [each.device.name for each in plant.gate.acquisitions] == ["b"]
    assert loop.time() - began < 2, "and nothing at the end either"
    assert "bus: did not close within 0.2 s; going on without waiting" in caplog.messages


async def test_an_outage_of_a_device_is_told_in_few_lines(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    many = device() | {"points": [{"name": f"p{k}", "at": k, "unit": "mg/m3"} for k in range(1, 101)]}
    names = [f"a/p{k}" for k in range(1, 101)]
    async with room(configured(many)) as plant:
        for name in names:
            plant.put(name, 5)
        for _ in range(4):  # it answers now and then
            plant.acquisition().down("no answer within 800ms")
            plant.passes(5)
            plant.gate.tick()
            plant.put(names[0], 5)
        plant.acquisition().down("no answer within 800ms")
        for _ in range(1000):
            plant.passes(1)
            plant.gate.tick()
        for _ in range(90):
            for name in names:
                plant.put(name, 5)
            plant.passes(1)
            plant.gate.tick()
    assert [each for each in caplog.messages if each.startswith("a: ")] == [
        "a: down: no answer within 800ms",
        "a: 99 points without usable sample for 15 min, mostly communication: p2, p3, p4, p5, p6, p7, p8, p9, …",
        "a: 1 point without usable sample for 15 min, mostly communication: p1",
        "a: 100 points usable again after 17 min, mostly communication: p1, p2, p3, p4, p5, p6, p7, p8, …",
        "a: answers again",
    ]


async def test_points_that_fall_silent_one_after_the_other_are_told_together(caplog: pytest.LogCaptureFixture) -> None:
    many = device() | {"points": [{"name": f"p{k}", "at": k, "unit": "mg/m3"} for k in range(1, 6)]}
    async with room(configured(many)) as plant:
        for silent in range(1, 6):
            for k in range(silent, 6):
                plant.put(f"a/p{k}", 5)
            plant.passes(5)
            plant.gate.tick()
        for _ in range(1000):
            plant.passes(1)
            plant.gate.tick()
    assert caplog.messages == [
        "a: 1 point without usable sample for 15 min, mostly stale: p1",
        "a: 4 points without usable sample for 15 min, mostly stale: p2, p3, p4, p5",
    ]
