"""Relative accuracy test audit: runs against a reference method (40 CFR 75 Appendix A, 3.3, 6.5, 7.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import Enum
from typing import NamedTuple

from greenops_gateway.cems.decimals import in_decimals, mean, rounded
from greenops_gateway.cems.qa.result import Result, places
from greenops_gateway.cems.working import Input, Working

LEAST_RUNS = 9
MOST_DISCARDED = 3
GRACE_HOURS = 720
"""Unit operating hours after it was due in which a missed audit may be made up (Appendix B, 2.3.3)."""

_FROM_ONE = """
12.706 4.303 3.182 2.776 2.571 2.447 2.365 2.306 2.262 2.228 2.201 2.179 2.160 2.145 2.131 2.120 2.110 2.101 2.093 2.086
2.080 2.074 2.069 2.064 2.060 2.056 2.052 2.048 2.045 2.042
"""
T_VALUES: Mapping[int, Decimal] = {freedom: Decimal(value) for freedom, value in enumerate(_FROM_ONE.split(), start=1)}
"""Student's t, 97.5 %, by degrees of freedom (Appendix A, table 7-1)."""
T_BEYOND = Decimal("1.960")
"""For more than 30 degrees of freedom; EPA's check engine takes 1 there. Awaits confirmation."""

DECIMALS = 5
"""Of the mean difference, the standard deviation and the confidence coefficient, as ECMPS stores them."""


class System(Enum):
    """What is audited, by its ECMPS system type: NOX is a rate in lb/mmBtu, NOXC a concentration; SO2R a rate."""

    SO2 = "SO2"
    NOXC = "NOXC"
    NOX = "NOX"
    SO2R = "SO2R"
    CO2 = "CO2"
    O2 = "O2"
    H2O = "H2O"
    FLOW = "FLOW"
    HG = "HG"
    HCL = "HCL"
    HF = "HF"


class Run(NamedTuple):
    """One run: what the *monitor* said and what the *reference* method did; unused runs are set aside."""

    monitor: Decimal
    reference: Decimal
    is_used: bool = True


class RelativeAccuracy(NamedTuple):
    """What the used runs say. Workings are rounded as they are reported; the other numbers are exact."""

    runs: int
    discarded: int
    mean_monitor: Decimal
    mean_reference: Decimal
    difference: Decimal
    confidence: Decimal
    t_value: Decimal
    mean_difference: Working
    standard_deviation: Working
    confidence_coefficient: Working
    relative_accuracy: Working

    @property
    def workings(self) -> tuple[Working, ...]:
        return (self.mean_difference, self.standard_deviation, self.confidence_coefficient, self.relative_accuracy)


@in_decimals
def relative_accuracy(runs: Sequence[Run]) -> RelativeAccuracy:
    """Relative accuracy of the used *runs*, % to two decimals (equations A-7 to A-10).

    Raises:
        ValueError: fewer than two runs were used, or the mean of the reference method is not above zero.
    """
    used = [run for run in runs if run.is_used]
    if len(used) < 2:
        raise ValueError(f"{len(used)} of its runs used; a relative accuracy needs {LEAST_RUNS}, and 2 to be computed")
    reference, monitor = mean(run.reference for run in used), mean(run.monitor for run in used)
    if reference <= 0:
        raise ValueError(f"the mean of the reference method is above zero, not {reference}")
    differences = [run.reference - run.monitor for run in used]
    difference = mean(differences)
    freedom = len(used) - 1
    spread = mean((each - difference) ** 2 for each in differences) * len(used) / freedom
    deviation = spread.sqrt()
    t_value = T_VALUES.get(freedom, T_BEYOND)
    confidence = t_value * deviation / Decimal(len(used)).sqrt()
    inputs = tuple(
        Input(f"{symbol}{number}", value)
        for number, run in enumerate(used, 1)
        for symbol, value in (("RM", run.reference), ("CEM", run.monitor))
    )
    count = Input("n", Decimal(len(used)))
    exact = (abs(difference) + abs(confidence)) / reference * 100
    return RelativeAccuracy(
        len(used),
        len(runs) - len(used),
        monitor,
        reference,
        difference,
        confidence,
        t_value,
        _working("d = sum(RM - CEM) / n", "7.3.1, equation A-7", inputs, difference),
        _working(
            "Sd = sqrt(sum((RM - CEM - d)^2) / (n - 1))",
            "7.3.2, equation A-8",
            (Input("d", difference), count),
            deviation,
        ),
        _working(
            "CC = t * Sd / sqrt(n)",
            "7.3.3, equation A-9; table 7-1",
            (Input("t", t_value), Input("Sd", deviation), count),
            confidence,
        ),
        _working(
            "RA = (|d| + |CC|) / RM * 100",
            "7.3.4, equation A-10",
            (Input("d", difference), Input("CC", confidence), Input("RM", reference)),
            exact,
            (2, "%"),
        ),
    )


