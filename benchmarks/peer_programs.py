"""Programs that carry samples from a source to a receiver, each set up as its documents say where none may be lost.

All poll every second, give the source a second and the receiver ten; where a pause between tries can be set, it is
five seconds at most. What is not on this machine and in no package archive is named by the environment.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml
from benchmarks.peer_source import TAGS, UNITS
from benchmarks.peers import FOLDER, AbsentError, collectd

from archive import Apt, SetupError, machine_sources, this_release
from servers import owned
from stack import StackError, free_port, program, server

POLL = 1.0
ANSWER = 1.0
"""Seconds that a program waits for the source."""
TIMEOUT = 10
PAUSE = 5
OTELCOL = "GREENOPS_OTELCOL"
THINGSBOARD = "GREENOPS_THINGSBOARD"


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a program finds the source's pages, its Modbus devices, and the receiver, all on loopback."""

    pages: int
    modbus: int
    receiver: int


@dataclass(frozen=True, slots=True)
class Start:
    """A command, run in the folder of its data."""

    command: Sequence[str | Path]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Peer:
    """A program: *set_up* writes its files once, *options* says in words what is not its default, and why."""

    name: str
    version: str
    path: str
    options: str
    set_up: Callable[[Path, Ports], Start]
    mqtt: bool = False


def greenops() -> Peer:
    """Our own gateway."""

    def set_up(folder: Path, ports: Ports) -> Start:
        points = [{"name": f"t{tag}", "at": 2 * tag, "type": "u32", "unit": "mg/m3"} for tag in range(TAGS)]
        unit = {"link": "gas", "stack": "s", "poll": f"{POLL * 1000:g}ms", "points": points}
        sink = {"kind": "remote_write", "url": _url(ports, "/api/v1/write"), "version": "1.0", "timeout": f"{TIMEOUT}s"}
        config = {
            "site": "plant",
            "listen": f"127.0.0.1:{free_port()}",
            "journal": {"directory": str(folder / "journal")},
            "sinks": {"oracle": sink},
            "links": {
                "gas": {"protocol": "modbus", "host": "127.0.0.1", "port": ports.modbus, "timeout": f"{ANSWER:g}s"}
            },
            "devices": [{"name": f"u{number}", "unit": number, **unit} for number in range(1, UNITS + 1)],
        }
        file = _written(folder / "gateway.yml", yaml.safe_dump(config))
        return Start((program("greenops-gateway"), "run", "--config", file))

    version = _said(program("greenops-gateway"), "--version")
    return Peer("GreenOps gateway", version, "Modbus → remote write", "`journal`, one sink; all else default", set_up)


def prometheus() -> Peer:
    """Prometheus in agent mode."""
    binary = server("prometheus")

    def set_up(folder: Path, ports: Ports) -> Start:
        write = {
            "url": _url(ports, "/api/v1/write"),
            "remote_timeout": f"{TIMEOUT}s",
            "metadata_config": {"send": False},
            "queue_config": {"retry_on_http_429": True, "max_backoff": f"{PAUSE}s"},
        }
        file = _written(folder / "prometheus.yml", yaml.safe_dump({**_scrape(ports), "remote_write": [write]}))
        listen = f"--web.listen-address=127.0.0.1:{free_port()}"
        data = f"--storage.agent.path={folder / 'data'}"
        return Start((binary, "--enable-feature=agent", f"--config.file={file}", data, listen))

    version = _said(binary, "--version").split()[2]
    options = "`--enable-feature=agent`, `retry_on_http_429: true`"
    return Peer("Prometheus agent", version, "scrape → remote write", options, set_up)


def vmagent() -> Peer:
    """vmagent, of the distribution's package.

    Raises:
        AbsentError: it cannot be had.
    """
    root, version = _brought("vmagent", "victoria-metrics")
    binary, libraries = root / "usr/bin/vmagent", server("victoria-metrics").parents[1] / "lib"

    def set_up(folder: Path, ports: Ports) -> Start:
        file = _written(folder / "scrape.yml", yaml.safe_dump(_scrape(ports)))
        flags = (
            f"-promscrape.config={file}",
            f"-remoteWrite.url={_url(ports, '/api/v1/write')}",
            f"-remoteWrite.tmpDataPath={folder / 'data'}",
            "-remoteWrite.forcePromProto",
            f"-remoteWrite.sendTimeout={TIMEOUT}s",
            f"-remoteWrite.retryMaxTime={PAUSE}s",
            f"-httpListenAddr=127.0.0.1:{free_port()}",
        )
        return Start((binary, *flags), {"LD_LIBRARY_PATH": str(libraries)})

    options = "`-remoteWrite.tmpDataPath` on disk, `-remoteWrite.retryMaxTime=5s`"
    return Peer("vmagent", version, "scrape → remote write", options, set_up)


