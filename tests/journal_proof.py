"""What must hold of all that a gateway leaves when it is at rest: invariants of integers, stamps and times.

Three books are compared: what the device served, what the journal's files hold, what the sink was sent. None of them is
kept by the program under test, but for the files, and those are read anew.
"""

from __future__ import annotations

import json
import math
import struct
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, NamedTuple

from greenops_core.sample import Quality
from greenops_telemetry.journal.account import Account, Eviction, Quarantined
from greenops_telemetry.journal.columns import Row
from greenops_telemetry.journal.frame import Kind
from greenops_telemetry.journal.ranges import Ranges
from greenops_telemetry.journal.series import Series
from greenops_telemetry.journal.store import Store
from journal_run import Rig
from sink_oracle import Told
from stamped_device import StampedDevice, read

QUALITY = "greenops_point_quality"
WINDOW = 500
"""Samples that a kill may cost, beside those that were under way."""
FEWEST = 10_000
"""Samples of a run that proves anything."""
LANES = 2
_AT_ONCE = 10_000

Key = tuple[str, str, int]
"""Device, point, source time in Unix milliseconds."""


class Kept(NamedTuple):
    """What the files of a journal hold; each of *gaps* comes with the sequence that is next."""

    rows: list[tuple[Row, Series]]
    following: int
    accounts: dict[str, Account]
    quarantined: dict[str, list[Quarantined]]
    evictions: list[Eviction]
    gaps: list[tuple[int, dict[str, Any]]]
    segments: int

    def gone(self) -> Ranges:
        """Sequences that are recorded as deleted."""
        return Ranges((each.first, each.stop) for each in self.evictions)

    def refused(self, sink: str) -> Ranges:
        return Ranges(one for each in self.quarantined.get(sink, []) for one in each.sequences)


class Proof(NamedTuple):
    """What a run was like; for the table of faults."""

    samples: int
    kills: int
    replayed: int
    """Samples that came in another life than that in which they were read, or again."""
    rotations: int
    lost: int
    duplicated: int
    altered: int
    unkept: int
    """Samples that were read and not yet committed when the program was killed, at the worst kill."""


def kept(directory: Path) -> Kept:
    """Read the files of the journal in *directory*."""
    with Store.visit(directory) as store:
        rows: list[tuple[Row, Series]] = []
        at, reader = 1, store.reader()
        while (run := reader.read(at, store.next, _AT_ONCE)) is not None:
            rows += [(row, store.series(row.series)) for row in run[1].rows(run[0])]
            at = run[0] + len(run[1])
        accounts = store.state.accounts()
        quarantined = {sink: list(store.state.quarantine(sink)) for sink in accounts}
        gaps = list(store.notes(Kind.GAP))
        files = [*(directory / "segments").iterdir(), *(directory / "archive").iterdir()]
        evictions = list(store.state.evictions())
        return Kept(rows, store.next, accounts, quarantined, evictions, gaps, len(files) + len(evictions))


def prove(
    rig: Rig,
    *,
    sink: str = "oracle",
    repeats: int | None = None,
    late: int = 0,
    clocks: Sequence[float] = (0.0,),
    passing: Collection[int] = (),
    steady: bool = True,
) -> Proof:
    """See that everything holds at rest.

    *repeats* is how many batches may have come twice, one for each kill if it is not given; *late* is how many requests
    the line may have delivered after the program had given them up, and made them again. *clocks* is by how many
    seconds the program's clock was ahead. *passing* are units that were removed while they were read. *steady*: it was
    never set, nor was what it had read before of another time.
    """
    files = kept(rig.journal)
    told = list(rig.oracle.stored)
    closes(files)
    is_true(files, rig.device, clocks, passing)
    missing = not_delivered(files, told, sink)
    assert not missing, f"{len(missing)} committed samples are nowhere, the first is {missing[0]}"
    spurious = not_kept(files, told)
    assert not spurious, f"{len(spurious)} samples were never kept, the first is {spurious[0]}"
    twice = duplicates(told)
    assert twice - came_again(files) <= rig.sinks[sink]["batch"] * (rig.kills if repeats is None else repeats)
    in_order(told, [life.began for life in rig.lives], LANES + late)
    worst = unkept(files, rig, passing)
    if steady:
        tells_the_time(files)
    again = replayed(files, told, [life.began for life in rig.lives])
    assert files.following > FEWEST, f"{files.following - 1} samples prove nothing"
    assert files.segments > 1, "nothing was rotated"
    return Proof(files.following - 1, rig.kills, again, files.segments - 1, len(missing), twice, len(spurious), worst)


