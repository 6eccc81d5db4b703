"""Front doors of the decoders: spikes to values."""

from __future__ import annotations

import math

from cusnn import contract, dispatch


def decode_count(spikes, *, backend: str | None = None):
    """Count the spikes of every neuron.

    Args:
        spikes: uint8 [T, ..., N], time first; whatever is not 0 is a spike.
        backend: "numpy", "numba" or "cuda"; None for what the array decides.

    Returns:
        int32 [..., N].

    Raises:
        ValueError: fewer than two axes, or an array that is not C-contiguous.
        TypeError: an array of another dtype, or no array.
    """
    return _decode("decode_count", "counts", spikes, backend)


def decode_first_spike(spikes, *, backend: str | None = None):
    """Find the step of every neuron's first spike.

    Args:
        spikes: uint8 [T, ..., N], time first; whatever is not 0 is a spike.
        backend: "numpy", "numba" or "cuda"; None for what the array decides.

    Returns:
        int32 [..., N]: 0 to T - 1, or -1 where a neuron never fired.

    Raises:
        ValueError: fewer than two axes, or an array that is not C-contiguous.
        TypeError: an array of another dtype, or no array.
    """
    return _decode("decode_first_spike", "steps", spikes, backend)


def _decode(op_name: str, output: str, spikes, backend: str | None):
    op = contract.OPS[op_name]
    rows, leading = _flatten_middle(op, spikes)
    sizes = contract.check(op, spikes=rows)
    name, xp = dispatch.choose(op.name, {"spikes": spikes}, backend, sizes)
    outputs = contract.allocate(op, xp, sizes)
    dispatch.function(name, op)(spikes=rows, **outputs)
    return outputs[output].reshape(leading)


def _flatten_middle(op: contract.Op, spikes):
    """View spikes [T, ..., N] as [T, B, N]; what cannot be viewed goes on to the check.

    Returns:
        The view, and all axes but the first.
    """
    if not (hasattr(spikes, "shape") and hasattr(spikes, "reshape")):
        return spikes, ()
    if spikes.ndim < 2:
        raise ValueError(f"{op.name}: spikes must be [T, ..., N], got {list(spikes.shape)}")
    if not spikes.flags.c_contiguous:
        raise ValueError(
            f"{op.name}: spikes must be C-contiguous; pass numpy.ascontiguousarray of it"
        )
    steps, *middle, neurons = spikes.shape
    return spikes.reshape(steps, math.prod(middle), neurons), spikes.shape[1:]
