"""Who is logged in, as the host records it, or does not."""

from __future__ import annotations

import os
import shutil
import struct
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixture_host import FixtureHost
from greenops_agent import login
from greenops_agent.login import NoRecordError, Record, Session
from greenops_core.errors import DecodeError

ANA = Session("ana", "pts/0")
BOOT, WAITS_FOR_LOGIN, PERSON, GONE = 2, 6, 7, 8
MACHINE = os.uname().machine


def utmp(*records: tuple[int, str, str], machine: str = MACHINE) -> bytes:
    """A file as the C library writes it, from kind, terminal and user."""
    size = 400 if machine in {"aarch64", "riscv64"} else 384
    packed = (
        struct.pack("=hxxi32s4s32s", kind, 4711, line.encode(), b"x", user.encode()) for kind, line, user in records
    )
    return b"".join(one.ljust(size, b"\0") for one in packed)


@pytest.mark.parametrize(
    ("more", "found"),
    [
        pytest.param({}, [ANA], id="at a terminal"),
        pytest.param({"STATE": "online"}, [ANA], id="in the background of a seat"),
        pytest.param({"CLASS": "user-incomplete"}, [ANA], id="just coming"),
        pytest.param({"CLASS": "of-the-future"}, [ANA], id="a class that is not known counts"),
        pytest.param({"TTY": ""}, [Session("ana", None)], id="without a terminal"),
        pytest.param({"STATE": "closing"}, [], id="logged out, a program still runs"),
        pytest.param({"CLASS": "greeter"}, [], id="a login screen"),
        pytest.param({"CLASS": "background"}, [], id="a timed job"),
        pytest.param({"CLASS": "manager"}, [], id="a user's services"),
    ],
)
def test_logind_tells_who_is_there(host: FixtureHost, more: dict[str, str], found: list[Session]) -> None:
    host.logs_in(ANA, **more)
    assert host.source.sessions(host.at) == found


def test_pipes_and_unfinished_files_of_logind_are_passed_by(host: FixtureHost) -> None:
    folder = host.root / "run/systemd/sessions"
    os.mkfifo(folder / "1.ref")
    (folder / ".#2x8a").write_text("USER=")
    assert host.source.sessions(host.at) == []


def test_a_session_that_names_nobody_is_refused(host: FixtureHost) -> None:
    (host.root / "run/systemd/sessions/7").write_text("STATE=active\n")
    with pytest.raises(DecodeError, match="sessions/7 names no user"):
        host.source.sessions(host.at)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        pytest.param(utmp((BOOT, "~", "reboot")), [], id="nobody"),
        pytest.param(
            utmp(
                (BOOT, "~", "reboot"), (WAITS_FOR_LOGIN, "tty1", "LOGIN"), (PERSON, "pts/0", "ana"), (GONE, "pts/1", "")
            ),
            [ANA],
            id="one person, one who left, one console",
        ),
        pytest.param(utmp((PERSON, "", "ana")), [Session("ana", None)], id="without a terminal"),
    ],
)
def test_without_logind_utmp_tells_below_any_root(host: FixtureHost, content: bytes, found: list[Session]) -> None:
    host.keeps_no_record("init", "sshd")
    (host.root / "run").mkdir()
    (host.root / "run/utmp").write_bytes(content)
    assert host.source.sessions(host.at) == found


@pytest.mark.parametrize("machine", ["x86_64", "aarch64", "riscv64", "armv7l"])
def test_a_record_of_utmp_is_as_long_as_the_machine_has_it(machine: str) -> None:
    content = utmp((BOOT, "~", "reboot"), (PERSON, "pts/0", "ana"), machine=machine)
    assert list(login.utmp(content, machine)) == [None, ANA]
    with pytest.raises(DecodeError, match="not a multiple"):
        list(login.utmp(content[:-1], machine))


@given(st.binary(max_size=2000), st.sampled_from(["x86_64", "aarch64"]))
def test_no_utmp_is_more_than_refused(content: bytes, machine: str) -> None:
    with suppress(DecodeError):
        list(login.utmp(content, machine))


@pytest.mark.parametrize("left", ["nothing", "an empty utmp", "a utmp of zeros", "folders made by a mount"])
def test_a_record_that_nobody_keeps_is_none(host: FixtureHost, left: str) -> None:
    host.keeps_no_record("init", "bash", "sshd")
    run = host.root / "run"
    run.mkdir()
    match left:
        case "an empty utmp":
            (run / "utmp").touch()
        case "a utmp of zeros":
            (run / "utmp").write_bytes(utmp((0, "", "")))
        case "folders made by a mount":
            (run / "systemd/seats").mkdir(parents=True)
            (run / "systemd/sessions").mkdir()
        case _:
            pass
    with pytest.raises(NoRecordError, match=r"^sshd lets people in, .*idle\.sessions: none"):
        host.source.sessions(host.at)


def test_a_record_seen_in_part_is_no_record_of_nobody(host: FixtureHost) -> None:
    shutil.rmtree(host.root / "run/systemd/sessions")
    with pytest.raises(FileNotFoundError):
        host.source.sessions(host.at)


@pytest.mark.parametrize(
    ("processes", "known"),
    [
        pytest.param(["init", "bash", "python"], True, id="nothing lets people in"),
        pytest.param(["init", "sshd"], False, id="people may come by ssh"),
        pytest.param(["init", "agetty"], False, id="people may come to the console"),
        pytest.param([], False, id="other users' processes are hidden"),
    ],
)
def test_without_a_record_nobody_is_there_only_where_nobody_can_come(
    host: FixtureHost,
    processes: list[str],
    known: bool,  # noqa: FBT001
) -> None:
    host.keeps_no_record(*processes)
    if known:
        assert host.source.sessions(host.at) is None
    else:
        with pytest.raises(NoRecordError):
            host.source.sessions(host.at)


def test_what_lets_people_in_is_looked_for_once_a_minute(host: FixtureHost) -> None:
    host.keeps_no_record("init", "bash")
    record = Record(host.root)
    assert record.sessions(host.at) is None
    (host.root / "proc/2/comm").write_text("sshd\n")
    assert record.sessions(host.at + 59) is None
    with pytest.raises(NoRecordError):
        record.sessions(host.at + 60)


def test_this_machine_tells_or_says_why_not() -> None:
    with suppress(NoRecordError):
        found = Record(Path("/")).sessions(0.0)
        assert found is None or all(session.user for session in found)
