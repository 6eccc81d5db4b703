"""Micro-benchmarks of the GPU: the figures that the design of kernels rests on.

Each item checks what its kernel left behind before it reports a time.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.measure import Target, copy_rate, time_call
from cusnn import driver

SOURCE = str(Path(__file__).resolve().parent / "micro.cu")
KERNELS = (
    "nothing",
    "shared_atomics<int32>",
    "shared_atomics<float>",
    "barrier_rounds",
    "mailbox_rounds",
    "row_reads<false>",
    "row_reads<true>",
)
WARP = 32
ROW_BYTES = 128


@dataclass(frozen=True)
class Scale:
    """How much each micro-benchmark does.

    Attributes:
        blocks: blocks of a kernel that fills the device once (one per multiprocessor).
        threads: threads per block.
        updates: atomic additions per thread.
        rounds: rounds of the exchange between blocks.
        reads: rows that a warp reads.
        tables: bytes of the tables read at random.
        copies: bytes that copies move.
        launches: launches in a row.
        budget: seconds of timing per item.
    """

    blocks: int
    threads: int = 1024
    updates: int = 1000
    rounds: int = 2000
    reads: int = 1000
    tables: tuple[int, ...] = (2**24, 2**30)
    copies: tuple[int, ...] = (2**22, 2**25, 2**30)
    launches: int = 1000
    budget: float = 0.3


def items(where: Target, scale: Scale) -> Iterator[tuple[str, Callable[[], dict]]]:
    """Names of the micro-benchmarks, each with the function that runs it."""
    for moved in scale.copies:
        yield f"copy {moved >> 20} MiB", lambda moved=moved: copy(where, moved)
    yield "launch", lambda: launch_overhead(where, scale)
    for kind in ("int32", "float"):
        for spread in (8192, 32, 1):
            name = f"shared atomics {kind}, {spread} bins"
            yield (
                name,
                lambda kind=kind, spread=spread: shared_atomics(where, scale, kind, spread),
            )
    yield "grid barrier", lambda: barrier(where, scale)
    yield "mailbox", lambda: mailbox(where, scale)
    for table in scale.tables:
        for chained in (False, True):
            name = f"{'chained' if chained else 'independent'} row reads, {table >> 20} MiB"
            yield (
                name,
                lambda table=table, chained=chained: row_reads(where, scale, table, chained),
            )


def copy(where: Target, moved: int) -> dict:
    """Bytes per second of CuPy's copy, read and written bytes both counted."""
    return {"value": copy_rate(where, moved) / 1e9, "unit": "GB/s"}


def launch_overhead(where: Target, scale: Scale) -> dict:
    """Microseconds that a launch takes the host, and that a launched kernel takes the device."""

    def launches():
        for _ in range(scale.launches):
            driver.launch(SOURCE, "nothing", 1, WARP, ())

    device = statistics.median(time_call(launches, where.clock, scale.budget)) / scale.launches
    start = time.perf_counter()
    launches()
    host = (time.perf_counter() - start) / scale.launches
    return {"value": device * 1e6, "unit": "us per launch in a row", "host_us": host * 1e6}


def shared_atomics(where: Target, scale: Scale, kind: str, spread: int) -> dict:
    """Additions to shared memory per second, all multiprocessors together."""
    dtype = {"int32": np.int32, "float": np.float32}[kind]
    sums = where.xp.zeros(scale.blocks, dtype)
    arguments = (sums, np.int32(scale.updates), np.int32(spread))
    kernel = f"shared_atomics<{kind}>"

    def call():
        driver.launch(SOURCE, kernel, scale.blocks, scale.threads, arguments)

    call()
    np.testing.assert_array_equal(where.numpy(sums), scale.threads * scale.updates)
    seconds = statistics.median(time_call(call, where.clock, scale.budget))
    updates = scale.blocks * scale.threads * scale.updates
    return {"value": updates / seconds / 1e9, "unit": "1e9 additions/s"}


def barrier(where: Target, scale: Scale) -> dict:
    """Microseconds from a barrier of all blocks to the next."""
    arrived = where.xp.zeros(1, np.uint32)
    values = where.xp.zeros((2, scale.blocks), np.uint32)
    sums = where.xp.zeros(scale.blocks, np.uint32)

    def call():
        arrived.fill(0)
        arguments = (arrived, values, sums, np.int32(scale.rounds))
        driver.launch(
            SOURCE, "barrier_rounds", scale.blocks, scale.threads, arguments, cooperative=True
        )

    call()
    expected = scale.rounds * (scale.rounds + 1) // 2
    np.testing.assert_array_equal(where.numpy(sums), np.uint32(expected))
    return per_round(call, where, scale)


def mailbox(where: Target, scale: Scale) -> dict:
    """Microseconds in which every block posts a word and reads everybody's."""
    slots = where.xp.zeros((2, scale.blocks), np.uint64)
    sums = where.xp.zeros(scale.blocks, np.uint32)

    def call():
        slots.fill(0)
        sums.fill(0)
        arguments = (slots, sums, np.int32(scale.rounds))
        driver.launch(
            SOURCE, "mailbox_rounds", scale.blocks, scale.threads, arguments, cooperative=True
        )

    call()
    rounds, blocks = scale.rounds, scale.blocks
    expected = blocks * rounds * (rounds + 1) // 2 + rounds * blocks * (blocks - 1) // 2
    np.testing.assert_array_equal(where.numpy(sums), np.uint32(expected % 2**32))
    return per_round(call, where, scale)


def per_round(call, where: Target, scale: Scale) -> dict:
    seconds = statistics.median(time_call(call, where.clock, scale.budget)) / scale.rounds
    return {"value": seconds * 1e6, "unit": f"us per round of {scale.blocks} blocks"}


def row_reads(where: Target, scale: Scale, table_bytes: int, chained: bool) -> dict:
    """Bytes per second of rows of 128 bytes, or microseconds per read where each read waits for
    the one before."""
    rows = table_bytes // ROW_BYTES
    table = where.xp.ones(table_bytes // 4, np.uint32)
    blocks = 1 if chained else scale.blocks * 2
    threads = WARP if chained else scale.threads
    sums = where.xp.zeros(blocks * threads, np.uint32)
    kernel = f"row_reads<{str(chained).lower()}>"
    arguments = (table, sums, np.int64(rows), np.int32(scale.reads))

    def call():
        driver.launch(SOURCE, kernel, blocks, threads, arguments)

    call()
    np.testing.assert_array_equal(where.numpy(sums), scale.reads)
    seconds = statistics.median(time_call(call, where.clock, scale.budget))
    if chained:
        return {"value": seconds / scale.reads * 1e6, "unit": "us per read"}
    read = blocks * threads * 4 * scale.reads
    return {"value": read / seconds / 1e9, "unit": "GB/s"}
