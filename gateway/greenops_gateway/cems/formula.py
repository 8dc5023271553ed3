"""What an equation is: a few named lines of arithmetic, the inputs they need, and how the result is rounded.

The lines are text, so that what is computed, what ``--explain`` tells and what the documentation shows are one thing.
Arithmetic in them is decimal: ``+ - * /``, parentheses, numbers, names of inputs, constants and earlier lines, and
``sum(...)`` over an input that is given once for each fuel, unit or stack (``HI.gas``, ``HI.oil``).
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import NamedTuple

from greenops_gateway.cems.decimals import ARITHMETIC, exact, in_decimals, rounded, to_nearest
from greenops_gateway.cems.working import Input

Values = Mapping[str, Decimal]
Compute = Callable[[Values], Decimal]


class Kind(Enum):
    """Where an input comes from."""

    MEASURED = "average of the hour"
    COMPUTED = "result of another equation"
    FUEL = "fuel flow or analysis"
    CONSTANT = "constant of the plan"
    OPERATION = "operation of the plant"


class Bounds(NamedTuple):
    """What an input can be at all; beyond that the result would be a wild number."""

    least: Decimal
    most: Decimal
    above: bool = False
    below: bool = False

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, Decimal) or not value.is_finite():
            return False
        enough = value > self.least if self.above else value >= self.least
        return enough and (value < self.most if self.below else value <= self.most)

    def __str__(self) -> str:
        low = f"{'above' if self.above else 'at least'} {self.least}"
        high = f"{'below' if self.below else 'at most'} {self.most}"
        return low if self.most.is_infinite() else f"{low} and {high}"


class Need(NamedTuple):
    """An input: *symbol* as in the lines, in *unit*.

    *basis* is what the analyser must measure on (wet, dry), or ``same``: all such inputs on one. *each* marks an input
    that is given several times, as ``HI.gas`` and ``HI.oil``. *default* stands when it is not given.
    """

    symbol: str
    unit: str
    kind: Kind
    bounds: Bounds
    basis: str = ""
    each: bool = False
    default: Decimal | None = None

    def on(self, basis: str) -> Need:
        return self._replace(basis=basis)

    def positive(self) -> Need:
        """The same where zero makes no sense, such as below a fraction line."""
        return self._replace(bounds=self.bounds._replace(above=True))


class Line(NamedTuple):
    """``name = text``. Outside of *bounds* the inputs in *blame* are at fault, and there is no result."""

    name: str
    text: str
    blame: str = ""
    bounds: Bounds = Bounds(Decimal("-Infinity"), Decimal("Infinity"))


def divisor(name: str, text: str, blame: str) -> Line:
    """A line that something is divided by: not above zero, the result would have no meaning."""
    return Line(name, text, blame, Bounds(Decimal(0), Decimal("Infinity"), above=True))


class Rounding(NamedTuple):
    """How a result is rounded, half away from zero: *places* after the point, *significant* digits, or a *step*."""

    places: int | None = None
    significant: int | None = None
    step: int | None = None

    def __call__(self, value: Decimal) -> Decimal:
        if self.step is not None:
            return to_nearest(value, self.step)
        if self.significant is not None:
            return rounded(value, self.significant - 1 - value.adjusted()) if value else value
        return _shortest(value) if self.places is None else rounded(value, self.places)

    def __str__(self) -> str:
        if self.step is not None:
            return f"rounded half up to the nearest {self.step}"
        if self.significant is not None:
            return f"rounded half up to {self.significant} significant digits"
        if self.places is None:
            return "not rounded"
        return f"rounded half up to {self.places} decimal{'' if self.places == 1 else 's'}"


def _shortest(value: Decimal) -> Decimal:
    """*value* without zeros at its end, which would tell how the inputs were written."""
    short = value.normalize(ARITHMETIC)
    return short.quantize(Decimal(1)) if short.is_zero() or short.adjusted() >= len(short.as_tuple().digits) else short


class Floor(NamedTuple):
    """What stands in place of a result at or below zero, and its method of determination code if it has one."""

    value: Decimal
    method: str = ""


class Equation(NamedTuple):
    """An equation of a regulation: *parameter* in *unit* by *lines* (the last is the result), as *source* states it.

    *code* is how the regulation and ECMPS call it; *name* is that, and the parameter where the code serves several.
    """

    code: str
    name: str
    source: str
    parameter: str
    unit: str
    says: str
    needs: tuple[Need, ...]
    lines: tuple[Line, ...]
    rounding: Rounding
    constants: tuple[Input, ...] = ()
    floor: Floor | None = None
    note: str = ""


class Arithmetic(NamedTuple):
    """The text of a line, ready to compute."""

    text: str
    names: frozenset[str]
    compute: Compute

    def with_numbers(self, values: Values) -> str:
        """The text with the numbers of *values* in place of the names."""

        def number(found: re.Match[str]) -> str:
            name = found[0]
            if name == "sum":
                return name
            given = values.get(name)
            several = [each for key, each in values.items() if key.startswith(f"{name}.")] if given is None else [given]
            told = [f"({each})" if each < 0 else str(each) for each in several]
            return told[0] if len(told) == 1 else f"[{', '.join(told)}]"

        return re.sub(r"(?<![\w.])[A-Za-z_]\w*", number, self.text)


@cache
def arithmetic(text: str) -> Arithmetic:
    """*text* ready to compute.

    >>> line = arithmetic("20.9 - O2C")
    >>> line.compute({"O2C": Decimal("15.6")}), line.with_numbers({"O2C": Decimal("15.6")})
    (Decimal('5.3'), '20.9 - 15.6')
    >>> arithmetic("sum(HI * T)").compute({"HI.gas": Decimal(8), "T.gas": Decimal("0.5"), "HI.oil": Decimal(3),
    ...                                    "T.oil": Decimal(1)})
    Decimal('7.0')

    Raises:
        ValueError: it is not arithmetic as the module says.
    """
    tree = ast.parse(text, mode="eval").body
    names = frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name)) - {"sum"}
    return Arithmetic(text, names, in_decimals(_compiled(tree, text)))


_OPERATORS: Mapping[type[ast.operator], Callable[[Decimal, Decimal], Decimal]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def _compiled(node: ast.expr, text: str) -> Compute:
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            number = exact(ast.get_source_segment(text, node) or value)
            return lambda _: number
        case ast.Name(id=name):
            return operator.itemgetter(name)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _OPERATORS:
            join, one, other = _OPERATORS[type(sign)], _compiled(left, text), _compiled(right, text)
            return lambda values: join(one(values), other(values))
        case ast.Call(func=ast.Name(id="sum"), args=[inner], keywords=[]):
            return _summed(inner, text)
    raise ValueError(f"'{text}' is no arithmetic of an equation")


def _summed(node: ast.expr, text: str) -> Compute:
    names = sorted({each.id for each in ast.walk(node) if isinstance(each, ast.Name)})
    inner = _compiled(node, text)

    def total(values: Values) -> Decimal:
        parts = labels(values, names) or ("",)
        return sum((inner({name: values[_of(name, part, values)] for name in names}) for part in parts), Decimal(0))

    return total


def labels(values: Values, names: Collection[str]) -> tuple[str, ...]:
    """The fuels, units or stacks for which *values* gives any of *names*, in order.

    >>> labels({"HI.oil": Decimal(1), "HI.gas": Decimal(2), "T": Decimal(1)}, ["HI"])
    ('gas', 'oil')
    """
    split = (key.partition(".") for key in values)
    return tuple(sorted({label for name, point, label in split if point and name in names}))


def _of(name: str, label: str, values: Values) -> str:
    return labelled if (labelled := f"{name}.{label}") in values else name
