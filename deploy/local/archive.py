"""The distribution's package archive, as this machine knows it: which release, which mirror, which keys.

Rules of this file: the standard library only; no archive's address, because the machine knows its own mirror; apt works
in a folder of its own, so the system is not changed; nothing here can switch off the check of a signature.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

LENDER = "trixie"  # the first Debian whose VictoriaMetrics speaks OTLP; the one before can run its programs
LENDER_VERSION = 13


class SetupError(Exception):
    """The servers could not be brought. The message names what failed and what to do next."""


@dataclass(frozen=True, slots=True)
class Release:
    """How package sources call this system's release, and the release to take packages from."""

    codename: str
    suite: str
    components: tuple[str, ...]


def release(about: Mapping[str, str]) -> Release:
    """The release to look in, from the words of ``os-release``.

    >>> release({"ID": "debian", "VERSION_ID": "12", "VERSION_CODENAME": "bookworm"}).suite
    'trixie'
    >>> release({"ID": "linuxmint", "VERSION_CODENAME": "wilma", "UBUNTU_CODENAME": "noble"})
    Release(codename='noble', suite='noble', components=('main', 'universe'))

    Raises:
        SetupError: it is neither Debian nor Ubuntu nor made from Ubuntu.
    """
    match about:
        case {"UBUNTU_CODENAME": codename}:
            return Release(codename, codename, ("main", "universe"))
        case {"ID": "debian", "VERSION_CODENAME": codename, "VERSION_ID": version} if int(version) < LENDER_VERSION:
            return Release(codename, LENDER, ("main",))
        case {"ID": "debian", "VERSION_CODENAME": codename}:  # testing and unstable have no number
            return Release(codename, codename, ("main",))
        case _:
            name = about.get("PRETTY_NAME", "this system")
            raise SetupError(f"{name} is neither Debian nor Ubuntu; only their packages are known here.")


def this_release() -> Release:
    """The release of this machine.

    Raises:
        SetupError: packages cannot be had or unpacked here.
    """
    if not shutil.which("apt-get"):
        raise SetupError("No apt-get here: the servers are unpacked from Debian or Ubuntu packages.")
    return release(platform.freedesktop_os_release())


@dataclass(frozen=True, slots=True)
class Source:
    """One entry of the machine's package sources. *signed_by* is kept as it stands, for it may be a whole key."""

    uri: str
    suite: str
    components: tuple[str, ...]
    signed_by: str = ""

    def stanza(self, architecture: str) -> str:
        """This entry for a ``.sources`` file. Of the machine's options only the key is kept, never ``Trusted``."""
        return (
            f"Types: deb\nURIs: {self.uri}\nSuites: {self.suite}\nComponents: {' '.join(self.components)}\n"
            f"Architectures: {architecture}\n" + (f"Signed-By:{self.signed_by}\n" if self.signed_by else "")
        )


ONE_LINE = re.compile(r"^\s*deb\s+(?:\[(?P<options>[^]]*)]\s*)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>[^#\n]+)")
FIELD = re.compile(r"^([\w-]+):(.*(?:\n[ \t].*)*)", re.MULTILINE)
OFF = {"no", "false", "without", "off", "disable", "0"}  # as apt reads them


def read_list(text: str) -> Iterator[Source]:
    """The entries of a ``.list`` file.

    >>> next(read_list("deb [signed-by=/k.gpg arch=amd64] https://mirror.example/debian bookworm main contrib"))
    Source(uri='https://mirror.example/debian', suite='bookworm', components=('main', 'contrib'), signed_by=' /k.gpg')
    """
    for line in text.splitlines():
        if entry := ONE_LINE.match(line):
            keys = re.search(r"(?:^|\s)signed-by=(\S+)", entry["options"] or "")
            signed_by = f" {keys[1].replace(',', ' ')}" if keys else ""
            yield Source(entry["uri"], entry["suite"], tuple(entry["components"].split()), signed_by)


def read_deb822(text: str) -> Iterator[Source]:
    r"""The entries of a ``.sources`` file.

    >>> list(read_deb822("Types: deb\nURIs: file:/m\nSuites: trixie\nComponents: main\nSigned-By:\n key\n .\n key"))
    [Source(uri='file:/m', suite='trixie', components=('main',), signed_by='\n key\n .\n key')]
    """
    spoken = re.sub(r"^#.*\n?", "", text, flags=re.MULTILINE)
    for stanza in re.split(r"\n\s*\n", spoken):
        fields: dict[str, str] = {name.lower(): value for name, value in FIELD.findall(stanza)}
        types, uris, suites, components = (
            fields.get(name, "").split() for name in ("types", "uris", "suites", "components")
        )
        if "deb" in types and fields.get("enabled", "").strip().lower() not in OFF:
            for uri in uris:
                for suite in suites:
                    yield Source(uri, suite, tuple(components), fields.get("signed-by", "").rstrip())


ALIASES = {"stable", "oldstable", "testing", "unstable", "sid"}
POCKETS = {"", "updates", "security"}


def for_servers(listed: Iterable[Source], wanted: Release) -> Iterator[Source]:
    """Those of *listed* that are the distribution's own, turned to the release that has the servers.

    >>> security = Source("file:/m", "bookworm-security", ("main",))
    >>> [found.suite for found in for_servers([security], Release("bookworm", "trixie", ("main",)))]
    ['trixie-security']
    """
    for source in listed:
        base, dash, pocket = source.suite.partition("-")
        if base in {wanted.codename, *ALIASES} and pocket in POCKETS and "main" in source.components:
            borrowed = wanted.suite != wanted.codename
            suite = wanted.suite + dash + pocket if borrowed else source.suite
            yield replace(source, suite=suite, components=wanted.components)


