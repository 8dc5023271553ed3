"""A gateway with a journal: nothing is seen or acknowledged before it is durable, and all is put down in order."""

from __future__ import annotations

import asyncio
import errno
import itertools
import json
import os
import struct
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

import dnp3_peer
from fault_device import Behaviour, Request, fault_device, silent
from greenops_core.address import address
from greenops_core.errors import ConfigError
from greenops_core.sample import Quality, Reason
from greenops_gateway.configuration import load, parse
from greenops_gateway.gateway import Gate, acquiring, running
from greenops_gateway.journal import running as module
from greenops_gateway.journal.running import journalling
from greenops_telemetry.answer import Program
from greenops_telemetry.audit import Audit, evidence
from greenops_telemetry.audit_chain import Record
from greenops_telemetry.audit_proof import records
from greenops_telemetry.exposition import text
from greenops_telemetry.journal import group
from greenops_telemetry.journal.columns import Row
from greenops_telemetry.journal.store import Store
from greenops_telemetry.live import Live
from mqtt_broker import broker
from mqtt_desk import content as message
from mqtt_desk import publisher
from stack import free_port

PROGRAM = Program("greenops-gateway", "1.2.3", "")


class Disk:
    """The disk under the segments: it waits unless *goes*, and *fails* with this number of an error."""

    def __init__(self, patched: pytest.MonkeyPatch) -> None:
        self.goes, self.waits, self.fails = threading.Event(), threading.Event(), 0
        self.goes.set()
        self._sync = os.fdatasync
        patched.setattr(os, "fdatasync", self._fdatasync)

    def _fdatasync(self, file: int) -> None:
        if "/segments/" in str(Path(f"/proc/self/fd/{file}").readlink()):
            if not self.goes.is_set():
                self.waits.set()
                assert self.goes.wait(20)
            if self.fails:
                raise OSError(self.fails, os.strerror(self.fails))
        self._sync(file)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """That of this process; one that fails is tried again soon, and one that waits is never given up."""
    monkeypatch.setattr(group, "RETRY", 0.05)
    monkeypatch.setattr(group, "SLOW", 60.0)
    return Disk(monkeypatch)


def counting() -> Behaviour:
    """Each answer is one higher than that before, from 1."""
    numbers = itertools.count(1)

    async def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(request.answered(struct.pack(">BBH", request.function, 2, next(numbers))))

    return behave


def content(folder: Path, port: int, **sinks: object) -> dict[str, Any]:
    """A Modbus device with one point, polled ten times a second, and a journal below *folder*."""
    point = {"name": "x", "at": 7, "unit": "mg/m3"}
    device = {"name": "d", "link": "l", "unit": 1, "stack": "s", "poll": "100ms", "stale_after": "1m"}
    return {
        "site": "plant",
        "links": {"l": {"protocol": "modbus", "host": "127.0.0.1", "port": port, "timeout": "300ms"}},
        "devices": [device | {"points": [point]}],
        "journal": {"directory": str(folder / "journal")},
        "sinks": sinks,
    }


def files(folder: Path, name: str) -> dict[str, str]:
    return {"kind": "jsonl", "directory": str(folder / name)}


@asynccontextmanager
async def at_work(raw: dict[str, Any]) -> AsyncIterator[tuple[Gate, Live]]:
    config, live = parse(raw, Path()), Live()
    assert config.journal is not None
    async with (
        journalling(config.journal, config.site, live, PROGRAM) as journal,
        acquiring(config, live, journal=journal) as gate,
    ):
        yield gate, live


async def so(holds: Callable[[], object]) -> None:
    """Wait until it is."""
    for _ in range(1500):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never was so")


def shown(gate: Gate) -> float | None:
    value = gate.intakes()[0].value
    return None if value is None else value[0]


def kept(folder: Path) -> list[Row]:
    """All samples of the journal below *folder*, which is at rest."""
    rows: list[Row] = []
    with closing(Store.visit(folder / "journal")) as store:
        while (run := store.read(len(rows) + 1, store.next, 10_000)) is not None:
            rows += run[1].rows(run[0])
        assert len(rows) == store.next - 1
    return rows


def sent(folder: Path, name: str) -> list[int]:
    """The sequences in the files of the sink *name*, as they stand there."""
    lines = (line for file in sorted((folder / name).glob("*.jsonl")) for line in file.read_text().splitlines())
    return [json.loads(line)["sequence"] for line in lines]


