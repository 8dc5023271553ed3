"""Flow-to-load ratio and gross heat rate: does a flow monitor still fit its last audit?

40 CFR 75 Appendix A, 7.7, and Appendix B, 2.2.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from greenops_gateway.cems.decimals import in_decimals, mean, rounded
from greenops_gateway.cems.qa.result import Result, places
from greenops_gateway.cems.working import Input, Working

LEAST_HOURS = 168
"""Hours within 10 % of the reference load that a quarter needs to be checked; with fewer it is exempt."""
NEAR = Decimal("0.10")
LARGE_LOAD = Decimal(60)
"""MW from which on the tighter limit holds. Awaits confirmation, as do the limits."""
MOST = {(True, False): Decimal(15), (False, False): Decimal(20), (True, True): Decimal(10), (False, True): Decimal(15)}
"""Mean absolute difference, %, by whether the load is large, and whether flow is bias-adjusted."""


class Check(NamedTuple):
    """A quarter's check: *hours* were compared. Absent working: exempt, there were too few."""

    hours: int
    working: Working | None
    result: Result | None


@in_decimals
def reference_ratio(flow: Decimal, load: Decimal) -> Working:
    """The ratio of the audit, 10^5 scfh for each MW or klb/h, two decimals (equation A-13).

    >>> reference_ratio(Decimal(108087889), Decimal(532)).value
    Decimal('2.03')

    Raises:
        ValueError: the load is not above zero.
    """
    exact = flow / _above_zero(load) / 100000
    return Working(
        "Rref = Qref / Lavg * 10^-5",
        "40 CFR 75 Appendix A, 7.7, equation A-13",
        (Input("Qref", flow, "scfh"), Input("Lavg", load)),
        (f"{exact}",),
        places(2),
        rounded(exact, 2),
    )


@in_decimals
def gross_heat_rate(heat_input: Decimal, load: Decimal) -> Working:
    """Btu for each kWh, or for each pound of steam, from mmBtu/hr and MW or klb/h, no decimals (equation A-13a).

    Raises:
        ValueError: the load is not above zero.
    """
    exact = heat_input / _above_zero(load) * 1000
    return Working(
        "GHR = HI / Lavg * 1000",
        "40 CFR 75 Appendix A, 7.7, equation A-13a",
        (Input("HI", heat_input, "mmBtu/hr"), Input("Lavg", load)),
        (f"{exact}",),
        places(0),
        rounded(exact, 0),
    )


def _above_zero(load: Decimal) -> Decimal:
    if load <= 0:
        raise ValueError(f"a load is above zero, not {load}")
    return load


@in_decimals
def check(
    reference: Decimal,
    reference_load: Decimal,
    hours: Sequence[tuple[Decimal, Decimal]],
    *,
    is_adjusted: bool,
) -> Check:
    """Compare a quarter's *hours* (flow in scfh, load) with the *reference* ratio (Appendix B, equations B-1 and B-2).

    Hours count whose load is within 10 % of *reference_load*. The mean absolute difference, % to one decimal, is to be
    at most 15, for small units 20; 10 and 15 when the flow *is_adjusted* for bias.
    """
    near = [(flow, load) for flow, load in hours if abs(load - reference_load) <= NEAR * reference_load]
    if len(near) < LEAST_HOURS:
        return Check(len(near), None, None)
    exact = mean(abs(flow / load / 100000 - reference) / reference * 100 for flow, load in near)
    working = Working(
        "Ef = mean(|Rref - Rh| / Rref * 100), Rh = Qh / Lh * 10^-5",
        "40 CFR 75 Appendix B, 2.2.5, equations B-1 and B-2",
        (Input("Rref", reference), Input("Lavg", reference_load), Input("n", Decimal(len(near)), "h")),
        (f"{exact}",),
        places(1),
        rounded(exact, 1),
        "%",
    )
    most = MOST[reference_load >= LARGE_LOAD, is_adjusted]
    return Check(len(near), working, Result.PASSED if working.value <= most else Result.FAILED)
