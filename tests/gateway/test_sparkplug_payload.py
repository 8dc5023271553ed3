"""The payload codec beside other people's: bytes that they wrote, and Google's protobuf as a judge."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_core.errors import DecodeError
from greenops_gateway.mqtt.sparkplug_payload import (
    Address,
    Datatype,
    Holder,
    Metric,
    address,
    decode,
    number,
    valued,
)

AT = 1700000000.123
# Written by Eclipse Tahu's helper functions for Python (mqtt-spb-wrapper 2.1.2) with protobuf 3.20.3: one metric of
# each datatype; then by its classes what the helpers do not write: null, historical, properties, metadata, data set,
# template.
TAHU_BIRTH = bytes.fromhex(
    "08fbd095ffbc3112140a056264536571100018fbd095ffbc312004580312230a144e6f646520436f6e74726f6c2f52656269727468100118fa"
    "d095ffbc31200b700012140a04696e7438100218f9d095ffbc31200150fb0112160a05696e743136100318f8d095ffbc31200250d4fd031218"
    "0a05696e743332100418f7d095ffbc3120035090ddfbff0f121d0a05696e743634100518f6d095ffbc31200458809ce8afedffffffff011215"
    "0a0575696e7438100618f5d095ffbc31200550c80112170a0675696e743136100718f4d095ffbc31200650e0d40312190a0675696e74333210"
    "0818f3d095ffbc3120075080d0acf30e121e0a0675696e743634100918f2d095ffbc312008588180808080808080800112170a05666c6f6174"
    "100a18f1d095ffbc312009650000003f121c0a06646f75626c65100b18f0d095ffbc31200a69000000000080284012160a07626f6f6c65616e"
    "100c18efd095ffbc31200b7001121a0a0474657874100d18eed095ffbc31200c7a07c2b5672f6dc2b312180a047768656e100e18edd095ffbc"
    "31200d58fbd095ffbc311800"
)
TAHU_DATA = bytes.fromhex(
    "08fbd095ffbc31120c10ac0218fbd095ffbc313801121510ad02189bfc91ffbc31280169000000000000f83f123910ae0218fbd095ffbc314a"
    "240a07656e67556e69740a075175616c6974791209080c42056d672f6d331205080318f403690000000000000440121010af02300142034201"
    "6482010361626312180a037365748a01100801120161180922070a051d0000803f120f0a01749201090a013112040a02696e18ff012201752a"
    "04626f6479"
)
# Written by pysparkplug 0.3.2: signed integers without a datatype in the data.
PYSPARKPLUG_BIRTH = bytes.fromhex(
    "08fbd095ffbc3112120a05626453657118fbd095ffbc312004580712210a144e6f646520436f6e74726f6c2f5265626972746818fbd095ffbc"
    "31200b700012150a04666c6f77100118fbd095ffbc31200250ffff0312150a03736f32100218fbd095ffbc312009650000a4411800"
)
PYSPARKPLUG_DATA = bytes.fromhex("08e3d895ffbc31120d100118e3d895ffbc3150feff03120e100218e3d895ffbc31650000ac411801")


def test_a_birth_of_another_make_is_read() -> None:
    birth = decode(TAHU_BIRTH)

    assert (birth.at, birth.seq) == (AT, 0)
    assert {metric.name: number(metric) for metric in birth.metrics if metric.name != "text"} == {
        "bdSeq": 3,
        "Node Control/Rebirth": 0,
        "int8": -5,
        "int16": -300,
        "int32": -70000,
        "int64": -5000000000,
        "uint8": 200,
        "uint16": 60000,
        "uint32": 4000000000,
        "uint64": 2**63 + 1,
        "float": 0.5,
        "double": 12.25,
        "boolean": 1,
        "when": 1700000000123,
    }
    assert [metric.alias for metric in birth.metrics] == list(range(15))
    assert birth.metrics[14].at == 1700000000.109


def test_data_of_another_make_is_read() -> None:
    data = decode(TAHU_DATA)

    assert data.seq == 255
    null, old, stale, file, data_set, template = data.metrics
    assert null == Metric(alias=300, at=AT, null=True)
    assert old == Metric(alias=301, at=1699999940.123, historical=True, holder=Holder.DOUBLE, raw=1.5)
    assert stale == Metric(alias=302, at=AT, holder=Holder.DOUBLE, raw=2.5, quality=500)
    assert file == Metric(alias=303, holder=Holder.OTHER)
    assert [each.name for each in (data_set, template)] == ["set", "t"]


def test_signed_integers_are_right_after_the_birth() -> None:
    declared = {metric.alias: metric.datatype for metric in decode(PYSPARKPLUG_BIRTH).metrics}

    assert [number(each, declared[each.alias]) for each in decode(PYSPARKPLUG_DATA).metrics] == [-2, 21.5]


@pytest.mark.parametrize(
    ("holder", "raw", "datatype", "value"),
    [
        pytest.param(Holder.INT, 0xFB, Datatype.INT8, -5, id="8 bits as wide as the type"),
        pytest.param(Holder.INT, 0xFFFFFFFB, Datatype.INT8, -5, id="8 bits as wide as the field"),
        pytest.param(Holder.INT, 2**64 - 5, Datatype.INT32, -5, id="32 bits written as 64"),
        pytest.param(Holder.INT, 0x80, Datatype.INT8, -128, id="the least of 8 bits"),
        pytest.param(Holder.INT, 0x80000000, Datatype.INT32, -(2**31), id="the least of 32 bits"),
        pytest.param(Holder.LONG, 2**64 - 5, Datatype.INT16, -5, id="16 bits in a long field"),
        pytest.param(Holder.LONG, 4000000000, Datatype.UINT32, 4000000000, id="32 bits in a long field, as in Java"),
        pytest.param(Holder.INT, 7, Datatype.INT64, 7, id="64 bits in a short field"),
        pytest.param(Holder.INT, 7, None, 7, id="no datatype"),
        pytest.param(Holder.INT, 7, 0, 7, id="unknown datatype"),
        pytest.param(Holder.INT, 1, Datatype.BOOLEAN, 1, id="boolean as a number"),
        pytest.param(Holder.FLOAT, 1.5, Datatype.DOUBLE, 1.5, id="double in a short field"),
    ],
)
def test_a_number_is_read_by_its_datatype(holder: Holder, raw: float, datatype: int | None, value: float) -> None:
    assert number(Metric(holder=holder, raw=raw), datatype) == value
    assert number(Metric(holder=holder, raw=raw, datatype=datatype), Datatype.STRING if datatype else None) == value


@pytest.mark.parametrize(
    ("holder", "raw", "datatype"),
    [
        pytest.param(Holder.INT, 0x1FF, Datatype.INT8, id="9 bits"),
        pytest.param(Holder.INT, 0xFFFFFF7F, Datatype.INT8, id="below the least"),
        pytest.param(Holder.INT, 256, Datatype.UINT8, id="beyond the unsigned type"),
        pytest.param(Holder.INT, 0xFFFFFFFF, Datatype.UINT16, id="negative and unsigned"),
        pytest.param(Holder.INT, 2**40, Datatype.UINT64, id="beyond the field"),
        pytest.param(Holder.INT, 0x80000000, Datatype.INT64, id="sign or not"),
        pytest.param(Holder.INT, 0xFFFFFFFF, None, id="sign or not, no datatype"),
        pytest.param(Holder.INT, 2, Datatype.BOOLEAN, id="neither true nor false"),
        pytest.param(Holder.INT, 1, Datatype.FLOAT, id="integer for float"),
        pytest.param(Holder.INT, 1, 99, id="unheard of"),
        pytest.param(Holder.FLOAT, 1.0, Datatype.INT32, id="float for integer"),
        pytest.param(Holder.BOOLEAN, 1, Datatype.INT8, id="boolean for integer"),
        pytest.param(Holder.STRING, "12", Datatype.STRING, id="string"),
        pytest.param(Holder.STRING, "12", Datatype.DOUBLE, id="string for double"),
        pytest.param(Holder.OTHER, None, Datatype.DOUBLE, id="bytes"),
        pytest.param(Holder.NOTHING, None, Datatype.DOUBLE, id="no value is no zero"),
    ],
)
def test_what_the_datatype_cannot_have_is_no_number(
    holder: Holder, raw: float | str | None, datatype: int | None
) -> None:
    with pytest.raises(DecodeError):
        number(Metric(holder=holder, raw=raw), datatype)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        pytest.param("08", "a number has no end", id="cut key"),
        pytest.param("08ffffffffffffffffff7f", "longer than 64 bits", id="65 bits"),
        pytest.param("08ffffffffffffffffffff01", "a number has no end", id="eleven bytes"),
        pytest.param("1205", "field 2 ends beyond", id="cut metric"),
        pytest.param("12ffffffffffffffff7f", "field 2 ends beyond", id="endless metric"),
        pytest.param("0001", "number 0", id="field zero"),
        pytest.param("0b", "wire type 3", id="a group"),
        pytest.param("0a00", "field 1 of a payload has wire type 2", id="a time of bytes"),
        pytest.param("1001", "field 2 of a payload has wire type 0", id="a metric that is a number"),
        pytest.param("12026500", "field 12 ends beyond", id="cut float"),
        pytest.param("12020800", "field 1 of a metric has wire type 0", id="a name that is a number"),
        pytest.param("12030a01ff", "no UTF-8", id="a name that is no text"),
        pytest.param("1205500170", "field 2 ends", id="cut within a metric"),
        pytest.param("120450017001", "two values", id="two values"),
        pytest.param("7b22736f32223a312e307d", "wire type", id="JSON"),
    ],
)
def test_what_is_no_payload_is_refused(data: str, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        decode(bytes.fromhex(data))


@pytest.mark.parametrize(
    ("properties", "quality"),
    [
        pytest.param("0a015112020803", None, id="another property"),
        pytest.param("0a075175616c6974791205080318c001", 192, id="good"),
        pytest.param("0a075175616c697479120408031800", 0, id="bad"),
        pytest.param("0a075175616c697479120408032000", 0, id="in a long field"),
        pytest.param("0a075175616c697479", -1, id="without a value"),
        pytest.param("0a075175616c69747912020803", -1, id="with an empty value"),
        pytest.param("0a0151120b4209205175616c69747921", None, id="only in another one's value"),
    ],
)
def test_quality_is_read_from_its_property(properties: str, quality: int | None) -> None:
    inner = bytes.fromhex(properties)
    metric = b"\x4a" + bytes([len(inner)]) + inner
    assert decode(b"\x12" + bytes([len(metric)]) + metric).metrics[0].quality == quality


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        pytest.param("spBv1.0/g/NBIRTH/n", Address("g", "NBIRTH", "n"), id="node"),
        pytest.param("spBv1.0/g/DDATA/n/d", Address("g", "DDATA", "n", "d"), id="device"),
        pytest.param("spBv1.0/g/NCMD/n", Address("g", "NCMD", "n"), id="command"),
    ],
)
def test_a_topic_says_who_speaks(topic: str, expected: Address) -> None:
    assert address(topic) == expected
    assert expected.topic == topic


@pytest.mark.parametrize(
    "topic",
    [
        "spBv1.0/STATE/host",
        "spBv1.0/g/NBIRTH/n/d",
        "spBv1.0/g/DBIRTH/n",
        "spAv1.0/g/NBIRTH/n",
        "spBv1.0/g/X/n",
        "a",
        "",
    ],
)
def test_any_other_topic_is_refused(topic: str) -> None:
    with pytest.raises(DecodeError):
        address(topic)


@given(st.sampled_from(list(_SIZES := {1: 8, 2: 16, 3: 32, 4: 64})), st.integers(-(2**63), 2**63 - 1))
def test_signed_integers_survive_both_ways(datatype: int, whole: int) -> None:
    bits = _SIZES[datatype]
    value = whole % 2 ** (bits - 1) - (2 ** (bits - 1) if whole < 0 else 0)

    metric = valued(Metric(), value, Datatype(datatype))

    assert number(metric, datatype) == value


@pytest.mark.parametrize(
    ("value", "datatype"),
    [(128, Datatype.INT8), (-1, Datatype.UINT32), (2, Datatype.BOOLEAN), (1e39, Datatype.FLOAT), (1, Datatype.STRING)],
)
def test_what_a_datatype_cannot_hold_is_not_written(value: float, datatype: Datatype) -> None:
    with pytest.raises(DecodeError):
        valued(Metric(), value, datatype)
