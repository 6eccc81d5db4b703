"""From a case to a number: correct first, then timed, beside a copy of as many bytes."""

from __future__ import annotations

import functools
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.cases import Case, complete
from cusnn import contract, dispatch

SHORTEST_ROUND = 1e-3  # s; shorter calls are repeated within a round
MOST_ITERATIONS = 1000
FEWEST_ROUNDS, MOST_ROUNDS = 3, 100
SMALLEST_COPY, LARGEST_COPY = 2**20, 2**30


class EventClock:
    """Seconds of the device's time, read off CUDA events; each reading waits for the device."""

    def __init__(self):
        self.last, self.total = None, 0.0

    def __call__(self) -> float:
        import cupy

        event = cupy.cuda.Event()
        event.record()
        event.synchronize()
        if self.last is not None:
            self.total += cupy.cuda.get_elapsed_time(self.last, event) * 1e-3
        self.last = event
        return self.total


def _nothing(dtype):
    """A value that no operation computes."""
    return {"f": np.nan, "i": -1}.get(dtype.kind) if dtype.kind != "u" else np.iinfo(dtype).max


@dataclass(frozen=True)
class Target:
    """Where a case runs: a backend, its array library, and a clock that fits it."""

    backend: str
    xp: object
    clock: Callable[[], float]

    def numpy(self, array) -> np.ndarray:
        return array if isinstance(array, np.ndarray) else array.get()


def target(backend: str) -> Target:
    """The target of a backend; "cuda" imports CuPy."""
    if dispatch.BACKENDS[backend].arrays == "numpy":
        return Target(backend, np, time.perf_counter)
    import cupy

    return Target(backend, cupy, EventClock())


class Prepared:
    """A case with its arrays on a target, ready to be called again and again.

    Attributes:
        sizes: size of every axis.
        inputs, outputs: arrays by name; outputs start as NaN or all ones unless left raw.
        needed: bytes that one call has to move.
    """

    def __init__(
        self, case: Case, where: Target, arrays: dict, settings: dict, sizes: dict, raw: bool
    ):
        self.case, self.where = case, where
        self.op = contract.OPS[case.op]
        self.sizes = complete(case, sizes, arrays)
        self.inputs = {
            name: None if array is None else where.xp.asarray(array.copy())
            for name, array in arrays.items()
        }
        outputs = contract.allocate(self.op, where.xp, self.sizes, case.skip, dtypes=case.dtypes)
        self.outputs = outputs
        for array in self.outputs.values():
            if array is not None and not raw:
                array.fill(_nothing(array.dtype))
        self.needed = case.bytes_needed(self.sizes, arrays)
        self._function = dispatch.function(where.backend, self.op)
        self._settings = settings
        self._inout = {a.name for a in self.op.args if a.flow == "inout"}
        self._start = {n: self.inputs[n].copy() for n in self._inout} if case.restore else {}

    def __call__(self) -> None:
        self._function(**self.inputs, **self.outputs, **self._settings)

    def restore(self) -> None:
        """Put back what a call changed, where a second call would do other work."""
        for name, array in self._start.items():
            self.inputs[name][...] = array

    def results(self) -> dict[str, np.ndarray]:
        """Everything that a call writes, as NumPy arrays."""
        written = self.outputs | {name: self.inputs[name] for name in self._inout}
        return {n: self.where.numpy(array) for n, array in written.items() if array is not None}


def prepare(case: Case, sizes: dict, where: Target, raw: bool = False) -> Prepared:
    """Make a case's arrays (the same for every target) and put them where they are wanted."""
    arrays, settings = case.make(sizes, np.random.default_rng(1))
    return Prepared(case, where, arrays, settings, sizes, raw)


def check(case: Case, where: Target, sizes: dict | None = None) -> Prepared:
    """Run a case once, on its small sizes, and compare with what NumPy gives for it.

    Returns:
        The case prepared on the target.

    Raises:
        AssertionError: the results differ by more than the case allows.
    """
    sizes = case.small if sizes is None else sizes
    prepared = prepare(case, sizes, where)
    prepared()
    if where.backend == "numpy":
        return prepared
    results = case.comparable(sizes, prepared.results())
    for name, expected in reference(case, sizes).items():
        what = f"{case.name}: {name} on {where.backend}"
        compare(results[name], expected, case.tolerance, what)
    return prepared


def reference(case: Case, sizes: dict) -> dict[str, np.ndarray]:
    """What NumPy gives for a case, or for its twin, in the form that is compared."""
    if case.twin is not None:
        return case.twin(sizes)
    prepared = prepare(case, sizes, target("numpy"))
    prepared()
    return case.comparable(sizes, prepared.results())