def machine_sources(wanted: Release, etc: Path = Path("/etc/apt")) -> list[Source]:
    """The sources to use here: those of the first file that names the release, for that is the distribution's own.

    Raises:
        SetupError: no file names it.
    """
    folder = etc / "sources.list.d"
    own = [etc / "sources.list", *(folder / f"{name}.sources" for name in ("debian", "ubuntu"))]
    for path in [*own, *sorted(folder.glob("*.sources")), *sorted(folder.glob("*.list"))]:
        read = read_deb822 if path.suffix == ".sources" else read_list
        if path.exists() and (found := list(for_servers(read(path.read_text(errors="replace")), wanted))):
            return found
    raise SetupError(
        f"No entry of {etc}/sources.list or {folder}/ names {wanted.codename} main. "
        "Add the distribution's own entry there."
    )


# Of the machine's own settings only those that say how it reaches its mirror. Hooks and pins are for what is installed,
# and none of these can switch off the check of a signature.
TRANSPORT = re.compile(r"^Acquire::(?:https?|Force|Check-).*", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Package:
    """One package that the archive offers; its *size* is that of the download, in bytes."""

    name: str
    version: str
    size: int

    def is_older(self, version: str) -> bool:
        """Whether this is older than *version*, as the distribution orders versions."""
        return subprocess.run(("dpkg", "--compare-versions", self.version, "lt", version), check=False).returncode == 0


class Apt:
    """The system's package manager with *sources* alone, its state in *room*: the system's own is not touched."""

    def __init__(self, room: Path, sources: Sequence[Source]) -> None:
        for folder in ("lists/partial", "cache/archives/partial"):
            (room / folder).mkdir(parents=True)
        unread = ("main", "parts", "preferences", "preferencesparts", "sourceparts")
        settings = {
            **{f"Dir::Etc::{name}": "/dev/null" for name in unread},
            "Dir::Etc::sourcelist": room / "servers.sources",
            "Dir::State": room,
            "Dir::State::status": "/dev/null",  # what is installed must not decide what is on offer
            "Dir::Cache": room / "cache",
            "Acquire::Languages": "none",
            "APT::Update::Error-Mode": "any",
            # Root would download as the user _apt, who may not enter the checkout; signatures are checked either way.
            "APT::Sandbox::User": "root",
        }
        self.room, self.architecture = room, self._ask("dpkg", "--print-architecture").strip()
        transport = TRANSPORT.findall(self._ask("apt-config", "dump"))
        own = [f'{name} "{value}";' for name, value in settings.items()]
        (room / "servers.sources").write_text("\n".join(source.stanza(self.architecture) for source in sources))
        (room / "apt.conf").write_text("\n".join([*transport, *own, ""]))
        self.environ = {**os.environ, "APT_CONFIG": str(room / "apt.conf"), "LC_ALL": "C"}

    def update(self) -> None:
        """Fetch the lists of packages.

        Raises:
            SetupError: apt-get failed: no mirror, no key, a wrong signature.
        """
        self._run("apt-get", "update", cwd=self.room)

    def offered(self, names: Iterable[str]) -> dict[str, Package]:
        """The packages among *names* that the archive has, in the version that it would install."""
        shown = self._ask("apt-cache", "show", "--no-all-versions", *names, environ=self.environ)
        found = {}
        for stanza in shown.split("\n\n"):
            fields: dict[str, str] = dict(FIELD.findall(stanza))
            if {"Package", "Version", "Size"} <= fields.keys():
                name, version, size = (fields[field].strip() for field in ("Package", "Version", "Size"))
                found[name] = Package(name, version, int(size))
        return found

    def lacking(self, name: str) -> list[Package]:
        """The package *name* and what it depends on, without what is installed here.

        Raises:
            SetupError: it cannot be had.
        """
        installed = ("-o", "Dir::State::status=/var/lib/dpkg/status")
        plan = self._ask("apt-get", "install", "-s", "--no-install-recommends", *installed, name, environ=self.environ)
        wanted = set(re.findall(r"^Inst (\S+)", plan, re.MULTILINE))
        if name not in wanted:
            raise SetupError(f"the archive has no package {name} that can be installed here")
        return list(self.offered(wanted).values())

    def unpack(self, package: Package, into: Path) -> Path:
        """The folder below *into*, which is empty, that holds the files of *package*.

        Raises:
            SetupError: it could not be fetched, is not what the archive signed, or does not unpack.
        """
        self._run("apt-get", "download", f"{package.name}={package.version}", cwd=into)
        root, fetched = into / "root", next(into.glob("*.deb"))
        done = subprocess.run(("dpkg-deb", "--extract", fetched, root), capture_output=True, text=True, check=False)
        if done.returncode:
            raise SetupError(f"{fetched.name} does not unpack: {done.stderr.strip()}\n  Is there room on the disk?")
        return root

    def _ask(self, *command: str, environ: Mapping[str, str] | None = None) -> str:
        return subprocess.run(command, env=environ, capture_output=True, text=True, check=False).stdout

    def _run(self, *command: str, cwd: Path) -> None:
        stdout = None if sys.stdout.isatty() else subprocess.DEVNULL  # apt draws its own progress
        done = subprocess.run(
            command, cwd=cwd, env=self.environ, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False
        )
        if done.returncode:
            then = "Check that this machine reaches its package mirror and has its keys: see /etc/apt."
            raise SetupError("\n  ".join([f"{' '.join(command)} failed:", *done.stderr.splitlines()[:4], then]))
