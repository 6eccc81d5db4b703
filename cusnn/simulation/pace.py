"""How many threads a simulation takes, and how many steps a call of the engine does."""

from __future__ import annotations

import math
import os
from pathlib import Path

# Steps per call of the engine grow until a call takes so long; Ctrl-C and progress wait for it.
SECONDS_PER_CALL, TELLING_SECONDS = 0.1, 0.01
MOST_STEPS_PER_CALL = 2**14
CALLS_PER_TRIAL = 20
CALLS_PER_EARLY_TRIAL = 3
NEURONS_PER_THREAD = 1500
# Threads that anybody may ask for, and threads per core where that is more.
MANY_THREADS, MANY_PER_CORE = 256, 4
# Microseconds of processor time that a container may take, and in how many.
CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def default_threads(network=None) -> int:
    """Number of CPU cores that this process may use; for a small network fewer of them.

    A step of few neurons is done sooner than threads can meet. And threads that a container has no
    time for use up that of the others while they wait.
    """
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:
        cores = os.cpu_count() or 1
    cores = min(cores, _quota())
    if network is None:
        return cores
    return min(cores, max(1, network.size // NEURONS_PER_THREAD))


def _quota() -> float:
    """Cores that the time of a container would keep busy."""
    try:
        allowed, period = CPU_QUOTA.read_text().split()
        return max(math.ceil(int(allowed) / int(period)), 1)
    except (OSError, ValueError):  # no container, or "max"
        return math.inf


def most_threads() -> int:
    """Largest number of threads that ``Simulation`` takes."""
    return max(MANY_THREADS, MANY_PER_CORE * default_threads())


def checked_threads(owner: str, network, threads: int | None, on_device: bool = False) -> int:
    """Number of threads to use; one where a GPU does the work."""
    if threads is None:
        return 1 if on_device else default_threads(network)
    whole = hasattr(threads, "__index__") and not isinstance(threads, bool)
    if not whole or not 1 <= threads <= most_threads():
        raise ValueError(
            f"{owner}: threads must be an integer of 1 to {most_threads()}, got {threads!r}"
        )
    if on_device and threads > 1:
        raise ValueError(f"{owner}: threads are of CPUs, a GPU takes none, got {threads}")
    return int(threads)


class Pace:
    """How many steps the next call of the engine does, and on how many threads.

    Threads meet in every step, so where other programs take one of the cores, all wait for it;
    then one thread may be faster than several. Where it is free to choose, the pace takes what
    was faster and tries the other now and then, at first more often: the first calls find nothing
    in the caches. Short ones say nothing, for to start threads takes as long as they do. No call
    but a trial does fewer than ``fewest`` steps.
    """

    def __init__(self, threads: int, free: bool, fewest: int = 1):
        self._fewest, self._steps, self._calls = fewest, 16, 0
        choices = (threads, 1) if free and threads > 1 else (threads,)
        # What was not tried yet is no faster, so that the first trial of it is a short one.
        self._seconds = dict.fromkeys(choices, math.inf)

    def next_call(self) -> tuple[int, int]:
        """Steps, and threads."""
        steps = max(min(self._steps, MOST_STEPS_PER_CALL), self._fewest)
        faster, *slower = sorted(self._seconds, key=self._seconds.get)
        self._calls += 1
        early = self._calls < CALLS_PER_TRIAL
        if slower and self._calls % (CALLS_PER_EARLY_TRIAL if early else CALLS_PER_TRIAL) == 0:
            return max(steps // 4, 1), slower[0]
        return steps, faster

    def took(self, threads: int, seconds: float) -> None:
        """A call on so many threads took so many seconds per step."""
        if self._steps * seconds >= TELLING_SECONDS or self._steps >= MOST_STEPS_PER_CALL:
            self._seconds[threads] = seconds
        if self._steps * seconds < 0.5 * SECONDS_PER_CALL:
            self._steps = min(2 * self._steps, MOST_STEPS_PER_CALL)
        elif self._steps * seconds > 2 * SECONDS_PER_CALL:
            self._steps = max(self._steps // 2, 1)
