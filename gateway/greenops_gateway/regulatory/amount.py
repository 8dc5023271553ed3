"""What a number in a report's configuration may be; msgspec has no bounds for decimals."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from greenops_core.errors import ConfigError, Mistakes
from greenops_telemetry.configuration import Section

Bounds = tuple[str, Decimal, Decimal]

ENDLESS = Decimal("Infinity")
POSITIVE: Bounds = ("above 0", Decimal("1e-30"), ENDLESS)
NOT_NEGATIVE: Bounds = ("0 or more", Decimal(0), ENDLESS)
PERCENT: Bounds = ("from 0 to 100", Decimal(0), Decimal(100))
SHARE: Bounds = ("from 0 to 1", Decimal(0), Decimal(1))


def check_amount(value: Decimal | None, bounds: Bounds, *path: str) -> None:
    """That *value*, if there is one, lies within *bounds*.

    >>> check_amount(Decimal("1.2"), SHARE, "fraction")
    Traceback (most recent call last):
    greenops_core.errors.ConfigError: fraction: 1.2 cannot be; write a number from 0 to 1

    Raises:
        ConfigError: it does not, or is no finite number.
    """
    words, least, most = bounds
    if value is not None and not (value.is_finite() and least <= value <= most):
        raise ConfigError(f"{value} cannot be; write a number {words}", path)


def check_amounts(section: Section, bounds: Mapping[str, Bounds]) -> None:
    """The same for the fields of *section* that *bounds* names. Raises ConfigError, or ConfigErrors: several."""
    mistakes = Mistakes()
    for name, each in bounds.items():
        with mistakes.within():
            check_amount(getattr(section, name), each, name)
    mistakes.tell()
