"""Commissioning of OPC UA: see ``probe``, ``scan`` and ``simulate``."""

from __future__ import annotations

from greenops_gateway.opcua.probe import probe
from greenops_gateway.opcua.scan import scan
from greenops_gateway.opcua.simulate import simulate
from greenops_gateway.tools import Tools

TOOLS = Tools(probe, scan, simulate)
