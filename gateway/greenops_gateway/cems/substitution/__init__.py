"""Substitutes for missing data: the reported plane. A batch over closed hours; no limit or alert ever reads it."""
