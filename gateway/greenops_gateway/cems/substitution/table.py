"""Which value stands for a missing hour: 40 CFR 75.31 and 75.33 to 75.37, with the table of 75.33 as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import Enum
from typing import NamedTuple

from greenops_gateway.cems.decimals import mean
from greenops_gateway.cems.substitution import method
from greenops_gateway.cems.substitution.hourly import Hourly
from greenops_gateway.cems.substitution.lookback import Lookback, percentile
from greenops_gateway.cems.substitution.plan import SubstitutionPlan

CONTROLLED_FACTOR = Decimal("1.25")
"""75.34(a)(5). From memory, as is that its product is held at the maximum potential; both await confirmation."""


class Row(NamedTuple):
    """A row of tables 1 to 4: up to *short* hours are a short gap; a longer one goes by *percentile*, as *code*."""

    short: int
    percentile: int
    code: str


class Tier(Enum):
    """What the percent monitor data availability of an hour allows."""

    INITIAL = "initial procedures"
    FROM_95 = "95.0 % or more"
    FROM_90 = "90.0 to 94.9 %"
    FROM_80 = "80.0 to 89.9 %"
    BELOW_80 = "below 80.0 %"


ROWS: Mapping[Tier, Row] = {
    Tier.FROM_95: Row(24, 90, method.PERCENTILE_90),
    Tier.FROM_90: Row(8, 95, method.PERCENTILE_95),
}
_LEAST = (
    (Decimal("95.0"), Tier.FROM_95),
    (Decimal("90.0"), Tier.FROM_90),
    (Decimal("80.0"), Tier.FROM_80),
)


def tier(available: Decimal) -> Tier:
    """Where *available*, in percent with one decimal, stands.

    >>> tier(Decimal("95.0")).value, tier(Decimal("79.9")).value
    ('95.0 % or more', 'below 80.0 %')
    """
    return next((named for least, named in _LEAST if available >= least), Tier.BELOW_80)


class Gap(NamedTuple):
    """A missing data period of *length* operating hours.

    *borders* is the mean of the hour before and the hour after, rounded; the hour before alone while there is none
    after, and absent with none before.
    """

    length: int
    borders: Decimal | None
    lookback: Lookback


class Substitute(NamedTuple):
    """*value*, rounded, by *code*; *clause* is of 40 CFR, *why* says how it was come by."""

    value: Decimal
    code: str
    clause: str
    why: str


def substitute(plan: SubstitutionPlan, gap: Gap, at: Hourly, level: Tier) -> Substitute:
    """What stands for the missing hour *at* in *gap*."""
    if plan.controls is not None and not at.is_controlled:
        return _potential(plan, at, "75.34(a)(1)", "add-on controls not documented to have worked")
    if level is Tier.INITIAL:
        return _initial(plan, gap, at)
    if plan.controls is not None and plan.controls.option == "controlled":
        found = _controlled(plan, gap, at, level)
        if found is not None:
            return found
    if level is Tier.BELOW_80:
        return _potential(plan, at, _clause(plan, level), "availability below 80.0 %")
    if not plan.is_binned:
        return _by_borders(plan, gap, at, level)
    return _by_bin(plan, gap, at, level)


def _initial(plan: SubstitutionPlan, gap: Gap, at: Hourly) -> Substitute:
    if not plan.is_binned:
        if gap.borders is None:
            return _potential(plan, at, "75.31(b)(2)", "nothing quality-assured before")
        return Substitute(gap.borders, method.INITIAL, "75.31(b)(1)", "mean of the hour before and the hour after")
    own = _own(gap, at)
    found = own or _higher(plan, gap, at)
    if not found:
        return _potential(plan, at, "75.31(c)(3)", "nothing quality-assured in the bin or a higher one")
    where = f"bin {at.load_bin}" if own else f"the bin next above {at.load_bin}"
    return Substitute(plan.written(mean(found)), method.INITIAL, "75.31(c)", f"mean of {len(found)} hours of {where}")


def _by_borders(plan: SubstitutionPlan, gap: Gap, at: Hourly, level: Tier) -> Substitute:
    """Table 1: SO2, and CO2, O2 and moisture by 75.35 to 75.37."""
    values, clause = _own(gap, at), _clause(plan, level)
    if gap.borders is None or not values:
        return _potential(plan, at, clause, "nothing quality-assured in the lookback")
    row = ROWS.get(level)
    if row is None:
        return _extreme(plan, values, clause, "of the lookback")
    if gap.length <= row.short:
        why = f"mean of the hour before and the hour after, N = {gap.length}"
        return Substitute(gap.borders, method.HOUR_BEFORE_AND_AFTER, clause, why)
    return _percentile(plan, values, row, gap.borders, clause)


def _by_bin(plan: SubstitutionPlan, gap: Gap, at: Hourly, level: Tier) -> Substitute:
    """Tables 2 to 4: NOx and flow. An empty bin has the maximum of the next higher one, as EPA's checks expect."""
    own, clause = _own(gap, at), _clause(plan, level)
    row = ROWS.get(level)
    if not own:
        higher = _higher(plan, gap, at)
        if not higher:
            return _potential(plan, at, clause, "nothing quality-assured in the bin or a higher one")
        return _extreme(plan, higher, clause, f"of the bin next above {at.load_bin}")
    if row is None:
        return _extreme(plan, own, clause, f"of bin {at.load_bin}")
    if gap.length <= row.short:
        why = f"mean of {len(own)} hours of bin {at.load_bin}, N = {gap.length}"
        return Substitute(plan.written(mean(own)), method.BIN_MEAN, clause, why)
    return _percentile(plan, own, row, gap.borders if _has_borders(plan) else None, clause)


