"""gateway.yml for the benchmarks: many devices of one profile, every point with a range, or with every quality rule."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.modbus_devices import POINTS, host

from stack import Service, free_port, program, running

NAME = "benchmark"
METRIC = "greenops_point_concentration_mg_per_m3"


EVERY_RULE = ", rate: 1000, spike: {}, flat_line: {after: 1m}"


def write(folder: Path, count: int, port: int, rules: str = "", more: str = "") -> Path:
    """A file for *count* Modbus TCP devices of 100 float32 on *port*; gives its path.

    Beside a point's range stand *rules*, at the end of the file *more* sections.
    """
    (folder / "profiles").mkdir(parents=True, exist_ok=True)
    lines = [
        "protocol: modbus",
        f"about: {{title: {NAME}, maker: none, source: none}}",
        "address_style: zero",
        "defaults: {table: holding, type: f32}",
        "points:",
        *(
            f"  - {{name: p{point}, at: {2 * point}, unit: mg/m3, range: [0, 1000000]{rules}}}"
            for point in range(POINTS)
        ),
    ]
    (folder / "profiles" / f"{NAME}.yaml").write_text("\n".join([*lines, ""]))
    lines = [
        "site: plant",
        "links:",
        *(f"  l{each}: {{protocol: modbus, host: {host(each)}, port: {port}}}" for each in range(count)),
        "devices:",
        *(f"  - {{name: d{each}, link: l{each}, stack: s, poll: 1s, profile: {NAME}}}" for each in range(count)),
    ]
    file = folder / "gateway.yml"
    file.write_text("\n".join([*lines, more]))
    return file


def values(page: str) -> Iterator[tuple[int, float]]:
    """Point and value of each line of the points of ``write``."""
    for line in page.splitlines():
        if line.startswith(METRIC):
            labels, _, value = line.rpartition(" ")
            yield int(labels.rpartition('point="p')[2][:-2]), float(value)


@contextmanager
def gateway(config: Path) -> Iterator[tuple[int, int]]:
    """The gateway at work on *config*: its process id and its port.

    Raises:
        StackError: it does not start.
    """
    address = f"127.0.0.1:{(port := free_port())}"
    command = (program("greenops-gateway"), "run", "--config", config, "--listen", address)
    with ExitStack() as stack:
        service = Service("greenops-gateway", command, f"http://{address}/-/healthy")
        process = stack.enter_context(running(service, config.with_suffix(".log")))
        yield process.pid, port
