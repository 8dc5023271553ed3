"""The exporter while it runs: it answers over HTTP and refreshes budgets and consumption."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from contextlib import AsyncExitStack, suppress
from datetime import datetime
from importlib.metadata import version

from greenops_core.budget import month
from greenops_exporter import ledger
from greenops_exporter.account import Account, Consumption
from greenops_exporter.budgets import budget_samples, factor_samples, unheard
from greenops_exporter.configuration import PORT_VARIABLE, Configuration
from greenops_exporter.ledger import LedgerError
from greenops_exporter.prometheus import Prometheus, PrometheusError, connected
from greenops_telemetry.answer import Program
from greenops_telemetry.live import Live
from greenops_telemetry.otlp import pushing
from greenops_telemetry.server import serve, signalled

log = logging.getLogger(__name__)

NAME = "greenops-exporter"

CLOCKS_APART = 60.0
"""Seconds that this machine's clock and Prometheus's may differ before nothing is counted any more."""


async def run(configuration: Configuration) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Raises:
        ConfigError: the address is taken, or the ledger's folder cannot be used.
    """
    stop = signalled()
    live = Live()
    program = Program(NAME, version("greenops"))
    for sample in factor_samples(configuration.factors, time.time()):
        live.put(sample)
    async with AsyncExitStack() as context:
        source = None
        if configuration.prometheus:
            path = configuration.data / "ledger.db"
            ledger.examine(path, time.time())
            prometheus = await context.enter_async_context(connected(configuration.prometheus))
            source = Source(prometheus, Account(path, prometheus.emissions))
        else:
            log.warning("prometheus is not configured: budgets are published without what was consumed of them")
        publish(live, configuration, None, time.time())
        await context.enter_async_context(serve(live, lambda: program, configuration.listen, PORT_VARIABLE))
        await context.enter_async_context(pushing(configuration.otlp, live, program))
        refreshing = asyncio.create_task(keep(live, configuration, source))
        try:
            await asyncio.wait([refreshing, asyncio.create_task(stop.wait())], return_when=asyncio.FIRST_COMPLETED)
        finally:
            refreshing.cancel()
            with suppress(asyncio.CancelledError):
                await refreshing


class Source:
    """Where consumption comes from, and what was last known of it."""

    def __init__(self, prometheus: Prometheus, account: Account) -> None:
        self._prometheus, self._account = prometheus, account
        self._known: Consumption | None = None
        self._told: dict[str, tuple[str, ...]] = {}

    async def consumption(self, configuration: Configuration, now: float) -> Consumption | None:
        """What is known at *now*: fresh, or as it was while Prometheus or the ledger does not answer."""
        try:
            if abs(now - await self._prometheus.clock()) > CLOCKS_APART:
                raise PrometheusError(  # noqa: TRY301  # one place tells of trouble
                    f"Prometheus {self._prometheus.shown}: "
                    f"its clock and this one differ by more than {CLOCKS_APART:g} s; set them right"
                )
            self._known = await self._account.read(configuration.zone, now)
        except (PrometheusError, LedgerError) as error:
            self._known = self._known or self._remembered(configuration, now)
            self._tell("trouble", (f"consumption cannot be read, the last known stays: {error}",))
            return self._known
        self._tell("trouble", ())
        self._tell("unheard", unheard(configuration.budgets, self._known) if self._known else ())
        return self._known

    def _remembered(self, configuration: Configuration, now: float) -> Consumption | None:
        try:
            return self._account.remembered(configuration.zone, now)
        except LedgerError as error:
            self._tell("ledger", (str(error),))
            return None

    def _tell(self, topic: str, messages: Iterable[str]) -> None:
        """Log *messages* when they are others than last time: a line per change, not one a minute."""
        before, after = self._told.get(topic, ()), tuple(messages)
        self._told[topic] = after
        for message in after:
            if message not in before:
                log.warning("%s", message)
        if before and not after:
            log.info("over: %s", "; ".join(before))


async def keep(live: Live, configuration: Configuration, source: Source | None) -> None:
    """Refresh what is published, for ever."""
    while True:
        consumption = await source.consumption(configuration, time.time()) if source else None
        publish(live, configuration, consumption, time.time())
        await asyncio.sleep(configuration.refresh)


def publish(live: Live, configuration: Configuration, consumption: Consumption | None, now: float) -> None:
    """Put the budgets of the month around *now* into the live picture."""
    period = month(datetime.fromtimestamp(now, configuration.zone))
    for sample in budget_samples(configuration.budgets, period, consumption, now):
        live.put(sample)
