"""The fast decoder against the library's: the same values, or it leaves the answer to the library."""

from __future__ import annotations

import random
import struct
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary
from asyncua.ua.uaerrors import UaError
from hypothesis import given, settings
from hypothesis import strategies as st

from greenops_core.errors import DecodeError
from greenops_gateway.opcua import codec, library
from greenops_gateway.opcua.channel import MALFORMED
from greenops_gateway.opcua.codec import Item, Publication

MUTATIONS = 60_000
"""Of each of the two answers."""
MATRIX = [ua.Int32(1), ua.Int32(2)]
ROUNDED = 1000
"""Ticks, 0.1 ms."""
LATEST = 2_650_467_743_990_000_000
"""The end of the year 9999, which is as far as Python's calendar goes."""
MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)
KINDS: dict[ua.VariantType, st.SearchStrategy[Any]] = {
    ua.VariantType.Boolean: st.booleans(),
    ua.VariantType.SByte: st.integers(-(2**7), 2**7 - 1),
    ua.VariantType.Byte: st.integers(0, 2**8 - 1),
    ua.VariantType.Int16: st.integers(-(2**15), 2**15 - 1),
    ua.VariantType.UInt16: st.integers(0, 2**16 - 1),
    ua.VariantType.Int32: st.integers(-(2**31), 2**31 - 1),
    ua.VariantType.UInt32: st.integers(0, 2**32 - 1),
    ua.VariantType.Int64: st.integers(-(2**63), 2**63 - 1),
    ua.VariantType.UInt64: st.integers(0, 2**64 - 1),
    ua.VariantType.Float: st.floats(width=32, allow_nan=False),
    ua.VariantType.Double: st.floats(allow_nan=False),
}
stamps = st.none() | st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # hypothesis makes them aware
fractions = st.none() | st.integers(0, 9999)


def data_value(value: ua.Variant | None, status: int | None = None, *stamps: datetime | int | None) -> ua.DataValue:
    """Value, status, and then the source's and the server's time and their fractions."""
    kind: Any = ua.DataValue  # which takes more than its types say
    made: ua.DataValue = kind(value, None if status is None else ua.StatusCode(ua.UInt32(status)), *stamps)
    return made


@st.composite
def data_values(draw: st.DrawFn) -> ua.DataValue:
    """What a server may say of a node, of the types that an instrument gives."""
    kind = draw(st.sampled_from(list(KINDS)))
    shape = draw(st.sampled_from(["scalar", "scalar", "scalar", "array", "null", "text"]))
    value: ua.Variant | None = None
    match shape:
        case "scalar":
            value = ua.Variant(draw(KINDS[kind]), kind)
        case "array":
            value = ua.Variant(draw(st.lists(KINDS[kind], max_size=5)), kind, is_array=True)
        case "text":
            value = ua.Variant(draw(st.text(max_size=5)), ua.VariantType.String)
    source, server = draw(stamps), draw(stamps)
    return data_value(
        value,
        draw(st.none() | st.sampled_from([0, 0x80310000, 0x40900000, 0x0480])),
        source,
        server,
        None if source is None or server is not None else draw(fractions),  # where the library is right
        None if server is None else draw(fractions),
    )


def read_response(values: list[ua.DataValue]) -> bytes:
    return struct_to_binary(ua.ReadResponse(Results=values))


def publish_response(values: list[ua.DataValue], sequence: int = 7) -> bytes:
    response = ua.PublishResponse()
    response.Parameters.SubscriptionId = 5
    response.Parameters.AvailableSequenceNumbers = [sequence]
    items = [ua.MonitoredItemNotification(ClientHandle=handle, Value=value) for handle, value in enumerate(values)]
    message = response.Parameters.NotificationMessage
    message.SequenceNumber = sequence
    message.NotificationData = [ua.DataChangeNotification(MonitoredItems=items)] if items else []
    return struct_to_binary(response)


