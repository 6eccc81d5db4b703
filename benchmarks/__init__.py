"""Benchmarks of the operations: ``pytest benchmarks``, ``python -m benchmarks cpu | gpu | report``.

``cases.py`` is the table of what is measured; nothing is timed before it agrees with the reference.
"""
