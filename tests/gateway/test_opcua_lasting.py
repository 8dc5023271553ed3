"""What must last for months: channel and session of a server that is strict, slow or wrong; gaps of any shape."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from asyncua import ua
from asyncua.common.connection import SecureConnection

from greenops_core.errors import DeviceError
from greenops_gateway.opcua import driver, feed, history, session
from opcua_peer import Credential, Peer, credential, peer
from opcua_reading import Found, Noted, device, each, link, reading, until

OF_A_CHANNEL = 800
"""Milliseconds."""
OF_A_SESSION = 1.5
"""Seconds."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    with peer(tmp_path_factory.mktemp("opcua-lasting"), 60) as found:
        yield found


@pytest.fixture
def server(built: Peer) -> Iterator[Peer]:
    built.calm()
    yield built
    built.calm()
    built.shortest_session(None)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Credential:
    return credential(tmp_path_factory.mktemp("own-lasting"), "gateway")


@pytest.fixture
def renewals(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Tokens that the server gave, which end soon by a clock that is years behind."""
    given: list[int] = []
    give = SecureConnection.open

    def opened(self: SecureConnection, parameters: Any, server: Any) -> ua.OpenSecureChannelResult:  # noqa: ANN401  # the library's
        parameters.RequestedLifetime = ua.UInt32(OF_A_CHANNEL)
        result = give(self, parameters, server)
        result.SecurityToken.CreatedAt = ua.DateTime.fromtimestamp(946_684_800, UTC)
        given.append(int(result.SecurityToken.TokenId))
        return result

    monkeypatch.setattr(SecureConnection, "open", opened)
    return given


@pytest.mark.parametrize("secured", [True, False], ids=["secure", "open"])
async def test_a_channel_is_renewed_without_a_pause_whatever_the_server_s_clock_says(
    server: Peer,
    gateway: Credential,
    renewals: list[int],
    secured: bool,  # noqa: FBT001  # a case
) -> None:
    files = {
        "certificate": str(gateway.certificate),
        "key": str(gateway.key),
        "trust": [str(server.credential.certificate)],
    }
    more: dict[str, object] = {"security": {"policy": "Basic256Sha256", **files}} if secured else {}
    noted = Noted(device("ns=2;s=v1"))
    async with reading(link(server, publishing="10ms", queue=1000, **more), noted) as batches:
        await until(batches, each(1, "v1"))
        for number in range(150):
            await asyncio.to_thread(server.write, "v1", 1000.0 + number)
        found = await until(batches, lambda found: "v1" in found and found["v1"][-1].value == 1149)
        deadline = asyncio.get_running_loop().time() + 10
        while len(renewals) < 6:
            await asyncio.to_thread(server.write, "v1", 1150.0)
            await until(batches, each(1, "v1"))
            assert asyncio.get_running_loop().time() < deadline
    assert [sample.value for sample in found["v1"]] == [1000.0 + number for number in range(150)]


async def test_a_channel_that_ends_before_the_next_poll_is_renewed_in_time(server: Peer, renewals: list[int]) -> None:
    async with reading(link(server, mode="poll"), Noted(device("ns=2;s=v1", poll="60s"))) as batches:
        await until(batches, each(1, "v1"))
        with pytest.raises(TimeoutError):
            await until(batches, lambda _: False, 2)
    assert len(renewals) >= 4


async def test_a_session_that_is_polled_seldom_is_not_forgotten(server: Peer) -> None:
    server.shortest_session(OF_A_SESSION)
    async with reading(link(server, mode="poll"), Noted(device("ns=2;s=v1", poll="60s"))) as batches:
        await until(batches, each(1, "v1"))
        async with asyncio.timeout(10):
            for _ in range(4):  # signs of life, each a third of the session's life after the one before
                assert len(await anext(batches)) == 0
            await asyncio.sleep(0.1)
        assert server.sessions() == 1


async def test_a_subscription_that_says_little_gives_signs_of_life(
    server: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "LONGEST_IDLE", 0.2)
    async with reading(link(server, publishing="20s"), Noted(device("ns=2;s=v1"))) as batches, asyncio.timeout(5):
        assert [len(await anext(batches)) for _ in range(8)][-3:] == [0, 0, 0]


async def test_more_messages_than_can_be_asked_for_are_told_to_be_lost(server: Peer) -> None:
    noted = Noted(device("ns=2;s=v0"))
    async with reading(link(server), noted) as batches:
        await until(batches, each(1, "v0"))
        server.lose_messages(1500, kept=False)
        server.write("v0", 778.0)
        await until(batches, lambda found: "v0" in found and found["v0"][-1].value == 778)
    assert noted.told["sequence_gap"] == 1


async def test_a_namespace_that_comes_later_begins_the_session_anew(
    server: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "TRY_REFUSED_EVERY", 0.2)
    noted = Noted(device("ns=2;s=v1", "nsu=urn:late;s=v2"))
    with pytest.raises(DeviceError, match="has a new namespace: urn:late"):  # noqa: PT012  # what lived before is what ends
        async with reading(link(server), noted) as batches:
            await until(batches, each(1, "v1"))
            await asyncio.to_thread(server.add_namespace, "urn:late")
            await until(batches, lambda _: False, 5)


async def test_a_warning_is_given_once_and_not_at_every_try(
    gateway: Credential, caplog: pytest.LogCaptureFixture
) -> None:
    noted = Noted(device("ns=2;s=v1"))
    files = {"certificate": str(gateway.certificate), "key": str(gateway.key), "accept_any_server": True}
    nobody = link("opc.tcp://127.0.0.1:1", security={"policy": "Basic256Sha256", **files})
    for _ in range(3):
        with caplog.at_level(logging.WARNING), pytest.raises(OSError, match="cannot connect"):
            async with reading(nobody, noted):
                pass
    assert [record.getMessage() for record in caplog.records] == [
        "opc.tcp://127.0.0.1:1: accept_any_server: whoever answers there is believed"
    ]


async def gap(server: Peer, since: dict[str, float]) -> Found:
    """What comes first of a new session when the last values that are known are of *since*, by name."""
    noted = Noted(device(*(f"ns=2;s={name}" for name in since), history=True), {feed.TAKEN: dict(since)})
    found: Found = {}
    async with reading(link(server), noted) as batches, asyncio.timeout(10):
        while noted.told["ok"] == 0:  # the first live message comes behind the history
            for sample in await anext(batches):
                found.setdefault(sample.labels[-1], []).append(sample)
    return found


@pytest.mark.parametrize(
    ("first", "most", "says_more"),
    [
        pytest.param(20, None, True, id="page by page"),
        pytest.param(30, 2, True, id="two nodes at a time"),
        pytest.param(40, None, False, id="cut off without a word"),
        pytest.param(50, 2, False, id="both"),
    ],
)
async def test_gaps_of_different_length_are_filled_each_value_once(
    server: Peer,
    monkeypatch: pytest.MonkeyPatch,
    first: int,
    most: int | None,
    says_more: bool,  # noqa: FBT001  # a case
) -> None:
    monkeypatch.setattr(history, "VALUES_PER_ANSWER", 3)
    begin = datetime.now(UTC).timestamp()
    names = [f"v{number}" for number in range(first, first + 5)]
    for name in names:
        server.keep_history(name)
        for number in range(12):
            server.write(name, float(number), at=datetime.fromtimestamp(begin + number / 10, UTC))
    server.most, server.says_more = most, says_more
    known = dict(zip(names, (0, 2, 7, 8, 10), strict=True))
    found = await gap(server, {name: begin + number / 10 for name, number in known.items()})
    for name, number in known.items():
        values = [sample.value for sample in found.get(name, [])]
        assert values == [float(later) for later in range(number + 1, 12)], name


async def test_an_answer_without_anything_new_is_a_sign_of_life(server: Peer) -> None:
    server.keep_history("v15")
    noted = Noted(device("ns=2;s=v15", history=True), {feed.TAKEN: {"v15": datetime.now(UTC).timestamp() + 30}})
    async with reading(link(server), noted) as batches, asyncio.timeout(5):
        assert [len(await anext(batches)) for _ in range(3)] == [0, 0, 0]
        assert noted.told["ok"] == 0
