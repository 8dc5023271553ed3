from __future__ import annotations

from pathlib import Path

import pytest

from greenops_core.errors import ConfigError
from greenops_gateway import link
from greenops_gateway.modbus.link import ModbusLink
from greenops_gateway.opcua.configuration import OpcUaLink
from stack import ROOT

EXAMPLE = ROOT / "gateway" / "gateway.yml"


def test_a_link_by_its_name_brings_its_devices() -> None:
    way = link.way("gas", EXAMPLE)
    assert (way.name, way.protocol.name, [device.name for device in way.devices]) == ("gas", "modbus", ["analyser-1"])


def test_a_link_may_be_written_whole() -> None:
    way = link.way("modbus:host=10.0.0.5,port=1502,timeout=2s", Path("none.yml"))
    assert isinstance(way.link, ModbusLink)
    assert (way.link.host, way.link.port, way.link.timeout, way.devices) == ("10.0.0.5", 1502, 2.0, ())


def test_a_key_with_dots_lies_in_a_section() -> None:
    way = link.way("opcua:url=opc.tcp://h:4840,security.policy=none", Path("none.yml"))
    assert isinstance(way.link, OpcUaLink)
    assert way.link.security is not None
    assert way.link.security.policy == "none"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gass", "there is no link 'gass' with a device; did you mean 'gas'?; or write one whole, like modbus:host="),
        ("modbuss:host=h", "unknown protocol 'modbuss'; did you mean 'modbus'?"),
        ("modbus:h", "'h' is not key=value; write for example modbus:host=10.0.0.5,port=502"),
        ("modbus:hots=h", "hots: unknown key 'hots'; did you mean 'host'?"),
        ("modbus:host=h,port=0", "port: expected whole number >= 1; found 0"),
        ("modbus:host=h,port=010", "port: expected whole number or nothing, got text; found '010'"),
        ("modbus:host=h,port=1_000", "port: expected whole number or nothing, got text; found '1_000'"),
        ("modbus:host=h,timeout=1:30", "timeout: '1:30' is not a duration"),
        ("modbus:host=h,port=1,port=2", "'port=2': port is given already"),
        ("modbus:host=a,host.x=1", "'host.x=1': host has a value already, and so no x"),
        ("modbus:host.x=1,host=a", "'host=a': host is given already"),
        ("modbus:host.=a", "'host.=a' is not key=value; write for example modbus:host=10.0.0.5,port=502"),
        ("modbus:=a", "'=a' is not key=value"),
        ("modbus:protocol=5", "the protocol stands before the colon: modbus"),
        ("modbus:host=[[[[", "host: '[[[[' is no host"),
        ("modbus:host=1:30", "host: '1:30' is no host"),
        ("modbus:host=*x", "host: '*x' is no host"),
        ("modbus:host=<<", "host: '<<' is no host"),
    ],
)
def test_a_link_that_is_written_wrong_says_how_to_write_it(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        link.way(text, EXAMPLE)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("host", ["2024-13-45", "no", "0o17"])
def test_a_value_is_read_as_in_a_file(host: str) -> None:
    found = link.written(f"modbus:host={host}").link
    assert isinstance(found, ModbusLink)
    assert found.host == host


def test_a_name_without_a_file_is_told_how_to_do_without(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no .*none\.yml; write one whole, like modbus:host="):
        link.way("gas", tmp_path / "none.yml")


def test_one_device_of_a_profile_can_stand_alone() -> None:
    config = link.alone("sick-marsic300", "modbus:host=127.0.0.1,port=5020")
    assert [(device.name, device.link) for device in config.devices] == [("sick-marsic300", "link")]
    with pytest.raises(ConfigError, match="--profile needs --link"):
        link.alone("sick-marsic300", None)


@pytest.mark.parametrize(
    ("profile", "way", "key", "value"),
    [
        ("demo-gas-analyser:unit=7", "modbus:host=127.0.0.1,port=5020", "unit", 7),
        ("demo-flow-monitor:poll=2s", "opcua:url=opc.tcp://127.0.0.1:4840", "poll", 2.0),
        ("demo-dust-monitor:topic=stack-1/dust-1", "mqtt:host=127.0.0.1", "topic", "stack-1/dust-1"),
        ("demo-boiler-rtu:address=10,stack=stack-2,name=b", "dnp3:host=127.0.0.1", "address", 10),
    ],
)
def test_keys_of_a_device_may_follow_its_profile(
    monkeypatch: pytest.MonkeyPatch, profile: str, way: str, key: str, value: object
) -> None:
    monkeypatch.chdir(EXAMPLE.parent)
    (device,) = link.alone(profile, way).devices
    assert device.profile == profile.partition(":")[0]
    assert getattr(device, key) == value
    if key == "address":
        assert (device.name, device.stack) == ("b", "stack-2")


HOW = "; write keys of the device behind its profile: --profile demo-boiler-rtu:key=value,key=value"


@pytest.mark.parametrize(
    ("profile", "way", "message"),
    [
        ("demo-boiler-rtu", "dnp3:host=h", f"--profile: the key 'address' is missing{HOW}"),
        ("demo-boiler-rtu:address=x", "dnp3:host=h", "--profile: address: expected whole number, got text; found 'x'"),
        (
            "demo-boiler-rtu:address",
            "dnp3:host=h",
            "--profile: 'address' is not key=value; write for example --profile",
        ),
        ("demo-boiler-rtu:address=1,link=x", "dnp3:host=h", "--profile: link is no key to give here; write --profile"),
        ("demo-boiler-rtuu:address=1", "dnp3:host=h", "--profile: there is no profile 'demo-boiler-rtuu'; did you"),
        ("demo-boiler-rtu:address=1", "modbus:host=h", "--profile: profile 'demo-boiler-rtu' is for dnp3, but the"),
        ("demo-boiler-rtu:address=1", "dnp3:hots=h", "--link: hots: unknown key 'hots'; did you mean 'host'?"),
        ("demo-boiler-rtu:address=1", "dnp3:h", "--link: 'h' is not key=value; write for example dnp3:host="),
    ],
)
def test_a_device_that_is_written_wrong_names_the_option(
    monkeypatch: pytest.MonkeyPatch, profile: str, way: str, message: str
) -> None:
    monkeypatch.chdir(EXAMPLE.parent)
    with pytest.raises(ConfigError) as caught:
        link.alone(profile, way)
    assert str(caught.value).startswith(message)
