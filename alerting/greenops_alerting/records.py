"""Everything that is recorded, by group. Dashboards and alerts read these; windows are whole so that 2.x and 3.x agree.

Department figures are recorded once a minute from the hosts' counters. Longer means are taken over these records, not
over the hosts: a week of ten thousand hosts does not fit into one query, and a young department is divided by the time
it exists.
"""

from __future__ import annotations

from greenops_alerting.promql import highest, last, over, select, total
from greenops_alerting.rule import Record
from greenops_alerting.thresholds import BURN, EMISSION, HELD, HISTORY_HOURS
from greenops_core.catalogue import (
    BUDGET_CONSUMED,
    BUDGET_END,
    BUDGET_LIMIT,
    BUDGET_START,
    EMISSION_AVERAGE_VALID,
    EMISSION_LIMIT_RATIO,
    HOST_COST,
    HOST_EMISSIONS,
    HOST_ENERGY,
    HOST_IDLE,
    HOST_IDLE_COST,
    HOST_IDLE_ENERGY,
    HOST_INFO,
    HOST_POWER,
    HTTP_REQUESTS,
)
from greenops_core.duration import duration
from greenops_core.unit import JOULES_PER_KWH

LIMIT = ("site", "stack", "parameter", "averaging")
BUDGET = ("department", "period")
INTERVAL_SECONDS = 60
"""How often department figures are recorded; sums over them count on it."""

# -- emissions --------------------------------------------------------------------------------------------------------
_RATIO = "site_stack_parameter_averaging:greenops_emission_limit_ratio:last"
_NOT_VALID = f"{highest(LIMIT, select(EMISSION_AVERAGE_VALID))} == 0"
EMISSION_RATIO = Record(
    _RATIO,
    f"{highest(LIMIT, select(EMISSION_LIMIT_RATIO))}\nor\n{last(EMISSION_LIMIT_RATIO, HELD, LIMIT)}\nor\n"
    f"last_over_time({_RATIO}[{HELD}]) > {EMISSION[-1]:g} and on ({', '.join(LIMIT)}) {_NOT_VALID}",
    LIMIT,
    f"Average as a share of the limit; the last valid one, up to {HELD} old, while there is none. One over the limit "
    "stands as long as data are not valid.",
)

_VALID_AT = "site_stack_parameter_averaging:greenops_emission_limit_ratio:timestamp"
EMISSION_VALID_AT = Record(
    _VALID_AT,
    f"{highest(LIMIT, f'timestamp({select(EMISSION_LIMIT_RATIO)})')}\nor\n"
    f"last_over_time({_VALID_AT}[{HELD}]) > time() - {duration(HELD):g}",
    LIMIT,
    "When the average was valid last, Unix time; it reads itself, because asking the raw series is dear.",
)