def closes(files: Kept) -> None:
    """I1: for each sink, what is in the files is delivered, pending, quarantined or evicted, and there once."""
    gone = files.gone()
    sequences = [row.sequence for row, _ in files.rows]
    assert all(one < other for one, other in pairwise(sequences))
    assert Ranges((number, number + 1) for number in sequences) == _less(Ranges([(1, files.following)]), gone)
    assert len(sequences) + len(gone) == files.following - 1
    for each in files.evictions:
        assert each.why == "damaged" or sum(part.samples for part in each.parts) == each.stop - each.first, each
    for name, account in files.accounts.items():
        assert account.closes(), account
        committed = sum(number >= account.start for number in sequences)
        committed += sum(max(0, stop - max(first, account.start)) for first, stop in gone)
        pending = account.pending(files.following)
        assert committed == account.delivered + pending + account.quarantined + account.evicted, account
        assert account.quarantined == len(files.refused(name))


def is_true(
    files: Kept, device: StampedDevice, clocks: Sequence[float] = (0.0,), passing: Collection[int] = ()
) -> None:
    """I4: each value was given by that device for that point, within the time of that poll.

    Of units that are *passing*, an answer may go to a connection that nobody reads any more, and the next one is early.
    """
    for row, series in files.rows:
        if row.quality is not Quality.BAD:
            _recognise(row, dict(series.labels), device, clocks, passing)


def not_delivered(files: Kept, told: Sequence[Told], sink: str) -> list[Row]:
    """I2: samples that *sink* should have and has not, bit for bit."""
    account = files.accounts[sink]
    other, gone = files.refused(sink), files.gone()
    there = {(_told_key(each), each.bits) for each in told if each.name != QUALITY}
    return [
        row
        for row, series in files.rows
        if row.quality is not Quality.BAD
        and row.sequence in account.done
        and row.sequence not in other
        and row.sequence not in gone
        and (_key(row, series), _bits(row.value)) not in there
    ]


def not_kept(files: Kept, told: Iterable[Told]) -> list[Told]:
    """I4 of the sink: what it has and no file ever held; of what is deleted by now, only that it is a stamp."""
    good = [(row, series) for row, series in files.rows if row.quality is not Quality.BAD]
    values = {(_key(row, series), _bits(row.value)) for row, series in good}
    ends = {_key(row, series) for row, series in files.rows if row.quality is Quality.BAD}
    oldest = min((key[2] for key, _ in values), default=0)
    found: list[Told] = []
    for each in told:
        if each.name == QUALITY:
            continue
        if each.is_stale_marker:
            right = _told_key(each) in ends
        elif each.at < oldest and files.evictions:
            right = read(each.value).tag == int(each.labels["point"][1:])
        else:
            right = (_told_key(each), each.bits) in values
        if not right:
            found.append(each)
    return found


def duplicates(told: Iterable[Told]) -> int:
    """I5: how many came again, with the same series, time and value."""
    count = Counter((_told_key(each), each.bits) for each in told if each.name != QUALITY)
    return count.total() - len(count)


def came_again(files: Kept) -> int:
    """How many samples are in the files once more, because a device sent them once more."""
    rows = ((row, series) for row, series in files.rows if row.quality is not Quality.BAD)
    count = Counter((_key(row, series), _bits(row.value)) for row, series in rows)
    return count.total() - len(count)


def in_order(told: Iterable[Told], begun: Sequence[float], lanes: int) -> None:
    """I6: in one life, what comes of a series is of one of so many *lanes*, and in each it never goes back in time."""
    heads: dict[tuple[int, str, str], list[int]] = {}
    seen: set[tuple[int, Key]] = set()
    for each in told:
        life, key = bisect_right(begun, each.heard), _told_key(each)
        if each.name == QUALITY or (life, key) in seen:
            continue
        seen.add((life, key))
        last = heads.setdefault((life, *key[:2]), [])
        place = bisect_right(last, each.at)
        last[max(place - 1, 0) : place] = [each.at]
        assert len(last) <= lanes, f"{key} goes back behind all of {last}"


