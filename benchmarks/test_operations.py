"""``pytest benchmarks``: every case on every backend, correct first, then timed.

pytest benchmarks --benchmark-json FILE.json    then: python -m benchmarks report FILE.json
pytest benchmarks --benchmark-disable           only the comparison with the reference
"""

from __future__ import annotations

import functools

import pytest

from benchmarks import measure
from benchmarks.cases import CASES
from cusnn import driver

pytest.importorskip("pytest_benchmark", reason='pip install -e ".[bench]"')
target = functools.cache(measure.target)
BUDGET = 0.4  # s of timing per benchmark


def parameters():
    left_out = {"cuda"} if driver.unavailable() else set()
    for case in CASES:
        for backend in case.backends:
            if backend in left_out:
                continue
            marks = pytest.mark.benchmark(timer=target(backend).clock)
            for sizes in case.sizes_on(backend):
                name = identifier(case, backend, sizes)
                yield pytest.param(case, backend, sizes, id=name, marks=marks)


def identifier(case, backend, sizes) -> str:
    text = ",".join(f"{name}{size}" for name, size in sizes.items())
    return f"{case.name.replace(' ', '-')}-{backend}-{text}"


@functools.cache
def checked(case, backend):
    """A case compared with the reference, once for all its sizes."""
    return measure.check(case, target(backend))


@pytest.mark.parametrize(("case", "backend", "sizes"), list(parameters()))
def test_operation(benchmark, case, backend, sizes):
    where = target(backend)
    correct = checked(case, backend)
    if benchmark.disabled:
        benchmark(correct)
        return
    prepared = measure.prepare(case, sizes, where)
    restore = prepared.restore if case.restore else None
    plan = measure.schedule(prepared, where.clock, BUDGET, restore)
    benchmark.group = f"{case.name} {measure.sizes_text(sizes, case)}"
    benchmark.pedantic(
        prepared, setup=restore, rounds=plan.rounds, iterations=plan.iterations, warmup_rounds=0
    )
    seconds = benchmark.stats.stats.median
    benchmark.extra_info.update(
        operation=case.op,
        case=case.name,
        backend=backend,
        sizes=measure.sizes_text(sizes, case),
        machine=machine_title(),
        **measure.traffic(case, where, prepared, seconds),
    )


@functools.cache
def machine_title() -> str:
    from benchmarks import machine

    return machine.title(machine.describe())
