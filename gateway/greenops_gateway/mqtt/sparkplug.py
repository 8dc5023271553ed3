"""Sparkplug B as a host application sees it: births, deaths, sequence, aliases (Eclipse Sparkplug 3.0.0).

An edge node says with its births what its metrics are; its data is read by them alone. It is no primary host: it has no
state of its own to tell, and all it ever sends is the request for a new birth.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Sequence

from greenops_core.errors import DecodeError, nearest
from greenops_core.sample import Sample
from greenops_gateway.mqtt.configuration import MqttDevice
from greenops_gateway.mqtt.sparkplug_payload import (
    BD_SEQ,
    COMMANDS,
    Address,
    Holder,
    Payload,
    address,
    decode,
    rebirth,
)
from greenops_gateway.mqtt.sparkplug_scope import Scope, once
from greenops_gateway.plugin import Desk, Event, Result

log = logging.getLogger(__name__)

SHORTEST_PAUSE = 10.0
"""Seconds between two requests to one edge node for a birth; twice as many after each that is not answered."""
LONGEST_PAUSE = 300.0
FIRST_BIRTH = 10.0
"""Seconds after which a birth that did not come is told."""
SEQUENCE = 256
ASKED = "sparkplug: birth asked for at"


class Node:
    """One edge node with its devices."""

    def __init__(
        self, group: str, name: str, publish: Callable[[str, bytes, int], None], clock: Callable[[], float]
    ) -> None:
        self.address = Address(group, "NCMD", name)
        self.what = f"edge node {group}/{name}"
        self.scopes: dict[str | None, Scope] = {}
        self._publish, self._clock = publish, clock
        self._born = self._dead = self._deaf = False
        self._bd_seq: int | None = None
        self._next: int | None = None
        self._announced: set[str] = set()
        self._since: float | None = None
        self._wants = ""
        self._unanswered = 0

    @property
    def desks(self) -> list[Desk[MqttDevice]]:
        return [desk for scope in self.scopes.values() for desk in scope.desks]

    def add(self, desk: Desk[MqttDevice]) -> None:
        device = desk.device.sparkplug_device
        if device not in self.scopes:
            self.scopes[device] = Scope(self.what if device is None else f"device '{device}' of {self.what}")
        self.scopes[device].add(desk)

    def event(self, event: Event, desks: Iterable[Desk[MqttDevice]] | None = None) -> None:
        for desk in self.desks if desks is None else desks:
            desk.event(event)

    def say(self, kind: str, line: str) -> None:
        """Log *line*, once of its *kind*."""
        once(self.desks[0], self.what, kind, lambda: line)

    def refused(self, why: str) -> None:
        """The broker does not let us listen to it: to ask for anything is in vain."""
        self._deaf = True
        for scope in self.scopes.values():
            scope.down(why)

    def take(self, said: Address, payload: Payload, at: float) -> list[Sample]:
        """What a message from the edge node or one of its devices gives, which came *at*."""
        self._deaf = False
        scope = self.scopes.get(said.device)
        for desk in scope.desks if scope else ():
            desk.count(Result.OK)
        if said.kind == "NBIRTH":
            return self._birth(payload, at)
        if said.kind == "NDEATH":
            self._death(payload)
        elif self._born:
            self._follow(payload.seq)
            if said.kind == "DBIRTH" and said.device is not None:
                self._announced.add(said.device)
            return [] if scope is None else self._told(said.kind, scope, payload, at)
        else:
            self._ask(f"{said.kind} came before a birth")
        return []

    def _told(self, kind: str, scope: Scope, payload: Payload, at: float) -> list[Sample]:
        if kind == "DBIRTH":
            return scope.birth(payload, at)
        if kind == "DDEATH":
            self.event(Event.DEATH, scope.desks)
            scope.down(f"{scope.what} is gone, says its edge node (DDEATH)")
            return []
        if not scope.born:
            self._ask(f"data of {scope.what} came before its birth")
            return []
        samples, strangers = scope.data(payload, at)
        if strangers:
            self.event(Event.STRANGER, scope.desks)
        if new := scope.news(strangers):
            self._ask(f"the birth of {scope.what} did not tell of the metric '{min(new)}'")
        return samples

    def tick(self, now: float) -> None:
        """What changes by time alone: requests for a birth that are due, births that do not come."""
        if self._deaf:
            return
        if self._since is None:
            self._since = now
            if not self._born:
                self._ask("nothing is known of it yet")
        elif self._wants:
            self._ask(self._wants)
        if now - self._since < FIRST_BIRTH:
            return
        for device, scope in self.scopes.items():
            if scope.born or scope.told:
                continue
            if self._born:
                scope.down(
                    f"{self.what} did not announce the device '{device}'{nearest(device or '', self._announced)}"
                )
            else:
                scope.down(f"{self.what} sends no birth (NBIRTH)")

    def _birth(self, payload: Payload, at: float) -> list[Sample]:
        """A session begins (6.4.19): the number may be any from 0 to 255, and all devices will be born after it."""
        bd_seq = _bd_seq(payload)
        if payload.seq is None or bd_seq is None:
            self.say(
                "birth", "its birth (NBIRTH) lacks " + ("a sequence number" if payload.seq is None else f"'{BD_SEQ}'")
            )
        self._born, self._dead, self._bd_seq = True, False, bd_seq
        self._next = None if payload.seq is None else (payload.seq + 1) % SEQUENCE
        self._since, self._wants = self._clock(), ""
        self._announced = set()
        self._unanswered = 0
        for scope in self.scopes.values():
            scope.unborn()
        own = self.scopes.get(None)
        return [] if own is None else own.birth(payload, at)

    def _death(self, payload: Payload) -> None:
        """The edge node is gone with all its devices (5.5), unless that is the late death of an older session (6.4.25).

        When one of the two has no bdSeq nothing tells them apart: it counts, for a living node will be heard again.
        """
        bd_seq = _bd_seq(payload)
        if self._dead or (self._born and None not in {bd_seq, self._bd_seq} and bd_seq != self._bd_seq):
            return
        if self._born:  # else it may be the death of a session long ago, which the broker kept for us
            self._wants = ""
        self._born, self._dead = False, True
        self.event(Event.DEATH)
        for scope in self.scopes.values():
            scope.down(f"{self.what} is gone (NDEATH)")

    def _follow(self, seq: int | None) -> None:
        """Each message of the node and of its devices has the next number (6.4.5); else one is missing (5.9)."""
        if seq is None:
            self.say("sequence", "its messages lack a sequence number: a lost one would not be noticed")
            return
        if self._next is not None and seq != self._next:
            self.event(Event.SEQUENCE_GAP)
            self._ask(f"message {seq} came where {self._next} was due")
        self._next = (seq + 1) % SEQUENCE

    def _ask(self, why: str) -> None:
        """Ask for a new birth (5.17), now or when the pause after the last request is over."""
        now = self._clock()
        self._wants = why
        first = self.desks[0]
        pause = min(SHORTEST_PAUSE * 2 ** max(self._unanswered - 1, 0), LONGEST_PAUSE)
        if now < first.kept.get(ASKED, -math.inf) + pause:
            return
        first.kept[ASKED] = now
        self._unanswered = min(self._unanswered + 1, 9)  # more makes the pause no longer
        log.info("%s: asked for a new birth: %s", self.what, why)
        self.event(Event.REBIRTH)
        self._publish(self.address.topic, rebirth(first.clock()), 0)


class Edge:
    """All edge nodes that the devices of a link belong to."""

    def __init__(
        self, desks: Sequence[Desk[MqttDevice]], publish: Callable[[str, bytes, int], None], clock: Callable[[], float]
    ) -> None:
        """*publish* sends topic, payload and QoS, never retained; *clock* counts seconds, best monotonic ones."""
        self._nodes: dict[tuple[str, str], Node] = {}
        for desk in desks:
            key = (desk.device.group or "", desk.device.node or "")
            if key not in self._nodes:
                self._nodes[key] = Node(*key, publish, clock)
            self._nodes[key].add(desk)

    def refused(self, desk: Desk[MqttDevice], why: str) -> None:
        """The broker does not let us listen to the edge node of *desk*."""
        desk.count(Result.EXCEPTION)
        self._nodes[desk.device.group or "", desk.device.node or ""].refused(why)

    def take(self, topic: str, payload: bytes, retained: bool, at: float) -> list[Sample]:  # noqa: FBT001  # as it came
        """The samples of a message that came *at* (Unix seconds).

        One that cannot be read is counted; that it is missing shows in the next one's sequence number. No message of a
        node may be retained (6.4.19 to 6.4.26): one that is may be of any age.
        """
        try:
            said = address(topic)
        except DecodeError:
            return []
        node = self._nodes.get((said.group, said.node))
        if node is None or said.kind in COMMANDS:
            return []
        if not payload and not said.kind.endswith("DEATH"):  # so a retained message is deleted
            return []
        if retained:
            node.event(Event.RETAINED)
            node.say("retained", f"{said.kind} is retained at the broker, which is not allowed; it is ignored")
            return []
        try:
            return node.take(said, decode(payload), at)
        except DecodeError as error:
            for desk in node.desks:
                desk.count(Result.DECODE)
                desk.event(Event.STRANGER)
            node.say("unreadable", f"{said.kind} cannot be read: {error}")
            return []

    def tick(self, now: float) -> None:
        """Call about once a second, the first time when the subscription stands; *now* as the clock says."""
        for node in self._nodes.values():
            node.tick(now)


def _bd_seq(payload: Payload) -> int | None:
    for metric in payload.metrics:
        if metric.name == BD_SEQ and metric.holder in {Holder.INT, Holder.LONG} and isinstance(metric.raw, int):
            return metric.raw
    return None
