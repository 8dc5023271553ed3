"""What a segment holds besides its samples, live or archived."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from greenops_telemetry.journal.archive import Archive
from greenops_telemetry.journal.frame import Frame, Kind
from greenops_telemetry.journal.recovery import defined_in, received_in
from greenops_telemetry.journal.segment import Segment, archive_of, frames_of
from greenops_telemetry.journal.series import Series


def definitions_of(segment: Segment) -> dict[int, Series]:
    """What *segment* tells of series at its beginning, where it repeats what the one before it used. Raises OSError."""
    if segment.archived:
        try:
            return dict(Archive.open(segment.path).series)
        except ValueError:
            return {}
    series: dict[int, Series] = {}
    for _, found in frames_of(segment.path, segment.size):
        if isinstance(found, Frame):
            if series and found.kind is not Kind.SERIES:
                break
            series.update(defined_in(found) if found.kind is Kind.SERIES else {})
    return series


def notes_of(segment: Segment, kind: Kind) -> Iterator[tuple[int, dict[str, Any]]]:
    """The notes of *kind* in *segment*, each with the sequence that comes next. Raises OSError."""
    try:
        for frame in Archive.open(segment.path).notes if segment.archived else live_frames(segment):
            if frame.kind is kind:
                yield frame.first, json.loads(frame.payload)
    except FileNotFoundError:
        archived = archive_of(segment)
        if archived is not None:
            yield from notes_of(archived, kind)
    except ValueError:  # an archive of which nothing is whole; who reads its samples says so
        return


def received_last(segment: Segment) -> float | None:
    """When the last samples of *segment* that can be read came, Unix seconds. Raises OSError."""
    if segment.newest is None and segment.archived:
        try:
            archive = Archive.open(segment.path)
            at, run = segment.first, archive.read(max(segment.first, segment.stop - 1), segment.stop, 1)
            run = run or archive.read(at, segment.stop, segment.stop - at)
        except ValueError:
            return None
        segment.newest = max(run[1].received, default=None) if run else None
    elif segment.newest is None:
        last = None
        for frame in live_frames(segment):
            last = frame if frame.kind is Kind.SAMPLES else last
        segment.newest = received_in(last) if last is not None else None
    return segment.newest


def live_frames(segment: Segment) -> Iterator[Frame]:
    """The sound frames of a live segment that count. Raises OSError."""
    for _, found in frames_of(segment.path, segment.size):
        if isinstance(found, Frame) and found.end <= segment.stop:
            yield found
