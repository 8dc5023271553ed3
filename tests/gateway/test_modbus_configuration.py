from __future__ import annotations

from collections.abc import Mapping

import pytest

from greenops_core.errors import ConfigError, ConfigErrors
from greenops_core.sample import Reason
from greenops_gateway.modbus.configuration import ModbusDevice
from greenops_gateway.modbus.link import ModbusLink
from greenops_gateway.modbus.plan import Limits, Span
from greenops_telemetry.configuration import convert

POINT = {"name": "so2", "at": 0, "unit": "mg/m3"}


def link(**more: object) -> ModbusLink:
    config = convert({"protocol": "modbus", **more}, ModbusLink)
    config.check()
    return config


def device(**more: object) -> ModbusDevice:
    config = convert({"name": "a", "link": "bus", "stack": "s", "points": [POINT], **more}, ModbusDevice)
    config.check()
    return config


@pytest.mark.parametrize(
    ("keys", "where"),
    [
        pytest.param({"host": "10.0.0.5"}, "10.0.0.5:502", id="tcp"),
        pytest.param({"host": "fe80::1", "port": 1502}, "[fe80::1]:1502", id="tcp over IPv6"),
        pytest.param({"transport": "rtu-over-tcp", "host": "moxa", "port": 4001}, "moxa:4001", id="rtu over tcp"),
        pytest.param({"transport": "ascii-over-tcp", "host": "moxa"}, "moxa:502", id="ascii over tcp"),
        pytest.param({"transport": "rtu", "device": "/dev/ttyUSB0"}, "/dev/ttyUSB0", id="rtu"),
        pytest.param({"transport": "ascii", "device": "/dev/ttyUSB0"}, "/dev/ttyUSB0", id="ascii"),
    ],
)
def test_a_link_is_one_of_six_transports(keys: Mapping[str, object], where: str) -> None:
    assert link(**keys).where == where


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        pytest.param({}, (9600, 8, "E", 1), id="as the standard has it"),
        pytest.param({"parity": "none"}, (9600, 8, "N", 2), id="without parity a second stop bit"),
        pytest.param({"parity": "none", "stop_bits": 1, "baud": 19200}, (19200, 8, "N", 1), id="8N1"),
        pytest.param({"parity": "odd"}, (9600, 8, "O", 1), id="odd"),
        pytest.param({"transport": "ascii"}, (9600, 7, "E", 1), id="ascii has 7 bits"),
    ],
)
def test_a_serial_line_has_eleven_bits_a_character_unless_it_is_said(
    keys: Mapping[str, object], line: tuple[object, ...]
) -> None:
    assert tuple(link(**{"transport": "rtu", "device": "/dev/ttyUSB0", **keys}).line()) == line


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "transport tcp needs host; write for example host: 192.168.0.10"),
        ({"transport": "rtu"}, "transport rtu needs device, the serial port; write for example device: /dev/ttyUSB0"),
        ({"host": "h", "baud": 9600}, "baud: transport tcp has no baud; that is for rtu and ascii"),
        ({"host": "h", "device": "/dev/x"}, "device: transport tcp has no device; that is for rtu and ascii"),
        (
            {"transport": "rtu", "device": "/dev/x", "port": 502},
            "port: transport rtu has no port; that is for tcp, tls and …-over-tcp",
        ),
        (
            {"host": "h", "tls": {"ca": "a", "certificate": "b", "key": "c"}},
            "tls: transport tcp has no tls; that is for tls",
        ),
        ({"transport": "tls", "host": "h"}, "transport tls needs tls: {ca: …, certificate: …, key: …}"),
        (
            {"transport": "tls", "host": "h", "tls": {"ca": "/no/ca.pem", "certificate": "b", "key": "c"}},
            "tls.ca: cannot read /no/ca.pem: No such file or directory",
        ),
        (
            {"transport": "rtu", "device": "/dev/x", "data_bits": 7},
            "data_bits: RTU needs 8 data bits; 7 are for ascii",
        ),
        (
            {"host": "plc-1:502"},
            "host: 'plc-1:502' is no host; write a name or an address here, and the port apart, as port: 502",
        ),
        (
            {"host": "plc..north"},
            "host: 'plc..north' is no host; between its dots stand 1 to 63 letters, digits and hyphens",
        ),
        ({"transport": "rtu-tcp", "host": "h"}, "transport: unknown value 'rtu-tcp'; did you mean 'rtu-over-tcp'?"),
        ({"host": "h", "parity": "E"}, "parity: unknown value 'E'; known: even, none, odd"),
    ],
)
def test_a_key_that_does_not_fit_the_transport_is_named(keys: Mapping[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        link(**keys)
    assert str(caught.value) == message


@pytest.mark.parametrize("unit", [0, 248])
def test_a_unit_that_no_serial_line_has_is_named(unit: int) -> None:
    serial = link(transport="rtu", device="/dev/ttyUSB0")
    with pytest.raises(ConfigError, match=f"device 'a' has unit {unit}, which no unit on a serial line can have"):
        serial.check_devices((device(unit=unit),))
    link(host="h").check_devices((device(unit=unit),))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        pytest.param({"max_words": 1}, "points[0].type: f32 takes 2 registers, but quirks.max_words is 1", id="words"),
        pytest.param(
            {"never": [["holding", 10, 5]]},
            "quirks.never[0]: [10, 5] holds nothing; write [table, first, last]",
            id="none",
        ),
        pytest.param(
            {"never": [["holding", 5, 70000]]},
            "quirks.never[0]: 70000 is no address; with address_style: zero they go from 0 to 65535",
            id="beyond",
        ),
        pytest.param(
            {"never": [["holding", 1, 1]]},
            "points[0].at: holding 0 (40001), 2 registers, lies where quirks.never says that nothing must be read",
            id="a point there",
        ),
        pytest.param({"gap": 126}, "quirks.gap: expected whole number <= 125; found 126", id="gap"),
        pytest.param({"gapp": 1}, "quirks.gapp: unknown key 'gapp'; did you mean 'gap'?", id="unknown"),
    ],
)
def test_a_quirk_that_cannot_be_is_named(keys: Mapping[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        device(points=[POINT | {"type": "f32"}], quirks=keys)
    assert str(caught.value) == message


def test_quirks_are_written_in_the_addresses_of_the_manual() -> None:
    assert device(
        address_style="modicon",
        points=[POINT | {"at": 40001}],
        quirks={"max_words": 60, "gap": 0, "never": [["holding", 40101, 40110], ["input", 30001, 30001]]},
    ).limits() == Limits(60, 2000, 0, (Span("holding", 100, 10), Span("input", 0, 1)))


@pytest.mark.parametrize(
    ("status", "message"),
    [
        pytest.param(
            {"at": 9},
            "quality_from: nothing in it means anything; write for example bits: {3: calibration}",
            id="empty",
        ),
        pytest.param(
            {"at": 9, "bits": {3: "broken"}},
            "quality_from.bits[3]: unknown value 'broken'; known: blowback, calibration, device_fault, ",
            id="unknown",
        ),
        pytest.param(
            {"at": 9, "clear": {16: "warm_up"}}, "quality_from.clear: a register has bits 0 to 15, not 16", id="bit 16"
        ),
        pytest.param(
            {"at": 9, "table": "coil", "values": {1: "warm_up"}},
            "quality_from.values: values are for a register; for the table coil write bits and clear",
            id="values of a bit",
        ),
        pytest.param(
            [{"at": 9, "bits": {1: "warm_up"}}, {"at": -1, "bits": {1: "warm_up"}}],
            "quality_from[1].at: -1 is no address; with address_style: zero they go from 0 to 65535",
            id="the second of a list",
        ),
        pytest.param(
            {"at": 65535, "table": "discrete", "bits": {1: "warm_up"}},
            "quality_from.at: the status bits go beyond the last address",
            id="a bit beyond the last",
        ),
    ],
)
def test_a_status_that_cannot_be_is_named(status: object, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        device(quality_from=status)
    assert str(caught.value).startswith(message)


def test_all_points_that_are_wrong_are_told_at_once() -> None:
    with pytest.raises(ConfigErrors) as caught:
        device(points=[POINT | {"at": -1}, POINT | {"name": "o2", "scale": 0}, POINT | {"name": "ok"}])
    assert {each.path for each in caught.value.errors} == {("points", 0, "at"), ("points", 1, "scale")}


def test_status_bits_of_two_polarities_in_several_tables() -> None:
    """As the SICK MARSIC300 has them: each discrete input is a bit of its own, and 1004 is set while it is live."""
    (source, own, free) = device(
        quality_from=[
            {
                "at": 1000,
                "table": "discrete",
                "bits": {0: "device_fault", 2: "maintenance"},
                "clear": {4: "calibration"},
            },
            {"at": 9, "values": {0: "none", 0x80: "warm_up"}},
        ],
        points=[
            POINT,
            POINT | {"name": "o2", "quality_from": {"at": 8, "bits": {0: "blowback"}}},
            POINT | {"name": "t", "quality_from": []},
        ],
    ).sources()
    assert [(status.span.table, status.span.address, status.span.count) for status in source.status] == [
        ("discrete", 1000, 1),
        ("discrete", 1002, 1),
        ("discrete", 1004, 1),
        ("holding", 9, 1),
    ]
    assert [status.reason(0) for status in source.status] == [
        Reason.NONE,
        Reason.NONE,
        Reason.CALIBRATION,
        Reason.NONE,
    ]
    assert [status.reason(1) for status in source.status[:3]] == [
        Reason.DEVICE_FAULT,
        Reason.MAINTENANCE,
        Reason.NONE,
    ]
    assert [status.span.address for status in own.status] == [8]
    assert free.status == ()


def test_a_device_explains_itself_in_both_notations() -> None:
    config = device(
        unit=7,
        defaults={"table": "input", "type": "f32", "order": "CDAB"},
        quality_from=[
            {"at": 24, "bits": {3: "calibration"}, "clear": {4: "maintenance"}, "values": {0: "none", 16: "warm_up"}},
            {"at": 4, "table": "discrete", "bits": {0: "device_fault"}, "clear": {2: "warm_up"}},
        ],
        points=[
            POINT | {"at": 20, "range": [0, 2000], "sentinel": -999},
            {"name": "o2", "at": 22, "unit": "%", "scale": 0.1, "offset": -4},
            {"name": "mode", "at": 22, "unit": "1", "type": "u16", "enum": {0: 100, 1: 1000}, "quality_from": []},
            {"name": "far", "at": 200, "unit": "1", "type": "bit", "bit": 3, "quality_from": []},
        ],
        quirks={"never": [["input", 100, 110]]},
    )
    assert list(config.explain()) == [
        "unit id 7, address_style zero",
        (
            "so2: mg/m3 from input 20 (30021), 2 registers, f32 CDAB, sentinel -999, range [0, 2000], quality from "
            "input 24 (30025), 1 register and discrete 4 (10005), 1 bit and discrete 6 (10007), 1 bit"
        ),
        (
            "o2: % from input 22 (30023), 2 registers, f32 CDAB, scale 0.1, offset -4, quality from input 24 (30025), "
            "1 register and discrete 4 (10005), 1 bit and discrete 6 (10007), 1 bit"
        ),
        "mode: 1 from input 22 (30023), 1 register, u16 CDAB, enum 0=100 1=1000",
        "far: 1 from input 200 (30201), 1 register, bit 3 CDAB",
        (
            "status word at input 24 (30025), 1 register, CDAB: bit 3 calibration, bit 4 clear maintenance, 0x0 none, "
            "0x10 warm_up"
        ),
        "status at discrete 4 (10005), 1 bit: set device_fault",
        "status at discrete 6 (10007), 1 bit: clear warm_up",
        "note: mode and o2 overlap at input 22 (30023), 1 register",
        "request: discrete 4 (10005), 3 bits",
        "request: input 20 (30021), 5 registers",
        "request: input 200 (30201), 1 register",
        "never read: input 100 (30101), 11 registers",
        "note: not in one request with all that judges them: so2, o2",
    ]


def test_a_link_explains_what_its_devices_cost() -> None:
    points = [{"name": f"p{at}", "at": at, "unit": "1"} for at in (0, 1, 2, 40)]
    devices = (device(points=points), device(name="b", unit=2, points=points, quirks={"between_requests": "20ms"}))
    serial = link(transport="rtu", device="/dev/ttyUSB0")
    # Two requests of 8 bytes, answers of 11 and 7, 11 bits each at 9600 baud, 3.5 characters of silence before each.
    assert list(serial.explain(devices)) == [
        "rtu to /dev/ttyUSB0, 9600 baud, 8E1",
        "timeout 800ms, to connect 3s",
        "between_requests 20ms",
        "a: 2 requests (fewest possible: 1), 34 bytes, 0.055 s of the line every 1s: 5%",
        "b: 2 requests (fewest possible: 1), 34 bytes, 0.095 s of the line every 1s: 10%",
        "the line is busy for 15% of the time, beside what the units take to answer",
    ]
    often = tuple(device(name=name, points=points, poll="100ms") for name in "abc")
    assert list(serial.explain(often))[-1] == "note: that is too much; poll less often, or set a higher baud rate"
    assert list(link(host="10.0.0.5").explain(devices[:1])) == [
        "tcp to 10.0.0.5:502",
        "timeout 800ms, to connect 3s",
        "a: 2 requests (fewest possible: 1), 50 bytes",
    ]


def test_a_word_order_that_spells_nonsense_is_hinted_at() -> None:
    config = device(points=[POINT | {"type": "f32"}])
    assert config.hint("so2", Reason.DECODE) == ("no f32 that an instrument gives; is the word order right? It is ABCD")
    assert config.hint("so2", Reason.RANGE) == (
        "if the device itself shows another value, is the word order right? It is ABCD"
    )
    assert config.hint("so2", Reason.SENTINEL) == ""
    assert device().hint("so2", Reason.RANGE) == ""


@pytest.mark.parametrize(
    ("keys", "value", "doubted"),
    [
        pytest.param({"type": "f32", "range": [0, 500]}, 9.6e-10, True, id="next to nothing"),
        pytest.param({"type": "f32", "range": [-250, 250]}, -4e-4, True, id="below zero"),
        pytest.param({"type": "f32", "range": [0, 500]}, 6e-4, False, id="little"),
        pytest.param({"type": "f32", "range": [0, 500]}, 0.0, False, id="zero"),
        pytest.param({"type": "f32"}, 9.6e-10, False, id="no range"),
        pytest.param({"type": "f16", "range": [0, 500]}, 9.6e-10, True, id="a float of one word"),
        pytest.param({"type": "f64", "range": [0, 500]}, 9.6e-10, False, id="a float of four words"),
        pytest.param({"type": "f32", "range": [0, 1e9]}, 900.0, False, id="a young counter"),
        pytest.param({"type": "f32", "range": [0, 9.9e8]}, 900.0, True, id="less than a counter"),
        pytest.param({"type": "u16", "scale": 1e-9, "range": [0, 500]}, 9.6e-10, False, id="no float"),
    ],
)
def test_a_good_float_that_is_next_to_nothing_is_hinted_at(
    keys: Mapping[str, object], value: float, *, doubted: bool
) -> None:
    hint = "is next to nothing in its range; is the word order right? It is ABCD"
    assert device(points=[{**POINT, **keys}]).doubt("so2", value) == (f"{value:.2g} {hint}" if doubted else "")
