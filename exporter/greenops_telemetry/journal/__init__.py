"""The journal: every sample on disk before anybody sees it, and what became of it for each receiver.

Segments are append-only files of checked frames (``frame``, ``segment``); small state that changes, cursors above all,
lies in one SQLite file (``state``). ``store`` writes and reads both, ``group`` commits for an event loop.
"""
