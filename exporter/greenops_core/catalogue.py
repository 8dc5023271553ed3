"""Every metric of GreenOps, once. Exposition, OTLP, rules, dashboards and the documentation come from here.

To add a metric, add a constant and put it on a dashboard, or name it in ``DELIBERATELY_NOT_SHOWN`` of the dashboards.
Label sets are closed. Identity is in our own labels; nothing depends on ``job`` or ``instance``.
"""

from __future__ import annotations

from collections.abc import Mapping

from greenops_core.sample import Kind, Metric
from greenops_core.unit import (
    BYTE,
    CONCENTRATION,
    CURRENT,
    ENERGY,
    FREQUENCY,
    GRAM,
    GRAM_PER_KWH,
    JOULE,
    MASS_FLOW,
    MOLE_FRACTION,
    NUMBER,
    POWER,
    PRESSURE,
    RATIO,
    SECOND,
    SHARE,
    TEMPERATURE,
    UNITLESS,
    VELOCITY,
    VOLTAGE,
    VOLUME,
    VOLUME_FLOW,
    WATT,
    Quantity,
)

GAUGE, COUNTER = Kind.GAUGE, Kind.COUNTER

# -- every program ----------------------------------------------------------------------------------------------------
BUILD_INFO = Metric(
    "build_info", GAUGE, UNITLESS, "1, labelled with the program and its version.", ("program", "version")
)
HTTP_REQUESTS = Metric("http_requests", COUNTER, UNITLESS, "HTTP requests answered.", ("program", "path", "code"))
OTLP_EXPORTS = Metric("otlp_exports", COUNTER, UNITLESS, "Pushes by OTLP, by result.", ("program", "result"))

# -- hosts ------------------------------------------------------------------------------------------------------------
HOST_INFO = Metric(
    "host_info", GAUGE, UNITLESS, "1, labelled with what the host is.", ("host", "department", "zone", "os", "machine")
)
HOST_CPU = Metric("host_cpu", COUNTER, SECOND, "Processor time of all cores by mode.", ("host", "mode"))
HOST_CPUS = Metric("host_cpus", GAUGE, UNITLESS, "Logical processors.", ("host",))
HOST_MEMORY = Metric("host_memory", GAUGE, BYTE, "Physical memory.", ("host",))
HOST_MEMORY_AVAILABLE = Metric(
    "host_memory_available", GAUGE, BYTE, "Memory that programs can get without swapping.", ("host",)
)
HOST_BOOT = Metric("host_boot_timestamp", GAUGE, SECOND, "When the host started, Unix time.", ("host",))
HOST_USERS = Metric(
    "host_users", GAUGE, UNITLESS, "Different people logged in. Absent where the host does not tell.", ("host",)
)
HOST_SESSIONS = Metric(
    "host_sessions", GAUGE, UNITLESS, "Login sessions. Absent where the host does not tell.", ("host",)
)
HOST_IDLE = Metric(
    "host_idle",
    GAUGE,
    UNITLESS,
    "1 while the host is idle, 0 while it is active. method says what was looked at: input or load.",
    ("host", "department", "method"),
)
HOST_STATE_TIME = Metric(
    "host_state", COUNTER, SECOND, "Time spent in each state (active, idle).", ("host", "department", "state")
)
HOST_POWER = Metric(
    "host_power",
    GAUGE,
    WATT,
    "Electrical power. method says how it was measured, scope what it covers.",
    ("host", "department", "zone", "method", "scope"),
)
HOST_ENERGY_UNCERTAINTY = Metric(
    "host_energy_uncertainty",
    GAUGE,
    RATIO,
    "One standard deviation of the host's energy as a share of it, by method.",
    ("host", "method", "scope"),
)
HOST_ENERGY = Metric(
    "host_energy",
    COUNTER,
    JOULE,
    "Electrical energy used. method says how it was measured, scope what it covers.",
    ("host", "department", "zone", "method", "scope"),
)
HOST_IDLE_ENERGY = Metric(
    "host_idle_energy", COUNTER, JOULE, "Part of the host's energy used while idle.", ("host", "department", "zone")
)
HOST_EMISSIONS = Metric(
    "host_emissions",
    COUNTER,
    GRAM,
    "CO2 equivalent of the energy used, by the factor valid at that second, location-based.",
    ("host", "department", "zone"),
)
HOST_IDLE_EMISSIONS = Metric(
    "host_idle_emissions",
    COUNTER,
    GRAM,
    "Part of the CO2 equivalent emitted while idle.",
    ("host", "department", "zone"),
)
HOST_COST = Metric(
    "host_cost",
    COUNTER,
    UNITLESS,
    "Cost of the energy used, in the currency named.",
    ("host", "department", "currency"),
)
HOST_IDLE_COST = Metric(
    "host_idle_cost", COUNTER, UNITLESS, "Part of the cost that arose while idle.", ("host", "department", "currency")
)
HOST_CARBON_INTENSITY = Metric(
    "host_carbon_intensity",
    GAUGE,
    GRAM_PER_KWH,
    "Carbon intensity that the host's energy is multiplied with, and where it comes from.",
    ("host", "zone", "source"),
)
COLLECTOR_SUCCESS = Metric(
    "collector_success", GAUGE, UNITLESS, "1 when the collector's last run worked, else 0.", ("host", "collector")
)
COLLECTOR_DURATION = Metric(
    "collector_duration", GAUGE, SECOND, "How long the collector's last run took.", ("host", "collector")
)

