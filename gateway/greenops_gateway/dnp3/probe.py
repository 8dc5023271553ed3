"""``probe``: is the outstation there, at this address, with these points, and with the right time? Reads only."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Sequence

from greenops_core.errors import DeviceError
from greenops_core.sample import Quality
from greenops_gateway.dnp3.configuration import Dnp3Device, Dnp3Link
from greenops_gateway.dnp3.flags import judged
from greenops_gateway.dnp3.measurement import AHEAD
from greenops_gateway.dnp3.relay import Relay
from greenops_gateway.dnp3.survey import ONE_CONNECTION, Survey, survey
from greenops_gateway.tools import Finding

ADVICE = {
    "need time": "the device's clock was not set since it started; set it there, else events are uncertain",
    "device trouble": "look at the device's own diagnosis",
    "configuration corrupt": "look at the device's own diagnosis",
    "event buffer overflow": "events were lost; poll more often, or give the device more room for events",
    "device restart": "the device was restarted not long ago, or its restart was never acknowledged",
}


async def probe(link: Dnp3Link, devices: Sequence[Dnp3Device]) -> AsyncIterator[Finding]:
    """What was tried with the outstation, line by line."""
    relay = Relay(link, lambda _: None, lambda _: None)
    began = time.monotonic()
    try:
        await relay.open()
    except DeviceError as error:
        advice = "is the host right, is the device on, and does it listen on this port?"
        yield Finding("connect", str(error), well=False, advice=advice)
        return
    finally:
        relay.cut()
    yield Finding("connect", f"{link.where} in {(time.monotonic() - began) * 1000:.0f} ms")
    for device in devices:
        try:
            found = await survey(link, device.address)
        except (OSError, DeviceError) as error:
            address = f"find its address by scan; does it accept {link.address} as a master's address?"
            advice = address if isinstance(error, TimeoutError) else ONE_CONNECTION
            yield Finding(f"outstation {device.address}", str(error), well=False, advice=advice)
            continue
        for finding in findings(device, found, time.time()):
            yield finding


def findings(device: Dnp3Device, found: Survey, now: float) -> Iterator[Finding]:
    """What *found* says about *device* at Unix time *now*."""
    yield Finding(f"outstation {device.address}", "answers")
    taken = ", and the events are gone from the device now" if found.newest() is not None else ""
    seen = f"{', '.join(found.counted()) or 'nothing'} in {found.seconds * 1000:.0f} ms{taken}"
    yield Finding("integrity poll", seen)
    words = found.words()
    serious = [word for word in words if word in ADVICE and word != "device restart"]
    advice = "; ".join(ADVICE[word] for word in serious)
    yield Finding("indications", ", ".join(words) or "none", well=not serious, advice=advice)
    can = found.results.get("ENABLE_UNSOLICITED") == "SUCCESS"
    yield Finding("unsolicited events", "supported" if can else "not supported; events come by polling only")
    newest = found.newest()
    if newest is None:
        yield Finding("clock", "no event with a time came")
    else:
        well = newest < now + AHEAD
        seen = f"the newest event is {abs(now - newest):.1f} s {'old' if newest <= now else 'ahead of this clock'}"
        yield Finding("clock", seen, well=well, advice="" if well else "set the device's clock, in UTC")
    for point in device.points:
        what = f"{point.name} ({point.kind} {point.index})"
        if (point.kind, point.index) not in found.present:
            yield Finding(what, "not there", well=False, advice="look for its index by scan")
            continue
        block, value = found.present[point.kind, point.index]
        level, reason = judged(point.kind, value.flags)
        as_float = device.variation(point.kind) == 5 and point.kind == "analog"
        if as_float and point.index not in found.floats:
            advice = f"it comes as g30v{block.variation} only; write static: {{analog: 0}}"
            yield Finding(what, "not given as a float", well=False, advice=advice)
            continue
        number, _ = point.meaning().of(value.number)
        text = f"{number:g} {point.unit}" + (f", {level.name.lower()}: {reason}" if level is not Quality.GOOD else "")
        yield Finding(what, text, well=level is not Quality.BAD)