def otelcol() -> Peer:
    """A Collector with the prometheus receiver, the OTLP/HTTP exporter and file_storage.

    Raises:
        AbsentError: the environment names none.
    """
    binary = _named(OTELCOL)

    def set_up(folder: Path, ports: Ports) -> Start:
        exporter = {
            "metrics_endpoint": _url(ports, "/v1/metrics"),
            "timeout": f"{TIMEOUT}s",
            "sending_queue": {"storage": "file_storage", "queue_size": 100_000},
            "retry_on_failure": {"max_elapsed_time": 0, "max_interval": f"{PAUSE}s"},
        }
        storage = {"directory": str(folder / "queue"), "create_directory": True, "fsync": True}
        pipeline = {"receivers": ["prometheus"], "exporters": ["otlphttp"]}
        config = {
            "receivers": {"prometheus": {"config": _scrape(ports)}},
            "exporters": {"otlphttp": exporter},
            "extensions": {"file_storage": storage},
            "service": {
                "extensions": ["file_storage"],
                "pipelines": {"metrics": pipeline},
                "telemetry": {"metrics": {"level": "none"}},
            },
        }
        return Start((binary, "--config", _written(folder / "otelcol.yml", yaml.safe_dump(config))))

    options = "`sending_queue.storage: file_storage` with `fsync: true`, `queue_size: 100000`, `max_elapsed_time: 0`"
    version = _said(binary, "--version").split()[-1]
    return Peer("OpenTelemetry Collector", version, "scrape → OTLP/HTTP", options, set_up)


def collectd_http() -> Peer:
    """The program collectd with its plugins modbus and write_http.

    Raises:
        AbsentError: it cannot be had.
    """
    found = collectd()
    libraries = next(_brought("yajl", "libyajl2", here=True)[0].glob("usr/lib/*/libyajl.so.2")).parent

    def set_up(folder: Path, ports: Ports) -> Start:
        data = [
            f'<Data "t{tag}">\nRegisterBase {2 * tag}\nRegisterType Uint32\nType gauge\nInstance "t{tag}"\n</Data>'
            for tag in range(TAGS)
        ]
        collect = "\n".join(f'Collect "t{tag}"' for tag in range(TAGS))
        hosts = [
            f'<Host "u{unit}">\nAddress "127.0.0.1"\nPort "{ports.modbus}"\nInterval {POLL:g}\n'
            f'<Slave {unit}>\nInstance "s"\n{collect}\n</Slave>\n</Host>'
            for unit in range(1, UNITS + 1)
        ]
        node = (
            f'URL "{_url(ports, "/collectd")}"\nFormat "JSON"\nTimeout {TIMEOUT * 1000}\nBufferSize 1024\n'
            "LogHttpError true"
        )
        lines = [
            *(f'{key} "{value}"' for key, value in (("PluginDir", found.plugins), ("TypesDB", found.types))),
            f'BaseDir "{folder}"\nPIDFile "{folder}/pid"\nInterval {POLL:g}\nReadThreads {UNITS}',
            "LoadPlugin modbus\nLoadPlugin write_http",
            f'<Plugin write_http>\n<Node "oracle">\n{node}\n</Node>\n</Plugin>',
            "\n".join(["<Plugin modbus>", *data, *hosts, "</Plugin>", ""]),
        ]
        file = _written(folder / "collectd.conf", "\n".join(lines))
        path = os.pathsep.join((found.environment["LD_LIBRARY_PATH"], str(libraries)))
        return Start((found.program, "-f", "-C", file), {"LD_LIBRARY_PATH": path})

    asked = subprocess.run(
        (found.program, "-h"), env={**os.environ, **found.environment}, capture_output=True, text=True, check=False
    )
    version = next((line.split()[1].rstrip(".,") for line in asked.stdout.splitlines() if "http" in line), "")
    return Peer("collectd", version, "Modbus → JSON by HTTP", "`BufferSize 1024`; it has no queue on disk", set_up)


