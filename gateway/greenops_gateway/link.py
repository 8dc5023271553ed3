"""Links and devices as a person gives them on the command line: by name from a file, or whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from greenops_core.errors import ConfigError, ConfigErrors, Mistakes, nearest, within
from greenops_gateway import plugin
from greenops_gateway.configuration import Gateway, Way, load, parse
from greenops_telemetry.configuration import convert_all
from greenops_telemetry.document import scalar

WHOLE = "write one whole, like modbus:host=10.0.0.5,port=502"


def way(text: str, file: Path) -> Way:
    """The link *text*, for a look: a name in *file*, or ``protocol:key=value,key=value`` without devices.

    Raises:
        ConfigError: there is none, or it is written wrong.
    """
    if ":" in text:
        return written(text).guest()
    if not file.exists():
        raise ConfigError(f"'{text}' is the name of a link in a file, but there is no {file}; {WHOLE}")
    return named(load(file), text).guest()


def named(config: Gateway, name: str) -> Way:
    """The link called *name* with its devices.

    Raises:
        ConfigError: there is none that has a device.
    """
    for known in config.ways:
        if known.name == name:
            return known
    raise ConfigError(
        f"there is no link '{name}' with a device{nearest(name, [each.name for each in config.ways])}; or {WHOLE}"
    )


def written(text: str) -> Way:
    """The link ``protocol:key=value,key=value``; a key with dots lies in a section.

    >>> written("modbus:host=10.0.0.5,port=1502").link.port
    1502

    Raises:
        ConfigError: no such protocol, or a key or value is wrong.
    """
    section = _section(text)
    protocol = plugin.load(section["protocol"])
    link = convert_all(section, protocol.link)
    link.check()
    return Way(protocol.name, protocol, link, ())


def alone(text: str, way_text: str | None) -> Gateway:
    """One device of the profile ``name`` or ``name:key=value,key=value`` in *text*, behind the link *way_text*.

    >>> alone("sick-gm32:unit=7", "modbus:host=127.0.0.1").devices[0].name
    'sick-gm32'

    Raises:
        ConfigError: no such profile, a key of the device is missing or wrong, or the link is, or is not given.
    """
    if way_text is None:
        raise ConfigError(
            "--profile needs --link, which says where the device answers, like --link modbus:host=127.0.0.1,port=5020"
        )
    name, _, settings = text.partition(":")
    with within("--profile"):
        keys = _keys(settings, f"--profile {name}:poll=2s,stack=stack-2")
        if elsewhere := keys.keys() & {"link", "profile"}:
            raise ConfigError(
                f"{min(elsewhere)} is no key to give here; write --profile {name} --link protocol:key=value"
            )
    with within("--link"):
        section = _section(way_text)
    device = {"name": Path(name).stem, "stack": "stack-1", **keys, "link": "link", "profile": name}
    try:
        return parse({"site": "simulator", "links": {"link": section}, "devices": [device]}, Path())
    except ConfigError as error:
        mistakes = Mistakes()
        for each in error.errors if isinstance(error, ConfigErrors) else (error,):
            mistakes.keep(_as_given(each, name))
        raise mistakes.all() from None


def _as_given(error: ConfigError, name: str) -> ConfigError:
    """*error* of a configuration made from options, as one of the option that can be written otherwise."""
    match error.path:
        case ("devices", 0, "profile"):
            return ConfigError(error.message, ("--profile",))
        case ("devices", 0, *keys):
            told = ConfigError(error.message, tuple(keys))
            hint = f"write keys of the device behind its profile: --profile {name}:key=value,key=value"
            return ConfigError(f"{told}; {hint}", ("--profile",))
        case ("links", "link", *keys):
            return ConfigError(str(ConfigError(error.message, tuple(keys))), ("--link",))
        case _:
            return error


def _section(text: str) -> dict[str, Any]:
    name, _, settings = text.partition(":")
    keys = _keys(settings, f"{name}:host=10.0.0.5,port=502")
    if "protocol" in keys:
        raise ConfigError(f"the protocol stands before the colon: {name}")
    return {"protocol": name, **keys}


def _keys(settings: str, example: str) -> dict[str, Any]:
    """What ``key=value,key=value`` says; *example* is how to write it.

    Raises:
        ConfigError: written wrong, or a key is given twice.
    """
    section: dict[str, Any] = {}
    for setting in filter(None, settings.split(",")):
        key, equals, value = setting.partition("=")
        if not equals or "" in key.split("."):
            raise ConfigError(f"'{setting}' is not key=value; write for example {example}")
        *outer, last = key.split(".")
        inner = section
        for part in outer:
            inner = inner.setdefault(part, {})
            if not isinstance(inner, dict):
                raise ConfigError(f"'{setting}': {part} has a value already, and so no {last}")
        if last in inner:
            raise ConfigError(f"'{setting}': {key} is given already")
        inner[last] = scalar(value)
    return section
