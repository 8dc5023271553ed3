"""The agent's push with a journal: nothing is lost while a receiver, the agent or the disk is not there."""

from __future__ import annotations

import json
import math
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from greenops_agent.configuration import read
from greenops_agent.push import MOST_OWED, Pusher, Spool
from greenops_core.catalogue import HOST_CPU, HOST_MEMORY, POINT_TEMPERATURE
from greenops_core.errors import ConfigError
from greenops_core.sample import Quality, Reason
from greenops_telemetry.delivery.deliver import Delivery
from greenops_telemetry.journal.columns import Columns, Row
from greenops_telemetry.journal.series import described
from greenops_telemetry.journal.store import Bounds, Store
from greenops_telemetry.live import Live
from real_servers import QueryApi, eventually, get
from sink_oracle import Reply, sink_oracle, takes
from stack import Service, free_port, program, running

Series = tuple[tuple[str, str], ...]
"""The labels of a series, with its name, in their order."""


@dataclass(frozen=True, slots=True)
class Host:
    """An agent that pushes five times a second."""

    folder: Path
    sinks: str
    port: int
    size: str = "1MiB"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    @contextmanager
    def up(self) -> Iterator[Callable[[], None]]:
        """It runs while the context lasts; gives what kills it."""
        file = self.folder / "agent.yml"
        file.write_text(
            f"host: office-17\nevery: 200ms\nsinks: {self.sinks}\n"
            f"journal: {{directory: {self.folder}/spool, max_size: {self.size}, segment: 64KiB, every: 200ms}}\n"
        )
        command = (program("greenops-agent"), "run", "--listen", f"127.0.0.1:{self.port}", "--config", file)
        service = Service("agent", command, f"http://127.0.0.1:{self.port}/-/ready")
        with running(service, self.folder / "log") as process:
            yield process.kill

    def shows(self, what: str, sink: str) -> float:
        """The value of ``greenops_push_<what>`` on /metrics; not a number while there is none."""
        found = re.search(
            rf'^greenops_push_{what}{{host="office-17",sink="{sink}"}} (\S+)$',
            get(f"http://127.0.0.1:{self.port}/metrics"),
            re.MULTILINE,
        )
        return float(found[1]) if found else math.nan


def named(name: str, labels: Mapping[str, str]) -> Series:
    return (("__name__", name), *sorted(labels.items()))


def in_files(folder: Path, until: float) -> Counter[tuple[Series, int]]:
    """Series and Unix milliseconds of each sample before *until* that a jsonl sink has written, and how often."""
    lines = [json.loads(line) for file in folder.glob("*.jsonl") for line in file.read_text().splitlines()]
    return Counter((named(one["metric"], one["labels"]), round(1000 * one["at"])) for one in lines if one["at"] < until)


def in_victoria_metrics(receiver: QueryApi, until: float) -> Counter[tuple[Series, int]]:
    """The same of what it has stored."""
    get(f"{receiver.url}/internal/force_flush")
    export = get(f"{receiver.url}/api/v1/export?match[]=%7B__name__=~%22greenops_.%2B%22%7D")
    found: Counter[tuple[Series, int]] = Counter()
    for one in map(json.loads, export.splitlines()):
        series = named(one["metric"].pop("__name__"), one["metric"])
        found.update((series, at) for at in one["timestamps"] if at < 1000 * until)
    return found


def in_the_spool(folder: Path) -> Counter[tuple[Series, int]]:
    """The same of what an agent keeps that does not run."""
    with Store.visit(folder) as store:
        series = {row.series: store.series(row.series) for row in rows(store)}
        return Counter(
            (named(series[row.series].name, dict(series[row.series].labels)), round(1000 * row.at))
            for row in rows(store)
        )


def test_a_server_that_is_down_and_an_agent_that_is_killed_lose_and_double_nothing(
    victoria_metrics: Callable[..., QueryApi], tmp_path: Path
) -> None:
    server, paper = free_port(), tmp_path / "paper"
    plant = f"{{kind: remote_write, url: 'http://127.0.0.1:{server}/api/v1/write'}}"
    host = Host(tmp_path, f"{{plant: {plant}, paper: {{kind: jsonl, directory: {paper}}}}}", free_port())
    with host.up() as kill:
        eventually(lambda: host.shows("pending_samples", "plant") > 200)
        assert host.shows("up", "plant") == 0
        kill()
    killed, kept = time.time(), in_the_spool(tmp_path / "spool").total()
    with host.up():
        eventually(lambda: host.shows("delivered_samples_total", "paper") > kept + 200)
        up = time.time()
        receiver = victoria_metrics(port=server)
        eventually(lambda: in_victoria_metrics(receiver, up) >= in_files(paper, up), patience=60)
        eventually(lambda: host.shows("up", "plant") == 1)
    stored = in_victoria_metrics(receiver, up)
    assert set(stored.values()) == {1}
    assert stored == in_files(paper, up)
    spool = in_the_spool(tmp_path / "spool")
    assert {one: spool[one] for one in stored} == stored
    energy = [at for (series, at) in stored if ("__name__", "greenops_host_energy_joules_total") in series]
    assert min(energy) < 1000 * killed < max(energy)