# -- plant: devices and points ----------------------------------------------------------------------------------------
DEVICE_UP = Metric(
    "device_up", GAUGE, UNITLESS, "1 while the device answers, else 0.", ("site", "stack", "device", "protocol")
)
DEVICE_REQUESTS = Metric(
    "device_requests", COUNTER, UNITLESS, "Requests to a device by result.", ("site", "stack", "device", "result")
)
DEVICE_SAMPLES = Metric(
    "device_samples",
    COUNTER,
    UNITLESS,
    "Samples of a device's points, by quality.",
    ("site", "stack", "device", "quality"),
)
DEVICE_GAPS = Metric(
    "device_gaps",
    COUNTER,
    UNITLESS,
    "How often a point of the device had no usable sample for longer than its gap_after.",
    ("site", "stack", "device"),
)
DEVICE_EVENTS = Metric(
    "device_events",
    COUNTER,
    UNITLESS,
    "What a device or the way to it did that readers of its values should know, such as a restart or lost events.",
    ("site", "stack", "device", "event"),
)
DEVICE_CERTIFICATE_EXPIRY = Metric(
    "device_certificate_expiry_timestamp",
    GAUGE,
    SECOND,
    "When a certificate on the way to a device ends, Unix time: the gateway's own, or the server's.",
    ("site", "stack", "device", "certificate"),
)
_POINT = ("site", "stack", "device", "point")


def _point(quantity: Quantity, help_: str) -> Metric:
    stem = "point_" + ("value" if quantity is NUMBER else quantity.name.replace(" ", "_"))
    return Metric(stem, GAUGE, quantity.base, help_ + " Absent while bad.", _POINT)


POINT_CONCENTRATION = _point(CONCENTRATION, "Mass concentration at a point.")
POINT_MOLE_FRACTION = _point(MOLE_FRACTION, "Mole fraction at a point.")
POINT_SHARE = _point(SHARE, "Share at a point, such as O2 or moisture by volume.")
POINT_TEMPERATURE = _point(TEMPERATURE, "Temperature at a point.")
POINT_PRESSURE = _point(PRESSURE, "Pressure at a point.")
POINT_VOLUME_FLOW = _point(VOLUME_FLOW, "Volume flow at a point.")
POINT_MASS_FLOW = _point(MASS_FLOW, "Mass flow at a point.")
POINT_POWER = _point(POWER, "Power at a point.")
POINT_ENERGY = _point(ENERGY, "Energy as a meter at a point counts it.")
POINT_VOLTAGE = _point(VOLTAGE, "Voltage at a point.")
POINT_CURRENT = _point(CURRENT, "Electric current at a point.")
POINT_FREQUENCY = _point(FREQUENCY, "Frequency at a point.")
POINT_VELOCITY = _point(VELOCITY, "Velocity at a point, such as of the gas in a stack.")
POINT_VOLUME = _point(VOLUME, "Volume as a meter at a point counts it.")
POINT_VALUE = _point(NUMBER, "Pure number at a point, such as a status word or a count.")

