"""Takes the pictures of the journal's board across a real outage: 600 points a second, three sinks, one of them away.

    .venv/bin/python dashboards/preview/outage.py --dest docs/pictures/outage

A simulated plant, the gateway, Prometheus and VictoriaMetrics run on free ports, with all data in a temporary folder.
VictoriaMetrics ends after --before seconds, is away for --away, and the pictures are taken --after it came back.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "deploy" / "local"))

from stack import Service, StackError, free_port, program, running, server  # noqa: E402  # a script's folders come first

HOST = "127.0.0.1"
DEVICES, POINTS = 6, 100
SCRAPE = "2s"
PROFILE = "outage"


def written(folder: Path, device: int, receivers: dict[str, int]) -> Path:
    """gateway.yml in *folder*, for a bus at port *device* and *receivers* by name and port; its path."""
    points = [{"name": f"p{each}", "at": 2 * each, "unit": "mg/m3"} for each in range(POINTS)]
    profile = {
        "protocol": "modbus",
        "about": {"title": PROFILE, "maker": "none", "source": "none"},
        "address_style": "zero",
        "defaults": {"table": "holding", "type": "f32"},
        "points": points,
    }
    common = {"link": "bus", "stack": "stack-1", "poll": "1s", "profile": PROFILE}
    sinks = {
        name: {"kind": "remote_write", "url": f"http://{HOST}:{port}/api/v1/write"} for name, port in receivers.items()
    }
    config = {
        "site": "plant1",
        "links": {"bus": {"protocol": "modbus", "host": HOST, "port": device}},
        "devices": [{"name": f"analyser-{unit}", "unit": unit, **common} for unit in range(1, DEVICES + 1)],
        "journal": {"directory": str(folder / "journal"), "max_size": "1GiB"},
        "sinks": {**sinks, "archive": {"kind": "jsonl", "directory": str(folder / "samples")}},
    }
    (folder / "profiles").mkdir()
    (folder / "profiles" / f"{PROFILE}.yaml").write_text(json.dumps(profile), encoding="utf-8")  # JSON is YAML
    file = folder / "gateway.yml"
    file.write_text(json.dumps(config), encoding="utf-8")
    return file


def prometheus(folder: Path, port: int, gateway: str) -> Service:
    """Prometheus that scrapes *gateway*, and takes what it is sent."""
    config = {
        "global": {"scrape_interval": SCRAPE, "scrape_timeout": SCRAPE},
        "storage": {"tsdb": {"out_of_order_time_window": "1h"}},
        "scrape_configs": [{"job_name": "gateway", "static_configs": [{"targets": [gateway]}]}],
    }
    file = folder / "prometheus.yml"
    file.write_text(json.dumps(config), encoding="utf-8")
    where = [f"--config.file={file}", f"--storage.tsdb.path={folder / 'prometheus'}"]
    command: list[str | Path] = [
        server("prometheus"),
        *where,
        f"--web.listen-address={HOST}:{port}",
        "--web.enable-remote-write-receiver",
    ]
    return Service("prometheus", command, f"http://{HOST}:{port}/-/ready")


def plant(config: Path, gateway: str) -> list[Service]:
    """The simulated devices of *config*, and the gateway at *gateway*."""
    control = f"{HOST}:{free_port()}"
    run: list[str | Path] = [program("greenops-gateway"), "run", "--config", config, "--listen", gateway]
    simulate: list[str | Path] = [program("greenops-gateway"), "simulate", config, "--control", control]
    return [
        Service("simulator", simulate, f"http://{control}/scenario"),
        Service("gateway", run, f"http://{gateway}/-/healthy"),
    ]


def outage(folder: Path, arguments: argparse.Namespace) -> int:
    """Run it all, and take the pictures; their exit code."""
    gateway, modbus, ports = f"{HOST}:{free_port()}", free_port(), {"prometheus": free_port(), "victoria": free_port()}
    config = written(folder, modbus, ports)
    where = [f"-storageDataPath={folder / 'victoria'}", f"-httpListenAddr={HOST}:{ports['victoria']}"]
    victoria = Service("victoria", [server("victoria-metrics"), *where], f"http://{HOST}:{ports['victoria']}/health")
    with ExitStack() as stack:
        for service in (prometheus(folder, ports["prometheus"], gateway), *plant(config, gateway)):
            stack.enter_context(running(service, folder / f"{service.name}.log"))
        with running(victoria, folder / "victoria.log"):
            say(f"all is well for {arguments.before} s")
            time.sleep(arguments.before)
        say(f"victoria is away for {arguments.away} s")
        time.sleep(arguments.away)
        with running(victoria, folder / "victoria.log"):
            say(f"victoria is back; pictures in {arguments.after} s")
            time.sleep(arguments.after)
            seconds = arguments.before + arguments.away + arguments.after
            span = ["--scrape", SCRAPE, "--range", f"{seconds}s", "--to", f"{time.time():.0f}"]
            about = [*span, "--prometheus", f"http://{HOST}:{ports['prometheus']}"]
            board = ROOT / "dashboards" / "json" / "journal.json"
            take = [sys.executable, str(HERE / "take.py"), *about, "--dest", str(arguments.dest), str(board)]
            return subprocess.run(take, check=False).returncode


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    options.add_argument("--dest", type=Path, default=Path("docs/pictures/outage"), help="default: %(default)s")
    for name, length in (("before", 180), ("away", 120), ("after", 110)):
        options.add_argument(f"--{name}", type=int, default=length, metavar="SECONDS", help="default: %(default)s")
    arguments = options.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="greenops-outage-") as folder:
            return outage(Path(folder), arguments)
    except StackError as error:
        say(f"error: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
