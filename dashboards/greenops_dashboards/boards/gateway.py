"""Whether the way from the analyser to Prometheus works."""

from __future__ import annotations

from greenops_alerting.gateway import ENDED, FAILED
from greenops_alerting.records import HTTP_ERRORS
from greenops_alerting.thresholds import DEVICE_ERROR_SHARE, HTTP_ERROR_SHARE, NORMAL
from greenops_core import catalogue as c
from greenops_core.duration import duration
from greenops_core.sample import Metric, Quality
from greenops_core.unit import Unit
from greenops_dashboards import grafana_unit as unit
from greenops_dashboards.alert import firing, of_board
from greenops_dashboards.board import Board
from greenops_dashboards.document import document
from greenops_dashboards.panel import Query, stat, state_timeline, timeseries
from greenops_dashboards.promql import (
    age,
    aggregate,
    combine,
    first_of,
    highest,
    increase,
    last,
    rate,
    select,
    total,
    where,
    within,
)
from greenops_dashboards.style import BAD, INVALID, QUALITY, UP, WARNING, Ladder, ladder
from greenops_dashboards.table import Column, Page, table
from greenops_dashboards.variable import DEVICE, SITE, STACK, TRACED_AT

UID = "greenops-gateway"
VARIABLES = (SITE, STACK, DEVICE)
of = within(*VARIABLES)
TRACE = "Where this value comes from"
TRACED = f"http://${{{TRACED_AT.name}}}/journal/trace?id="

NO_GATEWAY = "No gateway reports: is it running, and has it devices configured?"
NO_TRAFFIC = "Nothing was asked of any device in this time"
DEVICE_ = ("site", "stack", "device")
POINT = (*DEVICE_, "point")
GAP = ladder((duration(NORMAL.data_gap),), (BAD,))
ALL_UP = Ladder(BAD, ((1, "green"),))

UNITS = {
    "mg_per_m3": unit.MILLIGRAMS_PER_M3,
    "ppm": unit.PPM,
    "ratio": unit.SHARE,
    "celsius": unit.CELSIUS,
    "pascals": unit.PASCALS,
    "m3_per_second": unit.M3_PER_SECOND,
    "grams_per_second": unit.GRAMS_PER_SECOND,
    "watts": unit.WATTS,
    "joules": unit.JOULES,
    "volts": unit.VOLTS,
    "amperes": unit.AMPERES,
    "hertz": unit.HERTZ,
    "metres_per_second": unit.METRES_PER_SECOND,
    "m3": unit.M3,
    "": unit.NONE,
}
"""How Grafana writes the unit that a metric's name ends with."""


def shown_in(base: Unit) -> str:
    """Grafana's unit for one of ours."""
    return UNITS[base.suffix]


def readings() -> tuple[Column, ...]:
    """A column per quantity; those that no point measures do not appear."""
    return tuple(_reading(metric, quantity.name) for quantity, metric in c.POINT_METRICS.items())


def _reading(metric: Metric, name: str) -> Column:
    return Column(title=name.capitalize(), expr=highest(of(metric), *POINT), unit=shown_in(metric.unit))