POINT_METRICS: Mapping[Quantity, Metric] = {
    CONCENTRATION: POINT_CONCENTRATION,
    MOLE_FRACTION: POINT_MOLE_FRACTION,
    SHARE: POINT_SHARE,
    TEMPERATURE: POINT_TEMPERATURE,
    PRESSURE: POINT_PRESSURE,
    VOLUME_FLOW: POINT_VOLUME_FLOW,
    MASS_FLOW: POINT_MASS_FLOW,
    POWER: POINT_POWER,
    ENERGY: POINT_ENERGY,
    VOLTAGE: POINT_VOLTAGE,
    CURRENT: POINT_CURRENT,
    FREQUENCY: POINT_FREQUENCY,
    VELOCITY: POINT_VELOCITY,
    VOLUME: POINT_VOLUME,
    NUMBER: POINT_VALUE,
}

POINT_QUALITY = Metric(
    "point_quality", GAUGE, UNITLESS, "0 good, 1 uncertain, 2 bad; reason says why.", (*_POINT, "reason")
)
POINT_LAST_SAMPLE = Metric(
    "point_last_sample_timestamp", GAUGE, SECOND, "When the last sample that is not bad was measured.", _POINT
)


# -- gateway: configuration ------------------------------------------------------------------------------------------
CONFIGURATION_RELOADS = Metric(
    "configuration_reloads", COUNTER, UNITLESS, "Attempts to take a changed configuration over.", ("site", "result")
)
CONFIGURATION_LOADED = Metric(
    "configuration_loaded_timestamp", GAUGE, SECOND, "When the configuration in use was read, Unix time.", ("site",)
)

# -- gateway: journal and delivery ------------------------------------------------------------------------------------
# Of each sink: committed = delivered + pending + quarantined + evicted. All are read at one moment.
_SINK = ("site", "sink")
JOURNAL_SAMPLES = Metric("journal_samples", COUNTER, UNITLESS, "Samples that lie in the journal for good.", ("site",))
JOURNAL_DROPPED = Metric(
    "journal_dropped_samples", COUNTER, UNITLESS, "Samples that no disk took and memory could not hold.", ("site",)
)
JOURNAL_DAMAGED = Metric(
    "journal_damages", COUNTER, UNITLESS, "Places in the journal's files that could not be read.", ("site",)
)
JOURNAL_FAILING = Metric(
    "journal_failing", GAUGE, UNITLESS, "Whether the disk does not take the journal, 0 or 1.", ("site",)
)
JOURNAL_SIZE = Metric("journal_size", GAUGE, BYTE, "What the journal takes on disk.", ("site",))
JOURNAL_SIZE_LIMIT = Metric("journal_size_limit", GAUGE, BYTE, "What the journal may take on disk.", ("site",))
DELIVERY_COMMITTED = Metric(
    "delivery_committed_samples", COUNTER, UNITLESS, "Samples committed since the sink is known.", _SINK
)
DELIVERY_DELIVERED = Metric("delivery_delivered_samples", COUNTER, UNITLESS, "Samples that the sink has taken.", _SINK)
DELIVERY_PENDING = Metric("delivery_pending_samples", GAUGE, UNITLESS, "Samples that the sink has yet to get.", _SINK)
DELIVERY_QUARANTINED = Metric(
    "delivery_quarantined_samples", GAUGE, UNITLESS, "Samples set aside because the sink refused them.", _SINK
)
DELIVERY_EVICTED = Metric(
    "delivery_evicted_samples", COUNTER, UNITLESS, "Samples gone before the sink had them: too old, or damaged.", _SINK
)
DELIVERY_UNACCOUNTED = Metric(
    "delivery_unaccounted_samples",
    GAUGE,
    UNITLESS,
    "Samples committed less those delivered, pending, quarantined and evicted; 0, or something is wrong.",
    _SINK,
)
DELIVERY_DELAY = Metric(
    "delivery_delay", GAUGE, SECOND, "Age of the oldest sample that the sink has yet to get.", _SINK
)
DELIVERY_UP = Metric("delivery_up", GAUGE, UNITLESS, "Whether the sink took what it was sent last, 0 or 1.", _SINK)
DELIVERY_REQUESTS = Metric("delivery_requests", COUNTER, UNITLESS, "Requests to a sink.", _SINK)
DELIVERY_RETRIES = Metric("delivery_retries", COUNTER, UNITLESS, "Requests to a sink that had to be made again.", _SINK)

