"""Daily calibrations that are recorded decide which hours are valid, in a running gateway and in a revision."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import stack_hours
from greenops_gateway.cems.hour import Hour, written
from greenops_gateway.cems.reading import Calibration
from greenops_gateway.cli import main
from greenops_gateway.configuration import Gateway, parse
from greenops_gateway.emissions import run as module
from greenops_gateway.emissions.calibrations import Calibrations
from greenops_gateway.emissions.ledger import Ledger
from greenops_gateway.emissions.run import Hours, closing_hours
from greenops_gateway.gateway import acquiring
from greenops_telemetry.audit import evidence
from greenops_telemetry.audit_proof import records
from greenops_telemetry.journal.store import Store
from greenops_telemetry.live import Live
from stack_hours import ZONE, Taken, due, journal, samples

FIRST = stack_hours.start()
GOOD = ("--zero", "0", "0.4", "--upscale", "450", "438")
BAD = ("--zero", "0", "0.4", "--upscale", "450", "419")
Record = Callable[..., tuple[int, str, str]]


def sparse(hour: Hour) -> Iterator[Taken]:
    return samples(hour, 240.0)


@pytest.fixture
def plant(tmp_path: Path) -> Path:
    """A gateway whose plan has a span of SO2; gives its configuration."""
    raw = stack_hours.gateway_yml(tmp_path)
    (stack,) = raw["emissions"]["stacks"]
    so2 = stack["measured"]["SO2C"] | {"span": 500}
    raw["emissions"]["stacks"] = [stack | {"measured": stack["measured"] | {"SO2C": so2}}]
    file = tmp_path / "gateway.yml"
    file.write_text(yaml.safe_dump(raw))
    return file


@pytest.fixture
def record(plant: Path, capsys: pytest.CaptureFixture[str]) -> Record:
    """Records a calibration of SO2C at a minute after ``FIRST``; gives exit code, stdout and stderr."""

    def command(minute: int, *arguments: str, parameter: str = "SO2C") -> tuple[int, str, str]:
        at = f"{written(Hour(FIRST + minute // 60))}:{minute % 60:02}"
        asked = ("qa", "record", "--config", str(plant), "--parameter", parameter, "--at", at, "--why", "daily")
        code = main([*asked, *arguments])
        told = capsys.readouterr()
        return code, told.out, told.err

    return command


def judged(plant: Path, ledger: Ledger | None = None) -> Calibrations:
    folder = plant.parent / "journal"
    return Calibrations(folder / "audit", ledger or Ledger(folder / "hours", "stack-1"), ZONE)


def out(plant: Path, *hours: int) -> list[bool]:
    calibrations = judged(plant)
    return [bool(calibrations.of(Hour(FIRST + hour)).out_of_control) for hour in hours]


def test_who_records_no_calibration_is_not_judged_by_any(plant: Path) -> None:
    assert out(plant, 0, 30, 500) == [False, False, False]


def test_a_passed_calibration_covers_26_hours(plant: Path, record: Record) -> None:
    assert record(30, *GOOD)[0] == 0
    assert out(plant, 0, 25, 26, 27) == [False, False, True, True]
    assert judged(plant).of(Hour(FIRST + 26)).out_of_control == {"SO2C"}  # and no other parameter


def test_from_a_failed_calibration_on_hours_do_not_count_until_one_passes(plant: Path, record: Record) -> None:
    record(30, *GOOD)
    code, told, _ = record(72, *BAD)
    assert code == 1
    assert "6.2 % of span" in told
    assert told.splitlines()[-1] == "SO2C of stack-1 at 2026-01-05T01:12: FAILED"
    record(3 * 60 + 5, "--aborted")
    record(4 * 60 + 20, *GOOD)
    assert out(plant, 0, 1, 2, 3, 4, 5) == [False, True, True, True, False, False]
    begin = ZONE.begins(Hour(FIRST + 1))
    assert judged(plant).of(Hour(FIRST + 1)).calibrations == {"SO2C": (Calibration(begin + 720.0, passed=False),)}
    assert judged(plant).of(Hour(FIRST + 2)).calibrations == {}


def test_one_that_failed_and_passed_within_the_hour_leaves_what_came_after(plant: Path, record: Record) -> None:
    record(5, *BAD)
    record(20, *GOOD)
    tests = judged(plant).of(FIRST)
    assert tests.out_of_control == frozenset()
    assert [each.passed for each in tests.calibrations["SO2C"]] == [False, True]


def test_what_is_recorded_later_is_seen(plant: Path, record: Record) -> None:
    calibrations = judged(plant)
    assert not calibrations.of(FIRST).out_of_control
    record(5, *BAD)
    assert calibrations.of(FIRST).out_of_control == {"SO2C"}


def test_hours_without_operation_do_not_use_up_the_grace(plant: Path, record: Record) -> None:
    def idle_at_first(hour: Hour) -> Iterator[Taken]:
        return (
            each._replace(value=0.0) if each.point == "fuel" and hour < FIRST + 28 else each for each in sparse(hour)
        )

    record(30, *GOOD)
    with journal(plant.parent / "journal", range(FIRST, FIRST + 40), idle_at_first) as store:
        done = stack_hours.closed_all(store, plant.parent / "journal" / "hours", FIRST + 40)
        done.close()
    assert out(plant, 28, 35, 36) == [False, False, True]


@pytest.mark.parametrize(
    ("arguments", "parameter", "complaint"),
    [
        (GOOD, "SO2", "does not measure 'SO2'; did you mean 'SO2C'"),
        (GOOD, "COC", "no daily limit is known for COC"),
        (GOOD, "NOXC", "no span of NOXC; say --span"),
        ((*GOOD, "--span", "0"), "SO2C", "a span is above zero"),
        (("--zero", "0", "nought"), "SO2C", "'nought' is not a number"),
        ((), "SO2C", "say --zero and --upscale"),
        ((*GOOD, "--stack", "stack-2"), "SO2C", "there is no stack 'stack-2'"),
        ((*GOOD, "--at", "2026-01-05 09:12"), "SO2C", "--at: '2026-01-05 09:12' is no minute"),
        ((*GOOD, "--at", "2126-01-05T09:12"), "SO2C", "has not come yet"),
    ],
)
def test_what_cannot_be_recorded_is_not(
    plant: Path, record: Record, arguments: tuple[str, ...], parameter: str, complaint: str
) -> None:
    code, _, told = record(30, *arguments, parameter=parameter)
    assert code == 2
    assert complaint in told
    assert not (plant.parent / "journal" / "audit").exists()


def test_a_trial_shows_the_error_and_records_nothing(plant: Path, record: Record) -> None:
    code, told, _ = record(30, *BAD, "--dry-run")
    assert (code, told.splitlines()[-1]) == (1, "SO2C of stack-1 at 2026-01-05T00:30: FAILED, not recorded")
    assert not (plant.parent / "journal" / "audit").exists()


def test_the_record_keeps_all_numbers_and_who_did_it(plant: Path, record: Record) -> None:
    said: dict[str, Any] = json.loads(record(30, *GOOD, "--who", "ana", "--json")[1])
    (kept,) = records(evidence(plant.parent / "journal" / "audit").log)
    assert (kept.kind, kept.who, kept.what) == ("action", "ana", said)
    upscale = {"reference": "450", "measured": "438", "error": "2.4", "unit": "% of span", "result": "PASSED"}
    assert said["levels"]["upscale"] == upscale


async def test_a_running_gateway_closes_hours_by_what_is_recorded(
    plant: Path, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EVERY", 0.02)
    record(72, *BAD)
    record(2 * 60 + 1, *GOOD)
    live, now = Live(), due(FIRST + 3) + 3.0
    with journal(plant.parent / "journal", range(FIRST, FIRST + 3), sparse) as store:
        hours = Hours(store, live, version="1.2.3", clock=lambda: now, trusted=lambda: True)
        async with closing_hours(hours), acquiring(configured(plant), live, lambda: now, hours=hours):
            for _ in range(1500):
                if len(values(plant)) == 3:
                    break
                await asyncio.sleep(0.01)
    assert values(plant) == [True, False, True]


def test_one_that_is_recorded_too_late_says_how_its_hours_are_judged_once_more(plant: Path, record: Record) -> None:
    with journal(plant.parent / "journal", range(FIRST, FIRST + 3), sparse) as store:
        closed(plant, store)
    assert values(plant) == [True, True, True]
    _, told, _ = record(72, *BAD)
    (suggested,) = [line for line in told.splitlines() if "hours recompute" in line]
    assert "--since 2026-01-05T01" in suggested
    _, *words = suggested.replace('"', "").partition(" --revise ")[0].split()
    assert main([*words, "--revise", "calibration", "--config", str(plant)]) == 0
    assert values(plant) == [True, False, False]


def configured(plant: Path) -> Gateway:
    return parse(yaml.safe_load(plant.read_text()), Path())


def closed(plant: Path, store: Store) -> None:
    stack_hours.closed_all(store, plant.parent / "journal" / "hours", FIRST + 3).close()


def values(plant: Path) -> list[bool]:
    """Whether SO2C has a value, hour by hour."""
    ledger = Ledger(plant.parent / "journal" / "hours", "stack-1")
    return [each.closed.measured["SO2C"].value is not None for each in ledger.hours(range(FIRST, FIRST + 100))]
