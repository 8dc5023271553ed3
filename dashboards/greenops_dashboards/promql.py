"""PromQL from catalogue constants: a panel's query is built, never typed, so it can only name what exists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from greenops_alerting.promql import Series

RATE_WINDOW, DASHBOARD_RANGE = "$__rate_interval", "$__range"


@dataclass(frozen=True, slots=True)
class Expr:
    """An expression; a *binary* one needs brackets as an operand.

    >>> str((Expr("a") + 1) * 100)
    '(a + 1) * 100'
    """

    text: str
    binary: bool = False

    def __str__(self) -> str:
        return self.text

    def __add__(self, other: Expr | float) -> Expr:
        return combine(self, "+", other)

    def __sub__(self, other: Expr | float) -> Expr:
        return combine(self, "-", other)

    def __mul__(self, other: Expr | float) -> Expr:
        return combine(self, "*", other)

    def __truediv__(self, other: Expr | float) -> Expr:
        return combine(self, "/", other)


@dataclass(frozen=True, slots=True)
class Selector(Expr):
    """An instant vector selector: the only thing that takes a range."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice at the top of a board: the values of a label of *series*, within the choices before it.

    *is_one*: exactly one is chosen, and no query is narrowed by it.
    """

    name: str
    title: str
    series: Series
    within: tuple[Variable, ...] = ()
    is_one: bool = False

    @property
    def query(self) -> str:
        """What Grafana asks for the values."""
        return f"label_values({select(self.series, self.within)}, {self.name})"


def select(series: Series, scope: Sequence[Variable] = (), **matchers: str) -> Selector:
    """*series*, narrowed by each variable of *scope* that names a label it has, and by *matchers*.

    A matcher's value may begin with its operator.

    >>> from greenops_alerting.promql import RULE_FAILURES, UP
    >>> str(select(UP)), str(select(RULE_FAILURES, rule_group='!="a"'))
    ('up', 'prometheus_rule_evaluation_failures_total{rule_group!="a"}')

    Raises:
        ValueError: the series has no such label.
    """
    if unknown := matchers.keys() - set(series.labels):
        raise ValueError(f"{series.name} has no label {', '.join(sorted(unknown))}; it has {', '.join(series.labels)}")
    chosen = [f'{variable.name}=~"${variable.name}"' for variable in scope if variable.name in series.labels]
    chosen += [label + (value if value[:1] in "=!" else f'="{value}"') for label, value in matchers.items()]
    return Selector(f"{series.name}{{{','.join(chosen)}}}" if chosen else series.name)


def within(*scope: Variable) -> Callable[..., Selector]:
    """``select`` for one board: every series is narrowed by the board's variables."""

    def of(series: Series, **matchers: str) -> Selector:
        return select(series, scope, **matchers)

    return of


def combine(left: Expr, operator: str, right: Expr | float, on: Sequence[str] | None = None) -> Expr:
    """``left operator right``, matched *on* labels.

    >>> str(combine(Expr("a"), "and", Expr("b"), on=("host",)))
    'a and on (host) b'
    """
    matching = "" if on is None else f" on ({', '.join(on)})"
    return Expr(f"{_operand(left)} {operator}{matching} {_operand(right)}", binary=True)


def rate(counter: Selector) -> Expr:
    """Growth per second, over a window that fits the graph's resolution."""
    return over("rate", counter, RATE_WINDOW)


def increase(counter: Selector) -> Expr:
    """Growth over the dashboard's time range."""
    return over("increase", counter, DASHBOARD_RANGE)


def over(function: str, selector: Selector, window: str) -> Expr:
    """A function of what a selector gave over a time.

    >>> str(over("max_over_time", Selector("x"), "5m"))
    'max_over_time(x[5m])'
    """
    return Expr(f"{function}({selector}[{window}])")


def last(selector: Selector, length: str = DASHBOARD_RANGE) -> Expr:
    """The newest value within *length*, also of a series that has ended."""
    return over("last_over_time", selector, length)


def aggregate(how: str, expr: Expr, *by: str) -> Expr:
    """One series per combination of *by*.

    >>> str(aggregate("max", Expr("a"), "site")), str(aggregate("sum", Expr("a")))
    ('max by (site) (a)', 'sum(a)')
    """
    return Expr(f"{how} by ({', '.join(by)}) ({expr})" if by else f"{how}({expr})")


def total(expr: Expr, *by: str) -> Expr:
    """The sum, in all or per combination of *by*."""
    return aggregate("sum", expr, *by)


def highest(expr: Expr, *by: str) -> Expr:
    """The maximum, in all or per combination of *by*; also how a doubled exporter is counted once."""
    return aggregate("max", expr, *by)


def age(timestamp: Expr) -> Expr:
    """Seconds since a Unix time."""
    return combine(Expr("time()"), "-", timestamp)


def where(expr: Expr, comparison: str) -> Expr:
    """The series of *expr* whose value stands the comparison; with ``bool``, 1 or 0 for each.

    >>> str(where(Expr("a"), "> 0")), str(where(Expr("a"), ">= bool 0.8"))
    ('a > 0', 'a >= bool 0.8')
    """
    return Expr(f"{_operand(expr)} {comparison}", binary=True)


def first_of(*choices: Expr, on: Sequence[str]) -> Expr:
    """Per combination of *on*, the first choice that has a value."""
    chosen, *others = choices
    for other in others:
        chosen = Expr(f"{chosen} or on ({', '.join(on)}) {_operand(other)}", binary=True)
    return chosen


def _operand(value: Expr | float) -> str:
    if isinstance(value, Expr):
        return f"({value})" if value.binary else value.text
    return f"{value:.12g}"
