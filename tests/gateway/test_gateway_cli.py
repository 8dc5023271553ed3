"""The command line as its users run it."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pytest
import yaml

import stack
from conftest import Golden
from demo_plant import demo_plant

EXAMPLE = stack.ROOT / "gateway" / "gateway.yml"
PROGRAM = stack.program("greenops-gateway")


def command(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={**os.environ, **environment},
    )


POINTS = {
    "analyser-1": ["so2", "nox", "co", "o2", "status"],
    "flow-1": ["flow", "temperature", "pressure"],
    "dust-1": ["dust"],
    "boiler-1": ["load", "fuel", "running"],
    "stack-1-mass": ["so2_mass", "nox_mass"],
}


def test_every_command_works_on_all_four_protocols(tmp_path: Path) -> None:
    with demo_plant(tmp_path) as plant:
        table = command("read", plant.config)
        assert table.returncode == 0, table.stderr
        head, *rows = [line.split() for line in table.stdout.splitlines()]
        assert head == ["device", "point", "value", "unit", "quality", "reason", "age"]
        assert [(row[0], row[1]) for row in rows] == [(name, point) for name, all_ in POINTS.items() for point in all_]
        assert {tuple(row[4:6]) for row in rows} == {("good", "none")}

        for link in ("gas", "flow", "dust", "plant"):
            probed = command("probe", link, "--config", plant.config, "--json")
            findings = json.loads(probed.stdout)
            assert probed.returncode == 0, findings
            assert len(findings) >= 3
            assert all(finding["well"] for finding in findings)

        watched = command("watch", plant.config, "--for", "3s", "--json")
        assert watched.returncode == 0
        rows = json.loads(watched.stdout.splitlines()[-1])
        assert {(row["device"], row["quality"]) for row in rows} == {(name, "good") for name in POINTS}
        alone = command("watch", plant.config, "--for", "2s", "--json", "--device", "flow-1")
        assert {(row["device"], row["quality"]) for row in json.loads(alone.stdout.splitlines()[-1])} == {
            ("flow-1", "good")
        }

        assert command("scenario", "failure", "--device", "analyser-1", "--control", plant.control).returncode == 0
        lost = command("read", plant.config, "--json", "--device", "analyser-1")
        assert lost.returncode == 1
        assert "gas: down: cannot connect to 127.0.0.1" in lost.stderr
        assert {(row["value"], row["quality"], row["reason"]) for row in json.loads(lost.stdout)} == {
            (None, "bad", "communication")
        }
        assert command("read", plant.config, "--device", "boiler-1").returncode == 0
        assert command("scenario", "normal", "--control", plant.control.removeprefix("http://")).stdout == "normal\n"
        assert command("read", plant.config, "--device", "analyser-1").returncode == 0

        plant.process.send_signal(signal.SIGTERM)
        assert plant.process.wait(10) == 0
    assert "Traceback" not in plant.log.read_text()


@pytest.mark.parametrize(
    ("link", "within", "names"),
    [
        ("gas", "1-2", ["at"]),
        ("flow", None, ["node"]),
        ("dust", "stack-1/#", ["path"]),
        ("plant", "10", ["kind", "index"]),
    ],
)
def test_scan_writes_a_profile_that_reads_what_it_found(
    tmp_path: Path, link: str, within: str | None, names: list[str]
) -> None:
    with demo_plant(tmp_path) as plant:
        folder = plant.config.parent / "profiles"
        asked: list[str | Path] = [
            "scan",
            link,
            "--config",
            plant.config,
            "--for",
            "3s",
            *(["--within", within] if within else []),
        ]
        planned = command(*asked, "--write", folder, "--dry-run")
        assert planned.returncode == 0, planned.stderr
        assert planned.stdout.startswith("would write ")
        assert not folder.exists()
        written = command(*asked, "--write", folder)
        assert written.returncode == 0, written.stderr
        profile = min(folder.glob("*.yaml"))
        found = yaml.safe_load(profile.read_text(encoding="utf-8"))
        assert all(name in found["points"][0] for name in names)
        again = command(*asked, "--write", folder)
        assert (again.returncode, again.stdout) == (2, "")
        assert "is there already; move it away, or write to another folder. It would be:\nprotocol: " in again.stderr

        content = yaml.safe_load(plant.config.read_text(encoding="utf-8"))
        (device,) = [each for each in content["devices"] if each["link"] == link]
        device["profile"] = profile.stem
        content |= {"devices": [device], "limits": [], "derived": []}
        plant.config.write_text(yaml.safe_dump(content), encoding="utf-8")
        readings = json.loads(command("read", plant.config, "--json").stdout)
        assert [row for row in readings if row["quality"] == "good"]


def test_check_tells_every_mistake_at_once(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yml"
    shutil.copytree(EXAMPLE.parent / "profiles", tmp_path / "profiles")
    right = EXAMPLE.read_text(encoding="utf-8")
    path.write_text(
        right.replace("port: 5020", "prt: 5020").replace("averaging: 30m", "averaging: 30"), encoding="utf-8"
    )
    told = command("check", path)
    assert told.returncode == 2
    assert told.stderr.count("\n") == 5
    assert "links.gas.prt: unknown key 'prt'; did you mean 'port'?" in told.stderr
    mistakes = json.loads(command("check", path, "--json").stdout)["mistakes"]
    assert len(mistakes) == 5


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_run_serves_until_it_is_told_to_end(tmp_path: Path, number: signal.Signals) -> None:
    with demo_plant(tmp_path, "--scenario", "drift") as plant:
        port = stack.free_port()
        service = stack.Service(
            "gateway",
            [PROGRAM, "run", "--config", plant.config],
            f"http://127.0.0.1:{port}/-/ready",
            {"GREENOPS_GATEWAY_PORT": str(port)},
        )
        log = tmp_path / "gateway.log"
        with stack.running(service, log) as gateway:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as reply:
                assert b'greenops_device_up{site="demo-plant",stack="stack-1",device="analyser-1"' in reply.read()
            gateway.send_signal(number)
            assert gateway.wait(10) == 0
    first, *others = log.read_text().splitlines()
    assert first == f"info greenops_telemetry.server: listening on 127.0.0.1:{port}"
    assert sorted(others) == [
        f"info greenops_gateway.supervise: {link}: delivers" for link in ("dust", "flow", "gas", "plant")
    ]


def test_a_taken_port_names_both_ways_to_choose_another(tmp_path: Path) -> None:
    with demo_plant(tmp_path) as plant:
        taken = plant.control.removeprefix("http://")
        for ended in (
            command("run", "--config", plant.config, "--listen", taken),
            command("run", "--config", plant.config, GREENOPS_GATEWAY_PORT=taken.rpartition(":")[2]),
        ):
            assert ended.returncode == 2
            (line,) = ended.stderr.splitlines()
            assert line.startswith(f"greenops-gateway: cannot listen on {taken}: ")
            assert line.endswith("; choose another with --listen HOST:PORT or GREENOPS_GATEWAY_PORT=PORT")


def test_explain_says_what_the_example_means(golden: Golden) -> None:
    checked = command("check", EXAMPLE)
    assert checked.returncode == 0
    assert checked.stdout.endswith(": right: 4 links, 4 devices, 12 points, 2 derived points, 8 limits\n")
    explained = command("explain", EXAMPLE)
    assert (explained.returncode, explained.stderr) == (0, "")
    golden("gateway-explain.txt", explained.stdout.replace(socket.gethostname(), "HOST"))


UNIT = "  - {{name: {name}, link: {link}, unit: {unit}, stack: s, points: [{{name: x, at: 1, unit: mg/m3}}]}}\n"


def one_unit(tmp_path: Path, *units: int) -> Path:
    """A Modbus link at a free port, with the simulator's configuration for *units* behind it."""
    path = tmp_path / "units.yml"
    devices = "".join(UNIT.format(name=f"u{unit}", link="gas", unit=unit) for unit in units)
    links = f"links: {{gas: {{protocol: modbus, host: 127.0.0.1, port: {stack.free_port()}}}}}\n"
    path.write_text(f"site: s\nlisten: 127.0.0.1:{stack.free_port()}\n{links}devices:\n{devices}", encoding="utf-8")
    return path


