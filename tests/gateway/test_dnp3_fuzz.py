"""Damaged frames and odd objects by the hundred thousand: none may give a wrong value, crash or hang.

What may be taken for an indication is judged by a second, plain writing of the link header: one must stand in what was
received, under a header whose check is right. What may be taken for a value is judged by a table of what each point is.
"""

from __future__ import annotations

import math
import random
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache

from dnp3.datalink.builder import build_unconfirmed_user_data

from dnp3_peer import Office, check, device
from greenops_core.sample import Quality, Sample
from greenops_gateway.dnp3.configuration import Dnp3Device, Dnp3Point
from greenops_gateway.dnp3.flags import KINDS, Indications
from greenops_gateway.dnp3.frame import Ear
from greenops_gateway.dnp3.measurement import AHEAD, YEAR, Block, Reader, Value

STREAMS, FRAMES = 5_000, 20
"""Connections, and damaged frames on each."""
OBJECTS = 100_000
OUTSTATION, MASTER = 1024, 1
LONGEST = 292
"""Octets of the longest link frame (9.2.4)."""
ENDS = struct.pack("<HH", MASTER, OUTSTATION)
NOW = 1_700_000_000.0
checked = cache(check)


def frame(user: bytes, source: int = OUTSTATION, destination: int = MASTER, *, is_master: bool = False) -> bytes:
    """As the independent library writes it."""
    return build_unconfirmed_user_data(
        destination=destination, source=source, dir_from_master=is_master, user_data=user
    ).to_bytes()


def whole(dice: random.Random) -> bytes:
    """A frame of an outstation, mostly one that carries indications for us."""
    function = dice.choice((129, 129, 129, 130, 130, 131))
    head = bytes((dice.choice((0xC0, 0xC0, 0xC0, 0x41, 0x82)), 0xC0, function, dice.randrange(256), dice.randrange(64)))
    user = head + dice.randbytes(dice.choice((0, 0, 3, 11, 12, 40, 244)))
    kind = dice.random()
    if kind < 0.8:
        return frame(user)
    return frame(user, source=7) if kind < 0.9 else frame(user, is_master=True)


Mutation = Callable[[bytearray, random.Random], None]


def flip(octets: bytearray, dice: random.Random) -> None:
    octets[dice.randrange(len(octets))] ^= 1 << dice.randrange(8)


def overwrite(octets: bytearray, dice: random.Random) -> None:
    octets[dice.randrange(min(12, len(octets)))] = dice.choice((0, 5, 0x64, 0x44, 0xFF, dice.randrange(256)))


def cut(octets: bytearray, dice: random.Random) -> None:
    start = dice.randrange(len(octets))
    del octets[start : start + dice.choice((1, 2, 5, LONGEST))]


def insert(octets: bytearray, dice: random.Random) -> None:
    start = dice.randrange(len(octets))
    octets[start:start] = dice.choice((b"\x05", b"\x05\x64", dice.randbytes(4)))


def miscount(octets: bytearray, dice: random.Random) -> None:
    """Another length, under a check that is right."""
    if len(octets) >= 10:
        octets[2] = dice.choice((0, 4, 5, 9, 10, 255, dice.randrange(256)))
        octets[8:10] = struct.pack("<H", check(bytes(octets[:8])))


def miscalculate(octets: bytearray, dice: random.Random) -> None:
    """A wrong check of the header."""
    if len(octets) >= 10:
        octets[8:10] = dice.randbytes(2)


MUTATIONS: tuple[Mutation, ...] = (flip, flip, overwrite, cut, insert, miscount, miscalculate)


def damaged(wholes: list[bytes], dice: random.Random) -> bytes:
    octets = bytearray(dice.choice(wholes))
    for _ in range(1 if dice.random() < 0.7 else 2):
        if octets:
            dice.choice(MUTATIONS)(octets, dice)
    return bytes(octets)


def carried(octets: bytes) -> Iterator[Indications]:
    """All that stands in *octets* under a right header, of our outstation to us, wherever it begins."""
    place = octets.find(b"\x05\x64")
    while place >= 0:
        header, user = octets[place : place + 10], octets[place + 10 : place + 15]
        if (
            len(user) == 5
            and checked(header[:8]) == header[8] + 256 * header[9]
            and header[2] >= 10
            and header[3] & 0xCF in {0x43, 0x44}
            and header[4:8] == ENDS
            and user[0] & 0x40
            and user[2] in {129, 130}
        ):
            yield Indications(user[3], user[4])
        place = octets.find(b"\x05\x64", place + 1)


def pieces(octets: bytes, dice: random.Random) -> Iterator[bytes]:
    most = dice.choice((3, 40, 400, 4000))
    start = 0
    while start < len(octets):
        count = dice.randint(1, most)
        yield octets[start : start + count]
        start += count


def test_no_damaged_frame_gives_an_indication_that_no_header_carries() -> None:
    dice, seen = random.Random(40), Counter[str]()
    wholes = [whole(dice) for _ in range(500)]
    last = frame(bytes((0xC0, 0xC0, 129, 0x92, 0x08)))
    started = time.process_time()
    for _ in range(STREAMS):
        octets = b"".join(damaged(wholes, dice) for _ in range(FRAMES))
        ear = Ear(OUTSTATION, MASTER)
        heard = [found for piece in pieces(octets, dice) for found in ear.heard(piece)]
        assert heard == Ear(OUTSTATION, MASTER).heard(octets), "how the octets were cut must not matter"
        possible = list(carried(octets))
        rest = iter(possible)
        assert all(found in rest for found in heard), octets.hex()
        # A length that is too great may swallow what follows, but no more than one frame of it.
        assert ear.heard(bytes(LONGEST) + last)[-1:] == [Indications(0x92, 0x08)]
        seen += Counter(heard=len(heard), swallowed=len(possible) - len(heard))
    print(f"\n{STREAMS * FRAMES} damaged frames in {time.process_time() - started:.1f} s: {dict(seen)}")
    assert STREAMS * FRAMES / 25 < seen["heard"] < STREAMS * FRAMES * 0.6
    assert seen["swallowed"] > 0


