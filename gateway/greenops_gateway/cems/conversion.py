"""Conversions of concentrations and flows, in decimals and unrounded.

Between ppm, mg/m3 and lb/scf; to another temperature, pressure, moisture; to a reference content of oxygen or carbon
dioxide; and the caps on a diluent. A ppm is by volume, of an ideal gas.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

from greenops_core.errors import nearest
from greenops_gateway.cems.decimals import in_decimals
from greenops_gateway.cems.gas import CUBIC_FEET_PER_POUND_MOLE, EPA_K, MOLAR_MASS, NORMAL, Condition

MILLIGRAMS_PER_POUND = Decimal("453592.37")
CUBIC_METRES_PER_CUBIC_FOOT = Decimal("0.028316846592")
TONNES_PER_SHORT_TON = Decimal("0.90718474")
KILOPASCALS_PER_INCH_OF_MERCURY = Decimal("3.386389")
ICE_POINT = Decimal("273.15")

BOILER_CAPS: Mapping[str, Decimal] = MappingProxyType({"CO2C": Decimal("5.0"), "O2C": Decimal("14.0")})
"""Diluent caps (%) of boilers for hours of startup and shutdown; 40 CFR 75 Appendix F section 3.3.4, 63.10007(f)."""
TURBINE_CAPS: Mapping[str, Decimal] = MappingProxyType({"CO2C": Decimal("1.0"), "O2C": Decimal("19.0")})
"""The same for combustion turbines."""
KKKK_CAPS: Mapping[str, Decimal] = MappingProxyType({"O2C": Decimal("19.0")})
"""40 CFR 60.4350(b): O2 above it may count as 19.0 %; from memory, awaits confirmation."""


class ConversionError(ValueError):
    """There is no such value; *symbol* names what is at fault."""

    def __init__(self, symbol: str, message: str) -> None:
        super().__init__(f"{symbol} {message}")
        self.symbol = symbol


def molar_mass(gas: str) -> Decimal:
    """Grams per mole.

    Raises:
        ConversionError: nobody knows the gas.
    """
    if gas not in MOLAR_MASS:
        raise ConversionError("gas", f"'{gas}' is not known{nearest(gas, MOLAR_MASS)}; known: {', '.join(MOLAR_MASS)}")
    return MOLAR_MASS[gas]


@in_decimals
def mg_per_m3(ppm: Decimal, gas: str, at: Condition = NORMAL) -> Decimal:
    """*ppm* of *gas* in mg/m3, the volume at *at*.

    >>> mg_per_m3(Decimal(100), "NOX").quantize(Decimal("0.01"))
    Decimal('205.25')

    Raises:
        ConversionError: nobody knows the gas.
    """
    return ppm * molar_mass(gas) / at.litres_per_mole


@in_decimals
def ppm(mg_per_m3: Decimal, gas: str, at: Condition = NORMAL) -> Decimal:
    """The reverse of ``mg_per_m3``.

    Raises:
        ConversionError: nobody knows the gas.
    """
    return mg_per_m3 * at.litres_per_mole / molar_mass(gas)


@in_decimals
def lb_per_scf(ppm: Decimal, gas: str) -> Decimal:
    """*ppm* of *gas* in lb/scf (68 F, 29.92 inHg), by EPA's constant where it prescribes one.

    >>> lb_per_scf(Decimal(1), "SO2"), lb_per_scf(Decimal(1), "NH3").quantize(Decimal("1e-11"))
    (Decimal('1.660E-7'), Decimal('4.420E-8'))

    Raises:
        ConversionError: nobody knows the gas.
    """
    return ppm * _pounds_per_ppm(gas)


@in_decimals
def ppm_of_lb_per_scf(lb_per_scf: Decimal, gas: str) -> Decimal:
    """The reverse of ``lb_per_scf``.

    Raises:
        ConversionError: nobody knows the gas.
    """
    return lb_per_scf / _pounds_per_ppm(gas)


def _pounds_per_ppm(gas: str) -> Decimal:
    if gas in EPA_K:
        return EPA_K[gas]
    return molar_mass(gas) / (CUBIC_FEET_PER_POUND_MOLE * 1000000)


@in_decimals
def mg_per_scm(lb_per_scf: Decimal) -> Decimal:
    """*lb_per_scf* in mg/m3 at the same conditions (68 F, 29.92 inHg)."""
    return lb_per_scf * MILLIGRAMS_PER_POUND / CUBIC_METRES_PER_CUBIC_FOOT


@in_decimals
def lb_per_scf_of_mg(mg_per_scm: Decimal) -> Decimal:
    """The reverse of ``mg_per_scm``."""
    return mg_per_scm * CUBIC_METRES_PER_CUBIC_FOOT / MILLIGRAMS_PER_POUND


@in_decimals
def kelvin_of_celsius(celsius: Decimal) -> Decimal:
    """Raises ConversionError: below absolute zero."""
    return _above_zero("temperature", celsius + ICE_POINT, "K")


@in_decimals
def kelvin_of_fahrenheit(fahrenheit: Decimal) -> Decimal:
    """As ``kelvin_of_celsius``.

    >>> kelvin_of_fahrenheit(Decimal(68))
    Decimal('293.15')
    """
    return kelvin_of_celsius((fahrenheit - 32) * 5 / 9)


@in_decimals
def kilopascals(inches_of_mercury: Decimal) -> Decimal:
    return inches_of_mercury * KILOPASCALS_PER_INCH_OF_MERCURY


@in_decimals
def at_temperature(mass_per_volume: Decimal, measured: Decimal, reference: Decimal) -> Decimal:
    """A concentration by mass, of gas at *measured* K, for gas at *reference* K.

    Raises:
        ConversionError: a temperature is not above absolute zero.
    """
    return mass_per_volume * _above_zero("TEMP", measured, "K") / _above_zero("reference", reference, "K")


@in_decimals
def at_pressure(mass_per_volume: Decimal, measured: Decimal, reference: Decimal) -> Decimal:
    """A concentration by mass, of gas at *measured* kPa (absolute), for gas at *reference* kPa.

    Raises:
        ConversionError: a pressure is not above zero.
    """
    return mass_per_volume * _above_zero("reference", reference, "kPa") / _above_zero("PRES", measured, "kPa")


@in_decimals
def flow_at(volume_per_time: Decimal, measured: tuple[Decimal, Decimal], reference: Condition) -> Decimal:
    """A volume flow of gas at *measured* (K, kPa absolute) as it is at *reference*.

    Raises:
        ConversionError: a temperature or pressure is not above zero.
    """
    kelvin, pressure = _above_zero("TEMP", measured[0], "K"), _above_zero("PRES", measured[1], "kPa")
    return volume_per_time * (reference.kelvin / kelvin) * (pressure / reference.kilopascals)


@in_decimals
def dry(wet: Decimal, moisture: Decimal) -> Decimal:
    """A concentration in wet gas with *moisture* % of water, for the dry gas.

    Raises:
        ConversionError: *moisture* is not from 0 to below 100.
    """
    return wet * 100 / (100 - _moisture(moisture))


@in_decimals
def wet(dry: Decimal, moisture: Decimal) -> Decimal:
    """The reverse of ``dry``, under the same condition.

    Raises:
        ConversionError: as ``dry``.
    """
    return dry * (100 - _moisture(moisture)) / 100


@in_decimals
def at_oxygen(concentration: Decimal, measured: Decimal, reference: Decimal, air: Decimal) -> Decimal:
    """A dry concentration at *measured* % O2 (dry) for *reference* %; *air* is US_AIR or EU_AIR.

    Raises:
        ConversionError: either is no combustion gas: below zero, or as much oxygen as *air* has.
    """
    _within("O2C", measured, air)
    _within("O2REF", reference, air)
    return concentration * (air - reference) / (air - measured)


@in_decimals
def at_carbon_dioxide(concentration: Decimal, measured: Decimal, reference: Decimal) -> Decimal:
    """A concentration at *measured* % CO2, on the same basis, for *reference* %.

    Raises:
        ConversionError: there is none, or more than all.
    """
    if not 0 < measured <= 100:
        raise ConversionError("CO2C", f"is {measured} %; a concentration is referred to more than 0 % of CO2")
    return concentration * reference / measured


def standard_state(
    concentration: Decimal,
    gas: tuple[Decimal, Decimal, Decimal],
    oxygen: tuple[Decimal, Decimal],
    air: Decimal,
) -> Decimal:
    """mg/m3 in the stack brought to 273.15 K, 101.325 kPa, dry gas and a reference oxygen.

    *gas* has temperature (K), pressure (kPa) and moisture (%); *oxygen* the measured (dry) and the reference percent.

    Raises:
        ConversionError: one of them cannot be.
    """
    kelvin, pressure, moisture = gas
    normal = at_temperature(concentration, kelvin, NORMAL.kelvin)
    normal = at_pressure(normal, pressure, NORMAL.kilopascals)
    return at_oxygen(dry(normal, moisture), *oxygen, air)


def capped(parameter: str, value: Decimal, caps: Mapping[str, Decimal]) -> Decimal:
    """*value* of a diluent, or its cap when it is diluted beyond that: CO2C below, O2C above. Others have none.

    >>> capped("O2C", Decimal("18.2"), BOILER_CAPS), capped("CO2C", Decimal("3.1"), TURBINE_CAPS)
    (Decimal('14.0'), Decimal('3.1'))
    """
    if parameter not in caps:
        return value
    return max(value, caps[parameter]) if parameter == "CO2C" else min(value, caps[parameter])


def _above_zero(symbol: str, value: Decimal, unit: str) -> Decimal:
    if value <= 0:
        raise ConversionError(symbol, f"is {value} {unit}; it must be above zero, on the absolute scale")
    return value


def _moisture(percent: Decimal) -> Decimal:
    if not 0 <= percent < 100:
        raise ConversionError("H2O", f"is {percent} %; it must be at least 0 and below 100")
    return percent


def _within(symbol: str, oxygen: Decimal, air: Decimal) -> None:
    if not 0 <= oxygen < air:
        raise ConversionError(symbol, f"is {oxygen} %; in combustion gas it is at least 0 and below {air}")
