"""Profiles: what is the same for every device of a kind. A file in YAML, its points in it or in a table beside it.

A profile holds ``protocol``, ``about`` and any key of a device but its name, link and stack. Found by name: beside
gateway.yml in ``profiles/``, else among those that come with the gateway; a path is taken as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from greenops_core.errors import ConfigError, nearest
from greenops_gateway.point import Device
from greenops_gateway.vendor_table import Table
from greenops_telemetry.configuration import Document, Section, convert

D = TypeVar("D", bound=Device)

SHIPPED = Path(str(files("greenops_gateway") / "profiles"))
SUFFIX = ".yaml"
NOT_IN_PROFILES = ("name", "link", "stack", "profile")


class About(Section, frozen=True, kw_only=True):
    """What the profile describes and where its facts come from: a document, its edition, its section."""

    title: str
    maker: str
    source: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile as written: *device* holds the keys of a device."""

    protocol: str
    about: About
    device: Mapping[str, Any]
    document: Document
    table: Table | None = None
    read: dict[str, Any] = field(default_factory=dict)
    """What the first device of this profile has read from it."""

    def shared(self, device: D, section: Mapping[str, Any]) -> D:
        """*device*, read from *section* and this profile, with the same objects as others for what the profile says.

        A hundred devices of a hundred points take the memory of one.
        """
        fields = zip(device.__struct_encode_fields__, device.__struct_fields__, strict=True)
        names = [name for key, name in fields if key in self.device and key not in section]
        known = {name: self.read.setdefault(name, getattr(device, name)) for name in names}
        return msgspec.structs.replace(device, **known)

    def located(self, errors: Iterable[ConfigError]) -> Iterator[ConfigError]:
        """*errors*, whose paths begin with a key of *device*, with the profile's file and line in front."""
        in_table: list[ConfigError] = []
        for error in errors:
            if self.table is not None and error.path[:1] == ("points",):
                in_table.append(error)
            else:
                yield self.document.located(error)
        if self.table is not None:
            yield from self.table.located(in_table)


def load(name: str, beside: Path) -> Profile:
    """The profile called *name* for a gateway.yml that lies in the folder *beside*.

    Raises:
        ConfigError: there is none, or what it says is wrong; the message says where.
    """
    path = found(name, beside)
    document = Document.read(path)
    try:
        return _read(document)
    except ConfigError as error:
        raise document.located(error) from None


def found(name: str, beside: Path) -> Path:
    """The file of the profile called *name*.

    Raises:
        ConfigError: there is none.
    """
    if "/" in name or name.endswith((SUFFIX, ".yml")):
        path = beside / name
        if not path.is_file():
            raise ConfigError(f"there is no file {path}")
        return path
    for folder in (beside / "profiles", SHIPPED):
        path = folder / f"{name}{SUFFIX}"
        if path.is_file():
            return path
    raise ConfigError(f"there is no profile '{name}'{nearest(name, known(beside))}")


def known(beside: Path) -> list[str]:
    """The names of all profiles that a gateway.yml in the folder *beside* can use."""
    return sorted({path.stem for folder in (beside / "profiles", SHIPPED) for path in folder.glob(f"*{SUFFIX}")})


def listed(beside: Path) -> Iterator[tuple[str, str, str, str]]:
    """A table of all profiles that a gateway.yml in the folder *beside* can use, with a head."""
    yield ("profile", "protocol", "device", "source")
    for name in known(beside):
        profile = load(name, beside)
        about = profile.about
        yield (name, profile.protocol, f"{about.maker} {about.title}", about.source)


def _read(document: Document) -> Profile:
    match document.data:
        case {"protocol": str(protocol), "about": about, **rest}:
            device = {str(key): value for key, value in rest.items()}
        case {"protocol": str()}:
            raise ConfigError("the key 'about' is missing; write about: {title: …, maker: …, source: …}")
        case _:
            raise ConfigError("a profile is a mapping with the keys protocol, about and those of a device")
    if wrong := next((key for key in NOT_IN_PROFILES if key in device), None):
        raise ConfigError("belongs to one device, in gateway.yml, not to a profile", (wrong,))
    try:
        told = convert(about, About)
    except ConfigError as error:
        raise error.under("about") from None
    table = None
    match device.pop("points_file", None):
        case None:
            pass
        case str(name):
            if "points" in device:
                raise ConfigError("points stand here already; give them once", ("points_file",))
            table = Table.read(document.path.parent / name)
            device["points"] = list(table.points)
        case other:
            raise ConfigError(f"expected the name of a file; found {other!r}", ("points_file",))
    return Profile(protocol, told, device, document, table)
