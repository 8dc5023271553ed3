"""A stack whose hours are made up, the same each time: for reports on periods of any length."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from decimal import Decimal

from greenops_gateway.cems.hour import Hour, civil
from greenops_gateway.cems.record import ClosedHour, Computed, Measured

CALIBRATING = 6
"""The hour of the day in which the analyser calibrates, every 10th day without enough points left."""


def measured(name: str, value: str | None, why: str = "", unit: str = "") -> Measured:
    if value is None:
        return Measured(name, None, None, "", why)
    return Measured(name, Decimal(value), Decimal(value), "01", why, 60, unit)


def closed(
    hour: int,
    values: dict[str, str | None],
    *,
    operating_time: str = "1.00",
    is_startup: bool = False,
    why: str = "",
    unit: str = "",
    computed: dict[str, tuple[str | None, str]] | None = None,
) -> ClosedHour:
    """An hour with measured *values* in *unit*, and *computed* ones with their unit."""
    made = {
        name: Computed(
            name, None if value is None else Decimal(value), unit, "X-1", "0" * 64, why if value is None else ""
        )
        for name, (value, unit) in (computed or {}).items()
    }
    return ClosedHour(
        Hour(hour),
        Decimal(operating_time),
        Decimal(300),
        "natural gas",
        is_startup,
        {name: measured(name, value, why if value is None else "", unit) for name, value in values.items()},
        made,
    )


def plant(hours: Iterable[int]) -> Iterator[ClosedHour]:
    """A gas-fired unit that stands still on Sundays, starts on Mondays, and now and then has too much NOx."""
    for hour in hours:
        day, of_day = civil(Hour(hour))
        if day.weekday() == 6:
            yield closed(hour, dict.fromkeys(("NOXC", "CO2C", "FLOW", "H2O"), None), operating_time="0.00", why="off")
            continue
        starts = day.weekday() == 0 and of_day < 3
        wave = math.sin(hour / 37) * 3 + math.sin(hour / 5)
        nox = 21 + wave + (9 if starts else 0) + (6 if day.day == 17 and 9 <= of_day < 14 else 0)
        nox_text: str | None = f"{nox:.1f}"
        why = ""
        if of_day == CALIBRATING and day.day % 10 == 0:
            nox_text, why = None, "the quadrant 00-15 has no valid point: calibration"
        if day.day == 22 and 4 <= of_day < 10:
            nox_text, why = None, "all quadrants have no valid point: fault"
        carbon_text: str | None = None if why else f"{8.4 + wave / 20:.1f}"
        flow_text: str | None = None if day.day == 5 and of_day == 11 else f"{11_200_000 + 1000 * round(wave * 40)}"
        values = {"NOXC": nox_text, "CO2C": carbon_text, "FLOW": flow_text, "H2O": "15.0"}
        rate = None
        if carbon_text is not None and flow_text is not None:
            rate = f"{Decimal('5.7e-7') * Decimal(carbon_text) * Decimal(flow_text):.1f}"
        time = "0.50" if starts and of_day == 0 else "1.00"
        yield closed(
            hour, values, operating_time=time, is_startup=starts, why=why or "lost", computed={"CO2": (rate, "ton/h")}
        )
