"""Another configuration, right or wrong, again and again while the gateway reads: who is not meant loses nothing."""

from __future__ import annotations

import asyncio
import copy
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from faults.whole_plant import POLL, whole
from greenops_core.errors import ConfigError
from greenops_gateway.configuration import parse

Change = Callable[[dict[str, Any], random.Random], object]
NOBODY = 1
"""A port of loopback at which nobody listens, and that no other test is given."""
UNTOUCHED = ("gas", "dust")


def device(raw: dict[str, Any], name: str) -> dict[str, Any]:
    """The section of a device, which is there."""
    found: dict[str, Any] = next(each for each in raw["devices"] if each["name"] == name)
    return found


def without(raw: dict[str, Any], name: str) -> None:
    raw["devices"] = [each for each in raw["devices"] if each["name"] != name]


def another(raw: dict[str, Any], dice: random.Random) -> None:
    """A link to nobody, with some devices."""
    raw["links"]["more"] = {"protocol": "modbus", "host": "127.0.0.1", "port": NOBODY}
    raw["devices"] += [
        {**device(raw, "gas"), "name": f"more-{unit}", "link": "more", "unit": unit}
        for unit in range(1, dice.randint(2, 9))
    ]


VALID: list[Change] = [
    lambda raw, dice: device(raw, "flow").update(poll=f"{dice.randint(200, 400)}ms"),
    lambda raw, dice: device(raw, "plant").update(integrity=f"{dice.randint(10, 90)}s"),
    lambda raw, dice: raw["links"]["plant"].update(timeout=f"{dice.randint(300, 900)}ms"),
    lambda raw, _: without(raw, "flow"),
    lambda raw, _: without(raw, "plant"),
    another,
]
INVALID: list[Change] = [
    lambda raw, _: device(raw, "gas").update(pol="1s"),
    lambda raw, _: device(raw, "gas").update(poll="1 s"),
    lambda raw, _: device(raw, "dust").update(link="dusk"),
    lambda raw, _: device(raw, "gas")["points"][0].update(unit="mg/m4"),
    lambda raw, _: device(raw, "dust").update(points=[]),
    lambda raw, _: raw["links"].update(gas={"protocol": "profibus"}),
    lambda raw, _: raw["devices"].append(device(raw, "gas")),
    lambda raw, _: raw.update(site="elsewhere"),
]


@pytest.mark.soak
async def test_who_is_not_meant_by_a_reload_loses_no_sample(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Thirty configurations; with ``-m soak`` five hundred."""
    rounds = 500 if "soak" in str(request.config.getoption("-m")) else 30
    dice = random.Random(3)
    async with whole(tmp_path) as plant:
        witness = plant.witness
        await witness.until(witness.good)
        kept = {each.device.name: each for each in plant.gate.acquisitions if each.device.name in UNTOUCHED}
        connections = {link: len(plant.wires[link].sent) for link in UNTOUCHED}
        before = {link: (plant.truth.asked[link], witness.requests(link, "ok")) for link in UNTOUCHED}
        witness.begin()
        beats: list[float] = []
        beating = asyncio.create_task(beat(beats))
        taken = refused = 0
        for _ in range(rounds):
            raw, wrong = copy.deepcopy(plant.content), dice.random() < 0.5
            for change in dice.sample(VALID, dice.randint(0, 3)):
                change_or_not(change, raw, dice)
            if wrong:
                dice.choice(INVALID)(raw, dice)
            was = plant.gate.config
            try:
                await plant.gate.take(parse(raw, Path()))
                taken += 1
                assert not wrong
            except ConfigError:
                refused += 1
                assert wrong
                assert plant.gate.config is was
            await asyncio.sleep(dice.uniform(0.02, 0.3))
        beating.cancel()
        assert taken > rounds / 5 < refused
        await asyncio.sleep(POLL)
        for link in UNTOUCHED:
            given, got = before[link]
            late = witness.requests(link, "timeout")  # of a busy machine
            assert abs(plant.truth.asked[link] - given - late - (witness.requests(link, "ok") - got)) <= 1, link
            assert witness.requests(link, "ok") - got >= 0.9 * len(beats) - 3 * late - 1, link
            assert witness.absent[link] < 1.0
            assert len(plant.wires[link].sent) == connections[link]
        assert all(each is kept[each.device.name] for each in plant.gate.acquisitions if each.device.name in kept)
        await plant.gate.take(parse(plant.content, Path()))
        await witness.until(witness.good, 10)


async def beat(beats: list[float]) -> None:
    """Note when there was a turn of the loop, on the grid of the polls; a busy machine skips some, of both."""
    while True:
        beats.append(time.monotonic())
        await asyncio.sleep(POLL - time.monotonic() % POLL)


def change_or_not(change: Change, raw: dict[str, Any], dice: random.Random) -> None:
    """Two changes may mean one device, which the first has taken away."""
    try:
        change(raw, dice)
    except StopIteration:
        return