def told(folder: Path) -> list[Record]:
    return list(records(evidence(folder / "journal" / "audit").log))


def metrics(live: Live, start: str) -> dict[str, float]:
    """Values by what follows *start* of the name, and the sink."""
    found = {}
    for line in text(live.page(1e10)).decode().splitlines():
        if line.startswith(start):
            name, _, value = line.rpartition(" ")
            stem, _, labels = name.removeprefix(start).partition("{")
            sink = labels.partition('sink="')[2].partition('"')[0]
            found[f"{stem} {sink}".strip()] = float(value)
    return found


async def test_a_value_is_shown_once_it_is_durable_and_a_slow_disk_slows_no_poll(tmp_path: Path, disk: Disk) -> None:
    async with fault_device(counting()) as device, at_work(content(tmp_path, device.port)) as (gate, _):
        await so(lambda: shown(gate))
        disk.goes.clear()
        await so(disk.waits.is_set)
        before, asked = shown(gate), len(device.requests)
        await so(lambda: len(device.requests) > asked + 5)
        assert shown(gate) == before
        disk.goes.set()
        await so(lambda: (shown(gate) or 0) > asked + 5)
    values = [row.value for row in kept(tmp_path)]
    assert values == [number + 1.0 for number in range(len(values))]
    assert values[-1] > asked + 5


