"""The protocol in docs/add-a-protocol.md, taken from that page and run against an instrument that speaks it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer

import yaml

from stack import ROOT, program

PAGE = (ROOT / "docs" / "add-a-protocol.md").read_text(encoding="utf-8")
ANSWERS = {b"SO2?": b"12.5", b"NOX?": b"ERR 5"}


class Instrument(StreamRequestHandler):
    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(ANSWERS[line.strip()] + b"\r\n")


@contextmanager
def instrument(handler: type[StreamRequestHandler] = Instrument) -> Iterator[int]:
    with ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


def installed(folder: Path) -> dict[str, str]:
    """The page's package as pip would lay it out, and an environment in which Python finds it."""
    (folder / "textline.py").write_text(block("python"), encoding="utf-8")
    told = folder / "greenops_textline-1.0.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: greenops-textline\nVersion: 1.0\n", encoding="utf-8")
    group, entry = re.findall(r'^\[project\.entry-points\."(.*?)"\]\n(.*)$', block("toml"), re.MULTILINE)[0]
    (told / "entry_points.txt").write_text(f"[{group}]\n{entry.replace(chr(34), '')}\n", encoding="utf-8")
    return {**os.environ, "PYTHONPATH": str(folder)}


def read(config: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program("greenops-gateway"), "read", config, "--json", "--for", "3s"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_fifth_protocol_needs_no_change_in_this_repository(tmp_path: Path) -> None:
    environment = installed(tmp_path)
    config = tmp_path / "gateway.yml"
    with instrument() as port:
        config.write_text(block("yaml").replace("9001", str(port)), encoding="utf-8")
        done = read(config, environment)
    found = {reading["point"]: reading for reading in json.loads(done.stdout)}
    assert (found["so2"]["value"], found["so2"]["quality"]) == (12.5, "good"), done.stderr
    assert (found["nox"]["value"], found["nox"]["reason"]) == (None, "device_exception")
    assert done.returncode == 1


class Chatterer(StreamRequestHandler):
    """What stands at the address instead sends without end, and no line."""

    def handle(self) -> None:
        self.rfile.readline()
        self.wfile.write(b"\xff" * 200_000)
        self.rfile.read()


def test_another_device_at_the_address_fails_its_link_in_words(tmp_path: Path) -> None:
    environment = installed(tmp_path)
    config = tmp_path / "gateway.yml"
    with instrument(Chatterer) as port:
        config.write_text(block("yaml").replace("9001", str(port)), encoding="utf-8")
        done = read(config, environment)
    assert {reading["reason"] for reading in json.loads(done.stdout)} == {"communication"}
    assert done.returncode == 1
    assert done.stderr.startswith(
        "warning greenops_gateway.supervise: old: down: the instrument sends lines that are too long; is it another "
        "device?; trying again"
    )


def test_a_protocol_with_a_mistake_costs_no_other_link(tmp_path: Path) -> None:
    environment = installed(tmp_path)
    page = block("python")
    (tmp_path / "textline.py").write_text(page.replace("except ValueError:  # 64", "except KeyError:  # 64"))
    config = tmp_path / "gateway.yml"
    with instrument() as right, instrument(Chatterer) as wrong:
        plant = yaml.safe_load(block("yaml").replace("9001", str(right)))
        plant["links"]["other"] = plant["links"]["old"] | {"port": wrong}
        plant["devices"].append(plant["devices"][0] | {"name": "other", "link": "other"})
        config.write_text(yaml.safe_dump(plant), encoding="utf-8")
        done = read(config, environment)
    found = {(reading["device"], reading["point"]): reading for reading in json.loads(done.stdout)}
    assert found["analyser-7", "so2"]["quality"] == "good"
    assert found["other", "so2"]["reason"] == "communication"
    (told,) = [line for line in done.stderr.splitlines() if line.startswith("error ")]
    assert told.startswith(
        "error greenops_gateway.supervise: other: a mistake in the protocol's program: ValueError at "
    )
    assert "Traceback" not in done.stderr


def test_the_page_keeps_its_promise_of_sixty_lines() -> None:
    code = [line for line in block("python").splitlines() if line.strip()]
    assert len(code) <= 60