# -- hosts: push ------------------------------------------------------------------------------------------------------
# What of an agent's journal reaches its sinks: delivered, pending, quarantined and evicted are all that was committed.
_PUSH = ("host", "sink")
PUSH_DROPPED = Metric(
    "push_dropped_samples", COUNTER, UNITLESS, "Samples that no disk took and memory could not hold.", _PUSH
)
PUSH_DELIVERED = Metric("push_delivered_samples", COUNTER, UNITLESS, "Samples that the sink has taken.", _PUSH)
PUSH_PENDING = Metric("push_pending_samples", GAUGE, UNITLESS, "Samples that the sink has yet to get.", _PUSH)
PUSH_QUARANTINED = Metric(
    "push_quarantined_samples", GAUGE, UNITLESS, "Samples set aside because the sink refused them.", _PUSH
)
PUSH_EVICTED = Metric(
    "push_evicted_samples", COUNTER, UNITLESS, "Samples gone before the sink had them: too old, or damaged.", _PUSH
)
PUSH_UP = Metric("push_up", GAUGE, UNITLESS, "Whether the sink took what it was sent last, 0 or 1.", _PUSH)

# -- plant: emission limits -------------------------------------------------------------------------------------------
# Values stand in the unit of the permit (label unit): a limit keeps its own digits. Rules compare the ratio.
_LIMIT = ("site", "stack", "parameter", "averaging")
EMISSION_LIMIT = Metric("emission_limit", GAUGE, UNITLESS, "The limit, in the permit's unit.", (*_LIMIT, "unit"))
EMISSION_AVERAGE = Metric(
    "emission_average",
    GAUGE,
    UNITLESS,
    "Average over the limit's averaging period, in the permit's unit. Absent while not valid.",
    (*_LIMIT, "unit"),
)
EMISSION_LIMIT_RATIO = Metric(
    "emission_limit", GAUGE, RATIO, "Average as a share of the limit. Absent while the average is not valid.", _LIMIT
)
EMISSION_AVERAGE_VALID = Metric(
    "emission_average_valid",
    GAUGE,
    UNITLESS,
    "1 when enough of the period holds usable data, else 0. Absent while too little was watched to tell.",
    _LIMIT,
)
EMISSION_AVERAGE_COVERAGE = Metric(
    "emission_average_coverage", GAUGE, RATIO, "Share of the averaging period that holds usable data.", _LIMIT
)
EMISSION_AVERAGE_PROJECTED = Metric(
    "emission_average_projected",
    GAUGE,
    UNITLESS,
    "Highest average that falls due within one averaging period at the present rate, in the permit's unit.",
    (*_LIMIT, "unit"),
)
EMISSION_MEAN_ALLOWED = Metric(
    "emission_mean_allowed",
    GAUGE,
    UNITLESS,
    "Highest mean that keeps every average due within one averaging period at or below the limit, in its unit. "
    "0 when none does.",
    (*_LIMIT, "unit"),
)
EMISSION_EXCEEDANCE_DUE = Metric(
    "emission_exceedance_due",
    GAUGE,
    SECOND,
    "Time until the average passes its limit at the present rate. Absent when it does not.",
    _LIMIT,
)

