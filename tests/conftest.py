"""The backend fixture, poisoned outputs, and what CI may not skip."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

# Read when Numba is imported; results with three threads need more than two cores.
os.environ.setdefault("NUMBA_NUM_THREADS", str(max(4, os.cpu_count() or 1)))
os.environ.setdefault("MPLBACKEND", "Agg")
# `pytest` alone does not put the repository's root, where benchmarks/ is, on the path.
sys.path.append(str(Path(__file__).resolve().parent.parent))

import numpy as np
import pytest

from cusnn import contract, dispatch, driver

REQUIRED = set(filter(None, os.environ.get("CUSNN_REQUIRE", "").split(",")))


def skip(what: str, reason: str) -> None:
    """Skip for want of ``what``, or fail where CUSNN_REQUIRE says that it must be there."""
    if what in REQUIRED:
        pytest.fail(f"CUSNN_REQUIRE names {what}, but {reason}")
    pytest.skip(reason)


@dataclass(frozen=True)
class TestBackend:
    """One way to run the operations.

    Attributes:
        id: "numpy", "numba", "emulated" (the CUDA backend under g++) or "cuda" (a real GPU).
        name: what public functions take as ``backend=``.
        xp: the array library.
    """

    __test__ = False

    id: str
    name: str
    xp: object

    def array(self, value, dtype=None):
        """A fresh array of this backend's library, always a copy."""
        return self.xp.array(value, dtype=dtype, order="C")

    def numpy(self, array):
        """The values as a NumPy array."""
        return array if isinstance(array, np.ndarray) else array.get()


@pytest.fixture(params=["numpy", "numba", "emulated", "cuda"])
def backend(request, monkeypatch) -> TestBackend:
    """Every backend in turn; a test written once runs on all."""
    if request.param == "cuda":
        reason = driver.unavailable()
        if reason:
            skip("gpu", reason)
        import cupy

        return TestBackend("cuda", "cuda", cupy)
    if request.param == "emulated":
        use_emulator(monkeypatch)
        return TestBackend("emulated", "cuda", np)
    return TestBackend(request.param, request.param, np)


def use_emulator(monkeypatch) -> None:
    """Let the CUDA backend take NumPy arrays and launch its kernels under g++."""
    import emulator

    emulator.require()
    monkeypatch.setattr(driver, "launch", emulator.launch)
    monkeypatch.setattr(driver, "limits", lambda: driver.Limits(processors=4, shared=48 * 1024))
    monkeypatch.setattr(driver, "free_bytes", lambda: 2**36)
    cuda = dispatch.Backend(dispatch.BACKENDS["cuda"].package, "numpy")
    monkeypatch.setitem(dispatch.BACKENDS, "cuda", cuda)


def poison(array) -> None:
    """Fill with what no operation computes: NaN, or all bits set."""
    if array.dtype.kind == "f":
        array.fill(np.nan)
    elif array.dtype.kind in "iu":
        array.fill(-1 if array.dtype.kind == "i" else np.iinfo(str(array.dtype)).max)


@pytest.fixture(autouse=True)
def poisoned_outputs(monkeypatch):
    """Outputs start poisoned, so an element that a backend forgets cannot pass for zero."""
    allocate = contract.allocate

    def allocate_poisoned(op, xp, sizes, skip=(), **given):
        outputs = allocate(op, xp, sizes, skip, **given)
        for name, array in outputs.items():
            if array is not None and given.get(name) is None:
                poison(array)
        return outputs

    monkeypatch.setattr(contract, "allocate", allocate_poisoned)
