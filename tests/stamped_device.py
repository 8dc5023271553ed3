"""A Modbus TCP device of which every value can be recognised for ever, and a book of all that it served.

Register pair ``2 * tag`` holds 32 bits: a count of 20 that grows with every answer of the unit, the tag's number in
4, and a CRC-8 of both. So a value that was invented, mixed up or changed gives itself away, and one that is missing has
a name.
"""

from __future__ import annotations

import socketserver
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

MOST_TAGS = 16
_REQUEST = struct.Struct(">HHHBBHH")


class Stamp(NamedTuple):
    """What a value says of itself."""

    number: int
    tag: int


def stamped(stamp: Stamp) -> int:
    """The 32 bits of *stamp*.

    >>> read(stamped(Stamp(77, 3)))
    Stamp(number=77, tag=3)
    """
    said = stamp.number % 2**20 << 4 | stamp.tag
    return said << 8 | _crc8(said.to_bytes(3, "big"))


def read(value: float) -> Stamp:
    """The stamp that *value* is.

    Raises:
        AssertionError: no device ever gave it.
    """
    assert float(value).is_integer(), f"{value!r} is no stamp"
    said, crc = divmod(int(value), 2**8)
    assert 0 <= said < 2**24, f"{value!r} is no stamp"
    assert _crc8(said.to_bytes(3, "big")) == crc, f"{value!r} is no stamp"
    return Stamp(said >> 4, said & 0xF)


class StampedDevice:
    """*served* is when each count of each unit went out, Unix seconds; *silent*: it hangs up on whoever asks.

    *asked* is set at each request.
    """

    def __init__(self) -> None:
        self.served: dict[int, dict[int, float]] = {}
        self.silent = False
        self.asked = threading.Event()
        self._lock = threading.Lock()
        self.port = 0

    def answer(self, unit: int, address: int, quantity: int, at: float | None = None) -> bytes:
        """The registers, under the unit's next count; *at* is now when it is not given."""
        with self._lock:
            book = self.served.setdefault(unit, {})
            count = len(book) + 1
            book[count] = time.time() if at is None else at
        self.asked.set()
        pairs = range(address // 2, (address + quantity) // 2)
        return b"".join(stamped(Stamp(count, tag)).to_bytes(4, "big") for tag in pairs)


@contextmanager
def stamped_device() -> Iterator[StampedDevice]:
    """A device with any number of units on a free port of loopback while the context lasts."""
    device = StampedDevice()

    class Connection(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while len(head := self.rfile.read(_REQUEST.size)) == _REQUEST.size:
                transaction, _, _, unit, function, address, quantity = _REQUEST.unpack(head)
                if device.silent:
                    return
                data = device.answer(unit, address, quantity)
                body = bytes([unit, function, len(data)]) + data
                self.wfile.write(struct.pack(">HHH", transaction, 0, len(body)) + body)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A gateway that was killed says no goodbye."""

    with Server(("127.0.0.1", 0), Connection) as server:
        device.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield device
        finally:
            server.shutdown()
            thread.join()


def _crc8(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc = _CRC[crc ^ byte]
    return crc


def _remainder(byte: int) -> int:
    """Of *byte* by the polynomial 0x07."""
    for _ in range(8):
        byte = (byte << 1 ^ 0x07) & 0xFF if byte & 0x80 else byte << 1
    return byte


_CRC = [_remainder(byte) for byte in range(256)]