POINTS = (
    Dnp3Point(name="plain", unit="1", kind="analog", index=0),
    Dnp3Point(name="scaled", unit="1", kind="analog", index=1, scale=0.5, offset=1, sentinel=-9999),
    Dnp3Point(name="binary", unit="1", kind="binary", index=0),
    Dnp3Point(name="named", unit="1", kind="binary", index=1, enum={0: 5.0, 1: 7.0}),
    Dnp3Point(name="double", unit="1", kind="double_bit", index=0),
    Dnp3Point(name="counter", unit="1", kind="counter", index=0),
    Dnp3Point(name="frozen", unit="1", kind="frozen_counter", index=65535),
    Dnp3Point(name="set point", unit="1", kind="analog_output", index=0),
    Dnp3Point(name="output", unit="1", kind="binary_output", index=0),
)
AT = {(point.kind, point.index): point.name for point in POINTS}
LISTED = {"named": {0.0: 5.0, 1.0: 7.0}, "double": {1.0: 0.0, 2.0: 1.0}}
NUMBERS = (0.0, -0.0, 1.0, 2.0, 3.0, -1.0, 0.5, -9999.0, 2.0**31, 2.0**32 - 1, 1e308, -1e308, 1e-300, 5e-324)
ODD = (math.nan, math.inf, -math.inf)
MOMENTS = (0, 1, int(NOW * 1000), int((NOW - 60) * 1000), int((NOW + 3600) * 1000), 2**48 - 1, 2**63, -1)
EVENTS = {2, 4, 11, 22, 23, 32, 42}
GROUPS = (*KINDS, 0, 12, 50, 110, 255)


def number(dice: random.Random) -> float:
    kind = dice.random()
    if kind < 0.6:
        return dice.choice(NUMBERS)
    if kind < 0.75:
        return dice.choice(ODD)
    bits: tuple[float] = struct.unpack("<d", dice.randbytes(8))
    return bits[0]


def odd(asked: Dnp3Device, dice: random.Random) -> Block:
    """One object of any kind that says anything, mostly in the variation that is asked for."""
    group = dice.choice(GROUPS)
    kind = KINDS.get(group)
    said = Value(
        dice.choice((0, 0, 0, 0, 0, 1, 1, 1, 65535, 65535, 2, 65536, 2**32 - 1, -1)),
        number(dice),
        dice.choice((1, 1, 0x81, dice.randrange(256))),
        dice.choice(MOMENTS) if dice.random() < 0.8 else dice.getrandbits(48),
        dice.random() < 0.6,
    )
    variation = dice.randrange(10) if kind is None or dice.random() < 0.2 else asked.variation(kind)
    return Block(group, variation, [said], dice.random() < 0.8)


def expected(name: str, said: float) -> float | None:
    """What *said* is at this point; None where it can be none."""
    if not math.isfinite(said) or 0 < abs(said) < 1e-20:
        return None
    if name in LISTED:
        return LISTED[name].get(said)
    if name == "scaled":
        return None if said == -9999 else said * 0.5 + 1
    return said


def wrong(sample: Sample, block: Block, indications: Indications) -> list[str]:
    """What is wrong about *sample*."""
    (said,) = block.values
    name = AT.get((KINDS[block.group], said.point), "")
    vouched = block.group in EVENTS and said.synchronized and not indications.first & 0x10
    told = sample.quality is not Quality.BAD
    doubtful = not block.has_flags or indications.first & 0x40 or indications.second & 0x20
    undated = block.group in EVENTS and sample.at == NOW and not vouched
    its_own = vouched and sample.at == said.milliseconds / 1000 and NOW - YEAR < sample.at < NOW + AHEAD
    faults = {
        "of another point": sample.labels[3] != name,
        "under a time that is not its own": sample.at != NOW and not its_own,
        "a bad number": not told and not math.isnan(sample.value),
        "another number": told and sample.value != expected(name, said.number),
        "not on line, restarting or not reached": told and block.has_flags and said.flags & 0x07 != 0x01,
        "good in spite of a doubt": sample.quality is Quality.GOOD and (doubtful or undated),
    }
    return [why for why, holds in faults.items() if holds]


def test_no_odd_object_gives_a_wrong_value() -> None:
    dice, seen = random.Random(41), Counter[str]()
    office = Office(device(points=POINTS))
    reader = Reader(office.device, office.desk().series)
    started = time.process_time()
    for _ in range(OBJECTS):
        block = odd(office.device, dice)
        indications = Indications(dice.choice((0, 0, 0x10, dice.randrange(256))), dice.choice((0, 0, 0x20)))
        found = list(reader.samples([block], NOW, indications))
        assert len(found) <= 1
        for sample in found:
            assert wrong(sample, block, indications) == [], (block, sample)
        seen[found[0].quality.name if found else "passed over"] += 1
    print(f"\n{OBJECTS} odd objects in {time.process_time() - started:.1f} s: {dict(seen)}")
    assert min(seen[name] for name in ("GOOD", "UNCERTAIN", "BAD", "passed over")) > OBJECTS / 50
