"""What is kept of a configuration, for traces: all of it, as canonical JSON, and it can be read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from greenops_gateway import link, profile
from greenops_gateway.configuration import Gateway, load, parse
from greenops_gateway.journal.description import described
from greenops_gateway.journal.trace import rebuilt
from greenops_telemetry.canonical_json import configuration_hash
from stack import ROOT

NOWHERE = Path("/nonexistent")
NEEDED = {"modbus": ":unit=1", "dnp3": ":address=10", "mqtt": ":topic=t", "opcua": ""}
LINKS = {"opcua": "opcua:url=opc.tcp://127.0.0.1:4840"}


def shipped(name: str) -> Gateway:
    found = profile.load(name, NOWHERE)
    keys = "" if NEEDED[found.protocol][1:].partition("=")[0] in found.device else NEEDED[found.protocol]
    return link.alone(f"{name}{keys}", LINKS.get(found.protocol, f"{found.protocol}:host=127.0.0.1"))


def read_back(config: Gateway) -> None:
    """What is kept gives the same devices again, and the same hash."""
    kept = json.loads(json.dumps(described(config)))
    assert configuration_hash(kept) == configuration_hash(described(config))
    known = {device.name: device for device in config.devices}
    for raw in kept["devices"]:
        del raw["protocol"]
        device = known.pop(raw["name"])
        assert rebuilt(raw, type(device)) == device
    assert not known


@pytest.mark.parametrize("name", profile.known(NOWHERE))
def test_every_shipped_profile_can_be_kept_and_read_back(name: str) -> None:
    read_back(shipped(name))


def test_the_example_can_be_kept_and_read_back() -> None:
    read_back(load(ROOT / "gateway" / "gateway.yml"))


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param({"range": [0, float("inf")]}, id="a range without an end"),
        pytest.param({"type": "u64", "sentinel": 2**64 - 1}, id="a number that JSON has not"),
        pytest.param({"enum": {0: 0.0, 7: 2.5}}, id="numbers as keys"),
        pytest.param({"type": "f32", "sentinel": [float("nan"), -999.9]}, id="no number"),
        pytest.param({"quality_from": {"at": 3, "bits": {3: "calibration"}}}, id="the bits of a register"),
    ],
)
def test_what_json_cannot_say_can_be_kept_all_the_same(keys: dict[str, Any]) -> None:
    config = modbus(keys)
    kept = json.loads(json.dumps(described(config), allow_nan=False))
    assert configuration_hash(kept) == configuration_hash(described(config))
    del kept["devices"][0]["protocol"]
    (device,) = config.devices
    assert repr(rebuilt(kept["devices"][0], type(device))) == repr(device)


def test_links_are_not_kept_so_moving_a_device_to_another_address_changes_nothing() -> None:
    here, there = modbus({}), modbus({}, "10.0.0.9")
    assert described(here) == described(there)
    assert described(here) != described(modbus({"scale": 2.0}))


def modbus(keys: dict[str, Any], host: str = "127.0.0.1") -> Gateway:
    point = {"name": "x", "at": 0, "unit": "mg/m3", **keys}
    return parse(
        {
            "site": "plant",
            "links": {"l": {"protocol": "modbus", "host": host}},
            "devices": [{"name": "d", "link": "l", "stack": "s", "unit": 1, "points": [point]}],
        },
        Path(),
    )
