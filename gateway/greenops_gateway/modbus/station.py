"""The device side of Modbus, for simulation: what a request asks for and what is answered. Pure: time is an argument.

Its own framing, written from the specifications, so that it is no echo of the reader's. Only reads are answered.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from greenops_gateway.modbus.configuration import ModbusDevice
from greenops_gateway.modbus.memory import Image, Memory
from greenops_gateway.modbus.plan import Table
from greenops_gateway.tools import Plant

TABLES: Mapping[int, Table] = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}
BIT_FUNCTIONS = (1, 2)
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE, NO_TARGET = 1, 2, 3, 11
CYCLE = 0.05
"""Seconds after which a device measures anew; between, it gives the same."""
Mode = Literal["rtu", "ascii"]


@dataclass(frozen=True, slots=True)
class Habits:
    """What sets a simulated device apart from a good one.

    It answers after *latency* seconds; each *drop_every*-th request gets no answer; a request less than *pause* seconds
    after the last answer is not heard; *transaction* None echoes the transaction id, else all answers carry this one.
    """

    latency: float = 0.0
    drop_every: int = 0
    pause: float = 0.0
    transaction: int | None = None


class Unit:
    """The devices of one unit identifier: mostly one."""

    def __init__(self, devices: Sequence[ModbusDevice], plant: Plant) -> None:
        self._plant = plant
        self._parts = [
            (device, Memory(device.sources(), [point.name for point in device.points], device.limits()))
            for device in devices
        ]
        self._most_words = min(device.quirks.max_words for device in devices)
        self._most_bits = min(device.quirks.max_bits for device in devices)
        self._images: tuple[float, Mapping[Table, Image]] = (-1.0, {})

    def there(self, now: float) -> bool:
        """Whether any of it answers at *now*."""
        return any(self._plant.answers(device, now) for device, _ in self._parts)

    def answer(self, request: bytes, now: float) -> bytes:
        """The answer to *request*, both from the function on (Application Protocol V1.1b3, sections 6 and 7)."""
        function = request[0]
        table = TABLES.get(function)
        if table is None:
            return bytes([function | 0x80, ILLEGAL_FUNCTION])
        bits = function in BIT_FUNCTIONS
        if len(request) != 5:
            return bytes([function | 0x80, ILLEGAL_VALUE])
        address, count = struct.unpack(">HH", request[1:])
        if not 1 <= count <= (self._most_bits if bits else self._most_words):
            return bytes([function | 0x80, ILLEGAL_VALUE])
        image = self._image(now).get(table, {})
        try:
            found = [image[each] for each in range(address, address + count)]
        except KeyError:
            return bytes([function | 0x80, ILLEGAL_ADDRESS])
        data = packed(found) if bits else struct.pack(f">{count}H", *found)
        return bytes([function, len(data)]) + data

    def _image(self, now: float) -> Mapping[Table, Image]:
        at = math.floor(now / CYCLE) * CYCLE
        if self._images[0] != at:
            tables: dict[Table, dict[int, int]] = {}
            for device, memory in self._parts:
                if self._plant.answers(device, now):
                    made = memory.image(self._plant.values(device, at), self._plant.state(device, at))
                    for table, image in made.items():
                        tables.setdefault(table, {}).update(image)
            self._images = at, tables
        return self._images[1]


def units(devices: Iterable[ModbusDevice], plant: Plant) -> dict[int, Unit]:
    """The *devices* by their unit identifier."""
    found: dict[int, list[ModbusDevice]] = {}
    for device in devices:
        found.setdefault(device.unit, []).append(device)
    return {unit: Unit(each, plant) for unit, each in found.items()}


def packed(bits: Sequence[int]) -> bytes:
    """Eight bits a byte, the first one lowest.

    >>> packed([1, 0, 1, 1, 0, 0, 1, 1, 1]).hex()
    'cd01'
    """
    return sum(bit << place for place, bit in enumerate(bits)).to_bytes((len(bits) + 7) // 8, "little")


def checksum(frame: bytes) -> bytes:
    """The CRC of RTU as it is sent (Serial Line V1.02, section 6.2.2).

    >>> checksum(bytes.fromhex("0207")).hex()
    '4112'
    """
    crc = 0xFFFF
    for byte in frame:
        crc ^= byte
        for _ in range(8):
            crc, odd = divmod(crc, 2)
            crc ^= 0xA001 if odd else 0
    return bytes([crc & 0xFF, crc >> 8])


def framed(mode: Mode, message: bytes) -> bytes:
    """*message*, from the unit on, as it goes on a serial line."""
    if mode == "rtu":
        return message + checksum(message)
    return b":" + (message + bytes([-sum(message) & 0xFF])).hex().upper().encode() + b"\r\n"


def taken(mode: Mode, received: bytes, *, quiet: bool) -> tuple[bytes | None, bytes]:
    """The next request in *received*, from the unit on and without checksum, if it is there, and what lies behind it.

    *quiet* says that nothing followed for a while: what is no request by then never becomes one.
    """
    if mode == "ascii":
        return _line(received)
    size = 8 if received[1:2] <= b"\x06" else len(received)
    for length in (size, len(received)):
        if 4 <= length <= len(received) and (length == 8 or quiet):
            message, crc = received[: length - 2], received[length - 2 : length]
            if checksum(message) == crc:
                return message, received[length:]
    return None, b"" if quiet else received


def _line(received: bytes) -> tuple[bytes | None, bytes]:
    line, end, rest = received.partition(b"\r\n")
    if not end:
        return None, received
    try:
        message = bytes.fromhex(line.rpartition(b":")[2].decode("ascii"))
    except ValueError:
        return None, rest
    return (message[:-1] if len(message) > 2 and sum(message) % 256 == 0 else None), rest
