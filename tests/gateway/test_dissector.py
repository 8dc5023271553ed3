"""What the gateway says is what Wireshark, too, takes for the protocol, and nothing in it operates or sets anything."""

from __future__ import annotations

from pathlib import Path

from dissector import CLIENT, SERVER, Recording, dissected, recording
from dnp3_peer import Office, after, check, device, frames, reading, settled, simulated, until
from fault_device import fault_device
from greenops_core.duration import Duration
from modbus_bus import device as modbus_device
from modbus_bus import link, polled

CONFIRM, READ, WRITE, ENABLE_UNSOLICITED, DISABLE_UNSOLICITED = "0", "1", "2", "20", "21"
RESTART_INDICATION = ["0x5001"]
"""Object 80 variation 1: what a master must write to clear it."""
GOOD = {"1"}
MALFORMED = "_ws.malformed"


async def test_dnp3_has_good_checksums_and_reads_only(tmp_path: Path) -> None:
    async with simulated(points=300) as outstation, recording(outstation.port) as found:
        for unsolicited in (True, False):
            office = Office(device(points=300, poll=0.1, integrity=Duration(0.3), unsolicited=unsolicited))
            async with reading(found.port, office) as batches:
                await settled(batches, office)
                outstation.update(1, 77.5)
                await until(batches, after(office, 5))
    packets = await dissected(
        found,
        "dnp3",
        tmp_path,
        *(MALFORMED, "dnp3.al.func", "dnp3.al.obj", "dnp.hdr.CRC.status", "dnp.data_chunk.CRC.status"),
    )
    assert [packet for packet in packets if packet[MALFORMED]] == []
    assert {status for packet in packets for status in packet["dnp.data_chunk.CRC.status"]} == GOOD
    heads = [status for packet in packets for status in packet["dnp.hdr.CRC.status"]]
    assert set(heads) == GOOD
    assert len(heads) == sum(len(list(frames(found.octets(end)))) for end in (CLIENT, SERVER))
    asked = {
        (function, *_objects(packet)) for packet in packets if _is_ours(packet) for function in packet["dnp3.al.func"]
    }
    assert {function for function, *_ in asked} == {CONFIRM, READ, WRITE, ENABLE_UNSOLICITED, DISABLE_UNSOLICITED}
    assert [objects for function, *objects in asked if function == WRITE] == [RESTART_INDICATION]


async def test_modbus_reads_only(tmp_path: Path) -> None:
    tables = ("coil", "discrete", "holding", "input")
    points = [{"name": table, "at": 3, "unit": "1", "table": table} for table in tables]
    async with fault_device() as faulty, recording(faulty.port) as found:
        seen = await polled(
            link(host="127.0.0.1", port=found.port, timeout="5s"),
            [modbus_device(points=points)],
            lambda seen: seen.batches.total() == 3,
        )
    packets = await dissected(found, "mbtcp", tmp_path, MALFORMED, "modbus.func_code")
    assert seen.batches.total() == 3
    assert [packet for packet in packets if packet[MALFORMED]] == []
    assert {tuple(packet["modbus.func_code"]) for packet in packets} == {("1",), ("2",), ("3",), ("4",)}
    assert len(packets) == 2 * len(faulty.requests)


async def test_the_dissector_sees_what_is_wrong(tmp_path: Path) -> None:
    head, read_class_1 = bytes.fromhex("05 64 0b c4 00 04 01 00"), bytes.fromhex("c0 c0 01 3c 02 06")
    wrong = check(read_class_1) ^ 1
    broken = Recording(said=[(CLIENT, head + little(check(head)) + read_class_1 + little(wrong))])
    (packet,) = await dissected(broken, "dnp3", tmp_path, "dnp.hdr.CRC.status", "dnp.data_chunk.CRC.status")
    assert set(packet["dnp.hdr.CRC.status"]) == GOOD
    assert set(packet["dnp.data_chunk.CRC.status"]).isdisjoint(GOOD)


def little(crc: int) -> bytes:
    return crc.to_bytes(2, "little")


def _is_ours(packet: dict[str, list[str]]) -> bool:
    return packet["tcp.srcport"] == [str(CLIENT)]


def _objects(packet: dict[str, list[str]]) -> list[str]:
    return packet["dnp3.al.obj"]
