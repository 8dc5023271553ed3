"""What the exporter asks Prometheus: its clock, and the grams of a span of time per department."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus

import aiohttp
import msgspec
from yarl import URL

from greenops_core.budget import Period
from greenops_core.catalogue import HOST_EMISSIONS
from greenops_core.errors import GreenopsError

STEP = 15.0
"""Spans are read on this grid, in seconds; their bounds must lie on it."""

TIMEOUT = 60.0
"""Seconds; a day of ten thousand hosts is read in a few."""


class PrometheusError(GreenopsError):
    """Prometheus did not answer, or not usefully. Asking again may help."""


class _Series(msgspec.Struct):
    """One series of an instant vector; its value is a time and a number as text."""

    metric: dict[str, str]
    value: tuple[float, str]


class _Data(msgspec.Struct):
    result: list[_Series]


class _Reply(msgspec.Struct):
    status: str
    data: _Data | None = None
    error: str = ""


def expression(span: Period, held: float) -> str:
    """The query, to be evaluated at the end of *span*, for the grams in it per department.

    Each host's counter is read at both bounds and on a grid between them, every time as its last value so far, up to
    *held* seconds old. So the first reading of an hour is the last of the hour before: hours add up to the counter's
    own growth whatever the scrape interval, and what was emitted in a gap counts in the hour in which the host is
    heard again. On a full grid ``increase`` has nothing to extrapolate. The millisecond takes the first bound in,
    whether Prometheus reads ranges as closed (2.x) or open (3.x) at the left. A host counts once, however many jobs
    scrape it.

    >>> "_total[600s])[3600001ms:15s]" in expression(Period(0, 3600), 600)
    True
    """
    milliseconds = round((span.end - span.start) * 1000) + 1
    reading = f"last_over_time({HOST_EMISSIONS.name}[{held:g}s])"
    growth = f"increase({reading}[{milliseconds}ms:{STEP:g}s])"
    # The comparisons drop a counter that is no finite number: it must not take its whole department along.
    return f"sum by (department) (max by (host, department, zone) ({growth} >= 0 < Inf))"


class Prometheus:
    """A client of one Prometheus, or of anything that speaks its query API."""

    def __init__(self, session: aiohttp.ClientSession, url: str, timeout: float) -> None:
        self._session, self._timeout = session, timeout
        self._url = URL(url.rstrip("/") + "/api/v1/query")
        self.shown = str(URL(url).with_user(None))

    async def emissions(self, span: Period, held: float) -> Mapping[str, float]:
        """Grams CO2 equivalent in *span* per department, as ``expression`` has it; one without any host is absent.

        Raises:
            PrometheusError: no useful answer.
        """
        found = await self._query(expression(span, held), span.end)
        return {series.metric.get("department", ""): float(series.value[1]) for series in found}

    async def clock(self) -> float:
        """The time of Prometheus, Unix seconds.

        Raises:
            PrometheusError: no useful answer.
        """
        found = await self._query("vector(time())", None)
        if len(found) != 1:
            raise PrometheusError(f"Prometheus {self.shown}: does not tell its time; is the URL right?")
        return float(found[0].value[1])

    async def _query(self, query: str, at: float | None) -> list[_Series]:
        form = {"query": query, "timeout": f"{self._timeout:g}s"} | ({} if at is None else {"time": f"{at:.3f}"})
        try:
            async with self._session.post(self._url, data=form) as response:
                body = await response.read()
                status = response.status
        except TimeoutError:
            raise PrometheusError(f"Prometheus {self.shown}: no answer within {self._timeout:g} s") from None
        except aiohttp.ClientError as error:
            raise PrometheusError(f"Prometheus {self.shown}: {error}") from None
        try:
            reply = msgspec.json.decode(body, type=_Reply)
        except msgspec.DecodeError:
            reason = (
                "it is not ready" if status == HTTPStatus.SERVICE_UNAVAILABLE else "no Prometheus; is the URL right?"
            )
            raise PrometheusError(f"Prometheus {self.shown}: HTTP {status}: {reason}") from None
        if reply.data is None:
            raise PrometheusError(f"Prometheus {self.shown}: HTTP {status}: {reply.error or reply.status}")
        return reply.data.result


@asynccontextmanager
async def connected(url: str, timeout: float = TIMEOUT) -> AsyncIterator[Prometheus]:  # noqa: ASYNC109  # for each request
    """A client while the context lasts; nothing is sent before it is asked."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=timeout)) as session:
        yield Prometheus(session, url, timeout)


def on_grid(at: float) -> float:
    """The last moment on the grid that is not after *at*.

    >>> on_grid(1000.7)
    990.0
    """
    return math.floor(at / STEP) * STEP
