"""Limits approached, exceeded, and not to be told."""

from __future__ import annotations

from alert_cases.case import Case, alert, of
from greenops_core import catalogue as c

NOX = {"site": "north", "stack": "s1", "parameter": "nox", "averaging": "1h"}
RATIO = of(c.EMISSION_LIMIT_RATIO, **NOX)
VALID = of(c.EMISSION_AVERAGE_VALID, **NOX)
DUE = of(c.EMISSION_EXCEEDANCE_DUE, **NOX)
NEAR, OVER, COMING = "EmissionLimitApproaching", "EmissionLimitExceeded", "EmissionExceedancePredicted"


def emission(name: str, ratio: str, *expect: tuple[str, str, int], **more: str) -> Case:
    return Case(name, "emissions.yml", {RATIO: ratio, **more}, list(expect), step="15s", every="15s")


CASES = [
    *(
        emission(
            f"{value} of the limit {'reaches' if near else 'is below'} {rung} %",
            f"{value}x40",
            ("0s", alert(NEAR, threshold=rung), 0),
            ("5m", alert(NEAR, threshold=rung), near),
            ("5m", alert(OVER), 0),
        )
        for rung, value, near in (
            ("80", 0.7999, 0),
            ("80", 0.8, 1),
            ("90", 0.8999, 0),
            ("90", 0.9, 1),
            ("95", 0.9499, 0),
            ("95", 0.95, 1),
        )
    ),
    emission("exactly the limit is not over it", "1x40", ("5m", alert(OVER), 0), ("5m", alert(NEAR), 3)),
    emission(
        "just over the limit is told at once",
        "0.7x20 1.0001x20",
        ("5m", alert(OVER), 0),
        ("5m15s", alert(OVER), 1),
    ),
    emission(
        "an exceedance stays while data are invalid and ends with a valid average below the limit",
        "1.2x4 stale _x200 0.5x20",
        ("1m", alert(OVER), 1),
        ("1m15s", alert(OVER), 1),
        ("30m", alert(OVER), 1),
        ("52m", alert(OVER), 0),
    ),
    emission(
        "a gateway that was moved counts by its newest place",
        "1.2x4 stale _x100",
        ("1m", alert(OVER), 1),
        ("5m", alert(OVER), 0),
        **{of(c.EMISSION_LIMIT_RATIO, **NOX, instance="new"): "_x5 0.5x100"},
    ),
    emission(
        "a value that dances around a threshold is no warning",
        " ".join(["0.85x2 0.79"] * 20),
        ("2m", alert(NEAR), 0),
        ("10m", alert(NEAR), 0),
    ),
    emission(
        "when an exceedance is over its warnings are over too",
        "0.7x20 2.02x20 0.5x60",
        ("10m", alert(OVER), 1),
        ("10m", alert(NEAR), 3),
        ("10m30s", alert(OVER), 0),
        ("10m30s", alert(NEAR), 0),
    ),
    emission(
        "a value that falls leaves the rungs that it is below",
        "0.96x20 0.85x20 0.7x20",
        ("5m", alert(NEAR, threshold="95"), 1),
        ("5m30s", alert(NEAR, threshold="90"), 0),
        ("5m30s", alert(NEAR, threshold="95"), 0),
        ("5m30s", alert(NEAR, threshold="80"), 1),
        ("10m30s", alert(NEAR), 0),
    ),
    emission(
        "a warning once told ends 2 % of the limit below its share",
        "0.91x20 0.885x20 0.879x20",
        ("5m", alert(NEAR, threshold="90"), 1),
        ("9m", alert(NEAR, threshold="90"), 1),
        ("10m30s", alert(NEAR, threshold="90"), 0),
        ("10m30s", alert(NEAR, threshold="80"), 1),
    ),
    emission(
        "a value that comes from below is warned of at the share itself",
        "0.885x40",
        ("5m", alert(NEAR, threshold="90"), 0),
    ),
    emission(
        "an exceedance once told ends 2 % below the limit",
        "1.1x20 0.99x20 0.98x20",
        ("5m", alert(OVER), 1),
        ("9m", alert(OVER), 1),
        ("10m30s", alert(OVER), 0),
    ),
    emission(
        "an exceedance that loses its data is told as both, and neither ends the other",
        "1.2x4 stale",
        ("30m", alert(OVER), 1),
        ("30m", alert("EmissionAverageInvalid"), 1),
        **{VALID: "1x4 0x200"},
    ),
    emission(
        "what will be over its limit within a day is told after ten minutes, until it is over it",
        "0.7x80 1.1x20",
        ("9m", alert(COMING), 0),
        ("11m", alert(COMING), 1),
        ("21m", alert(COMING), 0),
        ("21m", alert(OVER), 1),
        **{DUE: "7200-15x100"},
    ),
    emission("what is more than a day away is not told", "0.7x80", ("15m", alert(COMING), 0), **{DUE: "172800x80"}),
    Case(
        "an exceedance outlives any time without valid data, while the gateway says so",
        "emissions.yml",
        {RATIO: "1.2x3 stale", VALID: "1x3 0x800 1x20"},
        [("1h", alert(OVER), 1), ("150h", alert(OVER), 1), ("203h", alert(OVER), 0)],
        step="15m",
        every="15m",
    ),
    Case(
        "an exceedance outlives a weekend without data, not a week",
        "emissions.yml",
        {RATIO: "1.2x3 stale"},
        [("1h", alert(OVER), 1), ("71h", alert(OVER), 1), ("73h", alert(OVER), 0)],
        every="15m",
    ),
    Case(
        "an average that is not valid for a quarter of an hour is told",
        "emissions.yml",
        {VALID: "1x2 0x100"},
        [("15m", alert("EmissionAverageInvalid"), 0), ("21m", alert("EmissionAverageInvalid"), 1)],
    ),
    Case(
        "an average that is not valid for some minutes is not told",
        "emissions.yml",
        {VALID: "1x2 0x13 1x30"},
        [("16m", alert("EmissionAverageInvalid"), 0), ("40m", alert("EmissionAverageInvalid"), 0)],
    ),
]
