"""The gateway beside collectd's modbus plugin and modbus_exporter: the same devices, in turns, in one run."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import gateway_yml, peers
from benchmarks.modbus_devices import POINTS, Devices, age, devices, host
from benchmarks.process import Round, Scraper, cpu_seconds, load, median, percentile, rss_mb
from benchmarks.table import Table, progress

from stack import Service, StackError, free_port, running

DEVICES = 50
INTERVAL = 1.0
SCRAPE_EVERY = 5.0
SETTLING = 5.0
OURS = "greenops-gateway, a range for each point"
EVERY_RULE = "greenops-gateway, range, rate, spike and flat line"
EXPORTER = "modbus_exporter (a scrape: one device)"
FRESH = 2.5
"""Seconds that a value may be old on a page: two intervals, and half of one for a busy machine."""

Values = Callable[[str], Iterator[tuple[int, float]]]


@dataclass
class Candidate:
    """A running program: its process, what pages show all devices and how often, and how a page is read."""

    pid: int
    port: int
    values: Values
    paths: Sequence[str] = ("/metrics",)
    every: float = SCRAPE_EVERY


Start = Callable[[Path, Devices], AbstractContextManager[Candidate]]


def measure(quick: bool) -> Table:  # noqa: FBT001  # every benchmark is called so
    """All programs in turns, round by round; then what ours takes of theirs."""
    rounds, seconds = (1, 10.0) if quick else (3, 40.0)
    found: dict[str, list[Round]] = {name: [] for name in PROGRAMS}
    absent: dict[str, str] = {}
    with devices(DEVICES) as simulated:
        for number in range(rounds):
            for name, start in PROGRAMS.items():
                progress(f"gateway: {name}, round {number + 1} of {rounds}")
                try:
                    with tempfile.TemporaryDirectory() as folder, start(Path(folder), simulated) as candidate:
                        found[name].append(_round(candidate, simulated, seconds))
                except (peers.AbsentError, StackError) as error:
                    if name in {OURS, EVERY_RULE}:
                        raise
                    absent[name] = str(error).replace("\n", " ")
    rows = [_row(name, found[name]) for name in PROGRAMS if found[name]]
    ours, others = rows[:2], rows[2:]
    rows += [_shares(mine, row) for row in others for mine in ours]
    rows += [[f"{name}: not here: {why}", *[""] * 7] for name, why in absent.items()]
    return Table(
        f"{DEVICES} Modbus TCP devices of {POINTS} float32 at {INTERVAL:g} s, /metrics every {SCRAPE_EVERY:g} s; "
        f"median of {rounds} x {seconds:g} s in turns, load {load()}",
        ["program", "CPU, %", "CPU, us a value", "requests/s", "scrape median, ms", "p95, ms", "RSS, MB", "fresh, %"],
        rows,
    )


def _round(candidate: Candidate, simulated: Devices, seconds: float) -> Round:
    scraper = Scraper(candidate.port)
    time.sleep(SETTLING)
    _scrapes(candidate, scraper, candidate.every)
    scraper.took_ms.clear()
    simulated.take()
    began, before = time.monotonic(), cpu_seconds(candidate.pid)
    fresh = _scrapes(candidate, scraper, seconds)
    took, cpu = time.monotonic() - began, cpu_seconds(candidate.pid) - before
    requests = len(simulated.take())
    scraper.close()
    wanted = DEVICES * POINTS
    return Round(took, cpu, rss_mb(candidate.pid), scraper.took_ms, requests, wanted / INTERVAL, 100 * fresh / wanted)


def _scrapes(candidate: Candidate, scraper: Scraper, seconds: float) -> int:
    """Scrape all pages by turns for so long; gives how many values were fresh when fewest were."""
    began, pages = time.monotonic(), len(candidate.paths)
    turns = max(1, int(seconds / candidate.every))
    fresh = [0] * turns
    for place in range(turns * pages):
        at = began + candidate.every * (place + 0.5) / pages
        time.sleep(max(0.0, at - time.monotonic()))
        page = scraper.scrape(candidate.paths[place % pages])
        fresh[place // pages] += sum(age(point, value) <= FRESH for point, value in candidate.values(page))
    time.sleep(max(0.0, began + seconds - time.monotonic()))
    return min(fresh)


def _shares(ours: list[str | float], theirs: list[str | float]) -> list[str | float]:
    # On a busy machine a peer may fall so far behind that nothing on its page is fresh.
    shares: list[str | float] = [
        float(mine) / float(other) if other else "" for mine, other in zip(ours[1:], theirs[1:], strict=True)
    ]
    if theirs[0] == EXPORTER:  # its pages are of one device, ours of all
        shares[3:5] = "", ""
    what = "a range" if ours[0] == OURS else "every rule"
    return [f"ours with {what} / {theirs[0]}", *shares]


def _row(name: str, rounds: list[Round]) -> list[str | float]:
    took = [each for round_ in rounds for each in round_.took_ms]
    return [
        name,
        median(rounds, "cpu_percent"),
        median(rounds, "cpu_us_a_value"),
        median(rounds, "requests_a_second"),
        percentile(took, 50),
        percentile(took, 95),
        median(rounds, "rss_mb"),
        min(each.fresh for each in rounds),
    ]


@contextmanager
def _ours(folder: Path, simulated: Devices, rules: str = "") -> Iterator[Candidate]:
    with gateway_yml.gateway(gateway_yml.write(folder, DEVICES, simulated.port, rules)) as (pid, port):
        yield Candidate(pid, port, gateway_yml.values)


@contextmanager
def _collectd(folder: Path, simulated: Devices) -> Iterator[Candidate]:
    """With one thread that writes, which is the best that it can be set to."""
    found, port = peers.collectd(), free_port()
    lines = [
        f'BaseDir "{folder}"\nPIDFile "{folder}/pid"\nPluginDir "{found.plugins}"\nTypesDB "{found.types}"',
        f"FQDNLookup false\nInterval {INTERVAL:g}\nReadThreads 5\nWriteThreads 1",
        f'LoadPlugin modbus\nLoadPlugin write_prometheus\n<Plugin write_prometheus>\nPort "{port}"\n</Plugin>',
        "<Plugin modbus>",
    ]
    lines += [
        f'<Data "d{point}">\nRegisterBase {2 * point}\nRegisterType float\nType gauge\nInstance "p{point}"\n</Data>'
        for point in range(POINTS)
    ]
    collect = "\n".join(f'Collect "d{point}"' for point in range(POINTS))
    for each in range(DEVICES):
        where = f'Address "{host(each)}"\nPort "{simulated.port}"\nInterval {INTERVAL:g}'
        lines.append(f'<Host "h{each}">\n{where}\n<Slave 1>\nInstance "u"\n{collect}\n</Slave>\n</Host>')
    config = folder / "collectd.conf"
    config.write_text("\n".join([*lines, "</Plugin>", ""]))
    service = Service(
        "collectd", (found.program, "-f", "-C", config), f"http://127.0.0.1:{port}/metrics", found.environment
    )
    with running(service, folder / "log") as process:
        yield Candidate(process.pid, port, _collectd_values)


def _collectd_values(page: str) -> Iterator[tuple[int, float]]:
    for line in page.splitlines():
        if line.startswith("collectd_modbus_gauge{"):
            labels, value, _ = line.rsplit(" ", 2)
            yield int(labels.partition('type="p')[2].partition('"')[0]), float(value)


@contextmanager
def _modbus_exporter(folder: Path, simulated: Devices) -> Iterator[Candidate]:
    """It reads when it is scraped, so each device has a page of its own, which is scraped at the devices' interval."""
    program, port = peers.modbus_exporter(), free_port()
    metrics = "".join(
        f"      - {{name: p{point}, help: p, address: {300000 + 2 * point}, dataType: float32, metricType: gauge}}\n"
        for point in range(POINTS)
    )
    config = folder / "modbus.yml"
    config.write_text(f"modules:\n  - name: m\n    protocol: tcp/ip\n    metrics:\n{metrics}")
    address = f"127.0.0.1:{port}"
    command = (program, f"--config.file={config}", f"--web.listen-address={address}", "--log.level=error")
    with running(Service("modbus_exporter", command, f"http://{address}/metrics"), folder / "log") as process:
        pages = [f"/modbus?target={host(each)}:{simulated.port}&sub_target=1&module=m" for each in range(DEVICES)]
        yield Candidate(process.pid, port, _modbus_exporter_values, pages, INTERVAL)


def _modbus_exporter_values(page: str) -> Iterator[tuple[int, float]]:
    for line in page.splitlines():
        if line.startswith("p"):
            name, _, rest = line.partition("{")
            yield int(name[1:]), float(rest.rpartition(" ")[2])


PROGRAMS: Mapping[str, Start] = {
    OURS: _ours,
    EVERY_RULE: partial(_ours, rules=gateway_yml.EVERY_RULE),
    "collectd modbus": _collectd,
    EXPORTER: _modbus_exporter,
}
