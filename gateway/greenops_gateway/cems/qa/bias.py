"""Bias: the test, the factor it leads to, and what an hourly value becomes by it (40 CFR 75 Appendix A, 7.6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from greenops_gateway.cems.decimals import in_decimals, rounded
from greenops_gateway.cems.parameter import BIAS_ADJUSTED_RATES, PARAMETERS, Parameter
from greenops_gateway.cems.qa.rata import RelativeAccuracy, System
from greenops_gateway.cems.qa.result import places
from greenops_gateway.cems.working import Input, Working

NONE = Decimal("1.000")
LOW_EMITTER = Decimal("1.111")
"""What a low emitter may take in place of a greater factor (Appendix A, 7.6.5)."""
LOW_EMITTERS: Mapping[System, Decimal] = {
    System.SO2: Decimal("250.0"),
    System.NOXC: Decimal("250.0"),
    System.NOX: Decimal("0.20"),
    System.SO2R: Decimal("0.20"),
}
"""Mean of the reference method up to which a source is one: ppm, or lb/mmBtu."""
ADJUSTED = frozenset({System.SO2, System.NOXC, System.NOX, System.SO2R, System.FLOW})
"""Systems that are tested for bias."""

RATE = Parameter("NOXR", "NOx rate", "lb/mmBtu", places=BIAS_ADJUSTED_RATES["NOXR"], bias=True)
ADJUSTABLE: Mapping[str, Parameter] = {**PARAMETERS, RATE.name: RATE}
"""What has hourly values that a factor applies to, or might."""
BY_METHOD: Mapping[str, Decimal] = {"16": Decimal("2.0"), "21": Decimal("0.0")}
"""What is reported whatever was measured, by method of determination code: very low sulfur fuel, a negative average."""
_WITNESSES, _STEP = 10, Decimal("0.001")
"""Of the greatest values, that show a factor best, so many are asked; what else they might mean lies this far."""


@in_decimals
def bias_adjustment_factor(found: RelativeAccuracy, system: System, *, is_low_emitter_capped: bool = True) -> Working:
    """The factor, three decimals: 1.000 unless the mean difference is above the confidence coefficient (A-12).

    A low emitter may take 1.111 where the factor is greater (*is_low_emitter_capped*).

    Raises:
        ValueError: it is biased, and the monitor's mean is not above zero.
    """
    inputs = (
        Input("d", found.difference),
        Input("CC", found.confidence),
        Input("CEM", found.mean_monitor),
        Input("RM", found.mean_reference),
    )
    source = "40 CFR 75 Appendix A, 7.6.4 and 7.6.5, equation A-12"
    if system not in ADJUSTED:
        return Working("BAF = 1", source, inputs, (f"{system.value} is not adjusted",), places(3), NONE)
    if found.difference <= abs(found.confidence):
        return Working("BAF = 1", source, inputs, ("d <= |CC|: no bias",), places(3), NONE)
    if found.mean_monitor <= 0:
        raise ValueError(f"the monitor's mean is above zero, not {found.mean_monitor}")
    factor = 1 + abs(found.difference) / found.mean_monitor
    steps: tuple[str, ...] = ("d > |CC|: biased low", f"1 + |d| / CEM = {factor}")
    value, most = rounded(factor, 3), LOW_EMITTERS.get(system)
    is_low = most is not None and rounded(found.mean_reference, -int(most.as_tuple().exponent)) <= most
    if is_low_emitter_capped and is_low and value > LOW_EMITTER:
        value, steps = LOW_EMITTER, (*steps, f"low emitter, RM <= {most}: {LOW_EMITTER}")
    return Working("BAF = 1 + |d| / CEM", source, inputs, steps, places(3), value)


def overall_factor(by_level: Mapping[str, Decimal], normal: Iterable[str]) -> Decimal:
    """The factor of a flow monitor audited at several loads: the highest, if it is biased at a normal one (7.6.5).

    >>> overall_factor({"LOW": Decimal("1.051"), "MID": Decimal("1.020")}, ["MID"])
    Decimal('1.051')
    >>> overall_factor({"LOW": Decimal("1.051"), "MID": Decimal("1.000")}, ["MID"])
    Decimal('1.000')
    """
    return max(by_level.values()) if any(by_level[level] > 1 for level in normal) else NONE


@in_decimals
def adjusted(parameter: Parameter, unadjusted: Decimal, factor: Decimal) -> Working:
    """*unadjusted*, rounded first, times the factor, and rounded again as *parameter* is (equation A-11).

    >>> adjusted(ADJUSTABLE["FLOW"], Decimal(11084000), Decimal("1.063")).value
    Decimal('11782000')
    """
    average = parameter.written(unadjusted)
    product = average * factor
    return Working(
        "adjusted = unadjusted * BAF",
        "40 CFR 75 Appendix A, 7.6.5, equation A-11",
        (Input("unadjusted", unadjusted, parameter.unit), Input("BAF", factor)),
        (f"unadjusted {parameter.rounding()}: {average}", f"{average} * {factor} = {product}"),
        parameter.rounding(),
        parameter.written(product),
        parameter.unit,
    )


@in_decimals
def recorded_factor(parameter: Parameter, pairs: Sequence[tuple[Decimal, Decimal]]) -> Decimal | None:
    """The factor that most *pairs* of unadjusted and adjusted values were made with; absent unless several agree.

    >>> recorded_factor(ADJUSTABLE["SO2C"], [(Decimal(100), Decimal("105.0")), (Decimal(200), Decimal("210.0"))])
    Decimal('1.050')
    """
    largest = sorted(pairs, reverse=True)[:_WITNESSES]
    near = {rounded(after / before, 3) for before, after in largest if before > 0}
    tried = {factor + step for factor in near for step in (-_STEP, Decimal(0), _STEP)}
    explained = {
        factor: sum(parameter.written(parameter.written(before) * factor) == after for before, after in pairs)
        for factor in tried
    }
    best = max(explained, key=lambda factor: (explained[factor], -factor), default=None)
    return best if best is not None and best >= 1 and explained[best] >= 2 else None
