"""gateway.yml: strict, with file and line in every complaint. A protocol's part is read by the protocol's own types."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from greenops_core.address import Address
from greenops_core.errors import ConfigError, ConfigErrors, Mistakes, nearest, within
from greenops_gateway import limit_library, plugin, profile
from greenops_gateway.derived import Derived, check_all
from greenops_gateway.emissions.section import Emissions
from greenops_gateway.limit import Limit
from greenops_gateway.plugin import Plugin
from greenops_gateway.point import Device, Link, Name, Owner
from greenops_gateway.profile import Profile
from greenops_telemetry.configuration import Document, Section, convert, convert_all, listening, schema
from greenops_telemetry.delivery import configuration as delivery
from greenops_telemetry.delivery.configuration import Journal, Sinks
from greenops_telemetry.otlp import Otlp

SPOILT = 20
"""Mistakes in a profile after which it is not tried with other devices too."""


class File(Section, frozen=True, kw_only=True):
    """gateway.yml as it stands. *site* is the plant; *listen* is where /metrics is answered, HOST:PORT.

    *journal* is where each sample is kept before it is shown, *sinks* is who is sent all of them, *emissions* are the
    stacks of which hours are closed from it.
    """

    site: Name
    links: dict[Name, dict[str, Any]]
    devices: list[dict[str, Any]]
    listen: Address = listening("127.0.0.1:9842")
    derived: tuple[Derived, ...] = ()
    limits: tuple[Limit, ...] = ()
    otlp: Otlp | None = None
    journal: Journal | None = None
    sinks: Sinks = msgspec.field(default_factory=dict)
    emissions: Emissions | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """A link with its protocol, and the devices behind it."""

    name: str
    protocol: Plugin[Any, Any]
    link: Link
    devices: tuple[Device, ...]

    def guest(self) -> Way:
        """The same for a look beside a running gateway, which must not notice."""
        return replace(self, link=self.link.guest())


@dataclass(frozen=True, slots=True)
class Gateway:
    """A checked configuration. Links without a device are left out, and *unused* names them."""

    site: str
    listen: Address
    ways: tuple[Way, ...]
    derived: tuple[Derived, ...] = ()
    limits: tuple[Limit, ...] = ()
    otlp: Otlp | None = None
    journal: Journal | None = None
    sinks: Sinks = field(default_factory=dict)
    emissions: Emissions | None = None
    unused: tuple[str, ...] = ()

    @property
    def devices(self) -> tuple[Device, ...]:
        return tuple(device for way in self.ways for device in way.devices)


def load(path: Path) -> Gateway:
    """The gateway's configuration in the YAML file *path*.

    Raises:
        ConfigError: with file and line; of several mistakes, all are told.
    """
    document = Document.read(path)
    try:
        return parse(document.data, path.parent)
    except ConfigError as error:
        raise document.located(error) from None


def parse(raw: object, beside: Path) -> Gateway:
    """The gateway's configuration from *raw*, as read from YAML; profiles are looked for from the folder *beside* on.

    Raises:
        ConfigError: with the path to the offending key; ConfigErrors: several of them.
    """
    mistakes = Mistakes()
    if isinstance(raw, dict) and "limits" in raw:
        raw = {**raw, "limits": limit_library.completed(_list(raw["limits"]), mistakes) or raw["limits"]}
    without = {("limits", error.path[1]) for error in mistakes.errors}
    file: File | None = None
    try:
        file = convert_all(raw, File)
    except ConfigError as error:
        mistakes.keep(error)
    # A limit that takes its keys from nowhere lacks them all, which is told already.
    mistakes.errors = [error for error in mistakes.errors if error.path not in without]
    # What is right is looked at all the same, so that one mistake hides no other.
    sections = raw if isinstance(raw, dict) else {}
    links, devices = _mapping(sections.get("links")), _list(sections.get("devices"))
    ways = _devices(links, devices, beside, mistakes)
    if file is not None and not file.devices:
        mistakes.errors.append(ConfigError("a gateway needs at least one device", ("devices",)))
    if file is not None:
        _check_sinks(file, mistakes)
        _check_emissions(file, ways, mistakes)
    if devices:
        _check_rest(sections, ways, mistakes)
    mistakes.errors = _once(mistakes.errors, devices)
    if file is None or mistakes.errors:
        raise mistakes.all()
    return Gateway(
        file.site,
        file.listen,
        ways,
        file.derived,
        file.limits,
        file.otlp,
        file.journal,
        file.sinks,
        file.emissions,
        unused=tuple(name for name in file.links if name not in {way.name for way in ways}),
    )


def json_schema() -> dict[str, Any]:
    """JSON Schema of gateway.yml with the links and devices of all installed protocols."""
    from greenops_gateway.cems.plan_check import with_bare_numbers  # noqa: PLC0415  # all equations, where wanted

    whole = schema(File)
    with_bare_numbers(whole)
    kinds: dict[str, list[dict[str, Any]]] = {"links": [], "devices": []}
    for name in plugin.known():
        protocol = plugin.load(name)
        for section, type_ in (("links", protocol.link), ("devices", protocol.device)):
            part = schema(type_)
            whole["$defs"].update(part["$defs"])
            kinds[section].append({"$ref": part["$ref"]})
            here = whole["$defs"][part["$ref"].rpartition("/")[2]]
            if section == "links":
                here["properties"]["protocol"] = {"const": name}
            else:
                here["required"] = [key for key in here["required"] if key in profile.NOT_IN_PROFILES]
                here["anyOf"] = [{"required": ["profile"]}, {"required": ["points"]}]
    properties = whole["$defs"]["File"]["properties"]
    properties["links"]["additionalProperties"] = {"oneOf": kinds["links"]}
    properties["devices"]["items"] = {"anyOf": kinds["devices"]}
    limit = whole["$defs"]["Limit"]
    own = [key for key in limit["required"] if key != "stack"]
    limit |= {"required": ["stack"], "anyOf": [{"required": [limit_library.FROM]}, {"required": own}]}
    return whole


def _devices(links: Mapping[Any, Any], sections: list[Any], beside: Path, mistakes: Mistakes) -> tuple[Way, ...]:
    """The links that have devices; what is wrong goes to *mistakes*."""
    open_: dict[str, tuple[Plugin[Any, Any], Link | None, list[Device]]] = {}
    for name, section in links.items():
        with mistakes.within("links", name):
            protocol = _protocol(section)
            open_[name] = (protocol, None, [])
            link = convert_all(section, protocol.link)
            link.check()
            open_[name] = (protocol, link, [])
    profiles: dict[str, Profile] = {}
    spoilt: set[str] = set()
    names: set[str] = set()
    for index, section in enumerate(sections):
        if _mapping(section).get("profile") in spoilt:
            continue  # which is told already, and trying takes long
        with mistakes.within("devices", index):
            name = _link_of(section, links)
            if name not in open_:
                continue  # its link is wrong, which is told already
            protocol, _, devices = open_[name]
            device = _device(section, protocol, beside, profiles, spoilt)
            if device.name in names:
                raise ConfigError(f"'{device.name}' is already the name of another device", ("name",))
            names.add(device.name)
            devices.append(device)
    ways = []
    for name, (protocol, checked, devices) in open_.items():
        if checked is not None and devices:
            with mistakes.within("links", name):
                checked.check_devices(tuple(devices))
            ways.append(Way(name, protocol, checked, tuple(devices)))
    return tuple(ways)


def _protocol(section: object) -> Plugin[Any, Any]:
    match section:
        case {"protocol": str(name)}:
            with within("protocol"):
                return plugin.load(name)
        case {"protocol": other}:
            raise ConfigError(f"expected text; found {other!r}", ("protocol",))
        case _:
            raise ConfigError("the key 'protocol' is missing")


def _link_of(section: object, links: Mapping[Any, Any]) -> str:
    match section:
        case {"link": str(name)} if name in links:
            return name
        case {"link": str(name)}:
            raise ConfigError(f"there is no link '{name}'{nearest(name, map(str, links))}", ("link",))
        case {"link": other}:
            raise ConfigError(f"expected text; found {other!r}", ("link",))
        case _:
            raise ConfigError("the key 'link' is missing")


def _device(
    section: Mapping[str, Any],
    protocol: Plugin[Any, Any],
    beside: Path,
    profiles: dict[str, Profile],
    spoilt: set[str],
) -> Device:
    """Raises ConfigError: with the path from the device; a profile with many mistakes is added to *spoilt*."""
    used = None
    match section.get("profile"):
        case str(name):
            with within("profile"):
                used = profiles.get(name) or profile.load(name, beside)
                profiles[name] = used
                if used.protocol != protocol.name:
                    raise ConfigError(f"profile '{name}' is for {used.protocol}, but the link speaks {protocol.name}")
    try:
        device: Device = convert_all({**(used.device if used else {}), **section}, protocol.device)
        if used is not None:
            device = used.shared(device, section)
        device.check()
    except ConfigError as error:
        own, of_profile = _apart(error, section, used)
        if used is not None and len(of_profile) > SPOILT:
            spoilt.add(section["profile"])
        told = () if used is None else used.located(of_profile)
        raise Mistakes([*own, *(ConfigError(str(each), ("profile",)) for each in told)]).all() from None
    return device


def _apart(
    error: ConfigError, section: Mapping[str, Any], used: Profile | None
) -> tuple[list[ConfigError], list[ConfigError]]:
    """What *error* says of a device's own section, and what of its profile: where the wrong key was written."""
    own: list[ConfigError] = []
    of_profile: list[ConfigError] = []
    for each in error.errors if isinstance(error, ConfigErrors) else (error,):
        is_own = used is None or not each.path or each.path[0] in section or each.path[0] not in used.device
        (own if is_own else of_profile).append(each)
    return own, of_profile


