"""What ECMPS knows of a stack beyond what its hours are made of: codes and ids of the monitoring plan, as configured.

What an hour is made of, with the ids of systems and components, is in the plan of the stack (``cems/plan.py``).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from greenops_core.errors import ConfigError
from greenops_telemetry.configuration import Section

FormulaId = Annotated[str, Meta(pattern=r"^[A-Z0-9\-]{1,3}$")]
SystemId = Annotated[str, Meta(pattern=r"^([A-Z0-9]{1,3})?$")]
UnitId = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9\-\*#]{1,6}$")]
StackPipeId = Annotated[str, Meta(pattern=r"^[CcMmXx][SsPp][a-zA-Z0-9\-]{1,4}$")]
Code = Annotated[str, Meta(pattern=r"^[A-Z0-9]{1,7}$")]


class FormulaPlan(Section, frozen=True, kw_only=True):
    """The *formula* of the monitoring plan that a computed parameter has, and the *system* where it is one's (NOXR)."""

    formula: FormulaId
    system: SystemId = ""


class FlowValue(Section, frozen=True, kw_only=True):
    """What is told of a fuel beside its flow: the parameter *of* the hour, or a constant *value*, in *unit*."""

    of: str = ""
    value: Decimal | None = None
    formula: Annotated[str, Meta(pattern=r"^([A-Z0-9\-]{1,3})?$")] = ""
    unit: Code
    sample_type: str = ""


class FuelFlow(Section, frozen=True, kw_only=True):
    """A fuel that is metered: its flow is the measured parameter *of* the hour, such as GAS, in *unit* (HSCF, LBHR)."""

    of: str
    code: Code
    unit: Code
    system: SystemId
    is_mass: bool = False
    values: dict[Code, FlowValue] = msgspec.field(default_factory=dict)


class EcmpsPlan(Section, frozen=True, kw_only=True):
    """A monitoring location of ECMPS: a unit or a stack (or pipe), one of both; its hours are those of *stack*.

    *fuels* are the fuel codes by the words for fuels of the stack's plan. *formulas* are by computed parameter.
    """

    stack: Annotated[str, Meta(min_length=1)]
    oris_code: Annotated[int, Meta(ge=1, le=999999)]
    unit_id: UnitId | None = None
    stack_pipe_id: StackPipeId | None = None
    formulas: dict[str, FormulaPlan] = msgspec.field(default_factory=dict)
    fuels: dict[str, Code] = msgspec.field(default_factory=dict)
    fuel_flows: tuple[FuelFlow, ...] = ()
    load_bins: Literal[0, 10, 20] = 10
    comment: str | None = None

    def check(self) -> None:
        """Raises ConfigError: it is no location, or both kinds."""
        if (self.unit_id is None) == (self.stack_pipe_id is None):
            raise ConfigError("give unit_id, or stack_pipe_id: a location is one of both")
        for index, flow in enumerate(self.fuel_flows):
            for code, each in flow.values.items():
                if (each.value is None) == (not each.of):
                    raise ConfigError("give of, or value: one of both", ("fuel_flows", index, "values", code))

    @property
    def location(self) -> dict[str, str | None]:
        """The two keys that say where, as each record has them."""
        return {"stackPipeId": self.stack_pipe_id, "unitId": self.unit_id}
