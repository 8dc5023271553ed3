"""Arithmetic on points, with units: parsed once, checked by dimensions, then computed in coherent SI units.

``+ - * /``, parentheses, ``-x``, ``x^2`` (also ``x**2``), ``min(...)``, ``max(...)``, ``abs(x)``, ``sqrt(x)``, names of
inputs, and numbers that may carry a unit in brackets: ``273.15[K]``. Every input is taken in SI units first (kg, m, s,
K), so that concentration times volume flow is mass flow without a factor. Temperatures count from absolute zero; ppm
and % are plain ratios: 5 % is 0.05.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from greenops_core.errors import ConfigError, nearest
from greenops_core.unit import TEMPERATURE, Quantity, quantity_of
from greenops_gateway import term
from greenops_gateway.term import FUNCTIONS, Compute, Term, words

LONGEST = 500
DEEPEST = 40

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?:\s*\[\s*(?P<unit>[^\]]*?)\s*\])?"
    r"|(?P<name>[A-Za-z_]\w*)|(?P<sign>\*\*|[-+*/^(),]))",
    re.ASCII,
)
_SUM, _PRODUCT, _NEGATIVE, _POWER = 1, 2, 3, 4
_BINDING: Mapping[str, int] = {"+": _SUM, "-": _SUM, "*": _PRODUCT, "/": _PRODUCT, "^": _POWER, "**": _POWER}


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression; its inputs stand in the order in which their units were given."""

    text: str
    _compute: Compute
    _to_coherent: tuple[Callable[[float], float], ...]
    _from_coherent: Callable[[float], float]

    def of(self, values: Sequence[float]) -> float:
        """The value in the base unit of the result, from *values* in the base units of the inputs.

        Not a number where there is none: a division by zero, the root of a negative number, or beyond all bounds.

        >>> expression("nox * flow", {"nox": "mg/m3", "flow": "m3/h"}, "kg/h").of([200.0, 20.0])  # in mg/m3 and m3/s
        4.0
        """
        coherent = [to(value) for to, value in zip(self._to_coherent, values, strict=True)]
        try:
            result = self._from_coherent(self._compute(coherent))
        except (ArithmeticError, ValueError):
            return math.nan
        return result if math.isfinite(result) else math.nan


def expression(text: str, units: Mapping[str, str], unit: str) -> Expression:
    """*text*, whose inputs have *units* by name, for a result in *unit*.

    Raises:
        ConfigError: it cannot be read, names an input that is none or leaves one out, or its dimensions do not fit.
    """
    quantities = {name: quantity_of(of) for name, of in units.items()}
    parser = _Parser(text, quantities)
    whole, result = parser.whole(), quantity_of(unit)
    if whole.dimension != result.dimension:
        raise ConfigError(f"{whole}, but unit is {unit}, {words(result.dimension, result)}")
    if result is TEMPERATURE and whole.absolute is not None and not math.isclose(whole.absolute, 1.0):
        raise ConfigError(
            f"'{text}' is no temperature but a sum or a difference of some; for a difference in kelvin write "
            f'({text}) / 1[K] and unit: "1"'
        )
    if unused := sorted(units.keys() - parser.used):
        raise ConfigError(f"'{text}' does not use {unused[0]}; take it out of from, or use it")
    to_coherent = tuple(quantity.coherent.to_base for quantity in quantities.values())
    return Expression(text, whole.compute, to_coherent, result.coherent.from_base)


class _Token(NamedTuple):
    kind: str
    text: str
    start: int
    end: int
    unit: str | None = None


def _tokens(text: str) -> list[_Token]:
    if len(text) > LONGEST:
        raise ConfigError(f"the expression has {len(text)} characters; split it into points of at most {LONGEST}")
    tokens, at, end = [], 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None:
            wrong = text[at:].lstrip()[0]
            raise ConfigError(f"'{wrong}' in '{text}' is not arithmetic; known: + - * / ^ ( ) , {' '.join(FUNCTIONS)}")
        kind = next(kind for kind in ("number", "name", "sign") if found[kind] is not None)
        tokens.append(_Token(kind, found[kind], found.start(kind), found.end(), found["unit"]))
        at = found.end()
    return [*tokens, _Token("end", "", end, end)]


