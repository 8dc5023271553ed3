"""What the running gateway shows of submissions: how many wait, how many failed, and by when one is due."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

from greenops_core import catalogue as c
from greenops_core.errors import ConfigError
from greenops_core.sample import Metric
from greenops_gateway.regulatory.submission import Submission, waiting
from greenops_gateway.regulatory.submission_queue import Queue
from greenops_telemetry.audit_chain import HEAD
from greenops_telemetry.live import Live

log = logging.getLogger(__name__)

EVERY = 10.0
"""Seconds between two looks; a look reads the head of the audit log, and the log only when that has changed."""


class SubmissionMetrics:
    """Keeps the metrics of the queue beside the journal in *directory* in *live*."""

    def __init__(self, directory: Path, live: Live, site: str) -> None:
        self._queue, self._head = Queue(directory), directory / "audit" / HEAD
        self._live, self._site = live, site
        self._seen: bytes | None = None
        self._found: tuple[Submission, ...] = ()

    def read(self) -> None:
        """Read the queue if there is a record that was not seen yet: blocks for the disk, so call it in a thread.

        Raises:
            ConfigError: the audit log cannot be read; OSError: nor its head.
        """
        head = self._head.read_bytes() if self._head.exists() else b""
        if head != self._seen:
            self._found = tuple(self._queue.all().values())
            self._seen = head

    def show(self, now: float) -> None:
        """Put what was read as it stands at the Unix time *now*; without one that waits there is no age or deadline."""
        state = waiting(self._found, now)
        figures: dict[Metric, float | None] = {
            c.REPORT_SUBMISSIONS_PENDING: state.pending,
            c.REPORT_SUBMISSIONS_FAILED: state.failed,
            c.REPORT_SUBMISSION_AGE: state.age,
            c.REPORT_SUBMISSION_DEADLINE: state.due,
        }
        for metric, value in figures.items():
            if value is None:
                self._live.forget(metric, (self._site,))
            else:
                self._live.put(metric.sample(value, now, site=self._site))

    async def tell(self) -> None:
        """Keep the metrics, for ever."""
        while True:
            try:
                await asyncio.to_thread(self.read)
                self.show(time.time())
            except (ConfigError, OSError) as error:
                log.warning("the submissions of reports cannot be read: %s", error)
            await asyncio.sleep(EVERY)
