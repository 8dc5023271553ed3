"""Commissioning: what a broker is like, and what comes for each point."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from greenops_core.errors import DecodeError, DeviceError
from greenops_core.sample import Reason
from greenops_gateway.mqtt import payload, sparkplug_look, sparkplug_payload, topic, trouble
from greenops_gateway.mqtt.client import Client, Identity, connected
from greenops_gateway.mqtt.configuration import MqttDevice, MqttLink, MqttPoint
from greenops_gateway.mqtt.packet import Grant, Publish
from greenops_gateway.mqtt.property import Property
from greenops_gateway.mqtt.reception import EARLIEST, MOST_AHEAD
from greenops_gateway.tools import Finding

LONGEST_LISTENING = 15.0
SHORTEST_LISTENING = 3.0
MOST_OFFSET = 2.0
"""Seconds between the device's clock and ours that need no word."""


async def probe(link: MqttLink, devices: Sequence[MqttDevice]) -> AsyncIterator[Finding]:
    """Connect, ask what the broker can, then listen for what comes for each point, beside a running gateway."""
    begun = time.perf_counter()
    expiries: dict[str, float] = {}
    try:
        async with connected(link, guest(link), told=expiries.__setitem__) as client:
            took = 1000 * (time.perf_counter() - begun)
            yield Finding("connect", f"{client.where} accepts MQTT {link.version} after {took:.0f} ms")
            for finding in (*_limits(client, link), *_certificates(expiries)):
                yield finding
            heard = Heard()
            asked = topic.fewest([each for device in devices for each in device.filters()])
            grants = await client.subscribe(asked)
            for finding in _granted(link, grants):
                yield finding
            if all(each.refused for each in grants):
                return
            for commands in {sparkplug_look.commands(each) for each in devices if each.payload == "sparkplug"}:
                client.publish(commands, sparkplug_payload.rebirth(time.time()))
            slowest = max((float(device.poll) for device in devices), default=0.0)
            seconds = min(LONGEST_LISTENING, max(SHORTEST_LISTENING, 2 * slowest))
            await heard.listen(client, seconds)
            yield Finding("listen", f"{heard.count} messages under {len(heard.last)} topics in {seconds:g} s")
            for device in devices:
                for finding in _device(device, heard):
                    yield finding
    except DeviceError as error:
        yield Finding("connect", str(error), well=False, advice="see host, port, version, user, password and tls")


def guest(link: MqttLink) -> Identity:
    """A client that leaves nothing at the broker; a guest's link gives it a name of its own."""
    return Identity(link.client("guest"), resume=False)


