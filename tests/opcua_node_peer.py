"""An OPC UA server of another make for tests: node-opcua, from npm."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import stack

NODE = Path(__file__).parents[1] / ".greenops" / "opcua-node"
PATIENCE = 30.0


@dataclass
class NodePeer:
    """A node-opcua server: its variables v0, v1 … change ten times a second."""

    url: str
    process: subprocess.Popen[str]

    def set(self, name: str, value: float, status: str = "Good") -> None:
        """Have *name* stay at *value*, with a status by its OPC UA name."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"set": name, "value": value, "status": status}) + "\n")
        self.process.stdin.flush()


@contextmanager
def node_peer(folder: Path, count: int, most: int) -> Iterator[NodePeer]:
    """A node-opcua server with *count* variables that takes *most* nodes in one request."""
    port = stack.free_port()
    node = shutil.which("node") or str(Path(stack.__file__).parents[2] / ".venv/bin/node")
    command = [node, "server.cjs", str(port), str(count), str(most), str(folder)]
    with subprocess.Popen(
        command, cwd=NODE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        drain = threading.Thread(target=_until_ready(process).read)
        try:
            drain.start()
            yield NodePeer(f"opc.tcp://127.0.0.1:{port}", process)
        finally:
            process.kill()
            process.wait()
            drain.join(PATIENCE)


def _until_ready(process: subprocess.Popen[str]) -> IO[str]:
    """Its output, once it has said that it is ready."""
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if line.strip() == "ready":
            return process.stdout
    raise AssertionError("".join(said))
