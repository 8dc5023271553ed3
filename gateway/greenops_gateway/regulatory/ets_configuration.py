"""What an EU ETS annual emission report is told by its file: installation, measuring points, source streams."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta

from greenops_core.errors import ConfigError, Mistakes, within
from greenops_gateway.cems.hour import Hour
from greenops_gateway.regulatory.amount import (
    NOT_NEGATIVE,
    PERCENT,
    POSITIVE,
    SHARE,
    check_amount,
    check_amounts,
)
from greenops_gateway.regulatory.excess_configuration import Text, hour_of
from greenops_telemetry.configuration import Section

Basis = Literal["wet", "dry"]


class Installation(Section, frozen=True, kw_only=True):
    """Who reports. *category* is what the monitoring plan has, from A to C; *verifier* is who checks the report."""

    name: Text
    operator: str = ""
    permit: str = ""
    address: str = ""
    monitoring_plan: str = ""
    category: Literal["A", "B", "C"]
    verifier: str = ""


class Concentration(Section, frozen=True, kw_only=True):
    """The gas's concentration: the hour's *parameter*, in *unit*, on *basis*."""

    parameter: Text = "CO2C"
    unit: Literal["g/Nm3", "mg/Nm3", "%", "ppm"]
    basis: Basis


class Flow(Section, frozen=True, kw_only=True):
    """The flue gas flow: the hour's *parameter*, in *unit*, on *basis*."""

    parameter: Text = "FLOW"
    unit: Literal["Nm3/h", "scfh"]
    basis: Basis


class MissingFlow(Section, frozen=True, kw_only=True):
    """The flow (Nm3/h, on the basis of the concentration) in the hours *first* to *last*, by Art. 45(4)."""

    first: str
    last: str
    flow: Decimal
    method: Literal["mass balance", "energy balance"]
    why: Text

    def hours(self) -> range:
        """The hours it is for.

        Raises:
            ConfigError: one is none, they are in the wrong order, or the flow is none.
        """
        check_amount(self.flow, POSITIVE, "flow")
        first, last = hour_of(self.first, "first"), hour_of(self.last, "last")
        if last < first:
            raise ConfigError("it ends before it begins", ("last",))
        return range(first, last + 1)


class Biomass(Section, frozen=True, kw_only=True):
    """The *fraction* (0 to 1) of the carbon that is biogenic, and how that is known (Art. 39)."""

    fraction: Decimal = Decimal(0)
    method: str = ""

    def check(self) -> None:
        """Raises ConfigError: it is no fraction, or nobody says how it is known."""
        check_amount(self.fraction, SHARE, "fraction")
        if self.fraction and not self.method:
            raise ConfigError("say how the fraction is known (Art. 39)", ("method",))


class MeasuringPoint(Section, frozen=True, kw_only=True):
    """A stack whose emissions are measured. Uncertainties are those of the year's mean, in percent (k = 2).

    *moisture* is the parameter (percent) that leads from dry to wet where concentration and flow differ in that.
    """

    stack: Text
    gas: Literal["CO2", "N2O"] = "CO2"
    concentration: Concentration
    flow: Flow
    moisture: str = ""
    tier: Annotated[int, Meta(ge=0, le=4)]
    concentration_uncertainty: Decimal
    flow_uncertainty: Decimal
    biomass: Biomass = Biomass()
    missing_flow: tuple[MissingFlow, ...] = ()

    def check(self) -> None:
        """Raises ConfigError: something does not fit; with the path to it."""
        mistakes = Mistakes()
        with mistakes.within():
            if self.gas == "N2O" and self.tier > 3:
                raise ConfigError("N2O has no tier above 3", ("tier",))
        with mistakes.within():
            if self.concentration.basis != self.flow.basis and not self.moisture:
                raise ConfigError(
                    f"the concentration is {self.concentration.basis} and the flow {self.flow.basis}: name the "
                    "parameter that says how much moisture lies between them, such as H2O",
                    ("moisture",),
                )
        with mistakes.within():
            check_amounts(self, {"concentration_uncertainty": PERCENT, "flow_uncertainty": PERCENT})
        with mistakes.within("biomass"):
            self.biomass.check()
        for number, each in enumerate(self.missing_flow):
            with mistakes.within("missing_flow", number):
                each.hours()
        mistakes.tell()

    def flows(self) -> Iterator[tuple[Hour, Decimal]]:
        """Hour and flow of what is given for missing ones."""
        for each in self.missing_flow:
            for hour in each.hours():
                yield Hour(hour), each.flow


class SourceStream(Section, frozen=True, kw_only=True):
    """A fuel or material: its CO2 is calculated. *net_calorific_value* is GJ per *unit*, *emission_factor* t CO2/TJ.

    *role*: part of the total, or what a measuring point is compared with (Art. 46); then *stack* says which.
    """

    name: Text
    role: Literal["total", "corroboration"]
    stack: str = ""
    activity: Decimal
    unit: Text
    net_calorific_value: Decimal
    emission_factor: Decimal
    oxidation_factor: Decimal = Decimal(1)
    biomass: Biomass = Biomass()
    uncertainty: Decimal | None = None
    tiers: str = ""
    source: str = ""

    def check(self, stacks: Collection[str]) -> None:
        """Raises ConfigError: a number cannot be, or it is compared with none of *stacks*."""
        amounts = ("activity", "net_calorific_value", "emission_factor")
        check_amounts(self, {**dict.fromkeys(amounts, NOT_NEGATIVE), "oxidation_factor": SHARE, "uncertainty": PERCENT})
        with within("biomass"):
            self.biomass.check()
        if self.role == "corroboration" and self.stack not in stacks:
            raise ConfigError(f"'{self.stack}' is not measured; name the stack that it is compared with", ("stack",))


class EtsConfiguration(Section, frozen=True, kw_only=True):
    """*transferred* are tonnes of CO2 that left by transfer and are taken off the total (Art. 49)."""

    installation: Installation
    measured: Annotated[tuple[MeasuringPoint, ...], Meta(min_length=1)]
    streams: tuple[SourceStream, ...] = ()
    transferred: Decimal = Decimal(0)
    notes: str = ""

    def check(self) -> None:
        """Raises ConfigError: something does not fit, with the path to it; ConfigErrors: several."""
        mistakes = Mistakes()
        stacks = [point.stack for point in self.measured]
        for number, point in enumerate(self.measured):
            with mistakes.within("measured", number):
                point.check()
                if point.stack in stacks[:number] and point.gas in {
                    other.gas for other in self.measured[:number] if other.stack == point.stack
                }:
                    raise ConfigError(f"{point.gas} of {point.stack} is measured above already", ("stack",))
        for number, stream in enumerate(self.streams):
            with mistakes.within("streams", number):
                stream.check(stacks)
        with mistakes.within():
            check_amount(self.transferred, NOT_NEGATIVE, "transferred")
        mistakes.tell()