def thingsboard() -> Peer:
    """ThingsBoard IoT Gateway; it sends to an MQTT broker.

    Raises:
        AbsentError: the environment names none.
    """
    binary = _named(THINGSBOARD)
    version = _said(
        binary.parent / "python", "-c", "from importlib.metadata import version as v; print(v('thingsboard-gateway'))"
    )

    def set_up(folder: Path, ports: Ports) -> Start:
        folder.joinpath("data").mkdir()
        unlimited = dict.fromkeys(("rateLimits", "dpRateLimits", "messagesRateLimits"), "0:0,")
        unlimited |= dict.fromkeys(("deviceMessagesRateLimits", "deviceRateLimits", "deviceDpRateLimits"), "0:0,")
        config: dict[str, Any] = {
            "thingsboard": {
                "host": "127.0.0.1",
                "port": ports.receiver,
                "remoteShell": False,
                "remoteConfiguration": False,
                "statistics": {"enable": False},
                "security": {"type": "accessToken", "accessToken": "token"},
                "qos": 1,
                "minPackSendDelayMS": 50,
                "reportStrategy": {"type": "ON_RECEIVED"},
                **unlimited,
            },
            "storage": {"type": "sqlite", "data_file_path": str(folder / "data") + "/", "max_read_records_count": 1000},
            "grpc": {"enabled": False},
            "connectors": [{"type": "modbus", "name": "modbus", "configuration": "modbus.json"}],
        }
        series = [
            {"tag": f"t{tag}", "type": "32uint", "functionCode": 3, "objectsCount": 2, "address": 2 * tag}
            for tag in range(TAGS)
        ]
        slave = {
            "host": "127.0.0.1",
            "port": ports.modbus,
            "type": "tcp",
            "method": "socket",
            "deviceType": "default",
            "timeout": ANSWER,
            "byteOrder": "BIG",
            "wordOrder": "BIG",
            "retries": 1,
            "pollPeriod": int(POLL * 1000),
            "connectAttemptTimeMs": 500,
            "connectAttemptCount": 5,
            "waitAfterFailedAttemptsMs": 1000,
            "attributes": [],
            "timeseries": series,
            "attributeUpdates": [],
            "rpc": [],
        }
        slaves = [{**slave, "unitId": unit, "deviceName": f"u{unit}"} for unit in range(1, UNITS + 1)]
        _written(folder / "tb_gateway.json", json.dumps(config))
        _written(
            folder / "modbus.json", json.dumps({"name": "modbus", "logLevel": "ERROR", "master": {"slaves": slaves}})
        )
        return Start((binary,), {"TB_GW_CONFIG_DIR": str(folder)})

    options = "`storage.type: sqlite`, `qos: 1`, rate limits off"
    return Peer("ThingsBoard gateway", version, "Modbus → MQTT (mosquitto)", options, set_up, mqtt=True)


PEERS: Mapping[str, Callable[[], Peer]] = {
    "greenops": greenops,
    "prometheus": prometheus,
    "vmagent": vmagent,
    "otelcol": otelcol,
    "thingsboard": thingsboard,
    "collectd": collectd_http,
}


def _scrape(ports: Ports) -> dict[str, Any]:
    target = {"static_configs": [{"targets": [f"127.0.0.1:{ports.pages}"]}]}
    jobs = [{"job_name": f"u{unit}", "metrics_path": f"/u{unit}", **target} for unit in range(1, UNITS + 1)]
    every = f"{POLL * 1000:g}ms"
    return {"global": {"scrape_interval": every, "scrape_timeout": every}, "scrape_configs": jobs}


def _url(ports: Ports, path: str) -> str:
    return f"http://127.0.0.1:{ports.receiver}{path}"


def _written(file: Path, text: str) -> Path:
    file.write_text(text, encoding="utf-8")
    return file


def _said(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    return (done.stdout or done.stderr).strip()


def _named(variable: str) -> Path:
    given = os.environ.get(variable)
    if not given:
        raise AbsentError(f"{variable} names no program")
    if not os.access(given, os.X_OK):
        raise AbsentError(f"{given} cannot be run")
    return Path(given)


def _brought(name: str, package: str, *, here: bool = False) -> tuple[Path, str]:
    """The files of *package* below a folder *name*, and its version; unpacked the first time.

    *here*: of this system's own release, else of the one that the servers are taken from.

    Raises:
        AbsentError: it cannot be had.
    """
    root, told = FOLDER / name, FOLDER / f"{name}.version"
    try:
        if not root.is_dir():
            release = this_release()
            with owned(FOLDER) as room:
                apt = Apt(room, machine_sources(replace(release, suite=release.codename) if here else release))
                apt.update()
                offered = apt.offered([package])
                if package not in offered:
                    raise AbsentError(f"the archive has no {package}")
                with tempfile.TemporaryDirectory(dir=room) as folder:
                    apt.unpack(offered[package], Path(folder)).rename(room / "made")
                told.write_text(offered[package].version)
                (room / "made").rename(root)
    except (SetupError, StackError, OSError) as error:
        raise AbsentError(str(error).partition("\n")[0]) from None
    return root, told.read_text()
