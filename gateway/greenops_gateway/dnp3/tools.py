"""What an engineer has for DNP3 beside the reading itself."""

from __future__ import annotations

from greenops_gateway.dnp3.probe import probe
from greenops_gateway.dnp3.scan import scan
from greenops_gateway.dnp3.simulator import simulate
from greenops_gateway.tools import Tools

TOOLS = Tools(probe, scan, simulate)
