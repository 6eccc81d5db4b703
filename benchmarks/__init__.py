"""Benchmarks of the operations: ``pytest benchmarks``, ``python -m benchmarks cpu | gpu | report``.

``cases.py`` is the table of what is measured; nothing is timed before it agrees with the reference.
"""

import hashlib
import os
import tempfile
from pathlib import Path

_BACKEND = Path(__file__).resolve().parent.parent / "cusnn" / "backends" / "numba_cpu"


def _numba_cache() -> str:
    """Numba's cache looks at one file only: a change in another must still recompile."""
    digest = hashlib.sha256()
    for path in sorted(_BACKEND.glob("*.py")):
        digest.update(path.read_bytes())
    return str(Path(tempfile.gettempdir()) / f"cusnn-numba-{digest.hexdigest()[:16]}")


# Read once, when Numba is imported.
os.environ.setdefault("NUMBA_CACHE_DIR", _numba_cache())
