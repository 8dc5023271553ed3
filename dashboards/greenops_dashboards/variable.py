"""The choices at the top of the boards. The same names everywhere, so that links carry them along."""

from __future__ import annotations

from greenops_core.catalogue import (
    BUDGET_LIMIT,
    DELIVERY_COMMITTED,
    DEVICE_UP,
    EMISSION_LIMIT,
    HOST_INFO,
    JOURNAL_SAMPLES,
)
from greenops_dashboards.promql import Variable

SITE = Variable("site", "Site", DEVICE_UP)
STACK = Variable("stack", "Stack", DEVICE_UP, (SITE,))
DEVICE = Variable("device", "Device", DEVICE_UP, (SITE, STACK))
SINK = Variable("sink", "Sink", DELIVERY_COMMITTED, (SITE,))
TRACED_AT = Variable("instance", "Traced at", JOURNAL_SAMPLES, (SITE,), is_one=True)
"""The gateway that is asked where a value comes from, by the address where it is scraped."""
PARAMETER = Variable("parameter", "Parameter", EMISSION_LIMIT, (SITE, STACK))
DEPARTMENT = Variable("department", "Department", HOST_INFO)
BUDGETED = Variable("department", "Department", BUDGET_LIMIT)
HOST = Variable("host", "Host", HOST_INFO, (DEPARTMENT,))
