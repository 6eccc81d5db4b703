"""Front door of spike-timing-dependent plasticity."""

from __future__ import annotations

import numpy as np

from cusnn import contract, dispatch
from cusnn.ops.matmul import CSR
from cusnn.plasticity import STDP


def stdp_step(
    spikes_pre,
    spikes_post,
    trace_pre,
    trace_post,
    weights,
    rule: STDP,
    *,
    dt: float = 1.0,
    backend: str | None = None,
) -> None:
    """One step of pair STDP, in place: traces decay, weights change, traces jump.

    The equations, and what happens to spikes of the same step, are those of ``cusnn.STDP``.

    Only rows of presynaptic and columns of postsynaptic neurons that fired are read and written.
    A CSR matrix is stored by rows: one postsynaptic spike or more makes the step look at the
    column index of all K synapses, no postsynaptic spike only at the rows that fired.

    Args:
        spikes_pre: presynaptic spikes of this step, uint8 [N]; whatever is not 0 is a spike.
        spikes_post: postsynaptic spikes of this step, uint8 [M].
        trace_pre: presynaptic traces, float32 [N], changed; zeros to start with.
        trace_post: postsynaptic traces, float32 [M], changed; zeros to start with.
        weights: float32 [N, M], or a ``cusnn.CSR`` of that shape, whose ``weights`` are changed. A
            weight outside the bounds of the rule is cut to them at its first change.
        rule: a ``cusnn.STDP``.
        dt: step, ms.
        backend: "numpy", "numba" or "cuda"; None for what the arrays decide.

    The results are the same bits on every backend, dense or CSR.

    Raises:
        ValueError: shapes that disagree, an array that is not C-contiguous or is read-only, what
            is changed sharing memory with another array, or (arrays on the CPU) a trace that is
            not finite. Weights are not searched, since that would read all of them.
        TypeError: arrays of another dtype or of several libraries, or a rule that is no ``STDP``.

    Source: Morrison, Diesmann and Gerstner (2008), doi:10.1007/s00422-008-0233-1.
    """
    is_csr = isinstance(weights, CSR)
    if hasattr(weights, "tocsr"):
        raise TypeError(
            f"stdp_step: weights is a {type(weights).__name__}; convert it with CSR.from_scipy"
        )
    op = contract.OPS["stdp_step_csr" if is_csr else "stdp_step"]
    arrays = {
        "spikes_pre": spikes_pre,
        "spikes_post": spikes_post,
        "trace_pre": trace_pre,
        "trace_post": trace_post,
        **(weights.arrays() if is_csr else {"weights": weights}),
    }
    if not isinstance(rule, STDP):
        raise TypeError(f"{op.name}: rule must be a cusnn.STDP, got {type(rule).__name__}")
    sizes = contract.check(op, **arrays)
    if is_csr and weights.shape != (sizes["N"], sizes["M"]):
        raise ValueError(
            f"{op.name}: weights have shape {list(weights.shape)}, "
            f"but the spikes have N={sizes['N']} and M={sizes['M']}"
        )
    coefficients = rule.coefficients(dt)
    name, xp = dispatch.choose(op.name, arrays, backend, sizes)
    contract.check_memory(op, **arrays)
    if xp is np:
        for trace in ("trace_pre", "trace_post"):
            _check_finite(op.name, trace, arrays[trace])
    dispatch.function(name, op)(**arrays, coefficients=coefficients)


def _check_finite(op: str, name: str, trace) -> None:
    if not np.isfinite(trace).all():
        n = int(np.argmin(np.isfinite(trace)))
        raise ValueError(f"{op}: {name} must be finite, got {trace[n]} at [{n}]")
