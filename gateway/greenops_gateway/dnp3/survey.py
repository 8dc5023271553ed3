"""What an outstation tells when everything is read from it once: for commissioning.

Events that are read are gone from the device, as with any master; no gateway should be reading it at the same time.
An indication of a restart is left for the gateway to acknowledge.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from greenops_core.errors import DeviceError
from greenops_gateway.dnp3.configuration import Dnp3Link, Read
from greenops_gateway.dnp3.driver import GRACE
from greenops_gateway.dnp3.flags import KINDS, OBJECTS, Indications, Kind
from greenops_gateway.dnp3.master import Fragment, Lost, Master, Task, opened
from greenops_gateway.dnp3.measurement import Block, Value

EVERYTHING = tuple(Read(60, variation) for variation in (2, 3, 4, 1))
"""Events of classes 1 to 3, then class 0: an integrity poll (IEEE 1815-2012, 5.1.1)."""
PHASE = 120.0
"""Seconds for each request with all of its answer, however many fragments that has."""
ONE_CONNECTION = "many outstations serve one connection at a time; stop a gateway that reads this one, and try again"


@dataclass(slots=True)
class Survey:
    """What was seen. *seconds* is how long an integrity poll took."""

    seconds: float = 0.0
    indications: list[Indications] = field(default_factory=list)
    results: dict[str, str] = field(default_factory=dict)
    """How the stack's tasks ended, by type."""
    blocks: list[Block] = field(default_factory=list)
    present: dict[tuple[Kind, int], tuple[Block, Value]] = field(default_factory=dict)
    floats: set[int] = field(default_factory=set)
    """Indexes of the analogs that the outstation gives as floats."""

    def words(self) -> tuple[str, ...]:
        """Every indication that was set at some time."""
        return tuple(dict.fromkeys(word for indications in self.indications for word in indications.words()))

    def counted(self) -> Iterator[str]:
        """How many points of each kind and events there are.

        >>> list(Survey(blocks=[Block(32, 7, [Value(0, 1.0, 1)])]).counted())
        ['1 event as g32v7']
        """
        kinds: dict[tuple[Kind, int], int] = {}
        for (kind, _), (block, _value) in self.present.items():
            kinds[kind, block.variation] = kinds.get((kind, block.variation), 0) + 1
        for (kind, variation), count in kinds.items():
            yield f"{count} {kind.replace('_', ' ')} as g{OBJECTS[kind].static}v{variation}"
        events: dict[tuple[int, int], int] = {}
        for block in self.blocks:
            if block.is_event:
                events[block.group, block.variation] = events.get((block.group, block.variation), 0) + len(block.values)
        for (group, variation), count in events.items():
            yield f"{count} event{'' if count == 1 else 's'} as g{group}v{variation}"

    def newest(self) -> float | None:
        """Unix time of the newest event that has a time."""
        times = [value.milliseconds for block in self.blocks if block.is_event for value in block.values]
        return max(times) / 1000 if any(times) else None


async def survey(link: Dnp3Link, address: int) -> Survey:
    """Read everything of the outstation *address* once, and the analogs as floats.

    Raises:
        DeviceError: the connection cannot be made or ends.
        TimeoutError: the outstation does not answer.
    """
    found = Survey()
    async with opened(link, address, time.time, ignore_restart=True) as master:
        await _until(master, link, found, "STARTUP_INTEGRITY_POLL")
        await _until(master, link, found, "ENABLE_UNSOLICITED")
        began = time.monotonic()
        await _read(master, link, found, EVERYTHING)
        found.seconds = time.monotonic() - began
        for block in found.blocks:
            if not block.is_event:
                found.present.update({(KINDS[block.group], value.point): (block, value) for value in block.values})
        seen = len(found.blocks)
        if any(kind == "analog" for kind, _ in found.present):
            await _read(master, link, found, (Read(30, 5),))
        for block in found.blocks[seen:]:
            if (block.group, block.variation) == (30, 5):
                found.floats |= {value.point for value in block.values}
    return found


async def _read(master: Master, link: Dnp3Link, found: Survey, reads: Sequence[Read]) -> None:
    master.read(reads)
    await _until(master, link, found, "USER_TASK")


async def _until(master: Master, link: Dnp3Link, found: Survey, task: str) -> None:
    """Take in what comes until *task* is done."""
    phase = asyncio.timeout(PHASE)
    try:
        async with phase:
            await _done(master, link, found, task)
    except TimeoutError:
        if phase.expired():
            raise TimeoutError(f"no end of an answer within {PHASE:g} s") from None
        raise


async def _done(master: Master, link: Dnp3Link, found: Survey, task: str) -> None:
    while True:
        match await master.next(link.timeout + GRACE):
            case Fragment() as fragment:
                found.blocks += fragment.blocks
                fragment.taken.set()
            case Indications() as indications:
                found.indications.append(indications)
            case Lost(why):
                raise DeviceError(why)
            case Task(kind, result):
                found.results[kind] = result
                if result in {"FAILURE_RESPONSE_TIMEOUT", "FAILURE_START_TIMEOUT", "FAILURE_NO_COMMS"}:
                    raise TimeoutError(f"no answer within {link.timeout}")
                if kind == task:
                    return
            case None:
                raise TimeoutError(f"no answer within {link.timeout}")
