"""Front doors of the spike products: spikes times weights, dense or CSR, and the gradients."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from cusnn import contract, dispatch
from cusnn.ops.spikes import flatten, given_rows


class MatmulGradients(NamedTuple):
    """What ``spike_matmul_backward`` returns; a gradient that was not asked for is None.

    Attributes:
        weights: gradient with respect to the weights, float32 [N, M]; for CSR weights [K], one
            number per synapse.
        spikes: gradient with respect to the spikes, float32 [..., N].
    """

    weights: np.ndarray | None
    spikes: np.ndarray | None


@dataclass(frozen=True, eq=False)
class CSR:
    """Sparse weights by source neuron, in SciPy's words; checked once, when it is made.

    The synapses of source n are entries ``indptr[n]`` to ``indptr[n + 1]`` of ``indices`` (their
    targets) and ``weights``. The form is canonical: the targets of a source ascend and none stands
    twice. The arrays are held, not copied, and whoever changes ``indptr`` or ``indices`` later
    breaks what was checked; ``weights`` may change.

    Attributes:
        indptr: where the sources begin, int64 [N + 1].
        indices: targets, int32 [K].
        weights: float32 [K].
        shape: (N, M).

    Raises:
        TypeError: arrays of another dtype or of several libraries, or a shape that is not two
            integers.
        ValueError: sizes that disagree, an ``indptr`` that does not ascend from 0 to K, targets
            out of range, or targets of a source that do not ascend.
    """

    indptr: np.ndarray
    indices: np.ndarray
    weights: np.ndarray
    shape: tuple[int, int]

    def __post_init__(self):
        object.__setattr__(self, "shape", _checked_shape(self.shape))
        sizes = contract.check(_CSR, **self.arrays())
        if sizes["N"] != self.shape[0]:
            raise ValueError(f"CSR: indptr has N={sizes['N']}, but shape has N={self.shape[0]}")
        _, xp = dispatch.choose("CSR", self.arrays())
        _check_indptr(xp, self.indptr, sizes["K"])
        _check_indices(xp, self.indptr, self.indices, self.shape[1])

    def arrays(self) -> dict:
        """The three arrays by the contract's names."""
        return {"indptr": self.indptr, "indices": self.indices, "weights": self.weights}

    def with_weights(self, weights) -> CSR:
        """The same synapses with other weights, float32 [K]."""
        return replace(self, weights=weights)

    @classmethod
    def from_scipy(cls, matrix) -> CSR:
        """From a sparse matrix or array of SciPy, or of ``cupyx.scipy.sparse``, [N, M].

        Everything is copied. Synapses of a source with the same target become one, whose weight
        is their sum in the dtype of ``matrix``, rounded to float32; stored zeros are kept.

        Raises:
            TypeError: no sparse matrix, or one of complex numbers.
            ValueError: not two axes, or a weight beyond the range of float32.
        """
        if not hasattr(matrix, "tocsr"):
            raise TypeError(f"CSR: expected a SciPy sparse matrix, got {type(matrix).__name__}")
        if len(matrix.shape) != 2:
            raise ValueError(f"CSR: the matrix must be [N, M], got {list(matrix.shape)}")
        if matrix.dtype.kind not in "biuf":
            raise TypeError(f"CSR: the matrix must hold real numbers, got {matrix.dtype}")
        matrix = matrix.tocsr(copy=True)
        matrix.sum_duplicates()
        return cls(
            matrix.indptr.astype("int64"),
            matrix.indices.astype("int32"),
            _rounded(matrix.data),
            matrix.shape,
        )

    @classmethod
    def from_dense(cls, weights) -> CSR:
        """From float32 [N, M], a NumPy or CuPy array; a synapse wherever a weight is not 0."""
        op = contract.OPS["spike_matmul"]
        contract.check(replace(op, name="CSR.from_dense"), weights=weights)
        xp = sys.modules[dispatch.array_library(weights)]
        sources, targets = xp.nonzero(weights)
        indptr = xp.zeros(weights.shape[0] + 1, "int64")
        xp.cumsum(xp.count_nonzero(weights, axis=1), out=indptr[1:])
        return cls(indptr, targets.astype("int32"), weights[sources, targets], weights.shape)

    def to_dense(self):
        """float32 [N, M], 0 where there is no synapse."""
        xp = sys.modules[dispatch.array_library(self.weights)]
        dense = xp.zeros(self.shape, "float32")
        synapses = xp.arange(self.indices.size)
        sources = xp.searchsorted(self.indptr[1:], synapses, side="right")
        dense[sources, self.indices] = self.weights
        return dense


