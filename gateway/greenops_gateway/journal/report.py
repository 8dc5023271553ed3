"""What a look at a journal finds, first as data for programs, then as lines for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from greenops_core.table import aligned
from greenops_gateway.journal.audit import plain
from greenops_gateway.journal.look import Look, named
from greenops_gateway.journal.proof import Proof
from greenops_gateway.journal.words import Where
from greenops_telemetry.audit import timestamp
from greenops_telemetry.journal.account import Account, Quarantined
from greenops_telemetry.journal.contents import received_last
from greenops_telemetry.journal.frame import Kind
from greenops_telemetry.journal.ranges import Ranges

WHOLE = "*"
"""The point of a gap that concerns all of them."""
_LONGEST = 80
"""Characters of an answer in a table."""


def standing(look: Look, place: Where, now: float) -> dict[str, Any]:
    """Totals, and how each sink stands at *now* (Unix seconds). Raises OSError."""
    store = look.store
    first = store.read(store.oldest, store.next, 1)
    newest = next((at for each in reversed(look.segments) if (at := received_last(each)) is not None), None)
    refused: dict[str, str] = {}
    for one in store.state.quarantine():
        refused[one.sink] = one.answer
    archived = sum(each.archived for each in look.segments)
    return {
        "directory": str(look.directory),
        "committed": store.next - 1,
        "samples": store.next - store.oldest,
        "sequences": [store.oldest, store.next - 1],
        "oldest": None if first is None else first[1].received[0],
        "newest": newest,
        "bytes": store.size,
        "max_bytes": None if place.section is None else int(place.section.max_size),
        "segments": {"live": len(look.segments) - archived, "archived": archived},
        "damages": dict(store.damage),
        "evictions": _evictions(look),
        "sinks": [_sink(look, place, each, refused.get(each.sink), now) for each in look.accounts.values()],
    }


def standing_lines(found: dict[str, Any]) -> Iterator[str]:
    """The same for people."""
    first, last = found["sequences"]
    between = f", {first} to {last}, received {_when(found['oldest'])} to {_when(found['newest'])}"
    yield f"samples: {found['samples']} of {found['committed']} committed{between if found['samples'] else ''}"
    most = "" if found["max_bytes"] is None else f" of {_bytes(found['max_bytes'])}"
    live, archived = found["segments"]["live"], found["segments"]["archived"]
    yield f"size: {_bytes(found['bytes'])}{most}, {live} live and {archived} archived segments"
    yield f"damages: {', '.join(f'{count} {name}' for name, count in found['damages'].items()) or 'none'}"
    yield f"evicted: {', '.join(f'{count} ({why})' for why, count in found['evictions'].items()) or 'none'}"
    names = ("committed", "delivered", "pending", "quarantined", "evicted", "difference")
    rows = [
        (sink["sink"], *(str(sink[name]) for name in names), _age(sink["oldest_pending_seconds"]))
        for sink in found["sinks"]
    ]
    if rows:
        yield ""
        yield from aligned(("sink", *names, "oldest pending"), *rows)
    for sink in found["sinks"]:
        if sink["difference"]:
            yield f"BAD  {sink['sink']} does not add up; ask: greenops-gateway journal verify"
        if sink["configured"] is False:
            yield f"note {sink['sink']} left the configuration; see: greenops-gateway journal forget {sink['sink']}"
        if sink["last_refusal"]:
            yield f"note {sink['sink']} refused samples, last with: {plain(sink['last_refusal'])[:_LONGEST]}"


def gaps(look: Look, since: float, pattern: str | None) -> list[dict[str, Any]]:
    """Times without samples that end after *since* (Unix seconds), the earliest first; of points by *pattern*."""
    found = [*_noted(look), *_evicted(look)]
    wanted = [
        gap
        for gap in found
        if gap["to"] >= since and (pattern is None or gap["point"] == WHOLE or fnmatchcase(gap["point"], pattern))
    ]
    return sorted(wanted, key=lambda gap: (gap["from"], gap["point"]))


def gap_lines(found: Iterable[dict[str, Any]]) -> Iterator[str]:
    """The same for people."""
    rows = [
        (gap["kind"], gap["point"], _when(gap["from"]), _when(gap["to"]), _count(gap["samples"]), plain(gap["reason"]))
        for gap in found
    ]
    yield from aligned(("kind", "point", "from", "to", "samples", "reason"), *rows)


def quarantined(look: Look, every: Iterable[Quarantined]) -> list[dict[str, Any]]:
    """What receivers refused."""
    return [
        {
            "id": one.id,
            "sink": one.sink,
            "series": sorted({_name(look, number) for number in one.columns.series}),
            "from": min(one.columns.at),
            "to": max(one.columns.at),
            "samples": len(one.columns),
            "at": one.at,
            "answer": one.answer,
        }
        for one in every
    ]


def quarantine_lines(found: Iterable[dict[str, Any]]) -> Iterator[str]:
    """The same for people."""
    rows = [
        (
            str(one["id"]),
            one["sink"],
            one["series"][0] + (f" and {len(one['series']) - 1} others" if len(one["series"]) > 1 else ""),
            _when(one["from"]),
            _when(one["to"]),
            str(one["samples"]),
            plain(one["answer"])[:_LONGEST],
        )
        for one in found
    ]
    yield from aligned(("id", "sink", "series", "from", "to", "samples", "answer"), *rows)


def proof_lines(directory: Path, proof: Proof) -> Iterator[str]:
    """What was proven, and what to do."""
    for each in proof.findings:
        at = "" if each.offset is None else f":{each.offset}"
        yield f"{'note' if each.harmless else 'BAD '} {directory / each.file}{at}: {each.meaning}"
    yield f"read {proof.samples} samples in {proof.live} live segments and {proof.archived} archives"
    for sink in proof.sinks:
        sums = f"{sink.delivered} delivered + {sink.pending} pending + {sink.quarantined} quarantined"
        unread = sink.pending - sink.readable
        lost = f"; {unread} of the pending cannot be read any more" if unread else ""
        equal = f"differs by {sink.difference} from" if sink.difference else "="
        yield f"{sink.sink}: {sink.committed} committed {equal} {sums} + {sink.evicted} evicted{lost}"
    if proof.wrong:
        yield "Damaged bytes cost the samples that are named here, and no others. Copy the folder before anything else,"
        yield "look at the disk (smartctl, the kernel's log), and compare with what the sinks have; the gateway goes on"
        yield "by itself, and counts what it cannot read as evicted."
    else:
        yield "everything is there, and every account adds up"


def _sink(look: Look, place: Where, account: Account, refused: str | None, now: float) -> dict[str, Any]:
    following = look.store.next
    pending = account.pending(following)
    done = account.delivered + account.quarantined + account.evicted
    return {
        "sink": account.sink,
        "committed": following - account.start,
        "delivered": account.delivered,
        "pending": pending,
        "quarantined": account.quarantined,
        "evicted": account.evicted,
        "difference": following - account.start - pending - done,
        "oldest_pending_seconds": _oldest_pending(look, account, now),
        "configured": None if place.sinks is None else account.sink in place.sinks,
        "last_refusal": refused,
    }


def _oldest_pending(look: Look, account: Account, now: float) -> float | None:
    """Seconds since the oldest sample that is owed came here; none when none is."""
    store = look.store
    came: list[float] = []
    owed = next(account.done.missing(max(account.start, store.oldest), store.next), None)
    run = None if owed is None else store.read(*owed, 1)
    if run is not None:
        came.append(run[1].received[0])
    aside = store.state.due(account.sink, float("inf")) if account.aside else None
    if aside is not None:
        came.append(min(aside.columns.received))
    return max(0.0, now - min(came)) if came else None


def _evictions(look: Look) -> dict[str, int]:
    """How many samples were evicted for each reason. Sinks may have told the same loss."""
    spans: dict[str, Ranges] = {}
    counts: dict[str, int] = {}
    for each in look.store.state.evictions():
        new = spans.setdefault(each.why, Ranges()).add(each.first, each.stop)
        alone = sum(part.samples for part in each.parts) if each.stop == each.first else 0
        counts[each.why] = counts.get(each.why, 0) + new + alone
    return counts


def _noted(look: Look) -> Iterator[dict[str, Any]]:
    for _, note in look.store.notes(Kind.GAP):
        why = str(note.get("why", ""))
        device, point = note.get("device"), note.get("point")
        kind = "point" if point is not None else "disk" if why == "disk" else "process"
        yield {
            "kind": kind,
            "point": WHOLE if point is None else f"{device}/{point}",
            "from": float(note.get("from") or 0.0),
            "to": float(note.get("to") or 0.0),
            "samples": note.get("lost"),
            "reason": why,
        }


def _evicted(look: Look) -> Iterator[dict[str, Any]]:
    for each in look.store.state.evictions():
        if not each.parts:
            lost = each.stop - each.first
            times = {"from": each.at, "to": each.at, "samples": lost}
            yield {"kind": "evicted", "point": WHOLE, **times, "reason": f"{each.why}: {each.first} to {each.stop - 1}"}
        for part in each.parts:
            times = {"from": part.start_at, "to": part.end_at, "samples": part.samples}
            yield {"kind": "evicted", "point": _name(look, part.series), **times, "reason": each.why}


def _name(look: Look, number: int) -> str:
    try:
        return named(look.store.series(number))
    except KeyError:
        return f"series {number}"


def _when(at: float | None) -> str:
    """A time for people; what is no time as it is."""
    try:
        return "-" if at is None else timestamp(at)
    except (ValueError, OverflowError, OSError):
        return repr(at)


def _count(samples: int | None) -> str:
    return "-" if samples is None else str(samples)


def _age(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.0f} s"


def _bytes(count: int) -> str:
    """A size as people say it.

    >>> _bytes(512), _bytes(16 * 2**20)
    ('512 B', '16.0 MiB')
    """
    size, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{count} B" if unit == "B" else f"{size:.1f} {unit}"
