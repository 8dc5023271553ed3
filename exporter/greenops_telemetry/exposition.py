"""Prometheus text from the live picture.

Our own writer, because a registry costs some twenty times as much at 10 000 series (``make bench``); the parser of
prometheus-client reads it back in the tests. Formats: Prometheus text 0.0.4 and OpenMetrics 1.0.0.
"""

from __future__ import annotations

from collections.abc import Iterator

from greenops_core.sample import Metric
from greenops_telemetry.live import Page

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
QUOTE, ESCAPED_QUOTE = '"', '\\"'
PIECE = 64 * 1024
"""Bytes after which a piece of a page is long enough to be sent."""


def text(page: Page) -> bytes:
    """The page as Prometheus text 0.0.4."""
    return b"".join(pieces(page, TEXT))


def openmetrics(page: Page) -> bytes:
    """The page as OpenMetrics, without the final ``# EOF``: more may follow."""
    return b"".join(pieces(page, OPENMETRICS))


def pieces(page: Page, form: str) -> Iterator[bytes]:
    """The page piece by piece, so that a long one never stands whole in memory; *form* is one of the media types."""
    head = _openmetrics_head if form == OPENMETRICS else _text_head
    family: Metric | None = None
    held: list[bytes] = []
    length = 0
    for metric, lines in page:
        if metric is not family:
            family = metric
            held.append(head(metric).encode())
        held.append(lines)
        length += len(lines)
        if length >= PIECE:
            yield b"".join(held)
            held.clear()
            length = 0
    if held:
        yield b"".join(held)


def _text_head(metric: Metric) -> str:
    return f"# HELP {metric.name} {_escape(metric.help)}\n# TYPE {metric.name} {metric.kind.value}\n"


def _openmetrics_head(metric: Metric) -> str:
    # The family of a counter is named without the _total of its samples, and quotes in a help text are escaped.
    help_ = _escape(metric.help).replace(QUOTE, ESCAPED_QUOTE)
    return f"# HELP {metric.otlp_name} {help_}\n# TYPE {metric.otlp_name} {metric.kind.value}\n"


def _escape(help_: str) -> str:
    return help_.replace("\\", "\\\\").replace("\n", "\\n")