def close(one: Item, other: Item) -> bool:
    """Equal, but for what the library does to times: it rounds to microseconds, and has none for a damaged one."""
    values = one[0] == other[0] or repr(one[0]) == repr(other[0])  # NaN is not equal to itself
    times = zip(one[2:], other[2:], strict=True)
    near = all(abs(a - b) <= ROUNDED or min(a, b) <= 0 or max(a, b) > LATEST for a, b in times)
    return values and one[1] == other[1] and near


def spelt(item: Item) -> tuple[str, int]:
    """Value with its type, and status: what must be equal to the bit; NaN is equal to itself here."""
    return repr(item[0]), item[1]


@given(st.lists(data_values(), max_size=6))
def test_a_read_answer_is_the_same_from_both_decoders(values: list[ua.DataValue]) -> None:
    body = read_response(values)
    slow = [library.item(found) for found in struct_from_binary(ua.ReadResponse, Buffer(body)).Results]
    assert len(slow) == len(values)
    found = library.read_answer(body)
    assert [spelt(item) for item in found] == [spelt(item) for item in slow]
    assert all(close(one, other) for one, other in zip(found, slow, strict=True))


@given(st.lists(data_values(), max_size=6), st.integers(0, 2**32 - 1))
def test_a_publication_is_the_same_from_both_decoders(values: list[ua.DataValue], sequence: int) -> None:
    body = publish_response(values, sequence)
    found = library.publication(body)
    assert (found.subscription, found.sequence, found.available) == (5, sequence, (sequence,))
    assert found.alive is not bool(values)
    assert [handle for handle, _ in found.items] == list(range(len(values)))
    assert all(close(one, library.item(other)) for (_, one), other in zip(found.items, values, strict=True))


@pytest.mark.parametrize("kind", list(KINDS), ids=str)
def test_numbers_of_every_kind_need_no_library(kind: ua.VariantType) -> None:
    value = data_value(ua.Variant(1, kind), None, MOMENT, MOMENT + timedelta(seconds=1))
    (found,) = codec.read_answer(read_response([value]))
    assert found == (1, 0, codec.ticks(MOMENT.timestamp()), codec.ticks(MOMENT.timestamp()) + 10_000_000)
    assert codec.publication(publish_response([value])).items == [(0, found)]


def test_fractions_of_a_tick_stand_behind_their_own_time() -> None:
    mask = 0x01 | 0x04 | 0x08 | 0x10 | 0x20
    datum = struct.pack("<BBdqHqH", mask, 11, 20.5, 1000, 5, 2000, 6)
    empty = read_response([])
    body = empty[: codec._RESPONSE.size] + struct.pack("<i", 1) + datum + empty[-4:]  # noqa: SLF001  # behind the header
    assert codec.read_answer(body) == [(20.5, 0, 1000, 2000)]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(ua.DataValue(ua.Variant("text", ua.VariantType.String)), id="text"),
        pytest.param(ua.DataValue(ua.Variant([[1.0, 2.0]], ua.VariantType.Double, MATRIX, is_array=True)), id="matrix"),
        pytest.param(ua.DataValue(ua.Variant(MOMENT, ua.VariantType.DateTime)), id="time"),
        pytest.param(ua.DataValue(ua.Variant(ua.EUInformation(), ua.VariantType.ExtensionObject)), id="structure"),
    ],
)
def test_what_is_no_number_is_left_to_the_library(value: ua.DataValue) -> None:
    body = read_response([value])
    with pytest.raises(DecodeError):
        codec.read_answer(body)
    assert library.read_answer(body) == [library.item(value)]


def test_a_status_change_tells_what_became_of_the_subscription() -> None:
    response = ua.PublishResponse()
    response.Parameters.SubscriptionId = 5
    change = ua.StatusChangeNotification(Status=ua.StatusCode(ua.UInt32(0x800A0000)))
    response.Parameters.NotificationMessage.NotificationData = [change]
    body = struct_to_binary(response)
    assert codec.publication(body).status == library.publication(body).status == 0x800A0000
    assert not codec.publication(body).alive


def test_a_fault_is_no_answer() -> None:
    response = ua.ReadResponse()
    response.ResponseHeader.ServiceResult = ua.StatusCode(ua.UInt32(0x80100000))
    body = struct_to_binary(response)
    with pytest.raises(DecodeError):
        codec.read_answer(body)
    with pytest.raises(UaError):
        library.read_answer(body)
    with pytest.raises((DecodeError, UaError)):
        library.publication(read_response([]))


