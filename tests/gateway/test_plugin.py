from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from greenops_core.errors import ConfigError
from greenops_gateway import plugin, tools
from greenops_gateway.modbus.configuration import ModbusDevice
from greenops_gateway.modbus.link import ModbusLink

MODBUS = EntryPoint("modbus", "greenops_gateway.modbus.driver:PLUGIN", plugin.GROUP)


def test_a_protocol_is_found_by_its_entry_point() -> None:
    found = plugin.load("modbus")
    assert (found.name, found.link, found.device) == ("modbus", ModbusLink, ModbusDevice)


def test_the_gateway_speaks_four_protocols_and_has_tools_for_each() -> None:
    assert plugin.known() == plugin.known(tools.GROUP) == ["dnp3", "modbus", "mqtt", "opcua"]
    for name in plugin.known():
        assert plugin.load(name).name == name
        assert isinstance(tools.load(name), tools.Tools)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        pytest.param([], "unknown protocol 'modbus'", id="none"),
        pytest.param(
            [MODBUS, EntryPoint("modbus", "other:PLUGIN", plugin.GROUP)],
            "protocol 'modbus' is provided twice: greenops_gateway.modbus.driver:PLUGIN, other:PLUGIN; uninstall one",
            id="two",
        ),
        pytest.param(
            [EntryPoint("modbus", "greenops_gateway.modbus.codec:FORMATS", plugin.GROUP)],
            "protocol 'modbus' cannot be used: entry point greenops_gateway.modbus.codec:FORMATS is a dict, not a P",
            id="not a plugin",
        ),
        pytest.param(
            [EntryPoint("modbus", "greenops_gateway.no_such:PLUGIN", plugin.GROUP)],
            "protocol 'modbus' cannot be used: entry point greenops_gateway.no_such:PLUGIN does not load: No module",
            id="no such module",
        ),
        pytest.param(
            [EntryPoint("modbus", "greenops_gateway.modbus.codec:NO_SUCH", plugin.GROUP)],
            "protocol 'modbus' cannot be used: entry point greenops_gateway.modbus.codec:NO_SUCH does not load: module",
            id="no such name",
        ),
    ],
)
def test_an_entry_point_that_is_wrong_is_named(
    monkeypatch: pytest.MonkeyPatch, entries: list[EntryPoint], message: str
) -> None:
    def entry_points(group: str, name: str | None = None) -> list[EntryPoint]:
        return [entry for entry in entries if entry.group == group and name in {None, entry.name}]

    monkeypatch.setattr(plugin, "entry_points", entry_points)
    with pytest.raises(ConfigError) as caught:
        plugin.load("modbus")
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("module", ["asyncua", "opendnp3", "dnp3", "serial", "opentelemetry"])
def test_a_gateway_without_such_a_device_does_not_import_its_library(module: str) -> None:
    code = f"import sys, greenops_gateway.cli; sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=30).returncode == 0
