"""What an hour of a stack is made of, as configured: measured parameters, operation, constants, equations.

Numbers are decimal. One of more than fifteen digits is written as text, in quotes, so that each of them counts.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from greenops_gateway.cems.hour import StandardTime
from greenops_telemetry.configuration import Section

Place = Annotated[
    str,
    Meta(
        pattern=r"^([A-Za-z0-9][A-Za-z0-9_.-]*/[A-Za-z0-9][A-Za-z0-9_.-]*)?$",
        description="device/point, or empty when the value is given by hand",
    ),
]


class ParameterPlan(Section, frozen=True, kw_only=True):
    """A measured parameter. *unit* is what its readings and averages are in; empty is the parameter's own.

    *full_scale* is the upper end of the range, *maximum_potential* what substitution may come to (MPC, MPF), *method*
    the method of determination code of a valid hour (01 primary, 02 backup). *decimals* is how its average is rounded
    where no regulation says. *system* and *component* are the ids of the monitoring plan.
    """

    point: Place = ""
    unit: str = ""
    span: Decimal | None = None
    full_scale: Decimal | None = None
    maximum_potential: Decimal | None = None
    bias_adjustment_factor: Decimal = Decimal("1.000")
    basis: Literal["", "wet", "dry"] = ""
    system: str = ""
    component: str = ""
    method: Literal["01", "02", "03", "04", "17", "22"] = "01"
    decimals: Annotated[int, Meta(ge=0, le=6)] | None = None


class Above(Section, frozen=True, kw_only=True):
    """A state that lasts while *point* is greater than *above*, in the point's own unit."""

    point: Place = ""
    above: Decimal = Decimal(0)


class Load(Section, frozen=True, kw_only=True):
    """Gross load in *unit*; *maximum* is the greatest of an hour, which load bins divide."""

    point: Place = ""
    unit: Literal["MW", "KLBHR", "MMBTUHR"] = "MW"
    maximum: Decimal


class StackPlan(Section, frozen=True, kw_only=True):
    """What an hour of *stack* is made of. *computed* is parameter to equation, in any order.

    *increment* is the part of an hour in which operating time is counted (40 CFR 75.57(b)(2)). *first_level* is how
    often, in seconds, there is a first-level value for a rule that asks for a share of them (EN 17255, EU ETS).
    *diluent_cap* stands for the diluent (O2C, CO2C) in the rates of startup and shutdown hours.
    *bias_adjustment_factors* are those of computed parameters (NOXR).
    """

    stack: Annotated[str, Meta(min_length=1)]
    standard_time_: Annotated[str, Meta(extra_json_schema={"pattern": r"^[+-]\d\d:(00|15|30|45)$"})] = msgspec.field(
        name="standard_time"
    )
    validity: Literal["part75", "part60", "en17255", "eu_ets"] = "part75"
    measured: dict[str, ParameterPlan]
    operating: Above | None = None
    startup: Above | None = None
    load: Load | None = None
    increment: Decimal = Decimal("0.01")
    first_level: Literal[1, 2, 5, 10, 15, 20, 30, 60] = 60
    fuel: str = ""
    constants: dict[str, Decimal] = msgspec.field(default_factory=dict)
    computed: dict[str, str] = msgspec.field(default_factory=dict)
    bias_adjustment_factors: dict[str, Decimal] = msgspec.field(default_factory=dict)
    diluent_cap: dict[str, Decimal] = msgspec.field(default_factory=dict)

    @property
    def standard_time(self) -> StandardTime:
        """Local standard time, all year."""
        return StandardTime.of(self.standard_time_)
