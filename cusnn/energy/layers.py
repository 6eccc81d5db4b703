"""Counts of operations and layers, from the spikes that went in and came out.

Arrays of NumPy and of CuPy are counted where they lie; only sums leave a GPU.
"""

from __future__ import annotations

import math
import sys

import numpy as np

from cusnn import dispatch
from cusnn.energy.bounds import whole
from cusnn.energy.counts import OpCounts
from cusnn.ops.matmul import CSR

FLOAT_BYTES = 4


def count_product(inputs, weights) -> OpCounts:
    """Counts of inputs times weights, as ``spike_matmul`` makes the product.

        effective = sum over n of fired[n] * nonzero[n]
        dense = rows * weights

    with fired[n] the rows in which input n is not 0, nonzero[n] the weights of input n that are
    not 0, and a row for each step and sample. Of spikes, the weights of an input are read once for
    each of its spikes; of values, all weights are read in every row. Nothing is said to be kept
    from one row to the next.

    Args:
        inputs: spikes, uint8 [..., N], whatever is not 0 is one, or as bits, uint32
            [..., ceil(N / 32)]; or values, floating point [..., N]. Values that are all -1, 0 or 1
            are accumulated, others multiplied, as NeuroBench has it.
        weights: floating point or integer [N, M], or ``CSR`` (a synapse of weight 0 is no
            effective one, and dense counts those that are stored).

    Raises:
        TypeError: other arrays, or arrays of several libraries.
        ValueError: inputs of another number, NaN or infinite inputs or weights.
    """
    owner = "count_product"
    _check_arrays(owner, weights, inputs=inputs)
    fired, rows = _fired(owner, inputs, weights.shape[0])
    values = inputs.dtype.kind == "f"
    return _product(fired, rows, weights, values=values, binary=not values or _binary(inputs))


def count_neurons(spikes, neuron, size: int | None = None) -> OpCounts:
    """Counts of neurons that ``neuron_forward`` or another operation moved.

        updates = all numbers of spikes; active = spikes; state bytes = 8 * variables * updates

    Every state variable is read and written in every update, 4 bytes each, as where the state does
    not stay in registers from one step to the next.

    Args:
        spikes: what came out, uint8 [..., M], or as bits, uint32 [..., ceil(M / 32)]; of neurons
            that never spike, their membranes, floating point [..., M].
        neuron: the neuron, of ``cusnn.neurons``.
        size: M, for bits.

    Raises:
        TypeError, ValueError: other arrays, bits without ``size``, or membranes that are NaN or
            infinite.
    """
    owner = "count_neurons"
    _check_arrays(owner, None, spikes=spikes)
    if size is None and spikes.dtype == np.uint32:
        raise ValueError(f"{owner}: spikes as bits need size, the number of neurons")
    size = spikes.shape[-1] if size is None else whole(owner, "size", size, 1)
    fired, rows = _fired(owner, spikes, size)
    total = 0 if spikes.dtype.kind == "f" else int(fired.sum())
    return _neurons(total, rows * size, neuron)


