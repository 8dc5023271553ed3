"""What the DNP3 master sends, octet by octet: valid frames, nothing that operates or sets anything; and TLS."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dnp3_peer import (
    Office,
    Simulated,
    Wire,
    after,
    check,
    device,
    frames,
    link,
    program,
    reading,
    requests,
    simulated,
    until,
    value,
)
from greenops_core.duration import Duration
from greenops_core.errors import ConfigError, DeviceError
from greenops_gateway.dnp3.configuration import Dnp3Link
from greenops_gateway.dnp3.driver import connect
from greenops_gateway.dnp3.relay import is_ours
from greenops_gateway.plugin import Result
from greenops_telemetry.tls import Tls
from self_signed import SelfSigned, self_signed
from stack import free_port

CONFIRM, READ, WRITE, ENABLE_UNSOLICITED, DISABLE_UNSOLICITED = 0, 1, 2, 20, 21
CLEAR_RESTART = bytes.fromhex("50 01 00 07 07 00")
"""Group 80 variation 1, index 7 to 7, the bit 0."""


async def session(port: int, happened: asyncio.Event, **more: Any) -> None:  # noqa: ANN401  # any key of the section
    """Read until all has *happened* and some more requests were answered."""
    office = Office(device(poll=0.1, integrity=Duration(0.3), **more))
    async with reading(port, office) as batches:
        await until(batches, lambda _: happened.is_set())
        await until(batches, after(office, 5))


def functions(octets: bytes) -> dict[int, list[bytes]]:
    found: dict[int, list[bytes]] = {}
    for request in requests(octets):
        found.setdefault(request[1], []).append(request[2:])
    return found


@pytest.mark.parametrize("make", ["simulator", "opendnp3"])
@pytest.mark.parametrize("unsolicited", [True, False])
async def test_only_reads_and_what_the_protocol_asks_of_every_master_is_sent(make: str, *, unsolicited: bool) -> None:
    port, happened = free_port(), asyncio.Event()
    if make == "simulator":
        async with simulated(port=port) as outstation, Wire(port).running() as wire:
            running = asyncio.create_task(session(wire.port, happened, unsolicited=unsolicited))
            for step in range(5):
                await asyncio.sleep(0.06)
                outstation.update(step % 3, 10.5 + step)
            outstation.station.outstation._state.set_restart()  # noqa: SLF001  # the library restarts in no other way
            happened.set()
            await running
    else:
        with program("opendnp3", port, 3) as other:
            async with Wire(port).running() as wire:
                running = asyncio.create_task(session(wire.port, happened, unsolicited=unsolicited))
                for step in range(5):
                    await asyncio.sleep(0.06)
                    other.tell(f"set {step % 3} {10 + step} 0")
                happened.set()
                await running
    sent = functions(bytes(wire.sent))
    assert set(sent) == {CONFIRM, READ, WRITE, ENABLE_UNSOLICITED, DISABLE_UNSOLICITED}
    assert set(sent[WRITE]) == {CLEAR_RESTART}
    assert set(sent[CONFIRM]) == {b""}
    assert len(sent[READ]) >= 5
    assert len(list(frames(bytes(wire.answered)))) > 10


def test_the_check_of_these_tests_is_that_of_the_standard() -> None:
    """The example of annex E: a header 05 64 05 F2 01 00 EF FF is followed by BF B5."""
    assert check(bytes.fromhex("056405F20100EFFF")) == 0xB5BF


def test_a_connection_that_is_not_there_is_not_ours() -> None:
    assert not is_ours(free_port(), free_port())


def identity(folder: Path, name: str, days: float = 10) -> SelfSigned:
    """Self-signed, for the DNS name *name*."""
    return self_signed(folder, timedelta(days=days), name=name, host=name)


@asynccontextmanager
async def secured(rtu: SelfSigned, master: SelfSigned) -> AsyncIterator[Simulated]:
    """An outstation that wants a certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=master.certificate)
    context.load_cert_chain(rtu.certificate, rtu.key)
    context.verify_mode = ssl.CERT_REQUIRED
    async with simulated(ssl=context) as outstation:
        yield outstation


def tls(port: int, trusted: SelfSigned, own: SelfSigned | None, name: str | None = "rtu") -> Dnp3Link:
    files = {} if own is None else own.files
    made = link(port, tls=Tls(ca=trusted.certificate, server_name=name, **files), timeout=Duration(1))
    made.check()
    return made


async def test_both_sides_prove_who_they_are_and_both_ends_are_told(tmp_path: Path) -> None:
    rtu, master = identity(tmp_path, "rtu", days=10), identity(tmp_path, "master")
    office = Office(device())
    async with (
        asyncio.timeout(10),
        secured(rtu, master) as outstation,
        connect(tls(outstation.port, rtu, master), [office.desk()]) as batches,
    ):
        async for batch in batches:
            if batch:
                assert value(batch[0]) == ("p0", 0.25)
                break
    assert office.expiries == {"server": rtu.end, "own": master.end}


@pytest.mark.parametrize(
    ("trusted", "own", "name", "words"),
    [
        pytest.param("other", "master", "rtu", "self-signed certificate", id="an outstation that is not trusted"),
        pytest.param("rtu", "master", "pump", "not valid for 'pump'", id="another outstation"),
        pytest.param("rtu", "master", None, "not valid for '127.0.0.1'", id="its name is not its host"),
        pytest.param("old", "master", "old", "expired", id="an outstation whose certificate has ended"),
    ],
)
async def test_a_wrong_outstation_is_refused(
    tmp_path: Path, trusted: str, own: str, name: str | None, words: str
) -> None:
    known = {each: identity(tmp_path, each, -1 if each == "old" else 10) for each in ("rtu", "master", "other", "old")}
    office = Office(device())
    async with secured(known["old" if trusted == "old" else "rtu"], known["master"]) as outstation:
        with pytest.raises(
            DeviceError, match=r"cannot connect to 127\.0\.0\.1:\d+: the server.s certificate is not trusted"
        ) as raised:
            async with connect(tls(outstation.port, known[trusted], known[own], name), [office.desk()]):
                pass
    assert words in str(raised.value)
    assert office.counts == {Result.CONNECT: 1}


async def refused(given: Dnp3Link) -> str:
    """Why a link was given up."""
    try:
        async with asyncio.timeout(10), connect(given, [Office(device()).desk()]) as batches:
            async for batch in batches:
                assert not batch
    except (DeviceError, OSError) as error:
        return str(error)
    raise AssertionError("the stream ended")


async def test_a_master_without_certificate_is_not_let_in(tmp_path: Path) -> None:
    rtu, master = identity(tmp_path, "rtu"), identity(tmp_path, "master")
    async with secured(rtu, master) as outstation:
        assert await refused(tls(outstation.port, rtu, None))


async def test_a_file_that_is_no_certificate_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing", encoding="utf-8")
    with pytest.raises(DeviceError, match=r"tls\.ca: .*ca\.pem holds no certificate"):
        async with connect(link(1, tls=Tls(ca=str(tmp_path / "ca.pem"))), [Office(device()).desk()]):
            pass


async def test_a_machine_without_the_stack_is_told_where_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib
    import sys

    monkeypatch.setitem(sys.modules, "opendnp3", None)
    monkeypatch.delitem(sys.modules, "greenops_gateway.dnp3.master")
    with pytest.raises(ConfigError, match="Linux with glibc on x86-64 only"):
        importlib.import_module("greenops_gateway.dnp3.master")