def _once(errors: Iterable[ConfigError], devices: list[Any]) -> list[ConfigError]:
    """*errors* with each mistake of a profile told once, for all of the *devices* that use it."""
    told: dict[object, ConfigError] = {}
    for error in errors:
        match error.path:
            case ("devices", int(index), "profile"):
                name = devices[index]["profile"]
                users = [str(each.get("name")) for each in map(_mapping, devices) if each.get("profile") == name]
                used = f" (used by {_some(users)})" if len(users) > 1 else ""
                told.setdefault(error.message, ConfigError(f"{error.message}{used}", error.path))
            case _:
                told[id(error)] = error
    return list(told.values())


def _some(names: Sequence[str]) -> str:
    """The first of *names*, and how many there are.

    >>> _some(["a", "b", "c"]), _some(["a", "b", "c", "d"])
    ('a, b and c', 'a, b and 2 others')
    """
    first, last = (names[:-1], names[-1]) if len(names) < 4 else (names[:2], f"{len(names) - 2} others")
    return f"{', '.join(first)} and {last}"


def _check_sinks(file: File, mistakes: Mistakes) -> None:
    if file.sinks and file.journal is None:
        mistakes.errors.append(
            ConfigError("sinks are sent what the journal keeps; add a section 'journal'", ("sinks",))
        )
    with mistakes.within("sinks"):
        delivery.check(file.sinks)


