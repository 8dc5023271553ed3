from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from greenops_core.errors import DeviceError
from greenops_gateway.modbus.frame import Answer, Ask, Tcp
from greenops_gateway.modbus.wire import Wire, open_tcp
from greenops_telemetry.tls import Tls
from libmodbus_server import HOLDING, UNIT
from modbus_peer import pymodbus_tcp, raw_server
from self_signed import HERE, NOW, YEAR, Authority, SelfSigned

PATIENCE = 5.0
ASK = Ask(UNIT, 3, 0, 1)
GOOD = Answer(HOLDING[0].to_bytes(2, "big"))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def serving(shown: SelfSigned, trusts: str) -> ssl.SSLContext:
    """A server that asks for its client's certificate, as Modbus/TCP Security has it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown.certificate, shown.key)
    context.load_verify_locations(trusts)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


async def read(port: int, secure: Tls, ends: dict[str, float] | None = None) -> tuple[Wire, Answer]:
    wire = await open_tcp(HERE, port, PATIENCE, Tcp(), secure, told=(ends if ends is not None else {}).__setitem__)
    try:
        return wire, await wire.ask(ASK, PATIENCE)
    finally:
        wire.close()
        await wire.wait_closed()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
async def test_both_sides_show_certificates_and_both_ends_are_known(
    authority: Authority, version: ssl.TLSVersion
) -> None:
    server, client = authority.signed("server", end=NOW + YEAR / 2), authority.signed("client")
    ends: dict[str, float] = {}
    secure = serving(server, authority.ca)
    secure.maximum_version = version
    async with pymodbus_tcp("tcp", secure) as port:
        _, answer = await read(port, Tls(ca=authority.ca, **client.files), ends)
    assert answer == GOOD
    assert ends == {"own": client.end, "server": server.end}


@pytest.mark.parametrize(
    ("shown", "why"),
    [
        pytest.param(
            lambda ours, _: ours.signed("server", host="127.0.0.9"), r"127\.0\.0\.1.*server_name", id="another host"
        ),
        pytest.param(
            lambda ours, _: ours.signed("server", end=NOW - YEAR / 2), "expired.*renew it.*clock", id="expired"
        ),
        pytest.param(lambda _, other: other.signed("server"), "not trusted.*into ca", id="signed by somebody else"),
    ],
)
async def test_a_server_that_is_not_trusted_gets_no_request(
    authority: Authority, tmp_path: Path, shown: Callable[[Authority, Authority], SelfSigned], why: str
) -> None:
    client = authority.signed("client")
    server = shown(authority, Authority(tmp_path, "stranger"))
    async with pymodbus_tcp("tcp", serving(server, authority.ca)) as port:
        with pytest.raises(DeviceError, match=f"cannot connect to 127.*{why}"):
            await read(port, Tls(ca=authority.ca, **client.files))


async def test_another_host_name_is_taken_when_that_is_said(authority: Authority) -> None:
    server, client = authority.signed("server", host="127.0.0.9"), authority.signed("client")
    async with pymodbus_tcp("tcp", serving(server, authority.ca)) as port:
        _, answer = await read(port, Tls(ca=authority.ca, server_name="", **client.files))
    assert answer == GOOD


async def test_a_client_that_the_server_does_not_trust_is_told_so(authority: Authority, tmp_path: Path) -> None:
    server, stranger = authority.signed("server"), Authority(tmp_path, "stranger").signed("client")
    async with pymodbus_tcp("tcp", serving(server, authority.ca)) as port:  # asyncio's server closes without a word
        with pytest.raises(DeviceError, match="closed the connection; does it trust this side's certificate"):
            await read(port, Tls(ca=authority.ca, **stranger.files))


async def test_a_refused_certificate_is_named_by_the_server_s_alert(authority: Authority, tmp_path: Path) -> None:
    server, stranger = authority.signed("server"), Authority(tmp_path, "stranger").signed("client")
    secure = serving(server, authority.ca)

    def serve(listening: socket.socket) -> None:
        plain, _ = listening.accept()
        plain.settimeout(PATIENCE)
        with plain, secure.wrap_socket(plain, server_side=True, do_handshake_on_connect=False) as speaking:
            with pytest.raises(ssl.SSLError):
                speaking.do_handshake()
            with socket.socket(fileno=speaking.detach()) as again:
                again.settimeout(PATIENCE)
                while again.recv(100):
                    pass

    with socket.create_server((HERE, 0)) as listening:
        served = asyncio.create_task(asyncio.to_thread(serve, listening))
        with pytest.raises(DeviceError, match=r"the server refuses this side's certificate.*alert unknown ca"):
            await read(listening.getsockname()[1], Tls(ca=authority.ca, **stranger.files))
        await served


@pytest.mark.parametrize(
    ("says", "why"),
    [
        pytest.param(b"HTTP/1.1 400 Bad Request", "TLS: .*does the server speak TLS on this port", id="plain text"),
        pytest.param(b"", "no answer within 100ms", id="nothing"),
    ],
)
async def test_a_device_without_tls_is_named(authority: Authority, says: bytes, why: str) -> None:
    client = authority.signed("client")
    secure = Tls(ca=authority.ca, **client.files)
    async with raw_server(lambda _: says, 12) as port:
        with pytest.raises(DeviceError, match=why):
            await open_tcp(HERE, port, 0.1, Tcp(), secure)


async def test_a_device_that_hangs_up_on_tls_is_named(authority: Authority) -> None:
    client = authority.signed("client")
    secure = Tls(ca=authority.ca, **client.files)

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    async with await asyncio.start_server(hang_up, HERE, 0) as listening:
        with pytest.raises(DeviceError, match=r"cannot connect to .*: .*; does it speak TLS there"):
            await open_tcp(HERE, listening.sockets[0].getsockname()[1], PATIENCE, Tcp(), secure)
