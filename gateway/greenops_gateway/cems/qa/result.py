"""How a quality assurance test ends, by its ECMPS code, and how its numbers are written."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from enum import Enum

from greenops_gateway.cems.decimals import rounded


class Result(Enum):
    """A test's result. PASSAPS is passed by an alternative performance specification; INC took no effect."""

    PASSED = "PASSED"
    PASSAPS = "PASSAPS"
    FAILED = "FAILED"
    INC = "INC"
    ABORTED = "ABORTED"
    INVALID = "INVALID"

    @property
    def is_passed(self) -> bool:
        return self in (Result.PASSED, Result.PASSAPS)


_WORST_FIRST = (Result.ABORTED, Result.INVALID, Result.FAILED, Result.INC, Result.PASSAPS, Result.PASSED)


def worst(results: Iterable[Result]) -> Result:
    """The result of a test that has several parts.

    >>> worst([Result.PASSED, Result.PASSAPS]), worst([Result.FAILED, Result.PASSED])
    (<Result.PASSAPS: 'PASSAPS'>, <Result.FAILED: 'FAILED'>)

    Raises:
        ValueError: there are no parts.
    """
    found = set(results)
    if not found:
        raise ValueError("a test without parts has no result")
    return next(result for result in _WORST_FIRST if result in found)


def places(count: int) -> str:
    """How a result is rounded, in words.

    >>> places(1)
    'rounded half up to 1 decimal'
    """
    return f"rounded half up to {count} decimal{'' if count == 1 else 's'}"


def significant(value: Decimal, digits: int = 6) -> Decimal:
    """*value* to so many significant digits, half away from zero.

    >>> significant(Decimal("2.0000004")), significant(Decimal("0.0123456789"))
    (Decimal('2.00000'), Decimal('0.0123457'))
    """
    return rounded(value, digits - 1 - value.adjusted()) if value else value
