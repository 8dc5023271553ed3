"""Links of a running gateway fail in every way that TCP can; what is shown stays true, and all comes back."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from faults.whole_plant import FRESH, LINKS, POLL, TIMEOUT, Mode, Whole, whole
from greenops_core.sample import Quality

BUSY = 1.0
"""Seconds that a busy machine may take longer."""
GRACE = 1.0
"""DNP3's stack has a deadline of its own, which goes first."""
NOTICED = 2 * POLL + TIMEOUT + GRACE + BUSY
LAST_MESSAGE = FRESH + 1 + BUSY
"""An MQTT device sends on its own: that it is silent shows once its last value is no longer fresh."""
RECOVERED = 5.0
AWAY = 3.0
LONG = 8.0
"""Seconds after which a link that is tried ever less often would be tried too seldom."""
MINUTES = 180.0
"""Seconds in which sessions, subscriptions and kept connections run out too."""
SUBSCRIBE = {"mode": "subscribe", "publishing": "200ms"}


async def each_down(plant: Whole) -> dict[str, float]:
    """Seconds until each was."""
    took = {}

    async def one(link: str) -> None:
        took[link] = await plant.witness.until(
            lambda: plant.witness.shown[link].up is False, LAST_MESSAGE if link == "dust" else NOTICED
        )
        assert plant.witness.shown[link].value is None
        assert plant.witness.shown[link].level is Quality.BAD

    await asyncio.gather(*map(one, LINKS))
    return took


@pytest.mark.parametrize(
    "mode",
    ["closed", pytest.param("silent", marks=pytest.mark.soak), pytest.param("stalled", marks=pytest.mark.soak)],
)
async def test_all_links_fail_at_once_and_all_are_good_again_within_five_seconds(
    tmp_path: Path, mode: Mode, request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> None:
    """Three seconds of silence; with ``-m soak`` three minutes."""
    silence = MINUTES if "soak" in str(request.config.getoption("-m")) else AWAY
    away = LONG if mode == "closed" else silence
    async with whole(tmp_path) as plant:
        await plant.witness.until(plant.witness.good)
        for wire in plant.wires.values():
            await wire.set(mode)
        record_property("down", await each_down(plant))
        ends = time.monotonic() + away
        while time.monotonic() < ends:
            assert all(shown.value is None and shown.up is False for shown in plant.witness.shown.values())
            await asyncio.sleep(0.1)
        for wire in plant.wires.values():
            await wire.set("well")
        record_property("back", await plant.witness.until(plant.witness.good, RECOVERED + BUSY))


async def test_connections_that_are_reset_are_made_anew(tmp_path: Path) -> None:
    async with whole(tmp_path, flow=SUBSCRIBE) as plant:
        await plant.witness.until(plant.witness.good)
        before = {link: len(wire.sent) for link, wire in plant.wires.items()}
        for _ in range(2):
            for wire in plant.wires.values():
                await wire.reset()
            await plant.witness.until(lambda: not plant.witness.good(), RECOVERED)
            await plant.witness.until(plant.witness.good, RECOVERED + BUSY)
        assert all(len(plant.wires[link].sent) >= before[link] + 2 for link in LINKS)


async def test_a_device_that_reboots_is_not_good_before_it_has_settled(tmp_path: Path) -> None:
    async with whole(tmp_path, warm_up="1s") as plant:
        await plant.witness.until(plant.witness.good)
        for wire in plant.wires.values():
            await wire.set("closed")
        await each_down(plant)
        plant.truth.settles, plant.truth.began = True, time.time()  # what it counts begins anew
        await asyncio.sleep(1.0)
        for wire in plant.wires.values():
            await wire.set("well")
        opened = time.monotonic()
        await plant.witness.until(lambda: all(shown.up for shown in plant.witness.shown.values()), RECOVERED + BUSY)
        while time.monotonic() < opened + AWAY:
            assert not any(plant.witness.good(link) for link in LINKS)
            assert all(shown.value is None for shown in plant.witness.shown.values())
            await asyncio.sleep(0.05)
        plant.truth.settles = False
        await plant.witness.until(plant.witness.good, RECOVERED)


@pytest.mark.soak
async def test_links_that_fail_and_come_back_in_any_order_leave_nothing_behind(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Twelve faults; with ``-m soak`` a thousand."""
    rounds = 1000 if "soak" in str(request.config.getoption("-m")) else 12
    dice = random.Random(5)
    async with whole(tmp_path, flow=SUBSCRIBE) as plant:
        await plant.witness.until(plant.witness.good)
        tasks, threads, held = names(), workers(), descriptors()
        for _ in range(rounds):
            wire = plant.wires[dice.choice(LINKS)]
            if dice.random() < 0.25:
                await wire.reset()
            else:
                await wire.set(dice.choice(get_args(Mode)))
            await asyncio.sleep(dice.uniform(0.05, 1.0))
        for wire in plant.wires.values():
            await wire.set("well")
        await plant.witness.until(plant.witness.good, 20)
        await plant.witness.until(lambda: descriptors() <= held, 10)
        assert workers() == threads
        assert names() == tasks
        assert all(plant.witness.values.values())


def names() -> set[str]:
    """The gateway's own tasks."""
    return {task.get_name() for task in asyncio.all_tasks() if not task.get_name().startswith("Task-")}


def workers() -> int:
    """Threads, without those of asyncio's pool, which look names up and are kept."""
    return sum(not thread.name.startswith("asyncio_") for thread in threading.enumerate())


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())