def unkept(files: Kept, rig: Rig, passing: Collection[int]) -> int:
    """I3: what was served and not kept lies around kills, is small, and a gap record covers it; how many at the worst.

    Before the first sample that is there, nothing can be said.
    """
    committed: dict[int, set[int]] = {unit: set() for unit in rig.device.served}
    moments: list[tuple[int, float]] = []
    for row, series in files.rows:
        if row.quality is not Quality.BAD:
            unit, number = int(dict(series.labels)["device"][1:]), read(row.value).number
            committed[unit].add(number)
            moments.append((row.sequence, rig.device.served[unit][number]))
    sequences = [sequence for sequence, _ in moments]
    first = moments[0][1]
    lost = sorted(
        at
        for unit, book in rig.device.served.items()
        for number, at in book.items()
        if number not in committed[unit] and at >= first and unit not in passing
    )
    covered: set[float] = set()
    worst = 0
    kills = sorted(life.ended for life in rig.lives if life.killed)
    for sequence, note in files.gaps:
        if note["why"] != "not running":
            continue
        place = bisect_left(sequences, sequence)
        since = moments[place - 1][1] if place else 0.0
        until = moments[place][1] if place < len(moments) else math.inf
        within = lost[bisect_left(lost, since) : bisect_right(lost, until)]
        covered.update(within)
        times = max(1, bisect_right(kills, until) - bisect_left(kills, since))
        worst = max(worst, -(-len(within) * rig.tags // times))
    rest = [at for at in lost if at not in covered]
    assert not rest, f"{len(rest)} polls were lost without a record, the first at {rest[0]}"
    assert worst <= WINDOW + rig.units * rig.tags, f"a kill cost {worst} samples"
    return worst


def tells_the_time(files: Kept) -> None:
    """Each record of a time without the program begins where what is kept ended, and ends where it goes on."""
    sequences = [row.sequence for row, _ in files.rows]
    latest = list(accumulate((row.received for row, _ in files.rows), max))
    for sequence, note in files.gaps:
        place = bisect_left(sequences, sequence)
        if note["why"] == "not running" and 0 < place < len(sequences):
            before, after = latest[place - 1], files.rows[place][0].received
            assert before == note["from"] <= note["to"] <= after, f"{note} stands between {before} and {after}"


def replayed(files: Kept, told: Iterable[Told], begun: Sequence[float]) -> int:
    """How many samples came in another life than that in which they were read, or once more."""
    lives = {_key(row, series): bisect_right(begun, row.received) for row, series in files.rows}
    seen: set[Key] = set()
    count = 0
    for each in told:
        if each.name != QUALITY and not each.is_stale_marker:
            key = _told_key(each)
            count += key in seen or lives.get(key) != bisect_right(begun, each.heard)
            seen.add(key)
    return count


def _recognise(
    row: Row,
    labels: Mapping[str, str],
    device: StampedDevice,
    clocks: Sequence[float],
    passing: Collection[int],
) -> None:
    stamp, unit = read(row.value), int(labels["device"][1:])
    assert labels["point"] == f"t{stamp.tag}", f"{labels} has a value of another point"
    book = device.served[unit]
    assert stamp.number in book, f"{labels} has the value {stamp.number}, which was never given"
    since, until = book.get(stamp.number - 1, 0.0), book.get(stamp.number + (2 if unit in passing else 1), math.inf)
    right = any(since <= row.at - ahead <= until for ahead in clocks)
    assert right, f"{labels} is stamped {row.at}, and was given after {since} and before {until}"


def _less(ranges: Ranges, taken: Ranges) -> Ranges:
    return Ranges(one for start, stop in ranges for one in taken.missing(start, stop))


def _key(row: Row, series: Series) -> Key:
    labels = dict(series.labels)
    return labels["device"], labels["point"], round(row.at * 1000)


def _told_key(told: Told) -> Key:
    return told.labels["device"], told.labels["point"], told.at


def _bits(value: float) -> int:
    return int.from_bytes(struct.pack("<d", value), "little")


def report(record: Callable[[str, object], None], fault: str, how: str, proof: Proof, **more: object) -> None:
    """Put a row of the table of faults into the test's report; *how* says what was done, how often."""
    record("journal fault", json.dumps({"fault": fault, "how": how, **proof._asdict(), **more}))
