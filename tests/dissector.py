"""What two programs say over TCP, recorded, and what Wireshark's dissectors make of it."""

from __future__ import annotations

import asyncio
import shutil
import struct
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from stack import StackError, server

CLIENT, SERVER = 40000, 20000
"""Ports in the recording."""


@dataclass
class Recording:
    """A relay's port, and what went through it: from which end, and the octets."""

    port: int = 0
    said: list[tuple[int, bytes]] = field(default_factory=list)

    def octets(self, end: int) -> bytes:
        return b"".join(data for said_by, data in self.said if said_by == end)

    def capture(self) -> bytes:
        """A pcap file (libpcap 2.4, Ethernet); IPv4 and TCP around it are made up, without checksums."""
        packets: list[bytes] = []
        sent = {CLIENT: 1, SERVER: 1}
        for source, data in self.said:
            other = CLIENT + SERVER - source
            tcp = struct.pack(">HHIIBBHHH", source, other, sent[source], sent[other], 0x50, 0x18, 65535, 0, 0) + data
            sent[source] += len(data)
            addresses = bytes([10, 0, 0, source == SERVER]) + bytes([10, 0, 0, other == SERVER])
            internet = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), len(packets), 0, 64, 6, 0) + addresses
            packets.append(bytes(12) + b"\x08\x00" + internet + tcp)
        head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
        return head + b"".join(
            struct.pack("<IIII", number, 0, len(packet), len(packet)) + packet for number, packet in enumerate(packets)
        )


@asynccontextmanager
async def recording(towards: int) -> AsyncIterator[Recording]:
    """A relay to the port *towards* of loopback, for one connection."""
    found = Recording()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, end: int) -> None:
        while data := await reader.read(4096):
            found.said.append((end, data))
            writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", towards)
        await asyncio.gather(pump(reader, back, CLIENT), pump(there, writer, SERVER), return_exceptions=True)

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as relay:
        found.port = relay.sockets[0].getsockname()[1]
        yield found


async def dissected(found: Recording, protocol: str, folder: Path, *fields: str) -> list[dict[str, list[str]]]:
    """Each packet of *protocol* that tshark sees: ``tcp.srcport`` and *fields*, those that it has, by name.

    Skips the test where there is no tshark.
    """
    try:
        command = shutil.which("tshark") or str(server("tshark"))
    except StackError:
        pytest.skip("no tshark here; install it, or run: make setup")
    (file := folder / "session.pcap").write_bytes(found.capture())
    wanted = ["tcp.srcport", *fields]
    options = ["-n", "-r", str(file), "-d", f"tcp.port=={SERVER},{protocol}", "-Y", protocol, "-T", "fields"]
    asked = [option for name in wanted for option in ("-e", name)]
    said = await asyncio.to_thread(subprocess.check_output, [command, *options, *asked], text=True, timeout=60)
    rows = [[cell.split(",") if cell else [] for cell in line.split("\t")] for line in said.splitlines()]
    return [dict(zip(wanted, row, strict=True)) for row in rows]
