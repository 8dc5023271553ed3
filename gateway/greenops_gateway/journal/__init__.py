"""The gateway's side of the journal: what is kept and how, and the commands that look at it.

``keeping`` stands between judging a sample and showing it, ``running`` is the journal of a gateway at work. Commands
are in ``commands`` (with ``look``, ``report``, ``proof`` and ``export``), ``audit`` and ``trace_command``.
"""
