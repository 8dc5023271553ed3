"""How one parameter of a stack is substituted under 40 CFR 75 Subpart D, as configured."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from greenops_gateway.cems.hour import Hour, read
from greenops_gateway.cems.parameter import PARAMETERS, Parameter
from greenops_telemetry.configuration import Section

BINNED = frozenset({"NOXC", "NOXR", "FLOW"})
"""Parameters that go by load bins and 2160 hours; the others go by the hour before and after and 720 hours."""
LOW = frozenset({"O2C", "O2D", "O2W", "H2O"})
"""Parameters of which a low value is the conservative one (75.36, 75.37)."""
CONTROLLABLE = frozenset({"SO2C", "NOXC", "NOXR"})
"""Parameters that add-on controls reduce (75.34)."""
_RATE = Parameter("NOXR", "NOx emission rate", "lb/mmBtu", places=3, bias=True)


class AddOnControls(Section, frozen=True, kw_only=True):
    """Add-on emission controls, 40 CFR 75.34. *maximum_expected* is the MEC, or the maximum controlled rate (MCR).

    *option* ``table``: the standard table in hours in which the controls are documented to work (75.34(a)(1)).
    ``controlled``: in such hours, the maximum controlled value instead of the maximum below 90 % availability, and the
    greater of *maximum_expected* and 1.25 times the maximum controlled value below 80 % (75.34(a)(3) and (5)). In any
    other hour: the maximum potential. Which code goes with which of these awaits confirmation.
    """

    maximum_expected: Decimal
    option: Literal["table", "controlled"] = "table"


class SubstitutionPlan(Section, frozen=True, kw_only=True):
    """The missing data procedure of *parameter*, whose system was certified in the hour *certified*.

    *potential* is the maximum potential value (MPC, MPF, MER), the minimum one where low values are conservative;
    *potential_of_fuel* has it by fuel, and when there is any, lookbacks are by fuel as well (75.33(b)(5), (c)(7)).
    *conservative* is for moisture: ``high`` when equation 19-3, 19-4 or 19-8 is used (75.37(d)(2)). *bins* ``load`` is
    for a unit that makes power or steam; ``operational`` and ``none`` are for others (Appendix C, 3).
    """

    parameter: Literal["SO2C", "NOXC", "NOXR", "CO2C", "O2C", "O2D", "O2W", "H2O", "FLOW"]
    certified_: Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT([01]\d|2[0-3])$")] = msgspec.field(name="certified")
    potential: Decimal
    potential_of_fuel: dict[str, Decimal] = msgspec.field(default_factory=dict)
    conservative: Literal["", "high", "low"] = ""
    bins: Literal["load", "operational", "none"] = "load"
    load_bins: Literal[10, 20] = 10
    controls: AddOnControls | None = None

    def __post_init__(self) -> None:
        """That the keys fit each other.

        Raises:
            ValueError: they do not.
        """
        self.certified  # noqa: B018  # a date that does not exist is found here
        controls = () if self.controls is None else (self.controls.maximum_expected,)
        for value in (self.potential, *self.potential_of_fuel.values(), *controls):
            if value < 0:
                raise ValueError(f"{value} can be no potential or expected value; give one that is not negative")
        if self.conservative and self.parameter != "H2O":
            raise ValueError("'conservative' is for H2O; of every other parameter it is known, so leave it out")
        if self.controls is not None and self.parameter not in CONTROLLABLE:
            raise ValueError(f"add-on controls do not reduce {self.parameter}; leave 'controls' out")

    @property
    def certified(self) -> Hour:
        """The first hour of quality-assured data."""
        return read(self.certified_)

    @property
    def is_binned(self) -> bool:
        return self.parameter in BINNED

    @property
    def is_low(self) -> bool:
        """Whether a low value is the conservative one."""
        return self.conservative == "low" or (not self.conservative and self.parameter in LOW)

    @property
    def depth(self) -> int:
        """Quality-assured hours in the lookback, and after which the standard procedures begin (75.31(a), 75.33(a))."""
        return 2160 if self.is_binned else 720

    @property
    def kind(self) -> Parameter:
        """How the parameter is written."""
        return PARAMETERS.get(self.parameter, _RATE)

    def written(self, value: Decimal) -> Decimal:
        """*value* rounded as the parameter is reported, half away from zero."""
        return self.kind.written(value)

    def potential_for(self, fuel: str) -> Decimal:
        """The maximum (minimum) potential value while *fuel* burns."""
        return self.potential_of_fuel.get(fuel, self.potential)
