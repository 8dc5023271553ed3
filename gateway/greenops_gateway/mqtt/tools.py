"""What an engineer has for MQTT beside the reading itself."""

from __future__ import annotations

from greenops_gateway.mqtt.probe import probe
from greenops_gateway.mqtt.scan import scan
from greenops_gateway.mqtt.simulator import simulate
from greenops_gateway.tools import Tools

TOOLS = Tools(probe, scan, simulate)
