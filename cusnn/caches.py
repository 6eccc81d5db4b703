"""Where compiled code is kept for later processes, and where it goes if it cannot be kept."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import sys
import tempfile
import uuid
from pathlib import Path


def folder() -> Path:
    """``CUSNN_CACHE``, or ``cusnn`` in the user's cache folder; it need not exist yet."""
    if os.environ.get("CUSNN_CACHE"):
        return Path(os.environ["CUSNN_CACHE"])
    try:
        if sys.platform == "win32":
            base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
        else:
            base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError:  # a user without a home
        return temporary()
    return Path(base) / "cusnn"


@functools.cache
def temporary() -> Path:
    """A folder of this process alone, removed at its end."""
    path = Path(tempfile.mkdtemp(prefix="cusnn-"))
    atexit.register(_remove, path, os.getpid())
    return path


def _remove(path: Path, owner: int) -> None:
    if os.getpid() == owner:  # a forked child uses the folder of its parent
        shutil.rmtree(path, ignore_errors=True)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, and its folder, so that whoever reads sees all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    try:
        unfinished.write_bytes(content)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
