"""Collectors on a host made of files, and what happens when one fails."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from fixture_host import SETTINGS, FixtureHost, steps, values
from greenops_agent.collect import Collection, collectors
from greenops_agent.collectors import cpu, sessions
from greenops_agent.configuration import os_name
from greenops_agent.login import Session
from greenops_agent.settings import Settings
from greenops_core.catalogue import (
    COLLECTOR_DURATION,
    COLLECTOR_SUCCESS,
    HOST_BOOT,
    HOST_CPU,
    HOST_MEMORY,
    HOST_POWER,
    HOST_SESSIONS,
    HOST_USERS,
)
from greenops_core.sample import Metric, Sample
from greenops_core.unit import Seconds
from greenops_telemetry.live import Live

NAMES = ("host", "cpu", "memory", "boot", "sessions", "energy")


class Collected:
    """A collection of all collectors, and what it left in the live picture."""

    def __init__(self, host: FixtureHost, settings: Settings = SETTINGS) -> None:
        self.host, self.live = host, Live()
        self.collection = Collection(
            host.source, collectors(settings, lambda: host.clock), self.live, stopwatch=steps(by=0.25)
        )

    def again(self, seconds: float = 5, load: float = 0.1) -> None:
        self.host.passes(seconds, load)
        self.collection.run(self.host.at, self.host.at + 15)

    def __getitem__(self, metric: Metric) -> dict[tuple[str, ...], float]:
        found = [
            Sample(known, series.labels, series.value, 0.0)
            for known, family in self.live.snapshot(self.host.at)
            for series in family
        ]
        return values(found, metric)


@pytest.mark.parametrize(
    ("before", "now", "load"),
    [
        pytest.param({"user": 1.0, "idle": 1.0}, {"user": 2.0, "idle": 4.0}, 0.25, id="a quarter of the time"),
        pytest.param({"user": 1.0, "idle": 1.0}, {"user": 1.0, "idle": 1.0}, None, id="no time has passed"),
        pytest.param({"system": 0.0, "iowait": 9.0}, {"system": 1.0, "iowait": 8.9}, 1.0, id="iowait steps back"),
        pytest.param(
            {"user": 0.0, "steal": 0.0}, {"user": 1.0, "steal": 3.0}, 0.25, id="another guest's time is no work"
        ),
    ],
)
def test_load_is_the_share_of_time_at_work(before: Mapping[str, float], now: Mapping[str, float], load: float) -> None:
    assert cpu.load(before, now) == load


@pytest.mark.parametrize(
    ("terminal", "since"),
    [
        pytest.param("pts/0", 40.0, id="a terminal"),
        pytest.param("ttyS0", 40.0, id="a serial line"),
        pytest.param("tty2", None, id="a console that may show a desktop"),
        pytest.param(":0", None, id="a display"),
        pytest.param("pts/7", None, id="a terminal that is gone"),
        pytest.param("../../etc/os-release", None, id="no terminal at all"),
        pytest.param(None, None, id="none given"),
    ],
)
def test_only_a_terminal_tells_when_the_last_input_was(
    host: FixtureHost, terminal: str | None, since: float | None
) -> None:
    for device in ("pts/0", "ttyS0", "tty2"):
        host.typed(device, ago=40)
    assert sessions.since_input(host.root, Session("ana", terminal), host.at) == since


def test_an_access_time_in_the_future_is_input_just_now(host: FixtureHost) -> None:
    host.typed("pts/0", ago=-3600)
    assert sessions.since_input(host.root, Session("ana", "pts/0"), host.at) == Seconds(0)


def test_people_are_counted_once_and_sessions_each(host: FixtureHost) -> None:
    host.logs_in(Session("ana", "pts/0"), Session("ana", "pts/1"), Session("ben", None))
    found = Collected(host)
    found.again()
    assert found[HOST_USERS] == {("office-17",): 2}
    assert found[HOST_SESSIONS] == {("office-17",): 3}


@pytest.mark.parametrize(
    ("processes", "success"),
    [
        pytest.param(["init", "sshd"], 0.0, id="people can log in"),
        pytest.param(["init", "bash"], 1.0, id="nobody can log in"),
    ],
)
def test_sessions_that_nobody_records_are_absent_not_none(
    host: FixtureHost, processes: list[str], success: float
) -> None:
    found = Collected(host)
    found.again()
    assert found[HOST_USERS] == found[HOST_SESSIONS] == {("office-17",): 0}
    host.keeps_no_record(*processes)
    found.again()
    assert found[HOST_USERS] == found[HOST_SESSIONS] == {}
    assert found[COLLECTOR_SUCCESS] == {("office-17", name): 1.0 for name in NAMES} | {
        ("office-17", "sessions"): success
    }


def test_where_sessions_are_not_looked_at_their_collector_does_not_run(host: FixtureHost) -> None:
    host.keeps_no_record("init", "sshd")
    found = Collected(host, replace(SETTINGS, sessions=False))
    found.again()
    assert found[HOST_USERS] == found[HOST_SESSIONS] == {}
    assert found[COLLECTOR_SUCCESS] == {("office-17", name): 1.0 for name in NAMES if name != "sessions"}


def test_each_collector_tells_its_success_and_how_long_it_took(host: FixtureHost) -> None:
    found = Collected(host)
    found.again()
    assert found[COLLECTOR_SUCCESS] == {("office-17", name): 1.0 for name in NAMES}
    assert found[COLLECTOR_DURATION] == {("office-17", name): 0.25 for name in NAMES}


@pytest.mark.parametrize(
    ("file", "content", "failing", "absent"),
    [
        pytest.param(
            "proc/stat", "rubbish\n", {"cpu", "boot", "energy"}, (HOST_CPU, HOST_BOOT, HOST_POWER), id="no cpu"
        ),
        pytest.param(
            "proc/stat", "cpu x y z\n", {"cpu", "boot", "energy"}, (HOST_CPU, HOST_POWER), id="words for numbers"
        ),
        pytest.param("proc/stat", "", {"cpu", "boot", "energy"}, (HOST_CPU, HOST_BOOT, HOST_POWER), id="an empty file"),
        pytest.param("proc/stat", None, {"cpu", "boot", "energy"}, (HOST_CPU, HOST_BOOT, HOST_POWER), id="no file"),
        pytest.param("proc/meminfo", "MemFree: 1 kB\n", {"memory"}, (HOST_MEMORY,), id="no total"),
        pytest.param("proc/meminfo", None, {"memory"}, (HOST_MEMORY,), id="no memory file"),
    ],
)
def test_a_failing_collector_loses_its_metrics_and_no_others(
    host: FixtureHost,
    file: str,
    content: str | None,
    failing: set[str],
    absent: tuple[Metric, ...],
) -> None:
    found = Collected(host)
    found.again()
    found.again()
    assert all(found[metric] for metric in absent)
    good = (host.root / file).read_text()
    if content is None:
        (host.root / file).unlink()
    else:
        (host.root / file).write_text(content)
    host.at += 5
    found.collection.run(host.at, host.at + 15)
    assert found[COLLECTOR_SUCCESS] == {("office-17", name): float(name not in failing) for name in NAMES}
    assert [found[metric] for metric in absent] == [{} for _ in absent]
    (host.root / file).write_text(good)
    found.again()
    assert found[COLLECTOR_SUCCESS] == {("office-17", name): 1.0 for name in NAMES}
    assert all(found[metric] for metric in absent if metric is not HOST_POWER)


def test_a_failure_is_told_once_and_so_is_its_end(host: FixtureHost, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="collector")
    found = Collected(host)
    file = host.root / "proc/meminfo"
    good = file.read_text()
    file.unlink()
    found.again()
    found.again()
    file.write_text(good)
    found.again()
    found.again()
    assert len(caplog.messages) == 2
    assert caplog.messages[0].startswith("memory failed, its metrics are absent: FileNotFoundError: ")
    assert caplog.messages[1] == "memory works again"


def test_what_is_no_longer_collected_goes_stale(host: FixtureHost) -> None:
    found = Collected(host)
    found.again()
    host.at += 15
    assert found[HOST_MEMORY] == {}


@pytest.mark.parametrize(
    ("content", "name"),
    [
        pytest.param(
            'NAME=x\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n', "Debian GNU/Linux 12 (bookworm)", id="named"
        ),
        pytest.param("NAME=x\n", "linux", id="without a pretty name"),
        pytest.param(None, "linux", id="no such file"),
    ],
)
def test_the_operating_system_names_itself(tmp_path: Path, content: str | None, name: str) -> None:
    if content is not None:
        (tmp_path / "etc").mkdir()
        (tmp_path / "etc/os-release").write_text(content)
    assert os_name(tmp_path) == name
