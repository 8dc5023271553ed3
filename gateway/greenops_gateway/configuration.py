"""gateway.yml: strict, with file and line in every complaint. A protocol's part is read by the protocol's own type."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from greenops_core.address import Address
from greenops_core.errors import ConfigError, within
from greenops_gateway import plugin
from greenops_gateway.limit import Limit
from greenops_gateway.plugin import Plugin
from greenops_gateway.point import Device, Name
from greenops_telemetry.configuration import Document, Section, convert, listening, schema
from greenops_telemetry.otlp import Otlp


class File(Section, frozen=True, kw_only=True):
    """gateway.yml as it stands. *site* is the plant; *listen* is where /metrics is answered, HOST:PORT."""

    site: Name
    devices: list[dict[str, Any]]
    listen: Address = listening("127.0.0.1:9842")
    limits: tuple[Limit, ...] = ()
    otlp: Otlp | None = None


@dataclass(frozen=True, slots=True)
class Gateway:
    """A checked configuration: every device with its protocol."""

    site: str
    listen: Address
    devices: tuple[tuple[Plugin[Any], Device], ...]
    limits: tuple[Limit, ...]
    otlp: Otlp | None = None


def load(path: Path) -> Gateway:
    """The gateway's configuration in the YAML file *path*.

    Raises:
        ConfigError: with file and line.
    """
    document = Document.read(path)
    try:
        return parse(document.data)
    except ConfigError as error:
        raise document.located(error) from None


def parse(raw: object) -> Gateway:
    """The gateway's configuration from *raw*, as read from YAML.

    Raises:
        ConfigError: with the path to the offending key.
    """
    file = convert(raw, File)
    if not file.devices:
        raise ConfigError("a gateway needs at least one device", ("devices",))
    devices: dict[str, tuple[Plugin[Any], Device]] = {}
    for index, section in enumerate(file.devices):
        with within("devices", index):
            protocol, device = _device(section)
        if device.name in devices:
            raise ConfigError(f"'{device.name}' is already the name of another device", ("devices", index, "name"))
        devices[device.name] = (protocol, device)
    _check_limits(file.limits, {name: device for name, (_, device) in devices.items()})
    return Gateway(file.site, file.listen, tuple(devices.values()), file.limits, file.otlp)


def json_schema() -> dict[str, Any]:
    """JSON Schema of gateway.yml with the devices of all installed protocols."""
    whole = schema(File)
    kinds: list[dict[str, Any]] = []
    for name in plugin.known():
        part = schema(plugin.load(name).config)
        whole["$defs"].update(part["$defs"])
        kinds.append({"$ref": part["$ref"]})
        whole["$defs"][part["$ref"].rpartition("/")[2]]["properties"]["protocol"] = {"const": name}
    whole["$defs"]["File"]["properties"]["devices"]["items"] = {"oneOf": kinds}
    return whole


def _device(section: dict[str, Any]) -> tuple[Plugin[Any], Device]:
    match section.get("protocol"):
        case str(name):
            with within("protocol"):
                protocol = plugin.load(name)
        case None:
            raise ConfigError("the key 'protocol' is missing")
        case other:
            raise ConfigError(f"expected text; found {other!r}", ("protocol",))
    device = convert(section, protocol.config)
    device.check()
    return protocol, device


def _check_limits(limits: tuple[Limit, ...], devices: dict[str, Device]) -> None:
    seen: dict[tuple[str, str, float], int] = {}
    for index, limit in enumerate(limits):
        key = (limit.stack, limit.parameter, limit.averaging)
        if key in seen:
            raise ConfigError(
                f"stack '{limit.stack}' has a limit for '{limit.parameter}' over {limit.averaging} already: "
                f"limits[{seen[key]}]",
                ("limits", index, "parameter"),
            )
        seen[key] = index
        with within("limits", index):
            limit.check(devices)