def count_layer(
    inputs, weights, spikes, neuron, *, recurrent=None, before=None, outside: bool = False
) -> OpCounts:
    """Counts of a layer: product and neurons, as ``layer_forward``, ``recurrent_forward`` and the
    layers of ``cusnn.training`` make them.

    With recurrent weights, the spikes of each step but the last meet them too, and ``before`` in
    the first step; dense counts them in every step. A bias is no synaptic operation.

    Args:
        inputs: as for ``count_product``, [T, B, N]; or values [B, N] that are the same in every
            step, whose product is made, and counted, once.
        weights: as for ``count_product``.
        spikes: what came out, as for ``count_neurons``, [T, B, M].
        neuron: the neuron.
        recurrent: weights [M, M], row the source; None for none.
        before: spikes of the step before the first, uint8 [B, M]; None for none.
        outside: whether the spikes that came in are ``input_spikes``, of no other layer.

    Raises:
        TypeError, ValueError: other arrays, NaN or infinite values, or shapes that disagree.
    """
    owner = "count_layer"
    _check_arrays(owner, weights, inputs=inputs, spikes=spikes)
    size = weights.shape[1]
    _check_rows(owner, inputs, spikes)
    found = count_product(inputs, weights) + count_neurons(spikes, neuron, size)
    if outside and inputs.dtype.kind == "u":
        fired, _ = _fired(owner, inputs, weights.shape[0])
        found += OpCounts(dense=0, input_spikes=int(fired.sum()))
    if recurrent is None:
        return found
    _check_arrays(owner, recurrent, before=before, fired=spikes)
    if recurrent.shape != (size, size):
        raise ValueError(
            f"{owner}: recurrent must be [{size}, {size}], got {list(recurrent.shape)}"
        )
    if before is not None and before.shape != spikes.shape[1:]:
        raise ValueError(
            f"{owner}: before must be of the shape of a step, {list(spikes.shape[1:])}, got "
            f"{list(before.shape)}"
        )
    sent, _ = _fired(owner, spikes[:-1], size)
    if before is not None:
        sent = sent + _fired(owner, before, size)[0]
    rows = math.prod(spikes.shape[:-1])
    return found + _product(sent, rows, recurrent, values=False, binary=True)


def count_plasticity(spikes_pre, spikes_post, weights) -> OpCounts:
    """Counts of learning by ``stdp_step``.

        plasticity updates = sum over presynaptic spikes of the synapses of their neuron
                           + sum over postsynaptic spikes of the synapses onto their neuron

    A synapse both of whose neurons fire in a step is updated twice. An update reads and writes a
    weight; traces of all neurons are read and written in every step.

    Args:
        spikes_pre: uint8 [..., N], a row for each step.
        spikes_post: uint8 [..., M].
        weights: [N, M], or ``CSR``.

    Raises:
        TypeError, ValueError: other arrays, or shapes that disagree.
    """
    owner = "count_plasticity"
    _check_arrays(owner, weights, spikes_pre=spikes_pre, spikes_post=spikes_post)
    n, m = weights.shape
    pre, rows = _fired(owner, spikes_pre, n)
    post, rows_post = _fired(owner, spikes_post, m)
    if rows != rows_post:
        raise ValueError(f"{owner}: spikes_pre have {rows} steps, spikes_post {rows_post}")
    if isinstance(weights, CSR):
        xp = _library(weights.weights)
        out = weights.indptr[1:] - weights.indptr[:-1]
        into = xp.bincount(weights.indices, minlength=m)
        updates = int((pre * out).sum()) + int((post * into).sum())
    else:
        updates = int(pre.sum()) * m + int(post.sum()) * n
    return OpCounts(
        dense=0,
        plasticity_updates=updates,
        weight_bytes=2 * _item_bytes(weights) * updates,
        state_bytes=2 * FLOAT_BYTES * (n + m) * rows,
    )


# ------------------------------------------------------------------ what is counted


def _product(fired, rows: int, weights, *, values: bool, binary: bool) -> OpCounts:
    """Counts of a product whose inputs fired so often, each, in so many rows."""
    nonzero, stored = _weights_by_input(weights)
    effective = int((fired * nonzero).sum())
    entry = _item_bytes(weights)
    if isinstance(weights, CSR):
        entry += weights.indices.dtype.itemsize
    all_weights = int(stored.sum())
    read = rows * all_weights if values else int((fired * stored).sum())
    return OpCounts(
        effective_acs=effective if binary else 0,
        effective_macs=0 if binary else effective,
        dense=rows * all_weights,
        weight_bytes=entry * read,
    )


def _neurons(fired: int, updates: int, neuron) -> OpCounts:
    return OpCounts(
        dense=0,
        neuron_updates_active=fired,
        neuron_updates_idle=updates - fired,
        spikes=fired,
        state_bytes=2 * FLOAT_BYTES * len(neuron.state) * updates,
    )


