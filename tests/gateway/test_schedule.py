from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from greenops_core.duration import duration
from greenops_gateway.plugin import Desk
from greenops_gateway.point import Device
from greenops_gateway.schedule import Agenda, phase


def test_devices_are_spread_over_the_period() -> None:
    phases = Counter(phase(f"analyser-{number}", 1.0) for number in range(100))
    assert sorted(phases) == [offset / 8 for offset in range(8)]
    assert max(phases.values()) <= 25


def desks(polls: dict[str, str]) -> list[Desk[Device]]:
    """Devices by name, with how often each is polled."""

    def ignore(*_: object) -> None:
        return

    return [
        Desk(Device(name=name, link="bus", stack="s", points=(), poll=duration(poll)), (), *[ignore] * 4)  # type: ignore[arg-type]
        for name, poll in polls.items()
    ]


def of(devices: Sequence[Desk[Device]], opened: float = 1000.0) -> Agenda:
    return Agenda(devices, opened)


def polled(agenda: Agenda, until: float, took: float = 0.0, now: float = 1000.0) -> list[tuple[float, str]]:
    """What is polled until a time, when each poll takes *took* seconds."""
    found: list[tuple[float, str]] = []
    while True:
        at, desk = agenda.next()
        now = max(now, at)
        if now >= until:
            return found
        agenda.begun(desk, now)
        found.append((now, desk.device.name))
        agenda.ended(desk)
        now += took


def test_a_device_is_polled_at_once_and_then_on_its_own_grid() -> None:
    offset = phase("a", 1.0)
    times = [at for at, _ in polled(of(desks({"a": "1s"})), 1004.0)]
    assert times[0] == 1000.0
    assert [at - offset for at in times[1:]] == pytest.approx([round(at - offset) for at in times[1:]])
    assert len(times) in {4, 5}


def test_a_slow_bus_skips_polls_and_starves_nobody() -> None:
    found = polled(of(desks({"a": "1s", "b": "1s", "c": "1s"})), 1060.0, took=0.8)
    counts = Counter(name for _, name in found)
    assert max(counts.values()) - min(counts.values()) <= 1
    assert len(found) in {75, 76}  # the bus is never idle


def test_a_slow_device_beside_quick_ones_keeps_its_turn() -> None:
    found = polled(of(desks({"quick": "100ms", "slow": "1s"})), 1010.0, took=0.1)
    assert Counter(name for _, name in found)["slow"] in {10, 11}


def test_a_link_that_is_opened_anew_repeats_no_poll_and_loses_none() -> None:
    devices = desks({"a": "1s"})
    before = polled(of(devices), 1002.5)
    after = polled(of(devices, 1002.5), 1006.0, now=1002.5)
    whole = polled(of(desks({"a": "1s"})), 1006.0)
    assert before + after == whole


def test_another_interval_begins_at_once() -> None:
    (device,) = desks({"a": "1h"})
    polled(of([device]), 1001.0)
    (quicker,) = desks({"a": "1s"})
    quicker.kept.update(device.kept)
    assert of([quicker], 1001.0).next() == (1001.0, quicker)


def test_a_poll_that_was_interrupted_is_due_at_once_and_after_all_others_that_are() -> None:
    devices = desks({"ends the link": "1h", "other": "1h", "third": "1h"})
    asked = []
    for opened in (1000.0, 1003.0, 1006.0):
        agenda, name = of(devices, opened), ""
        while name != "ends the link":
            due, desk = agenda.next()
            assert due == opened
            agenda.begun(desk, opened)
            asked.append(name := desk.device.name)
            if name != "ends the link":
                agenda.ended(desk)
    assert asked == ["ends the link", "other", "third", "ends the link", "ends the link"]


def test_what_is_forgotten_is_due_once_the_link_is_opened_anew() -> None:
    devices = desks({"a": "1h", "b": "1h"})
    agenda = of(devices)
    assert len(polled(agenda, 1001.0)) == 2
    agenda.forget()
    assert [name for _, name in polled(of(devices, 1002.0), 1003.0, now=1002.0)] == ["a", "b"]