def spike_matmul(spikes, weights, *, out=None, backend: str | None = None):
    """Multiply spikes with weights: add up the weight rows of the neurons that fired.

        product[r, m] = sum over n with spikes[r, n] of weights[n, m]

    Only rows of neurons that fired are read: what stands in the others, NaN included, does not
    matter. The terms are added to 0 one by one, in ascending n, in float32.

    Args:
        spikes: uint8 [..., N]; whatever is not 0 is a spike.
        weights: float32 [N, M], or ``CSR`` of that shape.
        out: where to write, float32 [..., M]; None for a new array.
        backend: "numpy", "numba" or "cuda"; None for what the arrays decide.

    Returns:
        float32 [..., M], the same bits on every backend.

    Raises:
        ValueError: sizes that disagree, an array that is not C-contiguous, or ``out`` of another
            shape or in memory of another array.
        TypeError: arrays of another dtype or of several libraries, or no arrays.
    """
    op, given_weights, sizes = _weights("spike_matmul", weights)
    rows, leading = flatten(op, "spikes", spikes)
    sizes = contract.check(op, sizes, spikes=rows, **given_weights)
    given = given_rows(op, leading, product=out)
    brought = {"spikes": spikes, **given_weights, "out": out}
    name, xp = dispatch.choose(op.name, brought, backend, sizes)
    outputs = contract.allocate(op, xp, sizes, **given)
    contract.check_memory(op, spikes=rows, **given_weights, **outputs)
    dispatch.function(name, op)(spikes=rows, **given_weights, **outputs)
    return outputs["product"].reshape(*leading, sizes["M"]) if out is None else out


def spike_matmul_backward(
    grad_product,
    spikes,
    weights,
    *,
    grad_weights: bool = True,
    grad_spikes: bool = True,
    backend: str | None = None,
) -> MatmulGradients:
    """Gradients of ``spike_matmul`` with respect to the weights and to the spikes.

        grad_weights[n, m] = sum over r with spikes[r, n] of grad_product[r, m]
        grad_spikes[r, n]  = sum over m of grad_product[r, m] weights[n, m]

    Both sums run over synapses only where the weights are ``CSR``. The second is a full product
    and takes the time of one, whatever fired.

    Args:
        grad_product: gradient with respect to the product, float32 [..., M].
        spikes: the spikes of the forward call, uint8 [..., N].
        weights: the weights of the forward call, float32 [N, M] or ``CSR``.
        grad_weights: return the gradient with respect to the weights.
        grad_spikes: return the gradient with respect to the spikes.
        backend: "numpy", "numba" or "cuda"; None for what the arrays decide.

    Returns:
        MatmulGradients. ``weights`` is added up in ascending r in float32, the same bits on every
        backend; ``spikes`` in an order of the backend's own, so that backends differ by rounding:
        by at most (M + 1) 2^-23 times the sum of the terms' magnitudes.

    Raises:
        ValueError, TypeError: as ``spike_matmul``.
    """
    op, given_weights, sizes = _weights("spike_matmul_backward", weights)
    rows, leading = flatten(op, "spikes", spikes)
    sizes = contract.check(op, sizes, spikes=rows, **given_weights)
    grad_rows = given_rows(op, leading, grad_product=grad_product).get("grad_product")
    sizes = contract.check(op, sizes, grad_product=grad_rows)
    inputs = {"grad_product": grad_product, "spikes": spikes, **given_weights}
    name, xp = dispatch.choose(op.name, inputs, backend, sizes)
    wanted = {"grad_weights": grad_weights, "grad_spikes": grad_spikes}
    skip = tuple(output for output, want in wanted.items() if not want)
    outputs = contract.allocate(op, xp, sizes, skip)
    inputs.update(grad_product=grad_rows, spikes=rows)
    dispatch.function(name, op)(**inputs, **outputs)
    by_neuron = outputs["grad_spikes"]
    if by_neuron is not None:
        by_neuron = by_neuron.reshape(*leading, sizes["N"])
    return MatmulGradients(outputs["grad_weights"], by_neuron)


