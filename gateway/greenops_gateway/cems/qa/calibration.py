"""Calibration error of an analyser or flow monitor, in both tiers, and the result of a daily calibration.

40 CFR 75: certification and the 7-day test are held to Appendix A, 3.1; a daily calibration keeps a monitor in control
within twice that (Appendix B, 2.1.4). A daily limit of 2.5 % of span would take away too many hours.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from typing import NamedTuple

from greenops_gateway.cems.decimals import in_decimals, rounded
from greenops_gateway.cems.qa.result import Result, places, worst
from greenops_gateway.cems.working import Input, Working

PERCENT = "% of span"


class Component(Enum):
    """What is calibrated; the components of one kind share their limits."""

    POLLUTANT = "SO2/NOX"
    DILUENT = "CO2/O2"
    FLOW = "FLOW"
    MERCURY = "HG"


COMPONENTS: Mapping[str, Component] = {
    "SO2": Component.POLLUTANT,
    "NOX": Component.POLLUTANT,
    "CO2": Component.DILUENT,
    "O2": Component.DILUENT,
    "FLOW": Component.FLOW,
    "HG": Component.MERCURY,
    **{each.value: each for each in Component},
}
"""By ECMPS component type."""


class Tier(Enum):
    """DAILY: does the monitor stay in control? CERTIFICATION: certification and the 7-day calibration error test."""

    DAILY = "daily"
    CERTIFICATION = "certification"


class Alternative(NamedTuple):
    """A difference in *unit* that suffices where the span is at most *span* (below it, if *below*; any when absent)."""

    difference: Decimal
    unit: str
    span: Decimal | None = None
    below: bool = False

    def applies(self, span: Decimal) -> bool:
        return self.span is None or span < self.span or (span == self.span and not self.below)


class Specification(NamedTuple):
    """At most *limit* in *unit*, or one of the *alternatives*; a difference is written to *places* decimals."""

    limit: Decimal
    unit: str
    source: str
    alternatives: tuple[Alternative, ...] = ()
    places: int = 1

    def alternative(self, span: Decimal) -> Alternative | None:
        """The one that is open to a monitor of *span*."""
        return next((each for each in self.alternatives if each.applies(span)), None)


_DAILY = "40 CFR 75 Appendix B, 2.1.4"
_CERTIFICATION = "40 CFR 75 Appendix A, 3.1"
SPECIFICATIONS: Mapping[tuple[Component, Tier], Specification] = {
    (Component.POLLUTANT, Tier.DAILY): Specification(
        Decimal("5.0"),
        PERCENT,
        _DAILY,
        (Alternative(Decimal(5), "ppm", Decimal(50)), Alternative(Decimal(10), "ppm", Decimal(200))),
    ),
    (Component.POLLUTANT, Tier.CERTIFICATION): Specification(
        Decimal("2.5"), PERCENT, _CERTIFICATION, (Alternative(Decimal(5), "ppm", Decimal(200), below=True),)
    ),
    (Component.DILUENT, Tier.DAILY): Specification(Decimal("1.0"), "% volume", _DAILY),
    (Component.DILUENT, Tier.CERTIFICATION): Specification(Decimal("0.5"), "% volume", _CERTIFICATION),
    (Component.FLOW, Tier.DAILY): Specification(
        Decimal("6.0"), PERCENT, _DAILY, (Alternative(Decimal("0.02"), "inH2O"),), places=2
    ),
    (Component.FLOW, Tier.CERTIFICATION): Specification(
        Decimal("3.0"), PERCENT, _CERTIFICATION, (Alternative(Decimal("0.01"), "inH2O"),), places=2
    ),
    (Component.MERCURY, Tier.DAILY): Specification(
        Decimal("5.0"), PERCENT, _DAILY, (Alternative(Decimal("1.0"), "ug/scm"),)
    ),
    (Component.MERCURY, Tier.CERTIFICATION): Specification(
        Decimal("5.0"), PERCENT, _CERTIFICATION, (Alternative(Decimal("1.0"), "ug/scm", Decimal(10)),)
    ),
}
"""As EPA's check engine has them. The alternative of a flow monitor is for differential pressure only."""

