"""A gateway closes hours beside its other work: they are shown, limits judge by them, and the audit log knows."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import stack_hours
from greenops_core.address import address
from greenops_core.errors import ConfigError
from greenops_gateway.cems.hour import Hour
from greenops_gateway.configuration import Gateway, parse
from greenops_gateway.emissions import run as module
from greenops_gateway.emissions.ledger import Ledger
from greenops_gateway.emissions.run import Hours, closing_hours
from greenops_gateway.gateway import acquiring, running
from greenops_telemetry.audit import Kind, evidence
from greenops_telemetry.audit_proof import records
from greenops_telemetry.exposition import text
from greenops_telemetry.journal.store import Store
from greenops_telemetry.live import Live
from stack import free_port
from stack_hours import GRACE, ZONE, Taken, due, journal, put, samples

FIRST = stack_hours.start()
LIMIT = {"stack": "stack-1", "parameter": "SO2", "limit": 600, "unit": "lb/h", "averaging": "1h"}


class Clock:
    """Shows what it is told."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def sparse(hour: Hour) -> Iterator[Taken]:
    return samples(hour, 240.0)


def configured(folder: Path, **more: object) -> Gateway:
    return parse(stack_hours.gateway_yml(folder, free_port(), **more), Path())


def metrics(live: Live, name: str) -> dict[str, float]:
    """The series of one metric, by their labels as they are written."""
    lines = [line for line in text(live.page(0.0)).decode().splitlines() if line.startswith(f"{name}{{")]
    return {line.partition("{")[2].partition("}")[0]: float(line.split()[1]) for line in lines}


async def so(holds: Callable[[], object]) -> None:
    """Wait until it is."""
    for _ in range(1500):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never was so")


@asynccontextmanager
async def at_work(store: Store, config: Gateway, clock: Clock) -> AsyncIterator[tuple[Hours, Live]]:
    live = Live()
    hours = Hours(store, live, version="1.2.3", clock=clock, trusted=lambda: True)
    async with closing_hours(hours), acquiring(config, live, clock, hours=hours):
        yield hours, live


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY", 0.02)


async def test_the_last_closed_hour_is_shown_with_its_validity_and_its_lag(tmp_path: Path) -> None:
    def without_o2(hour: Hour) -> Iterator[Taken]:
        return (each for each in sparse(hour) if each.point != "o2")

    clock = Clock(due(FIRST + 1) + 3.0)
    with journal(tmp_path / "journal", [FIRST, FIRST + 1], without_o2) as store:
        async with at_work(store, configured(tmp_path), clock) as (hours, live):
            await so(lambda: metrics(live, "greenops_emission_hour"))
            shown = metrics(live, "greenops_emission_hour")
            place = 'site="plant",stack="stack-1"'
            assert shown[f'{place},parameter="SO2C",unit="ppm"'] == pytest.approx(210.8, abs=5)
            assert shown[f'{place},parameter="SO2",unit="lb/h"'] > 0
            assert not any('"O2C"' in labels for labels in shown)  # not valid is absent, not zero
            valid = metrics(live, "greenops_emission_hour_valid")
            assert (valid[f'{place},parameter="O2C"'], valid[f'{place},parameter="SO2"']) == (0, 1)
            assert metrics(live, "greenops_emission_hour_operating_ratio") == {place: 1}
            assert metrics(live, "greenops_emission_hour_end_timestamp_seconds") == {
                place: ZONE.begins(Hour(FIRST + 1))
            }
            clock.now = due(FIRST + 2) + 40.0
            hours.tick(clock.now)  # before it was closed
            assert metrics(live, "greenops_emission_hour_lag_seconds")[place] in {0.0, 40.0}
            await so(lambda: metrics(live, "greenops_emission_hour_end_timestamp_seconds")[place] > due(FIRST + 1))
            hours.tick(clock.now)
            assert metrics(live, "greenops_emission_hour_lag_seconds") == {place: 0}
            assert metrics(live, "greenops_emission_hour_revisions_total") == {place: 0}


async def test_limits_on_closed_hours_are_judged_by_them(tmp_path: Path) -> None:
    clock = Clock(due(FIRST + 3) + 3.0)
    with journal(tmp_path / "journal", range(FIRST, FIRST + 3), sparse) as store:
        async with at_work(store, configured(tmp_path, limits=[LIMIT]), clock) as (_, live):
            await so(lambda: metrics(live, "greenops_emission_limit_ratio"))
            (ratio,) = metrics(live, "greenops_emission_limit_ratio").values()
            last = Ledger(tmp_path / "journal" / "hours", "stack-1").last
            assert last is not None
            value = last.closed.computed["SO2"].value
            assert value is not None
            assert ratio == pytest.approx(float(value) / 600)


