"""What EPA's check engine would find in hourly monitor values: its checks HOURMHV8 to 20 of one parameter.

These are read from the values reported and from the plan alone, and know nothing of how a substitute was come by: they
check the batch, and they check hours that were edited by hand. Checks of systems and components (HOURMHV13 to 15) are
of the monitoring plan and not here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from greenops_gateway.cems.decimals import in_decimals, mean
from greenops_gateway.cems.hour import Hour, civil
from greenops_gateway.cems.record import Reported
from greenops_gateway.cems.substitution import method
from greenops_gateway.cems.substitution.plan import SubstitutionPlan


class Complaint(NamedTuple):
    """*check* is EPA's, with the letter of its result."""

    hour: Hour
    parameter: str
    check: str
    text: str


class _Seen(NamedTuple):
    """An hour, with the length of its missing data period and its borders, rounded, when both are known."""

    reported: Reported
    length: int
    borders: Decimal | None
    prior: int
    like_kind: int


_COMMON = frozenset({"01", "02", "03", "04", "06", "07", "08", "09", "10", "12", "53", "54", "55"})
_CODES: Mapping[str, frozenset[str]] = {
    "SO2C": _COMMON | {"05", "13", "15", "16", "17", "18", "19", "20", "21", "22", "23"},
    "NOXC": _COMMON | {"05", "11", "13", "15", "17", "18", "19", "20", "21", "22", "23", "24"},
    "FLOW": _COMMON | {"05", "11", "20"},
    "CO2C": _COMMON | {"17", "20", "21", "23"},
    **dict.fromkeys(("O2C", "O2D", "O2W"), _COMMON | {"17", "20"}),
    "H2O": _COMMON | {"21"},
}
_RANGES: Mapping[str, tuple[Decimal, Decimal]] = {
    "06": (Decimal(90), Decimal(101)),
    "08": (Decimal(95), Decimal(101)),
    "09": (Decimal(90), Decimal(95)),
    "10": (Decimal(80), Decimal(90)),
    "11": (Decimal(90), Decimal(101)),
}
"""Percent monitor data availability, from the first to below the second."""
_WITHOUT_UNADJUSTED = frozenset({"04", "19", "20", "53", "54"})
_AT_MOST_POTENTIAL = frozenset({"04", "05", "06", "07", "08", "09", "10", "11", "15", "53", "54", "55"})


@in_decimals
def complaints(plan: SubstitutionPlan, reported: Sequence[Reported], prior: int = 0) -> list[Complaint]:
    """What is wrong with *reported*, operating hours in order; *prior* quality-assured hours went before them."""
    found = []
    for seen in _in_context(plan, reported, prior):
        hour = seen.reported
        found += [
            Complaint(hour.hour, hour.parameter, check, text) for look in _LOOKS for check, text in look(plan, seen)
        ]
    return found


def rate_complaints(concentration: Iterable[Reported], rate: Iterable[Reported]) -> list[Complaint]:
    """Hours whose NOx rate is measured though the NOx concentration it is made from is not (HOURMHV17)."""
    codes = {hour.hour: hour.method for hour in concentration}
    found = []
    for hour in rate:
        code = codes.get(hour.hour, hour.method)
        is_measured = hour.method in {"01", "02", "03", "04", "14", "21", "22", "53", "54"}
        if code == "46" and (is_measured or hour.method == "05"):
            found.append(Complaint(hour.hour, "NOXC", "HOURMHV17-B", f"46, but the rate is by {hour.method}"))
        elif (is_measured and code not in method.MEASURED) or (
            code in {"21", "22"} and hour.method not in {"14", code}
        ):
            found.append(Complaint(hour.hour, "NOXC", "HOURMHV17-A", f"{code}, but the rate is by {hour.method}"))
    return found


def _in_context(plan: SubstitutionPlan, reported: Sequence[Reported], prior: int) -> Iterator[_Seen]:
    """Each hour with its missing data period. The borders of a period at the start or at the end are not known."""
    like_kind: Counter[int] = Counter()
    before: Decimal | None = None
    at = 0
    while at < len(reported):
        end = at
        while end < len(reported) and reported[end].method not in method.QUALITY_ASSURED:
            end += 1
        after = reported[end].value if end < len(reported) else None
        borders = None if before is None or after is None else plan.written(mean([before, after]))
        for hour in reported[at:end]:
            yield _Seen(hour, end - at, borders, prior, 0)
        if end < len(reported):
            hour, before = reported[end], after
            prior += hour.method in method.AVAILABLE
            year = civil(hour.hour)[0].year
            like_kind[year] += hour.method == method.LIKE_KIND
            yield _Seen(hour, 0, None, prior, like_kind[year])
        at = end + 1


Look = Callable[[SubstitutionPlan, _Seen], Iterator[tuple[str, str]]]


def _code(plan: SubstitutionPlan, seen: _Seen) -> Iterator[tuple[str, str]]:
    allowed = _CODES.get(plan.parameter)
    if allowed is not None and seen.reported.method not in allowed:
        yield "HOURMHV8-A", f"MODC {seen.reported.method or 'absent'} is not one of {plan.parameter}"