# -- fleet ------------------------------------------------------------------------------------------------------------
_HOST = ("host", "department")
HOST_DEPARTMENT = Record(
    "host_department:greenops_host_info:unique",
    f"group by (host, department) ({select(HOST_INFO)})\n"
    f"and on (host)\ncount by (host) (group by (host, department) ({select(HOST_INFO)})) == 1",
    _HOST,
    "1 per host with its department; absent while two agents claim a host for different departments.",
)
DEPARTMENT_POWER = Record(
    "department:greenops_host_power_watts:sum",
    total(("department",), highest(_HOST, select(HOST_POWER))),
    ("department",),
    "Electrical power; of several scopes of a host, which overlap, the widest counts.",
)
DEPARTMENT_ENERGY_RATE = Record(
    "department:greenops_host_energy_joules:rate5m",
    total(("department",), highest(_HOST, over("rate", HOST_ENERGY, "5m"))),
    ("department",),
    "Energy used per second; of several scopes of a host, which overlap, the widest counts.",
)
DEPARTMENT_IDLE_ENERGY_RATE = Record(
    "department:greenops_host_idle_energy_joules:rate5m",
    total(("department",), highest(_HOST, over("rate", HOST_IDLE_ENERGY, "5m"))),
    ("department",),
    "Energy used per second by idle hosts.",
)
DEPARTMENT_EMISSIONS_RATE = Record(
    "department:greenops_host_emissions_grams:rate5m",
    total(("department",), highest((*_HOST, "zone"), over("rate", HOST_EMISSIONS, "5m"))),
    ("department",),
    "CO2 equivalent per second.",
)
_MONEY = ("department", "currency")
DEPARTMENT_COST_RATE = Record(
    "department_currency:greenops_host_cost:rate5m",
    total(_MONEY, highest(("host", *_MONEY), over("rate", HOST_COST, "5m"))),
    _MONEY,
    "Cost of energy per second.",
)
DEPARTMENT_IDLE_COST_RATE = Record(
    "department_currency:greenops_host_idle_cost:rate5m",
    total(_MONEY, highest(("host", *_MONEY), over("rate", HOST_IDLE_COST, "5m"))),
    _MONEY,
    "Cost of idle energy per second.",
)
DEPARTMENT_IDLE_SHARE = Record(
    "department:greenops_host_idle_energy:ratio_rate1d",
    f"{over('sum_over_time', DEPARTMENT_IDLE_ENERGY_RATE, '1d')}\n/\n"
    f"({over('sum_over_time', DEPARTMENT_ENERGY_RATE, '1d')} > 0)",
    ("department",),
    "Share of a day's energy that idle hosts used.",
)
DEPARTMENT_IDLE_COST = Record(
    "department_currency:greenops_host_idle_cost:increase1d",
    f"{over('sum_over_time', DEPARTMENT_IDLE_COST_RATE, '1d')} * {INTERVAL_SECONDS}",
    _MONEY,
    "Cost of a day's idle energy.",
)
FLEET: tuple[Record, ...] = (
    HOST_DEPARTMENT,
    DEPARTMENT_POWER,
    DEPARTMENT_ENERGY_RATE,
    DEPARTMENT_IDLE_ENERGY_RATE,
    DEPARTMENT_COST_RATE,
    DEPARTMENT_IDLE_COST_RATE,
    DEPARTMENT_IDLE_SHARE,
    DEPARTMENT_IDLE_COST,
)

# -- budgets ----------------------------------------------------------------------------------------------------------
_LIMIT = f"({highest(BUDGET, select(BUDGET_LIMIT))} > 0)"
_SPAN = f"({highest(BUDGET, select(BUDGET_END))} - {highest(BUDGET, select(BUDGET_START))})"
BUDGET_RATIO = Record(
    "department_period:greenops_budget_consumed:ratio",
    f"{highest(BUDGET, select(BUDGET_CONSUMED))}\n/\n{_LIMIT}",
    BUDGET,
    "Share of the budget that is used.",
)
BUDGET_ELAPSED = Record(
    "department_period:greenops_budget_elapsed:ratio",
    f"(time() - {highest(BUDGET, select(BUDGET_START))})\n/\n{_SPAN}",
    BUDGET,
    "Share of the period that has passed.",
)


def _burn(days: int) -> Record:
    return Record(
        f"department_period:greenops_budget_burn:ratio{days}d",
        f"{_SPAN}\n/ {_LIMIT}\n* on (department) group_left ()\n"
        f"{over('avg_over_time', DEPARTMENT_EMISSIONS_RATE, f'{days}d')}",
        BUDGET,
        f"Pace of the last {days} d as a multiple of the one that uses the budget exactly over its period.",
    )


BUDGET_BURN: dict[int, Record] = {window.days: _burn(window.days) for window in BURN}
"""Pace by the days it is taken over."""

