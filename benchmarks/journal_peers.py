"""Who loses what: the same source, the same faults and the same oracle for our gateway and for programs like it.

``python benchmarks/journal_peers.py`` takes about ten minutes and writes docs/journal-peers.md. A value counts as owed
when a program read it and, in the same life, the next of the same point: it had a second to put it away.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "deploy" / "local"), str(ROOT / "tests")]

from benchmarks.peer_line import Arrived, Receiver, http_receiver, mqtt_receiver, takes  # noqa: E402  # a script's folders come first
from benchmarks.peer_page import INTRODUCTION, Program, Result, page  # noqa: E402  # same
from benchmarks.peer_programs import PEERS, POLL, Peer, Ports, Start  # noqa: E402  # same
from benchmarks.peer_source import TAGS, UNITS, Key, Source, source  # noqa: E402  # same
from benchmarks.peers import AbsentError  # noqa: E402  # same
from benchmarks.process import load  # noqa: E402  # same
from benchmarks.table import progress  # noqa: E402  # same

from greenops_core.sample import Quality  # noqa: E402  # same
from journal_proof import kept  # noqa: E402  # same
from mqtt_broker import Broker  # noqa: E402  # same
from sink_oracle import Reply  # noqa: E402  # same
from stack import StackError  # noqa: E402  # same
from stamped_device import read  # noqa: E402  # same

PAGE = ROOT / "docs" / "journal-peers.md"
KILLS = 20
LIFE = 0.5, 10.0
"""Seconds from the first read to the kill."""
WARM = 5.0
STALLED = 90.0
"""So long nothing owed came: nothing more will."""
PATIENCE = 60.0
ONE_IN = 200
RETRY_AFTER = 5


class Run:
    """One peer between a source and a receiver; *wanted* says which values the receiver can take at all."""

    def __init__(self, peer: Peer, folder: Path, made: Source, receiver: Receiver) -> None:
        self.source, self.receiver, self.folder = made, receiver, folder
        self.wanted: Callable[[Key], bool] = lambda _: True
        self.mended = 0.0
        self._start: Start = peer.set_up(folder, Ports(made.pages, made.modbus, receiver.port))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin a life, and wait until it reads the source."""
        self.source.begun.append(time.time())
        self.source.asked.clear()
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(part) for part in self._start.command],
                cwd=self.folder,
                env={**os.environ, **self._start.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if not self.source.asked.wait(PATIENCE):
            tail = (self.folder / "log").read_text(errors="replace")[-600:]
            raise StackError(f"it does not read the source: {tail}")

    def end(self, how: signal.Signals) -> None:
        """End the life, and wait until it is over."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        os.killpg(process.pid, how)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def mend(self) -> None:
        """The fault is over."""
        self.receiver.behaviour = takes
        self.receiver.line.mend()
        self.mended = time.time()

    def settle(self) -> None:
        """Wait until all that is owed has come, or nothing comes any more."""
        time.sleep(2 * POLL)
        owed = {key for key in self.source.owed(self.mended) if self.wanted(key)}
        looked, since = 0, time.monotonic()
        while owed and time.monotonic() - since < STALLED:
            time.sleep(0.5)
            before, came = len(owed), self.receiver.stored[looked:]
            looked += len(came)
            owed -= {key for each in came if (key := key_of(each))}
            if len(owed) < before:
                since = time.monotonic()

    def result(self, peer: str, fault: str) -> Result:
        """The sums of this run, over what was served until the fault was over."""
        stored = list(self.receiver.stored)
        owed = {key for key in self.source.owed(self.mended) if self.wanted(key)}
        first: dict[Key, float] = {}
        altered = mistimed = 0
        count: Counter[Key] = Counter()
        for each in stored:
            key = key_of(each)
            if key is None or key not in self.source.served:
                altered += 1
                continue
            count[key] += 1
            first.setdefault(key, each.heard)
            mistimed += abs(each.at - self.source.served[key]) > POLL
        late = [heard for key, heard in first.items() if self.source.served[key] <= self.mended]
        served = sum(at <= self.mended for at in list(self.source.served.values()))
        made = Result(
            program=peer,
            fault=fault,
            served=served,
            owed=len(owed),
            lost=len(owed - first.keys()),
            duplicated=count.total() - len(count),
            altered=altered,
            mistimed=mistimed,
            drained=max(0.0, max(late, default=self.mended) - self.mended),
        )
        return self._with_journal(made, set(first))

    def _with_journal(self, made: Result, came: set[Key]) -> Result:
        directory = self.folder / "journal"
        if not directory.is_dir():
            return made
        files = kept(directory)
        rows = {
            Key(int(dict(series.labels)["device"][1:]), stamp.tag, stamp.number)
            for row, series in files.rows
            if row.quality is not Quality.BAD and (stamp := read(row.value))
        }
        quarantined = sum(account.quarantined for account in files.accounts.values())
        due = {key for key in rows if self.source.served[key] <= self.mended and self.wanted(key)}
        return replace(made, kept=len(rows), kept_lost=len(due - came), quarantined=quarantined)


def key_of(came: Arrived) -> Key | None:
    """Whose value it is; None if no device ever gave it for that point."""
    try:
        stamp = read(came.value)
    except AssertionError:
        return None
    return Key(int(came.device[1:]), stamp.tag, stamp.number) if came.point == f"t{stamp.tag}" else None


def killed(run: Run) -> None:
    """End it with kill -9 under load, each at a random moment of its life."""
    for _ in range(KILLS):
        run.start()
        time.sleep(random.uniform(*LIFE))  # noqa: S311  # moments, not secrets
        run.end(signal.SIGKILL)
    run.start()
    run.mend()


def away(fault: Callable[[Run], None], seconds: float) -> Callable[[Run], None]:
    """A fault of the receiver, so long."""

    def happens(run: Run) -> None:
        run.start()
        time.sleep(WARM)
        fault(run)
        time.sleep(seconds)
        run.mend()

    return happens


def restarted(how: signal.Signals) -> Callable[[Run], None]:
    """Half a minute without a receiver, and an end and a new life in it."""

    def happens(run: Run) -> None:
        run.start()
        time.sleep(WARM)
        run.receiver.line.refuse()
        time.sleep(30)
        run.end(how)
        run.start()
        time.sleep(WARM)
        run.mend()

    return happens


def picky(run: Run) -> None:
    """400 for a request with an unwanted value, for ever; all others are wanted."""

    def answer(came: Sequence[Arrived]) -> Reply:
        return takes(came) if all(run.wanted(key) for each in came if (key := key_of(each))) else Reply(400, "unwanted")

    run.wanted = lambda key: (key.number * TAGS + key.tag + key.unit) % ONE_IN != 0
    run.receiver.behaviour = answer
    run.start()
    time.sleep(40)
    run.mended = time.time()


def answers(status: int, **headers: str) -> Callable[[Run], None]:
    """Nothing is taken, and this is the answer."""

    def fault(run: Run) -> None:
        reply = Reply(status, "not now", {key.replace("_", "-"): value for key, value in headers.items()})
        run.receiver.behaviour = lambda _: reply

    return fault


@dataclass(frozen=True, slots=True)
class Fault:
    """What is done; *by_status* when it needs a receiver that answers by HTTP."""

    name: str
    happens: Callable[[Run], None]
    by_status: bool = False


FAULTS: Mapping[str, Fault] = {
    "kill": Fault(f"kill -9, {KILLS} times, after {LIFE[0]:g} to {LIFE[1]:g} s of load", killed),
    "refuse": Fault("connection refused, 60 s", away(lambda run: run.receiver.line.refuse(), 60)),
    "silence": Fault("connected, never answered, 60 s", away(lambda run: run.receiver.line.silence(), 60)),
    "stop": Fault("refused, 35 s, and stopped and started in it", restarted(signal.SIGTERM)),
    "spool": Fault("refused, 35 s, and kill -9 and started in it", restarted(signal.SIGKILL)),
    "400": Fault(f"400 for one value in {ONE_IN}", picky, by_status=True),
    "503": Fault("503, 30 s", away(answers(503), 30), by_status=True),
    "429": Fault(
        f"429 with Retry-After {RETRY_AFTER}, 20 s",
        away(answers(429, Retry_After=str(RETRY_AFTER)), 20),
        by_status=True,
    ),
}


@contextmanager
def set_up(peer: Peer, folder: Path) -> Iterator[Run]:
    """The peer between a source and a receiver; nothing that it started is left."""
    with ExitStack() as stack:
        made = stack.enter_context(source())
        if peer.mqtt:
            broker = Broker(folder / "broker")
            broker.start()
            stack.callback(broker.stop)
            receiver = stack.enter_context(mqtt_receiver(broker.port))
        else:
            receiver = stack.enter_context(http_receiver())
        run = Run(peer, folder, made, receiver)
        stack.callback(run.end, signal.SIGKILL)
        yield run


def measure(name: str, which: str, folder: Path) -> Result:
    """What *which* of the faults does to the peer *name*, or why that is not known."""
    peer, fault = PEERS[name](), FAULTS[which]
    folder.mkdir(parents=True)
    try:
        with set_up(peer, folder) as run:
            fault.happens(run)
            run.settle()
            run.end(signal.SIGTERM)
            found = run.result(peer.name, fault.name)
    except (StackError, OSError, AssertionError) as error:
        progress(f"{peer.name}, {fault.name}: {error}")
        return Result(peer.name, fault.name, why=str(error).partition("\n")[0])
    progress(f"{peer.name}, {fault.name}: {found.lost} of {found.owed} lost")
    return found


def main() -> int:
    """Run what is asked for and write the page; gives 1 when our own gateway lost or altered anything."""
    given = _arguments().parse_args()
    here: dict[str, Peer] = {}
    absent: dict[str, str] = {}
    for name in given.peers:
        try:
            here[name] = PEERS[name]()
        except (AbsentError, StackError) as error:
            absent[name] = str(error)
    before = load()
    with tempfile.TemporaryDirectory() as scratch, ProcessPoolExecutor(given.at_once) as pool:
        folder = given.keep or Path(scratch)
        jobs = [
            pool.submit(measure, name, fault, folder / name / fault)
            for fault in given.faults
            for name, peer in here.items()
            if not (peer.mqtt and FAULTS[fault].by_status)
        ]
        results = [job.result() for job in jobs]
    batches = [f"{', '.join(each.name for each in here.values())}: load average {before} to {load()}"] if here else []
    programs = [Program(each.name, each.version, each.path, each.options) for each in here.values()]
    for file in given.add:
        earlier = json.loads(file.read_text())
        programs += [Program(**each) for each in earlier["programs"]]
        results += [Result(**each) for each in earlier["results"]]
        batches += earlier["batches"]
    if given.json:
        numbers = {"programs": [*map(asdict, programs)], "results": [*map(asdict, results)], "batches": batches}
        given.json.write_text(json.dumps(numbers, indent=1) + "\n")
    text = INTRODUCTION.format(
        units=UNITS,
        tags=TAGS,
        poll=f"{POLL:g}",
        stalled=f"{STALLED:g}",
        batches="; ".join(batches),
    )
    given.page.write_text(page(text, programs, results, absent), encoding="utf-8")
    ours = [each for each in results if each.program.startswith("GreenOps")]
    return int(any(each.why or each.lost or each.altered or each.mistimed or each.kept_lost for each in ours))


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS), metavar="NAME", help=", ".join(PEERS))
    parser.add_argument(
        "--faults", nargs="+", choices=FAULTS, default=list(FAULTS), metavar="NAME", help=", ".join(FAULTS)
    )
    parser.add_argument("--at-once", type=int, default=12, help="runs side by side")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where configurations and logs stay")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers to FILE, too")
    parser.add_argument(
        "--add", type=Path, nargs="+", default=[], metavar="FILE", help="numbers of other runs for the page"
    )
    parser.add_argument("--page", type=Path, default=PAGE, metavar="FILE")
    return parser


if __name__ == "__main__":
    sys.exit(main())
