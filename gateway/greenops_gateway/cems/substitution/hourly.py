"""One parameter hour by hour, as substitution takes it from closed hours."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from greenops_gateway.cems.hour import Hour
from greenops_gateway.cems.record import ClosedHour, Measured
from greenops_gateway.cems.substitution import method
from greenops_gateway.cems.substitution.load_bin import load_bin
from greenops_gateway.cems.substitution.plan import SubstitutionPlan

MADE_FROM: Mapping[str, tuple[str, ...]] = {"NOXR": ("NOXC",), "CO2C": ("O2C", "O2D", "O2W"), "H2O": ("O2W", "O2D")}
"""Whose method of determination a parameter has that is computed from others."""


class Hourly(NamedTuple):
    """A parameter of an hour. *value* is bias-adjusted and, like *unadjusted*, absent when missing.

    *load_bin* is absent when the load is not known, and 0 where there are no bins. *is_controlled*: the add-on controls
    are documented to have worked.
    """

    hour: Hour
    value: Decimal | None
    unadjusted: Decimal | None = None
    method: str = "01"
    is_operating: bool = True
    load_bin: int | None = 0
    fuel: str = ""
    is_controlled: bool = False


class Documented(NamedTuple):
    """What is known of hours beside the measured plane.

    *controlled*: hours with parametric proof that add-on controls worked (75.34(d)). *inlet*: what a certified monitor
    before the controls measured. *operational_bins*: of a unit without load.
    """

    controlled: Container[Hour] = frozenset()
    inlet: Mapping[Hour, Measured] = {}
    operational_bins: Mapping[Hour, int] = {}


def series(
    plan: SubstitutionPlan,
    hours: Sequence[ClosedHour],
    maximum_load: Decimal | None = None,
    documented: Documented | None = None,
) -> list[Hourly]:
    """The parameter of *plan* over *hours*; *maximum_load* is in the unit of the hours' load.

    Where the outlet has no value and the controls are not documented to have worked, the inlet's stands in (MODC 22).
    """
    beside = documented or Documented()
    return [_hourly(plan, hour, maximum_load, beside) for hour in hours]


def _hourly(plan: SubstitutionPlan, hour: ClosedHour, maximum_load: Decimal | None, beside: Documented) -> Hourly:
    measured = _measured(hour, plan.parameter)
    is_controlled = hour.hour in beside.controlled
    inlet = beside.inlet.get(hour.hour)
    if measured.value is None and not is_controlled and inlet is not None and inlet.value is not None:
        measured = inlet._replace(method=method.INLET)
    return Hourly(
        hour.hour,
        measured.value,
        measured.unadjusted,
        measured.method,
        hour.is_operating,
        _bin(plan, hour, maximum_load, beside.operational_bins),
        hour.fuel,
        is_controlled,
    )


def _measured(hour: ClosedHour, parameter: str) -> Measured:
    """As measured or, if it is not, as computed: then by the method of what it is made from."""
    if parameter in hour.measured:
        return hour.measured[parameter]
    computed = hour.computed.get(parameter)
    if computed is None or computed.value is None:
        return Measured(parameter, None, None, "")
    sources = (hour.measured[source] for source in MADE_FROM.get(parameter, ()) if source in hour.measured)
    code = computed.method or next((source.method for source in sources if source.value is not None), "01")
    return Measured(parameter, computed.value, computed.unadjusted, code)


def _bin(
    plan: SubstitutionPlan, hour: ClosedHour, maximum_load: Decimal | None, operational: Mapping[Hour, int]
) -> int | None:
    if not plan.is_binned or plan.bins == "none":
        return 0
    if plan.bins == "operational":
        return operational.get(hour.hour)
    if hour.load is None or maximum_load is None:
        return None
    return load_bin(hour.load, maximum_load, plan.load_bins)
