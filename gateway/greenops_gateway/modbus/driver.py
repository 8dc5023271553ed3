"""Modbus over the wire, whatever carries it. Read-only: the four functions that read are the only ones there are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager

from greenops_core.errors import DeviceError
from greenops_gateway.modbus import wire
from greenops_gateway.modbus.configuration import ModbusDevice
from greenops_gateway.modbus.link import ModbusLink
from greenops_gateway.modbus.owner import Owner
from greenops_gateway.plugin import Batch, Desk, Plugin, Result, telling
from greenops_gateway.tcp import Told


@asynccontextmanager
async def connect(link: ModbusLink, desks: Sequence[Desk[ModbusDevice]]) -> AsyncIterator[AsyncIterator[Batch]]:
    """An open link's stream of samples, one batch for each poll of a device.

    Raises:
        DeviceError: nobody answers at the far end, or its certificates are not in order.
    """
    ignore = any(desk.device.quirks.ignore_transaction_id for desk in desks)

    async def counted() -> wire.Wire:
        try:
            return await opened(link, ignore_transaction_id=ignore, told=telling(desks))
        except DeviceError:
            for desk in desks:
                desk.count(Result.CONNECT)
            raise

    owner = Owner(counted, await counted(), link, desks, asyncio.get_running_loop().time)
    try:
        async with aclosing(owner.batches()) as batches:
            yield batches
    finally:
        owner.wire.close()
        await owner.wire.wait_closed()


PLUGIN = Plugin("modbus", ModbusLink, ModbusDevice, connect, acknowledges=False)


async def opened(link: ModbusLink, *, ignore_transaction_id: bool = False, told: Told | None = None) -> wire.Wire:
    """An open link; *told* takes when its certificates end.

    Raises:
        DeviceError: nobody is there, or is not trusted.
    """
    framing = link.framing(ignore_transaction_id=ignore_transaction_id)
    if link.is_serial:
        return await wire.open_serial(str(link.device), *link.line(), framing=framing)
    return await wire.open_tcp(str(link.host), link.at_port, link.connect_timeout, framing, link.tls, told=told)
