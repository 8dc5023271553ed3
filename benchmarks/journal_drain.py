"""How fast a backlog goes to a real VictoriaMetrics while the gateway reads its devices, and how late new samples are.

The receiver's account in the journal is read by another process, this one: it costs the gateway nothing.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import gateway_yml, journal_files
from benchmarks.modbus_devices import POINTS, Devices, devices
from benchmarks.process import cpu_seconds, rss_mb
from benchmarks.table import Rows, progress

from greenops_telemetry.journal.account import Account
from greenops_telemetry.journal.store import Store
from stack import Service, StackError, free_port, running, server

DEVICES = 10
LIVE = DEVICES * POINTS
SINK = "receiver"
WAYS = {"remote write": ("remote_write", "/api/v1/write"), "OTLP": ("otlp", "/opentelemetry/v1/metrics")}
LOOK_EVERY = 0.05
PATIENCE = 30.0
AIM = 50_000
OUTAGE_ENDED = 60.0
"""Seconds before the gateway starts."""


@dataclass(frozen=True, slots=True)
class Drain:
    """How a backlog went: samples a second, of the processor's time us a sample, MB, and seconds that new ones wait."""

    rate: float
    cpu_us: float
    rss_mb: float
    late_s: float


def rows(quick: bool) -> Rows:  # noqa: FBT001  # as ``measure`` is called
    """Both ways to send, one after the other."""
    samples = 1_000_000 if quick else 10_000_000
    found: Rows = []
    with devices(DEVICES) as simulated, tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "made"
        following = journal_files.committed(made, samples, time.time() - OUTAGE_ENDED)
        for name, (kind, path) in WAYS.items():
            progress(f"journal: a backlog by {name}")
            with _gateway(Path(folder) / kind, made, simulated, kind, path) as (pid, journal):
                drain = _drained(pid, journal, following)
            what = f"{following - 1} samples by {name} to VictoriaMetrics"
            found += [
                [f"{what}: drain", drain.rate, "samples/s", "aim", AIM],
                [f"{what}: in units of the live rate", drain.rate / LIVE, "", "aim", 20],
                [f"{what}: gateway, CPU", drain.cpu_us, "us a sample"],
                [f"{what}: resident memory, most", drain.rss_mb, "MB", "aim, below", 157],
                [f"{what}: new samples are late, most", drain.late_s, "s", "aim, below", 2],
            ]
    return found


def _drained(pid: int, journal: Path, following: int) -> Drain:
    """Watch until all before *following* have gone."""
    looks: list[tuple[float, int]] = []
    began, before, samples, memory = 0.0, 0.0, 0, 0.0
    with Store.visit(journal) as store:
        while True:
            account = _account(store)
            now = time.time()
            pending = sum(stop - start for start, stop in account.done.missing(account.start, following))
            if not began:
                began, before, samples = now, cpu_seconds(pid), pending
            looks.append((now, _first_missing(account, following)))
            memory = max(memory, rss_mb(pid))
            if not pending:
                break
            if now > began + samples / 1000 + PATIENCE:
                raise StackError(f"{pending} of {samples} samples have not gone after {now - began:.0f} s")
            time.sleep(LOOK_EVERY)
        took, cpu = looks[-1][0] - began, cpu_seconds(pid) - before
    return Drain(samples / took, cpu / samples * 1e6, memory, _latest(journal, looks))


def _account(store: Store) -> Account:
    """What the receiver has."""
    deadline = time.monotonic() + PATIENCE
    while (account := store.state.accounts().get(SINK)) is None:
        if time.monotonic() > deadline:
            raise StackError(f"the gateway has opened no account after {PATIENCE:g} s")
        time.sleep(LOOK_EVERY)
    return account


def _first_missing(account: Account, following: int) -> int:
    """The oldest new sample that has not gone."""
    return next(account.done.missing(following, 2**62))[0]


def _latest(journal: Path, looks: list[tuple[float, int]]) -> float:
    """How old the oldest new sample that had not gone was at most, of all looks; seconds."""
    received = {}
    with Store.visit(journal) as store:
        reader = store.reader()
        for sequence in sorted({sequence for _, sequence in looks}):
            run = reader.read(sequence, sequence + 1, 1)
            if run is not None:
                received[sequence] = run[1].received[0]
        reader.close()
    return max(at - received.get(sequence, at) for at, sequence in looks)


@contextmanager
def _gateway(folder: Path, made: Path, simulated: Devices, kind: str, path: str) -> Iterator[tuple[int, Path]]:
    """A gateway at work with a copy of the journal *made*: its process, and that journal."""
    folder.mkdir()
    journal = shutil.copytree(made, folder / "journal")
    with receiving(folder) as url:
        sink = f"{SINK}: {{kind: {kind}, url: '{url}{path}'}}"
        more = f"journal: {{directory: {journal}}}\nsinks: {{{sink}}}\n"
        with gateway_yml.gateway(gateway_yml.write(folder, DEVICES, simulated.port, more=more)) as (pid, _):
            yield pid, journal
    shutil.rmtree(folder)


@contextmanager
def receiving(folder: Path) -> Iterator[str]:
    """VictoriaMetrics with its data below *folder*; its URL. Raises StackError: it does not start."""
    address = f"127.0.0.1:{free_port()}"
    data = folder / "data"
    command = (
        server("victoria-metrics"),
        f"-storageDataPath={data}",
        f"-httpListenAddr={address}",
        "-retentionPeriod=1",
    )
    url = f"http://{address}"
    with running(Service("victoria-metrics", command, f"{url}/health"), folder / "victoria-metrics.log"):
        yield url
