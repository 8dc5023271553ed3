"""Polled reads in batches: what is asked every time is put into bytes once."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.ua_binary import struct_to_binary

from greenops_core.errors import DeviceError
from greenops_gateway.opcua import library
from greenops_gateway.opcua.channel import told
from greenops_gateway.opcua.codec import Item
from greenops_gateway.opcua.session import Session

Place = tuple[int, ua.NodeId]
"""Where an item belongs, and the node to read for it."""


class Batches:
    """The reads of one device's nodes."""

    def __init__(self, session: Session, nodes: Sequence[Place]) -> None:
        self._session, self._nodes = session, nodes
        self._prepared: dict[tuple[int, int], bytes] = {}

    async def read(self) -> AsyncGenerator[tuple[list[int], list[Item]], None]:
        """Places and their items, batch by batch. Raises what ``told`` does."""
        async for part, items in self._session.batches("read", self._nodes, self._read):
            yield [place for place, _ in part], items

    async def _read(self, part: Sequence[Place]) -> list[Item]:
        key = (part[0][0], len(part))
        parameters = self._prepared.get(key)
        if parameters is None:
            parameters = self._prepared[key] = _parameters(part)
        what = f"read of {len(part)} nodes"
        body = await self._session.ask(what, ObjectIds.ReadRequest_Encoding_DefaultBinary, parameters)
        with told(what):
            items = library.read_answer(body)
        if len(items) != len(part):
            raise DeviceError(f"{what}: {len(items)} answers")
        return items


def _parameters(part: Sequence[Place]) -> bytes:
    parameters = ua.ReadParameters()
    parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
    parameters.NodesToRead = [ua.ReadValueId(NodeId=node, AttributeId=AttributeIds.Value) for _, node in part]
    return struct_to_binary(parameters)
