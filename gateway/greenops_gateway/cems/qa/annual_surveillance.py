"""The annual surveillance test (AST) of EN 14181: do variability and calibration function still hold?

All of it awaits confirmation against the standard's text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from greenops_gateway.cems.decimals import in_decimals
from greenops_gateway.cems.qa.qal2 import COVERAGE, Line, Pair, Variability, variability
from greenops_gateway.cems.qa.result import Result, significant, worst
from greenops_gateway.cems.working import Input, Working

LEAST_PAIRS = 5
WIDENED = Decimal("1.5")
_FROM_THREE = """
2.920 2.353 2.132 2.015 1.943 1.895 1.860 1.833 1.812 1.796 1.782 1.771 1.761 1.753 1.746 1.740 1.734 1.729 1.725 1.721
1.717 1.714 1.711 1.708 1.706 1.703 1.701 1.699
"""
T_VALUES: Mapping[int, Decimal] = {pairs: Decimal(value) for pairs, value in enumerate(_FROM_THREE.split(), start=3)}
"""Student's t, one-sided 95 %, by number of pairs, with one degree of freedom less; recomputed."""
T_BEYOND = Decimal("1.699")
"""For more than 30 pairs, that of 30."""


class Surveillance(NamedTuple):
    """*variability* of the system, and the mean difference against the *most* that the calibration function allows."""

    variability: Variability
    mean_difference: Working
    most: Working
    function: Result
    result: Result


@in_decimals
def surveillance(line: Line, pairs: Sequence[Pair], limit: Decimal, interval: Decimal) -> Surveillance:
    """Test sD <= 1.5 * sigma0 * kv, and |Dm| <= t * sD / sqrt(N) + sigma0; *interval* is P in % of *limit*.

    INVALID with fewer than five pairs.

    Raises:
        ValueError: there are fewer than three pairs.
    """
    spread = variability(line, pairs, limit, interval, WIDENED)
    exact = spread.exact_deviation
    sigma = interval / 100 * limit / COVERAGE
    t_value = T_VALUES.get(len(pairs), T_BEYOND)
    most = t_value * exact / Decimal(len(pairs)).sqrt() + sigma
    function = Result.PASSED if abs(spread.mean_difference) <= most else Result.FAILED
    enough = () if len(pairs) >= LEAST_PAIRS else (Result.INVALID,)
    count = Input("N", Decimal(len(pairs)))
    return Surveillance(
        spread,
        _working("Dm = mean(y - yhat)", (count,), spread.mean_difference),
        _working(
            "t * sD / sqrt(N) + sigma0", (Input("t", t_value), Input("sD", exact), Input("sigma0", sigma), count), most
        ),
        function,
        worst((*enough, spread.result, function)),
    )


def _working(equation: str, inputs: tuple[Input, ...], exact: Decimal) -> Working:
    return Working(equation, "EN 14181, AST", inputs, (f"{exact}",), "to 6 significant digits", significant(exact))
