"""Record a page again: run every command that it shows, and put what it printed below it.

    .venv/bin/python docs/record.py docs/commissioning.md

A block of ``sh`` is run, line by line, in one folder that begins with gateway/gateway.yml and its profiles; a block of
``text`` right below it is what it printed, errors too. A line that ends in ``&`` goes on until the page ends. Any
other block whose first line is ``# NAME.yml``, ``.yaml``, ``.csv`` or ``.conf`` is that file. All else is prose, and
stays; so does ``console``, for what is only to be read.

The ports are those of the page, so nothing else may use them.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"^```(?P<kind>\w+)\n(?P<body>.*?)^```\n(?P<space>\s*)", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"# (?P<name>[\w./-]+\.(?:ya?ml|csv|conf))\b")
PEM = re.compile(r"(-----BEGIN CERTIFICATE-----\n).*?(\n-----END CERTIFICATE-----)", re.DOTALL)
SIMULATED = re.compile(r"\S*/greenops-opcua-\w+/")
"""Where a simulated server keeps what it made for itself."""
LONGEST = 90.0
"""Seconds that a command may take."""
TIMED_OUT = 124
"""The exit code by which timeout(1) says so."""
SETTLED = 6.0
"""Seconds after which what goes on has said where it is."""
PORTS = (1883, 1884, 4840, 4841, 5020, 5021, 8883, 9842, 9844, 9845, 9846, 9847, 20000)


class RecordError(Exception):
    """The page cannot be recorded; the message says what to do."""


class Shelter:
    """The folder in which commands run; what goes on in it ends with *ended*."""

    def __init__(self, folder: Path, ended: ExitStack) -> None:
        self.folder, self.ended = folder, ended

    def run(self, line: str) -> str:
        """What *line* prints.

        Raises:
            RecordError: it does not end in time.
        """
        if line.endswith("&"):
            return self._begin(line.removesuffix("&").strip())
        done = subprocess.run(  # noqa: S603  # lines of our own page, as a person would type them
            ["timeout", f"{LONGEST:g}", "sh", "-c", line],  # noqa: S607  # wherever this system has it
            cwd=self.folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if done.returncode == TIMED_OUT:
            raise RecordError(f"'{line}' did not end within {LONGEST:g} s")
        code = f"[exit code {done.returncode}]\n" if done.returncode else ""
        return self._plain(done.stdout.decode()) + code

    def keep(self, kind: str, body: str) -> None:
        """Write the file that a block of *kind* names in its first line, if it names one."""
        if file := FILE.match(body):
            head, _, rest = body.partition("\n")
            path = self.folder / file["name"]
            path.parent.mkdir(exist_ok=True)
            # A table begins with the names of its columns.
            path.write_text(rest if kind == "csv" else f"{head}\n{rest}", encoding="utf-8")

    def _begin(self, line: str) -> str:
        log = self.folder / f"output-{time.monotonic_ns()}"
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603  # the same; exec: so that what is ended is the program
                ["sh", "-c", f"exec {line}"],  # noqa: S607  # the same
                cwd=self.folder,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.ended.callback(_end, process)
        time.sleep(SETTLED)
        if process.poll() is not None:
            raise RecordError(f"'{line}' ended at once:\n{log.read_text()}")
        return self._plain(log.read_text())

    def _plain(self, text: str) -> str:
        """*text* without what is of this machine or this minute only, and certificates without their inside."""
        text = text.replace(f"{self.folder}/", "").replace(socket.gethostname(), "shelter-pc")
        text = SIMULATED.sub("", text)
        return PEM.sub(r"\1…\2", text)


def _environment() -> dict[str, str]:
    programs = [ROOT / ".venv/bin", Path(os.environ.get("GREENOPS_SERVERS", ROOT / ".greenops/servers/bin"))]
    path = os.pathsep.join([*map(str, programs), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "PYTHONUNBUFFERED": "1"}


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)


@contextmanager
def shelter() -> Iterator[Shelter]:
    """A folder with the demo plant's gateway.yml; all that was begun there ends with the context.

    Raises:
        RecordError: a port is in use.
    """
    for port in PORTS:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                raise RecordError(f"port {port} is in use; end what uses it (make up?)") from None
    with tempfile.TemporaryDirectory(prefix="greenops-record-") as name, ExitStack() as ended:
        folder = Path(name)
        folder.chmod(0o755)  # the broker of root works as another user
        shutil.copy(ROOT / "gateway/gateway.yml", folder)
        shutil.copytree(ROOT / "gateway/profiles", folder / "profiles")
        yield Shelter(folder, ended)


def recorded(page: str, here: Shelter) -> str:
    """*page* with what its commands print now."""
    printed, end = "", -1

    def anew(block: re.Match[str]) -> str:
        nonlocal printed, end
        kind, body = block["kind"], block["body"]
        if kind == "text" and block.start() == end:
            return f"```text\n{printed}```\n{block['space']}"
        if kind == "sh":
            lines = body.replace("\\\n", " ").splitlines()
            printed, end = "".join(_told(here, line) for line in lines), block.end()
        else:
            here.keep(kind, body)
        return block[0]

    return BLOCK.sub(anew, page)


def _told(here: Shelter, line: str) -> str:
    print(line, file=sys.stderr)
    return "".join(f"{each.rstrip()}\n" for each in here.run(line).splitlines())


def main() -> int:
    """Record the pages that are named; gives 1 when one could not be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="+", type=Path, metavar="PAGE")
    for page in parser.parse_args().pages:
        try:
            with shelter() as here:
                text = recorded(page.read_text(encoding="utf-8"), here)
        except RecordError as error:
            print(f"{page}: {error}", file=sys.stderr)
            return 1
        page.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
