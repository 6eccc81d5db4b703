"""``python -m cusnn`` is ``cusnn``."""

from cusnn.cli import main

main()
