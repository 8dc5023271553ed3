"""Control packets: by the standard's own bytes, by what an independent client writes, and by damaged ones."""

from __future__ import annotations

import random
import time
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from greenops_core.errors import DecodeError
from greenops_gateway.mqtt import packet
from greenops_gateway.mqtt.packet import (
    Connack,
    Decoder,
    Disconnect,
    Packet,
    Pingresp,
    Puback,
    Publish,
    Pubrel,
    Suback,
    Will,
)
from greenops_gateway.mqtt.property import Property
from greenops_gateway.mqtt.reason import Level, said

SO2 = Publish("cems/so2", b"12.5", 1, id=7)
FROM_BROKER: tuple[tuple[Level, str, Packet], ...] = (
    (4, "20 02 00 00", Connack(present=False, code=0)),
    (4, "20 02 01 00", Connack(present=True, code=0)),
    (4, "20 02 00 05", Connack(present=False, code=5)),
    (5, "20 03 00 00 00", Connack(present=False, code=0)),
    (5, "20 02 00 01", Connack(present=False, code=1)),  # a broker of 3.1.1 that is asked for 5
    (5, "20 06 01 00 03 21 00 14", Connack(True, 0, {Property.RECEIVE_MAXIMUM: 20})),
    (5, "20 0b 00 86 08 1f 00 05 73 6f 72 72 79", Connack(False, 0x86, {Property.REASON: "sorry"})),
    (4, "32 10 00 08 63 65 6d 73 2f 73 6f 32 00 07 31 32 2e 35", SO2),
    (5, "32 11 00 08 63 65 6d 73 2f 73 6f 32 00 07 00 31 32 2e 35", SO2),
    (4, "3b 05 00 01 61 01 00", Publish("a", b"", 1, retained=True, again=True, id=256)),
    (4, "31 04 00 01 61 78", Publish("a", b"x", 0, retained=True)),
    (5, "30 0b 00 01 61 06 26 00 01 6b 00 00 78", Publish("a", b"x")),
    (4, "35 06 00 01 61 00 07 78", Publish("a", b"x", 2, retained=True, id=7)),
    (5, "62 02 00 07", Pubrel(7)),
    (4, "40 02 00 07", Puback(7)),
    (5, "40 04 00 07 10 00", Puback(7, 0x10)),
    (4, "90 04 00 01 01 80", Suback(1, b"\x01\x80")),
    (5, "90 05 00 01 00 01 87", Suback(1, b"\x01\x87")),
    (4, "d0 00", Pingresp()),
    (5, "e0 00", Disconnect()),
    (5, "e0 01 8e", Disconnect(0x8E)),
    (5, "e0 02 8b 00", Disconnect(0x8B)),
)


@pytest.mark.parametrize(("level", "raw", "meant"), FROM_BROKER)
def test_what_a_broker_sends_is_understood(level: Level, raw: str, meant: Packet) -> None:
    assert Decoder(level).feed(bytes.fromhex(raw)) == [meant]


@pytest.mark.parametrize(
    ("level", "raw", "said"),
    [
        (4, "48 54 54 50", "begins with 0x48"),
        (4, "36 05 00 01 61 00 01", "begins with 0x36"),
        (4, "60 02 00 01", "begins with 0x60"),
        (4, "e0 00", "begins with 0xe0"),
        (5, "f0 00", "begins with 0xf0"),
        (4, "30 00", "without a topic"),
        (4, "30 03 00 05 61", "ends within its topic"),
        (4, "30 02 00 00", "no topic of a message"),
        (4, "30 04 00 02 61 2b", "no topic of a message"),
        (4, "30 03 00 01 ff", "not UTF-8"),
        (4, "30 03 00 01 00", "null character"),
        (4, "32 03 00 01 61", "ends within its packet identifier"),
        (4, "32 05 00 01 61 00 00", "packet identifier 0"),
        (5, "30 07 00 01 61 03 23 00 01", "topic alias"),
        (5, "30 05 00 01 61 01 05", "unknown property 0x05"),
        (5, "30 07 00 01 61 04 02 00 00", "ends within its properties"),
        (5, "30 07 00 01 61 03 02 00 00", "cut off"),
        (5, "20 08 00 00 05 24 00 24 00 00", "malformed|comes twice|cut off"),
        (4, "20 02 02 00", "malformed CONNACK"),
        (4, "40 03 00 07 00", "malformed PUBACK"),
        (4, "40 02 00 00", "no packet identifier"),
        (4, "90 02 00 01", "malformed SUBACK"),
        (4, "d0 01 00", "with a body"),
        (5, "e0 03 8b 00 00", "behind the properties"),
        (4, "30 ff ff ff ff 01", "more than four bytes"),
        (4, "30 ff ff 7f", "the largest that is taken has 1000"),
    ],
)
def test_what_no_broker_sends_is_refused(level: Level, raw: str, said: str) -> None:
    with pytest.raises(DecodeError, match=said):
        Decoder(level, 1000).feed(bytes.fromhex(raw))