def test_a_server_that_refuses_for_a_while_gets_everything_once_and_the_new_first(tmp_path: Path) -> None:
    with sink_oracle() as oracle:
        oracle.behaviour = lambda _: Reply(503, "busy")
        host = Host(tmp_path, f"{{plant: {{kind: remote_write, url: '{oracle.url}', version: '1.0'}}}}", free_port())
        with host.up() as kill:
            eventually(lambda: host.shows("pending_samples", "plant") > 200)
            kill()
        owed, asked, restarted = in_the_spool(tmp_path / "spool"), len(oracle.requests), 1000 * time.time()
        assert len(owed) > 200

        def stored() -> Counter[tuple[Series, int]]:
            return Counter((named(told.name, told.labels), told.at) for told in tuple(oracle.stored))

        with host.up():
            eventually(lambda: len(oracle.requests) > asked)
            oracle.behaviour = takes
            eventually(lambda: stored() >= owed, patience=60)
    assert set(stored().values()) == {1}
    assert oracle.stored[0].at >= restarted - 1
    assert "503 Service Unavailable: busy; they are kept and sent later" in host.log


def test_a_sink_that_cannot_be_used_is_told_with_what_to_look_at(tmp_path: Path) -> None:
    with sink_oracle() as oracle:
        oracle.behaviour = lambda _: Reply(401)
        sinks = {
            "password": oracle.url,
            "port": f"http://127.0.0.1:{free_port()}/api/v1/write",
            "name": "http://nowhere.invalid/api/v1/write",
        }
        given = {name: {"kind": "remote_write", "url": url} for name, url in sinks.items()}
        host = Host(tmp_path, json.dumps(given), free_port())
        with host.up():
            eventually(lambda: host.log.count("does not get its samples") == len(sinks))
            time.sleep(0.5)
    for name, told in (
        ("password", "401 Unauthorized; look at the user, the password or the token in basic_auth or headers"),
        ("port", "refuses the connection; is the receiver running, and is the port in url right?"),
        ("name", "look at url and at this machine's DNS"),
    ):
        (line,) = [line for line in host.log.splitlines() if f": {name} does not get its samples" in line]
        assert told in line
    assert "Traceback" not in host.log


def test_a_full_spool_lets_the_oldest_go_and_says_so(tmp_path: Path) -> None:
    host = Host(
        tmp_path, f"{{plant: {{kind: remote_write, url: 'http://127.0.0.1:{free_port()}/w'}}}}", free_port(), "256KiB"
    )
    with Store.open(tmp_path / "spool", Bounds(segment=2**16, size=2**20)) as store:
        for sink in ("plant", "out of use"):
            store.state.account(sink, 1)
        number = store.number(described(HOST_MEMORY, ("office-17",)))
        while store.size < 300 * 2**10:
            store.commit(columns(number, time.time() - 60, 1000))
        filled = store.next - 1
    with host.up():
        evicted = eventually(lambda: (lost := host.shows("evicted_samples_total", "plant")) > 0 and lost)
        assert host.shows("pending_samples", "plant") >= filled - evicted
    assert re.search(r"samples 1 to \d+ deleted: the journal is as large as it may be", host.log)
    with Store.visit(tmp_path / "spool") as store:
        (account,) = store.state.accounts().values()  # that of the sink out of use is closed
        assert (account.sink, account.evicted) == ("plant", store.oldest - 1)
        assert account.evicted >= evicted


def columns(number: int, at: float, count: int) -> Columns:
    """Samples that do not compress."""
    found = Columns()
    for _ in range(count):
        found.add(number, random.random(), at + random.random(), at + random.random(), Quality.GOOD, Reason.NONE)
    return found


def rows(store: Store) -> list[Row]:
    found: list[Row] = []
    while (run := store.read(len(found) + 1, store.next, 10_000)) is not None:
        found += run[1].rows(run[0])
    return found


def looks(store: Store) -> list[float]:
    """At which times the memory of the host was put into *store*."""
    return [row.at for row in rows(store) if store.series(row.series).name == HOST_MEMORY.name]


