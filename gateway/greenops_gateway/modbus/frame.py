"""Is this the answer to that request? Pure.

A late answer to an earlier poll holds plausible numbers of the wrong registers. So transaction, unit, function and byte
count must be exactly those asked for, and nothing may follow.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from greenops_core.errors import DecodeError

HEADER = 7
EXCEPTION = 0x80
READ_BITS = (1, 2)

# Modbus Application Protocol Specification V1.1b3, section 7.
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


@dataclass(frozen=True, slots=True)
class Answer:
    """The data of an answer, or the code of the exception that the device gave instead (0: none)."""

    data: bytes
    exception: int = 0


def exception_text(code: int) -> str:
    """An exception's number and name.

    >>> exception_text(6), exception_text(99)
    ('exception 6 (server device busy)', 'exception 99')
    """
    return f"exception {code} ({EXCEPTIONS[code]})" if code in EXCEPTIONS else f"exception {code}"


def answer(request: bytes, received: bytes) -> Answer | None:
    """The answer to the read *request* when *received* holds it; nothing while more must come. Both with MBAP header.

    Raises:
        DecodeError: what came cannot be the answer.
    """
    if len(received) < HEADER + 2:
        _same("protocol identifier", received[2:4], bytes(2)[: len(received[2:4])])
        return None
    transaction, protocol, length, unit, function = struct.unpack_from(">HHHBB", received)
    asked_transaction, _, _, asked_unit, asked_function, _, count = struct.unpack_from(">HHHBBHH", request)
    _same("protocol identifier", protocol, 0)
    _same("transaction", transaction, asked_transaction)
    _same("unit", unit, asked_unit)
    _same("function", function & ~EXCEPTION, asked_function)
    exception = bool(function & EXCEPTION)
    size = (count + 7) // 8 if asked_function in READ_BITS else 2 * count
    _same("length", length, 3 if exception else 3 + size)
    if not exception:
        _same("byte count", received[HEADER + 1], size)
    if len(received) < 6 + length:
        return None
    _same("bytes in all", len(received), 6 + length)
    if exception:
        if not received[HEADER + 1]:
            raise DecodeError("an exception without a code")
        return Answer(b"", received[HEADER + 1])
    return Answer(received[HEADER + 2 :])


def _same(what: str, got: object, wanted: object) -> None:
    if got != wanted:
        raise DecodeError(f"not an answer to this request: {what} is {got!r}, not {wanted!r}")
