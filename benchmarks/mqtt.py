"""QoS 1 messages of 133 bytes of JSON from a real broker: our gateway, and paho with json alone."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gateway_yml import METRIC, gateway
from benchmarks.mqtt_publisher import FIRST, SIZE, TOPICS, VALUES
from benchmarks.process import Scraper, cpu_seconds, load, rss_mb
from benchmarks.table import Table, progress

from stack import Service, StackError, free_port, running, server

HERE = Path(__file__).parent
PACED = 10_000
IN_FLIGHT = 100
PATIENCE = 60.0
SAMPLES = "greenops_device_samples_total{"
NAMES = "abcdefgh"[:VALUES]


@dataclass
class Subscriber:
    """A running program, when it has the message of a number, and how many it took in all."""

    pid: int
    has: Callable[[int], bool]
    count: Callable[[], float]


@dataclass(frozen=True)
class Run:
    """What *count* messages took: processor time in microseconds for each, and seconds from the first to the last."""

    count: int
    cpu_us: float
    seconds: float
    lost: float
    rss_mb: float


Start = Callable[[Path, int], AbstractContextManager[Subscriber]]


def measure(quick: bool) -> Table:  # noqa: FBT001  # every benchmark is called so
    """Both in turns, paced and as fast as they can."""
    rounds, seconds = (1, 4) if quick else (3, 15)
    runs: dict[tuple[str, str], list[Run]] = {}
    for number in range(rounds):
        for how, rate in ((f"paced {PACED}/s", PACED), ("saturated", 0)):
            for name, start in PROGRAMS.items():
                progress(f"mqtt: {name}, {how}, round {number + 1} of {rounds}")
                with (
                    tempfile.TemporaryDirectory() as folder,
                    _broker(Path(folder)) as port,
                    start(Path(folder), port) as subscriber,
                ):
                    runs.setdefault((how, name), []).append(_run(subscriber, port, PACED * seconds, rate))
    rows = [[f"{name}, {how}", *_numbers(found)] for (how, name), found in runs.items()]
    for mine, theirs in zip(rows[::2], rows[1::2], strict=True):
        shares = [float(mine[place]) / float(theirs[place]) for place in (1, 2)]
        rows.append([f"ours / {theirs[0]}", *shares, "", float(mine[4]) / float(theirs[4])])
    return Table(
        f"mosquitto, QoS 1, {SIZE} bytes of JSON with {VALUES} values, {TOPICS} topics, {IN_FLIGHT} in flight, "
        f"{PACED * seconds} messages; median of {rounds} rounds in turns, load {load()}",
        ["subscriber", "CPU, us a message", "messages/s", "lost", "RSS, MB"],
        rows,
    )


def _numbers(runs: list[Run]) -> list[str | float]:
    return [
        statistics.median(run.cpu_us for run in runs),
        statistics.median(run.count / run.seconds for run in runs),
        sum(run.lost for run in runs),
        statistics.median(run.rss_mb for run in runs),
    ]


def _run(subscriber: Subscriber, port: int, count: int, rate: int) -> Run:
    """Raises StackError: the last message never came."""
    before = cpu_seconds(subscriber.pid)
    began = time.monotonic()
    command = (sys.executable, HERE / "mqtt_publisher.py", str(port), str(count), str(rate))
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=10 * PATIENCE)
    while not subscriber.has(count - 1):
        if time.monotonic() - began > 10 * PATIENCE:
            raise StackError(f"the last of {count} messages did not come")
        time.sleep(0.1)
    seconds = time.monotonic() - began
    cpu, memory = cpu_seconds(subscriber.pid) - before, rss_mb(subscriber.pid)
    time.sleep(1.5)  # counters are told once a second
    return Run(count, 1e6 * cpu / count, seconds, count - subscriber.count(), memory)


@contextmanager
def _broker(folder: Path) -> Iterator[int]:
    port = free_port()
    config = folder / "mosquitto.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nlog_dest none\n"
        f"max_queued_messages 0\nmax_inflight_messages {IN_FLIGHT}\nuser root\n"
    )
    with running(Service("mosquitto", (server("mosquitto"), "-c", config), f"tcp://127.0.0.1:{port}"), folder / "log"):
        yield port


@contextmanager
def _ours(folder: Path, broker: int) -> Iterator[Subscriber]:
    (folder / "profiles").mkdir()
    (folder / "profiles" / "benchmark.yaml").write_text(
        "protocol: mqtt\nabout: {title: benchmark, maker: none, source: none}\n"
        "time: {path: t, format: unix_ms}\npoll: 1s\npoints:\n"
        + "".join(f"  - {{name: {name}, path: {name}, unit: mg/m3, range: [0, 1000000]}}\n" for name in NAMES)
    )
    config = folder / "gateway.yml"
    config.write_text(
        f"site: plant\nlinks:\n  broker: {{protocol: mqtt, host: 127.0.0.1, port: {broker}, version: 3.1.1}}\n"
        "devices:\n"
        + "".join(
            f"  - {{name: d{each}, link: broker, stack: s, topic: plant/{each}, profile: benchmark}}\n"
            for each in range(TOPICS)
        )
    )
    with gateway(config) as (pid, port):
        scraper = Scraper(port)
        time.sleep(1.0)  # subscribed, and settled

        def has(number: int) -> bool:
            wanted = f"{FIRST + number % 800_000}.25"
            device = f'device="d{number % TOPICS}",point="{NAMES[-1]}"'
            return any(
                line.startswith(METRIC) and device in line and line.endswith(wanted)
                for line in scraper.scrape().splitlines()
            )

        def count() -> float:
            counts = (line.rpartition(" ") for line in scraper.scrape().splitlines() if line.startswith(SAMPLES))
            return sum(float(value) for labels, _, value in counts if 'quality="good"' in labels) / VALUES

        yield Subscriber(pid, has, count)
        scraper.close()


@contextmanager
def _paho(_folder: Path, broker: int) -> Iterator[Subscriber]:
    command = (sys.executable, str(HERE / "mqtt_paho.py"), str(broker))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        stdin, stdout = process.stdin, process.stdout
        if stdin is None or stdout is None or stdout.readline() != "ready\n":
            raise StackError("paho's subscriber does not start")

        def count() -> float:
            stdin.write("count\n")
            stdin.flush()
            return float(stdout.readline())

        try:
            yield Subscriber(process.pid, lambda number: count() > number, count)
        finally:
            process.kill()


PROGRAMS: Mapping[str, Start] = {"greenops-gateway": _ours, "paho and json": _paho}
