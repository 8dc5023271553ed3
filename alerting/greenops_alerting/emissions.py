"""Emission limits: near, over, or not to be told because the average is not valid."""

from __future__ import annotations

from greenops_alerting.annotation import NUMBER_WITH_UNIT, PERCENT, TIME, Text, ask, label, mine, text, value
from greenops_alerting.promql import Series, highest, over, select
from greenops_alerting.records import EMISSION_RATIO, EMISSION_VALID_AT, LIMIT
from greenops_alerting.rule import Alert, Group, Severity
from greenops_alerting.thresholds import EMISSION, HELD, Windows
from greenops_core.catalogue import EMISSION_AVERAGE, EMISSION_AVERAGE_VALID, EMISSION_LIMIT

BOARD = "greenops-emissions"
INTERVAL = "15s"


def _newest(metric: Series) -> str:
    """With its unit; after a change of the permit's unit the old unit no longer counts."""
    held = f"max by (unit) (last_over_time({mine(metric, HELD)}))"
    return f"max by (unit) ({mine(metric)}) or on () {held}"


WHERE = text(label("parameter"), " at ", label("site"), "/", label("stack"))
AVERAGE = ask(_newest(EMISSION_AVERAGE), NUMBER_WITH_UNIT, "63.2 mg/m3")
PERMITTED = ask(_newest(EMISSION_LIMIT), NUMBER_WITH_UNIT, "50 mg/m3")
OVER_SHARE = ask(f"{mine(EMISSION_RATIO)} - 1", PERCENT, "26.4%")
OVER = ask(f"({_newest(EMISSION_LIMIT)}) * scalar({mine(EMISSION_RATIO)} - 1)", NUMBER_WITH_UNIT, "13.2 mg/m3")
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


def approaching(share: float) -> Alert:
    """The warning at *share* of the limit; of those that fire together only the highest is sent.

    It is not kept firing: what silences it would resolve first, and its last words would be sent when all is well.
    """
    percent = f"{share * 100:g}"
    return Alert(
        "EmissionLimitApproaching",
        f"{select(EMISSION_RATIO)} >= {share:g}",
        hold="1m",
        severity=Severity.TICKET,
        identity=LIMIT,
        labels={"threshold": percent},
        summary=f"An emission average has reached {percent} % of its limit.",
        description=text(
            WHERE, ": the ", label("averaging"), " average of ", AVERAGE, " is ", value("humanizePercentage", "93.1%"),
            " of the limit of ", PERMITTED, f" (warning from {percent} %). Data: ", DATA, ".",
        ),
        dashboard=BOARD,
        facts=_facts(),
    )  # fmt: skip


def exceeded() -> Alert:
    """The limit itself. It holds while data are invalid: silence does not clear an exceedance."""
    return Alert(
        "EmissionLimitExceeded",
        f"{select(EMISSION_RATIO)} > {EMISSION[-1]:g}",
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
    return {"average": AVERAGE, "limit": PERMITTED, "data": DATA}


def groups(windows: Windows) -> tuple[Group, ...]:
    """The file's groups."""
    warnings = tuple(approaching(share) for share in EMISSION[:-1])
    return (
        Group(
            "greenops-emissions", INTERVAL, (EMISSION_RATIO, EMISSION_VALID_AT, *warnings, exceeded(), invalid(windows))
        ),
    )
