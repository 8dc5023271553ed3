"""Programs of others that do the gateway's job, brought beside the system to be measured in the same run.

collectd comes from the distribution's own packages, as the servers do: verified by its signing key, nothing installed.
modbus_exporter is in no distribution; build it yourself and name it in ``GREENOPS_MODBUS_EXPORTER``. What is not here
is told in the tables, and fails nothing.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.table import progress

from archive import Apt, SetupError, machine_sources, this_release
from servers import owned
from stack import DATA

MODBUS_EXPORTER = "GREENOPS_MODBUS_EXPORTER"
FOLDER = DATA / "peers"
# The name of a library's package tells its ABI, which differs between releases: of each line, what the archive has.
COLLECTD: Sequence[Sequence[str]] = (
    ("collectd-core",),
    ("libmodbus5",),
    ("libmicrohttpd12", "libmicrohttpd12t64"),
    ("libprotobuf-c1",),
)


class AbsentError(Exception):
    """A peer is not here; the message says why."""


@dataclass(frozen=True, slots=True)
class Collectd:
    """collectd with its plugins, unpacked below *root*."""

    root: Path

    @property
    def plugins(self) -> Path:
        return next(self.root.glob("usr/lib/**/collectd/modbus.so"), self.program).parent

    @property
    def types(self) -> Path:
        return self.root / "usr/share/collectd/types.db"

    @property
    def program(self) -> Path:
        return self.root / "usr/sbin/collectd"

    @property
    def environment(self) -> dict[str, str]:
        """Where its libraries are found."""
        folders = sorted({path.parent for path in self.root.glob("usr/lib/*/lib*.so.*")})
        return {"LD_LIBRARY_PATH": os.pathsep.join(map(str, folders))}

    def missing(self) -> str:
        """What it needs and does not find, in words; empty when it runs."""
        absent = [path for path in (self.program, self.plugins / "modbus.so", self.types) if not path.is_file()]
        if absent:
            return f"no {absent[0].name} in its package"
        for file in (self.program, self.plugins / "modbus.so", self.plugins / "write_prometheus.so"):
            asked = subprocess.run(
                ("ldd", file), env={**os.environ, **self.environment}, capture_output=True, text=True, check=False
            )
            for line in asked.stdout.splitlines():
                if "not found" in line:
                    return f"{file.name} needs {line.split()[0]}"
        return ""


def collectd() -> Collectd:
    """collectd; unpacked the first time.

    Raises:
        AbsentError: it cannot be had.
    """
    found = Collectd(FOLDER / "collectd")
    try:
        if not found.root.is_dir():
            _unpack(COLLECTD, found.root)
    except (SetupError, OSError) as error:
        raise AbsentError(str(error).partition("\n")[0]) from None
    if why := found.missing():
        raise AbsentError(why)
    return found


def modbus_exporter() -> Path:
    """The program that the environment names.

    Raises:
        AbsentError: it names none that can be run.
    """
    given = os.environ.get(MODBUS_EXPORTER)
    if not given:
        raise AbsentError(f"{MODBUS_EXPORTER} names no program")
    if not os.access(given, os.X_OK):
        raise AbsentError(f"{given} cannot be run")
    return Path(given)


def compiled(source: Path, *libraries: str) -> Path:
    """The program of the C file *source*, made anew when that changed.

    Raises:
        AbsentError: no C compiler here, or it complains.
    """
    program = FOLDER / source.stem
    if program.exists() and program.stat().st_mtime > source.stat().st_mtime:
        return program
    FOLDER.mkdir(parents=True, exist_ok=True)
    with _beside(program) as made:
        try:
            done = subprocess.run(
                ("cc", "-O2", "-o", made, source, *libraries), capture_output=True, text=True, check=False
            )
        except FileNotFoundError:
            raise AbsentError(f"no C compiler for {source.name}; install gcc") from None
        if done.returncode:
            raise AbsentError(f"{source.name} does not compile: {done.stderr.strip().partition(chr(10))[0]}")
    return program


def _unpack(wanted: Sequence[Sequence[str]], root: Path) -> None:
    """Raises SetupError: they cannot be had."""
    here = this_release()
    with owned(FOLDER) as room:
        if root.is_dir():  # another run brought it meanwhile
            return
        apt = Apt(room, machine_sources(replace(here, suite=here.codename)))
        progress("peers: package lists")
        apt.update()
        offered = apt.offered({name for names in wanted for name in names})
        gathered = room / "gathered"
        for names in wanted:
            package = next((offered[name] for name in names if name in offered), None)
            if package is None:
                raise SetupError(f"the archive has no {' or '.join(names)}")
            progress(f"peers: {package.name} {package.version}, {package.size / 1e6:.1f} MB")
            with tempfile.TemporaryDirectory(dir=room) as folder:
                unpacked = apt.unpack(package, Path(folder))
                subprocess.run(("cp", "-a", f"{unpacked}/.", gathered), check=True)
        gathered.rename(root)


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A name beside *target* that becomes it when the work is done."""
    made = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        yield made
        made.replace(target)
    finally:
        made.unlink(missing_ok=True)