@dataclass(slots=True)
class Heard:
    """What came while listening: the last message of each topic and when it came, the newest ones before kept ones."""

    last: dict[str, tuple[float, Publish]] = field(default_factory=dict)
    count: int = 0

    async def listen(self, client: Client, seconds: float) -> None:
        """Raises DeviceError: the connection is lost."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while (left := end - loop.time()) > 0:
            arrived = await client.received(left)
            for at, messages in arrived or ():
                for message in messages:
                    self.take(message, at)
            client.acknowledge(arrived or ())

    def take(self, message: Publish, at: float) -> None:
        self.count += 1
        if message.topic in self.last or len(self.last) < topic.MOST_KEPT:
            self.last[message.topic] = (at, message)

    def of(self, filter_: str) -> list[tuple[float, Publish]]:
        return [found for name, found in self.last.items() if topic.matches(filter_, name)]


def _granted(link: MqttLink, grants: Iterable[Grant]) -> Iterator[Finding]:
    for each in grants:
        if each.refused:
            yield Finding("subscribe", each.refused, well=False, advice="see what the broker allows this user")
        elif each.qos < each.asked:
            less = trouble.granted(link, each)
            yield Finding("subscribe", less, well=False, advice="see the highest QoS in the broker's settings")


def _limits(client: Client, link: MqttLink) -> list[Finding]:
    if link.level() == 4:
        return [Finding("limits", "MQTT 3.1.1 has no way to tell them; version 5 has")]
    told = client.connack.properties
    wildcards = told.get(Property.WILDCARDS_AVAILABLE, 1) == 1
    qos = int(told.get(Property.MAXIMUM_QOS, 2))
    found = [
        Finding(
            "highest QoS",
            str(qos),
            well=qos > 0,
            advice="" if qos else "with QoS 0 what is sent while we are away is lost",
        ),
        Finding("messages in flight", str(told.get(Property.RECEIVE_MAXIMUM, 65535))),
        Finding("largest packet", str(told.get(Property.MAXIMUM_PACKET_SIZE, "no limit"))),
        Finding("retained messages", "yes" if told.get(Property.RETAIN_AVAILABLE, 1) else "no"),
        Finding("topic aliases", str(told.get(Property.TOPIC_ALIAS_MAXIMUM, 0))),
        Finding(
            "wildcards", "yes" if wildcards else "no", well=wildcards, advice="" if wildcards else "write whole topics"
        ),
    ]
    if Property.SERVER_KEEP_ALIVE in told:
        found.append(Finding("keep alive", f"the broker wants {int(told[Property.SERVER_KEEP_ALIVE])} s"))
    return found


def _certificates(expiries: Mapping[str, float]) -> list[Finding]:
    days = {which: (at - time.time()) / 86400 for which, at in expiries.items()}
    return [
        Finding(
            f"{which} certificate", f"ends in {left:.0f} days", well=left > 30, advice="renew it" if left <= 30 else ""
        )
        for which, left in days.items()
    ]


def _device(device: MqttDevice, heard: Heard) -> list[Finding]:
    if device.payload == "sparkplug":
        return list(sparkplug_look.findings(device, {name: last.payload for name, (_, last) in heard.last.items()}))
    return [_point(device, point, heard) for point in device.points]


def _point(device: MqttDevice, point: MqttPoint, heard: Heard) -> Finding:
    what = f"{device.name}: {point.name}"
    came = heard.of(device.filter_of(point))
    if not came:
        near = _nearest_topic(device.filter_of(point), heard)
        return Finding(what, f"no message under {device.filter_of(point)}", well=False, advice=near)
    worst: Finding | None = None
    for at, message in sorted(came, key=lambda each: -each[0]):
        finding = _read(what, device, point, message, at)
        if finding.well:
            return finding
        worst = worst or finding
    return worst or Finding(what, "nothing", well=False)


def _nearest_topic(filter_: str, heard: Heard) -> str:
    near = next(iter(sorted(heard.last)), None)
    return (
        f"under another topic of this link came {near}" if near else f"is the device on? Does it publish to {filter_}?"
    )


def _read(what: str, device: MqttDevice, point: MqttPoint, message: Publish, at: float) -> Finding:
    kept = "; the broker kept it (retained)" if message.retained else ""
    shown = f"last payload {payload.excerpt(message.payload)}{kept}"
    document: object = None
    try:
        if device.payload == "plain":
            found: object = message.payload.decode(errors="replace").strip()
            number = point.words().get(str(found))
            if number is None:
                number = payload.plain(message.payload)
        else:
            document = payload.document(message.payload)
            found = payload.find(document, payload.path(point.path or "$"))
            number = point.words().get(found) if isinstance(found, str) else None
            if number is None:
                number = payload.number(found, text=point.text, truth=point.unit == "1")
    except DecodeError as error:
        near = payload.nearest_path(document, payload.path(point.path or "$")) if document is not None else None
        return Finding(what, f"{error}; {shown}", well=False, advice=f"did you mean path: {near}?" if near else "")
    value, reason = (
        (number, Reason.NONE) if isinstance(found, str) and found in point.words() else point.meaning().of(number)
    )
    if reason is not Reason.NONE:
        return Finding(what, f"{found} means no value ({reason}); {shown}", well=False)
    return _timed(Finding(what, f"{value:g} {point.unit}{kept}"), device, document, at)


def _timed(finding: Finding, device: MqttDevice, document: object, at: float) -> Finding:
    if device.time is None:
        return finding
    try:
        own = payload.moment(payload.find(document, payload.path(device.time.path)), device.time.format)
    except DecodeError as error:
        near = payload.nearest_path(document, payload.path(device.time.path))
        advice = f"see time; did you mean path: {near}?" if near else "see time"
        return Finding(finding.what, f"{finding.seen}, but {error}", well=False, advice=advice)
    off = at - own
    if not EARLIEST <= own <= at + MOST_AHEAD:
        advice = f"set the device's clock, or see time: is it in {device.time.format}?"
        return Finding(finding.what, f"{finding.seen}, but its time is {_apart(off)}", well=False, advice=advice)
    return finding._replace(seen=f"{finding.seen}, time {_apart(off)}" if abs(off) > MOST_OFFSET else finding.seen)


def _apart(off: float) -> str:
    return f"{abs(off):.0f} s {'behind' if off > 0 else 'ahead'}"
