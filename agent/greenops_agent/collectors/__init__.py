"""Collectors: each is one file with a pure parse and a thin read, named once in ``collect.collectors``."""
