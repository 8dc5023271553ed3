"""Electrical energy of the host: measured where the processor counts it, else modelled."""
