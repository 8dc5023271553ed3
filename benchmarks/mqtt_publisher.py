"""A publisher that costs little: mqtt_publisher.py PORT COUNT RATE sends COUNT QoS 1 messages, RATE a second.

RATE 0 is as fast as the broker takes them. Of a window of unacknowledged messages never more are on their way. Each is
133 bytes of JSON with a time and eight values, to 100 topics in turn. It prints the seconds that it took when the
broker has acknowledged all.
"""

from __future__ import annotations

import socket
import struct
import sys
import time

TOPICS = 100
VALUES = 8
SIZE = 133
FIRST = 100_000
WINDOW = 1000
BURST = 0.005
"""Seconds between two bursts when paced: a timer is no finer than that on a busy machine."""


def payload(number: int, now_ms: int) -> bytes:
    """The message *number*, whose values begin with ``FIRST`` + *number*.

    >>> len(payload(7, 1_700_000_000_000)), payload(7, 1_700_000_000_000)[:33]
    (133, b'{"t":1700000000000,"a":100007.25,')
    """
    value = FIRST + number % 800_000
    values = ",".join(f'"{name}":{value}.25' for name in "abcdefgh"[:VALUES])
    return f'{{"t":{now_ms},{values}}}'.ljust(SIZE).encode()


def publish(number: int, now_ms: int) -> bytes:
    """A QoS 1 PUBLISH (MQTT 3.1.1, section 3.3)."""
    topic = f"plant/{number % TOPICS}".encode()
    body = struct.pack(">H", len(topic)) + topic + struct.pack(">H", number % 65535 + 1) + payload(number, now_ms)
    return bytes((0x32, len(body) % 128 | 0x80, len(body) // 128)) + body


def main(port: int, count: int, rate: float) -> float:
    """Seconds until the broker had acknowledged all *count* messages."""
    with socket.create_connection(("127.0.0.1", port)) as broker:
        broker.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        name = b"publisher"
        connect = struct.pack(">H4sBBHH", 4, b"MQTT", 4, 2, 60, len(name)) + name
        broker.sendall(bytes((0x10, len(connect))) + connect)
        broker.recv(4)  # CONNACK
        began = time.monotonic()
        sent, acknowledged, half = 0, 0, 0
        while acknowledged < count:
            due = count if not rate else min(count, int((time.monotonic() - began) * rate))
            ready = min(due, acknowledged + WINDOW) - sent
            if ready > 0:
                now_ms = time.time_ns() // 1_000_000
                broker.sendall(b"".join(publish(sent + place, now_ms) for place in range(ready)))
                sent += ready
            if sent > acknowledged:
                half += len(broker.recv(65536))  # each PUBACK is 4 bytes
                acknowledged, rest = acknowledged + half // 4, half % 4
                half = rest
            if rate and sent == acknowledged:
                time.sleep(BURST)
        return time.monotonic() - began


if __name__ == "__main__":
    print(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])), flush=True)
