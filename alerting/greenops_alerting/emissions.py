"""Emission limits: near, over, or not to be told because the average is not valid."""

from __future__ import annotations

from greenops_alerting.annotation import NUMBER_WITH_UNIT, PERCENT, TIME, Text, ask, label, mine, text, value
from greenops_alerting.promql import ALERTS, Series, highest, over, select
from greenops_alerting.records import EMISSION_RATIO, EMISSION_VALID_AT, LIMIT
from greenops_alerting.rule import Alert, Group, Severity
from greenops_alerting.thresholds import EMISSION, EMISSION_CLEARS, EXCEEDANCE_WITHIN, HELD, Windows
from greenops_core.catalogue import (
    EMISSION_AVERAGE,
    EMISSION_AVERAGE_PROJECTED,
    EMISSION_AVERAGE_VALID,
    EMISSION_EXCEEDANCE_DUE,
    EMISSION_LIMIT,
    EMISSION_MEAN_ALLOWED,
)
from greenops_core.duration import duration

BOARD = "greenops-emissions"
INTERVAL = "15s"


def _newest(metric: Series) -> str:
    """With its unit; after a change of the permit's unit the old unit no longer counts."""
    held = f"max by (unit) (last_over_time({mine(metric, HELD)}))"
    return f"{_now(metric)} or on () {held}"


def _now(metric: Series) -> str:
    return f"max by (unit) ({mine(metric)})"


ENDS = f"the alert ends at {EMISSION[-1] - EMISSION_CLEARS:.0%} of the limit"
WHERE = text(label("parameter"), " at ", label("site"), "/", label("stack"))
AVERAGE = ask(_newest(EMISSION_AVERAGE), NUMBER_WITH_UNIT, "63.2 mg/m3")
PERMITTED = ask(_newest(EMISSION_LIMIT), NUMBER_WITH_UNIT, "50 mg/m3")
_EXCESS = f"({mine(EMISSION_RATIO)} > {EMISSION[-1]:g}) - 1"
OVER_SHARE = ask(_EXCESS, PERCENT, "26.4%", "no longer")
OVER = ask(f"({_newest(EMISSION_LIMIT)}) * scalar({_EXCESS}) > 0", NUMBER_WITH_UNIT, "13.2 mg/m3", ENDS)
_VALID_AT, _VALID_EXAMPLE = f"floor({mine(EMISSION_VALID_AT)})", "2026-02-11 12:00:00 +0000 UTC"
LAST_VALID = ask(_VALID_AT, TIME, _VALID_EXAMPLE)
SEEN_VALID = ask(
    _VALID_AT,
    f"the last valid one was at {TIME}",
    f"the last valid one was at {_VALID_EXAMPLE}",
    f"there has been no valid one in the last {HELD}",
)
DATA = ask(
    mine(EMISSION_AVERAGE),
    "valid now",
    "valid now",
    text("last valid average; no valid data since ", LAST_VALID),
)
PROJECTED = ask(_now(EMISSION_AVERAGE_PROJECTED), NUMBER_WITH_UNIT, "51.8 mg/m3")
ALLOWED = ask(_now(EMISSION_MEAN_ALLOWED), NUMBER_WITH_UNIT, "44.6 mg/m3")
TIME_LEFT = ask(
    mine(EMISSION_EXCEEDANCE_DUE),
    "{{ .Value | humanizeDuration }}",
    "41m 12s",
    ask(_now(EMISSION_AVERAGE_PROJECTED), "no exceedance at the present rate", "no exceedance at the present rate"),
)


def _lasting(alert: str, compared: str, share: float, **labels: str) -> str:
    """The averages from *share* on; of those told already, also those that are not yet far enough below."""
    told = select(ALERTS, alertname=alert, alertstate="firing", **labels)
    ratio = select(EMISSION_RATIO)
    return (
        f"{ratio} {compared} {share:g}\nor\n"
        f"{ratio} {compared} {share - EMISSION_CLEARS:g} and on ({', '.join(LIMIT)}) {told}"
    )


