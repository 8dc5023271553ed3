"""All receivers, a thread for each, so that none waits for another."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from greenops_telemetry.delivery.courier import FILL, Courier, Health, Journal
from greenops_telemetry.delivery.horizon import Horizon
from greenops_telemetry.delivery.sink import Sink
from greenops_telemetry.journal.state import State

log = logging.getLogger(__name__)

PATIENCE = 2.0
"""Seconds that an end waits for answers that are under way."""


class Delivery:
    """Brings what *journal* commits to each of *sinks*, from ``start`` to ``stop``.

    *trusted* says whether the time that the clock shows can be believed; *fill* is how long, in seconds, new samples
    wait for more to go with them.
    """

    def __init__(
        self,
        journal: Journal,
        state: State,
        sinks: Iterable[Sink],
        *,
        trusted: Callable[[float], bool] = lambda _: True,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        fill: float = FILL,
    ) -> None:
        horizon = Horizon(clock, monotonic, trusted)
        self._couriers = {
            sink.name: Courier(
                journal, state, sink, horizon, clock=clock, monotonic=monotonic, chance=random.random, fill=fill
            )
            for sink in sinks
        }
        self._wakeup = threading.Condition()
        self._commits = 0
        self._ending = threading.Event()
        self._threads: list[threading.Thread] = []

    @property
    def health(self) -> Mapping[str, Health]:
        """How each receiver does now."""
        return {name: replace(courier.health) for name, courier in self._couriers.items()}

    def start(self) -> None:
        """Begin. A thread that the end of the program does not wait for: its request may be abandoned at any moment."""
        self._threads = [
            threading.Thread(target=self._run, args=(name, courier), name=f"deliver {name}", daemon=True)
            for name, courier in self._couriers.items()
        ]
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Something was committed."""
        with self._wakeup:
            self._commits += 1
            self._wakeup.notify_all()

    def stop(self, patience: float = PATIENCE) -> None:
        """End after the requests under way, or without them after *patience* seconds; those are made again one day."""
        with self._wakeup:
            self._ending.set()
            self._wakeup.notify_all()
        deadline = time.monotonic() + patience
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        for courier in self._couriers.values():
            courier.abandoned = True

    def _run(self, name: str, courier: Courier) -> None:
        try:
            while not self._ending.is_set():
                seen = self._commits
                rest = courier.turn()
                with self._wakeup:
                    if rest and not self._ending.is_set() and self._commits == seen:
                        self._wakeup.wait(rest)
        finally:
            if not self._ending.is_set():
                courier.health.failing = "its thread ended by a fault of this program; start it again"
                log.critical("%s: %s", name, courier.health.failing)