def _availability(plan: SubstitutionPlan, seen: _Seen) -> Iterator[tuple[str, str]]:
    code, percent = seen.reported.method, seen.reported.available
    bounds = _RANGES.get(code)
    if percent is None:
        if bounds is not None:
            yield "HOURMHV9-B", f"MODC {code} without percent monitor data availability"
        return
    if not 0 <= percent <= 100:
        yield "HOURMHV9-D", f"availability is {percent} %"
    next_higher_bin = code == method.EXTREME and plan.is_binned and percent >= 90
    if bounds is not None and not bounds[0] <= percent < bounds[1] and not next_higher_bin:
        yield "HOURMHV9-E", f"MODC {code} at an availability of {percent} %"


def _hours(plan: SubstitutionPlan, seen: _Seen) -> Iterator[tuple[str, str]]:
    """What the number of hours forbids."""
    code, percent = seen.reported.method, seen.reported.available
    if code == method.INITIAL and seen.prior > plan.depth:
        yield "HOURMHV10-A", f"MODC 07 after {seen.prior} quality-assured hours"
    if code == method.BIN_MEAN:
        longest = 24 if percent is None or percent >= 95 else 8
        if seen.length > longest:
            yield "HOURMHV12-C", f"MODC 11 in a period of {seen.length} hours, at most {longest}"
    if code == method.LIKE_KIND and seen.like_kind > 720:
        yield "HOURMHV12-D", f"hour {seen.like_kind} of the year by a like-kind analyser, at most 720"


def _unadjusted(plan: SubstitutionPlan, seen: _Seen) -> Iterator[tuple[str, str]]:
    code, value = seen.reported.method, seen.reported.unadjusted
    if code not in method.MEASURED:
        if value is not None:
            yield "HOURMHV16-E", f"MODC {code} with an unadjusted value, {value}"
        return
    if value is None:
        if plan.parameter in {"SO2C", "NOXC", "FLOW"} and code not in _WITHOUT_UNADJUSTED:
            yield "HOURMHV16-A", f"MODC {code} without an unadjusted value"
        return
    if value < 0 and code not in {"16", "21"}:
        yield "HOURMHV16-A", f"an unadjusted value of {value}"
    if code == "16" and value > 2:
        yield "HOURMHV16-B", f"MODC 16 with an unadjusted value of {value}, at most 2.0"
    if code == "21" and value > 0:
        yield "HOURMHV16-C", f"MODC 21 with an unadjusted value of {value}, at most 0"
    if value != plan.written(value):
        yield "HOURMHV16-F", f"unadjusted {value} is not {plan.kind.rounding()}"
    if not plan.is_low and value > _potential(plan) and code not in {"19", "20"}:
        yield "HOURMHV16-D", f"unadjusted {value} is above the maximum potential"


def _value(plan: SubstitutionPlan, seen: _Seen) -> Iterator[tuple[str, str]]:
    code, value, check = seen.reported.method, seen.reported.value, _check(plan)
    if value is None or value < 0:
        yield f"{check('H', 'E')}", "no value" if value is None else f"a value of {value}"
        return
    if code == "21" and value != 0:
        yield check("A", "A"), f"MODC 21 with {value}, not 0"
    elif code == "16" and value != 2:
        yield check("B", "B"), f"MODC 16 with {value}, not 2.0"
    elif code in {"12", "23"} and value not in {plan.potential, *plan.potential_of_fuel.values()}:
        yield check("C", "B"), f"MODC {code} with {value}, not the potential value"
    elif code in {"13", "24"} and plan.controls is not None and value != plan.controls.maximum_expected:
        yield check("D", "D"), f"MODC {code} with {value}, not {plan.controls.maximum_expected}"
    if code not in {"12", "13", "23", "24"} and value != plan.written(value):
        yield check("L", "I"), f"{value} is not {plan.kind.rounding()}"


def _borders(plan: SubstitutionPlan, seen: _Seen) -> Iterator[tuple[str, str]]:
    """What the hour before and the hour after, and the potential value, forbid."""
    code, value, check = seen.reported.method, seen.reported.value, _check(plan)
    if value is None:
        return
    if seen.borders is not None:
        if code == "06" and value != seen.borders:
            yield check("G", "D"), f"MODC 06 with {value}, not {seen.borders}"
        is_exempt = plan.bins != "load" and plan.parameter in {"NOXC", "NOXR"}
        worse = value > seen.borders if plan.is_low else value < seen.borders
        if code in {"08", "09"} and worse and not is_exempt:
            yield check("I", "J" if plan.is_low else "G"), f"MODC {code} with {value}, borders {seen.borders}"
    if code in _AT_MOST_POTENTIAL:
        potential = _potential(plan)
        if plan.is_low and value < potential:
            yield check("K", "H"), f"{value} is below the minimum potential, {potential}"
        elif not plan.is_low and value > potential:
            worst = plan.parameter == "SO2C" and value > 2 * potential
            letter = ("P" if code == "10" else "O") if worst else "K"
            yield check(letter, "F"), f"{value} is above the maximum potential, {potential}"


_LOOKS: tuple[Look, ...] = (_code, _availability, _hours, _unadjusted, _value, _borders)


def _check(plan: SubstitutionPlan) -> Callable[[str, str], str]:
    """EPA looks at adjusted values in HOURMHV19, and in HOURMHV20 at those of parameters without bias adjustment."""
    return lambda of_adjusted, of_other: f"HOURMHV19-{of_adjusted}" if plan.kind.bias else f"HOURMHV20-{of_other}"


def _potential(plan: SubstitutionPlan) -> Decimal:
    """The least strict of all fuels: a reported hour does not say which burnt."""
    every = (plan.potential, *plan.potential_of_fuel.values())
    return min(every) if plan.is_low else max(every)