def _weights_by_input(weights):
    """Weights that are not 0, and all weights, of each input, int64 [N]."""
    if isinstance(weights, CSR):
        xp = _library(weights.weights)
        before = xp.zeros(weights.weights.size + 1, "int64")
        xp.cumsum((weights.weights != 0).astype("int64"), out=before[1:])
        starts = weights.indptr
        return before[starts[1:]] - before[starts[:-1]], starts[1:] - starts[:-1]
    xp = _library(weights)
    nonzero = xp.count_nonzero(weights, axis=1).astype("int64")
    return nonzero, xp.full(weights.shape[0], weights.shape[1], "int64")


def _fired(owner: str, inputs, size: int):
    """Rows in which each input is not 0, int64 [N], and the number of rows."""
    xp = _library(inputs)
    bits = inputs.dtype == np.uint32
    width = -(-size // 32) if bits else size
    if inputs.ndim < 1 or inputs.shape[-1] != width:
        raise ValueError(
            f"{owner}: takes [..., {width}] for {size} neurons"
            f"{' as bits' if bits else ''}, got {list(inputs.shape)}"
        )
    rows = math.prod(inputs.shape[:-1])
    flat = inputs.reshape(rows, width)
    if not bits:
        return xp.count_nonzero(flat, axis=0).astype("int64"), rows
    found = xp.zeros((width, 32), "int64")
    for bit in range(32):
        found[:, bit] = xp.count_nonzero(flat & xp.uint32(1 << bit), axis=0)
    return found.reshape(-1)[:size], rows


def _binary(values) -> bool:
    """Whether all values are -1, 0 or 1."""
    return bool(((values == 0) | (values == 1) | (values == -1)).all())


# ------------------------------------------------------------------ checks


def _library(array):
    return sys.modules[dispatch.array_library(array)]


def _item_bytes(weights) -> int:
    return (weights.weights if isinstance(weights, CSR) else weights).dtype.itemsize


def _check_arrays(owner: str, weights, **arrays) -> None:
    """Arrays of one library, of spikes or of values, and weights of two axes."""
    stored = weights.weights if isinstance(weights, CSR) else weights
    dispatch.choose(owner, {"weights": stored, **arrays})
    if weights is not None and (len(weights.shape) != 2 or stored.dtype.kind not in "fiu"):
        raise ValueError(
            f"{owner}: weights must be numbers [N, M], got {stored.dtype} {list(weights.shape)}"
        )
    check_finite(owner, weights=stored, **arrays)
    for name, array in arrays.items():
        allowed = ("inputs", "spikes")
        if array is None or (name in allowed and array.dtype.kind == "f"):
            continue
        if array.dtype not in (np.uint8, np.uint32):
            raise TypeError(
                f"{owner}: {name} must be spikes, uint8, or uint32 as bits"
                f"{', or floating point' if name in allowed else ''}, got {array.dtype}"
            )


def check_finite(owner: str, **arrays) -> None:
    """Arrays without NaN and infinite values, which are not 0 and would count as active.

    Raises:
        ValueError: an array with one.
    """
    for name, array in arrays.items():
        if array is None or array.dtype.kind != "f":
            continue
        finite = _library(array).isfinite(array)
        if not finite.all():
            raise ValueError(
                f"{owner}: {name} must be finite, got {int((~finite).sum()):,} of "
                f"{array.size:,} that are NaN or infinite"
            )


def _check_rows(owner: str, inputs, spikes) -> None:
    """That inputs and spikes have the same steps and samples."""
    static = inputs.ndim == 2 and inputs.dtype.kind == "f"
    if inputs.shape[:-1] != (spikes.shape[1:-1] if static else spikes.shape[:-1]):
        raise ValueError(
            f"{owner}: inputs {list(inputs.shape)} and spikes {list(spikes.shape)} have other "
            f"steps or samples"
        )