def _has_borders(plan: SubstitutionPlan) -> bool:
    """Whether a long gap is at least the hour before and after: not for NOx of a unit without load (table 3).

    That it is so for the flow of such a unit follows EPA's check of hourly monitor values; it awaits confirmation.
    """
    return plan.bins == "load" or plan.parameter == "FLOW"


def _percentile(
    plan: SubstitutionPlan, values: Sequence[Decimal], row: Row, borders: Decimal | None, clause: str
) -> Substitute:
    percent = 100 - row.percentile if plan.is_low else row.percentile
    found = percentile(values, percent)
    why = f"percentile {percent} of {len(values)} hours, {found}"
    if borders is not None:
        worse = min if plan.is_low else max
        why = f"{'lesser' if plan.is_low else 'greater'} of {why}, and of the hour before and after, {borders}"
        found = worse(found, borders)
    return Substitute(plan.written(found), row.code, clause, why)


def _extreme(plan: SubstitutionPlan, values: Sequence[Decimal], clause: str, where: str) -> Substitute:
    """*values* are ascending and not empty."""
    kind, value = ("minimum", values[0]) if plan.is_low else ("maximum", values[-1])
    return Substitute(plan.written(value), method.EXTREME, clause, f"{kind} {where}, {len(values)} hours")


def _controlled(plan: SubstitutionPlan, gap: Gap, at: Hourly, level: Tier) -> Substitute | None:
    """The options of 75.34(a)(3) and (a)(5), where they say anything."""
    if plan.controls is None or level not in {Tier.FROM_80, Tier.BELOW_80}:
        return None
    values = gap.lookback.controlled(at.load_bin) if at.load_bin is not None else ()
    highest = max(values, default=None)
    if level is Tier.FROM_80:
        if highest is None:
            return None
        why = f"maximum of {len(values)} controlled hours"
        return Substitute(plan.written(highest), method.EXTREME, "75.34(a)(3)", why)
    expected = plan.written(plan.controls.maximum_expected)
    raised = expected if highest is None else min(highest * CONTROLLED_FACTOR, plan.potential_for(at.fuel))
    if plan.written(raised) > expected:
        why = f"{CONTROLLED_FACTOR} times the maximum of {len(values)} controlled hours, {highest}"
        return Substitute(plan.written(raised), method.CONTROLLED, "75.34(a)(5)", why)
    return Substitute(expected, method.EXPECTED, "75.34(a)(5)", "maximum expected value")


def _potential(plan: SubstitutionPlan, at: Hourly, clause: str, why: str) -> Substitute:
    kind = "minimum" if plan.is_low else "maximum"
    return Substitute(plan.written(plan.potential_for(at.fuel)), method.POTENTIAL, clause, f"{kind} potential: {why}")


def _own(gap: Gap, at: Hourly) -> Sequence[Decimal]:
    return () if at.load_bin is None else gap.lookback.values(at.load_bin)


def _higher(plan: SubstitutionPlan, gap: Gap, at: Hourly) -> Sequence[Decimal]:
    """Only load has an order: an operational bin has none above it."""
    return gap.lookback.higher(at.load_bin) if plan.bins == "load" and at.load_bin else ()


_CLAUSES: Mapping[str, str] = {
    "SO2C": "75.33(b)",
    "CO2C": "75.35, 75.33(b)",
    **dict.fromkeys(("O2C", "O2D", "O2W"), "75.36, 75.33(b)"),
    "H2O": "75.37, 75.33(b)",
}
_PARAGRAPHS: Mapping[Tier, int] = {Tier.FROM_95: 1, Tier.FROM_90: 2, Tier.FROM_80: 3, Tier.BELOW_80: 4}


def _clause(plan: SubstitutionPlan, level: Tier) -> str:
    """The letters of units without load are from memory and await confirmation."""
    without_load = "75.33(e)" if plan.parameter == "FLOW" else "75.33(d)"
    clause = _CLAUSES.get(plan.parameter, "75.33(c)" if plan.bins == "load" else without_load)
    return f"{clause}({_PARAGRAPHS[level]})"