_CSR = contract.Op("CSR", contract.OPS["spike_matmul_csr"].args[1:4], (), "matmul", ())


def _weights(name: str, weights) -> tuple[contract.Op, dict, dict]:
    """The operation for this kind of weights, their arrays, and the sizes they bring."""
    if isinstance(weights, CSR):
        op = contract.OPS[name.replace("spike_matmul", "spike_matmul_csr")]
        return op, weights.arrays(), {"M": weights.shape[1]}
    if hasattr(weights, "tocsr"):
        raise TypeError(
            f"{name}: weights is a {type(weights).__name__}; convert it with CSR.from_scipy"
        )
    return contract.OPS[name], {"weights": weights}, {}


def _rounded(data):
    """As float32; ValueError where that makes a finite number infinite."""
    xp = sys.modules[dispatch.array_library(data)]
    with np.errstate(over="ignore"):
        weights = data.astype("float32")
    lost = xp.isfinite(data) & ~xp.isfinite(weights)
    if bool(lost.any()):
        raise ValueError(f"CSR: weights must lie in float32's range, got {data[lost][0]:g}")
    return weights


def _checked_shape(shape) -> tuple[int, int]:
    pair = isinstance(shape, (tuple, list)) and len(shape) == 2
    if not pair or not all(isinstance(n, (int, np.integer)) and n >= 0 for n in shape):
        raise TypeError(f"CSR: shape must be (N, M), two integers of at least 0, got {shape!r}")
    if max(shape) > np.iinfo(np.int32).max:
        raise ValueError(f"CSR: shape must stay below 2^31, got {shape!r}")
    return int(shape[0]), int(shape[1])


def _check_indptr(xp, indptr, synapses: int) -> None:
    if indptr.size == 0 or int(indptr[0]) != 0 or int(indptr[-1]) != synapses:
        ends = [int(indptr[i]) for i in (0, -1)] if indptr.size else []
        raise ValueError(f"CSR: indptr must run from 0 to K={synapses}, got {ends}")
    if indptr.size > 1 and bool((indptr[1:] < indptr[:-1]).any()):
        source = int(xp.argmax(indptr[1:] < indptr[:-1]))
        raise ValueError(f"CSR: indptr must not descend, but does so at source {source}")


def _check_indices(xp, indptr, indices, targets: int) -> None:
    if indices.size == 0:
        return
    lowest, highest = int(indices.min()), int(indices.max())
    if lowest < 0 or highest >= targets:
        wrong = lowest if lowest < 0 else highest
        raise ValueError(f"CSR: indices must be 0 to M - 1 = {targets - 1}, got {wrong}")
    ascends = indices[1:] > indices[:-1]
    starts = indptr[1:-1]
    ascends[starts[(starts > 0) & (starts < indices.size)] - 1] = True
    if not bool(ascends.all()):
        k = int(xp.argmin(ascends))
        source = int(xp.searchsorted(indptr[1:], k, side="right"))
        raise ValueError(
            f"CSR: targets of a source must ascend and stand once, but source {source} has "
            f"{int(indices[k])} before {int(indices[k + 1])}; CSR.from_scipy sorts and adds up"
        )
