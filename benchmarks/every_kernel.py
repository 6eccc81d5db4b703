"""Launch every kernel at small sizes: what compute-sanitizer watches.

compute-sanitizer --tool memcheck python -m benchmarks.every_kernel
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from dataclasses import replace

from benchmarks import measure
from benchmarks.cases import (
    CASES,
    CONVENTIONS,
    DIFFERENTIABLE,
    Case,
    backward_inputs,
    half_cases,
    layer_cases,
    neuron_case,
    neuron_inputs,
)
from benchmarks.measure import Target
from cusnn import contract, driver, surrogates


def backward_variants() -> Iterator[Case]:
    """Every surrogate with every neuron model, and gradients of the coefficients."""
    kinds = {kind.kind: kind for kind in surrogates.Surrogate.__subclasses__()}
    base = {case.variant: case for case in CASES if case.op == "neuron_backward"}
    for case in base.values():
        for surrogate in kinds.values():

            def make(sizes, rng, case=case, surrogate=surrogate):
                arrays, settings = case.make(sizes, rng)
                return arrays, settings | {"surrogate": surrogate().coefficients()}

            yield replace(case, make=make, variant=f"{case.variant} {surrogate.kind}", skip=())


def half_variants() -> Iterator[Case]:
    """Numbers of 16 bits with every neuron model that takes them."""
    for model in DIFFERENTIABLE:
        yield from half_cases(model)


def convention_variants() -> Iterator[Case]:
    """Neurons that follow other libraries, there and back."""
    for model in CONVENTIONS:
        dense = ("packed", "checkpoints")
        yield neuron_case("neuron_forward", model, model, neuron_inputs, dense)
        yield neuron_case("neuron_backward", model, model, backward_inputs, ())


def layer_variants() -> Iterator[Case]:
    """Layers and recurrent neurons of the models that have no case of their own."""
    for model in DIFFERENTIABLE[1:]:
        yield from layer_cases(model)


def streaming_variants() -> Iterator[Case]:
    """Networks in rings on so few blocks that each carries several tiles."""
    for case in CASES:
        if case.op != "network_advance_rings":
            continue

        def make(sizes, rng, case=case):
            arrays, settings = case.make(sizes, rng)
            return arrays, settings | {"blocks": 2}

        yield replace(case, make=make, variant=f"{case.variant} streaming")


MORE: tuple[Case, ...] = (
    *backward_variants(),
    *half_variants(),
    *convention_variants(),
    *layer_variants(),
    *streaming_variants(),
)


def cases() -> Iterator[Case]:
    """Cases that together reach every instantiation of every kernel."""
    for case in (*CASES, *MORE):
        if contract.OPS[case.op].kernels:
            yield case


def instantiations() -> set[tuple[str, str]]:
    """Every (source, name expression) of the CUDA backend."""
    found = set()
    for room in {op.room for op in contract.OPS.values() if op.kernels}:
        module = importlib.import_module(f"cusnn.backends.cuda.{room}")
        for source, expressions in module.INSTANTIATIONS.items():
            found.update((source, expression) for expression in expressions)
    return found


def launch_all(where: Target) -> set[tuple[str, str]]:
    """Run every case once, without a look at the results; returns what was launched.

    Outputs are left uninitialised, so that initcheck sees a kernel that reads what it should write.
    """
    launched = set()
    launch = driver.launch

    def record(source, kernel, *arguments, **options):
        launched.add((source, kernel))
        launch(source, kernel, *arguments, **options)

    driver.launch = record
    try:
        for case in cases():
            measure.prepare(case, case.small, where, raw=True)()
    finally:
        driver.launch = launch
    return launched


def main() -> int:
    import cupy

    # From a pool, a write past the end of one array would land in memory that is allocated too.
    cupy.cuda.set_allocator(None)
    launched = launch_all(measure.target("cuda"))
    cupy.cuda.Device().synchronize()
    missing = sorted(instantiations() - launched)
    print(f"{len(launched)} kernels launched")
    for source, expression in missing:
        print(f"not launched: {source}: {expression}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
