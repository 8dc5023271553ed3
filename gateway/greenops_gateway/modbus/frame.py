"""Modbus framings: how a read is put on the wire, and whether what came is its answer. Pure.

A late answer to an earlier request holds plausible numbers of the wrong registers. So the unit, the function, the byte
count and, where the framing has one, the transaction must be exactly those asked for. Whole frames that belong to some
other request are dropped and counted. RTU and ASCII are in ``serial_line``.

Clauses: Modbus Application Protocol Specification V1.1b3; Modbus Messaging on TCP/IP Implementation Guide V1.0b.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol

from greenops_core.errors import DecodeError, DeviceError

EXCEPTION = 0x80
MOST: Mapping[int, int] = {1: 2000, 2: 2000, 3: 125, 4: 125}
"""The functions that read, and how many bits or registers one request may ask for. There are no others here."""

# V1.1b3, section 7.
EXCEPTIONS = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "server device failure",
    5: "acknowledge",
    6: "server device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target device failed to respond",
}
# The request asked for something the device does not have: asking for less may help.
NOT_THERE = (2, 3)
# It comes from a gateway before the device: the device itself did not answer.
UNREACHABLE = (10, 11)


class SilenceError(DeviceError):
    """No answer in time."""


class GarbledError(DeviceError):
    """What came is no answer to what was asked."""


class Ask(NamedTuple):
    """A read: *count* bits (functions 1, 2) or registers (3, 4) of *unit* from the zero-based *address* on."""

    unit: int
    function: int
    address: int
    count: int  # type: ignore[assignment]  # the field's name in the specification; nobody counts an Ask's items


@dataclass(frozen=True, slots=True)
class Answer:
    """The data of an answer, or the code of the exception that the device gave instead (0: none)."""

    data: bytes
    exception: int = 0


class Read(NamedTuple):
    """What was found in received bytes: the answer, if it is there; how many bytes are done with; late frames in them.

    Without an answer more must come. The caller keeps what lies behind *used* and gives it again with what follows.
    """

    answer: Answer | None
    used: int
    late: int


class Framing(Protocol):
    """One way to put requests and answers on a wire.

    *request_size* and ``expected`` are bytes on the wire. *identified*: answers say which request they belong to, so
    that one given up does no harm to the next. ``request`` raises ValueError for what is not a read; a
    transaction is 0 to 65535. ``answer`` raises DecodeError when what came cannot be the answer nor lead to it,
    ``stray`` (whole frames that nobody waits for) when it is no frame.
    """

    name: ClassVar[str]
    request_size: ClassVar[int]

    @property
    def identified(self) -> bool: ...

    def request(self, ask: Ask, transaction: int) -> bytes: ...

    def expected(self, ask: Ask) -> int: ...

    def answer(self, ask: Ask, transaction: int, received: bytes) -> Read: ...

    def stray(self, received: bytes) -> Read: ...


def exception_text(code: int) -> str:
    """An exception's number and name.

    >>> exception_text(6), exception_text(99)
    ('exception 6 (server device busy)', 'exception 99')
    """
    return f"exception {code} ({EXCEPTIONS[code]})" if code in EXCEPTIONS else f"exception {code}"


def data_size(ask: Ask) -> int:
    """Bytes of data in a normal answer.

    >>> data_size(Ask(1, 1, 0, 10)), data_size(Ask(1, 3, 0, 10))
    (2, 20)
    """
    return (ask.count + 7) // 8 if ask.function <= 2 else 2 * ask.count


def asking(ask: Ask) -> bytes:
    """A request from the unit on, without checksum.

    Raises:
        ValueError: not a read, or more than one request may ask for.
    """
    if not 1 <= ask.count <= MOST.get(ask.function, 0):
        raise ValueError(f"{ask} is not a read that a device may be asked for")
    return _ASKING.pack(*ask)


_ASKING = struct.Struct(">BBHH")
_TCP_ASKING = struct.Struct(">HHHBBHH")
_TCP_HEAD = struct.Struct(">HHHBBB")


def is_answer(frame: bytes) -> bool:
    """Whether *frame*, from the unit on and without checksum, is an answer to any read at all."""
    if len(frame) < 3:
        return False
    if frame[1] & EXCEPTION:
        return len(frame) == 3 and frame[1] ^ EXCEPTION in MOST
    return frame[1] in MOST and frame[2] == len(frame) - 3 > 0


def fits(ask: Ask, frame: bytes) -> Answer | None:
    """The answer in *frame*, for which ``is_answer`` holds, when it is one to *ask*."""
    if frame[0] != ask.unit or frame[1] & ~EXCEPTION != ask.function:
        return None
    if frame[1] & EXCEPTION:
        if not frame[2]:
            raise DecodeError("an exception without a code")
        return Answer(b"", frame[2])
    return Answer(frame[3:]) if frame[2] == data_size(ask) else None


@dataclass(frozen=True, slots=True)
class Tcp:
    """Modbus TCP: a header with transaction, protocol, length and unit (Messaging Guide, section 3.1.3).

    With *ignore_transaction_id* any transaction will do, for gateways that do not echo it; all else is checked.

    >>> Tcp().request(Ask(1, 4, 16, 2), 7).hex(" ", 2)
    '0007 0000 0006 0104 0010 0002'
    """

    ignore_transaction_id: bool = False

    name: ClassVar[str] = "tcp"
    request_size: ClassVar[int] = 12

    @property
    def identified(self) -> bool:
        return not self.ignore_transaction_id

    def request(self, ask: Ask, transaction: int) -> bytes:
        unit, function, address, count = ask
        if not 1 <= count <= MOST.get(function, 0):
            raise ValueError(f"{ask} is not a read that a device may be asked for")
        return _TCP_ASKING.pack(transaction, 0, 6, unit, function, address, count)

    def expected(self, ask: Ask) -> int:
        return 9 + data_size(ask)

    def answer(self, ask: Ask, transaction: int, received: bytes) -> Read:
        size = (ask.count + 7) // 8 if ask.function <= 2 else 2 * ask.count
        head = _TCP_HEAD.pack(transaction, 0, 3 + size, ask.unit, ask.function, size)
        if len(received) >= 9 + size and received.startswith(head):
            return Read(Answer(received[9 : 9 + size]), 9 + size, 0)
        at = late = 0
        while (whole := _tcp_whole(received, at)) is not None or len(received) >= at + 8:
            if self.ignore_transaction_id or int.from_bytes(received[at : at + 2], "big") == transaction:
                _check_tcp(received[at : at + 9], ask, size)
                if whole is None:
                    break
                return Read(fits(ask, received[at + 6 : whole]), whole, late)
            if whole is None:
                break
            _check_stray(received[at + 6 : whole])
            at, late = whole, late + 1
        return Read(None, at, late)

    def stray(self, received: bytes) -> Read:
        at = late = 0
        while (whole := _tcp_whole(received, at)) is not None:
            _check_stray(received[at + 6 : whole])
            at, late = whole, late + 1
        return Read(None, at, late)


def _tcp_whole(received: bytes, at: int) -> int | None:
    """Where the frame that starts *at* ends; nothing while it is not all there."""
    if len(received) > at + 2 and received[at + 2 : at + 4].strip(b"\0"):
        raise DecodeError(f"not Modbus TCP: protocol identifier is {received[at + 2 : at + 4].hex()}, not 0000")
    if len(received) < at + 6:
        return None
    length = received[at + 4] << 8 | received[at + 5]
    if not 3 <= length <= 253:  # unit, function and 1 to 251 bytes
        raise DecodeError(f"not an answer to a read: length is {length}")
    return at + 6 + length if len(received) >= at + 6 + length else None


def _check_tcp(head: bytes, ask: Ask, size: int) -> None:
    """*head* reaches from the transaction to the byte count, which may be missing."""
    exception = bool(head[7] & EXCEPTION)
    _same("unit", head[6], ask.unit)
    _same("function", head[7] & ~EXCEPTION, ask.function)
    _same("length", head[4] << 8 | head[5], 3 if exception else 3 + size)
    if not exception and len(head) > 8:
        _same("byte count", head[8], size)


def _same(what: str, got: int, wanted: int) -> None:
    if got != wanted:
        raise DecodeError(f"not an answer to this request: {what} is {got}, not {wanted}")


def _check_stray(frame: bytes) -> None:
    if not is_answer(frame):
        raise DecodeError(f"something came that is no answer to a read: {frame[:8].hex(' ')}")