def compare(found: np.ndarray, expected: np.ndarray, tolerance: float, what: str) -> None:
    """Equal bits where the tolerance is 0, else within it of the expected or of their largest."""
    if tolerance == 0:
        np.testing.assert_array_equal(found, expected, err_msg=what)
        return
    largest = float(np.abs(expected).max(initial=0))
    np.testing.assert_allclose(
        found, expected, rtol=tolerance, atol=tolerance * largest, err_msg=what
    )


@dataclass(frozen=True)
class Schedule:
    """How often a call is timed: ``rounds`` rounds of ``iterations`` calls."""

    rounds: int
    iterations: int


def schedule(call: Callable, clock: Callable, budget: float, restore: Callable | None) -> Schedule:
    """Rounds that fill about ``budget`` seconds. Calls once to warm up and once to look."""
    call()
    if restore:
        restore()
    start = clock()
    call()
    seconds = max(clock() - start, 1e-9)
    iterations = 1 if restore else min(MOST_ITERATIONS, math.ceil(SHORTEST_ROUND / seconds))
    rounds = math.ceil(budget / (seconds * iterations))
    return Schedule(min(MOST_ROUNDS, max(FEWEST_ROUNDS, rounds)), iterations)


def time_call(
    call: Callable, clock: Callable, budget: float = 0.5, restore: Callable | None = None
) -> list[float]:
    """Seconds per call, a number for each round."""
    plan = schedule(call, clock, budget, restore)
    seconds = []
    for _ in range(plan.rounds):
        if restore:
            restore()
        start = clock()
        for _ in range(plan.iterations):
            call()
        seconds.append((clock() - start) / plan.iterations)
    return seconds


def copy_rate(where: Target, needed: int) -> float:
    """Bytes per second of a plain copy that moves about as many bytes as ``needed``.

    On the CPU all threads copy; on the GPU it is CuPy's copy on the device.
    """
    power = 2 ** round(math.log2(max(needed, 1)))
    return _copy_rate(where.xp.__name__, min(LARGEST_COPY, max(SMALLEST_COPY, power)))


@functools.cache
def _copy_rate(library: str, moved: int) -> float:
    if library == "numpy":
        xp, copy, clock = np, _threaded_copy(), time.perf_counter
    else:
        import cupy

        xp, copy, clock = cupy, cupy.copyto, EventClock()
    sink, source = (xp.ones(moved // 8, np.float32) for _ in range(2))
    return moved / statistics.median(time_call(lambda: copy(sink, source), clock, 0.1))


@functools.cache
def _threaded_copy():
    import numba

    import cusnn.backends.numba_cpu  # noqa: F401  chooses the threading layer

    @numba.njit(parallel=True)
    def copy(sink, source):
        for i in numba.prange(source.size):
            sink[i] = source[i]

    return copy


def row(case: Case, where: Target, prepared: Prepared, seconds: list[float]) -> dict:
    """What is known of a timed case, as it stands in result files."""
    return {
        "operation": case.op,
        "case": case.name,
        "backend": where.backend,
        "sizes": sizes_text(prepared.sizes, case),
        "seconds": statistics.median(seconds),
        "fastest": min(seconds),
        "slowest": max(seconds),
        "rounds": len(seconds),
        **traffic(case, where, prepared, statistics.median(seconds)),
        "status": "passed",
    }


def traffic(case: Case, where: Target, prepared: Prepared, seconds: float) -> dict:
    """Bytes moved, bytes per second, and their share of a copy's."""
    rate, copy = prepared.needed / seconds, copy_rate(where, prepared.needed)
    return {
        "bytes": prepared.needed,
        "bytes_counted": case.bytes_text,
        "gb_per_s": rate / 1e9,
        "copy_gb_per_s": copy / 1e9,
        "share_of_copy": rate / copy,
    }


def sizes_text(sizes: dict, case: Case) -> str:
    """The sizes that were chosen, such as "T=100 B=32 N=1000"."""
    return " ".join(f"{name}={sizes[name]}" for name in case.small)


def measure(case: Case, sizes: dict, where: Target, budget: float = 0.5) -> dict:
    """Check a case on its small sizes, time it on others, and return its row."""
    check(case, where)
    prepared = prepare(case, sizes, where)
    restore = prepared.restore if case.restore else None
    return row(case, where, prepared, time_call(prepared, where.clock, budget, restore))
