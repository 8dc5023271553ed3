"""The agent of a host: what it uses, whether it idles, and what that costs in energy, money and CO2 equivalent.

Small by rule: psutil and the standard library, one thread, one process. What needs weight runs elsewhere, or where a
push is configured only.
"""