def approaching(share: float) -> Alert:
    """The warning at *share* of the limit; of those that fire together only the highest is sent.

    It is not kept firing: what silences it would resolve first, and its last words would be sent when all is well.
    """
    name, percent = "EmissionLimitApproaching", f"{share * 100:g}"
    return Alert(
        name,
        _lasting(name, ">=", share, threshold=percent),
        hold="1m",
        severity=Severity.TICKET,
        identity=LIMIT,
        labels={"threshold": percent},
        summary=f"An emission average has reached {percent} % of its limit.",
        description=text(
            WHERE, ": the ", label("averaging"), " average of ", AVERAGE, " is ", value("humanizePercentage", "93.1%"),
            " of the limit of ", PERMITTED, f" (warning from {percent} %). Time to the limit: ", TIME_LEFT,
            "; a mean of at most ", ALLOWED, " from now on keeps it. Data: ", DATA, ".",
        ),
        dashboard=BOARD,
        facts={**_facts(), "time_left": TIME_LEFT},
    )  # fmt: skip


def predicted() -> Alert:
    """What no average shows yet: a window that is still open will be over its limit."""
    soon = f"{highest(LIMIT, select(EMISSION_EXCEEDANCE_DUE))} < {duration(EXCEEDANCE_WITHIN):g}"
    return Alert(
        "EmissionExceedancePredicted",
        f"{soon}\nunless on ({', '.join(LIMIT)})\n{select(EMISSION_RATIO)} > {EMISSION[-1]:g}",
        hold="10m",
        severity=Severity.TICKET,
        identity=LIMIT,
        summary="An emission average will be over its limit at the present rate.",
        description=text(
            WHERE, ": at the present rate the ", label("averaging"), " average comes to ", PROJECTED,
            ", over the limit of ", PERMITTED, ", in ", value("humanizeDuration", "41m 12s"),
            ". A mean of at most ", ALLOWED, " from now on keeps the limit.",
        ),
        dashboard=BOARD,
        facts={**_facts(), "time_left": TIME_LEFT},
    )  # fmt: skip


def exceeded() -> Alert:
    """The limit itself. It holds while data are invalid: silence does not clear an exceedance."""
    name = "EmissionLimitExceeded"
    return Alert(
        name,
        _lasting(name, ">", EMISSION[-1]),
        hold="0s",
        severity=Severity.PAGE,
        identity=LIMIT,
        summary="An emission average is over its limit.",
        description=text(
            WHERE, ": the ", label("averaging"), " average of ", AVERAGE, " is ", OVER_SHARE, " (", OVER,
            ") over the limit of ", PERMITTED, ". Data: ", DATA, ".",
        ),
        dashboard=BOARD,
        facts={**_facts(), "over": text(OVER_SHARE, " (", OVER, ")")},
    )  # fmt: skip


def invalid(windows: Windows) -> Alert:
    """Neither compliance nor exceedance can be told."""
    return Alert(
        "EmissionAverageInvalid",
        f"{highest(LIMIT, over('max_over_time', EMISSION_AVERAGE_VALID, '2m'))} == 0",
        hold=windows.average_invalid,
        severity=Severity.TICKET,
        identity=LIMIT,
        summary="An emission average is not valid, so compliance cannot be told.",
        description=text(
            WHERE, ": the ", label("averaging"), f" average has not been valid for {windows.average_invalid} or "
            "longer; ", SEEN_VALID, ". This is neither compliance nor exceedance.",
        ),
        dashboard=BOARD,
    )  # fmt: skip


def _facts() -> dict[str, Text]:
    return {"average": AVERAGE, "limit": PERMITTED, "projected": PROJECTED, "allowed": ALLOWED, "data": DATA}


def groups(windows: Windows) -> tuple[Group, ...]:
    """The file's groups."""
    warnings = tuple(approaching(share) for share in EMISSION[:-1])
    return (
        Group(
            "greenops-emissions",
            INTERVAL,
            (EMISSION_RATIO, EMISSION_VALID_AT, *warnings, predicted(), exceeded(), invalid(windows)),
        ),
    )