@contextmanager
def simulated(config: Path) -> Iterator[None]:
    control = f"127.0.0.1:{stack.free_port()}"
    command: list[str | Path] = [PROGRAM, "simulate", config, "--control", control]
    with stack.running(stack.Service("simulator", command, f"http://{control}/scenario"), config.with_suffix(".log")):
        yield


def test_a_profile_with_keys_of_its_device_is_simulated(tmp_path: Path) -> None:
    port, control = stack.free_port(), f"127.0.0.1:{stack.free_port()}"
    boiler = EXAMPLE.parent / "profiles" / "demo-boiler-rtu.yaml"
    way = f"dnp3:host=127.0.0.1,port={port}"
    asked: list[str | Path] = [PROGRAM, "simulate", "--profile", f"{boiler}:address=12", "--link", way]
    config = tmp_path / "gateway.yml"
    config.write_text(
        f"site: s\nlinks: {{plant: {{protocol: dnp3, host: 127.0.0.1, port: {port}}}}}\n"
        f"devices: [{{name: b, link: plant, stack: s, profile: {boiler}, address: 12}}]\n",
        encoding="utf-8",
    )
    simulator = stack.Service("simulator", [*asked, "--control", control], f"http://{control}/scenario")
    with stack.running(simulator, tmp_path / "simulator.log"):
        told = command("read", config, "--json")
    assert told.returncode == 0, told.stderr
    assert [row["point"] for row in json.loads(told.stdout)] == ["load", "fuel", "running"]


