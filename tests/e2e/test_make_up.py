"""``make up`` as a person runs it: a status table, Ctrl-C, and nothing left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from plan import Ports, variable
from real_servers import eventually
from stack import ROOT, free_port
from up import refuse_taken_ports

UP = ROOT / "deploy/local/up.py"


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "TERM"])
def test_the_stack_shows_its_table_and_ends_without_a_trace(tmp_path: Path, ending: signal.Signals) -> None:
    ports = Ports(*(free_port() for _ in Ports().items()))
    environment = {variable(name): str(port) for name, port in ports.items()}
    out = tmp_path / "out"
    with out.open("wb") as output:
        up = subprocess.Popen(
            [sys.executable, UP],
            env={**os.environ, **environment, "GREENOPS_DATA": str(tmp_path / "data"), "PYTHONUNBUFFERED": "1"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            eventually(lambda: "Pages appear here" in out.read_text() or up.poll() is not None, patience=60)
            table = re.findall(r"^  (\w+) +(\d+) +(\S+:\d+).* (\w+)$", out.read_text(), re.MULTILINE)
            assert [row[0] for row in table] == [
                "broker",
                "simulator",
                "gateway",
                "agent",
                "exporter",
                "pages",
                "alertmanager",
                "prometheus",
            ], out.read_text()
            assert {row[3] for row in table} == {"ok"}
        finally:
            up.send_signal(ending)
            assert up.wait(60) == 0, out.read_text()
    for _, pid, _, _ in table:
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)
    refuse_taken_ports(ports)
    assert "Everything has ended" in out.read_text()
    assert "Traceback" not in out.read_text()
