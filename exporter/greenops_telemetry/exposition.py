"""Prometheus text from the live picture.

Our own writer, because a registry costs some twenty times as much at 10 000 series (``make bench``); the parser of
prometheus-client reads it back in the tests. Formats: Prometheus text 0.0.4 and OpenMetrics 1.0.0.
"""

from __future__ import annotations

from collections.abc import Iterable

from greenops_telemetry.live import Page

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
QUOTE, ESCAPED_QUOTE = '"', '\\"'


def text(page: Page) -> bytes:
    """The page as Prometheus text 0.0.4."""
    return _utf8(
        f"# HELP {metric.name} {_escape(metric.help)}\n# TYPE {metric.name} {metric.kind.value}\n" + "".join(family)
        for metric, family in page
    )


def openmetrics(page: Page) -> bytes:
    """The page as OpenMetrics, without the final ``# EOF``: more may follow."""
    # The family of a counter is named without the _total of its samples, and quotes in a help text are escaped.
    return _utf8(
        f"# HELP {metric.otlp_name} {_escape(metric.help).replace(QUOTE, ESCAPED_QUOTE)}\n"
        f"# TYPE {metric.otlp_name} {metric.kind.value}\n" + "".join(family)
        for metric, family in page
    )


def _utf8(families: Iterable[str]) -> bytes:
    """Encoded; what UTF-8 cannot say (an undecodable byte in a login name) becomes a question mark."""
    return b"".join([family.encode(errors="replace") for family in families])


def _escape(help_: str) -> str:
    return help_.replace("\\", "\\\\").replace("\n", "\\n")