def _working(
    equation: str,
    clause: str,
    inputs: tuple[Input, ...],
    exact: Decimal,
    written: tuple[int, str] = (DECIMALS, ""),
) -> Working:
    decimals, unit = written
    value = rounded(exact, decimals)
    return Working(equation, f"40 CFR 75 Appendix A, {clause}", inputs, (f"{exact:f}",), places(decimals), value, unit)


class LowEmitter(NamedTuple):
    """A mean difference that suffices below *reference* (any when absent): *annual* for four quarters, *half* for two.

    Each number has its decimals: what it is compared with is rounded to them.
    """

    reference: Decimal | None
    annual: Decimal
    half: Decimal


_PPM = LowEmitter(Decimal("250.0"), Decimal("12.0"), Decimal("15.0"))
_VOLUME = LowEmitter(None, Decimal("0.7"), Decimal("1.0"))
LOW_EMITTERS: Mapping[System, LowEmitter] = {
    System.SO2: _PPM,
    System.NOXC: _PPM,
    System.NOX: LowEmitter(Decimal("0.200"), Decimal("0.015"), Decimal("0.020")),
    System.SO2R: LowEmitter(Decimal("0.500"), Decimal("0.016"), Decimal("0.030")),
    System.CO2: _VOLUME,
    System.O2: _VOLUME,
    System.H2O: LowEmitter(None, Decimal("1.0"), Decimal("1.5")),
    System.FLOW: LowEmitter(Decimal("10.0"), Decimal("1.5"), Decimal("2.0")),
}
"""Alternative specifications (Appendix A, 3.3; Appendix B, 2.3.1.2): ppm, lb/mmBtu, % volume; for flow, ft/s."""

ANNUAL, HALF = Decimal("7.5"), Decimal("10.0")
"""Relative accuracy, %, with which the next audit is due in four or in two quarters (Appendix B, 2.3.1)."""
WIDE = Decimal("20.0")
"""The same for Hg, HCl and HF, which are audited every four quarters."""
_MERCURY_REFERENCE, _MERCURY_SUM = Decimal("2.5"), Decimal("0.5")


class Verdict(NamedTuple):
    """*quarters* until the next audit is due, absent when this one did not pass; *why* in words."""

    result: Result
    quarters: int | None
    why: str


@in_decimals
def verdict(found: RelativeAccuracy, system: System, stack_area: Decimal | None = None) -> Verdict:
    """Whether an audit passed, and for how long; *stack_area* (ft2) opens the alternative of a flow monitor."""
    if found.runs < LEAST_RUNS:
        return Verdict(Result.INVALID, None, f"{found.runs} runs used; at least {LEAST_RUNS}")
    if found.discarded > MOST_DISCARDED:
        return Verdict(Result.INVALID, None, f"{found.discarded} runs discarded; at most {MOST_DISCARDED}")
    accuracy = rounded(found.relative_accuracy.value, 1)
    if system in (System.HG, System.HCL, System.HF):
        return _wide(found, system, accuracy)
    allowed = _allowed(found, system, stack_area)
    for limit, quarters in ((ANNUAL, 4), (HALF, 2)):
        if accuracy <= limit:
            return Verdict(Result.PASSED, quarters, f"RA {accuracy} % <= {limit} %")
        if allowed is not None and (most := allowed[quarters]) is not None:
            return Verdict(Result.PASSAPS, quarters, most)
    return Verdict(Result.FAILED, None, f"RA {accuracy} % > {HALF} %")


def _wide(found: RelativeAccuracy, system: System, accuracy: Decimal) -> Verdict:
    if accuracy <= WIDE:
        return Verdict(Result.PASSED, 4, f"RA {accuracy} % <= {WIDE} %")
    whole = rounded(abs(found.difference) + abs(found.confidence), 1)
    if system is System.HG and rounded(found.mean_reference, 1) <= _MERCURY_REFERENCE and whole <= _MERCURY_SUM:
        return Verdict(Result.PASSAPS, 4, f"|d| + |CC| {whole} <= {_MERCURY_SUM} ug/scm")
    return Verdict(Result.FAILED, None, f"RA {accuracy} % > {WIDE} %")


def _allowed(found: RelativeAccuracy, system: System, stack_area: Decimal | None) -> Mapping[int, str | None] | None:
    """Why the alternative specification is met, by quarters; absent where it is not open."""
    low, reference, difference = LOW_EMITTERS[system], found.mean_reference, abs(found.difference)
    if system is System.FLOW:
        if stack_area is None:
            return None
        reference, difference = reference / 3600 / stack_area, difference / 3600 / stack_area
    if low.reference is not None and _as(reference, low.reference) > low.reference:
        return None
    return {
        quarters: f"|d| {_as(difference, most)} <= {most}" if _as(difference, most) <= most else None
        for quarters, most in ((4, low.annual), (2, low.half))
    }


def _as(value: Decimal, limit: Decimal) -> Decimal:
    """*value* with the decimals of *limit*."""
    return rounded(value, -int(limit.as_tuple().exponent))
