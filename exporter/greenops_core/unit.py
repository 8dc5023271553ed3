"""Units: what a metric is counted in, and the units an operator may write.

Inside there is one unit per quantity. A value is converted where it enters, by ``Quantity.to_base``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, NewType

from greenops_core.errors import ConfigError, nearest

Joules = NewType("Joules", float)
Watts = NewType("Watts", float)
Grams = NewType("Grams", float)
Seconds = NewType("Seconds", float)
GramsPerJoule = NewType("GramsPerJoule", float)

JOULES_PER_KWH = 3.6e6


@dataclass(frozen=True, slots=True)
class Unit:
    """The last word of a metric's name, and the unit told to OpenTelemetry.

    A compound unit, and one that some receiver cannot spell (VictoriaMetrics does not know pascals), is spelt in the
    name and sent with an empty OTLP unit: every receiver then makes the same name.
    """

    suffix: str
    otlp: str


JOULE = Unit("joules", "J")
WATT = Unit("watts", "W")
GRAM = Unit("grams", "g")
SECOND = Unit("seconds", "s")
BYTE = Unit("bytes", "By")
CELSIUS = Unit("celsius", "Cel")
PASCAL = Unit("pascals", "")
RATIO = Unit("ratio", "1")
PPM = Unit("ppm", "ppm")
MILLIGRAM_PER_CUBIC_METRE = Unit("mg_per_m3", "")
GRAM_PER_SECOND = Unit("grams_per_second", "")
CUBIC_METRE_PER_SECOND = Unit("m3_per_second", "")
CUBIC_METRE = Unit("m3", "")
METRE_PER_SECOND = Unit("metres_per_second", "")
VOLT = Unit("volts", "V")
AMPERE = Unit("amperes", "A")
HERTZ = Unit("hertz", "Hz")
GRAM_PER_KWH = Unit("grams_per_kwh", "")
UNITLESS = Unit("", "")


@dataclass(frozen=True, slots=True)
class Linear:
    """``base = value * factor / divisor + offset``; a divisor, because 7 / 100 is 0.07 and 7 * 0.01 is not."""

    factor: float
    offset: float = 0.0
    divisor: float = 1.0

    def to_base(self, value: float) -> float:
        return value * self.factor / self.divisor + self.offset

    def from_base(self, base: float) -> float:
        return (base - self.offset) * self.divisor / self.factor

    def difference(self, value: float) -> float:
        """What a difference of *value* is in the base unit, where an offset does not count.

        >>> Linear(1, -273.15).difference(5.0)
        5.0
        """
        return value * self.factor / self.divisor


class Dimension(NamedTuple):
    """The exponents of the coherent SI units of a quantity."""

    kilograms: int = 0
    metres: int = 0
    seconds: int = 0
    kelvins: int = 0
    amperes: int = 0

    def __str__(self) -> str:
        """The coherent unit.

        >>> str(Dimension(1, -3)), str(Dimension(1, 0, -2, -1)), str(Dimension())
        ('kg/m3', 'kg/(s2 K)', '1')
        """
        powers = list(zip(("kg", "m", "s", "K", "A"), self, strict=True))
        above = " ".join(f"{unit}{n if n > 1 else ''}" for unit, n in powers if n > 0) or "1"
        below = [f"{unit}{-n if n < -1 else ''}" for unit, n in powers if n < 0]
        if not below:
            return above
        return f"{above}/{below[0]}" if len(below) == 1 else f"{above}/({' '.join(below)})"


PLAIN = Dimension()


@dataclass(frozen=True, slots=True, eq=False)
class Quantity:
    """What can be measured at a stack: its base unit and the units that an operator may write for it.

    *coherent* leads from the base unit to the coherent SI unit of its *dimension*, in which quantities are multiplied.
    """

    name: str
    base: Unit
    units: Mapping[str, Linear]
    dimension: Dimension = PLAIN
    coherent: Linear = Linear(1)


CONCENTRATION = Quantity(
    "concentration",
    MILLIGRAM_PER_CUBIC_METRE,
    {"mg/m3": Linear(1), "ug/m3": Linear(1, divisor=1e3), "g/m3": Linear(1e3)},
    Dimension(kilograms=1, metres=-3),
    Linear(1, divisor=1e6),
)
MOLE_FRACTION = Quantity(
    "mole fraction", PPM, {"ppm": Linear(1), "ppb": Linear(1, divisor=1e3)}, coherent=Linear(1, divisor=1e6)
)
SHARE = Quantity("share", RATIO, {"%": Linear(1, divisor=100), "ratio": Linear(1)})
TEMPERATURE = Quantity(
    "temperature",
    CELSIUS,
    {"degC": Linear(1), "K": Linear(1, -273.15), "degF": Linear(5, -160 / 9, divisor=9)},
    Dimension(kelvins=1),
    Linear(1, 273.15),
)
PRESSURE = Quantity(
    "pressure",
    PASCAL,
    {"Pa": Linear(1), "hPa": Linear(100), "mbar": Linear(100), "kPa": Linear(1e3), "bar": Linear(1e5)},
    Dimension(kilograms=1, metres=-1, seconds=-2),
)
VOLUME_FLOW = Quantity(
    "volume flow",
    CUBIC_METRE_PER_SECOND,
    {"m3/s": Linear(1), "m3/h": Linear(1, divisor=3600)},
    Dimension(metres=3, seconds=-1),
)
MASS_FLOW = Quantity(
    "mass flow",
    GRAM_PER_SECOND,
    {"g/s": Linear(1), "kg/h": Linear(1, divisor=3.6), "kg/s": Linear(1e3), "t/h": Linear(1e3, divisor=3.6)},
    Dimension(kilograms=1, seconds=-1),
    Linear(1, divisor=1e3),
)
POWER = Quantity(
    "power",
    WATT,
    {"W": Linear(1), "kW": Linear(1e3), "MW": Linear(1e6)},
    Dimension(kilograms=1, metres=2, seconds=-3),
)
ENERGY = Quantity(
    "energy",
    JOULE,
    {
        "J": Linear(1),
        "kJ": Linear(1e3),
        "MJ": Linear(1e6),
        "GJ": Linear(1e9),
        "Wh": Linear(3600),
        "kWh": Linear(JOULES_PER_KWH),
        "MWh": Linear(1e3 * JOULES_PER_KWH),
    },
    Dimension(kilograms=1, metres=2, seconds=-2),
)
VOLTAGE = Quantity(
    "voltage",
    VOLT,
    {"V": Linear(1), "mV": Linear(1, divisor=1e3), "kV": Linear(1e3)},
    Dimension(kilograms=1, metres=2, seconds=-3, amperes=-1),
)
CURRENT = Quantity("current", AMPERE, {"A": Linear(1), "mA": Linear(1, divisor=1e3)}, Dimension(amperes=1))
FREQUENCY = Quantity("frequency", HERTZ, {"Hz": Linear(1)}, Dimension(seconds=-1))
VELOCITY = Quantity("velocity", METRE_PER_SECOND, {"m/s": Linear(1)}, Dimension(metres=1, seconds=-1))
VOLUME = Quantity("volume", CUBIC_METRE, {"m3": Linear(1), "l": Linear(1, divisor=1e3)}, Dimension(metres=3))
NUMBER = Quantity("number", UNITLESS, {"1": Linear(1)})

QUANTITIES: tuple[Quantity, ...] = (
    CONCENTRATION,
    MOLE_FRACTION,
    SHARE,
    TEMPERATURE,
    PRESSURE,
    VOLUME_FLOW,
    MASS_FLOW,
    POWER,
    ENERGY,
    VOLTAGE,
    CURRENT,
    FREQUENCY,
    VELOCITY,
    VOLUME,
    NUMBER,
)
_BY_UNIT: Mapping[str, Quantity] = {unit: quantity for quantity in QUANTITIES for unit in quantity.units}


def quantity_of(unit: str) -> Quantity:
    """The quantity that *unit* measures.

    >>> quantity_of("kg/h").name
    'mass flow'

    Raises:
        ConfigError: nobody knows this unit.
    """
    try:
        return _BY_UNIT[unit]
    except KeyError:
        raise ConfigError(f"unknown unit '{unit}'{nearest(unit, _BY_UNIT)}") from None


def convert(value: float, unit: str, to: str) -> float:
    """*value* in another unit of the same quantity; equal units change no bit.

    >>> convert(36, "kg/h", "g/s")
    10.0

    Raises:
        ConfigError: a unit is unknown, or the two measure different things.
    """
    quantity, other = quantity_of(unit), quantity_of(to)
    if quantity is not other:
        raise ConfigError(f"'{unit}' measures {quantity.name}, '{to}' measures {other.name}")
    return value if unit == to else quantity.units[to].from_base(quantity.units[unit].to_base(value))
