"""The driver over real sockets, with a server that does what servers do."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from greenops_core.errors import DeviceError
from greenops_core.sample import Quality, Reason
from greenops_gateway.opcua import driver, subscription
from greenops_gateway.opcua.configuration import OpcUaLink
from greenops_gateway.schedule import BEGUN, SLOT
from opcua_peer import MANY, NAMESPACE, PASSWORD, USER, Credential, Peer, credential, peer
from opcua_reading import Noted, device, each, link, once, reading, until

SETTING_UP = 6
"""Reads of a new session: namespaces, start, four limits."""
SECURE = {"policy": "Aes256_Sha256_RsaPss", "mode": "sign_and_encrypt"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    with peer(tmp_path_factory.mktemp("opcua")) as found:
        yield found


@pytest.fixture
def server(built: Peer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Peer]:
    monkeypatch.setattr(subscription, "KEEP_ALIVE", 0.5)
    built.calm()
    yield built
    built.calm()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Credential:
    return credential(tmp_path_factory.mktemp("own"), "gateway")


MODES = pytest.mark.parametrize("mode", ["poll", "subscribe"])


@MODES
async def test_a_sample_carries_value_and_source_time(server: Peer, mode: str) -> None:
    at = datetime.now(UTC) - timedelta(seconds=1)
    server.write("v1", 20.5, at=at)
    server.add("flags", [1.5, 2.5, 3.5])
    points = [
        {"name": "so2", "unit": "%", "node": f"nsu={NAMESPACE};s=v1", "scale": 10, "offset": 5},
        {"name": "second", "unit": "1", "node": "ns=2;s=flags", "index": 1},
        {"name": "whole", "unit": "1", "node": "ns=2;s=flags"},
        {"name": "beyond", "unit": "1", "node": "ns=2;s=flags", "index": 7},
    ]
    noted = Noted(device("ns=2;s=v0", points=points, mode=mode))
    found = await once(link(server), noted)
    server.remove("flags")
    assert found["so2"].value == pytest.approx(2.1)
    assert found["so2"].at == pytest.approx(at.timestamp(), abs=1e-3)
    assert (found["so2"].quality, found["second"].value) == (Quality.GOOD, 2.5)
    assert [found[name].reason for name in ("whole", "beyond")] == [Reason.DECODE] * 2
    assert noted.told["ok"] >= 1


@MODES
@pytest.mark.parametrize(
    ("status", "value", "judged"),
    [
        pytest.param(0, 7.0, (Quality.GOOD, Reason.NONE), id="good"),
        pytest.param(0x00960000, 7.0, (Quality.UNCERTAIN, Reason.FORCED), id="local override"),
        pytest.param(0x40900000, 7.0, (Quality.UNCERTAIN, Reason.STALE), id="last usable value"),
        pytest.param(0x80310000, None, (Quality.BAD, Reason.COMMUNICATION), id="no communication"),
        pytest.param(0x808D0000, None, (Quality.BAD, Reason.MAINTENANCE), id="out of service"),
        pytest.param(0x80320000, None, (Quality.BAD, Reason.WARM_UP), id="waiting for initial data"),
    ],
)
async def test_the_status_is_the_quality(
    server: Peer, mode: str, status: int, value: float | None, judged: tuple[Quality, Reason]
) -> None:
    server.write("v2", 7.0, status)
    sample = (await once(link(server), Noted(device("ns=2;s=v2", mode=mode))))["v2"]
    assert (sample.quality, sample.reason) == judged
    assert math.isnan(sample.value) if value is None else sample.value == value


async def test_a_time_of_the_future_is_no_time(server: Peer) -> None:
    server.write("v3", 7.0, at=datetime.now(UTC) + timedelta(hours=1))
    sample = (await once(link(server), Noted(device("ns=2;s=v3"))))["v3"]
    assert (sample.quality, sample.reason, sample.value) == (Quality.UNCERTAIN, Reason.CLOCK, 7.0)
    assert sample.at <= datetime.now(UTC).timestamp()


async def test_no_change_is_lost_and_all_come_in_order(server: Peer) -> None:
    noted = Noted(device("ns=2;s=v4", "ns=2;s=v5"))
    others = server.subscriptions()
    async with reading(link(server, queue=1000), noted) as batches:
        await until(batches, each(1, "v4", "v5"))
        for number in range(300):
            server.write("v4", 1000.0 + number)
        found = await until(batches, each(300, "v4"))
        for number in range(10):
            server.write("v5", float(number))
            await until(batches, each(1, "v5"))
        assert server.unacknowledged() <= 3  # of more than ten messages
    assert [sample.value for sample in found["v4"]] == [1000.0 + number for number in range(300)]
    await asyncio.to_thread(server.left)
    assert server.subscriptions() == others


async def test_an_overflowing_queue_is_told(server: Peer) -> None:
    server.write("v6", 7.0, 0x0480)
    noted = Noted(device("ns=2;s=v6"))
    assert (await once(link(server), noted))["v6"].quality is Quality.GOOD
    assert noted.told["overflow"] == 1


@MODES
async def test_unknown_nodes_are_bad_alone_and_found_when_they_come(
    server: Peer, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "TRY_REFUSED_EVERY", 0.3)
    noted = Noted(device("ns=2;s=v7", "ns=2;s=later", "nsu=urn:nobody;s=never", mode=mode))
    async with reading(link(server), noted) as batches:
        found = await until(batches, each(1, "v7", "later", "never") if mode == "subscribe" else each(1, "v7", "later"))
        assert found["v7"][0].quality is Quality.GOOD
        assert found["later"][0].reason is Reason.DEVICE_EXCEPTION
        server.add("later", 5.5)
        await until(batches, lambda found: "later" in found and found["later"][-1].value == 5.5)
    server.remove("later")


async def test_a_server_without_any_namespace_of_ours_is_said_to_be_so(server: Peer) -> None:
    noted = Noted(device("nsu=urn:nobody;s=never"))
    with pytest.raises(DeviceError, match=f"no namespace of any point; it has .*{NAMESPACE}"):
        async with reading(link(server), noted) as batches:
            await until(batches, lambda _: False)


@pytest.mark.parametrize("says", [100, 0], ids=["limit known", "limit found out"])
async def test_all_of_many_nodes_are_read_100_at_a_time(server: Peer, says: int) -> None:
    server.most = 100
    server.say_limits(says)
    numbers = range(10, MANY)
    every = device(*(f"ns=2;s=v{number}" for number in numbers), mode="poll", poll="60s", history=False)
    noted = Noted(every)
    refusals = 0 if says else 4
    wanted = math.ceil(len(numbers) / (100 if says else 62))  # 1000, 500, 250, 125, 62
    for refused_ones in (refusals, 0):  # the second session knows from the start
        server.reads = 0
        found = await once(link(server), noted)
        assert [found[f"v{number}"].value for number in numbers] == [float(number) for number in numbers]
        assert noted.told["ok"] == wanted
        assert 0 <= server.reads - (wanted + refused_ones + SETTING_UP) <= 3  # the server reads its own clock, too
        noted = Noted(every, {driver.LEARNT: noted.kept[driver.LEARNT]})


async def test_monitored_items_are_created_as_many_at_a_time_as_the_server_takes(server: Peer) -> None:
    server.say_limits(7)
    noted = Noted(device(*(f"ns=2;s=v{number}" for number in range(20, 60))))
    found = await once(link(server), noted)
    assert all(sample.quality is Quality.GOOD for sample in found.values())


async def broken(server: Peer, noted: Noted, fault: Callable[[Peer], None], *errors: type[Exception]) -> str:
    """What is raised when *fault* comes over a session that delivers."""
    name = noted.device.points[0].name
    with pytest.raises(errors) as raised:  # noqa: PT012  # what delivered before is what breaks
        async with reading(link(server, timeout="1s"), noted) as batches:
            await until(batches, each(1, name))
            await asyncio.to_thread(fault, server)
            await until(batches, lambda _: False, 20)
    return str(raised.value)


async def test_a_restarted_server_is_told_and_read_again(server: Peer) -> None:
    noted = Noted(device("ns=2;s=v8"))
    await broken(server, noted, Peer.restart, DeviceError, OSError)
    assert "restart" not in noted.told
    assert (await once(link(server), noted))["v8"].quality is Quality.GOOD
    assert noted.told["restart"] == 1


@pytest.mark.parametrize(
    ("mode", "fault"),
    [
        pytest.param("poll", Peer.kill_sessions, id="the session is forgotten"),
        pytest.param("poll", Peer.cut, id="the connection of a poll ends"),
        pytest.param("subscribe", Peer.cut, id="the connection of a subscription ends"),
        pytest.param("subscribe", Peer.end_subscriptions, id="the subscription is over"),
    ],
)
async def test_what_ends_at_the_server_is_raised(server: Peer, mode: str, fault: Callable[[Peer], None]) -> None:
    noted = Noted(device("ns=2;s=v9", mode=mode))
    await broken(server, noted, fault, DeviceError, OSError)
    assert (await once(link(server), noted))["v9"].quality is Quality.GOOD
    await asyncio.to_thread(server.left)


@pytest.mark.parametrize("kept", [True, False], ids=["asked for again", "lost for good"])
async def test_a_missing_message_is_asked_for(server: Peer, kept: bool) -> None:  # noqa: FBT001  # a case
    noted = Noted(device("ns=2;s=v0"))
    async with reading(link(server), noted) as batches:
        await until(batches, each(1, "v0"))
        server.lose_messages(2, kept=kept)
        server.write("v0", 778.0)
        found = await until(batches, lambda found: "v0" in found and found["v0"][-1].value == 778)
    assert [sample.value for sample in found["v0"]] == ([777.0, 777.0, 778.0] if kept else [778.0])
    assert noted.told["sequence_gap"] == (not kept)


async def test_a_silent_server_is_given_up(server: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscription, "KEEP_ALIVE", 0.1)
    noted = Noted(device("ns=2;s=v0"))
    assert "the subscription is silent" in await broken(server, noted, Peer.stop_subscriptions, TimeoutError)
    assert noted.told["timeout"] == 1


async def test_keep_alives_are_signs_of_life(server: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscription, "KEEP_ALIVE", 0.2)
    async with reading(link(server), Noted(device("ns=2;s=v0"))) as batches, asyncio.timeout(5):
        seen = [len(await anext(batches)) for _ in range(8)]
    assert seen[-3:] == [0, 0, 0]


async def test_several_devices_share_one_session(server: Peer) -> None:
    one, other = Noted(device("ns=2;s=v1", mode="poll")), Noted(device("ns=2;s=v2", name="analyser-2"))
    async with reading(link(server), one, other) as batches:
        found = await until(batches, each(2, "v1"))
        server.write("v2", 9.0)
        found |= await until(batches, each(1, "v2"))
        assert server.sessions() == 1
    assert found["v2"][-1].labels[2] == "analyser-2"


async def test_a_poll_that_was_interrupted_is_made_up_for_over_the_next_session(server: Peer) -> None:
    noted = Noted(device("ns=2;s=v1", mode="poll", poll="24h"))
    for key, polls in ((BEGUN, 0), (SLOT, 1)):

        async def read() -> None:
            async with reading(link(server), noted) as batches:
                await until(batches, lambda _: False)

        task = asyncio.create_task(read())
        while not (key in noted.kept or task.done()):  # noqa: ASYNC110  # at the very next turn, when no answer can be there
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert noted.told["ok"] == polls


async def history(server: Peer, name: str, mode: str, *, wanted: bool | None = None) -> tuple[list[float], Noted]:
    """The values of *name* that come after a gap in which 4 and 5 were recorded, with 6 at its end."""
    server.keep_history(name)
    server.write(name, 3.0)
    noted = Noted(device(f"ns=2;s={name}", mode=mode, history=wanted))
    async with reading(link(server), noted) as batches:
        await until(batches, lambda found: name in found and found[name][-1].value == 3)
        await anext(batches)  # now it was taken over
    for value in (4.0, 5.0, 6.0):
        server.write(name, value)
    await asyncio.sleep(0.1)
    async with reading(link(server), noted) as batches:
        found = await until(batches, lambda found: name in found and found[name][-1].value == 6)
        if mode == "subscribe":
            server.write(name, 7.0)
            found[name] += (await until(batches, each(1, name)))[name]
    times = [sample.at for sample in found[name]]
    assert times == sorted(times)
    return [sample.value for sample in found[name]], noted


async def test_a_gap_is_filled_from_the_server_s_history(server: Peer) -> None:
    values, noted = await history(server, "v101", "subscribe")
    assert values == [4, 5, 6, 7]
    assert noted.told["backfill"] == 1


async def test_a_poll_fills_its_gap_too(server: Peer) -> None:
    values, noted = await history(server, "v102", "poll")
    assert values == [4, 5, 6]
    assert noted.told["backfill"] == 1


async def test_history_that_is_not_wanted_is_not_read(server: Peer) -> None:
    values, noted = await history(server, "v103", "subscribe", wanted=False)
    assert values == [6, 7]
    assert "backfill" not in noted.told


def security(server: Peer, own: Credential, **more: object) -> Mapping[str, object]:
    files = {"certificate": str(own.certificate), "key": str(own.key), "trust": [str(server.credential.certificate)]}
    return {**SECURE, **files, **more}


@pytest.mark.parametrize(
    ("policy", "mode"),
    [
        ("Basic256Sha256", "sign_and_encrypt"),
        ("Aes128_Sha256_RsaOaep", "sign"),
        ("Aes256_Sha256_RsaPss", "sign_and_encrypt"),
    ],
)
async def test_a_trusted_server_is_read_securely(server: Peer, gateway: Credential, policy: str, mode: str) -> None:
    noted = Noted(device("ns=2;s=v1"))
    given = security(server, gateway, policy=policy, mode=mode)
    assert (await once(link(server, security=given), noted))["v1"].quality is Quality.GOOD
    days = (datetime.fromtimestamp(noted.ends["server"], UTC) - datetime.now(UTC)) / timedelta(days=1)
    assert 364 < days < 366
    assert set(noted.ends) == {"own", "server"}


async def refused(link: OpcUaLink) -> str:
    noted = Noted(device("ns=2;s=v1"))
    with pytest.raises(DeviceError) as error:
        await once(link, noted)
    assert noted.told == {"connect": 1}
    return str(error.value)


async def test_a_server_that_nobody_knows_is_refused(server: Peer, gateway: Credential, tmp_path: Path) -> None:
    other = credential(tmp_path, "other")
    said = await refused(link(server, security=security(server, gateway, trust=[str(other.certificate)])))
    assert "is not believed: its certificate is not trusted. SHA-256" in said
    await asyncio.to_thread(server.left)


async def test_any_server_is_believed_only_when_asked_and_with_a_warning(
    server: Peer, gateway: Credential, caplog: pytest.LogCaptureFixture
) -> None:
    gateway.key.chmod(0o644)
    given = security(server, gateway, trust=[], accept_any_server=True)
    with caplog.at_level(logging.WARNING):
        found = await once(link(server, security=given), Noted(device("ns=2;s=v1")))
    gateway.key.chmod(0o600)
    assert found["v1"].quality is Quality.GOOD
    assert "accept_any_server: whoever answers there is believed" in caplog.text
    assert f"chmod 600 {gateway.key}" in caplog.text


async def test_less_security_than_asked_is_never_taken(server: Peer, gateway: Credential) -> None:
    given = security(server, gateway, policy="Aes128_Sha256_RsaOaep")
    assert await refused(link(server, security=given)) == (
        f"{server.url} does not offer security Aes128_Sha256_RsaOaep sign_and_encrypt; it offers no security, "
        "Basic256Sha256 sign_and_encrypt, Aes128_Sha256_RsaOaep sign, Aes256_Sha256_RsaPss sign_and_encrypt"
    )


@pytest.fixture
def secret(tmp_path: Path) -> Callable[[str], str]:
    def written(text: str) -> str:
        (tmp_path / "password").write_text(text)
        return f"file:{tmp_path / 'password'}"

    return written


@pytest.mark.parametrize("secured", [True, False], ids=["encrypted", "open"])
async def test_a_user_is_known_by_the_password(
    server: Peer,
    gateway: Credential,
    secret: Callable[[str], str],
    secured: bool,  # noqa: FBT001  # a case
) -> None:
    server.users.anybody = False
    more: dict[str, object] = {"security": security(server, gateway)} if secured else {}
    right = {"user": USER, "password": secret(PASSWORD)}
    found = await once(link(server, identity=right, **more), Noted(device("ns=2;s=v1")))
    assert found["v1"].quality is Quality.GOOD
    wrong = {"user": USER, "password": secret("wrong")}
    assert "refuses its user: BadUserAccessDenied" in await refused(link(server, identity=wrong, **more))
    assert "refuses an anonymous user: BadUserAccessDenied" in await refused(link(server, **more))
    await asyncio.to_thread(server.left)


async def test_a_user_is_known_by_a_certificate(server: Peer, gateway: Credential, tmp_path: Path) -> None:
    server.users.anybody = False
    person = credential(tmp_path, "person")
    identity = {"certificate": str(person.certificate), "key": str(person.key)}
    asked = link(server, security=security(server, gateway), identity=identity)
    assert "refuses its user" in await refused(asked)
    server.users.certificates.add(person.der)
    assert (await once(asked, Noted(device("ns=2;s=v1"))))["v1"].quality is Quality.GOOD


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        pytest.param(lambda own: own.key.write_text("nothing"), "is no private key", id="no key"),
        pytest.param(lambda own: own.certificate.write_text("nothing"), "is no certificate", id="no certificate"),
        pytest.param(lambda own: credential(own.key.parent, "gateway", uri=""), "names no application", id="no URI"),
    ],
)
async def test_own_files_that_are_no_use_are_named(
    server: Peer, tmp_path: Path, spoil: Callable[[Credential], object], says: str
) -> None:
    own = credential(tmp_path, "gateway")
    spoil(own)
    assert says in await refused(link(server, security=security(server, own)))
