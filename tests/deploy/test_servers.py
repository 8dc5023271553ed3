"""The command that brings the servers: its destination, its ledger, and what it says to the user."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from archive import SetupError
from real_servers import eventually
from servers import LEDGER, Part, libraries, missing, must_start, owned, read_ledger, take, write_ledger
from stack import ROOT, server

COMMAND = ROOT / "deploy/local/servers.py"
NEEDED = ("prometheus", "promtool", "alertmanager", "amtool", "victoria-metrics")
OPTIONAL = ("docker-compose", "node_exporter", "mosquitto", "tshark")
TOOL = Part("bin/tool", ("no-such-package", "tool"), "usr/bin/tool*")


def test_the_ledger_gives_back_what_was_written(tmp_path: Path) -> None:
    entries = {"bin/tool": "tool 1.0-1", "lib/part": "part 2"}
    assert read_ledger(tmp_path) == {}
    write_ledger(tmp_path, entries)
    assert read_ledger(tmp_path) == entries
    assert [path.name for path in tmp_path.iterdir()] == [LEDGER]


def test_the_ledger_of_another_kind_of_machine_does_not_count(tmp_path: Path) -> None:
    write_ledger(tmp_path, {"bin/tool": "tool 1.0-1"})
    ledger = tmp_path / LEDGER
    ledger.write_text(ledger.read_text().replace(platform.machine(), "vax"))
    assert read_ledger(tmp_path) == {}


@pytest.mark.parametrize(
    ("listed", "there", "absent"),
    [(True, True, False), (True, False, True), (False, True, True), (False, False, True)],
    ids=["complete", "removed by hand", "interrupted before the ledger", "nothing yet"],
)
def test_a_part_is_there_when_the_ledger_and_the_folder_say_so(
    tmp_path: Path, *, listed: bool, there: bool, absent: bool
) -> None:
    write_ledger(tmp_path, {"bin/tool": "tool 1"} if listed else {})
    if there:
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin/tool").touch()
    assert missing([TOOL], tmp_path) == ([TOOL] if absent else [])


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(SetupError, match=r"is not empty, and its files are not from here. Choose another --dest"):
        owned(tmp_path).__enter__()
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_what_a_killed_run_left_is_removed_and_nothing_half_done_stays(tmp_path: Path) -> None:
    dest = tmp_path / "servers"
    with owned(dest) as room:
        (room / "half").touch()
        shutil.copytree(room, dest / "kept")
    (dest / "kept").rename(room)
    with owned(dest) as room:
        assert not list(room.iterdir())
    assert not room.exists()


def test_a_second_run_waits_for_the_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    order = []

    def second() -> None:
        with owned(tmp_path / "servers"):
            order.append("second")

    with owned(tmp_path / "servers"):
        thread = threading.Thread(target=second)
        thread.start()
        said = eventually(lambda: capsys.readouterr().out)
        order.append("first")
    thread.join(10)
    assert said.startswith("waiting for another run")
    assert order == ["first", "second"]


def test_two_parts_may_be_the_same_file_of_one_package(tmp_path: Path) -> None:
    root, dest = tmp_path / "package", tmp_path / "dest"
    (root / "usr/lib").mkdir(parents=True)
    (root / "usr/lib/libzstd.so.1").write_bytes(b"library")
    for target in ("lib/libzstd.so.1", "lib/mosquitto.d/libzstd.so.1"):
        take(Part(target, ("libzstd1",), "usr/lib/libzstd.so.1"), root, "libzstd1 1", dest)
        assert (dest / target).read_bytes() == b"library"


def test_a_library_is_taken_by_the_name_that_it_is_loaded_by(tmp_path: Path) -> None:
    for folder, file, link in (("usr/lib/x", "libone.so.1.2", "libone.so.1"), ("lib/x", "libtwo.so.0.8", None)):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / file).touch()
        if link:
            (tmp_path / folder / link).symlink_to(file)
    assert [path.name for path in libraries(tmp_path)] == ["libtwo.so.0.8", "libone.so.1"]


def test_a_program_that_is_installed_is_not_brought_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tool").touch(mode=0o755)
    part = Part("lib/tool", ("tool",), "usr/bin/tool", local=True)
    monkeypatch.setenv("PATH", "")
    assert missing([part], tmp_path) == [part]
    monkeypatch.setenv("PATH", str(tmp_path))
    assert missing([part], tmp_path) == []


def test_a_link_that_leads_out_of_the_package_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "root/usr/bin").mkdir(parents=True)
    (tmp_path / "outside").touch()
    (tmp_path / "root/usr/bin/tool").symlink_to(tmp_path / "outside")
    with pytest.raises(SetupError, match=r"tool 1 has no usr/bin/tool"):
        take(TOOL, tmp_path / "root", "tool 1", tmp_path / "dest")
    assert (tmp_path / "outside").exists()


@pytest.mark.parametrize(
    ("program", "said"),
    [("#!/bin/sh\necho version GLIBC_9 not found >&2\nexit 1\n", "GLIBC_9 not found"), ("\x7fELF", "format error")],
    ids=["it fails", "it is for another machine"],
)
def test_a_program_that_cannot_run_here_is_found_at_once(tmp_path: Path, program: str, said: str) -> None:
    (tmp_path / "tool").write_text(program)
    (tmp_path / "tool").chmod(0o755)
    with pytest.raises(SetupError, match=rf"tool does not start on this {platform.machine()}: .*{said}"):
        must_start(tmp_path / "tool")


def test_the_broker_brings_its_own_libraries() -> None:
    done = subprocess.run([server("mosquitto"), "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("mosquitto version 2.")


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command by a Python that sees the standard library only."""
    kept = {name: value for name, value in os.environ.items() if name != "GREENOPS_SERVERS"}
    return subprocess.run(
        [sys.executable, "-S", COMMAND, *arguments],
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_teaches() -> None:
    done = run("--help")
    assert done.returncode == 0
    for word in (*NEEDED, *OPTIONAL, "--dest FOLDER", "GREENOPS_SERVERS=FOLDER", "120 MB", "Ubuntu"):
        assert word in done.stdout


def test_a_misspelt_option_is_a_usage_error() -> None:
    done = run("--destination=/nowhere")
    assert done.returncode == 2
    assert "unrecognized arguments" in done.stderr


def test_a_system_without_apt_is_told_what_to_do(tmp_path: Path) -> None:
    done = run("--dest", tmp_path / "servers", PATH="")
    assert done.returncode == 1
    assert done.stderr == (
        "servers.py: No apt-get here: the servers are unpacked from Debian or Ubuntu packages.\n"
        f"  Or bring {', '.join(NEEDED)} by any other way into one folder and set GREENOPS_SERVERS=FOLDER.\n"
    )
    assert not list(tmp_path.iterdir())


def test_a_destination_that_cannot_be_made_is_said_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run("--dest", tmp_path / "file/servers")
    assert done.returncode == 1
    assert done.stderr.startswith("servers.py: [Errno 20] Not a directory: ")
    assert "Choose another --dest" in done.stderr


@pytest.mark.parametrize(
    ("there", "code", "said"),
    [
        ((*NEEDED, *OPTIONAL), 0, ()),
        (NEEDED, 0, tuple(f"note: no {name} in" for name in OPTIONAL)),
        (NEEDED[1:-1], 1, (" has no prometheus, victoria-metrics. Unset GREENOPS_SERVERS",)),
        ((), 1, (f" has no {', '.join(NEEDED)}. ",)),
    ],
    ids=["all", "all that is needed", "two are missing", "empty"],
)
def test_a_folder_that_the_user_gave_is_looked_at(
    tmp_path: Path, there: tuple[str, ...], code: int, said: tuple[str, ...]
) -> None:
    for name in there:
        (tmp_path / name).touch(mode=0o755)
    done = run("--dest", tmp_path / "dest", GREENOPS_SERVERS=str(tmp_path), PATH="")
    assert done.returncode == code
    assert (f"servers: those in {tmp_path} (GREENOPS_SERVERS)" in done.stdout) is (code == 0)
    assert (done.stdout + done.stderr).count("note: ") == sum(word.startswith("note") for word in said)
    for words in said:
        assert words in done.stdout + done.stderr
    assert not (tmp_path / "dest").exists()


def test_a_program_that_may_not_be_run_is_missing(tmp_path: Path) -> None:
    for name in NEEDED:
        (tmp_path / name).touch(mode=0o644 if name == "amtool" else 0o755)
    done = run(GREENOPS_SERVERS=str(tmp_path))
    assert f"GREENOPS_SERVERS={tmp_path} has no amtool." in done.stderr