def _check_emissions(file: File, ways: tuple[Way, ...], mistakes: Mistakes) -> None:
    """The plans, when every device is right: what they read may be of one that is not."""
    if file.emissions is None:
        return
    if file.journal is None:
        mistakes.errors.append(
            ConfigError("hours are closed from what the journal keeps; add a section 'journal'", ("emissions",))
        )
    if not mistakes.errors:
        owners: Iterable[Owner] = (*(device for way in ways for device in way.devices), *file.derived)
        with mistakes.within("emissions"):
            file.emissions.check({owner.name: owner for owner in owners})
        with mistakes.within():
            if not mistakes.errors:
                file.emissions.check_limits(file.limits)


def _check_rest(sections: Mapping[Any, Any], ways: tuple[Way, ...], mistakes: Mistakes) -> None:
    """What is derived, and the limits. What needs a device that is wrong itself is not judged."""
    known: dict[str, Owner] = {device.name: device for way in ways for device in way.devices}
    derived, limits = _right(sections.get("derived"), Derived), _right(sections.get("limits"), Limit)
    named = (each.get("name") for key in ("devices", "derived") for each in map(_mapping, _list(sections.get(key))))
    wrong = set(map(str, named)) - known.keys() - {each.name for each in derived.values()}
    found = Mistakes()
    with found.within():
        check_all(tuple(derived.values()), known)
    places = tuple(derived)
    for error in found.errors:
        index = places[int(error.path[0])]
        if not _follows(error.path[1:], derived[index], wrong):
            mistakes.errors.append(ConfigError(error.message, ("derived", index, *error.path[1:])))
        wrong.add(derived[index].name)
    _check_limits(limits, known | {each.name: each for each in derived.values()}, wrong, mistakes)


def _follows(path: tuple[str | int, ...], derived: Derived, wrong: Collection[str]) -> bool:
    """Whether the mistake at *path* in *derived* may be one only since a point is of something *wrong*."""
    match path:
        case ("points", int(index), "from", str(name)):
            inputs = {name: derived.points[index].from_.get(name, "")}
        case ("points", int(index), "value", *_):
            inputs = derived.points[index].from_
        case _:
            return False
    return any(written.partition("/")[0] in wrong for written in inputs.values())


def _check_limits(
    limits: Mapping[int, Limit], devices: Mapping[str, Owner], wrong: Collection[str], mistakes: Mistakes
) -> None:
    """*limits* by their place in the file."""
    seen: dict[tuple[str, str, str], int] = {}
    for index, limit in limits.items():
        with mistakes.within("limits", index):
            key = (limit.stack, limit.parameter, limit.over)
            if key in seen:
                raise ConfigError(
                    f"stack '{limit.stack}' has a limit for '{limit.parameter}' over {limit.over} already: "
                    f"limits[{seen[key]}]",
                    ("parameter",),
                )
            seen[key] = index
            if limit.device not in wrong:
                limit.check(devices)


T = TypeVar("T")


def _right(sections: object, kind: type[T]) -> dict[int, T]:
    """Those of *sections* that are a *kind*, by their place; what is wrong with others is told already."""
    found: dict[int, T] = {}
    for index, section in enumerate(_list(sections)):
        with suppress(ConfigError):
            found[index] = convert(section, kind)
    return found


def _mapping(raw: object) -> dict[Any, Any]:
    return raw if isinstance(raw, dict) else {}


def _list(raw: object) -> list[Any]:
    return raw if isinstance(raw, list) else []


def changed(old: Way, new: Way) -> Iterator[str]:
    """What differs between two states of one link, in words."""
    if old.link != new.link:
        keys = [
            key for key in msgspec.structs.asdict(new.link) if getattr(old.link, key, None) != getattr(new.link, key)
        ]
        yield f"link {new.name}: {', '.join(keys)}"
    before, after = ({device.name: device for device in way.devices} for way in (old, new))
    yield from (f"device {name}: removed" for name in before.keys() - after.keys())
    yield from (f"device {name}: added" for name in after.keys() - before.keys())
    yield from (f"device {name}: changed" for name in before.keys() & after.keys() if before[name] != after[name])