def test_scan_writes_the_rest_though_one_profile_is_there(tmp_path: Path) -> None:
    config = one_unit(tmp_path, 1, 2, 3)
    folder = tmp_path / "profiles"
    asked: list[str | Path] = ["scan", "gas", "--config", config, "--within", "1-3", "--write", folder]
    with simulated(config):
        folder.mkdir()
        (folder / "unit-1.yaml").write_text("mine\n", encoding="utf-8")
        done = command(*asked)
        assert done.returncode == 2
        assert done.stdout == f"wrote {folder / 'unit-2.yaml'}\nwrote {folder / 'unit-3.yaml'}\n"
        assert f"{folder / 'unit-1.yaml'} is there already" in done.stderr
        assert "\nprotocol: modbus\n" in done.stderr
        assert (folder / "unit-1.yaml").read_text(encoding="utf-8") == "mine\n"
        for impossible in (config, Path("/proc/none")):
            refused = command(*asked[:-1], impossible)
            assert (refused.returncode, refused.stdout) == (2, "")
            assert refused.stderr.splitlines()[-1].startswith(
                f"greenops-gateway: --write: {impossible}/unit-1.yaml cannot be"
            )


@pytest.mark.parametrize("more", [[], ["--json"]], ids=["table", "json"])
def test_watch_ends_in_silence_when_its_reader_leaves(tmp_path: Path, more: list[str]) -> None:
    config = one_unit(tmp_path, 1)
    with (
        simulated(config),
        subprocess.Popen(
            [PROGRAM, "watch", config, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as watch,
    ):
        assert watch.stdout is not None
        assert watch.stderr is not None
        watch.stdout.readline()
        watch.stdout.close()
        told = watch.stderr.read()
    assert watch.returncode == 0
    assert told == "info greenops_gateway.supervise: gas: delivers\n"


def wait_for(words: str, log: Path) -> None:
    until = time.monotonic() + 10
    while words not in log.read_text(encoding="utf-8"):
        assert time.monotonic() < until, log.read_text(encoding="utf-8")
        time.sleep(0.05)


def opened(pipe: Path) -> TextIO:
    """*pipe* for writing, as soon as somebody reads from it and no sooner."""
    until = time.monotonic() + 10
    while True:
        try:
            return os.fdopen(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK), "w", encoding="utf-8")
        except OSError as error:
            if error.errno != errno.ENXIO or time.monotonic() > until:
                raise
            time.sleep(0.02)


def test_a_reload_asked_for_during_the_start_is_done_after_it(tmp_path: Path) -> None:
    config, pipe, log = one_unit(tmp_path, 1), tmp_path / "gateway.yml", tmp_path / "gateway.log"
    os.mkfifo(pipe)
    with (
        log.open("w") as told,
        subprocess.Popen([PROGRAM, "run", "--config", pipe], stderr=told) as gateway,
    ):
        try:
            with opened(pipe) as writer:
                gateway.send_signal(signal.SIGHUP)
                writer.write(config.read_text(encoding="utf-8"))
            wait_for("listening on", log)
            with opened(pipe) as writer:
                writer.write(config.read_text(encoding="utf-8").replace("unit: 1", "unit: 2"))
            wait_for("configuration taken over", log)
        finally:
            gateway.terminate()
        assert gateway.wait(10) == 0
    assert "configuration taken over: device u1: changed\n" in log.read_text()


def test_check_warns_of_what_is_perhaps_not_meant(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yml"
    here = "{protocol: modbus, host: 127.0.0.1}"
    twice = UNIT.format(name="c", link="other", unit=1).replace("}]", "}, {name: y, at: 1, unit: ppm}]")
    path.write_text(
        f"site: s\nlinks: {{gas: {here}, other: {here}, spare: {here}}}\ndevices:\n"
        + UNIT.format(name="a", link="gas", unit=1)
        + UNIT.format(name="b", link="gas", unit=1)
        + twice,
        encoding="utf-8",
    )
    told = command("check", path)
    assert told.returncode == 0
    assert told.stderr.splitlines() == [
        "warning: gas: a and b are both unit 1; one device, or a unit written wrong?",
        "warning: spare: no device uses this link",
        "warning: other: goes to 127.0.0.1:502 as gas does; are two connections meant?",
        "warning: c: x and y are read from the same place: at 1",
    ]
    assert len(json.loads(command("check", path, "--json").stdout)["warnings"]) == 4
    assert command("explain", path).stdout.splitlines()[-3:] == told.stderr.splitlines()[1:]


def test_schema_is_json() -> None:
    printed = command("schema")
    assert printed.returncode == 0
    assert "ModbusDevice" in json.loads(printed.stdout)["$defs"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["check", "no-such.yml"], 2, "no-such.yml: cannot be read: No such file or directory"),
        (["run", "--config", "no-such.yml"], 2, "no-such.yml: cannot be read: No such file or directory"),
        (["run", "--config", EXAMPLE, "--listen", "here"], 2, "--listen: 'here' is not HOST:PORT; write"),
        (["read", EXAMPLE, "--device", "analyzer-1"], 2, "--device: there is no device 'analyzer-1'; did you mean"),
        (["simulate", EXAMPLE, "--control", "9844"], 2, "--control: '9844' is not HOST:PORT"),
        (["simulate", EXAMPLE, "--scenario", "failing"], 2, "unknown scenario 'failing'"),
        (["simulate", "--profile", "sick-marsic300"], 2, "--profile needs --link"),
        (["probe", "gass", "--config", EXAMPLE], 2, "there is no link 'gass' with a device; did you mean 'gas'?"),
        (["read", EXAMPLE, "--for", "3"], 2, "--for: '3' is not a duration"),
        (["scenario", "exceedence"], 2, "unknown scenario 'exceedence'; did you mean 'exceedance'?"),
        (["scenario", "drift", "--control", "http://127.0.0.1:1"], 1, "no simulator answers at http://127.0.0.1:1: "),
        (["scenario", "drift", "--control", "127.0.0.1:1"], 1, "no simulator answers at http://127.0.0.1:1: "),
        (["scenario", "drift", "--control", "9844"], 2, "--control: '9844' is not HOST:PORT; write for example"),
        (["scenario", "drift", "--control", "ftp://h"], 2, "--control: 'ftp://h' is not an address; write for example"),
    ],
)
def test_a_mistake_ends_with_one_line(arguments: list[str | Path], code: int, message: str) -> None:
    ended = command(*arguments)
    assert ended.returncode == code
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"greenops-gateway: {message}")


def test_a_port_of_the_environment_that_is_none_is_named() -> None:
    ended = command("run", "--config", EXAMPLE, GREENOPS_GATEWAY_PORT="ninety")
    assert ended.returncode == 2
    assert (
        ended.stderr
        == "greenops-gateway: GREENOPS_GATEWAY_PORT: 'ninety' is not a port; write a number from 0 to 65535\n"
    )


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--help"], ["simulate", "--help"]])
def test_help_teaches(arguments: list[str]) -> None:
    told = command(*arguments)
    assert (told.returncode, told.stderr) == (0, "")
    assert "greenops-gateway" in told.stdout


def test_no_command_is_a_usage_error() -> None:
    assert command().returncode == 2
