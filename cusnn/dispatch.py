"""From arrays to a backend: what you hold decides where it runs.

NumPy arrays run on the CPU (Numba; or the NumPy reference by name), CuPy arrays on the GPU. A
library that was never imported cannot have made an array, so nothing is imported to find out.
"""

from __future__ import annotations

import importlib
import os
import sys
from dataclasses import dataclass
from types import ModuleType


@dataclass(frozen=True)
class Backend:
    """A backend.

    Attributes:
        package: the package that computes.
        arrays: the array library that it takes.
        longest: the longest axis that it takes, or None.
    """

    package: str
    arrays: str
    longest: int | None = None


BACKENDS: dict[str, Backend] = {
    "numpy": Backend("cusnn.backends.numpy_ref", "numpy"),
    "numba": Backend("cusnn.backends.numba_cpu", "numpy"),
    "cuda": Backend("cusnn.backends.cuda", "cupy", longest=2**31 - 1),
}
DEFAULTS = {"numpy": "numba", "cupy": "cuda"}


def array_library(array) -> str:
    """ "numpy" or "cupy"; TypeError for anything else."""
    for name in ("numpy", "cupy"):
        library = sys.modules.get(name)
        if library is not None and isinstance(array, library.ndarray):
            return name
    raise TypeError(
        f"expected a NumPy or CuPy array, got {type(array).__module__}.{type(array).__name__}"
    )


def choose(
    op: str, arrays: dict, backend: str | None = None, sizes: dict[str, int] | None = None
) -> tuple[str, ModuleType]:
    """Backend name and array library for an operation on these arrays.

    Args:
        op: the operation's name, for messages.
        arrays: arrays by parameter name; None entries are passed over.
        backend: "numpy", "numba", "cuda", or None for what the arrays decide (the environment
            variable ``CUSNN_BACKEND`` names another default for NumPy arrays).
        sizes: size of every axis by letter, as ``contract.check`` returns them.

    Raises:
        TypeError: arrays of several libraries, or of one that the backend does not take.
        ValueError: an unknown backend, there or in ``CUSNN_BACKEND``, or an axis that is too long
            for the backend.
    """
    found: dict[str, str] = {}
    for name, array in arrays.items():
        if array is not None:
            try:
                found.setdefault(array_library(array), name)
            except TypeError as error:
                raise TypeError(f"{op}: {name}: {error}") from None
    if len(found) > 1:
        pairs = " and ".join(f"{name} is {library}" for library, name in found.items())
        raise TypeError(f"{op}: arrays must come from one library, but {pairs}")
    library = next(iter(found))
    name = _default(library) if backend is None else backend
    if name not in BACKENDS:
        raise ValueError(f"{op}: backend must be one of {', '.join(BACKENDS)}, got {name!r}")
    if BACKENDS[name].arrays != library:
        raise TypeError(
            f"{op}: backend {name!r} takes {BACKENDS[name].arrays} arrays, got {library}; "
            f"nothing is copied implicitly"
        )
    _check_sizes(op, name, sizes or {})
    return name, sys.modules[library]


def _default(library: str) -> str:
    wanted = os.environ.get("CUSNN_BACKEND")
    if not wanted:
        return DEFAULTS[library]
    if wanted not in BACKENDS:
        raise ValueError(f"CUSNN_BACKEND must be one of {', '.join(BACKENDS)}, got {wanted!r}")
    return wanted if BACKENDS[wanted].arrays == library else DEFAULTS[library]


def _check_sizes(op: str, name: str, sizes: dict[str, int]) -> None:
    """Synapses (K) are counted in 64 bits everywhere; other axes in what the backend takes."""
    longest = BACKENDS[name].longest
    for letter, size in sizes.items() if longest else ():
        if size > longest and letter != "K":
            raise ValueError(
                f"{op}: backend {name!r} takes axes of at most {longest}, got {letter}={size}"
            )


def function(backend: str, op):
    """The backend's function of an operation (a ``contract.Op``).

    Only the room of that operation is loaded, when it is first asked for. A backend whose package
    has a ``guard`` may put another function in its place.
    """
    package = importlib.import_module(BACKENDS[backend].package)
    guard = getattr(package, "guard", None)
    found = getattr(room(backend, op.room), op.name)
    return found if guard is None else guard(op.room, found)


def room(backend: str, name: str) -> ModuleType:
    """A room of a backend."""
    return importlib.import_module(f"{BACKENDS[backend].package}.{name}")