DEPARTMENT_PACE = Record(
    "department:greenops_host_emissions_grams:pace7d",
    f"{over('avg_over_time', DEPARTMENT_EMISSIONS_RATE, '7d')}\nand\n"
    f"count_over_time({select(DEPARTMENT_EMISSIONS_RATE)}[6d23h59m:1h]) >= {HISTORY_HOURS}",
    ("department",),
    f"Mean CO2 equivalent per second over a week; absent before {HISTORY_HOURS} hours of data.",
)
BUDGET_PROJECTED = Record(
    "department_period:greenops_budget_projected:ratio",
    f"(\n  {highest(BUDGET, select(BUDGET_CONSUMED))}\n  +\n  ({highest(BUDGET, select(BUDGET_END))} - time())\n"
    f"  * on (department) group_left ()\n  {select(DEPARTMENT_PACE)}\n)\n/\n{_LIMIT}",
    BUDGET,
    "Share of the budget that will be used at the period's end: used so far and the week's pace for what remains.",
)
BUDGET_EXHAUSTION = Record(
    "department_period:greenops_budget_exhaustion_timestamp_seconds:pace7d",
    f"time()\n+\n(({highest(BUDGET, select(BUDGET_LIMIT))} - {highest(BUDGET, select(BUDGET_CONSUMED))}) > 0)\n"
    f"/ on (department) group_left ()\n({select(DEPARTMENT_PACE)} > 0)",
    BUDGET,
    "When the budget is used up at the week's pace, Unix time; absent when it already is.",
)
BUDGETS: tuple[Record, ...] = (
    DEPARTMENT_EMISSIONS_RATE,
    DEPARTMENT_PACE,
    BUDGET_RATIO,
    BUDGET_ELAPSED,
    *BUDGET_BURN.values(),
    BUDGET_PROJECTED,
    BUDGET_EXHAUSTION,
)

# -- platform ---------------------------------------------------------------------------------------------------------
_PROGRAM = ("program",)
_SERVER_ERROR = '=~"5.."'
_OTHER = '!="/-/ready"'
"""A program that says that it is not ready answers as it should."""
_REQUESTS = total(_PROGRAM, over("rate", HTTP_REQUESTS, "5m", path=_OTHER))
_FAILED = total(_PROGRAM, over("rate", HTTP_REQUESTS, "5m", code=_SERVER_ERROR, path=_OTHER))
HTTP_ERRORS = Record(
    "program:greenops_http_errors:ratio_rate5m",
    f"({_FAILED} or 0 * {_REQUESTS})\n/\n({_REQUESTS} > 0)",
    _PROGRAM,
    "Share of HTTP requests answered with a server error.",
)
PLATFORM: tuple[Record, ...] = (HTTP_ERRORS,)

# -- names that older systems promised --------------------------------------------------------------------------------
# A sleeping system sends nothing, so greenops_systems_sleeping cannot be told from one that is switched off.
_IDLE = f"min by (host) ({select(HOST_IDLE)})"
COMPATIBILITY: tuple[Record, ...] = (
    Record(
        "greenops_carbon_emissions_kg",
        f"{over('sum_over_time', DEPARTMENT_EMISSIONS_RATE, '1d')} * {INTERVAL_SECONDS} / 1000",
        ("department",),
        "CO2 equivalent of the last 24 hours in kg. Prefer the grams.",
    ),
    Record(
        "greenops_energy_kwh",
        f'max by (system) (label_replace({select(HOST_ENERGY)}, "system", "$1", "host", "(.*)")) / {JOULES_PER_KWH:g}',
        ("system",),
        "Energy in kWh since the agent of the system began to count. Prefer the joules.",
    ),
    Record("greenops_systems_active", f"sum(1 - {_IDLE})", (), "Hosts in use."),
    Record("greenops_systems_idle", f"sum({_IDLE})", (), "Idle hosts, by every method that a host is looked at with."),
)

RECORDS: tuple[Record, ...] = (EMISSION_RATIO, EMISSION_VALID_AT, *FLEET, *BUDGETS, *PLATFORM, *COMPATIBILITY)