# -- hours of stacks, once they are closed --
_HOUR = ("site", "stack")
EMISSION_HOUR = Metric(
    "emission_hour",
    GAUGE,
    UNITLESS,
    "Value of the last closed hour, in the unit of the label; measured, never substituted. Absent while not valid.",
    (*_HOUR, "parameter", "unit"),
)
EMISSION_HOUR_VALID = Metric(
    "emission_hour_valid", GAUGE, UNITLESS, "Whether the last closed hour is valid, 0 or 1.", (*_HOUR, "parameter")
)
EMISSION_HOUR_OPERATING = Metric(
    "emission_hour_operating", GAUGE, RATIO, "Share of the last closed hour in which the plant operated.", _HOUR
)
EMISSION_HOUR_END = Metric(
    "emission_hour_end_timestamp", GAUGE, SECOND, "When the last closed hour ended, Unix time.", _HOUR
)
EMISSION_HOUR_LAG = Metric(
    "emission_hour_lag", GAUGE, SECOND, "How much later than due the next hour is closed; 0 when none is due.", _HOUR
)
EMISSION_HOUR_REVISIONS = Metric(
    "emission_hour_revisions", COUNTER, UNITLESS, "Closed hours that were closed once more: late samples.", _HOUR
)

# -- plant: reports to authorities ------------------------------------------------------------------------------------
REPORT_SUBMISSIONS_PENDING = Metric(
    "report_submissions_pending", GAUGE, UNITLESS, "Reports prepared or approved, and not sent yet.", ("site",)
)
REPORT_SUBMISSIONS_FAILED = Metric(
    "report_submissions_failed", GAUGE, UNITLESS, "Approved reports of which the last sending failed.", ("site",)
)
REPORT_SUBMISSION_AGE = Metric(
    "report_submission_oldest_age",
    GAUGE,
    SECOND,
    "Time since the oldest report that is not sent was prepared. Absent when none waits.",
    ("site",),
)
REPORT_SUBMISSION_DEADLINE = Metric(
    "report_submission_deadline_timestamp",
    GAUGE,
    SECOND,
    "End of the nearest last day (UTC) of a report that is not sent, Unix time. Absent when none waits.",
    ("site",),
)

# -- carbon budgets and factors ---------------------------------------------------------------------------------------
_BUDGET = ("department", "period")
BUDGET_LIMIT = Metric("budget_limit", GAUGE, GRAM, "CO2 equivalent that the period may cost.", _BUDGET)
BUDGET_CONSUMED = Metric("budget_consumed", GAUGE, GRAM, "CO2 equivalent used since the period began.", _BUDGET)
BUDGET_START = Metric("budget_period_start_timestamp", GAUGE, SECOND, "When the period began, Unix time.", _BUDGET)
BUDGET_END = Metric("budget_period_end_timestamp", GAUGE, SECOND, "When the period ends, Unix time.", _BUDGET)
BUDGET_UPDATED = Metric(
    "budget_updated_timestamp", GAUGE, SECOND, "When the consumption was last read from Prometheus, Unix time.", _BUDGET
)
GRID_INTENSITY = Metric(
    "grid_carbon_intensity",
    GAUGE,
    GRAM_PER_KWH,
    "Carbon intensity of a zone's electricity. kind says average or marginal; source and version name the factor.",
    ("zone", "kind", "source", "version"),
)

CATALOGUE: tuple[Metric, ...] = tuple(value for value in tuple(globals().values()) if isinstance(value, Metric))
