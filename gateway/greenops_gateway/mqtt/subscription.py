"""The subscriptions of a link: which devices the broker does not let us listen to."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from greenops_core.errors import DeviceError
from greenops_gateway.mqtt import complaint, topic, trouble
from greenops_gateway.mqtt.client import Client
from greenops_gateway.mqtt.configuration import MqttDevice, MqttLink
from greenops_gateway.plugin import Desk

log = logging.getLogger(__name__)

ASK_AGAIN = 60.0
"""Seconds until a refused subscription is asked for again."""


class Subscriptions:
    """What is subscribed to for the devices of *desks*, and what of it is refused."""

    def __init__(self, client: Client, link: MqttLink, desks: Sequence[Desk[MqttDevice]]) -> None:
        self._client, self._link, self._desks = client, link, desks
        self.refused: dict[str, tuple[int, str]] = {}
        """By filter: with which QoS it was asked for, and why it was refused."""
        self._asked_at = 0.0

    async def begin(self, now: float) -> dict[str, str]:
        """Subscribe to all; why a device cannot be listened to, by its name. *now* is monotonic.

        Raises:
            DeviceError: that holds for every device, or the broker does not answer.
        """
        self._asked_at = now
        await self._subscribe([each for desk in self._desks for each in desk.device.filters()])
        down = {desk.device.name: why for desk in self._desks if (why := self._silenced(desk))}
        if len(down) == len(self._desks):
            raise DeviceError(next(iter(down.values())))
        return down

    async def tick(self, now: float) -> None:
        """Ask again for what was refused, when it is time: somebody may have put that right.

        Raises:
            DeviceError: the broker does not answer.
        """
        if now - self._asked_at >= ASK_AGAIN:
            self._asked_at = now
            again = [(filter_, qos) for filter_, (qos, _) in self.refused.items()]
            self.refused = {}
            await self._subscribe(again)

    async def _subscribe(self, asked: Sequence[tuple[str, int]]) -> None:
        """Of a wide filter that is refused, the narrow ones that it stood for are asked for one by one."""
        wanted = topic.fewest(asked)
        while wanted:
            grants = await self._client.subscribe(wanted)
            refused = [each for each in grants if each.refused]
            self.refused |= {each.filter: (each.asked, each.refused) for each in refused}
            for each in grants:
                if not each.refused and each.qos < each.asked:
                    self._tell(each.filter, trouble.granted(self._link, each))
            below = [each for each in asked if any(topic.covers(wide.filter, each[0]) for wide in refused)]
            wanted = topic.fewest([each for each in below if each[0] not in self.refused])

    def _silenced(self, desk: Desk[MqttDevice]) -> str:
        """Why nothing of a device can come; what is missing of one that can be heard is told."""
        device = desk.device
        refused = {filter_: self.refused[filter_][1] for filter_, _ in device.filters() if filter_ in self.refused}
        values = {device.filter_of(point) for point in device.points if device.payload != "sparkplug"}
        if refused and values <= refused.keys():
            return next(iter(refused.values()))
        for filter_, why in refused.items():
            self._tell(filter_, f"{device.name}: {why}")
        return ""

    def _tell(self, filter_: str, line: str) -> None:
        first = self._desks[0]
        if complaint.is_new(complaint.told(first.kept), f"subscription {filter_}", first.clock()):
            log.warning("%s", line)
