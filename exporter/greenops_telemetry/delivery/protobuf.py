"""The wire format of Protocol Buffers, as far as receivers of samples need it. Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_WIDTHS = {FIXED64: 8, FIXED32: 4}
_U64 = 2**64
_TOO_LONG = 70  # bits; a varint has ten bytes at most

double = struct.Struct("<d").pack
fixed64 = struct.Struct("<Q").pack


def varint(number: int) -> bytes:
    """A whole number, seven bits a byte; a negative one as 64 bits in two's complement.

    >>> varint(300).hex(), len(varint(-1))
    ('ac02', 10)

    Raises:
        ValueError: it has more than 64 bits.
    """
    if not -_U64 // 2 <= number < _U64:
        raise ValueError(f"{number} has more than 64 bits")
    number %= _U64
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def tag(field: int, kind: int) -> bytes:
    """What stands before a field of a message."""
    return varint(field << 3 | kind)


def nested(field: int, *parts: bytes) -> bytes:
    r"""A field of bytes, text or a message, which are *parts* one after the other.

    >>> nested(1, b"ab", b"c")
    b'\n\x03abc'
    """
    return b"".join((tag(field, BYTES), varint(sum(map(len, parts))), *parts))


def text(field: int, words: str) -> bytes:
    """A field of text, without what UTF-8 cannot say, as in the text for Prometheus."""
    return nested(field, words.encode(errors="replace"))


def number(field: int, value: int) -> bytes:
    """A field with a whole number, an enumeration or a truth value."""
    return tag(field, VARINT) + varint(value)


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Each field of *message*: its number, and what it holds; numbers of a fixed width as their bytes.

    >>> list(fields(number(1, 300) + nested(2, b"no")))
    [(1, 300), (2, b'no')]

    Raises:
        ValueError: it is no message.
    """
    at = 0
    while at < len(message):
        head, at = _varint(message, at)
        field, kind = head >> 3, head & 7
        if kind == VARINT:
            value, at = _varint(message, at)
            yield field, value
            continue
        if kind == BYTES:
            size, at = _varint(message, at)
        elif kind in _WIDTHS:
            size = _WIDTHS[kind]
        else:
            raise ValueError(f"a field of kind {kind} at byte {at}")
        if at + size > len(message):
            raise ValueError(f"field {field} ends behind the message")
        yield field, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message) and shift < _TOO_LONG:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value % _U64, at
        shift += 7
    raise ValueError(f"a number does not end at byte {at}")
