"""What an ISO 14064-1 inventory is told by its file: organisation, factors with their versions, sources, base year."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta, field

from greenops_core.errors import ConfigError, Mistakes, nearest
from greenops_gateway.regulatory.amount import NOT_NEGATIVE, PERCENT, POSITIVE, SHARE, check_amount, check_amounts
from greenops_gateway.regulatory.excess_configuration import Text
from greenops_gateway.regulatory.global_warming import CO2E, GWP100, Version
from greenops_gateway.regulatory.iso14064 import CATEGORIES, Source
from greenops_telemetry.configuration import Section


class Organisation(Section, frozen=True, kw_only=True):
    """Who reports, within which *boundary* (operational or financial control, or equity share)."""

    name: Text
    responsible: str = ""
    boundary: Text
    intended_use: str = ""


class Factor(Section, frozen=True, kw_only=True):
    """kg of each gas per *per* (a unit); of *version* of *source*. With ``CO2e``, *gwp* says by which report.

    *is_biogenic*: its CO2 is of biomass. *uncertainty* is in percent (k = 2).
    """

    gases: Annotated[dict[str, Decimal], Meta(min_length=1)]
    per: Text
    source: Text
    version: Text
    uncertainty: Decimal
    is_biogenic: bool = False
    gwp: Version | None = None


class SourcePlan(Section, frozen=True, kw_only=True):
    """*amount* of something, in *unit*, that *factor* (by its name) makes emissions of.

    *accounting*: of imported energy, as the grid has it (``location``) or the contract does (``market``). *stack*: its
    CO2 leaves by that stack; if the stack is measured, it is counted there and not here.
    """

    name: Text
    category: Annotated[int, Meta(ge=1, le=6)]
    subcategory: str = ""
    amount: Decimal
    unit: Text
    uncertainty: Decimal
    factor: Text
    evidence: str = ""
    accounting: Literal["", "location", "market"] = ""
    is_removal: bool = False
    stack: str = ""


class MeasuredStack(Section, frozen=True, kw_only=True):
    """A stack whose CO2 is measured: category 1, from its hours; *uncertainty* in percent (k = 2)."""

    stack: Text
    parameter: Text = "CO2"
    uncertainty: Decimal
    biomass_fraction: Decimal = Decimal(0)


class BaseYear(Section, frozen=True, kw_only=True):
    """What the year is compared with; from *significance* percent of change in structure or method on, it is redone."""

    year: Annotated[int, Meta(ge=1990, le=2100)]
    total: Decimal
    gwp: Version
    reason: Text
    significance: Decimal = Decimal(5)
    recalculation: str = ""


class Output(Section, frozen=True, kw_only=True):
    """What an intensity is per."""

    name: Text
    value: Decimal
    unit: Text


class Exclusion(Section, frozen=True, kw_only=True):
    """What is not in the inventory, and why (ISO 14064-1, 5.2.3)."""

    what: Text
    why: Text


class InventoryConfiguration(Section, frozen=True, kw_only=True):
    """*gwp* is the assessment report of every potential; *potentials* are of gases that it does not name here.

    *imported_energy*: which accounting the total has; the other one is shown beside it.
    """

    organisation: Organisation
    gwp: Version
    potentials: dict[str, Decimal] = field(default_factory=dict)
    imported_energy: Literal["location", "market"] = "location"
    factors: dict[str, Factor] = field(default_factory=dict)
    sources: tuple[SourcePlan, ...] = ()
    measured: tuple[MeasuredStack, ...] = ()
    base_year: BaseYear | None = None
    outputs: tuple[Output, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    notes: str = ""

    @property
    def all_potentials(self) -> Mapping[str, Decimal]:
        """Kg CO2e per kg of each gas."""
        return {**GWP100[self.gwp], **self.potentials}

    def check(self) -> None:
        """Raises ConfigError: something does not fit, with the path to it; ConfigErrors: several."""
        mistakes = Mistakes()
        for name, factor in self.factors.items():
            with mistakes.within("factors", name):
                self._check_factor(factor)
        for number, source in enumerate(self.sources):
            with mistakes.within("sources", number):
                self._check_source(source)
        for number, each in enumerate(self.measured):
            with mistakes.within("measured", number):
                check_amounts(each, {"uncertainty": PERCENT, "biomass_fraction": SHARE})
        for number, output in enumerate(self.outputs):
            with mistakes.within("outputs", number):
                check_amount(output.value, POSITIVE, "value")
        with mistakes.within("base_year"):
            if self.base_year is not None:
                check_amounts(self.base_year, {"total": POSITIVE, "significance": PERCENT})
        with mistakes.within("potentials"):
            for gas, potential in self.potentials.items():
                check_amount(potential, POSITIVE, gas)
            for gas in self.potentials.keys() & GWP100[self.gwp].keys():
                raise ConfigError(f"{self.gwp} has one already; leave it out", (gas,))
        mistakes.tell()

    def _check_factor(self, factor: Factor) -> None:
        check_amount(factor.uncertainty, PERCENT, "uncertainty")
        for gas, value in factor.gases.items():
            check_amount(value, NOT_NEGATIVE, "gases", gas)
            if gas != CO2E and gas not in self.all_potentials:
                known = nearest(gas, [*self.all_potentials, CO2E])
                raise ConfigError(f"{self.gwp} has no '{gas}'{known}; or say it in potentials", ("gases", gas))
        if CO2E in factor.gases and factor.gwp is None:
            raise ConfigError("say by which report its CO2e is: AR4, AR5 or AR6", ("gwp",))
        if factor.is_biogenic and CO2E in factor.gases:
            raise ConfigError("a biogenic factor names its gases: CO2 apart from CH4 and N2O", ("gases", CO2E))

    def _check_source(self, source: SourcePlan) -> None:
        check_amounts(source, {"amount": NOT_NEGATIVE, "uncertainty": PERCENT})
        factor = self.factors.get(source.factor)
        if factor is None:
            raise ConfigError(
                f"there is no factor '{source.factor}'{nearest(source.factor, self.factors)}", ("factor",)
            )
        if factor.per != source.unit:
            raise ConfigError(f"the factor is per {factor.per}, the amount in {source.unit}", ("unit",))
        if source.accounting and source.category != 2:
            raise ConfigError(f"that is for imported energy (category 2), not for {source.category}", ("accounting",))
        if source.category == 2 and not source.accounting:
            raise ConfigError("write location or market: what is the factor of?", ("accounting",))
        if source.stack in {each.stack for each in self.measured} and {"CO2", CO2E} & factor.gases.keys():
            raise ConfigError(
                f"the CO2 of {source.stack} is measured: it would count twice; give a factor of CH4 and N2O alone",
                ("stack",),
            )

    def counted(self) -> Iterator[Source]:
        """What the file's sources come to."""
        for plan in self.sources:
            factor = self.factors[plan.factor]
            yield Source(
                plan.name,
                plan.category,
                plan.subcategory or CATEGORIES[plan.category],
                plan.amount,
                factor.gases,
                plan.uncertainty,
                factor.uncertainty,
                plan.factor,
                factor.is_biogenic,
                plan.is_removal,
                plan.accounting in {"", self.imported_energy},
            )
