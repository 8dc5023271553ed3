"""Where an average is going: what it will be at the present rate, when it passes its limit, what may still be emitted.

Each average that falls due is *amount* over *weight* of what is done, and *remaining* parts, such as hours, that are to
come. An hour weighs 1 where hours are averaged, and its MWh where pounds are divided by MWh. The three answers agree:
the projected average is over the limit exactly when there is a time to exceedance, and when the rate is above the mean
allowed.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from greenops_gateway.cems.decimals import in_decimals

NOTHING = Decimal(0)


class Expected(NamedTuple):
    """An average that falls due in *remaining* parts of time, with what is in it already."""

    amount: Decimal
    weight: Decimal
    remaining: Decimal


class Rate(NamedTuple):
    """What a part of time adds at present."""

    amount: Decimal
    weight: Decimal = Decimal(1)


class Outlook(NamedTuple):
    """*time_left* is until the limit is passed at the present rate, if it is; each with the average it is of.

    *projected* is the highest average that falls due at the present rate; *allowed* is the highest rate, per weight,
    with which none passes the limit: over one window x_max = (L n_total - sum_done) / n_remaining. It is never less
    than nothing.
    """

    projected: Decimal
    projected_of: Expected
    allowed: Decimal
    allowed_of: Expected
    time_left: Decimal | None
    exceeds: Expected | None


@in_decimals
def outlook(due: Iterable[Expected], limit: Decimal, rate: Rate) -> Outlook | None:
    """What becomes of the averages that are *due*, the nearest first; none when nothing remains to be emitted.

    >>> done = Expected(amount=Decimal(1440), weight=Decimal(12), remaining=Decimal(12))
    >>> found = outlook([done], limit=Decimal(100), rate=Rate(Decimal(120)))
    >>> found.projected, found.time_left, found.allowed
    (Decimal('120'), Decimal('8'), Decimal('80'))
    """
    found: Outlook | None = None
    for each in due:
        weight_to_come = rate.weight * each.remaining
        if weight_to_come <= 0:
            continue
        total = each.weight + weight_to_come
        left = limit * total - each.amount
        projected = (each.amount + rate.amount * each.remaining) / total
        allowed = max(NOTHING, left / weight_to_come)
        time_left = max(NOTHING, left / rate.amount) if projected > limit and rate.amount > 0 else None
        if time_left is None and projected > limit:
            time_left = NOTHING  # not even an end of all emissions would help
        if found is None:
            found = Outlook(projected, each, allowed, each, time_left, None if time_left is None else each)
            continue
        if projected > found.projected:
            found = found._replace(projected=projected, projected_of=each)
        if allowed < found.allowed:
            found = found._replace(allowed=allowed, allowed_of=each)
        if time_left is not None and found.time_left is None:
            found = found._replace(time_left=time_left, exceeds=each)
    return found
