"""The command line: ``cusnn run MODEL``, ``cusnn validate MODEL``, ``cusnn train DATA``,
``cusnn info``.

What is heavy (NumPy, Numba, matplotlib) is imported by the commands that need it, so that
``cusnn --help`` answers at once.
"""

from cusnn.cli import info, run, train, validate
from cusnn.cli.app import app, main

__all__ = ["app", "info", "main", "run", "train", "validate"]
