"""What a journal's directory holds after a stop of any kind, and where writing goes on.

Only the last segment is read. A torn end is cut off; what an interrupted eviction or archiving left is finished.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from greenops_telemetry.journal.columns import unpack
from greenops_telemetry.journal.damage import Damages
from greenops_telemetry.journal.frame import Damage, Frame, Kind
from greenops_telemetry.journal.ranges import Ranges
from greenops_telemetry.journal.segment import Segment, frames_of
from greenops_telemetry.journal.series import Series, from_json, to_json

HALF = ".half"
"""How the name of an archive ends that is not yet compared with its segment."""
_LIVE = re.compile(r"(\d{20})(?:\.(\d+))?\.log")
_ARCHIVED = re.compile(r"(\d{20})-(\d{20})\.goa")


@dataclass(slots=True)
class Recovered:
    """What was found. *last* is a live segment that can be written on; *defined* are the series that it tells of."""

    segments: list[Segment]
    following: int = 1
    last: Segment | None = None
    defined: dict[int, Series] = field(default_factory=dict)


def recover(directory: Path, evicted: Ranges, damages: Damages, *, writes: bool) -> Recovered:
    """What is in *directory* when the samples *evicted* must not be; without *writes* nothing is mended.

    Raises:
        OSError: it cannot be read.
    """
    segments = _listed(directory, writes=writes)
    recovered = Recovered(segments)
    while segments:
        last = segments[-1]
        if last.archived:
            recovered.following = max(recovered.following, last.stop)
            break
        torn = _torn(recovered, last, damages)
        if torn is not None and writes and not damages.torn(last.path, torn):
            break  # it stays as it is, for the disk may only fail to read it; what comes goes to another file
        if last.size:
            recovered.last = last
            break
        segments.pop()
        if writes:
            last.path.unlink()
    for segment in [each for each in segments if _is_covered(each, evicted)]:
        segments.remove(segment)
        if recovered.last is segment:
            recovered.last = None
        if writes:
            segment.path.unlink()
    return recovered


def definitions(series: Mapping[int, Series]) -> bytes:
    """The payload of a frame that tells what these numbers mean."""
    return json.dumps({str(number): to_json(each) for number, each in series.items()}, separators=(",", ":")).encode()


def defined_in(frame: Frame) -> dict[int, Series]:
    """What a frame of series tells; nothing when it makes no sense."""
    try:
        return {int(number): from_json(raw) for number, raw in json.loads(frame.payload).items()}
    except (ValueError, AttributeError):
        return {}


def received_in(frame: Frame) -> float | None:
    """The latest receive time in a frame of samples, Unix seconds."""
    try:
        return max(unpack(frame.payload, frame.samples).received, default=None)
    except ValueError:
        return None


def _listed(directory: Path, *, writes: bool) -> list[Segment]:
    """All segments, oldest first. An archive has been compared with the log that it replaces, so its word counts."""
    # Segments before archives: of one that is archived meanwhile, whoever looks beside the writer sees one of the two.
    logs = [(path, match) for path in (directory / "segments").iterdir() if (match := _LIVE.fullmatch(path.name))]
    archived = {}
    for path in (directory / "archive").iterdir():
        if match := _ARCHIVED.fullmatch(path.name):
            first, stop = map(int, match.groups())
            archived[first] = Segment(path, first, stop, path.stat().st_size)
        elif writes and path.suffix == HALF:
            path.unlink()
    live = []
    for path, match in logs:
        first = int(match[1])
        if first not in archived:
            live.append((first, int(match[2] or 0), path))
        elif writes:
            path.unlink()
    segments = [
        *archived.values(),
        *(Segment(path, first, first, path.stat().st_size) for first, _, path in sorted(live)),
    ]
    segments.sort(key=lambda segment: segment.first)
    for segment, following in pairwise(segments):
        if not segment.archived:
            segment.stop = following.first
    return segments


def _torn(recovered: Recovered, segment: Segment, damages: Damages) -> Damage | None:
    """Read all of the last segment, which is as long as it is sound afterwards; what is behind that."""
    torn: Damage | None = None
    sound = 0
    newest: Frame | None = None
    recovered.following = max(recovered.following, segment.first)
    for end, found in frames_of(segment.path, segment.size):
        if isinstance(found, Damage):
            torn = found
            continue
        if torn is not None:
            damages.found(segment, torn)
        torn, sound = None, end
        recovered.following = max(recovered.following, found.end)
        if found.kind is Kind.SERIES:
            recovered.defined.update(defined_in(found))
        elif found.kind is Kind.SAMPLES:
            newest = found
    segment.size, segment.stop = sound, recovered.following
    if newest is not None:
        segment.newest = received_in(newest)
    return torn


def _is_covered(segment: Segment, evicted: Ranges) -> bool:
    return segment.stop > segment.first and next(evicted.missing(segment.first, segment.stop), None) is None
