"""Out-of-control periods by daily drift (40 CFR 60 Appendix F, 4.3): twice the limit on five days, or four times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from greenops_gateway.cems.decimals import in_decimals

DAYS = 5
OFTEN, AT_ONCE = 2, 4
"""Multiples of the drift limit: beyond the first on five successive days, or beyond the second once."""


class DriftCheck(NamedTuple):
    """A daily check, completed *at* (Unix s): drift at both levels, in the unit of the limit."""

    at: float
    zero: Decimal
    span: Decimal

    @property
    def worse(self) -> Decimal:
        return max(abs(self.zero), abs(self.span))


class Period(NamedTuple):
    """Out of control *since* (Unix s) *until*, absent while it lasts."""

    since: float
    until: float | None


@in_decimals
def out_of_control(checks: Sequence[DriftCheck], limit: Decimal) -> tuple[Period, ...]:
    """The periods in which data do not count, by *checks* in order of time; *limit* is the drift specification.

    By four times the limit it begins with the check before, by twice the limit with the fifth check in a row; it ends
    with a check within the same multiple.
    """
    return tuple(_periods(checks, limit))


def _periods(checks: Sequence[DriftCheck], limit: Decimal) -> Iterator[Period]:
    in_a_row, since, multiple = 0, None, AT_ONCE
    before: DriftCheck | None = None
    for each in checks:
        in_a_row = in_a_row + 1 if each.worse > OFTEN * limit else 0
        if since is not None and each.worse <= multiple * limit:
            yield Period(since, each.at)
            since, multiple = None, AT_ONCE
        if each.worse > AT_ONCE * limit and since is None:
            since = each.at if before is None else before.at
        if in_a_row >= DAYS:
            since, multiple = each.at if since is None else since, OFTEN
        before = each
    if since is not None:
        yield Period(since, None)
