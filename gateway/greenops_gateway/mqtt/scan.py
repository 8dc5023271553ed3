"""Commissioning: which topics a broker has, and which numbers are in their messages."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from greenops_core.errors import ConfigError, DecodeError, DeviceError
from greenops_gateway.mqtt import payload, sparkplug_look, sparkplug_payload, topic
from greenops_gateway.mqtt.client import connected
from greenops_gateway.mqtt.configuration import MqttLink
from greenops_gateway.mqtt.packet import Publish
from greenops_gateway.mqtt.probe import Heard, guest
from greenops_gateway.mqtt.sparkplug_payload import NAMESPACE, Datatype
from greenops_gateway.tools import Discovery, Scan, Told

STEPS = 20
MOST_POINTS = 200
DAY = 86400.0
EVERYTHING = "#"
NUMERIC = frozenset({*range(Datatype.INT8, Datatype.BOOLEAN + 1)})


async def scan(link: MqttLink, wanted: Scan, told: Told) -> Sequence[Discovery]:
    """The devices that sent something while we listened to the filter ``within`` (default ``#``).

    Sparkplug edge nodes that were heard, but not being born, are asked half-way for a new birth; nothing else is sent.

    Raises:
        DeviceError: there is no broker, or it does not allow this.
        ConfigError: *within* is no topic filter.
    """
    filter_ = wanted.within or EVERYTHING
    try:
        topic.check(filter_)
    except ConfigError as error:
        raise ConfigError(f"cannot listen there: {error.message}") from None
    heard = Heard()
    async with connected(link, guest(link)) as client:
        for grant in await client.subscribe([(filter_, 0)]):
            if grant.refused:
                raise DeviceError(grant.refused)
        for step in range(STEPS):
            if step == STEPS // 2:
                for commands in sparkplug_look.unborn(heard.last):
                    client.publish(commands, sparkplug_payload.rebirth(time.time()))
            told(step / STEPS, f"{heard.count} messages under {len(heard.last)} topics")
            await heard.listen(client, wanted.seconds / STEPS)
    told(1.0, f"{heard.count} messages under {len(heard.last)} topics")
    if not heard.last:
        raise DeviceError(
            f"nothing came under '{filter_}' in {wanted.seconds:g} s; listen longer, or to another filter"
        )
    return list(discoveries(heard, time.time()))


def discoveries(heard: Heard, now: float) -> Iterator[Discovery]:
    """A profile for each JSON topic, for the plain numbers below one topic, and for each Sparkplug birth."""
    plain: dict[str, list[tuple[str, bytes]]] = {}
    for name, (_, message) in sorted(heard.last.items()):
        if name.startswith(f"{NAMESPACE}/"):
            yield from _sparkplug(message)
            continue
        try:
            payload.plain(message.payload)
        except DecodeError:
            yield from _json(message, now)
        else:
            above, _, last = name.rpartition("/")
            plain.setdefault(above, []).append((last, message.payload))
    for above, found in plain.items():
        points = [_point(last, topic=last if above else f"/{last}") for last, _ in found[:MOST_POINTS]]
        seen = ", ".join(f"{last} {content.decode(errors='replace').strip()}" for last, content in found)
        yield _discovery(
            above or "top", {"payload": "plain", "topic": above, "points": points}, f"plain numbers: {seen}"
        )


def _json(message: Publish, now: float) -> Iterator[Discovery]:
    try:
        document = payload.document(message.payload)
    except DecodeError:
        return
    leaves = dict(payload.leaves(document))
    stamp = next(((steps, found) for steps, value in leaves.items() if (found := _time_format(value, now))), None)
    taken: set[str] = set()
    points = []
    seen = []
    for steps, value in leaves.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or (stamp and steps == stamp[0]):
            continue
        path = payload.written(steps)
        points.append(_point(_unique(path, taken), path=path))
        seen.append(f"{path} {value:g}")
    if not points:
        return
    device: dict[str, Any] = {"payload": "json", "topic": message.topic}
    if stamp is not None:
        device["time"] = {"path": payload.written(stamp[0]), "format": stamp[1]}
    yield _discovery(message.topic, {**device, "points": points[:MOST_POINTS]}, f"JSON: {', '.join(seen)}")


def _sparkplug(message: Publish) -> Iterator[Discovery]:
    try:
        said = sparkplug_payload.address(message.topic)
        born = sparkplug_payload.decode(message.payload) if said.kind in {"NBIRTH", "DBIRTH"} else None
    except DecodeError:
        return
    if born is None:
        return
    names = [metric.name for metric in born.metrics if metric.name and metric.datatype in NUMERIC]
    names = [name for name in names if name not in {sparkplug_payload.BD_SEQ, sparkplug_payload.REBIRTH}]
    if not names:
        return
    taken: set[str] = set()
    device: dict[str, Any] = {"payload": "sparkplug", "group": said.group, "node": said.node}
    if said.device is not None:
        device["sparkplug_device"] = said.device
    device["points"] = [_point(_unique(name, taken), path=name) for name in names[:MOST_POINTS]]
    yield _discovery(message.topic, device, f"Sparkplug B birth: {', '.join(names)}")


def _time_format(value: object, now: float) -> payload.TimeFormat | None:
    """The format in which *value* is a time of today."""
    formats: tuple[payload.TimeFormat, ...] = ("unix", "unix_ms", "rfc3339")
    for format_ in formats:
        try:
            if abs(payload.moment(value, format_) - now) < DAY:
                return format_
        except DecodeError:
            continue
    return None


def _discovery(name: str, device: Mapping[str, Any], seen: str) -> Discovery:
    about = {"title": f"What {name} sends", "maker": "unknown", "source": "a scan of the broker; units are not in it"}
    return Discovery(_name(name), {"protocol": "mqtt", "about": about, **device}, seen)


def _point(name: str, **place: str) -> dict[str, Any]:
    return {"name": _name(name), "unit": "1", **place}


def _unique(text: str, taken: set[str]) -> str:
    name, number = _name(text), 1
    while name in taken:
        number += 1
        name = f"{_name(text)}_{number}"
    taken.add(name)
    return name


def _name(text: str) -> str:
    """A name that a device or a point may have.

    >>> _name("plant/cems 1/gas[0].so2")
    'plant-cems-1-gas-0-.so2'
    """
    return re.sub(r"[^A-Za-z0-9_.]+", "-", text).strip("-._") or "unnamed"