def test_a_series_that_vanished_is_ended_once(tmp_path: Path) -> None:
    live = Live()
    with Store.open(tmp_path, Bounds()) as store:
        spool = Spool(store)
        live.put(HOST_MEMORY.sample(5, 10.0, host="a"))
        live.put(HOST_CPU.sample(7, 10.0, host="a", mode="user"), expires=25.0)
        for at in (20.0, 30.0, 40.0):
            spool.put(live.snapshot(at), at)
        live.put(HOST_CPU.sample(8, 45.0, host="a", mode="user"))
        spool.put(live.snapshot(50.0), 50.0)
        found = [
            (store.series(row.series).name, row.at, row.value if row.quality is Quality.GOOD else row.reason.value)
            for row in rows(store)
        ]
    memory, processor = HOST_MEMORY.name, HOST_CPU.name
    assert [one for one in found if one[0] == memory] == [(memory, at, 5) for at in (20.0, 30.0, 40.0, 50.0)]
    assert [one for one in found if one[0] == processor] == [
        (processor, 20.0, 7),
        (processor, 30.0, "stale"),
        (processor, 50.0, 8),
    ]


def test_what_the_disk_does_not_take_waits_in_memory_and_the_oldest_of_it_is_dropped_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    live, each = Live(), 5_000
    for point in range(each):
        labels = {"site": "s", "stack": "1", "device": "d", "point": f"p{point}"}
        live.put(POINT_TEMPERATURE.sample(random.random(), 1.0, **labels))
    snapshot = live.snapshot(1.0)
    with Store.open(tmp_path, Bounds(segment=2**16, size=2**16, keep_named=True)) as store:
        spool = Spool(store)
        began = time.time()
        for more in range(12):
            spool.put(snapshot, began + more)
        kept = store.next - 1
        assert 0 < kept < 12 * each
        assert spool.dropped == 12 * each - kept - MOST_OWED
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.startswith(f"{tmp_path} cannot be written: the journal is as large as it may be")


def test_after_a_suspend_one_push_is_due_and_those_missed_are_not_made_up_for(tmp_path: Path) -> None:
    live, clock = Live(), [100.0]
    live.put(HOST_MEMORY.sample(5, 0.0, host="a"))
    with Store.open(tmp_path, Bounds()) as store:
        pusher = Pusher(
            store, Delivery(store, store.state, ()), host="a", every=60.0, slack=2.5, clock=lambda: clock[0]
        )
        pusher.thread.start()
        wall, expected = 1000.0, list[float]()
        for steady, passed, is_due in (
            (0, 0, True),
            (5, 5, False),
            (50, 50, False),
            (4.9, 4.9, True),  # a little early is better than a collection later
            (5, 36_000, False),  # asleep, for which the clock of the host did not run
            (50, 50, False),
            (5, 5, True),
            (600, 600, True),  # stopped, for which it did run
            (5, 5, False),
        ):
            clock[0], wall = clock[0] + steady, wall + passed
            pusher.push(live, wall)
            if is_due:
                expected.append(wall)
                eventually(lambda: looks(store)[-1:] == expected[-1:])
        pusher.end()
        assert looks(store) == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(
            "sinks: {a: {kind: otlp, url: http://c/v1/metrics}}\n",
            ":1: sinks: sinks are sent what the journal keeps; add a section 'journal'",
            id="sinks without a journal",
        ),
        pytest.param(
            "journal: {directory: /tmp}\n",
            ":1: journal: it keeps what sinks are sent; add a section 'sinks', or remove it",
            id="a journal without sinks",
        ),
        pytest.param(
            "sinks: {a: {kind: otlp, url: http://c/v1/metrics}}\njournal: {directory: /tmp, every: 1s}\n",
            ":2: journal.every: 1s is not between 5s (the key 'every') and 5m",
            id="more often than is collected",
        ),
        pytest.param(
            "journal: {directory: /tmp}\nsinks:\n  a: {kind: otlp, url: https://c/v1/metrics, tls: {ca: /no.pem}}\n",
            ":3: sinks.a.tls.ca: ",
            id="a certificate that is not there",
        ),
        pytest.param(
            "journal: {directory: /tmp}\nsinks: {a: {kind: otlp, url: 'http://c'}}\n",
            ":2: sinks.a: url needs the path too",
            id="no path",
        ),
    ],
)
def test_a_wrong_push_is_told_with_its_line(text: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "agent.yml"
    file.write_text(text)
    with pytest.raises(ConfigError) as error:
        read(file, tmp_path, "0.1.0")
    assert f"{file}{told}" in str(error.value)


def test_a_spool_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("no folder")
    host = Host(tmp_path, "{plant: {kind: remote_write, url: 'http://127.0.0.1:1/w'}}", free_port())
    with pytest.raises(Exception, match="ended with code 2"), host.up():
        pass
    assert f"greenops-agent: journal.directory: the journal in {tmp_path}/spool cannot be used: " in host.log
