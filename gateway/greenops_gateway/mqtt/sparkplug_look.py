"""Commissioning for Sparkplug B: who has to be asked for a birth, and what a birth means for each point. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from greenops_core.errors import DecodeError, nearest
from greenops_core.sample import Quality, Reason
from greenops_gateway.mqtt.configuration import MqttDevice, MqttPoint
from greenops_gateway.mqtt.sparkplug_payload import Address, Datatype, Metric, address, decode, number
from greenops_gateway.mqtt.sparkplug_scope import DOUBTFUL, QUALITIES, metric_of
from greenops_gateway.tools import Finding


def unborn(topics: Iterable[str]) -> list[str]:
    """Where to ask for a birth: the commands of each edge node that was heard under *topics*, but not being born.

    >>> unborn(["spBv1.0/a/NDATA/1", "spBv1.0/b/NBIRTH/1", "spBv1.0/b/DDATA/1/x", "plant/so2"])
    ['spBv1.0/a/NCMD/1']
    """
    born: dict[tuple[str, str], bool] = {}
    for topic in topics:
        try:
            said = address(topic)
        except DecodeError:
            continue
        key = (said.group, said.node)
        born[key] = born.get(key, False) or said.kind == "NBIRTH"
    return [Address(group, "NCMD", node).topic for (group, node), known in born.items() if not known]


def commands(device: MqttDevice) -> str:
    """The topic of commands to the edge node of *device*."""
    return Address(device.group or "", "NCMD", device.node or "").topic


def findings(device: MqttDevice, heard: Mapping[str, bytes]) -> Iterator[Finding]:
    """What came for each point of *device*; *heard* is the last payload by topic."""
    kind = "NBIRTH" if device.sparkplug_device is None else "DBIRTH"
    place = Address(device.group or "", kind, device.node or "", device.sparkplug_device)
    what = f"{device.name}: {kind} of {device.group}/{device.node}"
    if place.topic not in heard:
        yield Finding(what, _seen(place, heard), well=False, advice=_advice(place, heard))
        return
    try:
        metrics = {metric.name: metric for metric in decode(heard[place.topic]).metrics if metric.name is not None}
    except DecodeError as error:
        yield Finding(what, str(error), well=False, advice="is this a payload of Sparkplug B?")
        return
    yield Finding(what, f"tells of {len(metrics)} metrics")
    for point in device.points:
        name = f"{device.name}: {point.name}"
        if (metric := metrics.get(metric_of(point))) is None:
            near = nearest(metric_of(point), metrics).removeprefix("; ")
            yield Finding(name, f"no metric '{metric_of(point)}'", well=False, advice=near)
        else:
            yield _finding(name, point, metric)


def _finding(name: str, point: MqttPoint, metric: Metric) -> Finding:
    given = f"metric '{metric.name}' ({_kind(metric)})"
    quality, _ = QUALITIES.get(metric.quality, DOUBTFUL)
    if metric.null:
        return Finding(name, f"{given} is null: the device has no value at present")
    if quality is not Quality.GOOD:
        return Finding(name, f"{given} has quality code {metric.quality}", well=quality is not Quality.BAD)
    if isinstance(metric.raw, str) and metric.raw in point.words():
        return Finding(name, f"{given} is '{metric.raw}': {point.words()[metric.raw]:g} {point.unit}")
    try:
        value, reason = point.meaning().of(number(metric))
    except DecodeError as error:
        return Finding(name, f"{given}: {error}", well=False, advice="a point needs a metric that is a number")
    if reason is not Reason.NONE:
        return Finding(name, f"{given} is {metric.raw}: {reason}", well=False, advice="see enum, scale and sentinel")
    return Finding(name, f"{given} is {value:g} {point.unit}")


def _kind(metric: Metric) -> str:
    try:
        return Datatype(metric.datatype or 0).name.lower()
    except ValueError:
        return "no datatype" if not metric.datatype else f"datatype {metric.datatype}"


def _seen(place: Address, heard: Iterable[str]) -> str:
    kinds = {said.kind for said in _told(heard) if (said.group, said.node) == (place.group, place.node)}
    return f"did not come; the edge node sent {', '.join(sorted(kinds)) or 'nothing'}"


def _advice(place: Address, heard: Iterable[str]) -> str:
    """The nearest name that was heard, of the first part that nobody has."""
    told = list(_told(heard))
    nodes = {said.node for said in told if said.group == place.group}
    devices = {said.device for said in told if (said.group, said.node) == (place.group, place.node) and said.device}
    for key, wanted, known in (
        ("group", place.group, {said.group for said in told}),
        ("node", place.node, nodes),
        ("sparkplug_device", place.device or "", devices),
    ):
        if wanted not in known:
            return f"is {key} right, and is it on?{nearest(wanted, known).replace(';', '', 1)}"
    return "it may not answer requests for a birth: start it again while you listen"


def _told(heard: Iterable[str]) -> Iterator[Address]:
    for topic in heard:
        try:
            said = address(topic)
        except DecodeError:
            continue
        if said.kind not in {"NCMD", "DCMD"}:
            yield said