async def test_what_a_failing_disk_does_not_take_is_shown_and_taken_later(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EVERY", 0.02)
    async with fault_device(counting()) as device, at_work(content(tmp_path, device.port)) as (gate, live):
        await so(lambda: shown(gate))
        disk.fails = errno.EIO
        await so(lambda: metrics(live, "greenops_journal_").get("failing") == 1)
        before = shown(gate) or 0
        await so(lambda: (shown(gate) or 0) > before + 3)
        disk.fails = 0
        await so(lambda: metrics(live, "greenops_journal_")["failing"] == 0)
        assert metrics(live, "greenops_journal_")["dropped_samples_total"] == 0
    values = [row.value for row in kept(tmp_path)]
    assert values == [number + 1.0 for number in range(len(values))]
    assert values[-1] > before + 3


async def test_mqtt_is_acknowledged_after_the_commit_and_else_sent_again(
    tmp_path: Path, disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    raw = content(tmp_path, 0)
    device = {"name": "d", "link": "l", "stack": "s", "topic": "cems", "qos": 1, "time": {"path": "ts"}}
    raw["devices"] = [device | {"poll": "1m", "points": [{"name": "v", "unit": "1", "path": "v"}]}]
    with broker(tmp_path / "mosquitto") as mosquitto, publisher(mosquitto.port) as publish:
        raw["links"]["l"] = {"protocol": "mqtt", "host": "127.0.0.1", "port": mosquitto.port, "client_id": "ours"}

        def acknowledged() -> int:
            return mosquitto.log.count("Received PUBACK from ours")

        async with at_work(raw) as (gate, _):
            await so(lambda: "Sending SUBACK to ours" in mosquitto.log)
            publish("cems", message(1))
            await so(lambda: acknowledged() == 1 and shown(gate) == 1)
            disk.fails = errno.EIO
            for number in (2, 3, 4):
                publish("cems", message(number))
            await so(lambda: mosquitto.log.count("Sending PUBLISH to ours") >= 1 + 3 + 3)
            assert acknowledged() == 1
            assert shown(gate) in {1, None}
            disk.fails = 0
            await so(lambda: acknowledged() == 4 and shown(gate) == 4)
    assert "nothing is acknowledged: the journal cannot be written: Input/output error" in caplog.text
    values = [row.value for row in kept(tmp_path) if row.quality is not Quality.BAD]
    assert values == [1, 2, 3, 4]


async def test_dnp3_is_confirmed_after_the_commit_and_else_sent_again(
    tmp_path: Path, disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    raw = content(tmp_path, 0)
    point = {"name": "p", "kind": "analog", "index": 0, "unit": "mg/m3"}
    device = {"name": "d", "link": "l", "stack": "s", "address": dnp3_peer.ADDRESS, "poll": "1s", "stale_after": "1m"}
    raw["devices"] = [device | {"points": [point]}]
    async with dnp3_peer.simulated() as outstation:
        station = outstation.station
        raw["links"]["l"] = {"protocol": "dnp3", "host": "127.0.0.1", "port": outstation.port}
        async with at_work(raw) as (gate, _):
            await so(lambda: shown(gate) == 0.25)
            disk.fails = errno.EIO
            outstation.update(0, 77.5)
            await so(lambda: "nothing is acknowledged" in caplog.text)
            assert (station.confirmed, station.database.event_buffer.total_count) == (0, 1)
            disk.fails = 0
            await so(lambda: station.confirmed == 1 and shown(gate) == 77.5)
            assert station.database.event_buffer.total_count == 0
    assert 77.5 in {row.value for row in kept(tmp_path)}


async def test_that_a_point_has_no_value_any_more_is_kept_in_its_place_and_shown(tmp_path: Path) -> None:
    async with fault_device(counting()) as device, at_work(content(tmp_path, device.port)) as (gate, _):
        await so(lambda: shown(gate))
        behaviour, device.behaviour = device.behaviour, silent
        await so(lambda: shown(gate) is None)
        assert gate.intakes()[0].reason is Reason.COMMUNICATION
        device.behaviour = behaviour
        await so(lambda: shown(gate))
    rows = kept(tmp_path)
    course = [key for key, _ in itertools.groupby((row.quality, row.reason) for row in rows)]
    good, lost = (Quality.GOOD, Reason.NONE), (Quality.BAD, Reason.COMMUNICATION)
    assert course == [good, lost, good]
    assert [row.at for row in rows] == sorted(row.at for row in rows)


async def test_a_reload_changes_sinks_without_a_hole_and_the_audit_log_says_who_asked(tmp_path: Path) -> None:
    path, port = tmp_path / "gateway.yml", free_port()
    async with fault_device(counting()) as device:

        def write(*names: str) -> None:
            raw = content(tmp_path, device.port, **{name: files(tmp_path, name) for name in names})
            path.write_text(yaml.safe_dump(raw), encoding="utf-8")

        def has(name: str) -> bool:
            return len(sent(tmp_path, name)) > len(before)

        write("a")
        async with running(load(path), address(f"127.0.0.1:{port}"), partial(load, path)) as reload:
            before: list[int] = []
            await so(lambda: has("a"))
            write("a", "b")
            assert isinstance(asked := reload(), asyncio.Task)
            assert await asked == ["sink b: added"]
            before = sent(tmp_path, "a")
            await so(lambda: has("a") and has("b"))
            write("b")
            async with (
                aiohttp.ClientSession() as session,
                session.post(f"http://127.0.0.1:{port}/-/reload") as reply,
            ):
                assert await reply.text() == "sink a: removed; it is owed what it has not got\n"
            before = sent(tmp_path, "b")
            await so(lambda: has("b"))
            write("a", "b")
            assert isinstance(asked := reload(), asyncio.Task)
            assert await asked == ["sink a: added"]
            before = sent(tmp_path, "b")
            await so(lambda: has("a") and has("b"))
    for name in ("a", "b"):
        assert sorted(sent(tmp_path, name)) == list(range(1, len(sent(tmp_path, name)) + 1))
    assert [(record.kind, record.who) for record in told(tmp_path)] == [
        ("start", "gateway"),
        ("configuration", "gateway"),
        ("configuration", "SIGHUP"),
        ("configuration", "POST /-/reload"),
        ("configuration", "SIGHUP"),
        ("stop", "gateway"),
    ]
    taken = [record.what for record in told(tmp_path)[1:5]]
    assert taken[1]["sinks"] == ["sink b: added"]
    (kept_as,) = {what["hash"] for what in taken}
    assert (tmp_path / "journal" / "configurations" / f"{kept_as}.json").exists()


async def test_another_journal_needs_a_restart_and_one_in_use_is_refused_in_words(tmp_path: Path) -> None:
    raw = content(tmp_path, free_port())
    async with at_work(raw) as (gate, _):
        elsewhere = raw | {"journal": {"directory": str(tmp_path / "other")}}
        for change in (elsewhere, {key: raw[key] for key in raw if key not in {"journal", "sinks"}}):
            with pytest.raises(ConfigError, match="journal: cannot be changed while the gateway runs; restart it"):
                await gate.take(parse(change, Path()))
        with pytest.raises(ConfigError, match=f"is written by process {os.getpid()}; stop that first"):
            async with at_work(raw):
                pass
    assert not (tmp_path / "other").exists()


async def test_no_secret_comes_into_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {"LINK_WORD": "swordfish-1", "SINK_WORD": "swordfish-2", "HEAD_WORD": "swordfish-3"}
    for name, secret in secrets.items():
        monkeypatch.setenv(name, secret)
    nobody = f"http://127.0.0.1:{free_port()}"
    sinks = {
        "one": {
            "kind": "remote_write",
            "url": f"{nobody}/api/v1/write",
            "basic_auth": {"user": "u", "password": "env:SINK_WORD"},
        },
        "two": {"kind": "otlp", "url": f"{nobody}/v1/metrics", "headers": {"x-token": "env:HEAD_WORD"}},
    }
    async with fault_device(counting()) as device:
        raw = content(tmp_path, device.port, **sinks)
        raw["links"]["m"] = {"protocol": "mqtt", "host": "127.0.0.1", "port": free_port()}
        raw["links"]["m"] |= {"user": "u", "password": "env:LINK_WORD"}
        points = [{"name": "v", "unit": "1", "path": "v"}]
        raw["devices"].append({"name": "e", "link": "m", "stack": "s", "topic": "t", "points": points})
        async with at_work(raw) as (gate, _):
            await so(lambda: shown(gate))
    written = [path for path in (tmp_path / "journal").rglob("*") if path.is_file()]
    assert {"audit.jsonl", "state.db"} <= {path.name for path in written}
    assert [path for path in written for secret in secrets.values() if secret.encode() in path.read_bytes()] == []


async def test_the_metrics_say_what_became_of_every_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY", 0.02)
    dead = {"kind": "remote_write", "url": f"http://127.0.0.1:{free_port()}/api/v1/write"}
    async with fault_device(counting()) as device:
        raw = content(tmp_path, device.port, archive=files(tmp_path, "archive"), dead=dead)
        async with at_work(raw) as (gate, live):
            await so(lambda: metrics(live, "greenops_delivery_").get("retries_total dead"))
            device.behaviour = silent
            await so(lambda: metrics(live, "greenops_delivery_").get("pending_samples archive") == 0)
            await so(lambda: (now := metrics(live, "greenops_delivery_"))["delay_seconds dead"] > 0 and now)
            now, whole = metrics(live, "greenops_delivery_"), metrics(live, "greenops_journal_")
            count = whole["samples_total"]
            assert count > 0
            assert whole["size_bytes"] > 0
            assert whole["size_limit_bytes"] == 10 * 2**30
            assert (whole["failing"], whole["dropped_samples_total"], whole["damages_total"]) == (0, 0, 0)
            for sink, got in (("archive", count), ("dead", 0)):
                parts = ("delivered_samples_total", "pending_samples", "quarantined_samples", "evicted_samples_total")
                assert [now[f"{part} {sink}"] for part in parts] == [got, count - got, 0, 0]
                assert now[f"committed_samples_total {sink}"] == count
                assert now[f"unaccounted_samples {sink}"] == 0
                assert now[f"up {sink}"] == (sink == "archive")
                assert now[f"requests_total {sink}"] > 0
            del raw["sinks"]["dead"]
            await gate.take(parse(raw, Path()))
            await so(lambda: "up dead" not in metrics(live, "greenops_delivery_"))
            assert metrics(live, "greenops_delivery_")["pending_samples dead"] >= count
    assert len(sent(tmp_path, "archive")) >= count


async def test_a_configuration_that_cannot_be_put_down_keeps_nobody_from_starting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / "configurations").write_text("")
    async with fault_device(counting()) as device, at_work(content(tmp_path, device.port)) as (gate, _):
        await so(lambda: shown(gate))
    assert "no sample can be traced beyond that" in caplog.text
    assert kept(tmp_path)


async def test_a_day_on_which_nothing_happens_gets_its_anchor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    anchored = threading.Event()
    monkeypatch.setattr(module, "ANCHOR_EVERY", 0.01)
    monkeypatch.setattr(Audit, "anchor", lambda _: anchored.set())
    async with at_work(content(tmp_path, free_port())):
        await so(anchored.is_set)
