"""The command line: ``cusnn run MODEL``, ``cusnn validate MODEL``, ``cusnn train DATA``,
``cusnn energy``, ``cusnn info``.

What is heavy (NumPy, Numba, matplotlib) is imported by the commands that need it, so that
``cusnn --help`` answers at once.
"""

from cusnn.cli import crossover, energy, info, run, train, validate
from cusnn.cli.app import app, main

__all__ = ["app", "crossover", "energy", "info", "main", "run", "train", "validate"]
