"""Unpack what GreenOps is run and tested with: Prometheus and its tools, VictoriaMetrics, mosquitto, tshark.

They are taken out of the distribution's own packages, verified by its signing key, and lie beside the system: nothing
is installed, no service is started, root is not needed. Run again, it adds what is missing and replaces nothing.

Rules of this file: the standard library only, because it runs before anything else is set up; a file appears in the
destination complete or not at all.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from archive import LENDER, LENDER_VERSION, Apt, Package, SetupError, machine_sources, this_release

VARIABLE = "GREENOPS_SERVERS"
DESTINATION = Path(__file__).resolve().parents[2] / ".greenops" / "servers"
LEDGER = "packages.txt"
LOCK = ".lock"


@dataclass(frozen=True, slots=True)
class Part:
    """One file that is taken out of a package; *packages* are alternatives, the first that the archive has is used.

    A *local* one is of this system's own release, and comes with all libraries that the system lacks for it.
    """

    target: str
    packages: tuple[str, ...]
    path: str
    since: str = ""
    optional: bool = False
    local: bool = False

    @property
    def name(self) -> str:
        return Path(self.target).name


# Distributions differ in which package holds a file, and architectures in where a library lies: hence lists and globs.
PARTS = (
    Part("bin/prometheus", ("prometheus",), "usr/bin/prometheus"),
    Part("bin/promtool", ("promtool", "prometheus"), "usr/bin/promtool"),
    Part("lib/alertmanager", ("prometheus-alertmanager",), "usr/bin/prometheus-alertmanager"),
    Part("share/default.tmpl", ("prometheus-alertmanager",), "usr/share/prometheus/alertmanager/default.tmpl"),
    Part("share/email.tmpl", ("prometheus-alertmanager",), "usr/share/prometheus/alertmanager/email.tmpl"),
    Part("bin/amtool", ("prometheus-alertmanager",), "usr/bin/amtool"),
    Part("lib/libzstd.so.1", ("libzstd1",), "usr/lib/*/libzstd.so.1"),
    Part("lib/libmodbus.so.5", ("libmodbus5",), "usr/lib/*/libmodbus.so.5"),
    Part("lib/victoria-metrics", ("victoria-metrics",), "usr/bin/victoria-metrics", since="1.112"),
    Part(
        "bin/docker-compose", ("docker-compose-v2", "docker-compose"), "usr/lib*/docker/*/docker-compose", optional=True
    ),
    Part("bin/node_exporter", ("prometheus-node-exporter",), "usr/bin/prometheus-node-exporter", optional=True),
    *(
        Part(f"lib/mosquitto.d/{target}", packages, f"usr/lib/*/{path}", optional=True)
        for target, packages, path in (
            ("ld.so", ("libc6",), "ld-linux-*.so.*"),
            ("libc.so.6", ("libc6",), "libc.so.6"),
            ("libm.so.6", ("libc6",), "libm.so.6"),
            ("libcap.so.2", ("libcap2",), "libcap.so.2"),
            ("libdlt.so.2", ("libdlt2",), "libdlt.so.2"),
            ("libssl.so.3", ("libssl3t64", "libssl3"), "libssl.so.3"),
            ("libcrypto.so.3", ("libssl3t64", "libssl3"), "libcrypto.so.3"),
            ("libsystemd.so.0", ("libsystemd0",), "libsystemd.so.0"),
            ("libwebsockets.so.19", ("libwebsockets19t64", "libwebsockets19"), "libwebsockets.so.19"),
            ("libwrap.so.0", ("libwrap0",), "libwrap.so.0"),
            ("libz.so.1", ("zlib1g",), "libz.so.1"),
            ("libzstd.so.1", ("libzstd1",), "libzstd.so.1"),
        )
    ),
    Part("lib/mosquitto", ("mosquitto",), "usr/sbin/mosquitto", optional=True),
    Part("lib/tshark", ("tshark",), "usr/bin/tshark", optional=True, local=True),
)
COMMANDS = tuple(part for part in PARTS if "." not in part.name)

# The distribution compiles the folder of Alertmanager's default templates in; beside the system it would not start.
# Our copy looks behind a file descriptor that its wrapper opens: a path of the same length, whatever folder it lies in.
TEMPLATES = b"/usr/share/prometheus/alertmanager"
BEHIND_DESCRIPTOR = b"/proc/self/fd/9".ljust(len(TEMPLATES), b"/")

# Not links, because these need more than themselves, and no absolute paths, because the checkout may be moved.
WRAPPERS = {
    "lib/alertmanager": """\
#!/bin/sh
here=$(dirname "$(readlink -f "$0")")/..
exec 9<"$here/share"
exec "$here/lib/alertmanager" "$@"
""",
    "lib/victoria-metrics": """\
#!/bin/sh
lib=$(dirname "$(readlink -f "$0")")/../lib
LD_LIBRARY_PATH=$lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export LD_LIBRARY_PATH
exec "$lib/victoria-metrics" "$@"
""",
    # With the C library of its own release: it is newer than that of a system whose packages are borrowed.
    "lib/mosquitto": """\
