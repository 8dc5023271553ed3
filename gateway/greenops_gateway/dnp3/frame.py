"""The internal indications of responses, read from the octets of link frames as they pass. Pure.

The stack tells a response's indications only after its objects were taken over, which is too late to judge them by.
Clauses are of IEEE 1815-2012.
"""

from __future__ import annotations

from greenops_gateway.dnp3.flags import Indications

START = b"\x05\x64"
HEADER = 10
"""Octets of a frame's header with its check (9.2.4.1)."""
BLOCK = 16
"""Octets of user data before each check of two octets."""
ADDRESSES = 5
"""Octets of a header that its length counts."""
USER_DATA = frozenset({0x43, 0x44})
"""Primary, function 3 or 4, of an outstation; the frame count bits may be anything."""
CONTROL = 0xCF
FIRST = 0x40
"""In the transport octet: the first segment of a fragment (8.2)."""
RESPONSES = frozenset({129, 130})
"""Solicited and unsolicited (4.4.1)."""
SHORTEST = 5
"""Octets of a response without objects: transport, control, function and two of indications."""


class Ear:
    """Listens to what the outstation *source* sends to the master *destination*."""

    def __init__(self, source: int, destination: int) -> None:
        self._ends = destination.to_bytes(2, "little") + source.to_bytes(2, "little")
        self._rest = b""

    def heard(self, data: bytes) -> list[Indications]:
        """Those of each response that begins in *data*, which goes on where the last ended."""
        found = []
        octets, place, done = self._rest + data, 0, 0
        while (place := octets.find(START, place)) >= 0 and len(octets) >= place + HEADER:
            header = octets[place : place + HEADER]
            if header[2] < ADDRESSES or check(header[:8]) != int.from_bytes(header[8:], "little"):
                place += 1
                continue
            end = place + HEADER + length(header[2] - ADDRESSES)
            if len(octets) < end:
                break
            if (
                header[4:8] == self._ends
                and header[3] & CONTROL in USER_DATA
                and header[2] - ADDRESSES >= SHORTEST
                and _right(octets[place + HEADER : end], header[2] - ADDRESSES)
            ):
                transport, _, function, first, second = octets[place + HEADER : place + HEADER + SHORTEST]
                if transport & FIRST and function in RESPONSES:
                    found.append(Indications(first, second))
            place = done = end
        # Without a start, its first octet may yet be the last that came; not one that a frame has had already.
        self._rest = octets[place:] if place >= 0 else octets[max(done, len(octets) - 1) :]
        return found


def _right(data: bytes, octets: int) -> bool:
    """Whether the first block of *data*, which holds so many octets of user data, fits its check."""
    first = min(octets, BLOCK)
    return check(data[:first]) == int.from_bytes(data[first : first + 2], "little")


def length(octets: int) -> int:
    """How many octets a frame needs for so many of user data.

    >>> length(0), length(16), length(17)
    (0, 18, 21)
    """
    return octets + 2 * -(-octets // BLOCK)


def check(octets: bytes) -> int:
    """The cyclic redundancy check of link frames (annex E).

    >>> hex(check(bytes.fromhex("056405F20100EFFF")))
    '0xb5bf'
    """
    register = 0
    for octet in octets:
        register = register >> 8 ^ _TABLE[(register ^ octet) & 0xFF]
    return register ^ 0xFFFF


def _remainder(octet: int) -> int:
    for _ in range(8):
        octet = octet >> 1 ^ (0xA6BC if octet & 1 else 0)
    return octet


_TABLE = tuple(_remainder(octet) for octet in range(256))
