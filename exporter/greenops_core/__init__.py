"""What everything else speaks: units, samples with quality, the metric catalogue, carbon and budget arithmetic.

Rules of this package: standard library only; no I/O, no clock, no logging. Time is an argument.
"""