#!/bin/sh
lib=$(dirname "$(readlink -f "$0")")/../lib
run() { "$lib/mosquitto.d/ld.so" --library-path "$lib/mosquitto.d" "$lib/mosquitto" "$@"; }
if [ "$1" = --version ]; then run -h | grep '^mosquitto version'; exit; fi
exec "$lib/mosquitto.d/ld.so" --library-path "$lib/mosquitto.d" "$lib/mosquitto" "$@"
""",
    "lib/tshark": """\
#!/bin/sh
lib=$(dirname "$(readlink -f "$0")")/../lib
LD_LIBRARY_PATH=$lib/tshark.d${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export LD_LIBRARY_PATH
exec "$lib/tshark" "$@"
""",
}

ELSEWHERE = (
    f"Or bring {', '.join(part.name for part in COMMANDS if not part.optional)} "
    f"by any other way into one folder and set {VARIABLE}=FOLDER."
)


def read_ledger(dest: Path) -> dict[str, str]:
    """What is there: target to ``package version``. Nothing, when it was unpacked for another kind of machine."""
    try:
        lines = (dest / LEDGER).read_text().splitlines()
    except FileNotFoundError:
        return {}
    entries = {
        target: package for target, _, package in (line.partition(" ") for line in lines if not line.startswith("#"))
    }
    return entries if entries.pop("machine", "") == platform.machine() else {}


def write_ledger(dest: Path, entries: Mapping[str, str]) -> None:
    lines = ["# Unpacked by deploy/local/servers.py. Remove this folder to get newer versions."]
    lines += [f"{key} {value}" for key, value in {"machine": platform.machine(), **entries}.items()]
    place(dest / LEDGER, "\n".join(lines) + "\n", mode=0o644)


def place(target: Path, text: str, mode: int) -> None:
    """Write *target* in one step, so that nobody ever reads half of it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.new")
    fresh.write_text(text)
    fresh.chmod(mode)
    fresh.replace(target)


def missing(parts: Iterable[Part], dest: Path) -> list[Part]:
    """The parts that are not in *dest* yet, nor, when they are local, installed."""
    ledger = read_ledger(dest)
    absent = [part for part in parts if part.target not in ledger or not (dest / part.target).exists()]
    return [part for part in absent if not (part.local and shutil.which(part.name))]


@contextlib.contextmanager
def owned(dest: Path) -> Iterator[Path]:
    """Hold *dest* alone, with an empty folder on its file system for half-done things; a second run waits.

    The kernel frees the lock of a run that was killed, and what that run left is removed.

    Raises:
        SetupError: something else lies in *dest*.
    """
    if dest.is_dir() and not (dest / LOCK).exists() and any(dest.iterdir()):
        raise SetupError(f"{dest} is not empty, and its files are not from here. Choose another --dest.")
    dest.mkdir(parents=True, exist_ok=True)
    room = dest / ".part"
    with (dest / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for another run that is unpacking into {dest}", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            shutil.rmtree(room, ignore_errors=True)
            room.mkdir()
            yield room
        finally:
            shutil.rmtree(room, ignore_errors=True)


def by_package(parts: Sequence[Part], apt: Apt) -> dict[Package, list[Part]]:
    """Which package each part comes from; an optional one may have none.

    Raises:
        SetupError: the archive has none of a part's packages.
    """
    offered = apt.offered({name for part in parts for name in part.packages})
    plan: dict[Package, list[Part]] = {}
    for part in parts:
        package = next((offered[name] for name in part.packages if name in offered), None)
        if package is None and part.optional:
            print(f"note: no package {' or '.join(part.packages)} for {part.name}; what needs it will not run")
            continue
        if package is None:
            raise SetupError(f"The archive has no package {' or '.join(part.packages)} for {apt.architecture}.")
        plan.setdefault(package, []).append(part)
    return plan


def unpack(parts: Sequence[Part], dest: Path, room: Path, apt: Apt) -> None:
    """Bring *parts* into *dest*, package by package; what is complete stays when a later one fails.

    Raises:
        SetupError: the archive does not have them, or they do not start here.
    """
    print("package lists", flush=True)
    apt.update()
    plan = by_package(parts, apt)
    for number, (package, taken) in enumerate(plan.items(), 1):
        label = f"{package.name} {package.version}"
        print(f"{number}/{len(plan)} {label}  {package.size / 1e6:.1f} MB", flush=True)
        with tempfile.TemporaryDirectory(dir=room) as made:
            root = apt.unpack(package, Path(made))
            for part in taken:
                take(part, root, label, dest)
            for part in taken:
                try:
                    must_start(dest / "bin" / part.name)
                except SetupError as error:
                    if not part.optional:
                        raise
                    print(f"note: {error}; what needs it will not run")
            write_ledger(dest, read_ledger(dest) | {part.target: label for part in taken})
        for part in taken:
            if part.since and package.is_older(part.since):
                print(f"note: {part.name} before {part.since} has no OTLP receiver to rely on. {ELSEWHERE}")


def unpack_local(part: Part, dest: Path, room: Path, apt: Apt) -> None:
    """Bring *part* into *dest* with the libraries that this system lacks for it, or say why there is none."""
    try:
        apt.update()
        packages = apt.lacking(part.packages[0])
        size = sum(package.size for package in packages)
        print(f"{part.name} and what it needs: {len(packages)} packages  {size / 1e6:.1f} MB", flush=True)
        for package in packages:
            with tempfile.TemporaryDirectory(dir=room) as made:
                root = apt.unpack(package, Path(made))
                for library in libraries(root):
                    where = str(library.relative_to(root))
                    take(Part(f"lib/{part.name}.d/{library.name}", (), where), root, package.name, dest)
                if package.name in part.packages:
                    take(part, root, package.name, dest)
        must_start(dest / "bin" / part.name)
        (label,) = (f"{each.name} {each.version}" for each in packages if each.name in part.packages)
        write_ledger(dest, read_ledger(dest) | {part.target: label})
    except SetupError as error:
        (dest / "bin" / part.name).unlink(missing_ok=True)
        print(f"note: no {part.name}: {error}; what needs it will not run")


def libraries(root: Path) -> list[Path]:
    """The shared libraries below *root*, each by the name that it is loaded by."""
    found = [*root.glob("lib/*/lib*.so.*"), *root.glob("usr/lib/*/lib*.so.*")]
    linked = {path.resolve() for path in found if path.is_symlink()}
    return sorted(path for path in found if path not in linked)


def take(part: Part, root: Path, label: str, dest: Path) -> None:
    """Copy the file of *part* from the package *label*, unpacked in *root*, to its place. Another may want it too."""
    found = next((path.resolve() for path in sorted(root.glob(part.path))), None)
    if found is None or not found.is_relative_to(root.resolve()) or not found.is_file():
        raise SetupError(f"{label} has no {part.path}.")
    target = dest / part.target
    target.parent.mkdir(parents=True, exist_ok=True)
    if part.target == "lib/alertmanager":
        found.write_bytes(found.read_bytes().replace(TEMPLATES, BEHIND_DESCRIPTOR))
    shutil.copy2(found, taken := root / ".taken")
    taken.replace(target)
    if part.target in WRAPPERS:
        place(dest / "bin" / part.name, WRAPPERS[part.target], mode=0o755)


def must_start(command: Path) -> None:
    """Ask *command* for its version: a wrong architecture or C library is better found now than later."""
    if not command.exists():  # a library
        return
    try:
        subprocess.run((command, "--version"), capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        said = str(getattr(error, "stderr", "") or error).strip().rpartition("\n")[2]
        raise SetupError(f"{command} does not start on this {platform.machine()}: {said}") from error


def bring(parts: Sequence[Part], dest: Path) -> None:
    """See to it that *parts* are in *dest*; quick, and without asking anyone, when they are.

    Raises:
        SetupError: they cannot be had.
    """
    try:
        if missing(parts, dest):
            release = this_release()
            sources = machine_sources(release)
            with owned(dest) as room:
                if absent := missing(parts, dest):  # another run may have brought them meanwhile
                    if borrowed := [part for part in absent if not part.local]:
                        unpack(borrowed, dest, room, Apt(room, sources))
                    for part in (part for part in absent if part.local):
                        own = machine_sources(replace(release, suite=release.codename))
                        unpack_local(part, dest, room, Apt(room / part.name, own))
    except OSError as error:
        raise SetupError(f"{error}\n  Choose another --dest, or make room there.") from error
    print(f"servers: ready in {dest / 'bin'}")


def check(given: Path) -> None:
    """Look whether the folder that the user gave has the commands.

    Raises:
        SetupError: one that is needed is not there.
    """
    absent = [part for part in COMMANDS if not os.access(given / part.name, os.X_OK)]
    if needed := [part.name for part in absent if not part.optional]:
        raise SetupError(f"{VARIABLE}={given} has no {', '.join(needed)}. Unset {VARIABLE} to have them unpacked.")
    for part in absent:
        print(f"note: no {part.name} in {given}; what needs it will not run")
    print(f"servers: those in {given} ({VARIABLE})")


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="servers.py",
        description=(__doc__ or "").partition("\n\nRules")[0],
        epilog=f"""\
It brings {", ".join(part.name for part in COMMANDS)}:
about 120 MB to download, of which nothing is kept but the programs (410 MB).

The packages come from the mirror that this machine uses already. Debian before {LENDER_VERSION} takes them from
{LENDER}, whose programs run there as they are; Ubuntu takes them from its own release with universe. tshark is always
of the own release, and left out where it is installed.

  {VARIABLE}=FOLDER   use the programs in FOLDER instead; nothing is downloaded""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--dest", type=Path, default=DESTINATION, metavar="FOLDER", help="default: %(default)s")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    dest: Path = arguments().parse_args(argv).dest.absolute()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as with Ctrl-C, what was begun is put away
    try:
        if given := os.environ.get(VARIABLE):
            check(Path(given))
        else:
            bring(PARTS, dest)
    except SetupError as error:
        print(f"servers.py: {error}\n  {ELSEWHERE}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("servers.py: stopped. Run it again: it goes on with what is missing.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