PLAIN = st.builds(
    Publish,
    st.text(st.characters(exclude_characters="+#\0", exclude_categories=["Cs"]), min_size=1, max_size=30),
    st.binary(max_size=300),
    st.just(1),
    st.booleans(),
    st.booleans(),
    st.integers(1, 65535),
)


@given(st.sampled_from([4, 5]), st.lists(PLAIN, max_size=5), st.lists(st.integers(0, 2000), max_size=6))
def test_wherever_the_stream_is_cut_the_same_messages_come(level: Level, sent: list[Publish], cuts: list[int]) -> None:
    stream = b"".join(packet.publish(level, each) for each in sent)
    places = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    decoder = Decoder(level)
    found = [each for a, b in pairwise(places) for each in decoder.feed(stream[a:b])]
    assert found == sent


@pytest.mark.parametrize(("level", "raw"), [(level, raw) for level, raw, _ in FROM_BROKER])
def test_a_packet_that_is_cut_off_is_none(level: Level, raw: str) -> None:
    whole = bytes.fromhex(raw)
    for end in range(len(whole)):
        assert Decoder(level).feed(whole[:end]) == []


def test_a_hundred_thousand_damaged_packets_do_no_harm() -> None:
    """Only DecodeError, only whole packets, never more messages than there were, and in time."""
    dice = random.Random(20260321)
    seeds = {level: [bytes.fromhex(raw) for at, raw, _ in FROM_BROKER if at == level] for level in (4, 5)}
    begun, refused, taken = time.perf_counter(), 0, 0
    for number in range(100_000):
        level: Level = 5 if number % 2 else 4
        raw = bytearray(dice.choice(seeds[level]) + dice.choice(seeds[level]))
        for _ in range(dice.randint(1, 3)):
            place = dice.randrange(len(raw))
            match dice.randrange(4):
                case 0:
                    raw[place] ^= 1 << dice.randrange(8)
                case 1:
                    raw[place] = dice.randrange(256)
                case 2:
                    del raw[place:]
                    raw += b"\0" * (not raw)
                case _:
                    raw.insert(place, dice.randrange(256))
        try:
            found = Decoder(level, 10_000).feed(bytes(raw))
        except DecodeError:
            refused += 1
            continue
        taken += len(found)
        assert sum(2 + len(each.topic) + len(each.payload) for each in found if isinstance(each, Publish)) <= len(raw)
        assert all(each.topic and (each.qos == 0) == (each.id == 0) for each in found if isinstance(each, Publish))
    assert refused > 20_000
    assert taken > 20_000
    assert time.perf_counter() - begun < 30


def test_an_endless_length_is_not_waited_for() -> None:
    decoder = Decoder(4, 1000)
    with pytest.raises(DecodeError, match="1000"):
        decoder.feed(b"\x30\xe9\x07")


def test_connect_is_what_the_standard_says() -> None:
    plain = packet.connect(4, "c", 30, resume=True)
    assert plain == bytes.fromhex("10 0d 00 04") + b"MQTT" + bytes.fromhex("04 00 00 1e 00 01 63")
    full = packet.connect(4, "c", 30, resume=False, user="u", password="p", will=Will("w", b"gone", retain=True))
    assert full[9] == 0b11101110
    assert full.endswith(bytes.fromhex("00 01 63 00 01 77 00 04 67 6f 6e 65 00 01 75 00 01 70"))


def test_the_properties_of_connect_are_those_that_another_client_writes() -> None:
    theirs: Any = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's types end here
    theirs.SessionExpiryInterval, theirs.ReceiveMaximum, theirs.MaximumPacketSize = 3600, 100, 5000
    ours = packet.connect(5, "c", 30, resume=True, expiry=3600, receive_maximum=100, largest=5000)
    assert ours[12:-3] == bytes(theirs.pack())


def test_subscribe_and_publish_are_what_the_standard_says() -> None:
    assert packet.subscribe(4, 10, [("a/b", 1), ("c", 0)]) == bytes.fromhex("82 0c 00 0a 00 03") + b"a/b\x01\0\x01c\0"
    assert packet.subscribe(5, 10, [("c", 1)]) == bytes.fromhex("82 07 00 0a 00 00 01") + b"c\x01"
    assert packet.publish(4, Publish("a/b", b"x" * 200, 1, retained=True, id=10))[:3] == bytes.fromhex("33 cf 01")
    assert packet.pubacks([]) == b""


@pytest.mark.parametrize(
    ("code", "level", "words"),
    [(4, 4, "bad user name or password"), (0x8E, 5, "session taken over"), (0xC0, 5, "reason code 0xc0")],
)
def test_reason_codes_are_told_in_words(code: int, level: Level, words: str) -> None:
    assert said(code, level) == words
    assert said(code, level, {Property.REASON: "too many"}) == f"{words} (too many)"
