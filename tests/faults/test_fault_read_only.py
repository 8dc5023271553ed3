"""What the gateway says to its devices, byte by byte, while their links come and go: it asks, and changes nothing."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from asyncua.ua.object_ids import ObjectIdNames

import dnp3_peer
from faults.whole_plant import LINKS, whole

MODBUS_READS = {1, 2, 3, 4}
OPC_UA_READS = {
    "GetEndpoints",
    "CreateSession",
    "ActivateSession",
    "CloseSession",
    "Read",
    "HistoryRead",
    "Browse",
    "BrowseNext",
    "TranslateBrowsePathsToNodeIds",
    "CreateSubscription",
    "DeleteSubscriptions",
    "CreateMonitoredItems",
    "Publish",
    "Republish",
}
CONNECT, PUBLISH = 1, 3
MQTT_READS = {CONNECT, 4, 8, 10, 12, 14}
"""CONNECT, PUBACK, SUBSCRIBE, UNSUBSCRIBE, PINGREQ, DISCONNECT (MQTT 5.0, table 2-1)."""
WILL = 0x04
DNP3_CONFIRM, DNP3_READ, DNP3_WRITE = 0, 1, 2
DNP3_MASTER = {DNP3_CONFIRM, DNP3_READ, DNP3_WRITE, 20, 21}
CLEAR_RESTART = bytes.fromhex("50 01 00 07 07 00")
COMMAND = "spBv1.0/g/NCMD/n"


def beside(raw: dict[str, Any]) -> None:
    """An edge node that is not there, so that its birth is asked for."""
    raw["links"]["spark"] = {**raw["links"]["dust"], "client_id": "other"}
    point = {"name": "x", "unit": "mg/m3", "path": "x"}
    edge = {"name": "edge", "stack": "s", "link": "spark", "payload": "sparkplug", "group": "g", "node": "n"}
    raw["devices"].append({**edge, "points": [point]})


async def test_nothing_but_reads_is_said_to_any_device(tmp_path: Path) -> None:
    subscribe = {"mode": "subscribe", "publishing": "200ms"}
    said: dict[str, list[bytes]] = {link: [] for link in LINKS}
    for mode in ({}, subscribe):
        async with whole(tmp_path / str(len(mode)), flow=mode, change=beside) as plant:
            await plant.witness.until(plant.witness.good)
            await asyncio.sleep(1.0)
            for wire in plant.wires.values():
                await wire.reset()
            await plant.witness.until(lambda: not plant.witness.good())
            await plant.witness.until(plant.witness.good)
        for link in LINKS:
            said[link] += map(bytes, plant.wires[link].sent)
    assert {function for talk in said["gas"] for function in modbus_functions(talk)} <= MODBUS_READS
    services = {service for talk in said["flow"] for service in opc_ua_services(talk)}
    assert {"Read", "Publish", "CreateSession"} <= services <= OPC_UA_READS
    packets = [packet for talk in said["dust"] for packet in mqtt_packets(talk)]
    assert {first >> 4 for first, _ in packets} <= {*MQTT_READS, PUBLISH}
    published = {body[2 : 2 + int.from_bytes(body[:2], "big")] for first, body in packets if first >> 4 == PUBLISH}
    assert published == {COMMAND.encode()}
    assert not any(connect_flags(body) & WILL for first, body in packets if first >> 4 == CONNECT)
    asked = [request for talk in said["plant"] for request in dnp3_peer.requests(talk)]
    assert {DNP3_READ} <= {request[1] for request in asked} <= DNP3_MASTER
    assert {request[2:] for request in asked if request[1] == DNP3_WRITE} <= {CLEAR_RESTART}


def modbus_functions(talk: bytes) -> Iterator[int]:
    """Messaging on TCP/IP Implementation Guide V1.0b, section 3.1.3."""
    while talk:
        (length,) = struct.unpack(">H", talk[4:6])
        yield talk[7]
        talk = talk[6 + length :]


def opc_ua_services(talk: bytes) -> Iterator[str]:
    """Names of the requests in the messages of a session without security (OPC UA part 6, section 6.7.2)."""
    while talk:
        kind, size = talk[:3], int.from_bytes(talk[4:8], "little")
        if kind == b"MSG":
            assert talk[3:4] == b"F"
            assert talk[24] == 1  # a numeric NodeId in four bytes
            yield ObjectIdNames[int.from_bytes(talk[26:28], "little")].removesuffix("Request_Encoding_DefaultBinary")
        else:
            assert kind in {b"HEL", b"OPN", b"CLO"}
        talk = talk[size:]


def mqtt_packets(talk: bytes) -> Iterator[tuple[int, bytes]]:
    """First byte and what stands behind the length of each whole packet (MQTT 5.0, section 2.1)."""
    while len(talk) > 1:
        length, at, shift = 0, 1, 0
        while True:
            length |= (talk[at] & 0x7F) << shift
            shift, at = shift + 7, at + 1
            if talk[at - 1] < 0x80:
                break
        yield talk[0], talk[at : at + length]
        talk = talk[at + length :]


def connect_flags(body: bytes) -> int:
    """Section 3.1.2.3."""
    return body[2 + int.from_bytes(body[:2], "big") + 1]
