"""A receiver that answers by rules, a journal in memory and a clock that goes as it is told."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from greenops_core.sample import Quality, Reason
from greenops_telemetry.delivery.courier import Courier
from greenops_telemetry.delivery.horizon import Horizon
from greenops_telemetry.delivery.sink import Batch, Sink
from greenops_telemetry.delivery.verdict import Refused, Taken, TooLarge, TooOld, Verdict
from greenops_telemetry.journal.columns import Columns
from greenops_telemetry.journal.series import Series
from greenops_telemetry.journal.state import Account, State

START = 1_800_000_000.0
BAD = -1.0
"""The value that the receiver refuses."""


def columns(*rows: tuple[int, float, float]) -> Columns:
    """Samples by series, value and source time."""
    made = Columns()
    for series, value, at in rows:
        made.add(series, value, at, at, Quality.GOOD, Reason.NONE)
    return made


def series(number: int) -> Series:
    return Series(f"s{number}", f"s.{number}", "1", is_counter=False, labels=())


@dataclass
class Memory:
    """A journal; *holes* cannot be read."""

    samples: Columns = field(default_factory=Columns)
    oldest: int = 1
    holes: set[int] = field(default_factory=set)

    @property
    def next(self) -> int:
        return 1 + len(self.samples)

    def series(self, number: int) -> Series:
        return series(number)

    def reader(self) -> Memory:
        return self

    def read(self, start: int, stop: int, most: int) -> tuple[int, Columns] | None:
        first = next((number for number in range(max(start, self.oldest), stop) if number not in self.holes), None)
        if first is None:
            return None
        end = next((number for number in range(first, min(stop, first + most)) if number in self.holes), None)
        return first, self.samples.part(first - 1, (end or min(stop, first + most)) - 1)


@dataclass
class Receiver:
    """Takes batches or does not, and keeps what it took: how often, by sequence."""

    tick: Callable[[float], None]
    took: Counter[int] = field(default_factory=Counter)
    requests: list[list[int]] = field(default_factory=list)
    answers: list[Verdict | Exception] = field(default_factory=list)
    """What it says next, whatever comes, without a look at it."""
    takes: float = 0.0
    largest: int = 10**9
    too_old: Callable[[float], bool] = lambda _: False
    faults: list[str] = field(default_factory=list)

    def send(self, batch: Batch) -> Verdict:
        self.tick(self.takes)
        self.requests.append(list(batch.sequences))
        order = list(zip(batch.columns.series, batch.columns.at, strict=True))
        if order != sorted(order):
            self.faults.append(f"not in order: {order}")
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        if len(batch) > self.largest:
            return TooLarge("413")
        if any(self.too_old(at) for at in batch.columns.at):
            return TooOld("400 out of bounds")
        if BAD in batch.columns.values:
            return Refused("400 duplicate sample")
        self.took.update(batch.sequences)
        return Taken()


class Bench:
    """One courier at work. Time passes only in ``run`` and while the receiver thinks."""

    def __init__(self, folder: Path, *, live_first: bool = True, most: int = 1000, backlog: int = 0) -> None:
        self.file, self.steady, self.jump, self.trusts = folder / "state.db", 0.0, 0.0, True
        self.journal, self.receiver = Memory(), Receiver(self.pass_time)
        self.send = self.receiver.send
        self.sink = Sink("far", lambda batch: self.send(batch), most, live_first)  # noqa: PLW0108  # tests replace it
        self.commit(*((number % 7, 1.0, START - backlog + number) for number in range(backlog)))
        self.open()

    def pass_time(self, seconds: float) -> None:
        self.steady += seconds

    def clock(self) -> float:
        return START + self.steady + self.jump

    def open(self) -> None:
        """Begin, or begin again after a crash."""
        self.state = State.open(self.file, self.clock)
        horizon = Horizon(self.clock, lambda: self.steady, lambda _: self.trusts)
        self.courier = Courier(
            self.journal,
            self.state,
            self.sink,
            horizon,
            clock=self.clock,
            monotonic=lambda: self.steady,
            chance=lambda: 0.5,
        )

    def commit(self, *rows: tuple[int, float, float]) -> None:
        self.journal.samples.extend(columns(*rows))

    def flow(self, seconds: float, rate: int) -> None:
        """*rate* samples a second come, ten times a second, while the courier works."""
        for _ in range(round(10 * seconds)):
            self.commit(*((number % 7, 1.0, self.clock()) for number in range(rate // 10)))
            self.run(0.1)

    def run(self, seconds: float = 600.0) -> None:
        """Work for so long, or until there is nothing more to do before somebody comes."""
        end = self.steady + seconds
        while self.steady < end:
            rest = self.courier.turn()
            self.steady = min(end, self.steady + rest) if rest else self.steady

    @property
    def account(self) -> Account:
        return self.state.account("far", 1)

    def pending(self) -> int:
        return self.account.pending(self.journal.next)

    def quarantined(self) -> array[int]:
        numbers = array("Q")
        for row in self.state.quarantine():
            for start, stop in row.sequences:
                numbers.extend(range(start, stop))
        return numbers
