"""An open link for a person with questions: opened again when it is lost, and it knows how long an answer took."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from greenops_core.errors import DeviceError
from greenops_gateway.modbus.driver import opened
from greenops_gateway.modbus.frame import UNREACHABLE, Answer, Ask, SilenceError
from greenops_gateway.modbus.link import ModbusLink
from greenops_gateway.modbus.wire import Wire


class Asking:
    """Asks one thing at a time, after *pause* seconds; *took* is how long the last answer took, in seconds."""

    def __init__(self, link: ModbusLink) -> None:
        self.link = link
        self.pause = 0.0
        self.took = 0.0
        self.late = 0
        """How many answers came with another transaction than was asked for."""
        self._ignore = False
        self._wire: Wire | None = None

    async def open(self, *, ignore_transaction_id: bool = False) -> float:
        """Open the link, if it is not open in this way already; gives how long that took, in seconds.

        Raises:
            DeviceError: nobody is there.
        """
        if self._wire is not None and not self._wire.broken and self._ignore == ignore_transaction_id:
            return 0.0
        self._ignore = ignore_transaction_id
        await self.close()
        loop = asyncio.get_running_loop()
        begun = loop.time()
        self._wire = await opened(self.link, ignore_transaction_id=self._ignore)
        return loop.time() - begun

    async def ask(self, ask: Ask, timeout: float | None = None) -> Answer:  # noqa: ASYNC109  # the wire keeps it
        """The answer, which may be an exception.

        Raises:
            DeviceError: none came, or the link cannot be opened again.
        """
        if self._wire is None or self._wire.broken:
            await self.open(ignore_transaction_id=self._ignore)
        if self._wire is None:
            raise DeviceError("the link is not open")
        if self.pause:
            await asyncio.sleep(self.pause)
        loop = asyncio.get_running_loop()
        begun, late = loop.time(), self._wire.late
        try:
            return await self._wire.ask(ask, float(timeout or self.link.timeout))
        finally:
            self.took = loop.time() - begun
            self.late += self._wire.late - late

    async def data(self, ask: Ask) -> bytes | int:
        """The data of the answer, or the exception's code.

        Raises:
            DeviceError: as ``ask``; also when a gateway says that it did not reach the unit.
        """
        answer = await self.ask(ask)
        if answer.exception in UNREACHABLE:
            raise SilenceError(f"the gateway does not reach unit {ask.unit}")
        return answer.exception or answer.data

    async def close(self) -> None:
        """Give the link up."""
        if self._wire is not None:
            self._wire.close()
            await self._wire.wait_closed()
            self._wire = None


@asynccontextmanager
async def asking(link: ModbusLink) -> AsyncIterator[Asking]:
    """Ask on *link*, which is opened with the first question, and closed at the end."""
    made = Asking(link)
    try:
        yield made
    finally:
        with suppress(DeviceError):
            await made.close()
