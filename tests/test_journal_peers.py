"""The judge of programs that carry samples sees what is lost, what comes twice, and what is not what was served."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

import stack

sys.path.insert(0, str(stack.ROOT))
from benchmarks.journal_peers import Run
from benchmarks.peer_line import Arrived, Line, http_receiver
from benchmarks.peer_page import Result
from benchmarks.peer_programs import Peer, Start
from benchmarks.peer_source import TAGS, Key, Source, source

from stamped_device import Stamp, stamped


def told(made: Source, unit: int, tag: int, number: int) -> Arrived:
    """A value as it should come."""
    at = made.served[Key(unit, tag, number)]
    return Arrived(f"u{unit}", f"t{tag}", stamped(Stamp(number, tag)), at, at)


def judged(folder: Path, made: Source, *came: Arrived) -> Result:
    """The result of a program that ended without a fault when *came* had come."""
    peer = Peer("p", "1", "", "", lambda _, __: Start(("true",)))
    with http_receiver() as receiver:
        run = Run(peer, folder, made, receiver)
        run.mend()
        receiver.take(came)
        return run.result("p", "none")


def test_what_was_read_and_followed_in_one_life_is_owed() -> None:
    made = Source()
    made.begun.append(0.0)
    for _ in range(3):
        made.answer(1, range(1))
    made.begun.append(made.served[Key(1, 0, 3)])
    made.answer(1, range(1))
    assert made.owed(until=float("inf")) == {Key(1, 0, 1), Key(1, 0, 3)}
    assert made.owed(until=made.served[Key(1, 0, 1)]) == {Key(1, 0, 1)}


def test_the_judge_sees_each_kind_of_wrong(tmp_path: Path) -> None:
    made = Source()
    made.begun.append(0.0)
    for _ in range(6):
        made.answer(1, range(2))
    right = [told(made, 1, tag, number) for tag in range(2) for number in range(1, 6)]
    late = right[3].at + 60
    found = judged(
        tmp_path,
        made,
        *right[:3],  # the fourth comes under a time that is not its own
        right[3]._replace(at=late),
        *right[4:8],  # the ninth is lost
        right[9],
        right[0],
        right[1]._replace(point="t1"),
        right[1]._replace(value=12345.0),
    )
    assert (found.served, found.owed, found.lost) == (12, 10, 1)
    assert (found.duplicated, found.altered, found.mistimed) == (1, 2, 1)


def test_a_line_refuses_falls_silent_and_is_mended() -> None:
    def get() -> int:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/u1", timeout=0.5) as reply:
            return int(reply.status)

    with source() as made, closing(Line(made.pages)) as line:
        port = line.port
        assert get() == 200
        line.refuse()
        with pytest.raises(urllib.error.URLError, match="refused"):
            get()
        line.mend()
        assert get() == 200
        line.silence()
        with pytest.raises(TimeoutError):
            get()
        line.mend()
        assert get() == 200
        assert len(made.served) == 3 * TAGS