ANSWER = (
    stat(
        "devices",
        "Devices answering",
        "Devices that answer now, as a share of those seen in the time range.",
        Query(
            aggregate(
                "avg",
                first_of(highest(of(c.DEVICE_UP), *DEVICE_), highest(last(of(c.DEVICE_UP)), *DEVICE_) * 0, on=DEVICE_),
            ),
            instant=True,
        ),
        unit=unit.SHARE,
        thresholds=ALL_UP,
        no_value=NO_GATEWAY,
    ),
    stat(
        "bad_points",
        "Points that are bad",
        "Points whose last value cannot be used; Quality of points says why.",
        Query(total(where(highest(of(c.POINT_QUALITY), *POINT), f"== bool {Quality.BAD:d}"))),
        unit=unit.NONE,
        thresholds=Ladder(steps=((1, INVALID),)),
        no_value=NO_GATEWAY,
    ),
    stat(
        "oldest",
        "Oldest usable sample",
        f"Age of the last usable sample of the point that waits longest; red when the alert on gaps would count it "
        f"({NORMAL.data_gap}).",
        Query(highest(age(highest(last(of(c.POINT_LAST_SAMPLE)), *POINT))), instant=True),
        unit=unit.SECONDS,
        thresholds=GAP,
        no_value="No point has ever given a usable sample in this time",
    ),
    stat(
        "errors",
        "Requests that fail",
        f"Share of the requests to devices that got no good answer. The alert counts from {DEVICE_ERROR_SHARE:.0%} per "
        "device.",
        Query(
            total(rate(of(c.DEVICE_REQUESTS, result=FAILED)))
            / where(total(rate(of(c.DEVICE_REQUESTS, result=ENDED))), "> 0"),
        ),
        unit=unit.SHARE,
        thresholds=ladder((DEVICE_ERROR_SHARE,), (WARNING,)),
        decimals=1,
        no_value=NO_TRAFFIC,
    ),
)
TREND = (
    state_timeline(
        "up",
        "Connection to devices",
        "Whether each device answers. Where nothing is drawn, the gateway itself was silent.",
        Query(highest(of(c.DEVICE_UP), *DEVICE_, "protocol"), "{{stack}} {{device}} ({{protocol}})"),
        states=UP,
        no_value=NO_GATEWAY,
    ),
    state_timeline(
        "quality",
        "Quality of points",
        "How far each point may be trusted. Last readings says why one is not good.",
        Query(highest(of(c.POINT_QUALITY), *POINT), "{{stack}} {{device}} {{point}}"),
        states=QUALITY,
        no_value=NO_GATEWAY,
    ),
    timeseries(
        "requests",
        "Requests to devices",
        "Requests per second by result.",
        Query(total(rate(of(c.DEVICE_REQUESTS)), "device", "result"), "{{device}} {{result}}"),
        unit=unit.REQUESTS_PER_SECOND,
        no_value=NO_TRAFFIC,
    ),
    timeseries(
        "samples",
        "Samples by quality",
        "Samples per second. Bad ones are counted here and left out everywhere else.",
        Query(total(rate(of(c.DEVICE_SAMPLES)), "quality"), "{{quality}}"),
        unit=unit.PER_SECOND,
        no_value=NO_GATEWAY,
    ),
)
DETAIL = (
    table(
        "readings",
        "Last readings",
        "The last usable value of every point. Columns appear for the quantities that are measured; an empty cell is a "
        "point of another quantity, or one whose value is bad.",
        (
            Column(
                title="Quality",
                expr=highest(of(c.POINT_QUALITY), *POINT, "reason"),
                states=QUALITY,
            ),
            Column(
                title="Sample age",
                expr=age(highest(last(of(c.POINT_LAST_SAMPLE)), *POINT)),
                unit=unit.SECONDS,
                thresholds=GAP,
            ),
            *readings(),
        ),
        labels={"site": "Site", "stack": "Stack", "device": "Device", "point": "Point", "reason": "Reason"},
        no_value="",
        links=(Page("point", TRACE, TRACED + "${__data.fields.Device}/${__data.fields.Point}@now"),),
        height=12,
    ),
    timeseries(
        "age",
        "Age of the last usable sample",
        "The line marks the age from which the alert on gaps counts.",
        Query(age(highest(of(c.POINT_LAST_SAMPLE), *POINT)), "{{stack}} {{device}} {{point}}"),
        unit=unit.SECONDS,
        thresholds=GAP,
        links=((TRACE, TRACED + "${__field.labels.device}/${__field.labels.point}@${__value.time}"),),
        no_value=NO_GATEWAY,
    ),
    timeseries(
        "events",
        "What devices reported",
        "Restarts, lost events, gaps in sequences, deaths: what a reader of the values should know.",
        Query(total(increase(of(c.DEVICE_EVENTS)), "device", "event"), "{{device}} {{event}}"),
        unit=unit.NONE,
        no_value=NO_GATEWAY,
    ),
    timeseries(
        "gaps",
        "Gaps",
        "How often a point had no usable sample for longer than its configuration allows, 15 minutes unless it says.",
        Query(total(increase(of(c.DEVICE_GAPS)), "device"), "{{device}}"),
        unit=unit.NONE,
        no_value=NO_GATEWAY,
    ),
    timeseries(
        "configuration",
        "Configuration: age",
        "How long ago the configuration in use was read.",
        Query(age(highest(select(c.CONFIGURATION_LOADED, (SITE,)), "site")), "{{site}}"),
        unit=unit.SECONDS,
        no_value=NO_GATEWAY,
    ),
    timeseries(
        "reloads",
        "Configuration: reloads",
        "A failed one changed nothing; the gateway's log says what is wrong with the file.",
        Query(total(increase(select(c.CONFIGURATION_RELOADS, (SITE,))), "site", "result"), "{{site}} {{result}}"),
        unit=unit.NONE,
        no_value=NO_GATEWAY,
    ),
    timeseries(
        "http",
        "Programs: HTTP errors",
        "Share of HTTP requests answered with a server error. The line marks the share that the alert uses.",
        Query(select(HTTP_ERRORS), "{{program}}"),
        unit=unit.SHARE,
        thresholds=ladder((HTTP_ERROR_SHARE,), (WARNING,)),
        no_value="Nobody has asked any program anything for five minutes",
    ),
    timeseries(
        "http_requests",
        "Programs: HTTP requests",
        "Requests per second, by program and status code.",
        Query(total(rate(select(c.HTTP_REQUESTS)), "program", "code"), "{{program}} {{code}}"),
        unit=unit.REQUESTS_PER_SECOND,
        no_value="No program of GreenOps is scraped",
    ),
    timeseries(
        "otlp",
        "Programs: pushes by OTLP",
        "Pushes per second by result; only programs with an otlp section in their configuration push.",
        Query(total(rate(select(c.OTLP_EXPORTS)), "program", "result"), "{{program}} {{result}}"),
        unit=unit.PER_SECOND,
        no_value="No program is configured to push",
    ),
    table(
        "versions",
        "Programs: versions",
        "What runs now, and how many of each.",
        (Column(title="Running", expr=aggregate("count", select(c.BUILD_INFO), "program", "version")),),
        labels={"program": "Program", "version": "Version"},
        no_value="none",
        height=6,
    ),
    table(
        "certificates",
        "Certificates",
        "How long the certificates on the way to devices still hold.",
        (
            Column(
                title="Ends in",
                expr=combine(age(highest(of(c.DEVICE_CERTIFICATE_EXPIRY), *DEVICE_, "certificate")), "*", -1),
                unit=unit.SECONDS,
            ),
        ),
        labels={"site": "Site", "stack": "Stack", "device": "Device", "certificate": "Certificate"},
        no_value="No device is reached with a certificate",
        height=6,
    ),
    document(
        "Does every device answer, and does every point give values that can be used?",
        (
            "The gateway gives each sample a quality, good, uncertain or bad, and a reason for what is not good.",
            "A bad value is absent from the readings and counted in Samples by quality.",
            "Ages are now minus the time at which the last usable sample was measured.",
        ),
        (
            "A device that does not answer is red; where nothing is drawn, the gateway itself is silent.",
            "An empty reading is a bad one.",
            "The name of a point, or a moment of its age, leads to the gateway's trace of that value.",
        ),
    ),
)

BOARD = Board(
    uid=UID,
    title="GreenOps / Gateway health",
    question="Does every device answer, and does every point give values that can be used?",
    variables=(*VARIABLES, TRACED_AT),
    alerts=firing(of_board(UID), *VARIABLES),
    panels=ANSWER + TREND + DETAIL,
    span="3h",
)
