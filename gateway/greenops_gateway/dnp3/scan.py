"""``scan``: which outstations answer on a connection, and what they hold, as profiles to start from. Reads only."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from dnp3.datalink.builder import build_request_link_status
from dnp3.datalink.parser import FrameParser

from greenops_core.errors import DeviceError
from greenops_gateway import tcp
from greenops_gateway.dnp3.configuration import LAST_ADDRESS, Dnp3Link
from greenops_gateway.dnp3.survey import ONE_CONNECTION, Survey, survey
from greenops_gateway.tools import Discovery, Scan, Told, numbers

USUAL = "0-20,100,1024"
"""Addresses that devices come with."""
MOST_POINTS = 500
PAUSE = 0.01
"""Seconds between two requests, so that a slow device keeps up."""


async def scan(link: Dnp3Link, what: Scan, told: Told) -> Sequence[Discovery]:
    """The outstations that answer at the addresses ``what.within``, such as ``1-10,1024``.

    Raises:
        ConfigError: those are no addresses.
        DeviceError: nobody answers.
    """
    wanted = numbers(what.within or USUAL, "addresses", LAST_ADDRESS)
    told(0.0, f"asking {len(wanted)} addresses at {link.where}")
    present = await answering(link, wanted, min(what.seconds, link.timeout))
    found = []
    for place, address in enumerate(present):
        told(0.2 + 0.8 * place / len(present), f"outstation {address}")
        try:
            seen = await survey(link, address)
        except DeviceError as error:
            raise DeviceError(f"outstation {address}: {error}; {ONE_CONNECTION}") from None
        found.append(discovery(address, seen))
    told(1.0, f"{len(found)} outstation{'' if len(found) == 1 else 's'}")
    if not found:
        raise DeviceError(
            f"no outstation answers a link status request of master {link.address} at {what.within or USUAL}; "
            f"name other addresses, or another master address"
        )
    return found


async def answering(link: Dnp3Link, wanted: Sequence[int], seconds: float) -> list[int]:
    """Which of *wanted* answer a link status request (IEEE 1815-2012, 9.2.4) within *seconds* after the last.

    Raises:
        DeviceError: nobody answers in time, or not by TLS as configured, or the connection is closed.
    """
    transport, ear = await tcp.connect(_Ear, link.host, link.port, link.connect_timeout, link.tls)
    try:
        for address in wanted:
            transport.write(build_request_link_status(address, link.address, True).to_bytes())
            await ear.listen(PAUSE)
        for _ in range(20):
            if ear.heard.issuperset(wanted) or ear.ended.is_set():
                break
            await ear.listen(seconds / 20)
    finally:
        transport.abort()
    if ear.ended.is_set() and not ear.heard:
        raise DeviceError(f"{link.where} closed the connection; {ONE_CONNECTION}")
    return [address for address in wanted if address in ear.heard]


class _Ear(asyncio.Protocol):
    """Notes who sends anything."""

    def __init__(self) -> None:
        self.heard: set[int] = set()
        self._parser = FrameParser()
        self.ended = asyncio.Event()

    async def listen(self, seconds: float) -> None:
        """Not so long when the connection ends."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.ended.wait()

    def data_received(self, data: bytes) -> None:
        self.heard.update(frame.header.source for frame in self._parser.feed(data))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's name
        self.ended.set()


def discovery(address: int, found: Survey) -> Discovery:
    """A profile of what an outstation holds."""
    points = list(_points(found))
    profile: dict[str, Any] = {
        "protocol": "dnp3",
        "about": {
            "title": f"What outstation {address} holds",
            "maker": "unknown",
            "source": "a scan; names and units are not in it",
        },
        "address": address,
    }
    analogs = {index for kind, index in found.present if kind == "analog"}
    if analogs - found.floats:
        profile["static"] = {"analog": 0}
    profile["points"] = points[:MOST_POINTS]
    samples = ", ".join(
        f"{kind} {index} = {value.number:g} (flags 0x{value.flags:02x})"
        for (kind, index), (_, value) in list(found.present.items())[:3]
    )
    words = ", ".join((*found.counted(), *found.words())) or "answers, but gives nothing"
    return Discovery(f"outstation-{address}", profile, f"{words}; {samples}" if samples else words)


def _points(found: Survey) -> Iterator[dict[str, Any]]:
    for kind, index in found.present:
        point: dict[str, Any] = {"name": f"{kind}-{index}", "unit": "1"}
        if kind != "analog":
            point["kind"] = kind
        yield {**point, "index": index}
