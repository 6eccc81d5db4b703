"""Compiled code on disk: fresh only while every file of this package is as it was.

Numba stamps a cached function with the text of its own file, but the machine code has callees of
other files in it. So the functions of this package, and no others, are kept in a folder named
after the text of all files.
"""

import functools
import hashlib
import tempfile
from pathlib import Path

import numba
from numba.core import caching

from cusnn import caches

PACKAGE = Path(__file__).resolve().parent


@functools.cache
def digest() -> str:
    """Of the text of every file here, and Numba's version."""
    found = hashlib.sha256(numba.__version__.encode())
    for path in sorted(PACKAGE.glob("*.py")):
        content = path.read_bytes()
        found.update(f"\0{path.name}\0{len(content)}\0".encode() + content)
    return found.hexdigest()[:32]


@functools.cache
def folder() -> Path:
    """``numba-<digest>`` in ``NUMBA_CACHE_DIR`` if that is set, or else in the cache of cusnn.

    One that cannot be written is replaced by a folder of this process. Folders of older versions
    are never looked at again, and may be deleted.
    """
    base = Path(numba.config.CACHE_DIR) if numba.config.CACHE_DIR else caches.folder()
    path = base / f"numba-{digest()}"
    try:
        path.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path).close()
    except OSError:
        return caches.temporary()
    return path


class Locator(caching._CacheLocator):
    """Tells Numba the folder and the stamp of this package's functions; of others, nothing."""

    def __init__(self, py_func, py_file):
        self._py_file, self._line = py_file, py_func.__code__.co_firstlineno

    def get_cache_path(self):
        return str(folder())

    def get_source_stamp(self):
        return digest()

    def get_disambiguator(self):
        return str(self._line)

    @classmethod
    def from_function(cls, py_func, py_file):
        path = Path(py_file)
        return cls(py_func, py_file) if path.parent == PACKAGE and path.is_file() else None


def install() -> None:
    """Ask ``Locator`` before Numba's own."""
    if Locator not in caching.CacheImpl._locator_classes:
        caching.CacheImpl._locator_classes.insert(0, Locator)
