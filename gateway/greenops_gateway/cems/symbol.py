"""The inputs that equations share, by the symbols of the plan: measured as ECMPS names them, constants, operation."""

from __future__ import annotations

from decimal import Decimal

from greenops_gateway.cems.formula import Bounds, Kind, Need

TIME = "h/h"
"""Unit of a share of the hour."""
ENDLESS = Decimal("Infinity")
AT_LEAST_ZERO = Bounds(Decimal(0), ENDLESS)
POSITIVE = Bounds(Decimal(0), ENDLESS, above=True)
PERCENT = Bounds(Decimal(0), Decimal(100))
PPM = Bounds(Decimal(0), Decimal(1000000))
FRACTION = Bounds(Decimal(0), Decimal(1))
SOME_MOISTURE = Bounds(Decimal(0), Decimal(100), below=True)
"""Percent by volume; a stack full of water vapour has no dry gas to speak of."""

SO2C = Need("SO2C", "ppm", Kind.MEASURED, PPM)
NOXC = Need("NOXC", "ppm", Kind.MEASURED, PPM)
COC = Need("COC", "ppm", Kind.MEASURED, PPM)
HCLC = Need("HCLC", "ppm", Kind.MEASURED, PPM)
HFC = Need("HFC", "ppm", Kind.MEASURED, PPM)
HGC = Need("HGC", "ug/scm", Kind.MEASURED, AT_LEAST_ZERO)
PMC = Need("PMC", "mg/scm", Kind.MEASURED, AT_LEAST_ZERO)
CO2C = Need("CO2C", "%", Kind.MEASURED, PERCENT)
O2C = Need("O2C", "%", Kind.MEASURED, PERCENT)
O2D = Need("O2D", "%", Kind.MEASURED, PERCENT, "dry")
O2W = Need("O2W", "%", Kind.MEASURED, PERCENT, "wet")
H2O = Need("H2O", "%", Kind.MEASURED, SOME_MOISTURE)
FLOW = Need("FLOW", "scfh", Kind.MEASURED, AT_LEAST_ZERO, "wet")

HI = Need("HI", "mmBtu/h", Kind.COMPUTED, AT_LEAST_ZERO)
NOXR = Need("NOXR", "lb/mmBtu", Kind.COMPUTED, AT_LEAST_ZERO)

GAS = Need("GAS", "hscf/h", Kind.FUEL, AT_LEAST_ZERO)
OIL = Need("OIL", "lb/h", Kind.FUEL, AT_LEAST_ZERO)

FD = Need("Fd", "dscf/mmBtu", Kind.CONSTANT, POSITIVE)
FC = Need("Fc", "scf CO2/mmBtu", Kind.CONSTANT, POSITIVE)
FW = Need("Fw", "wscf/mmBtu", Kind.CONSTANT, POSITIVE)
ER = Need("ER", "lb/mmBtu", Kind.CONSTANT, AT_LEAST_ZERO)
GCV_GAS = Need("GCV", "Btu/hscf", Kind.CONSTANT, POSITIVE)
GCV_MASS = Need("GCV", "Btu/lb", Kind.CONSTANT, POSITIVE)
S_GAS = Need("S", "gr/hscf", Kind.CONSTANT, AT_LEAST_ZERO)
S_OIL = Need("S", "% by mass", Kind.CONSTANT, PERCENT)
BWA = Need("BWA", "fraction", Kind.CONSTANT, FRACTION, default=Decimal("0.027"))
"""Moisture of ambient air; Method 19 gives the default for where nobody measures it."""
O2CAP = Need("O2CAP", "%", Kind.CONSTANT, PERCENT)
O2REF = Need("O2REF", "%", Kind.CONSTANT, PERCENT)
CO2REF = Need("CO2REF", "%", Kind.CONSTANT, PERCENT)

LOAD = Need("LOAD", "MW", Kind.OPERATION, POSITIVE)
T = Need("T", TIME, Kind.OPERATION, FRACTION, each=True)
"""Of each fuel, unit or stack: the share of the hour in which it operated."""
TU = Need("TU", TIME, Kind.OPERATION, FRACTION).positive()
"""Operating time of the unit."""
TCS = Need("TCS", TIME, Kind.OPERATION, FRACTION).positive()
"""Operating time of the common stack."""