GAS_LEVELS: Mapping[str, tuple[Decimal, Decimal]] = {
    "ZERO": (Decimal(0), Decimal(20)),
    "LOW": (Decimal(20), Decimal(30)),
    "MID": (Decimal(50), Decimal(60)),
    "HIGH": (Decimal(80), Decimal(100)),
}
"""Where a calibration gas lies, % of span (40 CFR 75 Appendix A, 5.2), but for the upscale signal of a flow monitor."""
_FLOW_UPSCALE = (Decimal(50), Decimal(70))


class CalibrationError(NamedTuple):
    """An injection's error and what it means; *is_alternative*: by the alternative specification, as a difference."""

    working: Working
    specification: Specification
    result: Result
    is_alternative: bool


@in_decimals
def calibration_error(
    component: Component,
    span: Decimal,
    reference: Decimal,
    measured: Decimal,
    tier: Tier = Tier.DAILY,
    *,
    is_alternative: bool = False,
    is_differential_pressure: bool = False,
) -> CalibrationError:
    """The error of one injection, to one decimal, and its result (40 CFR 75 Appendix A, 7.2, equations A-5 and A-6).

    A share of the span, but for CO2 and O2 a difference in % volume. Where the share is beyond its limit and the
    alternative specification is met, the error is the difference, as EPA computes it; it is as well when the operator
    claims that (*is_alternative*).

    Raises:
        ValueError: the span is not above zero.
    """
    if span <= 0:
        raise ValueError(f"a span is above zero, not {span}")
    specification = SPECIFICATIONS[component, tier]
    difference = abs(reference - measured)
    if specification.unit != PERCENT:
        working = _difference(specification, specification.unit, reference, measured)
        return CalibrationError(
            working, specification, _held(working.value <= specification.limit), is_alternative=False
        )
    working = _share(specification, span, reference, measured)
    other = specification.alternative(span) if component is not Component.FLOW or is_differential_pressure else None
    is_within = other is not None and rounded(difference, specification.places) <= other.difference
    if other is not None and (is_alternative or (working.value > specification.limit and is_within)):
        working = _difference(specification, other.unit, reference, measured)
        return CalibrationError(
            working, specification, Result.PASSAPS if is_within else Result.FAILED, is_alternative=True
        )
    return CalibrationError(working, specification, _held(working.value <= specification.limit), is_alternative=False)


def _held(is_held: bool) -> Result:  # noqa: FBT001  # private, and named by the comparison
    return Result.PASSED if is_held else Result.FAILED


def _share(specification: Specification, span: Decimal, reference: Decimal, measured: Decimal) -> Working:
    exact = abs(reference - measured) / span * 100
    return Working(
        "CE = |R - A| / S * 100",
        f"equation A-5; {specification.source}",
        (Input("R", reference), Input("A", measured), Input("S", span)),
        (f"|{reference} - {measured}| / {span} * 100 = {exact}",),
        places(1),
        rounded(exact, 1),
        specification.unit,
    )


def _difference(specification: Specification, unit: str, reference: Decimal, measured: Decimal) -> Working:
    exact = abs(reference - measured)
    return Working(
        "CE = |R - A|",
        specification.source,
        (Input("R", reference, unit), Input("A", measured, unit)),
        (f"|{reference} - {measured}| = {exact}",),
        places(specification.places),
        rounded(exact, specification.places),
        unit,
    )


def calibration_result(zero: Result | None, upscale: Result | None, *, is_aborted: bool = False) -> Result:
    """The result of a daily calibration from its two levels (absent: not done).

    One level alone that passed takes no effect (INC); a level that failed is enough for FAILED. A malfunction that ends
    the test is ABORTED and takes the monitor out of control just as a failure does.

    >>> calibration_result(Result.PASSED, Result.PASSAPS), calibration_result(Result.PASSED, None)
    (<Result.PASSAPS: 'PASSAPS'>, <Result.INC: 'INC'>)
    """
    if is_aborted:
        return Result.ABORTED
    return worst([Result.INC if level is None else level for level in (zero, upscale)])


@in_decimals
def gas_fits(level: str, span: Decimal, reference: Decimal, *, is_flow: bool = False) -> bool:
    """Whether a gas of *reference* may serve as ZERO, LOW, MID or HIGH on a monitor of *span*, by 0.1 % of span."""
    least, most = _FLOW_UPSCALE if is_flow and level != "ZERO" else GAS_LEVELS[level]
    return least <= rounded(reference / span * 100, 1) <= most