async def test_a_revision_is_counted_and_lies_in_the_audit_log_with_its_reason(tmp_path: Path) -> None:
    night = stack_hours.start(5, 23)
    clock = Clock(due(night + 1) + 1.0)
    late = [each for each in sparse(night) if each.at % 3600 > 1800]
    early = [each for each in sparse(night) if each not in late]
    with journal(tmp_path / "journal", [night], lambda _: early) as store:
        async with at_work(store, configured(tmp_path), clock) as (_, live):
            await so(lambda: metrics(live, "greenops_emission_hour_valid"))
            put(store, late, delay=4500)
            await asyncio.sleep(0.2)
            clock.now += GRACE + 1
            await so(lambda: sum(metrics(live, "greenops_emission_hour_revisions_total").values()))
            assert all(metrics(live, "greenops_emission_hour_valid").values())
        log = list(records(evidence(store.directory / "audit").log))
    (anchor,) = [each.what for each in log if each.what.get("action") == "ledger of hours"]
    assert (anchor["file"], anchor["number"], anchor["stack"]) == ("2026-1.jsonl", 1, "stack-1")
    (revised,) = [each for each in log if each.kind is Kind.CORRECTION]
    assert revised.what["reason"] == f"{len(late)} samples came late"
    assert revised.what["interval"] == ["2026-01-06T05:00:00.000Z", "2026-01-06T06:00:00.000Z"]
    old, new = revised.what["old"], revised.what["new"]
    assert isinstance(old, dict)
    assert isinstance(new, dict)
    assert old["SO2C"] is None
    assert float(new["SO2C"]) > 0


async def test_a_changed_plan_is_taken_over_from_the_next_hour_on(tmp_path: Path) -> None:
    clock = Clock(due(FIRST + 1) + 1.0)
    with journal(tmp_path / "journal", [FIRST, FIRST + 1], sparse) as store:
        async with at_work(store, configured(tmp_path), clock) as (hours, live):
            await so(lambda: metrics(live, "greenops_emission_hour_valid"))
            plan = {**stack_hours.PLAN, "fuel": "NG", "computed": {"SO2": "F-1"}}
            assert hours.take(configured(tmp_path, emissions={"stacks": [plan]})) == ["hours of stack-1: changed"]
            clock.now = due(FIRST + 2)
            ledger = Ledger(tmp_path / "journal" / "hours", "stack-1")
            await so(lambda: ledger.place(Hour(FIRST + 1)))
            await so(lambda: len(metrics(live, "greenops_emission_hour_valid")) == 9)
            fuels = [each.closed.fuel for each in ledger.hours(range(FIRST, FIRST + 2))]
            assert fuels == ["C", "NG"]
            assert hours.take(configured(tmp_path, emissions={"stacks": [{**plan, "stack": "other"}]})) == [
                "hours of stack-1: no longer closed",
                "hours of other: closed from now on",
            ]
            assert metrics(live, "greenops_emission_hour_valid") == {}


async def test_another_place_for_the_ledger_is_taken_over(tmp_path: Path) -> None:
    clock = Clock(due(FIRST + 1) + 1.0)
    with journal(tmp_path / "journal", [FIRST], sparse) as store:
        async with at_work(store, configured(tmp_path), clock) as (hours, live):
            await so(lambda: metrics(live, "greenops_emission_hour_valid"))
            section = {"stacks": [stack_hours.PLAN], "directory": str(tmp_path / "elsewhere")}
            assert hours.take(configured(tmp_path, emissions=section)) == []
            await so((tmp_path / "elsewhere" / "stack-1" / "2026-1.jsonl").exists)


async def test_a_disk_that_fails_holds_up_closing_alone_and_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock(due(FIRST + 1) + 60.0)
    write, fails = Ledger.append, True

    def append(ledger: Ledger, entries: Any) -> Any:  # noqa: ANN401  # as it is
        if fails:
            raise OSError(28, "No space left on device")
        return write(ledger, entries)

    monkeypatch.setattr(Ledger, "append", append)
    with journal(tmp_path / "journal", [FIRST], sparse) as store:
        async with at_work(store, configured(tmp_path), clock) as (hours, live):
            await so(lambda: "hours cannot be closed: [Errno 28] No space left on device" in caplog.text)
            hours.tick(clock.now)
            assert list(metrics(live, "greenops_emission_hour_lag_seconds").values()) == [60]
            assert metrics(live, "greenops_emission_hour_valid") == {}
            fails = False
            await so(lambda: metrics(live, "greenops_emission_hour_valid"))


async def test_the_whole_gateway_closes_what_was_not_closed_when_it_starts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    config = configured(tmp_path)
    first = ZONE.hour(time.time()) - 3
    with journal(tmp_path / "journal", range(first, first + 2), sparse):
        pass
    ledger = Ledger(tmp_path / "journal" / "hours", "stack-1")
    async with asyncio.timeout(60), running(config, address(f"127.0.0.1:{free_port()}")):
        await so(lambda: ledger.folder.exists() and ledger.place(Hour(first + 1)))
    found = list(ledger.hours(range(first, first + 2)))
    assert [each.closed.measured["SO2C"].value is not None for each in found] == [True, True]
    assert ledger.findings() == []


async def test_closing_neither_begins_nor_ends_by_a_reload(tmp_path: Path) -> None:
    config = configured(tmp_path)
    async with acquiring(config, Live()) as gate:
        with pytest.raises(ConfigError, match="emissions: cannot begin or end while the gateway runs; restart it"):
            await gate.take(replace(config, emissions=None))