class _Parser:
    """Precedence climbing over the tokens; each part is checked as soon as it is read."""

    def __init__(self, text: str, inputs: Mapping[str, Quantity]) -> None:
        self._text, self._inputs = text, inputs
        self._index = {name: index for index, name in enumerate(inputs)}
        self._tokens = _tokens(text)
        self._at = self._depth = 0
        self.used: set[str] = set()

    def whole(self) -> Term:
        """The whole text as one term.

        Raises:
            ConfigError: it is none.
        """
        found = self._term(0)
        if self._next.kind != "end":
            raise self._unexpected("an operator")
        return found

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._next
        self._at += 1
        return token

    def _since(self, start: int) -> str:
        """What was taken from *start* on."""
        return self._text[start : self._tokens[self._at - 1].end]

    def _expect(self, sign: str) -> None:
        if self._next.text != sign:
            raise self._unexpected(f"'{sign}'")
        self._take()

    def _unexpected(self, wanted: str) -> ConfigError:
        token = self._next
        found = "it ends" if token.kind == "end" else f"there is '{token.text}'"
        before = self._text[: token.start].rstrip()
        where = f"after '{before}'" if before else "at its start"
        return ConfigError(f"'{self._text}' needs {wanted} {where}, but {found}")

    def _term(self, least: int) -> Term:
        """The longest part from here on whose operators all bind more tightly than *least*."""
        self._depth += 1
        if self._depth > DEEPEST:
            raise ConfigError(f"'{self._text}' is nested deeper than {DEEPEST}; split it into several points")
        start = self._next.start
        left = self._operand()
        while (binding := _BINDING.get(self._next.text, 0)) > least:
            sign = self._take().text
            if binding == _POWER:
                exponent = self._exponent()
                left = term.raised(self._since(start), left, exponent)
            else:
                right = self._term(binding)
                left = term.joined(self._since(start), sign, left, right)
        self._depth -= 1
        return left

    def _operand(self) -> Term:
        token = self._next
        if token.kind in ("number", "name") or token.text in ("(", "-"):
            self._take()
        if token.kind == "number":
            return term.number(self._since(token.start), token.text, token.unit)
        if token.kind == "name":
            return self._call(token) if self._next.text == "(" else self._input(token)
        if token.text == "(":
            inner = self._term(0)
            self._expect(")")
            return replace(inner, text=self._since(token.start))
        if token.text == "-":
            of = self._term(_NEGATIVE)
            return term.negated(self._since(token.start), of)
        raise self._unexpected("a value")

    def _input(self, token: _Token) -> Term:
        quantity = self._inputs.get(token.text)
        if quantity is None:
            known = (*self._inputs, *FUNCTIONS)
            raise ConfigError(f"'{self._text}' uses {token.text}, which is not in from{nearest(token.text, known)}")
        self.used.add(token.text)
        return term.variable(token.text, self._index[token.text], quantity)

    def _call(self, token: _Token) -> Term:
        self._expect("(")
        given = [self._term(0)]
        while self._next.text == ",":
            self._take()
            given.append(self._term(0))
        self._expect(")")
        return term.called(self._since(token.start), token.text, given)

    def _exponent(self) -> int:
        sign = -1 if self._next.text == "-" else 1
        if sign < 0:
            self._take()
        token = self._next
        if token.unit is not None or not token.text.isdigit():
            raise self._unexpected("a whole number as power")
        self._take()
        if self._next.text in ("^", "**"):
            raise ConfigError(f"'{self._text}' raises to a power twice; use parentheses")
        return sign * int(token.text)
