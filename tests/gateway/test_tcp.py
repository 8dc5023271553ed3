"""Hosts, connections and certificates: the same for every protocol."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from pathlib import Path

import pytest

from greenops_core.errors import ConfigError, DeviceError
from greenops_gateway.tcp import check_host, connect, said
from greenops_telemetry.tls import Tls
from self_signed import HERE, NOW, Authority
from stack import free_port


@pytest.mark.parametrize("host", ["10.0.0.5", "fe80::1", "::1", "analyser", "cems_1.plant.example", "mess-gerät.de"])
def test_names_and_addresses_are_hosts(host: str) -> None:
    check_host(host, 502)


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("10.0.0.5:502", "the port apart, as port: 502"),
        ("mqtt://broker", "the port apart"),
        ("", "the port apart"),
        ("a b", "the port apart"),
        ("a..b", "between its dots stand 1 to 63"),
        ("a" * 64, "between its dots stand 1 to 63"),
    ],
)
def test_what_is_no_host_is_told_how_to_write_one(host: str, why: str) -> None:
    with pytest.raises(ConfigError, match=f"^host: '{host}' is no host; .*{why}"):
        check_host(host, 502)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(111, "Connect call failed ('10.0.0.5', 502)"), "Connection refused"),
        (ConnectionResetError(), "the other side closed the connection"),
        (
            OSError(
                "Multiple exceptions: [Errno 111] Connect call failed ('::1', 502, 0, 0), "
                "[Errno 111] Connect call failed ('127.0.0.1', 502)"
            ),
            "Connection refused",
        ),
        (OSError("Multiple exceptions"), "Multiple exceptions"),
    ],
)
def test_an_error_is_told_in_the_system_s_words(error: Exception, words: str) -> None:
    assert re.fullmatch(words, said(error))


async def test_nobody_there_is_told_with_the_place() -> None:
    port = free_port()
    with pytest.raises(DeviceError, match=f"^cannot connect to {HERE}:{port}: Connection refused$"):
        await connect(asyncio.Protocol, HERE, port, 1)


async def test_a_certificate_of_ours_that_has_ended_is_told_though_there_is_no_connection(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    own = authority.signed("own", end=NOW - timedelta(days=1))
    ends: dict[str, float] = {}
    secure = Tls(ca=authority.ca, **own.files)
    with pytest.raises(DeviceError, match="Connection refused"):
        await connect(asyncio.Protocol, HERE, free_port(), 1, secure, told=ends.__setitem__)
    assert ends == {"own": own.end}


async def test_a_file_that_went_is_told_with_its_key(tmp_path: Path) -> None:
    secure = Tls(ca=str(tmp_path / "gone.pem"))
    with pytest.raises(DeviceError, match=r"^cannot connect to .*: tls\.ca: cannot read .*gone\.pem: No such file"):
        await connect(asyncio.Protocol, HERE, free_port(), 1, secure)
