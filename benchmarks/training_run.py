"""One contender, once, in a process of its own: ``python -m benchmarks.training_run '{...}'``.

The last line that it prints is the result as JSON.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

from benchmarks import training_digits
from benchmarks.training_contenders import CONTENDERS
from benchmarks.training_work import WORK, disagreements
from cusnn.info import peak_memory_bytes

PREFIX = "result: "
SMALL = {"steps": 2, "batch": 2, "neurons": 64}
SHORTEST = 1.0  # s of timed calls
FEWEST, MOST = 3, 30


def compare(task: dict) -> dict:
    """What differs between a contender and our operations."""
    work, contender = WORK[task["row"]], CONTENDERS[task["contender"]]
    call, results = contender.make(work, task["threads"])
    call()
    expected = work.expected(contender.surrogate, contender.detach_reset)
    return {"disagreements": disagreements(work, results(), expected)}


def measure(task: dict) -> dict:
    """Seconds of each call after the first, and the memory that the process came to hold.

    Libraries load parts of themselves in the first call; a small one before keeps that out of the
    memory. Not for torch.compile, which would take the sizes for changing ones.
    """
    work, contender = WORK[task["row"]], CONTENDERS[task["contender"]]
    if work.linear:
        contender.make(replace(work, **SMALL), task["threads"])[0]()
    call, _ = contender.make(work, task["threads"])
    before = held_bytes()
    started = time.perf_counter()
    call()
    first = time.perf_counter() - started
    seconds = []
    while len(seconds) < FEWEST or (sum(seconds) < SHORTEST and len(seconds) < MOST):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    after = peak_memory_bytes()
    return {
        "seconds": seconds,
        "first_s": first,
        "peak_bytes": after,
        "grown_bytes": after - before,
    }


def held_bytes() -> int:
    """Memory held now, from which the peak counts on; on Linux, elsewhere the peak so far."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return peak_memory_bytes()


def digits(task: dict) -> dict:
    steps = task.get("steps", training_digits.STEPS)
    return training_digits.run(task["contender"], task["seed"], task["threads"], steps)


KINDS = {"compare": compare, "measure": measure, "digits": digits}


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    found = KINDS[given["kind"]](given)
    print(PREFIX + json.dumps(found), flush=True)
