"""Indications read from link frames as they pass, however those are cut into pieces and whatever lies between."""

from __future__ import annotations

from random import Random

import pytest
from dnp3.datalink.builder import build_unconfirmed_user_data
from hypothesis import given
from hypothesis import strategies as st

from dnp3_peer import check as bit_by_bit
from greenops_gateway.dnp3.flags import Indications
from greenops_gateway.dnp3.frame import Ear, check

OUTSTATION, MASTER = 1024, 1
RESPONSE, UNSOLICITED, REQUEST = 129, 130, 1


def frame(user: bytes, source: int = OUTSTATION, destination: int = MASTER, *, is_master: bool = False) -> bytes:
    """As the independent library writes it."""
    return build_unconfirmed_user_data(
        destination=destination, source=source, dir_from_master=is_master, user_data=user
    ).to_bytes()


def response(first: int, second: int, objects: bytes = b"", transport: int = 0xC0, function: int = RESPONSE) -> bytes:
    return frame(bytes([transport, 0xC0, function, first, second]) + objects)


@pytest.mark.parametrize(
    ("octets", "heard"),
    [
        pytest.param(response(0x90, 0x08), [Indications(0x90, 0x08)], id="a response"),
        pytest.param(response(0x10, 0, bytes(240)), [Indications(0x10, 0)], id="a long one"),
        pytest.param(response(2, 0, function=UNSOLICITED), [Indications(2, 0)], id="an unsolicited one"),
        pytest.param(response(1, 0) + response(2, 0), [Indications(1, 0), Indications(2, 0)], id="two"),
        pytest.param(response(1, 0, transport=0x40) + response(2, 0, transport=0x81), [Indications(1, 0)], id="parts"),
        pytest.param(response(1, 0, function=REQUEST), [], id="a request"),
        pytest.param(frame(bytes([0xC0, 0xC0, RESPONSE, 1])), [], id="too short"),
        pytest.param(frame(bytes([0xC0, 0xC0, RESPONSE, 1, 0]), source=7), [], id="of another outstation"),
        pytest.param(frame(bytes([0xC0, 0xC0, RESPONSE, 1, 0]), destination=7), [], id="for another master"),
        pytest.param(frame(bytes([0xC0, 0xC0, RESPONSE, 1, 0]), is_master=True), [], id="of a master"),
        pytest.param(b"\x05\x64\xff\x44" + response(1, 0), [Indications(1, 0)], id="after what looks like a start"),
        pytest.param(b"\x05" + response(1, 0), [Indications(1, 0)], id="after half a start"),
        pytest.param(b"", [], id="nothing"),
    ],
)
def test_indications_of_each_response_are_heard(octets: bytes, heard: list[Indications]) -> None:
    assert Ear(OUTSTATION, MASTER).heard(octets) == heard


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255), st.binary(max_size=240))), st.randoms())
def test_it_does_not_matter_where_octets_are_cut(responses: list[tuple[int, int, bytes]], random: Random) -> None:
    octets = b"".join(response(first, second, objects) for first, second, objects in responses)
    ear, heard = Ear(OUTSTATION, MASTER), []
    while octets:
        count = random.randint(1, 40)
        heard += ear.heard(octets[:count])
        octets = octets[count:]
    assert heard == [Indications(first, second) for first, second, _ in responses]


@given(st.binary(max_size=400))
def test_garbage_hides_no_response_for_long(garbage: bytes) -> None:
    ear = Ear(OUTSTATION, MASTER)
    ear.heard(garbage)
    heard = [each for _ in range(4) for each in ear.heard(response(1, 0, bytes(240)))]
    assert Indications(1, 0) in heard


@given(st.binary(max_size=20))
def test_the_check_is_that_of_the_standard(octets: bytes) -> None:
    assert check(octets) == bit_by_bit(octets)
