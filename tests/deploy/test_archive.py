"""The distribution's archive: which of the machine's sources are used, what is trusted, what apt brings.

Nothing is downloaded here: apt reads a small archive that the test builds and signs itself.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive import (
    TRANSPORT,
    Apt,
    Package,
    Release,
    SetupError,
    Source,
    for_servers,
    machine_sources,
    read_deb822,
    read_list,
    release,
)
from servers import LEDGER, Part, owned, read_ledger, unpack

TOOL = Part("bin/tool", ("no-such-package", "tool"), "usr/bin/tool*")
DEBIAN_12 = Release("bookworm", "trixie", ("main",))
DEBIAN_13 = Release("trixie", "trixie", ("main",))
UBUNTU = Release("noble", "noble", ("main", "universe"))

KEY = """
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mDMEZ1
 -----END PGP PUBLIC KEY BLOCK-----"""

needs_apt = pytest.mark.skipif(not shutil.which("apt-get"), reason="apt itself is tested, and this system has none")


@pytest.mark.parametrize(
    ("about", "expected"),
    [
        ({"ID": "debian", "VERSION_ID": "12", "VERSION_CODENAME": "bookworm"}, DEBIAN_12),
        ({"ID": "debian", "VERSION_ID": "13", "VERSION_CODENAME": "trixie"}, DEBIAN_13),
        ({"ID": "debian", "VERSION_CODENAME": "forky"}, Release("forky", "forky", ("main",))),
        ({"ID": "ubuntu", "VERSION_CODENAME": "noble", "UBUNTU_CODENAME": "noble"}, UBUNTU),
        ({"ID": "linuxmint", "VERSION_CODENAME": "wilma", "UBUNTU_CODENAME": "noble"}, UBUNTU),
    ],
    ids=["Debian 12 borrows", "Debian 13", "Debian testing has no number", "Ubuntu", "made from Ubuntu"],
)
def test_the_release_to_look_in_follows_from_os_release(about: Mapping[str, str], expected: Release) -> None:
    assert release(about) == expected


def test_another_system_is_told_that_its_packages_are_not_known() -> None:
    with pytest.raises(SetupError, match="Fedora Linux 42 is neither Debian nor Ubuntu"):
        release({"ID": "fedora", "PRETTY_NAME": "Fedora Linux 42"})


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("deb http://m/debian bookworm main", [Source("http://m/debian", "bookworm", ("main",))]),
        ("  deb  http://m  trixie  main contrib # own", [Source("http://m", "trixie", ("main", "contrib"))]),
        (
            "deb [arch=amd64 signed-by=/a.gpg,/b.gpg] http://m trixie main",
            [Source("http://m", "trixie", ("main",), " /a.gpg /b.gpg")],
        ),
        ("deb [ trusted=yes ] http://m trixie main", [Source("http://m", "trixie", ("main",))]),
        ("deb-src http://m trixie main", []),
        ("# deb http://m trixie main", []),
        ("", []),
    ],
    ids=["plain", "spaces and comment", "two keys", "trusted", "source packages", "switched off", "empty"],
)
def test_a_one_line_source_is_read(line: str, expected: list[Source]) -> None:
    assert list(read_list(line)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Types: deb deb-src\nURIs: http://m\nSuites: trixie trixie-updates\nComponents: main contrib\n",
            [
                Source("http://m", "trixie", ("main", "contrib")),
                Source("http://m", "trixie-updates", ("main", "contrib")),
            ],
        ),
        (
            "types: deb\n# a comment\nURIs:\n http://a\n http://b\nSUITES: sid\nComponents: main\nSigned-By: /k.gpg",
            [Source("http://a", "sid", ("main",), " /k.gpg"), Source("http://b", "sid", ("main",), " /k.gpg")],
        ),
        (
            f"Types: deb\nURIs: a:/\nSuites: x\nSigned-By:{KEY}\n\nTypes: deb\nURIs: b:/\nSuites: y\n",
            [Source("a:/", "x", (), KEY), Source("b:/", "y", ())],
        ),
        ("Types: deb-src\nURIs: a:/\nSuites: x\nComponents: main\n", []),
        ("Types: deb\nEnabled: no\nURIs: a:/\nSuites: x\nComponents: main\n", []),
        ("Enabled: False\nTypes: deb\nURIs: a:/\nSuites: x\nComponents: main\n", []),
        ("Enabled: yes\nTypes: deb\nURIs: a:/\nSuites: x\nComponents: main", [Source("a:/", "x", ("main",))]),
        ("# nothing here\n", []),
    ],
    ids=["two suites", "any case, many lines", "a key inside", "source packages", "off", "off too", "on", "empty"],
)
def test_a_deb822_source_is_read(text: str, expected: list[Source]) -> None:
    assert list(read_deb822(text)) == expected


WORD = st.text("abcdefghij-./:", min_size=1, max_size=12)
SOURCES = st.builds(
    Source, WORD, WORD, st.lists(WORD, min_size=1, max_size=3).map(tuple), st.sampled_from(["", " /k.gpg", KEY])
)


@given(st.lists(SOURCES, max_size=3))
def test_what_is_written_for_apt_says_what_was_read(sources: list[Source]) -> None:
    assert list(read_deb822("\n".join(source.stanza("amd64") for source in sources))) == sources


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (read_list, "deb [trusted=yes allow-insecure=yes] http://m trixie main"),
        (
            read_deb822,
            "Types: deb\nTrusted: yes\nAllow-Insecure: yes\nURIs: http://m\nSuites: trixie\nComponents: main",
        ),
    ],
    ids=["one line", "deb822"],
)
def test_a_source_that_the_machine_trusts_blindly_is_not_trusted_here(
    read: Callable[[str], Iterator[Source]], text: str
) -> None:
    (source,) = read(text)
    fields = [line.partition(":")[0] for line in source.stanza("amd64").splitlines()]
    assert fields == ["Types", "URIs", "Suites", "Components", "Architectures"]


@pytest.mark.parametrize(
    ("setting", "copied"),
    [
        ('Acquire::http::Proxy "http://proxy:3128";', True),
        ('Acquire::https::CAInfo "/ca.pem";', True),
        ('Acquire::ForceIPv4 "true";', True),
        ('Acquire::AllowInsecureRepositories "true";', False),
        ('Acquire::AllowDowngradeToInsecureRepositories "true";', False),
        ('APT::Get::AllowUnauthenticated "true";', False),
        ('APT::Update::Post-Invoke:: "a hook";', False),
    ],
)
def test_of_the_machines_settings_only_the_way_to_the_mirror_is_copied(setting: str, *, copied: bool) -> None:
    assert bool(TRANSPORT.findall(f'A "";\n{setting}\n')) is copied


@pytest.mark.parametrize(
    ("listed", "wanted", "chosen"),
    [
        ("bookworm bookworm-updates bookworm-security", DEBIAN_12, "trixie trixie-updates trixie-security"),
        ("bookworm-backports bookworm-proposed-updates", DEBIAN_12, ""),
        ("oldstable oldstable-security", DEBIAN_12, "trixie trixie-security"),
        ("trixie trixie-security", DEBIAN_13, "trixie trixie-security"),
        ("stable stable-updates", DEBIAN_13, "stable stable-updates"),
        ("bookworm bullseye", DEBIAN_13, ""),
        ("noble noble-updates noble-security noble-backports", UBUNTU, "noble noble-updates noble-security"),
        ("jammy GNU/Linux ./", UBUNTU, ""),
    ],
    ids=["Debian 12", "no backports", "by alias", "Debian 13", "alias stays", "older ones", "Ubuntu", "strangers"],
)
def test_the_suites_of_the_release_are_chosen(listed: str, wanted: Release, chosen: str) -> None:
    sources = [Source("http://m", suite, ("main", "restricted"), KEY) for suite in listed.split()]
    assert list(for_servers(sources, wanted)) == [
        Source("http://m", suite, wanted.components, KEY) for suite in chosen.split()
    ]


def test_a_source_without_main_is_left_alone() -> None:
    assert not list(for_servers([Source("http://m", "noble", ("universe",))], UBUNTU))


def test_the_distributions_own_file_is_read_before_a_strangers(tmp_path: Path) -> None:
    folder = tmp_path / "sources.list.d"
    folder.mkdir()
    (folder / "another.list").write_text("deb https://another.example/debian bookworm main\n")
    assert [source.uri for source in machine_sources(DEBIAN_12, tmp_path)] == ["https://another.example/debian"]
    (folder / "debian.sources").write_text("Types: deb\nURIs: http://own\nSuites: bookworm\nComponents: main\n")
    assert [source.uri for source in machine_sources(DEBIAN_12, tmp_path)] == ["http://own"]
    (tmp_path / "sources.list").write_text("deb http://first bookworm main\n")
    assert [source.uri for source in machine_sources(DEBIAN_12, tmp_path)] == ["http://first"]


def test_a_machine_without_an_entry_of_its_own_is_told_where_to_add_one(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=rf"No entry of {tmp_path}/sources\.list or .* names noble main\. Add"):
        machine_sources(UBUNTU, tmp_path)


@dataclass(frozen=True, slots=True)
class Archive:
    """A package archive in *folder* that holds ``tool 1.0``; not signed until it is."""

    folder: Path

    @property
    def release(self) -> Path:
        return self.folder / "dists/trixie/Release"

    @property
    def package(self) -> Path:
        return self.folder / "tool_1.0_all.deb"

    def source(self, signed_by: str = "") -> Source:
        return Source(f"file:{self.folder}", "trixie", ("main",), signed_by)


def digest(path: Path) -> tuple[str, int]:
    return hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    made = Archive(tmp_path / "archive")
    root = tmp_path / "tool"
    control = "Package: tool\nVersion: 1.0\nArchitecture: all\nMaintainer: nobody <n@example.org>\nDescription: none\n"
    for name, text in {"DEBIAN/control": control, "usr/bin/tool-1.0": "#!/bin/sh\necho tool 1.0\n"}.items():
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text(text)
        (root / name).chmod(0o755)
    architecture = subprocess.check_output(["dpkg", "--print-architecture"], text=True).strip()
    index = made.folder / f"dists/trixie/main/binary-{architecture}/Packages"
    index.parent.mkdir(parents=True)
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", root, made.package], check=True, capture_output=True)
    sha256, size = digest(made.package)
    index.write_text(f"{control}Filename: ./{made.package.name}\nSize: {size}\nSHA256: {sha256}\n")
    sha256, size = digest(index)
    made.release.write_text(
        f"Suite: trixie\nCodename: trixie\nArchitectures: {architecture} all\nComponents: main\n"
        f"Date: {formatdate(time.time() - 60, usegmt=True).replace('GMT', 'UTC')}\n"
        f"SHA256:\n {sha256} {size} {index.relative_to(made.release.parent)}\n"
    )
    return made


@pytest.fixture
def sign() -> Iterator[Callable[[Archive], str]]:
    """Signs an archive with a fresh key; the key, as a package source holds it."""
    # Not below tmp_path: the agent's socket has to have a short name.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        gpg = ["gpg", "--homedir", home, "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""]

        def signed(archive: Archive) -> str:
            subprocess.run([*gpg, "--quick-generate-key", "archive", "ed25519", "sign", "never"], check=True)
            inline = archive.release.with_name("InRelease")
            subprocess.run([*gpg, "--output", inline, "--clearsign", archive.release], check=True)
            key = subprocess.check_output([*gpg, "--armor", "--export"], text=True)
            return "\n" + "\n".join(f" {line or '.'}" for line in key.splitlines())

        yield signed
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=True)


needs_gpg = pytest.mark.skipif(not shutil.which("gpg"), reason="no gpg here to sign the archive with")


@needs_apt
@needs_gpg
def test_a_part_is_taken_out_of_a_signed_package(
    archive: Archive, sign: Callable[[Archive], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, dest = archive.source(sign(archive)), tmp_path / "servers"
    with owned(dest) as room:
        unpack([TOOL], dest, room, Apt(room, [source]))
    assert subprocess.check_output([dest / "bin/tool"], text=True) == "tool 1.0\n"
    assert read_ledger(dest) == {"bin/tool": "tool 1.0"}
    assert sorted(path.name for path in dest.iterdir()) == [".lock", "bin", LEDGER]
    assert "1/1 tool 1.0  0.0 MB" in capsys.readouterr().out


@needs_apt
@needs_gpg
def test_a_package_that_the_archive_does_not_have_is_named(
    archive: Archive, sign: Callable[[Archive], str], tmp_path: Path
) -> None:
    apt = Apt(tmp_path / "room", [archive.source(sign(archive))])
    with pytest.raises(SetupError, match=f"no package tool-ng or toolx for {apt.architecture}"):
        unpack([Part("bin/tool", ("tool-ng", "toolx"), "usr/bin/tool")], tmp_path, tmp_path / "room", apt)


@needs_apt
@needs_gpg
def test_what_is_optional_and_missing_is_only_noted(
    archive: Archive, sign: Callable[[Archive], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    absent = Part("bin/luxury", ("luxury",), "usr/bin/luxury", optional=True)
    source, dest = archive.source(sign(archive)), tmp_path / "servers"
    with owned(dest) as room:
        unpack([TOOL, absent], dest, room, Apt(room, [source]))
    assert list(read_ledger(dest)) == ["bin/tool"]
    assert "note: no package luxury for luxury; what needs it will not run" in capsys.readouterr().out


@needs_apt
@needs_gpg
def test_a_package_that_was_changed_after_signing_is_refused(
    archive: Archive, sign: Callable[[Archive], str], tmp_path: Path
) -> None:
    apt = Apt(tmp_path / "room", [archive.source(sign(archive))])
    data = archive.package.read_bytes()
    archive.package.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(SetupError, match=r"apt-get download tool=1\.0 failed:\s+E: (?s:.*)Hash Sum mismatch"):
        unpack([TOOL], tmp_path / "servers", tmp_path / "room", apt)
    assert not (tmp_path / "servers/bin").exists()


@needs_apt
def test_an_archive_that_nobody_signed_is_refused(archive: Archive, tmp_path: Path) -> None:
    apt = Apt(tmp_path / "room", [archive.source()])
    with pytest.raises(SetupError, match=r"apt-get update failed:\s+E: (?s:.*) is not signed(?s:.*)see /etc/apt"):
        apt.update()


@needs_apt
@pytest.mark.parametrize(
    ("version", "since", "older"),
    [("1.9", "1.112", True), ("1.112.0+ds1-2", "1.112", False), ("1.112~rc1", "1.112", True)],
)
def test_versions_are_ordered_as_the_distribution_does(version: str, since: str, *, older: bool) -> None:
    assert Package("tool", version, 0).is_older(since) is older
