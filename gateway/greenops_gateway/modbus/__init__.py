"""Modbus over TCP, TLS and serial lines: pure codec, framings, addresses and plan; ``wire`` and ``owner`` ask."""
