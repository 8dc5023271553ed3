"""Prometheus text from a snapshot.

Our own writer, because a registry costs some twenty times as much at 10 000 series (``make bench``); the parser of
prometheus-client reads it back in the tests. Formats: Prometheus text 0.0.4 and OpenMetrics 1.0.0.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite, isnan

from greenops_telemetry.live import Series, Snapshot

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
QUOTE, ESCAPED_QUOTE = '"', '\\"'


def text(snapshot: Snapshot) -> bytes:
    """The snapshot as Prometheus text 0.0.4."""
    return _utf8(
        f"# HELP {metric.name} {_escape(metric.help)}\n# TYPE {metric.name} {metric.kind.value}\n" + _lines(family)
        for metric, family in snapshot
    )


def openmetrics(snapshot: Snapshot) -> bytes:
    """The snapshot as OpenMetrics, without the final ``# EOF``: more may follow."""
    # The family of a counter is named without the _total of its samples, and quotes in a help text are escaped.
    return _utf8(
        f"# HELP {metric.otlp_name} {_escape(metric.help).replace(QUOTE, ESCAPED_QUOTE)}\n"
        f"# TYPE {metric.otlp_name} {metric.kind.value}\n" + _lines(family)
        for metric, family in snapshot
    )


def _utf8(families: Iterable[str]) -> bytes:
    """Encoded; what UTF-8 cannot say (an undecodable byte in a login name) becomes a question mark."""
    return "".join(families).encode(errors="replace")


def _escape(help_: str) -> str:
    return help_.replace("\\", "\\\\").replace("\n", "\\n")


def _lines(family: tuple[Series, ...]) -> str:
    return "".join(
        [
            f"{prefix}{value!r}\n" if isfinite(value) else f"{prefix}{_not_finite(value)}\n"
            for prefix, value in [(series[0], float(series[1].value)) for series in family]
        ]
    )


def _not_finite(value: float) -> str:
    return "NaN" if isnan(value) else "+Inf" if value > 0 else "-Inf"
