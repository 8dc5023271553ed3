"""Commissioning of Modbus: entry point group ``greenops.commissioning``."""

from __future__ import annotations

from greenops_gateway.modbus.probe import probe
from greenops_gateway.modbus.scan import scan
from greenops_gateway.modbus.simulator import simulate
from greenops_gateway.tools import Tools

TOOLS = Tools(probe, scan, simulate)
