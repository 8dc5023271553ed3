"""Modbus on serial lines: the framings RTU and ASCII, also as they come over TCP, and how long a line is taken. Pure.

Neither says which request an answer belongs to: after a request that was given up, whoever asks must see to it that a
late answer cannot be taken for the next one's.

Clauses: Modbus over Serial Line V1.02.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from greenops_core.errors import DecodeError
from greenops_gateway.modbus.frame import (
    EXCEPTION,
    MOST,
    Answer,
    Ask,
    Framing,
    Read,
    asking,
    data_size,
    fits,
    is_answer,
)


def _crc_table() -> tuple[int, ...]:
    table = []
    for crc in range(256):
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)  # noqa: PLW2901  # the register shifts in place
        table.append(crc)
    return tuple(table)


_CRC = _crc_table()


def crc16(data: bytes) -> int:
    """The checksum of RTU (Serial Line V1.02, section 6.2.2), sent low byte first; 0 over data and its checksum.

    >>> crc16(bytes.fromhex("02 07")).to_bytes(2, "little").hex()
    '4112'
    """
    crc, table = 0xFFFF, _CRC
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc


@dataclass(frozen=True, slots=True)
class Rtu:
    """Modbus RTU: unit, function, data and CRC. Nothing marks a start; noise and an adapter's echo are searched over.

    >>> Rtu().request(Ask(1, 3, 0, 10), 0).hex(" ")
    '01 03 00 00 00 0a c5 cd'
    """

    name: ClassVar[str] = "rtu"
    request_size: ClassVar[int] = 8
    longest: ClassVar[int] = 2 * 256

    @property
    def identified(self) -> bool:
        return False

    def request(self, ask: Ask, transaction: int) -> bytes:  # noqa: ARG002  # RTU has none
        pdu = asking(ask)
        return pdu + crc16(pdu).to_bytes(2, "little")

    def expected(self, ask: Ask) -> int:
        return 5 + data_size(ask)

    def answer(self, ask: Ask, transaction: int, received: bytes) -> Read:
        size = data_size(ask)
        head = bytes((ask.unit, ask.function, size))
        if received.startswith(head):
            if len(received) < 5 + size:
                return Read(None, 0, 0)
            if not crc16(received[: 5 + size]):
                return Read(Answer(received[3 : 3 + size]), 5 + size, 0)
        if self.request(ask, transaction).startswith(received):  # an echo; when it is all there it is like noise
            return Read(None, 0, 0)
        return self._searched(received, lambda frame: fits(ask, frame), head)

    def stray(self, received: bytes) -> Read:
        read = self._searched(received, lambda _: None, b"")
        if len(received) > read.used and _rtu_size(received, read.used) < 0:
            raise DecodeError(f"noise: {received[read.used : read.used + 8].hex(' ')}")
        return read

    def _searched(self, received: bytes, fitting: Callable[[bytes], Answer | None], head: bytes) -> Read:
        """*head* begins a normal answer; up to *done* all was whole frames."""
        at, done, late, coming = 0, 0, 0, False
        refused = bytes((head[0], head[1] | EXCEPTION)) if head else b""
        while at < len(received):
            end = at + _rtu_size(received, at)
            if at + 5 <= end <= len(received) and not crc16(received[at:end]):
                if (found := fitting(received[at : end - 2])) is not None:
                    return Read(found, end, late)
                at = done = end
                late += 1
                continue
            starts = received[at : at + 3]
            mine = bool(head) and (head.startswith(starts) or refused.startswith(starts[:2]))
            coming |= (end == at or end > len(received)) and (at == done or mine)
            at += 1
        left = len(received) - done
        if left > self.longest or (head and left >= 5 + head[2] and not coming):
            raise DecodeError(f"no answer with a right checksum in {left} bytes: {received[done : done + 8].hex(' ')}")
        return Read(None, done, late)


def _rtu_size(received: bytes, at: int) -> int:
    """Bytes of the frame that starts *at*; 0 while it cannot be told; -1 when it is no answer to a read."""
    if len(received) < at + 2:
        return 0
    function = received[at + 1]
    if function & EXCEPTION:
        return 5 if function ^ EXCEPTION in MOST else -1
    if function not in MOST:
        return -1
    if len(received) < at + 3:
        return 0
    return 5 + received[at + 2] if 1 <= received[at + 2] <= 250 else -1


@dataclass(frozen=True, slots=True)
class Ascii:
    r"""Modbus ASCII: a colon, hexadecimal digits, LRC, CR LF. A colon always starts a frame anew.

    >>> Ascii().request(Ask(1, 3, 0, 10), 0)
    b':01030000000AF2\r\n'
    """

    name: ClassVar[str] = "ascii"
    request_size: ClassVar[int] = 17
    longest: ClassVar[int] = 2 * 513

    @property
    def identified(self) -> bool:
        return False

    def request(self, ask: Ask, transaction: int) -> bytes:  # noqa: ARG002  # ASCII has none
        pdu = asking(ask)
        return b":" + binascii.hexlify(pdu + bytes((lrc(pdu),))).upper() + b"\r\n"

    def expected(self, ask: Ask) -> int:
        return 11 + 2 * data_size(ask)

    def answer(self, ask: Ask, transaction: int, received: bytes) -> Read:  # noqa: ARG002  # ASCII has none
        return self._searched(received, lambda frame: fits(ask, frame), asking(ask))

    def stray(self, received: bytes) -> Read:
        return self._searched(received, lambda _: None, b"")

    def _searched(self, received: bytes, fitting: Callable[[bytes], Answer | None], echo: bytes) -> Read:
        at, late, garbled = 0, 0, None
        while (end := received.find(b"\r\n", at)) >= 0:
            line, at = received[at:end], end + 2
            frame = _ascii_frame(line)
            if frame is None or not is_answer(frame):
                if frame != echo:
                    garbled = line
            elif (found := fitting(frame)) is not None:
                return Read(found, at, late)
            else:
                late += 1
        if garbled is None and len(received) - at > self.longest:
            garbled = received[at:]
        if garbled is not None:
            raise DecodeError(f"no answer with a right checksum: {garbled[:16]!r}")
        return Read(None, at, late)


def lrc(data: bytes) -> int:
    """The checksum of ASCII (Serial Line V1.02, section 6.2.1).

    >>> hex(lrc(bytes.fromhex("02 07")))
    '0xf7'
    """
    return -sum(data) & 0xFF


def _ascii_frame(line: bytes) -> bytes | None:
    """The bytes from the unit on, without checksum; nothing when *line* holds no frame with a right one."""
    _, colon, digits = line.rpartition(b":")
    try:
        frame = binascii.unhexlify(digits) if colon else b""
    except binascii.Error:
        return None
    return frame[:-1] if len(frame) > 3 and not sum(frame) & 0xFF else None


class Line(NamedTuple):
    """How a serial line is set; *parity* is N, E or O. Modbus asks for 11 bits per RTU character (section 2.5.1)."""

    baud: int = 19200
    bytesize: int = 8
    parity: str = "E"
    stopbits: int = 1

    @property
    def character(self) -> float:
        """Seconds that a character takes: start bit, data bits, parity bit if any, stop bits.

        >>> round(Line(9600).character * 9600)
        11
        """
        return (1 + self.bytesize + (self.parity != "N") + self.stopbits) / self.baud


def silence(framing: Framing, line: Line) -> float:
    """Seconds of silence before a frame: of RTU 3.5 characters, above 19 200 baud 1.75 ms (section 2.5.1.1).

    >>> [round(1000 * silence(Rtu(), Line(baud)), 2) for baud in (9600, 115200)], silence(Ascii(), Line())
    ([4.01, 1.75], 0.0)
    """
    if framing.name != Rtu.name:
        return 0.0
    return max(3.5 * line.character, 0.00175 if line.baud > 19200 else 0.0)


def wire_seconds(framing: Framing, size: int, line: Line) -> float:
    """Seconds for which a frame of *size* bytes, with the silence before it, takes the line.

    >>> round(wire_seconds(Rtu(), 8, Line(9600)), 4)
    0.0132
    """
    return silence(framing, line) + size * line.character


def exchange_seconds(framing: Framing, ask: Ask, line: Line) -> float:
    """Seconds for which a request and its normal answer take the line, beside the time that the device thinks.

    >>> round(exchange_seconds(Rtu(), Ask(1, 3, 0, 125), Line(9600)), 3)
    0.309
    """
    return wire_seconds(framing, framing.request_size, line) + wire_seconds(framing, framing.expected(ask), line)
