"""A Sparkplug host application and an edge node in one room, for tests: no network, a clock that is set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from greenops_core.sample import Quality, Reason, Sample
from greenops_gateway.mqtt.configuration import MqttDevice
from greenops_gateway.mqtt.sparkplug import Edge
from greenops_gateway.mqtt.sparkplug_node import EdgeNode, Message
from greenops_gateway.mqtt.sparkplug_payload import Datatype
from greenops_gateway.plugin import Desk, Event, Result
from greenops_gateway.point import series
from greenops_telemetry.configuration import convert

AT = 1_700_000_000.0
POINTS = [
    {"name": "so2", "unit": "mg/m3", "path": "gas/so2"},
    {"name": "temperature", "unit": "degC", "path": "gas/temperature", "scale": 0.1},
]
METRICS = {"gas/so2": Datatype.DOUBLE, "gas/temperature": Datatype.INT16}
VALUES = {"gas/so2": 20.5, "gas/temperature": -55}


class Host:
    """An Edge with what it was lent and what it told."""

    def __init__(self, *devices: Mapping[str, object]) -> None:
        self.events: Counter[Event] = Counter()
        self.results: Counter[Result] = Counter()
        self.downs: list[str] = []
        self.sent: list[tuple[str, bytes, int]] = []
        self.now = 1000.0
        self.desks = [self._desk(device(**each)) for each in devices or [{}]]
        self.edge = self.again()

    def again(self) -> Edge:
        """The link is opened anew."""
        self.edge = Edge(self.desks, lambda *sent: self.sent.append(sent), lambda: self.now)
        return self.edge

    def take(self, *messages: Message, at: float = AT, retained: bool = False) -> list[Sample]:
        return [sample for each in messages for sample in self.edge.take(each.topic, each.payload, retained, at)]

    def pass_(self, seconds: float) -> None:
        for _ in range(round(seconds)):
            self.now += 1
            self.edge.tick(self.now)

    def _desk(self, of: MqttDevice) -> Desk[MqttDevice]:
        def event(which: Event) -> None:
            self.events[which] += 1

        def count(which: Result) -> None:
            self.results[which] += 1

        points = tuple(series("site", of, point) for point in of.points)
        return Desk(of, points, count, event, self.downs.append, lambda _, __: None, clock=lambda: AT)


def device(**more: object) -> MqttDevice:
    given = {"name": "analyser", "link": "broker", "stack": "stack-1", "payload": "sparkplug", "points": POINTS}
    found = convert(given | {"group": "plant", "node": "shelter", "sparkplug_device": "cems"} | more, MqttDevice)
    found.check()
    return found


def node(devices: Mapping[str | None, Mapping[str, Datatype]] | None = None) -> EdgeNode:
    return EdgeNode("plant", "shelter", devices or {"cems": METRICS})


def born(edge: EdgeNode, values: Mapping[str, float | None] = VALUES) -> list[Message]:
    return [edge.birth({}, AT), edge.device_birth("cems", values, AT)]


def shown(samples: Sequence[Sample]) -> list[tuple[str, float, Quality, Reason]]:
    return [(sample.labels[-1], round(sample.value, 9), sample.quality, sample.reason) for sample in samples]


GOOD = [("so2", 20.5, Quality.GOOD, Reason.NONE), ("temperature", -5.5, Quality.GOOD, Reason.NONE)]