def test_an_answer_ends_where_it_ends() -> None:
    for body, decode in ((read_response(some()), codec.read_answer), (publish_response(some()), codec.publication)):
        decode(body)
        for wrong in (body + b"\0", body[:-1]):
            with pytest.raises(DecodeError):
                decode(wrong)


def some() -> list[ua.DataValue]:
    """One value of each shape that the fast decoder knows."""
    return [
        data_value(ua.Variant(20.5, ua.VariantType.Double), None, MOMENT, MOMENT),
        data_value(ua.Variant(7, ua.VariantType.Int16), 0x40900000, MOMENT, MOMENT, 5, 6),
        data_value(None, 0x80340000),
        data_value(ua.Variant([1.0, 2.0], ua.VariantType.Float, is_array=True), None, MOMENT),
        ua.DataValue(ua.Variant(True, ua.VariantType.Boolean)),
    ]


def mutated(body: bytes, dice: random.Random) -> bytes:
    """*body* with bytes changed, cut, doubled or added."""
    damaged = bytearray(body)
    for _ in range(dice.choice((1, 1, 1, 2, 5))):
        at = dice.randrange(len(damaged))
        match dice.randrange(5):
            case 0:
                damaged[at] ^= 1 << dice.randrange(8)
            case 1:
                damaged[at] = dice.choice((0, 1, 0x0D, 0x0F, 0x7F, 0x80, 0xFF))
            case 2:
                del damaged[at : at + dice.randrange(1, 9)]
            case 3:
                damaged[at:at] = bytes(dice.randrange(256) for _ in range(dice.randrange(1, 9)))
            case _:
                struct.pack_into("<i", damaged, min(at, len(damaged) - 4), dice.choice((-2, -1, 0, 1, 3, 2**31 - 1)))
        if len(damaged) < 8:
            break
    return bytes(damaged)


def damaged_agree(
    body: bytes, fast: Callable[[bytes], object], same: Callable[[bytes, object], bool]
) -> tuple[int, int]:
    """How many damaged bodies were read and refused; every one that was read must be what the library reads."""
    dice = random.Random(20260301)
    read = refused = 0
    for _ in range(MUTATIONS):
        damaged = mutated(body, dice)
        try:
            found = fast(damaged)
        except DecodeError:
            refused += 1
            continue
        read += 1
        assert same(damaged, found), damaged.hex()
    return read, refused


def test_no_damaged_read_answer_gives_another_value_than_the_library_s() -> None:
    def same(body: bytes, found: object) -> bool:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                slow = [library.item(value) for value in struct_from_binary(ua.ReadResponse, Buffer(body)).Results]
            except (UaError, OverflowError, *MALFORMED):
                return False
        return isinstance(found, list) and len(found) == len(slow) and all(map(close, found, slow))

    read, refused = damaged_agree(read_response(some()), codec.read_answer, same)
    assert min(read, refused) > MUTATIONS // 10


def test_no_damaged_publication_gives_another_value_than_the_library_s() -> None:
    def same(body: bytes, found: object) -> bool:
        assert isinstance(found, Publication)
        try:
            slow = library._publication(body)  # noqa: SLF001  # without the fast way before it
        except (UaError, OverflowError, *MALFORMED):
            return False
        head = found._replace(items=[]) == slow._replace(items=[])
        handles = [handle for handle, _ in found.items] == [handle for handle, _ in slow.items]
        return head and handles and all(close(a, b) for (_, a), (_, b) in zip(found.items, slow.items, strict=True))

    read, refused = damaged_agree(publish_response(some()), codec.publication, same)
    assert min(read, refused) > MUTATIONS // 10


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_noise_is_refused(noise: bytes) -> None:
    for body in (noise, codec.READ_RESPONSE + noise, codec.PUBLISH_RESPONSE + noise):
        for decode in (codec.read_answer, codec.publication):
            with pytest.raises(DecodeError):
                decode(body)
