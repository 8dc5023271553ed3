"""Delivery: what the journal holds, to each receiver, at its own pace.

``deliver`` reads, sorts, retries and settles; a ``sink`` encodes and sends one batch and gives the ``verdict``.
"""
