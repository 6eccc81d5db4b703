"""What the front doors of neurons and layers check of models, sizes and numbers."""

from __future__ import annotations

import numpy as np

from cusnn import contract
from cusnn.conventions.convention import Convention
from cusnn.neurons import Relay
from cusnn.surrogates import FastSigmoid, Surrogate

# Steps between checkpoints at the most, and by default.
INTERVAL = 16
DIFFERENTIABLE = ("LIF", "CubaLIF", "ALIF")
COUNTED = {"T": "step", "B": "sample", "N": "neuron", "M": "neuron"}


def check_differentiable(op: str, neuron) -> None:
    """TypeError for what is no neuron that layers know gradients of."""
    known = getattr(neuron, "differentiable", False)
    if isinstance(neuron, (type, Relay, Convention)) or not known:
        foreign = isinstance(neuron, Convention)
        hint = "; for neurons of cusnn.conventions take spike_matmul and neuron_forward"
        raise TypeError(
            f"{op}: neuron must be one that has gradients ({', '.join(DIFFERENTIABLE)}, with one "
            f"synaptic current), got {neuron!r}{hint if foreign else ''}"
        )


def check_sizes(op: contract.Op, neuron, letter: str, interval: int | None, **arrays) -> dict:
    """Sizes of all axes of a call.

    Args:
        op: the operation.
        neuron: the neuron model.
        letter: axis along which the neurons lie, "N" or "M".
        interval: steps between checkpoints; None where there are none.
        arrays: inputs by parameter name, the first with T in front; None where one is absent.

    Raises:
        TypeError, ValueError: as ``contract.check``; also an interval out of range, an empty
            axis, or parameters for another number of neurons.
    """
    first = next(array for array in arrays.values() if array is not None)
    sizes = {"S": len(neuron.state), "C": len(neuron.coefficient_names)}
    if interval is not None:
        check_interval(op.name, interval)
        if len(getattr(first, "shape", ())) == 3:
            sizes["Q"] = -(-first.shape[0] // interval)
    sizes = contract.check(op, sizes, **arrays)
    for axis, what in COUNTED.items():
        if sizes.get(axis) == 0:
            raise ValueError(f"{op.name}: there must be at least one {what}, got {axis}=0")
    sizes["W"] = -(-sizes[letter] // 32)
    check_parameters(op.name, neuron, f"there are {letter}={sizes[letter]}", sizes[letter])
    return sizes


def check_parameters(op: str, neuron, there: str, n: int) -> None:
    """ValueError for a neuron with parameters for another number of neurons than ``n``."""
    if neuron.size not in (None, n):
        raise ValueError(f"{op}: the neuron has parameters for {neuron.size} neurons, but {there}")


def whole(value) -> bool:
    """Whether it is an integer, of Python or of NumPy."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def check_interval(op: str, interval) -> None:
    """ValueError for steps between checkpoints that are out of range."""
    if not whole(interval) or not 1 <= interval <= INTERVAL:
        raise ValueError(f"{op}: interval must be 1 to {INTERVAL}, got {interval!r}")


def check_surrogate(op: str, surrogate):
    """The surrogate's coefficients; of ``FastSigmoid()`` for None."""
    surrogate = FastSigmoid() if surrogate is None else surrogate
    if not isinstance(surrogate, Surrogate):
        raise TypeError(f"{op}: surrogate must be one of cusnn.surrogates, got {surrogate!r}")
    return surrogate.coefficients()


def check_packed(op: str, name: str, packed, n: int) -> None:
    """ValueError for bits past the last of ``n`` neurons; of arrays on the CPU."""
    last = n % 32
    if last and (packed[..., -1] >> np.uint32(last)).any():
        raise ValueError(f"{op}: {name} has spikes of neurons past the last, N={n}")


def check_out(op: str, out, kind: type) -> dict:
    """Fields of ``out``, by name; none for None."""
    if out is not None and not isinstance(out, kind):
        raise TypeError(f"{op}: out must be a {kind.__name__}, got {type(out).__name__}")
    return {} if out is None else out._asdict()


def all_finite(*arrays) -> bool:
    """Whether every number of NumPy arrays is finite; None passes."""
    return all(array is None or _finite(array) for array in arrays)


def _finite(array) -> bool:
    """A sum is not finite if a term is not; one that overflows is looked at term by term."""
    with np.errstate(all="ignore"):
        return bool(np.isfinite(array.sum())) or bool(np.isfinite(array).all())


def check_finite(op: str, **arrays) -> None:
    """ValueError that names the first number that is not finite; None passes."""
    for name, array in arrays.items():
        if array is None or _finite(array):
            continue
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(f"{op}: {name} must be finite, got {array[where]} at {list(where)}")


def by_name(neuron, gradients) -> dict | None:
    """Gradients [C, B, N] by coefficient name, added up over what shares a coefficient."""
    if gradients is None:
        return None
    per_coefficient = gradients.sum(axis=1)
    if neuron.size is None:
        per_coefficient = per_coefficient.sum(axis=1)
    return dict(zip(neuron.coefficient_names, per_coefficient, strict=True))
