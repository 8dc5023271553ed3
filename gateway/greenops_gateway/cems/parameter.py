"""What can be measured in an hour, and how its average is written: unit, rounding, bias adjustment, exceedance."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from greenops_gateway.cems.decimals import rounded, to_nearest


class Parameter(NamedTuple):
    """*quantity*, by its ECMPS *name*; its hourly average is in *unit*, to *places* decimals or to the nearest *step*.

    *bias*: a bias adjustment factor from a relative accuracy test may apply. *doubled*: beyond full scale, 200 % of the
    range is what the hour counts as.
    """

    name: str
    quantity: str
    unit: str
    places: int = 1
    step: int = 0
    bias: bool = False
    doubled: bool = False

    def written(self, value: Decimal, places: int | None = None) -> Decimal:
        """*value* as the average of an hour is written, half away from zero; *places* as a plan has it, if it does.

        >>> PARAMETERS["SO2C"].written(Decimal("250.05")), PARAMETERS["FLOW"].written(Decimal(11782500))
        (Decimal('250.1'), Decimal('11783000'))
        """
        if places is None and self.step:
            return to_nearest(value, self.step)
        return rounded(value, self.places if places is None else places)

    def rounding(self, places: int | None = None) -> str:
        """The same in words."""
        if places is None and self.step:
            return f"rounded half up to the nearest {self.step}"
        kept = self.places if places is None else places
        return f"rounded half up to {kept} decimal{'' if kept == 1 else 's'}"


_ALL = (
    Parameter("SO2C", "SO2 concentration", "ppm", bias=True, doubled=True),
    Parameter("NOXC", "NOx concentration", "ppm", bias=True, doubled=True),
    Parameter("CO2C", "CO2 concentration", "%"),
    Parameter("O2C", "O2 concentration", "%"),
    Parameter("O2D", "O2 concentration, dry, where wet O2 is measured too", "%"),
    Parameter("O2W", "O2 concentration, wet, where dry O2 is measured too", "%"),
    Parameter("H2O", "moisture", "%"),
    Parameter("FLOW", "volumetric flow, wet, at 68 F and 29.92 inHg", "scfh", step=1000, bias=True, doubled=True),
    Parameter("COC", "CO concentration", "ppm"),
    Parameter("HCLC", "HCl concentration", "ppm"),
    Parameter("HFC", "HF concentration", "ppm"),
    Parameter("HGC", "Hg concentration", "ug/scm", places=3),
    Parameter("PMC", "particulate concentration", "mg/scm"),
    Parameter("N2OC", "N2O concentration", "ppm"),
    Parameter("NH3C", "NH3 concentration", "ppm"),
    Parameter("TOCC", "total organic carbon concentration", "ppm"),
    Parameter("TEMP", "stack gas temperature", "K"),
    Parameter("PRES", "stack gas pressure", "kPa"),
    Parameter("GAS", "gaseous fuel flow", "hscf/h"),
    Parameter("OIL", "oil flow", "lb/h"),
)

PARAMETERS: Mapping[str, Parameter] = {parameter.name: parameter for parameter in _ALL}
"""By name. The decimals of SO2C, NOXC, CO2C, O2C, H2O and FLOW are those of 40 CFR 75 and the ECMPS emissions reporting
instructions; those of the others are ours and await confirmation: a plan may set its own."""

MOST = Decimal(10) ** 12
"""No unit here makes a value as large as this; whoever gives one is at fault, and no digits would be left to round."""

BIAS_ADJUSTED_RATES: Mapping[str, int] = {"NOXR": 3}
"""Computed parameters that have a bias adjustment factor of their own, with the decimals of what is adjusted: their
system is tested as a whole (40 CFR 75 Appendix A, 7.6.5)."""
